"""`make soak`: an hour of churn, after which the service must be as it was after the first minutes.

Classes come, talk, lose their lines, come back or not, and go; rooms are made and ended. In between the
process is looked at when it is empty: its memory, its open files, its threads, and what it counts itself.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import random
import statistics
import sys
import time
from pathlib import Path
from typing import Final

import uvloop
from msgspec import Struct

from bench.dialects import Guide
from bench.frames import ICE_BYTES, compact
from bench.servers import API_KEY, OURS, Cores, Server
from bench.setting import ask_once, rooms
from bench.sockets import DEADLINE, Socket

CLASS: Final = 12
CLASSES_AT_ONCE: Final = 8
SAMPLES: Final = 8
"""How often open files are counted for a look; the least is what stays."""

LOOKS: Final = 10

LONG: Final = 240.0
"""Seconds from which on memory is judged: until then caches fill."""

GROWTH: Final = 0.03
"""Share of its memory by which the process may differ from the first half of the looks to the last."""

_GUIDE: Final = Guide()

GRACE: Final = "1"
SETTINGS: Final = {
    "RECONNECT_GRACE_SECONDS": GRACE,
    "ROOM_RETENTION_HOURS": "1",
    "LOG_LEVEL": "WARNING",
    "UNKNOWN_CODES_PER_MINUTE": "100000",
}


class Look(Struct, frozen=True):
    """The process while nobody is connected."""

    resident: int
    files: int
    threads: int
    sockets: int
    seats: int


async def soak(server: Server, seconds: float) -> list[Look]:
    """Churn for so long, with looks at the process in between, and one before."""
    chance = random.Random(1)
    looks: list[Look] = []
    await _churn(server, time.monotonic() + min(seconds / 5, 120), chance)
    looks.append(await look(server))
    number = LOOKS if seconds >= LONG else 2
    for _ in range(number):
        await _churn(server, time.monotonic() + seconds / number, chance)
        looks.append(await look(server))
        print(f"{looks[-1]}", file=sys.stderr, flush=True)
    return looks


def faults(looks: list[Look], *, memory: bool = True) -> list[str]:
    """What has grown, in words."""
    first, last = looks[0], looks[-1]
    found = []
    half = len(looks) // 2
    before = statistics.median(one.resident for one in looks[:half])
    after = statistics.median(one.resident for one in looks[half:])
    if memory and after > before * (1 + GROWTH):
        found.append(f"memory grew from {before / 1e6:.1f} to {after / 1e6:.1f} MB")
    found += [
        f"{name} grew from {getattr(first, name)} to {getattr(last, name)}"
        for name in ("files", "threads")
        if getattr(last, name) > getattr(first, name)
    ]
    for one in looks:
        if one.sockets or one.seats:
            found.append(f"{one.sockets} sockets and {one.seats} seats were left when all had gone")
            break
    return found


async def look(server: Server) -> Look:
    """The process, once everybody is gone and seats that were kept have ended."""
    ends = time.monotonic() + DEADLINE
    while True:
        health = await _get(server, "/health")
        statistics_ = await _get(server, "/api/statistics")
        sockets = health["metrics"]["active_websocket_connections"]
        seats = statistics_["statistics"]["active_participants"]
        if not (sockets or seats) or time.monotonic() > ends:
            break
        await asyncio.sleep(0.2)
    process = Path(f"/proc/{server.pid}")
    files = []
    for _ in range(SAMPLES):
        # The connection of the questions above may be closing still.
        files.append(len(list((process / "fd").iterdir())))
        await asyncio.sleep(0.1)
    return Look(
        resident=server.resident_bytes(),
        files=min(files),
        threads=len(list((process / "task").iterdir())),
        sockets=sockets,
        seats=seats,
    )


async def _get(server: Server, path: str) -> dict[str, dict[str, int]]:
    request = f"GET {path} HTTP/1.1\r\nHost: x\r\nX-API-Key: {API_KEY}\r\n\r\n"
    answer: dict[str, dict[str, int]] = await ask_once(server.port, request.encode(), b"200")
    return answer


async def _churn(server: Server, until: float, chance: random.Random) -> None:
    async def classes() -> None:
        while time.monotonic() < until:
            await _one_class(server, chance)

    await asyncio.gather(*(classes() for _ in range(CLASSES_AT_ONCE)))
    gc.collect()


async def _one_class(server: Server, chance: random.Random) -> None:
    """A class comes, talks, and goes in all the ways there are."""
    (code,) = await rooms(server, 1)
    members: list[tuple[Socket, str]] = []
    for _ in range(chance.randint(2, CLASS)):
        socket = await _GUIDE.open(server.port)
        socket.send(_GUIDE.join(code))
        joined = json.loads(await socket.text_with(b'"room_joined"'))["payload"]
        members.append((socket, joined["resume_token"]))
    for socket, _ in members:
        for other, _ in members:
            if other is not socket:
                socket.send(_GUIDE.relay("ice_candidate", socket.id, other.id, ICE_BYTES)[0])
    await asyncio.gather(*(_go(server, *member, chance.randrange(6)) for member in members))
    if chance.random() < 0.3:
        await _end(server, code)


async def _go(server: Server, socket: Socket, token: str, way: int) -> None:
    if way == 0:
        socket.send(compact({"type": "leave"}))
        await _told(socket, b'"room_left"')
        await socket.close()
    elif way == 1:
        # Its line is lost, and it does not come back.
        socket.transport.abort()
    elif way == 2:
        # It is lost, and comes back, to go for good.
        socket.transport.abort()
        again = await _GUIDE.open(server.port)
        again.send(compact({"type": "resume", "payload": {"resume_token": token, "received": 1}}))
        # The seat, or the room, may have ended by then.
        await _told(again, b'"resumed"', b'"resume_failed"')
        await again.close()
    elif way == 3:
        for text, code in ((b"{", b'"invalid_json"'), (b'{"type":"nothing"}', b'"unknown_type"')):
            socket.send(text)
            await _told(socket, code)
        await socket.close()
    else:
        await socket.close()


async def _told(socket: Socket, *parts: bytes) -> None:
    """Until it is told one of these. What it sent to those who have gone is refused meanwhile."""
    while True:
        text = await socket.text()
        if any(part in text for part in parts):
            return


async def _end(server: Server, code: str) -> None:
    request = f"DELETE /api/rooms/{code} HTTP/1.1\r\nHost: x\r\nX-API-Key: {API_KEY}\r\n\r\n"
    await ask_once(server.port, request.encode(), b"200")


def main() -> None:
    """Run it on a service of its own; the exit code says whether anything grew."""
    parser = argparse.ArgumentParser(prog="make soak", description=__doc__)
    parser.add_argument("seconds", type=float, nargs="?", default=3600)
    seconds = parser.parse_args().seconds
    with Server(OURS, Cores.choose(least=1).server, SETTINGS) as server:
        looks = uvloop.run(soak(server, seconds))
    found = faults(looks, memory=seconds >= LONG)
    print("\n".join(found) or f"Nothing grew in {seconds:,.0f} s of churn: {looks[0]} -> {looks[-1]}")
    sys.exit(bool(found))


if __name__ == "__main__":
    main()
