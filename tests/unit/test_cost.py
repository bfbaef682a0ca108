"""What a frame costs, counted instead of timed: on the real road, from the protocol class to the transport.

These numbers are the same on every machine. Where one has risen, the road of every frame became longer: look
at it with `make bench`, and if it is worth it (or shorter than before), write the new number here.
"""

from __future__ import annotations

import asyncio
import gc
import sys
import tracemalloc
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

import pytest
from structlog.testing import capture_logs

import signaling
from bench.dialects import Guide, Kind
from bench.frames import ICE_BYTES, SDP_BYTES, masked
from signaling.domain.events import Seat
from signaling.domain.room import Room
from signaling.realtime.connection import Connection
from signaling.realtime.hub import LocalRoom, Member
from signaling.realtime.replay import Replay
from signaling.realtime.session import Session
from signaling.rooms.replica import Replica
from signaling.web.arrivals import Arrival
from signaling.web.http_protocol import BoundedHttpProtocol
from signaling.web.socket_protocol import SocketProtocol
from support.in_process import KEY, InProcess, Peer, running, settle, until
from support.raw import CLOSE, PING, PONG

SOURCES = str(Path(signaling.__file__).parent)
OTHERS = ("websockets", "uvicorn", "prometheus_client", "structlog", "logging")
"""Packages that frames could be led through as well."""

CALLS = 17
"""Python functions that run for a relayed frame, which comes alone: reading, deciding, writing."""

CALLS_IN_A_BURST = 11
"""The same for each further frame of one read: those to one socket are written together."""

CALLS_FOR_A_READ = 62
"""The same, at most, for a room that is read by REST: from the bytes of the request to those of the answer,
with the request's count and its log line, but for how that is rendered."""

COPIES = 5
"""How often a large frame is in memory at most, beside what came in: masked, unmasked, encoded, written."""

IDLE_BYTES = 8_000
"""Python's memory for a socket that is in a room and idle, beside that of uvloop and of the kernel."""

FRAMES = 50
ROOM_PARTS = (LocalRoom, Member, Replay, Replica, Room, Seat)
JOIN_PARTS = ("contract", "domain", "realtime")


@pytest.fixture
async def service(tmp_path: Path) -> AsyncIterator[InProcess]:
    async with running(
        tmp_path, REPLAY_FRAMES="8", BURST_FRAMES="100000", PING_INTERVAL_SECONDS="3600"
    ) as service:
        yield service


class Calls:
    """Python functions that ran, by module and name."""

    def __init__(self) -> None:
        self.by_name: Counter[str] = Counter()
        self._names: dict[CodeType, str | None] = {}

    def __call__(self, frame: FrameType, event: str, _argument: Any) -> None:
        if event == "call":
            code = frame.f_code
            if code not in self._names:
                self._names[code] = _name(code)
            name = self._names[code]
            if name is not None:
                self.by_name[name] += 1

    def of(self, *parts: str) -> Counter[str]:
        """Those of these parts of the service."""
        return Counter({name: count for name, count in self.by_name.items() if name.startswith(parts)})

    def told(self) -> str:
        return "\n".join(f"{count:6} {name}" for name, count in self.by_name.most_common())


def _name(code: CodeType) -> str | None:
    path = Path(code.co_filename)
    if code.co_filename.startswith(SOURCES):
        return f"{path.relative_to(SOURCES).with_suffix('')}: {code.co_qualname}"
    if "site-packages" in path.parts and any(package in path.parts for package in OTHERS):
        return f"{path.name}: {code.co_qualname}"
    return None


@contextmanager
def counted() -> Iterator[Calls]:
    calls = Calls()
    before = sys.getprofile()
    sys.setprofile(calls)
    try:
        yield calls
    finally:
        sys.setprofile(before)


async def pair(service: InProcess) -> tuple[Peer, Peer]:
    code = await service.room()
    return await service.seat(code), await service.seat(code)


def frame(sender: Peer, receiver: Peer, kind: Kind = "ice_candidate", size: int = ICE_BYTES) -> bytes:
    return masked(Guide().relay(kind, sender.id, receiver.id, size)[0])


async def relayed(sender: Peer, receiver: Peer, times: int, *, at_once: int = 1) -> Calls:
    """The calls for so many reads, each of so many frames, all of which arrived.

    Of three tries the least: the service's own timers may come in between.
    """
    return min(
        [await _relayed(sender, receiver, times, at_once) for _ in range(3)],
        key=lambda calls: calls.by_name.total(),
    )


async def _relayed(sender: Peer, receiver: Peer, times: int, at_once: int) -> Calls:
    data = frame(sender, receiver) * at_once
    sender.feed(data)
    await settle()
    receiver.frames()
    with counted() as calls:
        for _ in range(times):
            sender.feed(data)
            await asyncio.sleep(0)
    await settle()
    assert len(receiver.messages()) == times * at_once
    return calls


async def test_calls_for_a_frame(service: InProcess) -> None:
    """No task switch, no decoding of what is carried, no log line, no store."""
    calls = await relayed(*await pair(service), FRAMES)
    assert calls.by_name.total() == CALLS * FRAMES, (
        f"a relayed frame takes {calls.by_name.total() / FRAMES} calls instead of {CALLS} (see the top of "
        f"this file). For {FRAMES} frames:\n{calls.told()}"
    )


async def test_calls_for_a_frame_of_a_burst(service: InProcess) -> None:
    sender, receiver = await pair(service)
    one = (await relayed(sender, receiver, FRAMES)).by_name.total()
    nine = await relayed(sender, receiver, FRAMES, at_once=9)
    further = (nine.by_name.total() - one) / (8 * FRAMES)
    assert further == CALLS_IN_A_BURST, (
        f"each further frame of a read takes {further} calls instead of {CALLS_IN_A_BURST} (see the top of "
        f"this file). For {FRAMES} times 9 frames:\n{nine.told()}"
    )


async def test_calls_for_a_room_that_is_read(service: InProcess) -> None:
    """No task, no ASGI, nothing of Litestar's."""
    code = await service.room()
    line = service.arrive()
    request = f"GET /api/rooms/{code} HTTP/1.1\r\nHost: x\r\nX-API-Key: {KEY}\r\n\r\n".encode()
    with capture_logs() as logs:
        line.protocol.data_received(request)
        await settle()
        with counted() as calls:
            for _ in range(FRAMES):
                line.protocol.data_received(request)
                await settle()
    assert line.out.count(b"HTTP/1.1 200 OK") == len(logs) == 1 + FRAMES
    assert calls.by_name.total() <= CALLS_FOR_A_READ * FRAMES, (
        f"a room that is read takes {calls.by_name.total() / FRAMES} calls instead of {CALLS_FOR_A_READ}. "
        f"For {FRAMES}:\n{calls.told()}"
    )


async def test_a_burst_is_one_write(service: InProcess) -> None:
    sender, receiver = await pair(service)
    before = receiver.line.writes
    await _relayed(sender, receiver, FRAMES, 9)
    assert receiver.line.writes - before == FRAMES + 1


async def test_calls_do_not_depend_on_the_rooms(service: InProcess) -> None:
    few = await relayed(*await pair(service), FRAMES)
    for _ in range(60):
        await pair(service)
    assert (await relayed(*await pair(service), FRAMES)).by_name == few.by_name


async def test_a_frame_leaves_nothing_behind(service: InProcess) -> None:
    """Once the seat's frames for a resume are as many as are kept, every frame takes the place of another."""
    sender, receiver = await pair(service)
    await relayed(sender, receiver, FRAMES)
    data = frame(sender, receiver)

    async def relay(times: int) -> int:
        before = sys.getallocatedblocks()
        for _ in range(times):
            sender.feed(data)
            await asyncio.sleep(0)
            receiver.line.out.clear()
        return sys.getallocatedblocks() - before

    await relay(100)
    left = min([await relay(500) for _ in range(3)])
    assert left < 100, f"500 relayed frames leave {left} blocks of memory behind"


async def test_copies_of_a_large_frame(service: InProcess) -> None:
    sender, receiver = await pair(service)
    size = 8 * SDP_BYTES
    data = frame(sender, receiver, "offer", size)
    sender.feed(data)
    await settle()
    receiver.line.out = bytearray(2 * size)
    receiver.line.out.clear()
    peaks = []
    tracemalloc.start()
    try:
        for _ in range(12):
            tracemalloc.reset_peak()
            before, _ = tracemalloc.get_traced_memory()
            sender.feed(data)
            await asyncio.sleep(0)
            peaks.append(tracemalloc.get_traced_memory()[1] - before)
            receiver.line.out.clear()
    finally:
        tracemalloc.stop()
    copies = min(peaks) / size
    assert copies < COPIES, f"{copies:.1f} copies of a frame are in memory at once: not to be {COPIES}"


async def test_memory_of_an_idle_socket(service: InProcess) -> None:
    code = await service.room(seats=100)
    for _ in range(25):
        await service.seat(code)
    gc.collect()
    tracemalloc.start()
    try:
        peers = [await service.seat(code) for _ in range(25)]
        for peer in peers:
            # What it was told is kept for a resume until it is known to have arrived.
            peer.protocol.ping()
            payload = next(payload for opcode, payload in peer.frames() if opcode == PING)
            peer.feed(masked(payload, PONG))
        gc.collect()
        ours, whole = of_service(tracemalloc.take_snapshot())
    finally:
        tracemalloc.stop()
    assert ours / len(peers) < IDLE_BYTES, whole


def of_service(snapshot: tracemalloc.Snapshot) -> tuple[int, str]:
    """The memory that was not taken by what plays the other end, and where it was taken."""
    support = str(Path(__file__).parents[1])
    left_out = [tracemalloc.Filter(False, f"{support}/*"), tracemalloc.Filter(False, tracemalloc.__file__)]
    statistics = snapshot.filter_traces(left_out).statistics("lineno")
    return sum(line.size for line in statistics), "\n".join(str(line) for line in statistics[:25])


async def test_a_socket_that_is_gone_leaves_no_cycles(service: InProcess) -> None:
    """Its memory is free at once, without the garbage collector."""
    code = await service.room()
    await service.seat(code)
    for _ in range(2):  # The first time, something may be made that stays.
        gc.collect()
        gc.disable()
        try:
            others = living()
            peers = [await service.seat(code) for _ in range(5)]
            peers += [await service.connect() for _ in range(5)]
            assert living() - others == Counter({SocketProtocol: 10, Session: 10, Connection: 10, Member: 5})
            for peer in peers:
                peer.feed(masked((1000).to_bytes(2, "big"), CLOSE))
            await until(lambda: len(service.node.gateway._sessions) == 1, "the end of the sockets")
            service.forget(peers)
            del peers, peer
            await gone(others)
        finally:
            gc.enable()


async def gone(others: Counter[type]) -> None:
    """Wait until there are only these, as the store has heard of the end of the seats."""
    await until(lambda: living() == others, "the end of all others")


def living() -> Counter[type]:
    """How many there are of what a socket is made of."""
    kinds = (SocketProtocol, Session, Connection, Member, Arrival, BoundedHttpProtocol)
    return Counter(type(thing) for thing in gc.get_objects() if isinstance(thing, kinds))


async def test_a_join_tells_the_members_and_nobody_else(service: InProcess) -> None:
    """A join costs frames to the members of its room, and calls in proportion to them."""
    elsewhere = [await pair(service) for _ in range(10)]
    code = await service.room(seats=100)
    members = [await service.seat(code)]
    calls_at = {}
    for count in (8, 16, 32):
        while len(members) < count:
            members.append(await service.seat(code))
        peers = [*members, *(peer for both in elsewhere for peer in both)]
        for peer in peers:
            peer.frames()
        writes = {id(peer): peer.line.writes for peer in peers}
        newcomer, calls = await joined(service, code)
        calls_at[count] = calls.of(*JOIN_PARTS).total()
        for peer in members:
            assert [message["type"] for message in peer.messages()] == ["participant_joined"]
            assert peer.line.writes == writes[id(peer)] + 1
        assert all(peer.line.writes == writes[id(peer)] for both in elsewhere for peer in both)
        members.append(newcomer)
    per_member = (calls_at[16] - calls_at[8]) / 8
    assert (calls_at[32] - calls_at[16]) / 16 <= per_member + 0.5, (
        f"a join costs more than O(members): {calls_at}"
    )


async def test_a_join_does_not_depend_on_other_rooms(service: InProcess) -> None:
    async def cost() -> Counter[str]:
        code = await service.room()
        await service.seat(code)
        return (await joined(service, code))[1].of(*JOIN_PARTS)

    few = await cost()
    for _ in range(60):
        await pair(service)
    assert await cost() == few


async def joined(service: InProcess, code: str) -> tuple[Peer, Calls]:
    newcomer = await service.connect()
    with counted() as calls:
        await service.join(newcomer, code)
    return newcomer, calls


async def test_a_room_leaves_nothing_to_the_garbage_collector(service: InProcess) -> None:
    """What is known of a room, of its seats and of what they were sent goes by reference counts alone."""
    gc.collect()
    gc.disable()
    try:
        for _ in range(3):
            code = await service.room()
            for peer in (await service.seat(code), await service.seat(code)):
                await leave(peer)
        await settle()
        gc.set_debug(gc.DEBUG_SAVEALL)
        gc.collect()
        left = Counter(type(found).__name__ for found in gc.garbage if isinstance(found, ROOM_PARTS))
    finally:
        gc.set_debug(0)
        gc.garbage.clear()
        gc.enable()
    assert left == Counter()


async def leave(peer: Peer) -> None:
    peer.send({"type": "leave"})
    await until(lambda: b'"room_left"' in peer.line.out, "the leave")
