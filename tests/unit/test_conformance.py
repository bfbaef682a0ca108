"""What RFC 6455 asks of a server's frames, clause by clause; each case in one read, and byte by byte.

The sections are those of the Autobahn test suite, the cases those of it that apply to a server that answers
and does not echo, and without extensions: framing, pings, reserved bits, opcodes, fragments, UTF-8, closing.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

import pytest
from msgspec import Struct

from bench.frames import masked
from support.in_process import InProcess, Peer, Recorder, running, settle
from support.raw import BINARY, CLOSE, CONT, PING, PONG, TEXT, frame

MAX_FRAME: Final = 65_536
FAILURES: Final = tuple(number.to_bytes(2, "big") for number in (1002, 1007, 1009))


class Case(Struct, frozen=True):
    """A stream of the client's, and what is to come of it."""

    name: str
    stream: bytes
    messages: tuple[bytes, ...] = ()
    """Text messages that reach the receiver."""
    pongs: tuple[bytes, ...] = ()
    close: bytes | None = None
    """What the server's close frame carries, or only its code; None: the line stays open."""


def code(number: int, reason: bytes = b"") -> bytes:
    return number.to_bytes(2, "big") + reason


def parts(*payloads: bytes, kind: int = TEXT) -> bytes:
    """A message in parts."""
    last = len(payloads) - 1
    return b"".join(
        frame(payload, kind if number == 0 else CONT, fin=number == last)
        for number, payload in enumerate(payloads)
    )


FRAMING: Final = [
    Case(f"a text message of {size} bytes", masked(b"*" * size), (b"*" * size,))
    for size in (0, 1, 125, 126, 127, 128, 65_535, 65_536)
]

PINGS: Final = [
    Case("an empty ping", frame(b"", PING), pongs=(b"",)),
    Case("a ping with text", frame(b"Hello, world!", PING), pongs=(b"Hello, world!",)),
    Case("a ping with bytes that are no text", frame(b"\x00\xff\xfe", PING), pongs=(b"\x00\xff\xfe",)),
    Case("a ping of 125 bytes", frame(b"\xfe" * 125, PING), pongs=(b"\xfe" * 125,)),
    Case("a ping of 126 bytes", frame(b"\xfe" * 126, PING), close=code(1002)),
    Case("a pong that nobody asked for", frame(b"", PONG)),
    Case("one with a payload, then a ping", frame(b"x", PONG) + frame(b"y", PING), pongs=(b"y",)),
    Case(
        "ten pings",
        b"".join(frame(b"%d" % number, PING) for number in range(10)),
        pongs=tuple(b"%d" % number for number in range(10)),
    ),
]

RESERVED: Final = [
    Case(f"reserved bits {bits} in {what}", frame(b"x", kind, rsv=bits), close=code(1002))
    for bits in (1, 2, 3, 4, 5, 6, 7)
    for what, kind in (("text", TEXT), ("a ping", PING), ("a close frame", CLOSE))
] + [
    Case(
        "a message, then reserved bits",
        masked(b"whole") + frame(b"x", rsv=4) + masked(b"never"),
        (b"whole",),
        close=code(1002),
    )
]

OPCODES: Final = [
    Case(
        f"the reserved opcode {opcode}", masked(b"whole") + frame(b"x", opcode), (b"whole",), close=code(1002)
    )
    for opcode in (3, 4, 5, 6, 7, 11, 12, 13, 14, 15)
]

FRAGMENTS: Final = [
    Case("a ping in parts", frame(b"x", PING, fin=False) + frame(b"y", CONT), close=code(1002)),
    Case("a pong in parts", frame(b"x", PONG, fin=False) + frame(b"y", CONT), close=code(1002)),
    Case("a text message in two parts", parts(b"one", b"two"), (b"onetwo",)),
    Case(
        "with a ping between them",
        frame(b"one", fin=False) + frame(b"now", PING) + frame(b"two", CONT),
        (b"onetwo",),
        (b"now",),
    ),
    Case(
        "in five parts, with pings and pongs between them",
        frame(b"1", fin=False)
        + frame(b"a", PING)
        + frame(b"2", CONT, fin=False)
        + frame(b"", PONG)
        + frame(b"3", CONT, fin=False)
        + frame(b"b", PING)
        + frame(b"4", CONT, fin=False)
        + frame(b"5", CONT),
        (b"12345",),
        (b"a", b"b"),
    ),
    Case("in empty parts", parts(b"", b"", b""), (b"",)),
    Case("the middle one not empty", parts(b"", b"middle", b""), (b"middle",)),
    Case("two such messages", parts(b"a", b"b") + parts(b"c", b"d"), (b"ab", b"cd")),
    Case("and a whole one behind", parts(b"a", b"b") + masked(b"c"), (b"ab", b"c")),
    Case("going on with nothing", frame(b"x", CONT), close=code(1002)),
    Case("going on with nothing, not at the end", frame(b"x", CONT, fin=False), close=code(1002)),
    Case("going on after the end", parts(b"a", b"b") + frame(b"c", CONT), (b"ab",), close=code(1002)),
    Case("a text message in the middle of one", frame(b"x", fin=False) + masked(b"y"), close=code(1002)),
    Case(
        "a binary message in the middle of one",
        frame(b"x", fin=False) + frame(b"y", BINARY),
        close=code(1002),
    ),
    Case(
        "a close frame in the middle of one",
        frame(b"x", fin=False) + frame(code(1000), CLOSE),
        close=code(1002),
    ),
    Case("too large a message", frame(b"x" * (MAX_FRAME + 1)), close=code(1009)),
    Case("too large in parts", parts(b"x" * MAX_FRAME, b"y"), close=code(1009)),
]

GOOD_TEXT: Final = (
    "κόσμε",
    "\x7f \u0080 \u07ff \u0800 \uffff",
    "\U00010000 \U0010ffff",
    "\ud7ff \ue000 \ufffd",
    "\ufdd0 \ufffe \U0001fffe",
    "Hello-µ@ßöäüàá-UTF-8!!",
)
BAD_TEXT: Final = (
    b"\x80",
    b"\xbf",
    b"\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5\xed\xa0\x80edited",
    b"\xc0\xaf",
    b"\xe0\x80\xaf",
    b"\xf0\x80\x80\xaf",
    b"\xf8\x88\x80\x80\x80",
    b"\xfc\x84\x80\x80\x80\x80",
    b"\xf4\x90\x80\x80",
    b"\xed\xb0\x80",
    b"\xed\xa0\x80\xed\xb0\x80",
    b"\xfe",
    b"\xff",
    b"ends in the middle of a letter \xe2\x82",
)

UTF_8: Final = [
    case
    for text in GOOD_TEXT
    for case in (
        Case(f"{text!a}", masked(text.encode()), (text.encode(),)),
        Case(
            f"{text!a} in single bytes", parts(*(bytes([byte]) for byte in text.encode())), (text.encode(),)
        ),
    )
] + [
    case
    for text in BAD_TEXT
    for case in (
        Case(f"{text!r}", masked(text), close=code(1007)),
        Case(f"{text!r} in two parts", parts(text[:1], text[1:]), close=code(1007)),
    )
]

CLOSING: Final = [
    Case("nothing in it", frame(b"", CLOSE), close=b""),
    Case("one byte in it", frame(b"\x03", CLOSE), close=code(1002)),
    Case("a code", frame(code(1000), CLOSE), close=code(1000)),
    Case("a reason", frame(code(1000, b"Hello, world!"), CLOSE), close=code(1000, b"Hello, world!")),
    Case("the longest reason", frame(code(1000, b"*" * 123), CLOSE), close=code(1000, b"*" * 123)),
    Case("too long a reason", frame(code(1000, b"*" * 124), CLOSE), close=code(1002)),
    Case("a reason that is no text", frame(code(1000, b"\xce\xba\xff"), CLOSE), close=code(1007)),
    Case("a message behind it", frame(code(1000), CLOSE) + masked(b"never"), close=code(1000)),
    Case("a ping behind it", frame(code(1000), CLOSE) + frame(b"never", PING), close=code(1000)),
    Case("another one behind it", frame(code(1000), CLOSE) + frame(code(1001), CLOSE), close=code(1000)),
    *(
        Case(f"the code {number}", frame(code(number), CLOSE), close=code(number))
        for number in (1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 3000, 3999, 4000, 4999)
    ),
    *(
        Case(f"the code {number}", frame(code(number), CLOSE), close=code(1002))
        for number in (0, 999, 1004, 1005, 1006, 1016, 1100, 2000, 2999, 5000, 65_535)
    ),
]

MASKING: Final = [
    Case("text that is not masked", frame(b"x", masked=False), close=code(1002)),
    Case("a ping that is not masked", frame(b"x", PING, masked=False), close=code(1002)),
    Case("a close frame that is not masked", frame(code(1000), CLOSE, masked=False), close=code(1002)),
]

SECTIONS: Final = {
    "framing": FRAMING,
    "pings": PINGS,
    "reserved bits": RESERVED,
    "opcodes": OPCODES,
    "fragments": FRAGMENTS,
    "utf-8": UTF_8,
    "closing": CLOSING,
    "masking": MASKING,
}

_FEW: Final = 2000
"""Bytes that are fed one by one."""


@pytest.mark.parametrize("chopped", [False, True], ids=["in one read", "byte by byte"])
@pytest.mark.parametrize("section", SECTIONS)
async def test_section(section: str, chopped: bool, tmp_path: Path) -> None:
    async with running(tmp_path, MAX_FRAME_BYTES=str(MAX_FRAME), LOG_LEVEL="ERROR") as service:
        for case in SECTIONS[section]:
            await run(service, case, chopped=chopped)


async def run(service: InProcess, case: Case, *, chopped: bool) -> None:
    peer = await service.connect()
    recorder = Recorder()
    session, peer.protocol._receiver = peer.protocol._receiver, recorder
    assert session is not None
    feed(peer, case.stream, chopped=chopped)
    closing = peer.line.closing
    if case.close is None:
        # And it goes on.
        peer.feed(masked(b"next"))
    await settle()
    answers = peer.frames()
    closes = [payload for opcode, payload in answers if opcode == CLOSE]
    assert [payload for opcode, payload in answers if opcode == PONG] == list(case.pongs), case.name
    if case.close is None:
        assert recorder.messages == texts(*case.messages, b"next"), case.name
        assert (closes, closing) == ([], False), case.name
    else:
        assert recorder.messages == texts(*case.messages), case.name
        assert (len(closes), closing) == (1, True), case.name
        assert answers[-1][0] == CLOSE, case.name
        # Behind the code of a failure there is a reason.
        failed = case.close in FAILURES and not case.stream.endswith(case.close)
        assert (closes[0][:2] if failed else closes[0]) == case.close, case.name
    session.lost(None)


def texts(*messages: bytes) -> list[bytes]:
    """As the recorder has them."""
    return [b"t" + message for message in messages]


def feed(peer: Peer, stream: bytes, *, chopped: bool) -> None:
    """The stream whole, or byte by byte as long as the line stands; of long ones the two ends."""
    if not chopped:
        peer.feed(stream)
        return
    pieces = [stream[at : at + 1] for at in range(min(len(stream), _FEW))]
    if len(stream) > _FEW:
        pieces += [stream[_FEW:-20], *(bytes([byte]) for byte in stream[-20:])]
    for piece in pieces:
        if not peer.line.closing:
            peer.feed(piece)
