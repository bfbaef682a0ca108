"""Timed work: expiry and purge, by whoever looks at the due list (architecture, 6)."""

from __future__ import annotations

import asyncio
import contextlib

import pytest

from signaling.contract.errors import ErrorCode, SignalingError
from signaling.contract.types import RoomState
from signaling.rooms import timers as module
from signaling.rooms.ports import StoreUnavailable
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


@pytest.mark.parametrize("call", ["due", "commit"])
async def test_seats_that_were_to_end_while_the_store_was_away_are_kept_a_grace_period_more(
    monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    """Nobody could come back for them: not one of them ends because the store was away."""
    rooms = Rooms(grace_seconds=20)
    timers = Timers(rooms.service, rooms.store)
    room, _ = await rooms.service.create(NewRoom(max_participants=2))
    code = room.code
    tokens = {}
    for name in ("back", "gone"):
        await rooms.service.join(code, socket_id=name, display_name="x", user_id=None)
        seat = rooms.store.rooms[code].seats[name]
        await rooms.service.lose_line(code, seat)
        tokens[name] = seat.generation
    rooms.clock.forward(milliseconds=20_200)

    async def unavailable(*_: object) -> object:
        raise StoreUnavailable("away")

    with monkeypatch.context() as patch:
        patch.setattr(rooms.store, call, unavailable)
        assert await timers.work_off() == 0
        rooms.clock.forward(milliseconds=60_000)
        assert await timers.work_off() == 0
    assert await timers.work_off() == 0
    assert set(rooms.store.rooms[code].seats) == {"back", "gone"}
    with pytest.raises(SignalingError) as caught:
        await rooms.service.join(code, socket_id="new", display_name="x", user_id=None)
    assert caught.value.code is ErrorCode.ROOM_FULL
    await rooms.service.resume(code, "back", tokens["back"])
    rooms.clock.forward(milliseconds=20_000)
    assert await timers.work_off() == 1
    assert list(rooms.store.rooms[code].seats) == ["back"]


async def test_seats_whose_time_was_over_before_the_store_went_away_are_not_kept() -> None:
    rooms = Rooms(grace_seconds=20)
    timers = Timers(rooms.service, rooms.store)
    room, _ = await rooms.service.create(NewRoom())
    await rooms.service.join(room.code, socket_id="gone", display_name="x", user_id=None)
    await rooms.service.lose_line(room.code, rooms.store.rooms[room.code].seats["gone"])
    rooms.clock.forward(milliseconds=25_000)
    rooms.store.away = True
    assert await timers.work_off() == 0
    rooms.store.away = False
    assert await timers.work_off() == 1
    assert not rooms.store.rooms[room.code].seats


async def test_the_loop_outlives_what_nobody_foresaw(rooms: Rooms, monkeypatch: pytest.MonkeyPatch) -> None:
    """A failure at one room, or of one look, must not keep other rooms from ever expiring."""
    monkeypatch.setattr(module, "INTERVAL", 0)
    bad, _ = await rooms.service.create(NewRoom(ttl_hours=1))
    good, _ = await rooms.service.create(NewRoom(ttl_hours=1))
    tick = rooms.service.tick
    failures = 0

    async def sometimes(code: str) -> bool:
        nonlocal failures
        if code == bad.code and failures < 3:
            failures += 1
            raise ZeroDivisionError
        return await tick(code)

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
