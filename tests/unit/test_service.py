"""The use cases: creating under collisions, idempotency, following a room's log."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from signaling.contract.errors import ErrorCode, SignalingError
from signaling.contract.types import LeftReason, RoomLeftReason, RoomState
from signaling.domain import commands
from signaling.domain.events import ParticipantLeft, Seat
from signaling.domain.room import Room
from signaling.rooms import service as module
from signaling.rooms.ports import StoreUnavailable
from signaling.rooms.service import HOUR, NewRoom, Recovery
from support.memory import Rooms, until


class Told:
    """A follower that keeps what it was told."""

    def __init__(self) -> None:
        self.calls: list[str] = []

    def joined(self, seat: Seat, room: Room) -> None:
        self.calls.append(f"joined {seat.socket_id}")

    def left(self, seat: Seat, reason: LeftReason) -> None:
        self.calls.append(f"left {seat.socket_id}")

    def reconnecting(self, seat: Seat) -> None:
        self.calls.append(f"reconnecting {seat.socket_id}")

    def resumed(self, before: Seat, seat: Seat, room: Room) -> None:
        self.calls.append(f"resumed {seat.socket_id}")

    def regained(self, seat: Seat) -> None:
        self.calls.append(f"regained {seat.socket_id}")

    def ended(self, reason: RoomLeftReason) -> None:
        self.calls.append(reason.value)

    def delivered(self) -> None: ...


@pytest.fixture
async def rooms() -> Rooms:
    return Rooms()


async def join(rooms: Rooms, code: str, socket_id: str) -> None:
    await rooms.service.join(code, socket_id=socket_id, display_name="x", user_id=None)


async def test_defaults_and_wishes(rooms: Rooms) -> None:
    """Contract 1: left out or null: the deployment's defaults."""
    plain, new = await rooms.service.create(NewRoom())
    assert new
    assert (plain.expires_at - plain.created_at, plain.max_participants) == (24 * HOUR, 50)
    wished, _ = await rooms.service.create(NewRoom(owner_id="o", ttl_hours=2, max_participants=7))
    assert (wished.expires_at - wished.created_at, wished.max_participants, wished.owner_id) == (
        2 * HOUR,
        7,
        "o",
    )


async def test_a_taken_code_is_drawn_again() -> None:
    """Contract 1: collisions are retried; the room that has the code is not touched."""
    rooms = Rooms(codes=["aaaaaa", "aaaaaa", "aaaaaa", "bbbbbb"])
    first, _ = await rooms.service.create(NewRoom(owner_id="first"))
    second, _ = await rooms.service.create(NewRoom(owner_id="second"))
    assert (first.code, second.code) == ("aaaaaa", "bbbbbb")
    assert rooms.store.rooms["aaaaaa"].owner_id == "first"


async def test_no_code_left_is_a_retryable_error() -> None:
    rooms = Rooms(codes=["aaaaaa"] * 30)
    await rooms.service.create(NewRoom())
    with pytest.raises(SignalingError) as caught:
        await rooms.service.create(NewRoom())
    assert caught.value.status == 503


async def test_an_idempotency_key_makes_one_room(rooms: Rooms) -> None:
    room, new = await rooms.service.create(NewRoom(owner_id="o"), "key")
    again, new_again = await rooms.service.create(NewRoom(owner_id="o"), "key")
    assert (new, new_again, again.code) == (True, False, room.code)
    assert len(rooms.store.rooms) == 1
    with pytest.raises(SignalingError) as caught:
        await rooms.service.create(NewRoom(owner_id="somebody else"), "key")
    assert caught.value.code is ErrorCode.IDEMPOTENCY_CONFLICT


async def test_an_idempotency_key_whose_room_was_purged(rooms: Rooms) -> None:
    room, _ = await rooms.service.create(NewRoom(), "key")
    del rooms.store.rooms[room.code]
    with pytest.raises(SignalingError) as caught:
        await rooms.service.create(NewRoom(), "key")
    assert caught.value.code is ErrorCode.IDEMPOTENCY_CONFLICT


async def test_followers_have_been_told_when_a_join_returns(rooms: Rooms) -> None:
    room, _ = await rooms.service.create(NewRoom())
    told = Told()
    replica = await rooms.service.follow(room.code, told)
    await join(rooms, room.code, "a")
    assert told.calls == ["joined a"]
    assert replica.room == rooms.store.rooms[room.code]
    await rooms.service.leave(room.code, replica.room.seats["a"], LeftReason.LEFT)
    await rooms.service.close(room.code)
    assert told.calls == ["joined a", "left a", "room_closed"]


async def test_what_happens_while_following_begins_is_told_once(rooms: Rooms) -> None:
    """Architecture 5: between the subscription and the load nothing is lost, and nothing told twice."""
    room, _ = await rooms.service.create(NewRoom())
    told = Told()
    rooms.store.gate.clear()
    following = asyncio.create_task(rooms.service.follow(room.code, told))
    await until(lambda: rooms.store.loads > 0)
    for name in ("a", "b"):
        command = commands.Join(socket_id=name, display_name="x", user_id=None, node="other")
        rooms.broker.publish(room.code, rooms.store.elsewhere(room.code, command, rooms.clock()))
    rooms.store.gate.set()
    replica = await following
    assert list(replica.room.seats) == ["a", "b"]
    await join(rooms, room.code, "c")
    assert told.calls == ["joined c"]


async def test_a_gap_is_mended_by_loading(rooms: Rooms) -> None:
    """Architecture 5: missing announcements are noticed by the next one; members are told the difference."""
    room, _ = await rooms.service.create(NewRoom())
    told = Told()
    replica = await rooms.service.follow(room.code, told)
    command = commands.Join(socket_id="unheard", display_name="x", user_id=None, node="other")
    rooms.store.elsewhere(room.code, command, rooms.clock())
    await join(rooms, room.code, "heard")
    await until(lambda: replica.room == rooms.store.rooms[room.code])
    assert told.calls == ["joined unheard", "joined heard"]
    await rooms.service.unfollow(room.code)


async def test_a_reset_of_the_broker_is_mended_by_loading(rooms: Rooms) -> None:
    """Architecture 5: announcements lost with the line to the broker need no later one to be noticed."""
    room, _ = await rooms.service.create(NewRoom())
    told = Told()
    replica = await rooms.service.follow(room.code, told)
    await join(rooms, room.code, "a")
    command = commands.Join(socket_id="unheard", display_name="x", user_id=None, node="other")
    rooms.store.elsewhere(room.code, command, rooms.clock())
    rooms.broker.reset([room.code, "zzzzzz"])
    await until(lambda: replica.room == rooms.store.rooms[room.code])
    assert told.calls == ["joined a", "joined unheard"]
    await until(lambda: not rooms.service._resyncs)


async def test_what_a_failed_over_store_lost_is_taken_back(rooms: Rooms) -> None:
    room, _ = await rooms.service.create(NewRoom())
    told = Told()
    replica = await rooms.service.follow(room.code, told)
    await join(rooms, room.code, "a")
    before = rooms.store.rooms[room.code]
    await join(rooms, room.code, "b")
    rooms.store.rooms[room.code] = before
    rooms.broker.reset([room.code])
    await until(lambda: replica.room == before)
    assert told.calls == ["joined a", "joined b", "left b"]


async def test_a_reset_while_following_begins_is_not_missed(rooms: Rooms) -> None:
    room, _ = await rooms.service.create(NewRoom())
    told = Told()
    rooms.store.gate.clear()
    following = asyncio.create_task(rooms.service.follow(room.code, told))
    await until(lambda: rooms.store.loads > 0)
    rooms.broker.reset([room.code])
    rooms.store.gate.set()
    replica = await following
    command = commands.Join(socket_id="unheard", display_name="x", user_id=None, node="other")
    rooms.store.elsewhere(room.code, command, rooms.clock())
    await until(lambda: replica.room == rooms.store.rooms[room.code])
    assert told.calls == ["joined unheard"]


async def test_what_is_announced_while_the_room_is_loaded_again_is_not_forgotten(
    rooms: Rooms, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A load that was answered before an announcement came does not have it, and none need come after it."""
    room, _ = await rooms.service.create(NewRoom())
    told = Told()
    replica = await rooms.service.follow(room.code, told)
    load = rooms.store.load

    async def slow_load(code: str) -> Room | None:
        loaded = await load(code)
        command = commands.Join(socket_id="late", display_name="x", user_id=None, node="other")
        if "late" not in rooms.store.rooms[code].seats:
            rooms.broker.publish(code, rooms.store.elsewhere(code, command, rooms.clock()))
        return loaded

    monkeypatch.setattr(rooms.store, "load", slow_load)
    rooms.broker.reset([room.code])
    await until(lambda: replica.room == rooms.store.rooms[room.code] and "late" in replica.room.seats)
    assert told.calls == ["joined late"]


async def test_a_second_reset_loads_again(rooms: Rooms) -> None:
    """A load that was asked for before the second reset may have been answered before it."""
    room, _ = await rooms.service.create(NewRoom())
    replica = await rooms.service.follow(room.code, Told())
    rooms.store.gate.clear()
    rooms.broker.reset([room.code])
    loads = rooms.store.loads
    await until(lambda: rooms.store.loads == loads + 1)
    rooms.broker.reset([room.code])
    await until(lambda: rooms.store.loads == loads + 2)
    rooms.store.gate.set()
    await join(rooms, room.code, "a")
    await until(lambda: not rooms.service._resyncs)
    assert list(replica.room.seats) == ["a"]


async def test_followers_have_been_told_though_the_announcement_was_lost(
    rooms: Rooms, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever joins is in the room when `join` returns: the socket's own answer comes with it."""
    monkeypatch.setattr(module, "_LATE", 0.0)
    room, _ = await rooms.service.create(NewRoom())
    told = Told()
    await rooms.service.follow(room.code, told)
    rooms.broker.losing = True
    await join(rooms, room.code, "a")
    assert told.calls == ["joined a"]


async def test_an_announcement_that_comes_after_the_reply_is_waited_for(
    rooms: Rooms, monkeypatch: pytest.MonkeyPatch
) -> None:
    room, _ = await rooms.service.create(NewRoom())
    told = Told()
    replica = await rooms.service.follow(room.code, told)
    rooms.broker.losing = True
    joining = asyncio.create_task(join(rooms, room.code, "a"))
    await until(lambda: "a" in rooms.store.rooms[room.code].seats)
    for _ in range(20):
        await asyncio.sleep(0)
    assert not joining.done()
    replica.deliver(rooms.store.logs[room.code][1:])
    await joining
    assert told.calls == ["joined a"]
    joining = asyncio.create_task(join(rooms, room.code, "b"))
    await until(lambda: "b" in rooms.store.rooms[room.code].seats)
    await rooms.service.unfollow(room.code)
    await joining
    assert told.calls == ["joined a"]


async def test_following_what_is_not_there(rooms: Rooms) -> None:
    with pytest.raises(SignalingError) as caught:
        await rooms.service.follow("zzzzzz", Told())
    assert caught.value.code is ErrorCode.ROOM_NOT_FOUND
    assert rooms.broker._listeners == {}
    rooms.store.away = True
    with pytest.raises(SignalingError) as caught:
        await rooms.service.follow("zzzzzz", Told())
    assert caught.value.status == 503
    assert rooms.broker._listeners == {}


async def test_a_room_past_its_time_is_shown_expired(rooms: Rooms) -> None:
    """Contract 1: the state is true also before anybody has written it down."""
    room, _ = await rooms.service.create(NewRoom(ttl_hours=1))
    await join(rooms, room.code, "a")
    rooms.clock.forward(hours=1)
    shown = await rooms.service.get(room.code)
    assert (shown.state, shown.seats) == (RoomState.EXPIRED, {})
    with pytest.raises(SignalingError) as caught:
        await join(rooms, room.code, "b")
    assert caught.value.code is ErrorCode.ROOM_EXPIRED


async def test_where_others_change_rooms_the_store_is_asked() -> None:
    """Whoever was told on another node that a room is closed must not see it open here."""
    rooms = Rooms(shared=True)
    room, _ = await rooms.service.create(NewRoom())
    await rooms.service.follow(room.code, Told())
    rooms.broker.losing = True
    rooms.store.elsewhere(room.code, commands.Close(), rooms.clock())
    assert (await rooms.service.get(room.code)).state is RoomState.CLOSED


async def test_reconciling_tells_what_was_not_announced() -> None:
    rooms = Rooms(shared=True)
    told = {}
    for _ in range(2):
        room, _ = await rooms.service.create(NewRoom())
        told[room.code] = Told()
        await rooms.service.follow(room.code, told[room.code])
    gone, changed = told
    rooms.broker.losing = True
    rooms.store.elsewhere(
        changed, commands.Join(socket_id="b", display_name="x", user_id=None, node="b"), rooms.clock()
    )
    del rooms.store.rooms[gone]
    rooms.service.reconcile()
    await until(lambda: told[gone].calls == ["room_closed"])
    await until(lambda: told[changed].calls == ["joined b"])


async def test_seats_of_dead_processes_end_at_the_start(rooms: Rooms) -> None:
    """Contract 4: for every participant_joined exactly one participant_left, also over a crash."""
    codes = []
    for number in range(3):
        room, _ = await rooms.service.create(NewRoom())
        codes.append(room.code)
        for name in ("a", "b")[: number + 1]:
            command = commands.Join(socket_id=name, display_name="x", user_id=None, node="dead")
            rooms.store.elsewhere(room.code, command, rooms.clock())
    await join(rooms, codes[0], "alive")
    assert await rooms.service.recover_seats() == Recovery(rooms=3, left=frozenset())
    assert [list(rooms.store.rooms[code].seats) for code in codes] == [["alive"], [], []]
    left = [event for code in codes for event in rooms.store.logs[code] if isinstance(event, ParticipantLeft)]
    assert len(left) == 5
    assert {event.reason for event in left} == {LeftReason.CONNECTION_LOST}
    assert await rooms.service.recover_seats() == Recovery(rooms=0, left=frozenset())


async def test_seats_of_a_node_that_has_just_come_are_not_taken_for_a_dead_ones(rooms: Rooms) -> None:
    """Which nodes there are is asked when it is known who has seats."""
    room, _ = await rooms.service.create(NewRoom())

    def take(node: str) -> None:
        command = commands.Join(socket_id=node, display_name="x", user_id=None, node=node)
        rooms.store.elsewhere(room.code, command, rooms.clock())

    for node in ("dead", "new"):
        take(node)

    async def alive() -> set[str]:
        take("newer")
        return {"new"}

    assert await rooms.service.recover_seats(alive) == Recovery(rooms=1, left=frozenset())
    assert list(rooms.store.rooms[room.code].seats) == ["new", "newer"]


@pytest.mark.parametrize("call", ["load", "commit"])
async def test_a_room_that_cannot_be_dealt_with_keeps_no_other_waiting(
    rooms: Rooms, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    """It is named, so that it is tried again."""
    codes = []
    for _ in range(3):
        room, _ = await rooms.service.create(NewRoom())
        codes.append(room.code)
        command = commands.Join(socket_id="a", display_name="x", user_id=None, node="dead")
        rooms.store.elsewhere(room.code, command, rooms.clock())
    usual = getattr(rooms.store, call)

    async def unavailable(what: Any) -> Any:
        if codes[1] in (what, getattr(what, "code", None)):
            raise StoreUnavailable("not now")
        return await usual(what)

    with monkeypatch.context() as patch:
        patch.setattr(rooms.store, call, unavailable)
        recovery = await rooms.service.recover_seats()
    assert recovery == Recovery(rooms=2, left=frozenset({codes[1]}))
    assert [list(rooms.store.rooms[code].seats) for code in codes] == [[], ["a"], []]
    assert await rooms.service.recover_seats(codes=recovery.left) == Recovery(rooms=1, left=frozenset())
    assert not any(rooms.store.rooms[code].seats for code in codes)


@pytest.mark.parametrize("call", ["create", "get", "find", "statistics", "probe", "close"])
async def test_every_use_case_tells_that_the_store_is_away(rooms: Rooms, call: str) -> None:
    """Contract 1: 503 `server_error`, with Retry-After."""
    from signaling.rooms.ports import RoomQuery

    rooms.store.away = True
    service = rooms.service
    calls: dict[str, Callable[[], Awaitable[object]]] = {
        "create": lambda: service.create(NewRoom()),
        "get": lambda: service.get("aaaaaa"),
        "find": lambda: service.find(RoomQuery(now=0, limit=1)),
        "statistics": service.statistics,
        "probe": service.probe,
        "close": lambda: service.close("aaaaaa"),
    }
    with pytest.raises(SignalingError) as caught:
        await calls[call]()
    assert (caught.value.code, caught.value.status) == (ErrorCode.SERVER_ERROR, 503)
    assert caught.value.retry_after is not None
