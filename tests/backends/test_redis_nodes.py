"""Several nodes on one Redis: no seat is given twice, and all see the same rooms."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable

import pytest
from msgspec.structs import replace

from signaling.backends.redis import store
from signaling.backends.redis.names import PARTITIONS, partition_of
from signaling.contract.errors import ErrorCode, SignalingError
from signaling.contract.types import LeftReason, RoomLeftReason
from signaling.domain.events import Seat
from signaling.domain.room import Room
from signaling.rooms.ports import RoomQuery, VersionConflict
from signaling.rooms.service import NewRoom, RoomDefaults, RoomService
from support.cut_line import CutLine

from .changes import NOW, after, claim, close, create, join, purge
from .nodes import DEADLINE_SECONDS, RedisBackend, RedisNode, suite_server


class Told:
    """A follower that keeps who is in the room."""

    def __init__(self) -> None:
        self.members: list[str] = []
        self.over: RoomLeftReason | None = None

    def joined(self, seat: Seat, room: Room) -> None:
        self.members.append(seat.socket_id)

    def left(self, seat: Seat, reason: LeftReason) -> None:
        self.members.remove(seat.socket_id)

    def reconnecting(self, seat: Seat) -> None:
        raise AssertionError("no line was lost")

    def resumed(self, before: Seat, seat: Seat, room: Room) -> None:
        raise AssertionError("nothing was resumed")

    def regained(self, seat: Seat) -> None:
        raise AssertionError("no line was lost")

    def ended(self, reason: RoomLeftReason) -> None:
        self.members = []
        self.over = reason

    def delivered(self) -> None: ...


class Service:
    """A room service on a node."""

    def __init__(self, node: RedisNode, name: str) -> None:
        self.rooms = RoomService(
            store=node.store,
            broker=node.broker,
            node=name,
            clock=lambda: NOW,
            defaults=RoomDefaults(ttl_hours=24, max_participants=20, retention_hours=1),
            grace_seconds=0,
        )

    async def join(self, code: str, socket_id: str) -> ErrorCode | None:
        try:
            await self.rooms.join(code, socket_id=socket_id, display_name="x", user_id=None)
        except SignalingError as error:
            return error.code
        return None


@pytest.fixture
async def nodes() -> AsyncIterator[tuple[RedisNode, RedisNode]]:
    shared = RedisBackend()
    first, second = await shared.open(), await shared.open()
    yield first, second
    await first.close()
    await second.close()


async def until(condition: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + DEADLINE_SECONDS
    while not condition():
        assert time.monotonic() < deadline, what
        await asyncio.sleep(0.005)


async def test_of_ninety_who_race_for_twenty_seats_twenty_get_one(nodes: tuple[RedisNode, RedisNode]) -> None:
    """The road of the room service: load, decide, commit, and again on a conflict."""
    await nodes[0].store.commit(create(max_participants=20))

    async def come_in(number: int) -> ErrorCode | None:
        while True:
            room = await nodes[number % 2].store.load("aaaaaa")
            try:
                await nodes[number % 2].store.commit(
                    join(room, f"socket-{number}", node=f"node-{number % 2}")
                )
            except VersionConflict:
                continue
            except SignalingError as error:
                return error.code
            return None

    outcomes = await asyncio.gather(*map(come_in, range(90)))
    assert outcomes.count(None) == 20
    assert outcomes.count(ErrorCode.ROOM_FULL) == 70
    room = await nodes[1].store.load("aaaaaa")
    assert room is not None
    assert len(room.seats) == room.joined_total == 20
    assert sorted(seat.number for seat in room.seats.values()) == list(range(1, 21))
    assert (await nodes[0].store.statistics(NOW)).active_participants == 20


async def test_two_services_agree_on_a_room(nodes: tuple[RedisNode, RedisNode]) -> None:
    """Ninety joins at two nodes, then leaves: followers on both have seen the same, in the same order."""
    services = [Service(node, f"node-{number}") for number, node in enumerate(nodes)]
    room, _ = await services[0].rooms.create(NewRoom())
    told = [Told(), Told()]
    for service, follower in zip(services, told, strict=True):
        await service.rooms.follow(room.code, follower)
    outcomes = await asyncio.gather(
        *(services[number % 2].join(room.code, f"socket-{number}") for number in range(90))
    )
    assert outcomes.count(None) == 20
    assert outcomes.count(ErrorCode.ROOM_FULL) == 70
    await until(lambda: len(told[0].members) == len(told[1].members) == 20, "not all were told")
    assert told[0].members == told[1].members
    joined = {f"socket-{number}" for number, outcome in enumerate(outcomes) if outcome is None}
    assert set(told[0].members) == joined
    first = told[0].members[0]
    seat = (await services[1].rooms.get(room.code)).seats[first]
    await services[1].rooms.leave(room.code, seat, LeftReason.LEFT)
    assert first not in told[1].members
    await until(lambda: first not in told[0].members, "the other node was not told")
    assert await services[0].join(room.code, "late") is None
    await services[0].rooms.close(room.code)
    await until(lambda: told[1].over is RoomLeftReason.ROOM_CLOSED, "the end was not told")
    for service in services:
        await service.rooms.unfollow(room.code)


async def test_followers_have_been_told_when_a_join_returns_though_the_line_is_cut_each_time(
    nodes: tuple[RedisNode, RedisNode],
) -> None:
    """The announcement comes on another connection than the reply, or not at all."""
    prefix = nodes[0].store._names.prefix
    async with CutLine(suite_server().port) as line:
        far = RedisBackend(url=line.url)
        far.prefix = prefix
        cut_off = await far.open()
        service = Service(RedisNode(nodes[0].store, cut_off.broker, cut_off.close), "node-0")
        room, _ = await service.rooms.create(NewRoom())
        told = Told()
        await service.rooms.follow(room.code, told)
        for number in range(5):
            if number % 2:
                line.cut()
            assert await service.join(room.code, f"socket-{number}") is None
            assert told.members == [f"socket-{before}" for before in range(number + 1)]
        await service.rooms.unfollow(room.code)
        await cut_off.close()


async def test_what_is_not_a_commit_is_refused_at_once(nodes: tuple[RedisNode, RedisNode]) -> None:
    made = create()
    event = made.events[0]
    for wrong in (
        replace(made, events=()),
        replace(made, events=(event, replace(event, version=3)), room=replace(after(made), version=3)),
        replace(made, events=(replace(event, version=2),)),
        replace(made, room=replace(after(made), version=2)),
        replace(made, code="bbbbbb"),
    ):
        with pytest.raises(ValueError, match=r"follow|is not"):
            await nodes[0].store.commit(wrong)
    assert await nodes[1].store.load("aaaaaa") is None


async def test_open_rooms_follows_other_nodes(
    nodes: tuple[RedisNode, RedisNode], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store, "REFRESH_SECONDS", 0.01)
    third = await store.RedisStore.open(suite_server().url, prefix=nodes[0].store._names.prefix)
    made = create()
    await nodes[0].store.commit(made)
    await nodes[1].store.commit(create("bbbbbb"))
    await until(lambda: third.open_rooms() == 2, "the count was not refreshed")
    await nodes[0].store.commit(close(made.room))
    await until(lambda: third.open_rooms() == 1, "the count was not refreshed")
    await third.close()


async def test_deployments_with_different_prefixes_do_not_meet(nodes: tuple[RedisNode, RedisNode]) -> None:
    other = await RedisBackend().open()
    heard = await other.listen("aaaaaa")
    await nodes[0].store.commit(create())
    assert await other.store.load("aaaaaa") is None
    assert (await other.store.find(RoomQuery(now=NOW, limit=1))).total == 0
    await other.store.commit(create(owner_id="another"))
    await until(lambda: bool(heard), "nothing was announced")
    assert heard == list(create(owner_id="another").events)
    await other.close()


async def test_databases_of_one_server_do_not_meet() -> None:
    shared = RedisBackend()
    elsewhere = RedisBackend(url=shared.url.removesuffix("/0") + "/1")
    elsewhere.prefix = shared.prefix
    first, second = await shared.open(), await elsewhere.open()
    heard = await second.listen("aaaaaa")
    await first.store.commit(create())
    assert await second.store.load("aaaaaa") is None
    await second.store.commit(create(owner_id="another"))
    await until(lambda: bool(heard), "nothing was announced")
    assert heard == list(create(owner_id="another").events)
    await first.close()
    await second.close()


async def test_a_purge_leaves_nothing_behind(nodes: tuple[RedisNode, RedisNode]) -> None:
    """Whatever its life was: no entry in a list, no empty key."""
    prefix = nodes[0].store._names.prefix
    for number in range(2 * PARTITIONS):
        commit = create(f"room{number:02}", owner_id="ada")
        await nodes[0].store.commit(commit)
        for step in (join, close) if number % 2 else (close,):
            commit = step(commit.room)
            await nodes[0].store.commit(commit)
    with suite_server().client() as client:
        before = {key.decode().rsplit(":", 1)[-1] for key in client.scan_iter(f"{prefix}:*")}
        assert {"closed", "due", "totals", "room00"} <= before
        for number in range(2 * PARTITIONS):
            room = await nodes[1].store.load(f"room{number:02}")
            assert room is not None
            await nodes[1].store.commit(purge(room))
        left = {key: client.hgetall(key) for key in client.scan_iter(f"{prefix}:*")}
    assert all(key.endswith(b":totals") for key in left)
    assert {value for totals in left.values() for value in dict(totals).values()} <= {b"0"}


async def test_no_name_holds_a_clients_text(nodes: tuple[RedisNode, RedisNode]) -> None:
    await nodes[0].store.commit(create(owner_id="owner {x}\r\n*", claim=claim("key {y}\r\n*")))
    with suite_server().client() as client:
        names = b"".join(client.scan_iter(f"{nodes[0].store._names.prefix}:*"))
    for text in (b"owner {", b"key {", b"\r", b"*"):
        assert text not in names


def test_rooms_are_spread_evenly() -> None:
    codes = [f"{number:06x}" for number in range(16_000)]
    counts = [0] * PARTITIONS
    for code in codes:
        counts[partition_of(code)] += 1
    assert min(counts) > 800
    assert max(counts) < 1200
