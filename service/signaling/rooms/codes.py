"""Room codes and identifiers: short, unguessable within their limits, easy to read aloud."""

from __future__ import annotations

import os
import secrets
from typing import Final

from signaling.contract.types import ROOM_CODE_ALPHABET, ROOM_CODE_LENGTH

_NODE_LENGTH: Final = 8
_SOCKET_LENGTH: Final = 16

_LETTERS: Final = len(ROOM_CODE_ALPHABET)
_FAIR: Final = 256 - 256 % _LETTERS
"""Bytes below it stand for every letter equally often."""

_DRAWN: Final = 512
"""Letters asked for at once: asking the operating system costs more than all the rest."""


class Letters:
    """Random letters of room codes, each given out once."""

    def __init__(self) -> None:
        """None drawn yet."""
        self._text = ""
        self._at = 0

    def forget(self) -> None:
        """Give out none of those drawn so far: in a process that was forked, the other does."""
        self._text, self._at = "", 0

    def draw(self, length: int) -> str:
        """So many."""
        while self._at + length > len(self._text):
            drawn = secrets.token_bytes(_DRAWN)
            more = "".join([ROOM_CODE_ALPHABET[byte % _LETTERS] for byte in drawn if byte < _FAIR])
            self._text, self._at = self._text[self._at :] + more, 0
        start = self._at
        self._at += length
        return self._text[start : self._at]


_letters = Letters()
os.register_at_fork(after_in_child=_letters.forget)


def new_room_code() -> str:
    """A random room code (about 30 bits; joins with unknown codes are rate-limited for that reason)."""
    return _letters.draw(ROOM_CODE_LENGTH)


def new_node_id() -> str:
    """The name of one process, new at every start: seats of an earlier process can be told by it."""
    return _letters.draw(_NODE_LENGTH)


def new_socket_id(node: str) -> str:
    """A socket's name: its node's, so that a relay knows where to go, and about 79 random bits."""
    return f"{node}-{_letters.draw(_SOCKET_LENGTH)}"


def normal_code(code: str) -> str:
    """The code as it is stored and answered: lower case."""
    return code.lower()
