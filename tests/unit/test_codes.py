"""Room codes and identifiers (contract 1)."""

from __future__ import annotations

import secrets
import subprocess
import sys
from collections import Counter

import pytest

from signaling.contract.types import MAX_ID_LENGTH, ROOM_CODE_ALPHABET
from signaling.rooms.codes import Letters, new_node_id, new_room_code, new_socket_id, normal_code


def test_room_codes() -> None:
    """6 characters of the alphabet without look-alikes; each character occurs, and hardly a code twice."""
    codes = [new_room_code() for _ in range(3000)]
    assert all(len(code) == 6 and set(code) <= set(ROOM_CODE_ALPHABET) for code in codes)
    assert set("".join(codes)) == set(ROOM_CODE_ALPHABET) == set("23456789abcdefghjkmnpqrstuvwxyz")
    assert len(set(codes)) > 2990


def test_socket_ids_name_their_node() -> None:
    node = new_node_id()
    ids = {new_socket_id(node) for _ in range(1000)}
    assert len(ids) == 1000
    assert all(name.startswith(f"{node}-") and len(name) <= MAX_ID_LENGTH for name in ids)
    assert new_node_id() != node


def test_codes_are_lower_case() -> None:
    assert normal_code("A7X9k2") == "a7x9k2"


def test_every_letter_comes_up_equally_often(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of all bytes there are, those that would favour the first letters are passed over."""
    drawn: list[bytes] = []

    def every_byte(count: int) -> bytes:
        first = sum(map(len, drawn))
        drawn.append(bytes((first + number) % 256 for number in range(count)))
        return drawn[-1]

    monkeypatch.setattr(secrets, "token_bytes", every_byte)
    fair = 256 // len(ROOM_CODE_ALPHABET)
    letters = Letters().draw(fair * len(ROOM_CODE_ALPHABET))
    assert set(Counter(letters).values()) == {fair}


def test_no_letter_is_given_out_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    """Letters are drawn many at a time, and go out in their order: those of one draw run into the next."""
    drawn: list[bytes] = []
    real = secrets.token_bytes

    def remembered(count: int) -> bytes:
        drawn.append(real(count))
        return drawn[-1]

    monkeypatch.setattr(secrets, "token_bytes", remembered)
    letters = Letters()
    given = "".join(letters.draw(length) for length in (6, 8, 16) * 40)
    fair = [byte for byte in b"".join(drawn) if byte < 256 - 256 % len(ROOM_CODE_ALPHABET)]
    assert len(drawn) > 2
    assert given == "".join(ROOM_CODE_ALPHABET[byte % len(ROOM_CODE_ALPHABET)] for byte in fair)[: len(given)]


FORKS = r"""
import os
from signaling.rooms.codes import new_room_code
new_room_code()
child = os.fork()
os.write(1, new_room_code().encode() + b"\n")  # In one piece, as both write to one pipe
if child:
    os.waitpid(child, 0)
"""


def test_a_forked_process_draws_codes_of_its_own() -> None:
    run = subprocess.run([sys.executable, "-c", FORKS], capture_output=True, text=True, check=True)
    assert len(set(run.stdout.split())) == 2
