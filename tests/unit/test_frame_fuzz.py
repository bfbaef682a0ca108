"""Frames of every kind, in reads of every size: what comes of them is what the library's parser makes of it.

Text messages are taken out of the bytes before the parser (web/socket_protocol.py), which must not show.
"""

from __future__ import annotations

import random
from pathlib import Path
from typing import Final

from websockets.exceptions import ProtocolError
from websockets.frames import Frame, Opcode
from websockets.http11 import Request
from websockets.server import ServerProtocol

from bench.frames import masked, upgrade
from support.in_process import Peer, Recorder, running, settle

MAX_FRAME: Final = 4096
STREAMS: Final = 400

TEXTS: Final = (b"", b"{}", b"x" * 125, b"x" * 126, "é".encode() * 60, b"y" * MAX_FRAME)
CONTROL: Final = (0x8, 0x9, 0xA)


class Expected:
    """What the parser makes of a whole stream: messages, pings to answer, the code of a failure."""

    def __init__(self, stream: bytes) -> None:
        self.messages: list[bytes] = []
        self.pings: list[bytes] = []
        self.failure: int | None = None
        self.closed = False
        core = ServerProtocol(max_size=MAX_FRAME)
        core.receive_data(upgrade("/ws", 8000))
        (request,) = core.events_received()
        assert isinstance(request, Request)
        core.send_response(core.accept(request))
        core.receive_data(stream)
        parts: list[bytes] = []
        text = False
        for event in core.events_received():
            assert isinstance(event, Frame)
            if event.opcode in (Opcode.TEXT, Opcode.BINARY, Opcode.CONT):
                text = event.opcode is Opcode.TEXT or (event.opcode is Opcode.CONT and text)
                parts.append(bytes(event.data))
                if event.fin and not self._message(b"".join(parts), text=text):
                    return
                parts = [] if event.fin else parts
            elif event.opcode is Opcode.PING:
                self.pings.append(bytes(event.data))
            elif event.opcode is Opcode.CLOSE:
                self.closed = True
        if core.parser_exc is not None and core.close_sent is not None:
            assert isinstance(core.parser_exc, ProtocolError) or core.close_sent.code in (1007, 1009)
            self.failure = core.close_sent.code

    def _message(self, data: bytes, *, text: bool) -> bool:
        try:
            if text:
                data.decode()
        except UnicodeDecodeError:
            self.failure = 1007
            return False
        self.messages.append(b"t" + data if text else b"b")
        return True


def made(chance: random.Random) -> bytes:
    """A stream of frames, as a rule sound, now and then with a fault."""
    stream = b""
    for _ in range(chance.randint(1, 8)):
        kind = chance.random()
        if kind < 0.5:
            stream += masked(chance.choice(TEXTS))
        elif kind < 0.6:
            # A message in parts, with a control frame between them.
            stream += _frame(0x01, b"begin") + masked(b"ping", 9) * chance.randint(0, 1)
            stream += _frame(0x00, b"middle") * chance.randint(0, 2) + _frame(0x80, b"end")
        elif kind < 0.7:
            stream += masked(b"p" * chance.randint(0, 125), chance.choice((9, 10)))
        elif kind < 0.78:
            stream += masked(b"binary" * chance.randint(0, 40), 2)
        elif kind < 0.82:
            # A length of 64 bits where fewer would do: allowed to be read.
            stream += bytes((0x81, 0xFF)) + (4).to_bytes(8, "big") + bytes(4) + b"wide"
        elif kind < 0.86:
            stream += masked((1000).to_bytes(2, "big"), 8)
        elif kind < 0.92:
            stream += chance.choice(FAULTS)
        else:
            stream += masked(chance.choice(TEXTS))[: chance.randint(1, 7)]  # and what follows is in its place
    return stream


def _frame(first: int, payload: bytes) -> bytes:
    return bytes((first,)) + masked(payload)[1:]


FAULTS: Final = (
    b"\x81\x02hi",  # not masked
    b"\xc1\x80\x00\x00\x00\x00",  # a reserved bit
    b"\x83\x80\x00\x00\x00\x00",  # a reserved opcode
    b"\x80\x80\x00\x00\x00\x00",  # goes on with nothing
    b"\x09\x80\x00\x00\x00\x00",  # a control frame in parts
    b"\x89\xfe\x00\x7e" + bytes(4 + 126),  # a control frame too long
    b"\x81\xfe\x10\x01" + bytes(4 + 4097),  # a message too long
    b"\x81\xff\xff\xff\xff\xff\xff\xff\xff\xff",  # a length beyond all bounds
    _frame(0x01, b"begin") + masked(b"new"),  # a message in the middle of another
    masked(b"\xff\xfe"),  # no UTF-8
    masked(b"x", 8),  # half a close code
)


def in_reads(stream: bytes, chance: random.Random) -> list[bytes]:
    """The stream, cut anywhere."""
    most = chance.choice((1, 3, 20, 300, len(stream)))
    reads = []
    while stream:
        size = chance.randint(1, most)
        reads.append(stream[:size])
        stream = stream[size:]
    return reads


async def test_streams_of_frames(tmp_path: Path) -> None:
    chance = random.Random(20_261_125)
    seen = {"failed": 0, "closed": 0, "messages": 0}
    async with running(tmp_path, MAX_FRAME_BYTES=str(MAX_FRAME), LOG_LEVEL="ERROR") as service:
        for number in range(STREAMS):
            peer = await service.connect()
            stream = made(chance)
            expected = Expected(stream)
            await compare(peer, in_reads(stream, chance), expected, f"stream {number}: {stream!r:.400}")
            seen["failed"] += expected.failure is not None
            seen["closed"] += expected.closed
            seen["messages"] += len(expected.messages)
    # It is of no use unless all of it comes up.
    assert min(seen.values()) > STREAMS // 20, seen


async def compare(peer: Peer, reads: list[bytes], expected: Expected, told: str) -> None:
    """Feed the reads, and look at what the receiver got and at what was answered."""
    recorder = Recorder()
    session = peer.protocol._receiver
    assert session is not None
    peer.protocol._receiver = recorder
    for read in reads:
        if not peer.line.closing:
            peer.feed(read)
    await settle()
    answers = peer.frames()
    closes = [int.from_bytes(payload[:2], "big") for opcode, payload in answers if opcode == 8]
    pongs = [payload for opcode, payload in answers if opcode == 10]
    if expected.failure is not None:
        # What came in one read with the fault may be left out.
        assert recorder.messages == expected.messages[: len(recorder.messages)], told
        assert pongs == expected.pings[: len(pongs)], told
        assert closes == [expected.failure], told
    else:
        assert recorder.messages == expected.messages, told
        assert pongs == expected.pings, told
        assert bool(closes) == expected.closed, told
    session.lost(None)
