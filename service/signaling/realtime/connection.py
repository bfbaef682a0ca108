"""One socket's flow: what comes in at a bearable rate, what goes out within a bound.

Frames in are handed on at once, one by one, unless the session holds them (a join is being
decided) or the socket floods; then reading stops and nothing is lost. Frames out that fall due in
the same turn of the event loop are written together; a socket that does not read is closed
once its outbox is full, so it never delays another.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from typing import Final, Protocol

import structlog
from msgspec import Struct

from signaling.contract.errors import CLOSES, CloseCode
from signaling.telemetry.metrics import Metrics

FRAME_OVERHEAD: Final = 10
"""Bytes a WebSocket frame adds at most, unmasked (RFC 6455, 5.2)."""

_FLUSH_AT: Final = 65_536
"""Pending bytes that are written without waiting for the end of the turn."""

_COST_UNIT: Final = 16_384
"""Bytes that count as one frame more towards the rate: a large frame is more work."""

_MIN_PAUSE: Final = 0.01
"""Seconds; shorter pauses cost more than they slow."""


_log = structlog.stdlib.get_logger("signaling.connection")


class Limits(Struct, frozen=True, kw_only=True):
    """Bounds of one socket."""

    outbox_bytes: int
    """What may wait to be read by the client, in this process."""
    frames_per_second: float
    """Sustained rate of frames in."""
    burst_frames: int
    """Frames in that may come at once after a calm time."""


class Transport(Protocol):
    """The wire below a connection. No method blocks."""

    def write(self, frames: Sequence[bytes]) -> None:
        """Send text messages, in order."""

    def buffered(self) -> int:
        """Bytes written that the operating system has not taken yet."""

    def pause_reading(self) -> None:
        """Stop taking frames from the peer. Does nothing when stopped."""

    def resume_reading(self) -> None:
        """Take frames again. Does nothing when reading."""

    def close(self, code: int, reason: str) -> None:
        """Begin the closing handshake after what was written; cut the line if it takes too long."""


class Flushes:
    """Connections that have something to write, all written to at the end of this turn of the event loop.

    Bounded by the connections there are: each is in here once, and once more for each 64 KiB that it was
    sent in this turn.
    """

    __slots__ = ("_loop", "awaited", "waiting")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        """None has."""
        self._loop = loop
        self.waiting: list[Connection] = []
        self.awaited = False
        """Whether `flush` will be called. Whoever sets it calls it, before the end of the turn."""

    def await_end_of_turn(self) -> None:
        """Somebody waits: have `flush` called."""
        self.awaited = True
        self._loop.call_soon(self.flush)

    def flush(self) -> None:
        """Write now."""
        self.awaited = False
        waiting, self.waiting = self.waiting, []
        for connection in waiting:
            try:
                connection.flush()
            except Exception:  # noqa: BLE001 - logged whole; the others are not to wait for ever
                _log.exception("flush_failed")


class Connection:
    """The flow of one socket.

    ``receive`` is called with each text frame let in, ``overflowed`` when the socket is being closed because
    its outbox is full.
    """

    __slots__ = (
        "_backlog",
        "_burst",
        "_closing",
        "_flush_awaited",
        "_flushes",
        "_held",
        "_interval",
        "_loop",
        "_metrics",
        "_muted",
        "_outbox_bytes",
        "_overflowed",
        "_pending",
        "_pending_bytes",
        "_receive",
        "_throttled",
        "_transport",
        "_virtual",
    )

    def __init__(
        self,
        transport: Transport,
        limits: Limits,
        receive: Callable[[bytes], None],
        overflowed: Callable[[], None],
        metrics: Metrics,
        flushes: Flushes,
    ) -> None:
        """Starts open and reading."""
        self._loop = asyncio.get_running_loop()
        self._transport = transport
        self._receive = receive
        self._overflowed = overflowed
        self._metrics = metrics
        self._outbox_bytes = limits.outbox_bytes
        self._interval = 1.0 / limits.frames_per_second
        self._burst = limits.burst_frames * self._interval
        self._virtual = 0.0
        self._backlog: deque[bytes] | None = None
        self._held = False
        self._throttled = False
        self._pending: list[bytes] = []
        self._pending_bytes = 0
        self._flushes = flushes
        self._flush_awaited = False
        self._closing = False
        """Nothing is let in any more."""
        self._muted = False
        """Nothing is sent any more."""

    # In

    def frame_received(self, data: bytes) -> None:
        """A text frame came in. Its UTF-8 is valid."""
        if self._closing:
            return
        if self._held or self._throttled:
            # Bounded: reading stops with the first, so this is the rest of one piece.
            backlog = self._stop_reading() if self._backlog is None else self._backlog
            backlog.append(data)
            return
        self._count(1 + len(data) // _COST_UNIT)
        self._receive(data)

    def other_received(self) -> None:
        """A frame came in that is no message: it counts towards the rate as well."""
        if self._closing:
            return
        if self._throttled and self._backlog is None:
            self._stop_reading()
        self._count(1)

    def hold(self) -> None:
        """Let no more frames in until `release`: what they mean depends on what is being decided."""
        self._held = True

    def release(self) -> None:
        """Let frames in again, those that waited first."""
        self._held = False
        self._let_in_backlog()

    def _stop_reading(self) -> deque[bytes]:
        backlog: deque[bytes] = deque()
        self._backlog = backlog
        self._transport.pause_reading()
        return backlog

    def _count(self, frames: int) -> None:
        # A virtual clock runs ahead by one interval per frame and lags behind real time by the
        # burst at most (GCRA); when it is ahead of real time, the socket has to wait for it.
        now = self._loop.time()
        virtual = self._virtual
        if virtual < now - self._burst:
            virtual = now - self._burst
        self._virtual = virtual = virtual + self._interval * frames
        if virtual > now and not self._throttled:
            self._throttled = True
            self._metrics.throttled.inc()
            self._loop.call_later(max(virtual - now, _MIN_PAUSE), self._unthrottle)

    def _unthrottle(self) -> None:
        wait = self._virtual - self._loop.time()
        if wait > 0:
            # Frames that are no messages were counted meanwhile.
            self._loop.call_later(max(wait, _MIN_PAUSE), self._unthrottle)
            return
        self._throttled = False
        self._let_in_backlog()

    def _let_in_backlog(self) -> None:
        backlog = self._backlog
        if backlog is None:
            return
        while backlog:
            if self._held or self._throttled or self._closing:
                return
            data = backlog.popleft()
            self._count(1 + len(data) // _COST_UNIT)
            self._receive(data)
        if not (self._held or self._throttled or self._closing):
            self._backlog = None
            self._transport.resume_reading()

    # Out

    def send(self, frame: bytes) -> None:
        """Send a frame, at the end of this turn of the event loop. Does nothing once closing."""
        if self._muted:
            return
        self._pending.append(frame)
        self._pending_bytes += len(frame) + FRAME_OVERHEAD
        if self._pending_bytes >= _FLUSH_AT:
            self.flush()
        elif not self._flush_awaited:
            self._flush_awaited = True
            flushes = self._flushes
            flushes.waiting.append(self)
            if not flushes.awaited:
                flushes.await_end_of_turn()

    def send_all(self, frames: Sequence[bytes]) -> None:
        """Send frames, at least one, as `send` does."""
        *before, last = frames
        if before and not self._muted:
            self._pending += before
            self._pending_bytes += sum(map(len, before)) + FRAME_OVERHEAD * len(before)
        self.send(last)

    def close(self, code: CloseCode, *, listening: bool = False) -> None:
        """Close the socket after what was sent. Does nothing once closing.

        ``listening``: what the peer says until it hears of it is still let in.
        """
        if not self._muted:
            self.flush()
        if not self._muted:
            self._end(code, listening=listening)
        elif not listening:
            self._stop_listening()

    def lost(self) -> None:
        """The socket is gone: nothing is sent or let in any more."""
        self._muted = True
        self._pending.clear()
        self._stop_listening()
        # Whose methods these are has this connection: they would keep one another until the collector comes.
        self._receive, self._overflowed = _ignore, _nothing

    def flush(self) -> None:
        """Write what was sent in this turn now."""
        self._flush_awaited = False
        if not self._pending or self._muted:
            return
        if self._pending_bytes + self._transport.buffered() > self._outbox_bytes:
            self._metrics.outbox_overflows.inc()
            self._end(CloseCode.SLOW_CONSUMER)
            # Later, as whoever sends may be going through the members of a room.
            self._loop.call_soon(self._overflowed)
            return
        pending, self._pending, self._pending_bytes = self._pending, [], 0
        self._transport.write(pending)

    def _stop_listening(self) -> None:
        self._closing = True
        self._backlog = None

    def _end(self, code: CloseCode, *, listening: bool = False) -> None:
        self._muted = True
        self._pending.clear()
        if not listening:
            self._stop_listening()
        self._transport.close(code, CLOSES[code])


def _ignore(data: bytes) -> None:
    """Nobody receives any more."""


def _nothing() -> None:
    """Nobody is told any more."""
