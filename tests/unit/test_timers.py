"""Timed work: expiry and purge, by whoever looks at the due list (architecture, 6)."""

from __future__ import annotations

import asyncio
import contextlib

import pytest

from signaling.contract.errors import ErrorCode, SignalingError
from signaling.contract.types import RoomState
from signaling.rooms import timers as module
from signaling.rooms.service import NewRoom
from signaling.rooms.timers import Timers
from support.memory import Rooms, until


@pytest.fixture
async def rooms() -> Rooms:
    return Rooms()


async def test_a_room_expires_and_is_purged(rooms: Rooms) -> None:
    """Contract 1: expired at its time, readable for ROOM_RETENTION_HOURS, then gone."""
    room, _ = await rooms.service.create(NewRoom(ttl_hours=1))
    timers = Timers(rooms.service, rooms.store)
    rooms.clock.forward(hours=1, milliseconds=-1)
    assert await timers.work_off() == 0
    rooms.clock.forward(milliseconds=1)
    assert await timers.work_off() == 1
    assert rooms.store.rooms[room.code].state is RoomState.EXPIRED
    assert await timers.work_off() == 0
    rooms.clock.forward(hours=168, milliseconds=-1)
    assert await timers.work_off() == 0
    rooms.clock.forward(milliseconds=1)
    assert await timers.work_off() == 1
    with pytest.raises(SignalingError) as caught:
        await rooms.service.get(room.code)
    assert caught.value.code is ErrorCode.ROOM_NOT_FOUND


async def test_two_nodes_do_it_once(rooms: Rooms) -> None:
    """Architecture 6: losing the race is harmless."""
    room, _ = await rooms.service.create(NewRoom(ttl_hours=1))
    rooms.clock.forward(hours=1)
    await asyncio.gather(*(Timers(rooms.service, rooms.store).work_off() for _ in range(5)))
    kinds = [type(event).__name__ for event in rooms.store.logs[room.code]]
    assert kinds == ["RoomCreated", "RoomExpired"]


async def test_a_store_that_is_away_is_asked_again(rooms: Rooms) -> None:
    await rooms.service.create(NewRoom(ttl_hours=1))
    rooms.clock.forward(hours=1)
    timers = Timers(rooms.service, rooms.store)
    rooms.store.away = True
    assert await timers.work_off() == 0
    rooms.store.away = False
    assert await timers.work_off() == 1


async def test_the_loop_outlives_what_nobody_foresaw(rooms: Rooms, monkeypatch: pytest.MonkeyPatch) -> None:
    """A failure at one room, or of one look, must not keep other rooms from ever expiring."""
    monkeypatch.setattr(module, "INTERVAL", 0)
    bad, _ = await rooms.service.create(NewRoom(ttl_hours=1))
    good, _ = await rooms.service.create(NewRoom(ttl_hours=1))
    tick = rooms.service.tick
    failures = 0

    async def sometimes(code: str) -> None:
        nonlocal failures
        if code == bad.code and failures < 3:
            failures += 1
            raise ZeroDivisionError
        await tick(code)

    monkeypatch.setattr(rooms.service, "tick", sometimes)
    rooms.clock.forward(hours=1)
    running = asyncio.create_task(Timers(rooms.service, rooms.store).run())
    await until(lambda: rooms.store.rooms[good.code].state is RoomState.EXPIRED)
    await until(lambda: rooms.store.rooms[bad.code].state is RoomState.EXPIRED)
    assert not running.done()
    running.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await running


async def test_many_that_are_due_are_done_batch_by_batch(
    rooms: Rooms, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "BATCH", 4)
    for _ in range(10):
        await rooms.service.create(NewRoom(ttl_hours=1))
    rooms.clock.forward(hours=1)
    timers = Timers(rooms.service, rooms.store)
    assert [await timers.work_off() for _ in range(4)] == [4, 4, 2, 0]
