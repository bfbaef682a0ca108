"""What the servers have to do. Each workload gives figures by name, of one server at one time.

`cpu` in a name: per second of the server's CPU time. `generator` is the share of its own core that the load
generator used; while that is below 1, it had time to spare and did not hold the server back.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable
from typing import Final

from bench.dialects import Guide, Kind
from bench.frames import ICE_BYTES, SDP_BYTES, masked
from bench.servers import Process, Server
from bench.setting import (
    CONNECTIONS_OF_REST,
    ask,
    create_request,
    frames_between,
    open_sockets,
    read_request,
    rooms,
    seated,
)
from bench.sockets import DEADLINE, Echo, LineLost, Socket, Stopwatch

Figures = dict[str, float]

SOCKETS: Final = 100
WARM_UP: Final = 0.5
CLASS: Final = 30


class Meter:
    """What the servers and the load generator use, from `start` to `stop`."""

    def __init__(self, *processes: Process) -> None:
        self._processes = processes
        self.cpu = self.wall = self.generator = 0.0

    def start(self) -> None:
        """From now on."""
        self._cpu = sum(process.cpu_seconds() for process in self._processes)
        self._wall, self._own = time.perf_counter(), time.process_time()

    def stop(self) -> None:
        """Until now."""
        self.wall = time.perf_counter() - self._wall
        self.generator = (time.process_time() - self._own) / self.wall
        self.cpu = sum(process.cpu_seconds() for process in self._processes) - self._cpu

    def shares(self) -> Figures:
        """How busy the two cores were."""
        return {"generator": self.generator, "server": self.cpu / self.wall}


# Frames


async def relay(server: Server, seconds: float, kind: Kind, size: int, in_flight: int) -> Figures:
    """Sockets in rooms of two, each with so many frames on their way: an answer for every frame."""
    sockets = await seated(server, SOCKETS, in_room=2)
    echoes = await _echoes([(server, one, other) for one, other in _pairs(sockets)], kind, size, in_flight)
    meter = Meter(server)
    frames = await _exchange(echoes, in_flight, seconds, meter)
    return {"frames_per_cpu_second": frames / meter.cpu, **meter.shares()}


async def _exchange(echoes: list[Echo], in_flight: int, seconds: float, meter: Meter) -> int:
    for echo in echoes:
        echo.start(in_flight)
    await asyncio.sleep(WARM_UP)
    meter.start()
    before = sum(echo.received for echo in echoes)
    await asyncio.sleep(seconds)
    frames = sum(echo.received for echo in echoes) - before
    meter.stop()
    for echo in echoes:
        echo.stopped = True
    ends = time.monotonic() + DEADLINE
    while sum(echo.received for echo in echoes) < sum(echo.sent for echo in echoes):
        if time.monotonic() > ends:
            raise LineLost("frames were lost on their way")
        await asyncio.sleep(0.01)
    if not all(echo.intact for echo in echoes):
        raise LineLost("what came last is not what was sent")
    return frames


async def _echoes(
    pairs: list[tuple[Server, Socket, Socket]], kind: Kind, size: int, in_flight: int
) -> list[Echo]:
    """The two sockets of each pair may be at different servers that speak alike."""
    made: list[tuple[Socket, bytes, bytes]] = []
    for server, one, other in pairs:
        there, there_comes = await frames_between(server, one, other, kind, size)
        back, back_comes = await frames_between(server, other, one, kind, size)
        made += [(one, there, back_comes), (other, back, there_comes)]
    return [Echo(socket, frame, expected, in_flight) for socket, frame, expected in made]


def _pairs(sockets: list[Socket]) -> list[tuple[Socket, Socket]]:
    return list(zip(sockets[::2], sockets[1::2], strict=True))


LATENCY_RATE: Final = 2000


async def latency(server: Server, seconds: float) -> Figures:
    """A steady 2,000 frames a second over 100 sockets: how long a frame takes from socket to socket."""
    sockets = await seated(server, SOCKETS, in_room=2)
    watches: list[Stopwatch] = []
    for one, other in _pairs(sockets):
        there, there_comes = await frames_between(server, one, other, "ice_candidate", ICE_BYTES)
        back, back_comes = await frames_between(server, other, one, "ice_candidate", ICE_BYTES)
        watches += [Stopwatch(one, there, back_comes), Stopwatch(other, back, there_comes)]
        watches[-1].partner, watches[-2].partner = watches[-2], watches[-1]
    await _steadily(watches, WARM_UP)
    for watch in watches:
        watch.seconds.clear()
    meter = Meter(server)
    meter.start()
    await _steadily(watches, seconds)
    meter.stop()
    measured = sorted(second for watch in watches for second in watch.seconds)
    return {
        "p50_ms": 1000 * measured[len(measured) // 2],
        "p99_ms": 1000 * measured[len(measured) * 99 // 100],
        **meter.shares(),
    }


async def _steadily(watches: list[Stopwatch], seconds: float) -> None:
    """Send at the rate for so long, and wait until all has arrived."""
    started, sent = time.perf_counter(), 0
    while (passed := time.perf_counter() - started) < seconds:
        while sent < passed * LATENCY_RATE:
            watches[sent % len(watches)].send()
            sent += 1
        await asyncio.sleep(0.001)
    ends = time.monotonic() + DEADLINE
    while any(watch.sent_at for watch in watches):
        if time.monotonic() > ends:
            raise LineLost("frames were lost on their way")
        await asyncio.sleep(0.01)


# Classes


class _Pupil:
    """Counts whom a socket knows of, without taking apart what it is told."""

    def __init__(self, socket: Socket, told: Callable[[], None]) -> None:
        self.socket = socket
        self.known = 0
        self._told = told
        socket.on_text = self._on_text

    def _on_text(self, text: bytes) -> None:
        if text.startswith(b'{"type":"participant_joined"'):
            self.known += 1
        elif text.startswith(b'{"type":"room_joined"'):
            # Each of the others is in the list with its id.
            self.known += text[text.index(b'"participants"') :].count(b'"socket_id"')
        else:
            raise LineLost(text.decode())
        if self.known == CLASS - 1:
            self._told()


BATCHES: Final = 3


async def classes(server: Server, count: int) -> Figures:
    """So many classes of 30, connected already, join at one moment; done when each knows the 29 others.

    Three times; the first, in which a fresh process is still finding its feet, does not count.
    """
    meters = [await _classes(server, count) for _ in range(BATCHES)][1:]
    wall, cpu = sum(meter.wall for meter in meters), sum(meter.cpu for meter in meters)
    return {
        "ms_per_class": 1000 * wall / count / len(meters),
        "cpu_ms_per_class": 1000 * cpu / count / len(meters),
        "generator": max(meter.generator for meter in meters),
        "server": cpu / wall,
    }


async def _classes(server: Server, count: int) -> Meter:
    sockets = await open_sockets(server, count * CLASS)
    codes = await rooms(server, count)
    done, left = asyncio.get_running_loop().create_future(), len(sockets)

    def told() -> None:
        nonlocal left
        left -= 1
        if not left and not done.done():
            done.set_result(None)

    for socket in sockets:
        _Pupil(socket, told)
    guide = Guide()
    joins = [masked(guide.join(codes[number // CLASS])) for number in range(len(sockets))]
    meter = Meter(server)
    meter.start()
    # The first of each class, then the second, and so on: as they come in school.
    for seat in range(CLASS):
        for number in range(seat, len(sockets), CLASS):
            sockets[number].transport.write(joins[number])
    await asyncio.wait_for(done, DEADLINE)
    meter.stop()
    return meter


NEIGHBOURS: Final = 5
"""Peers with whom a newcomer sets up a connection: the teacher and a few."""

CANDIDATES: Final = 3


class _Negotiations:
    """What the pupils of a morning say to each other, and whether it all arrives."""

    def __init__(self) -> None:
        self.expected = self.received = 0
        self._guide = Guide()

    def begin(self, socket: Socket, to: str, kind: Kind) -> None:
        """A description, and candidates after it."""
        sdp, _ = self._guide.relay(kind, socket.id, to, SDP_BYTES)
        ice, _ = self._guide.relay("ice_candidate", socket.id, to, ICE_BYTES)
        socket.transport.write(masked(sdp) + b"".join(masked(ice) for _ in range(CANDIDATES)))
        self.expected += 1 + CANDIDATES

    def listen(self, socket: Socket) -> None:
        """Answer offers from now on."""

        def on_text(text: bytes) -> None:
            if text.startswith(b'{"type":"offer"'):
                self.received += 1
                start = text.index(b'"from":"') + 8
                self.begin(socket, text[start : text.index(b'"', start)].decode(), "answer")
            elif text.startswith((b'{"type":"answer"', b'{"type":"ice_candidate"')):
                self.received += 1
            elif text.startswith(b'{"type":"error"'):
                raise LineLost(text.decode())

        early, socket.on_text = list(socket.texts), on_text
        for text in early:
            on_text(text)

    async def all_arrived(self) -> None:
        """Raises LineLost where something is still missing after a while."""
        ends = time.monotonic() + DEADLINE
        while self.received < self.expected:
            if time.monotonic() > ends:
                raise LineLost(f"{self.expected - self.received} frames were lost on their way")
            await asyncio.sleep(0.01)


async def morning(server: Server, count: int, seconds: float) -> Figures:
    """So many classes of 30 come in within this time.

    Each pupil connects, joins, offers to five who are there, is answered, and both sides trickle candidates.
    """
    await seated(server, CLASS, in_room=CLASS)
    arrivals = [code for code in await rooms(server, count) for _ in range(CLASS)]
    random.Random(0).shuffle(arrivals)
    guide, negotiations = Guide(), _Negotiations()
    waits: list[float] = []

    async def arrive(code: str, after: float) -> None:
        await asyncio.sleep(after)
        began = time.perf_counter()
        socket = await guide.open(server.port)
        socket.send(guide.join(code))
        joined = await socket.text_with(b'"room_joined"')
        waits.append(time.perf_counter() - began)
        negotiations.listen(socket)
        others = joined[joined.index(b'"participants"') :].split(b'"socket_id":"')[1 : NEIGHBOURS + 1]
        for other in others:
            negotiations.begin(socket, other[: other.index(b'"')].decode(), "offer")

    meter = Meter(server)
    meter.start()
    async with asyncio.TaskGroup() as group:
        for number, code in enumerate(arrivals):
            group.create_task(arrive(code, number * seconds / len(arrivals)))
    await negotiations.all_arrived()
    meter.stop()
    return {
        "cpu_ms_per_pupil": 1000 * meter.cpu / len(arrivals),
        "in_room_p99_ms": 1000 * sorted(waits)[len(waits) * 99 // 100],
        **meter.shares(),
    }


# Coming and going


async def churn(server: Server, seconds: float, workers: int = 32) -> Figures:
    """Connect, join a room, leave by closing, over and over."""
    codes = await rooms(server, workers) if server.dialect.rooms else [""] * workers
    visits, stop = 0, False

    async def visit(code: str) -> None:
        nonlocal visits
        while not stop:
            socket = await server.dialect.open(server.port)
            await server.dialect.enter(socket, code)
            await socket.close()
            visits += 1

    meter = Meter(server)
    async with asyncio.TaskGroup() as group:
        for code in codes:
            group.create_task(visit(code))
        await asyncio.sleep(WARM_UP)
        before = visits
        meter.start()
        await asyncio.sleep(seconds)
        made = visits - before
        meter.stop()
        stop = True
    return {"visits_per_cpu_second": made / meter.cpu, **meter.shares()}


async def rest_create(server: Server, seconds: float) -> Figures:
    """`POST /api/rooms` over and over on 16 connections."""
    return await _rest(server, seconds, lambda: create_request(server.port), b"201")


async def rest_read(server: Server, seconds: float) -> Figures:
    """`GET /api/rooms/{code}` over and over on 16 connections."""
    codes = await rooms(server, CONNECTIONS_OF_REST)
    requests = [read_request(server.port, code) for code in codes]
    return await _rest(server, seconds, lambda: random.choice(requests), b"200")


async def _rest(server: Server, seconds: float, request: Callable[[], bytes], status: bytes) -> Figures:
    connections = [await ask(server.port, request, status) for _ in range(CONNECTIONS_OF_REST)]
    await asyncio.sleep(WARM_UP)
    meter = Meter(server)
    before = sum(connection.answers for connection in connections)
    meter.start()
    await asyncio.sleep(seconds)
    made = sum(connection.answers for connection in connections) - before
    meter.stop()
    for connection in connections:
        connection.stopped = True
    await asyncio.gather(*(asyncio.wait_for(connection.idle, DEADLINE) for connection in connections))
    return {"requests_per_cpu_second": made / meter.cpu, **meter.shares()}


# Memory


async def idle(server: Server, count: int, settle: float) -> Figures:
    """Memory of each socket that is in a room of 25 and says nothing, once pings have gone round."""
    for socket in await seated(server, count // 20, in_room=25):
        await socket.close()
    await asyncio.sleep(settle)
    empty = server.resident_bytes()
    tenth = count // 10
    first = await seated(server, tenth, in_room=25)
    await asyncio.sleep(settle)
    before = server.resident_bytes()
    rest = await seated(server, count - tenth, in_room=25)
    await asyncio.sleep(settle)
    grown = server.resident_bytes() - before
    if any(socket.closed.done() for socket in (*first, *rest)):
        raise LineLost("sockets were closed while idle")
    for socket in (*first, *rest):
        await socket.close()
    await asyncio.sleep(settle)
    return {
        "bytes_per_socket": grown / (count - tenth),
        "left_mb": (server.resident_bytes() - empty) / 1e6,
        "sockets": float(count),
    }


# Nodes


async def across(near: Server, far: Server, redis: Process, seconds: float) -> Figures:
    """Candidates between sockets of two nodes, eight in flight from each; then the same within one node."""
    sockets = [socket for pair in await _two_by_two(near, far) for socket in pair]
    local = await seated(near, SOCKETS, in_room=2)
    nodes, redis_meter = Meter(near, far), Meter(redis)
    between = await _echoes([(near, *pair) for pair in _pairs(sockets)], "ice_candidate", ICE_BYTES, 8)
    redis_meter.start()
    frames = await _exchange(between, 8, seconds, nodes)
    redis_meter.stop()
    within = await _echoes([(near, *pair) for pair in _pairs(local)], "ice_candidate", ICE_BYTES, 8)
    meter = Meter(near)
    local_frames = await _exchange(within, 8, seconds, meter)
    across_us, local_us = 1e6 * nodes.cpu / frames, 1e6 * meter.cpu / local_frames
    return {
        "across_cpu_us": across_us,
        "local_cpu_us": local_us,
        "redis_cpu_us": 1e6 * redis_meter.cpu / sum(echo.received for echo in between),
        "times_local": across_us / local_us,
        **nodes.shares(),
    }


async def _two_by_two(near: Server, far: Server) -> list[tuple[Socket, Socket]]:
    codes = await rooms(near, SOCKETS // 2)
    here, there = await open_sockets(near, SOCKETS // 2), await open_sockets(far, SOCKETS // 2)
    for code, one, other in zip(codes, here, there, strict=True):
        await near.dialect.enter(one, code)
        await far.dialect.enter(other, code)
        await one.text_with(b'"participant_joined"')
    return list(zip(here, there, strict=True))
