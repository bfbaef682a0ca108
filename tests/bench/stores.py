"""Commits per second on each store, as the room service makes them: durable when they return."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

from backends.changes import create, join, leave
from bench.workloads import Figures
from signaling.backends.redis.store import RedisStore
from signaling.backends.sqlite.store import SqliteStore
from signaling.rooms.codes import new_room_code
from signaling.rooms.ports import RoomStore


async def sqlite_commits(directory: Path, rooms: int, seconds: float) -> Figures:
    """On a file in this directory."""
    store = await SqliteStore.open(directory, lambda _code, _events: None)
    try:
        return await _commits(store, rooms, seconds)
    finally:
        await store.close()


async def redis_commits(url: str, rooms: int, seconds: float) -> Figures:
    """On this Redis."""
    store = await RedisStore.open(url)
    try:
        return await _commits(store, rooms, seconds)
    finally:
        await store.close()


async def _commits(store: RoomStore, rooms: int, seconds: float) -> Figures:
    """So many rooms, in each of which a seat is taken and given up over and over."""
    done = 0
    stop = False

    async def change_on() -> None:
        nonlocal done
        now = time.time_ns() // 1_000_000
        room = None
        change = create(new_room_code(), now)
        while not stop:
            await store.commit(change)
            done += 1
            room = change.room
            change = leave(room, now=now) if room is not None and room.seats else join(room, now=now)

    async with asyncio.TaskGroup() as group:
        for _ in range(rooms):
            group.create_task(change_on())
        await asyncio.sleep(0.3)
        before, wall, cpu = done, time.perf_counter(), time.process_time()
        await asyncio.sleep(seconds)
        made = done - before
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
        stop = True
    return {"commits_per_second": made / wall, "commits_per_cpu_second": made / cpu}
