"""Room codes and identifiers: short, unguessable within their limits, easy to read aloud."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from itertools import islice
from typing import Final

from signaling.contract.types import ROOM_CODE_ALPHABET, ROOM_CODE_LENGTH

_NODE_LENGTH: Final = 8
_SOCKET_LENGTH: Final = 16

_LETTERS: Final = len(ROOM_CODE_ALPHABET)
_FAIR: Final = 256 - 256 % _LETTERS
"""Bytes below it stand for every letter equally often."""

_AT_ONCE: Final = 1024


def _letters() -> Iterator[str]:
    """Random letters without end, from bytes of the operating system.

    It is asked for many at once: to ask lets another thread go first, and the event loop waits for that.
    """
    while True:
        for byte in secrets.token_bytes(_AT_ONCE):
            if byte < _FAIR:
                yield ROOM_CODE_ALPHABET[byte % _LETTERS]


_drawn = _letters()


def _forget() -> None:
    """A process that was forked must not draw what the other draws."""
    global _drawn  # noqa: PLW0603 - one for the process
    _drawn = _letters()


os.register_at_fork(after_in_child=_forget)


def _draw(length: int) -> str:
    return "".join(islice(_drawn, length))


def new_room_code() -> str:
    """A random room code (about 30 bits; joins with unknown codes are rate-limited for that reason)."""
    return _draw(ROOM_CODE_LENGTH)


def new_node_id() -> str:
    """The name of one process, new at every start: seats of an earlier process can be told by it."""
    return _draw(_NODE_LENGTH)


def new_socket_id(node: str) -> str:
    """A socket's name: its node's, so that a relay knows where to go, and about 79 random bits."""
    return f"{node}-{_draw(_SOCKET_LENGTH)}"


def normal_code(code: str) -> str:
    """The code as it is stored and answered: lower case."""
    return code.lower()
