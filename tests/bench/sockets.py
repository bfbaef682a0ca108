"""The load generator's connections: plain protocols of uvloop, frames made beforehand.

`Socket` understands what it gets. While only the number of frames matters, `Echo` takes its place: all its
frames have one size, so counting bytes counts them, and what it sends was made and masked before.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable
from typing import Any, Final, Self

from bench.frames import ACCEPT, masked, unpack, upgrade

DEADLINE: Final = 60.0
"""Seconds anything awaited may take; a server that takes longer fails the run."""

_CLOSE: Final = masked((1000).to_bytes(2, "big"), 8)


class LineLost(Exception):
    """The server ended the connection."""


class Socket(asyncio.Protocol):
    """A WebSocket. ``on_text`` may be replaced: it gets each text as it comes."""

    def __init__(self) -> None:
        self.loop = asyncio.get_running_loop()
        self.transport: asyncio.Transport
        self.id = ""
        self.opened: asyncio.Future[None] = self.loop.create_future()
        self.closed: asyncio.Future[None] = self.loop.create_future()
        self.texts: deque[bytes] = deque()
        self.on_text: Callable[[bytes], None] = self._keep
        self._news: asyncio.Future[None] | None = None
        self._buffer = b""

    @classmethod
    async def open(cls, port: int, path: str) -> Self:
        """Connect, and return when the handshake is done."""
        _, socket = await asyncio.get_running_loop().create_connection(cls, "127.0.0.1", port)
        socket.transport.write(upgrade(path, port))
        await asyncio.wait_for(socket.opened, DEADLINE)
        return socket

    def send(self, text: bytes) -> None:
        """Send a text."""
        self.transport.write(masked(text))

    async def text(self) -> bytes:
        """The next text."""
        while not self.texts:
            self._news = self.loop.create_future()
            await asyncio.wait_for(self._news, DEADLINE)
        return self.texts.popleft()

    async def text_with(self, part: bytes) -> bytes:
        """The next text that has this in it; those before it are passed over."""
        while part not in (text := await self.text()):
            if text.startswith((b'{"type":"error"', b'{"type":"ERROR"')):
                raise LineLost(text.decode())
        return text

    async def close(self) -> None:
        """Close as a browser's page does that is left."""
        self.transport.write(_CLOSE)
        await asyncio.wait_for(self.closed, DEADLINE)

    # What uvloop calls

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        if not self.opened.done() and not self._handshake():
            return
        at = 0
        while (frame := unpack(self._buffer, at)) is not None:
            opcode, payload, at = frame
            if opcode == 1:
                self.on_text(payload)
            elif opcode == 9:
                self.transport.write(masked(payload, 10))
            elif opcode == 8:
                self.transport.close()
        self._buffer = self._buffer[at:]

    def connection_lost(self, exc: Exception | None) -> None:
        error = LineLost(str(exc or "closed by the server"))
        for future in (self.opened, self._news):
            if future is not None and not future.done():
                future.set_exception(error)
        if not self.closed.done():
            self.closed.set_result(None)

    def _handshake(self) -> bool:
        head, end, rest = self._buffer.partition(b"\r\n\r\n")
        if not end:
            return False
        if not head.startswith(b"HTTP/1.1 101 ") or ACCEPT not in head:
            self.opened.set_exception(LineLost(head.decode("latin-1")))
            self.transport.close()
            return False
        self._buffer = rest
        self.opened.set_result(None)
        return True

    def _keep(self, text: bytes) -> None:
        self.texts.append(text)
        if self._news is not None and not self._news.done():
            self._news.set_result(None)


class Echo(asyncio.Protocol):
    """Takes a socket's place: sends as many frames as it gets, until told to stop."""

    def __init__(self, socket: Socket, frame: bytes, expected: bytes, in_flight: int) -> None:
        """``frame`` is sent; ``expected`` is the whole frame that comes each time."""
        self._write = socket.transport.write
        self._bursts = [frame * number for number in range(4 * in_flight + 2)]
        self._frame = frame
        self._size = len(expected)
        self._rest = 0
        self.expected = expected
        self.last = b""
        self.received = 0
        self.sent = 0
        self.stopped = False
        socket.transport.set_protocol(self)

    def start(self, frames: int) -> None:
        """Put so many on their way."""
        self.sent += frames
        self._write(self._frame * frames)

    def data_received(self, data: bytes) -> None:
        frames, self._rest = divmod(self._rest + len(data), self._size)
        self.received += frames
        self.last = data
        if frames and not self.stopped:
            self.sent += frames
            self._write(self._bursts[frames] if frames < len(self._bursts) else self._frame * frames)

    def connection_lost(self, exc: Exception | None) -> None:
        self.stopped = True

    @property
    def intact(self) -> bool:
        """Whether what came last is what must come, as far as one read shows."""
        return self._rest == 0 and (self.expected * 2)[-min(len(self.last), self._size) :].endswith(
            self.last[-self._size :]
        )


class Stopwatch(asyncio.Protocol):
    """Takes a socket's place: sends when told to, and measures until it arrives at the other end."""

    def __init__(self, socket: Socket, frame: bytes, expected: bytes) -> None:
        self._write = socket.transport.write
        self._frame = frame
        self._size = len(expected)
        self._rest = 0
        self.sent_at: deque[float] = deque()
        self.partner: Stopwatch = self
        self.seconds: list[float] = []
        socket.transport.set_protocol(self)

    def send(self) -> None:
        """One frame to the partner."""
        self.sent_at.append(time.perf_counter())
        self._write(self._frame)

    def data_received(self, data: bytes) -> None:
        now = time.perf_counter()
        frames, self._rest = divmod(self._rest + len(data), self._size)
        sent_at = self.partner.sent_at
        for _ in range(frames):
            self.seconds.append(now - sent_at.popleft())


class Requests(asyncio.Protocol):
    """One HTTP connection that asks again as soon as it has its answer."""

    def __init__(self, request: Callable[[], bytes], status: bytes, *, once: bool = False) -> None:
        """Every answer must have this ``status``."""
        self._request = request
        self._status = status
        self._buffer = b""
        self._end = -1
        self.answers = 0
        self.body = b""
        self.stopped = once
        self.idle: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._transport: asyncio.Transport

    def connection_made(self, transport: Any) -> None:
        self._transport = transport
        transport.write(self._request())

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        if self._end < 0:
            head, end, _ = self._buffer.partition(b"\r\n\r\n")
            if not end:
                return
            if head[9:12] != self._status:
                self.connection_lost(LineLost(self._buffer.decode("latin-1")))
                return
            self._end = len(head) + 4 + _content_length(head)
        if len(self._buffer) < self._end:
            return
        self.body = self._buffer[self._buffer.index(b"\r\n\r\n") + 4 : self._end]
        self._buffer, self._end = b"", -1
        self.answers += 1
        if self.stopped:
            self._transport.close()
            if not self.idle.done():
                self.idle.set_result(None)
        else:
            self._transport.write(self._request())

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.idle.done():
            self.idle.set_exception(exc or LineLost("closed by the server"))


def _content_length(head: bytes) -> int:
    for line in head.split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            return int(value)
        if name.lower() == b"transfer-encoding":
            raise LineLost("a chunked answer is not read by this client")
    return 0
