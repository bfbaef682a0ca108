"""Any sequence of frames, cut anywhere: what comes back is what RFC 6455 and the contract say of it."""

from __future__ import annotations

import asyncio
import itertools
import json
import random
from dataclasses import dataclass, field
from typing import Final

import pytest

from support.raw import BINARY, CLOSE, CONT, PING, PONG, TEXT, RawPeer, close_code, frame
from support.service import Service

LIMIT: Final = 65_536
CONTROL: Final = frozenset({CLOSE, PING, PONG})
GOOD_CLOSES: Final = (1000, 1001, 1003, 1008, 1011, 3000, 4999)
BAD_CLOSES: Final = (0, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000)
FAILURES: Final = frozenset({1002, 1007, 1009})


@dataclass
class Sent:
    """A frame, as it is put on the wire."""

    opcode: int
    payload: bytes
    fin: bool = True
    rsv: int = 0
    masked: bool = True

    def bytes(self) -> bytes:
        return frame(self.payload, self.opcode, fin=self.fin, rsv=self.rsv, masked=self.masked)


@dataclass
class Expected:
    """What must come back, by the rules read frame by frame."""

    messages: list[str] = field(default_factory=list)
    """`pong <request_id>`, or the code of an error."""
    pongs: list[bytes] = field(default_factory=list)
    end: int | None = None
    """The code of the close frame; 0: one without a code."""


def expected_of(frames: list[Sent]) -> Expected:
    told = Expected()
    kind: int | None = None
    parts: list[bytes] = []
    for sent in frames:
        told.end = _broken(sent, inside=kind is not None)
        if told.end is not None:
            return told
        if sent.opcode == PING:
            told.pongs.append(sent.payload)
        elif sent.opcode == CLOSE:
            told.end = _answer_to_close(sent.payload)
            return told
        elif sent.opcode != PONG:
            kind = sent.opcode if sent.opcode != CONT else kind
            parts.append(sent.payload)
            if sum(map(len, parts)) > LIMIT:
                told.end = 1009
                return told
            if not sent.fin:
                continue
            answer, told.end = _answer(kind, b"".join(parts))
            kind, parts = None, []
            if told.end is not None:
                return told
            told.messages.append(answer)
    return told


def _broken(sent: Sent, *, inside: bool) -> int | None:
    """RFC 6455, 5.2 to 5.5: what is wrong with a frame, whatever it carries."""
    known = sent.opcode in {CONT, TEXT, BINARY} | CONTROL
    if not known or sent.rsv or not sent.masked:
        return 1002
    if sent.opcode in CONTROL:
        return 1002 if not sent.fin or len(sent.payload) > 125 else None
    return 1002 if (sent.opcode == CONT) is not inside else None


def _answer_to_close(payload: bytes) -> int:
    """RFC 6455, 5.5.1 and 7.4: a good code is sent back."""
    code = close_code(payload)
    if code is None:
        return 1002 if payload else 0
    if code in BAD_CLOSES:
        return 1002
    try:
        payload[2:].decode()
    except UnicodeDecodeError:
        return 1007
    return code


def _answer(kind: int | None, data: bytes) -> tuple[str, int | None]:
    if kind == BINARY:
        return "invalid_json", None
    try:
        text = data.decode()
    except UnicodeDecodeError:
        return "", 1007
    try:
        return f"pong {json.loads(text)['request_id']}", None
    except ValueError:
        return "invalid_json", None


def any_frames(dice: random.Random) -> list[Sent]:
    """A conversation of a client that mostly keeps to the rules."""
    frames: list[Sent] = []
    for number in range(dice.randint(1, 9)):
        match dice.choices(["message", "control", "garbage", "broken", "close"], [60, 20, 12, 5, 3])[0]:
            case "message":
                pad = dice.choice([0, 0, 0, 100, 66_000]) if dice.random() < 0.3 else 0
                text = json.dumps({"type": "ping", "request_id": f"n{number}", "x": "ü" * pad})
                frames += _in_fragments(dice, TEXT, text.encode())
            case "control":
                frames.append(Sent(dice.choice([PING, PONG]), dice.randbytes(dice.choice([0, 1, 125]))))
            case "garbage":
                data = dice.choice([b"", b"no", b"[", b"\xff", b"\xed\xa0\x80", "ü".encode()[:1]])
                frames += _in_fragments(dice, dice.choice([TEXT, BINARY]), data)
            case "broken":
                frames.append(_any_broken(dice))
            case "close":
                code = dice.choice(GOOD_CLOSES + BAD_CLOSES)
                reason = dice.choice([b"", b"bye", b"\xff"])
                frames.append(Sent(CLOSE, dice.choice([b"", b"\x03", code.to_bytes(2) + reason])))
    return frames


def _any_broken(dice: random.Random) -> Sent:
    return dice.choice(
        [
            Sent(dice.choice([3, 4, 7, 0xB, 0xF]), b"x"),
            Sent(TEXT, b"x", rsv=dice.randint(1, 7)),
            Sent(TEXT, b"x", masked=False),
            Sent(PING, b"x" * 126),
            Sent(PING, b"x", fin=False),
            Sent(CONT, b"x"),
            Sent(TEXT, b"x", fin=False),
        ]
    )


def _in_fragments(dice: random.Random, opcode: int, data: bytes) -> list[Sent]:
    cuts = sorted(dice.randint(0, len(data)) for _ in range(dice.choice([0, 0, 1, 2, 5])))
    edges = [0, *cuts, len(data)]
    pieces = [data[start:end] for start, end in itertools.pairwise(edges)]
    frames = [Sent(CONT, piece, fin=False) for piece in pieces]
    frames[0].opcode, frames[-1].fin = opcode, True
    for place in reversed(range(1, len(frames))):
        if dice.random() < 0.2:
            frames.insert(place, Sent(dice.choice([PING, PONG]), b"between"))
    return frames


@pytest.mark.odd_frames("client")
@pytest.mark.parametrize("first_seed", range(0, 1000, 100))
async def test_what_comes_back_is_what_the_rules_say(service: Service, first_seed: int) -> None:
    """RFC 6455, 5 and 7; contract 2 and 3. A hundred conversations at once; none disturbs another."""
    seeds = range(first_seed, first_seed + 100)
    outcomes = await asyncio.gather(*(converse(service, seed) for seed in seeds))
    wrong = [text for text in outcomes if text]
    assert not wrong, "\n".join(wrong)
    ends = {expected_of(any_frames(random.Random(seed))).end for seed in seeds}
    assert {None, 1002} <= ends


async def converse(service: Service, seed: int) -> str:
    """Have one conversation; what was wrong with it, or nothing."""
    dice = random.Random(seed)
    frames = any_frames(dice)
    told = expected_of(frames)
    peer = await service.raw()
    reading = asyncio.create_task(read(peer, told))
    data = b"".join(sent.bytes() for sent in frames)
    edges = sorted({0, len(data), *(dice.randint(0, len(data)) for _ in range(dice.choice([0, 1, 8])))})
    try:
        for start, end in itertools.pairwise(edges):
            await peer.send(data[start:end])
            await asyncio.sleep(0)
    except ConnectionError:
        pass  # It was ended over what was sent before.
    got = await reading
    if told.end is None:
        fits = got == told
    else:
        # What came before the end need not be answered any more; nothing behind it is ever answered.
        fits = got.messages == told.messages[: len(got.messages)] and _same_end(got.end, told.end, frames)
    return "" if fits else f"seed {seed}: {frames}\n  expected {told}\n  got      {got}"


def _same_end(got: int | None, told: int | None, frames: list[Sent]) -> bool:
    """Of two faults in what was read at once, or of a fault and a close behind it, either may be named."""
    if told not in FAILURES:
        return got == told
    return got in FAILURES or got in {
        _answer_to_close(sent.payload) for sent in frames if sent.opcode == CLOSE
    }


async def read(peer: RawPeer, told: Expected) -> Expected:
    """What came back: up to the end, or as much as is expected and nothing behind it."""
    got = Expected()
    try:
        while told.end is not None or (got.messages, got.pongs) != (told.messages, told.pongs):
            opcode, payload = await peer.read_frame(deadline=3)
            if opcode == CLOSE:
                got.end = close_code(payload) or 0
                await peer.end_of_line()
                return got
            if opcode == PONG:
                got.pongs.append(payload)
                continue
            message = json.loads(payload)
            pong = message["type"] == "pong"
            got.messages.append(f"pong {message['request_id']}" if pong else message["payload"]["code"])
    except (EOFError, TimeoutError):
        pass
    return got
