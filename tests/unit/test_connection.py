"""The flow of one socket: its pace, its order, its bounds (contract 5), on a wire that is only recorded."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any, cast

import pytest

from signaling.contract.errors import CloseCode
from signaling.realtime import connection as module
from signaling.realtime.connection import FRAME_OVERHEAD, Connection, Flushes, Limits
from signaling.telemetry.metrics import Metrics


class Wire:
    """A Transport that remembers; ``waiting`` is what the peer has not read."""

    def __init__(self) -> None:
        self.writes: list[list[bytes]] = []
        self.waiting = 0
        self.reading = True
        self.closed: list[tuple[int, str]] = []

    @property
    def frames(self) -> list[bytes]:
        return [frame for write in self.writes for frame in write]

    def write(self, frames: Sequence[bytes]) -> None:
        self.writes.append(list(frames))

    def buffered(self) -> int:
        return self.waiting

    def pause_reading(self) -> None:
        self.reading = False

    def resume_reading(self) -> None:
        self.reading = True

    def close(self, code: int, reason: str) -> None:
        self.closed.append((code, reason))


class Flow:
    """A connection under test; time stands still until it is moved."""

    def __init__(
        self, monkeypatch: pytest.MonkeyPatch, *, rate: float = 10, burst: int = 5, outbox: int = 1000
    ) -> None:
        self.wire = Wire()
        self.seen: list[bytes] = []
        self.now = 100.0
        self.timers: list[tuple[float, Any]] = []
        limits = Limits(outbox_bytes=outbox, frames_per_second=rate, burst_frames=burst)
        # Of the event loop, it uses what is below.
        flushes = Flushes(cast("asyncio.AbstractEventLoop", self))
        self.connection = Connection(self.wire, limits, self._receive, self._overflow, Metrics(), flushes)
        self.on_frame: Any = None
        self.overflows = 0
        monkeypatch.setattr(self.connection, "_loop", self)

    def _overflow(self) -> None:
        self.overflows += 1

    def _receive(self, data: bytes) -> None:
        self.seen.append(data)
        if self.on_frame is not None:
            self.on_frame(data)

    # What a connection uses of the event loop

    def time(self) -> float:
        return self.now

    def call_later(self, delay: float, callback: Any) -> None:
        self.timers.append((self.now + delay, callback))

    def call_soon(self, callback: Any) -> None:
        self.timers.append((self.now, callback))

    def forward(self, seconds: float) -> None:
        """Let time pass, timers included."""
        ends = self.now + seconds
        while due := sorted((at, number) for number, (at, _) in enumerate(self.timers) if at <= ends):
            at, number = due[0]
            _, callback = self.timers.pop(number)
            self.now = max(self.now, at)
            callback()
        self.now = ends

    def receive(self, *frames: bytes) -> None:
        for frame in frames:
            self.connection.frame_received(frame)


@pytest.fixture
async def flow(monkeypatch: pytest.MonkeyPatch) -> Flow:
    return Flow(monkeypatch)


def numbers(count: int, start: int = 0) -> list[bytes]:
    return [b"%d" % number for number in range(start, start + count)]


# In


async def test_within_the_burst_every_frame_is_let_in_at_once(flow: Flow) -> None:
    """Contract 5: a burst after a calm time is no flood."""
    flow.receive(*numbers(5))
    assert flow.seen == numbers(5)
    assert flow.wire.reading


async def test_beyond_it_frames_wait_and_reading_stops(flow: Flow) -> None:
    """Contract 5: a flood is slowed by not reading from that socket; nothing is dropped, the order stays."""
    flow.receive(*numbers(30))
    assert len(flow.seen) < 10
    assert not flow.wire.reading
    flow.forward(10)
    assert flow.seen == numbers(30)
    assert flow.wire.reading


async def test_the_rate_that_is_let_through(flow: Flow) -> None:
    """Contract 5: in the long run as many frames a second as the setting says."""
    flow.receive(*numbers(105))
    flow.forward(5)
    assert 50 <= len(flow.seen) <= 57
    flow.forward(5)
    assert 100 <= len(flow.seen) <= 105


async def test_a_calm_time_gives_the_burst_back_and_no_more(flow: Flow) -> None:
    """Contract 5: calm saves up the burst, not hours of frames."""
    flow.receive(*numbers(5))
    flow.forward(3600)
    flow.receive(*numbers(20))
    assert len(flow.seen) <= 5 + 7


async def test_large_frames_count_more(flow: Flow) -> None:
    """Contract 5: 64 KiB are the work of several frames."""
    flow.receive(b"x" * 65_536, b"y", b"z")
    assert len(flow.seen) == 2
    assert not flow.wire.reading


async def test_frames_that_are_no_messages_count(flow: Flow) -> None:
    """Contract 5: control frames and fragments are work as well; reading stops for them, too."""
    for _ in range(50):
        flow.connection.other_received()
    assert not flow.wire.reading
    flow.receive(b"behind")
    assert flow.seen == []
    flow.forward(4)
    assert flow.seen == []
    assert not flow.wire.reading
    flow.forward(2)
    assert flow.seen == [b"behind"]
    assert flow.wire.reading


async def test_held_frames_wait_in_order(flow: Flow) -> None:
    """While a join is decided frames wait; one of them may hold those behind it again."""

    def hold(data: bytes) -> None:
        if data in (b"0", b"2"):
            flow.connection.hold()

    flow.on_frame = hold
    flow.receive(*numbers(4))
    assert flow.seen == [b"0"]
    assert not flow.wire.reading
    flow.connection.release()
    assert flow.seen == [b"0", b"1", b"2"]
    assert not flow.wire.reading
    flow.connection.release()
    assert flow.seen == numbers(4)
    assert flow.wire.reading


async def test_release_while_throttled_waits_for_both(flow: Flow) -> None:
    """Neither the end of a hold nor the end of a pause lets frames in while the other lasts."""
    flow.receive(*numbers(6))
    flow.connection.hold()
    flow.receive(b"x")
    flow.forward(60)
    assert b"x" not in flow.seen
    flow.connection.release()
    assert flow.seen == [*numbers(6), b"x"]
    assert flow.wire.reading


async def test_without_a_backlog_reading_never_stops(flow: Flow) -> None:
    """A pause alone does not stop reading: the next frame does, if there is one."""
    flow.receive(*numbers(6))
    assert flow.wire.reading
    flow.forward(5)
    assert flow.wire.reading


async def test_nothing_is_let_in_after_the_end(flow: Flow) -> None:
    """A frame that ends the socket is the last."""
    flow.on_frame = lambda data: flow.connection.close(CloseCode.BAD_REQUEST) if data == b"2" else None
    flow.connection.hold()
    flow.receive(*numbers(4))
    flow.connection.release()
    assert flow.seen == numbers(3)
    flow.receive(b"late")
    flow.connection.other_received()
    flow.forward(60)
    assert flow.seen == numbers(3)


# Out


async def test_frames_of_one_turn_are_written_together(flow: Flow) -> None:
    """One write for what falls due in one turn of the event loop, in order."""
    for frame in numbers(3):
        flow.connection.send(frame)
    assert flow.wire.writes == []
    flow.forward(0)
    assert flow.wire.writes == [numbers(3)]
    flow.connection.send(b"next")
    flow.forward(0)
    assert flow.wire.frames == [*numbers(3), b"next"]


async def test_much_is_written_without_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is pending is bounded also within one turn."""
    flow = Flow(monkeypatch, outbox=1_000_000)
    flow.connection.send(b"x" * module._FLUSH_AT)
    assert len(flow.wire.writes) == 1
    flow.forward(0)
    assert len(flow.wire.writes) == 1


@pytest.mark.parametrize(("excess", "kept"), [(0, True), (1, False)])
async def test_the_outbox_is_exact(flow: Flow, excess: int, kept: bool) -> None:
    """Contract 5: as much as the setting says may wait; one byte more ends the socket with 4003."""
    frame = b"x" * 100
    flow.wire.waiting = 1000 - len(frame) - FRAME_OVERHEAD + excess
    flow.connection.send(frame)
    flow.forward(0)
    assert (flow.wire.frames == [frame]) is kept
    assert [code for code, _ in flow.wire.closed] == ([] if kept else [4003])


async def test_after_an_overflow_nothing_is_sent(flow: Flow) -> None:
    """Contract 5: overflow closes; nothing is dropped in silence on a socket that stays open."""
    flow.wire.waiting = 5000
    flow.connection.send(b"x")
    flow.forward(0)
    flow.wire.waiting = 0
    flow.connection.send(b"y")
    flow.connection.close(CloseCode.SERVER_SHUTDOWN)
    flow.forward(1)
    assert flow.wire.frames == []
    assert len(flow.wire.closed) == 1


async def test_close_comes_after_what_was_sent(flow: Flow) -> None:
    """Contract 2: `room_left` is followed by the close, not overtaken by it."""
    flow.connection.send(b"last words")
    flow.connection.close(CloseCode.ROOM_CLOSED)
    assert flow.wire.frames == [b"last words"]
    assert [code for code, _ in flow.wire.closed] == [4505]
    flow.forward(1)
    assert flow.wire.frames == [b"last words"]


async def test_a_socket_may_be_listened_to_while_it_is_closed(flow: Flow) -> None:
    """A node stops: what the peer says until it hears of that is let in, and nothing is sent any more."""
    flow.connection.send(b"last words")
    flow.connection.close(CloseCode.SERVER_SHUTDOWN, listening=True)
    flow.connection.send(b"too late")
    flow.receive(*numbers(8))
    assert len(flow.seen) < 8
    flow.forward(1)
    assert flow.seen == numbers(8)
    assert flow.wire.frames == [b"last words"]
    flow.connection.close(CloseCode.SERVER_SHUTDOWN)
    flow.receive(*numbers(1, 8))
    assert flow.seen == numbers(8)
    assert [code for code, _ in flow.wire.closed] == [4001]


async def test_a_lost_socket_is_left_alone(flow: Flow) -> None:
    """After the line is gone nothing is written, closed or let in."""
    flow.connection.send(b"x")
    flow.receive(*numbers(10))
    seen = list(flow.seen)
    flow.connection.lost()
    flow.connection.close(CloseCode.SERVER_SHUTDOWN)
    flow.connection.release()
    flow.forward(60)
    assert flow.wire.writes == []
    assert flow.wire.closed == []
    assert flow.seen == seen


async def test_with_the_real_event_loop() -> None:
    """The pieces fit: a throttled socket on asyncio's own clock gets everything."""
    wire = Wire()
    seen: list[bytes] = []
    limits = Limits(outbox_bytes=1000, frames_per_second=1000, burst_frames=10)
    flushes = Flushes(asyncio.get_running_loop())
    connection = Connection(wire, limits, seen.append, lambda: None, Metrics(), flushes)
    for frame in numbers(60):
        connection.frame_received(frame)
    connection.send(b"out")
    async with asyncio.timeout(20):
        while len(seen) < 60:  # noqa: ASYNC110 - the clock is what is tested
            await asyncio.sleep(0.005)
    assert seen == numbers(60)
    assert wire.reading
    assert wire.frames == [b"out"]
