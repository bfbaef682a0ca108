"""Lists and counts of rooms, on every store."""

from __future__ import annotations

import asyncio

import pytest

from signaling.contract.types import RoomState
from signaling.domain import commands
from signaling.domain.room import Room
from signaling.rooms.ports import Commit, RoomPage, RoomQuery, Statistics

from .changes import HOUR, NOW, after, change, close, create, join, leave, tick
from .nodes import Node


async def _commit(node: Node, *commits: Commit) -> Room:
    for commit in commits:
        await node.store.commit(commit)
    return after(commits[-1])


async def _find(
    node: Node,
    *,
    now: int = NOW,
    limit: int = 100,
    state: RoomState | None = None,
    owner_id: str | None = None,
    at: tuple[int, str] | None = None,
) -> RoomPage:
    return await node.store.find(RoomQuery(now=now, limit=limit, state=state, owner_id=owner_id, after=at))


def _codes(page: RoomPage) -> list[str]:
    return [room.code for room in page.rooms]


async def test_no_rooms_make_an_empty_page(node: Node) -> None:
    page = await _find(node)
    assert (list(page.rooms), page.total, page.more) == ([], 0, False)


async def test_rooms_are_listed_newest_first_and_by_code_where_made_at_once(node: Node) -> None:
    for code, made in (
        ("bbbbbb", NOW),
        ("aaaaaa", NOW),
        ("zzzzzz", NOW - 1),
        ("cccccc", NOW + 1),
        ("dddddd", NOW),
    ):
        await _commit(node, create(code, made))
    page = await _find(node)
    assert _codes(page) == ["cccccc", "dddddd", "bbbbbb", "aaaaaa", "zzzzzz"]
    assert (page.total, page.more) == (5, False)
    assert page.rooms[0] == await node.store.load("cccccc")


async def test_a_room_is_found_by_the_state_it_is_in_now(node: Node) -> None:
    """`late` is past its time, though nobody has expired it in the store yet."""
    await _commit(node, create("opened", ttl=3 * HOUR))
    late = await _commit(node, create("late22", NOW - 1))
    late = await _commit(node, join(late, now=NOW - 1))
    closed = await _commit(node, create("closed", NOW - 2))
    await _commit(node, close(closed))
    expired = await _commit(node, create("expire", NOW - 3))
    await _commit(node, tick(expired, expired.expires_at))

    before, then = late.expires_at - 1, late.expires_at
    assert _codes(await _find(node, now=before, state=RoomState.OPEN)) == ["opened", "late22"]
    assert _codes(await _find(node, now=then, state=RoomState.OPEN)) == ["opened"]
    assert _codes(await _find(node, now=before, state=RoomState.EXPIRED)) == ["expire"]
    assert _codes(await _find(node, now=then, state=RoomState.EXPIRED)) == ["late22", "expire"]
    assert _codes(await _find(node, now=then, state=RoomState.CLOSED)) == ["closed"]
    for state, total in ((None, 4), (RoomState.OPEN, 1), (RoomState.CLOSED, 1), (RoomState.EXPIRED, 2)):
        assert (await _find(node, now=then, state=state, limit=1)).total == total

    shown = (await _find(node, now=then, state=RoomState.EXPIRED)).rooms[0]
    assert shown == late.as_of(then)
    assert (shown.state, dict(shown.seats)) == (RoomState.EXPIRED, {})
    assert {room.code: room.state for room in (await _find(node, now=then)).rooms} == {
        "opened": RoomState.OPEN,
        "late22": RoomState.EXPIRED,
        "closed": RoomState.CLOSED,
        "expire": RoomState.EXPIRED,
    }


async def test_rooms_are_found_by_owner_exactly(node: Node) -> None:
    owners = {
        "room22": "ada",
        "room33": "Ada",
        "room44": "ada ",
        "room55": None,
        "room66": "ada",
        "room77": "a%",
    }
    for number, (code, owner_id) in enumerate(owners.items()):
        await _commit(node, create(code, NOW + number, owner_id=owner_id))
    assert _codes(await _find(node, owner_id="ada")) == ["room66", "room22"]
    assert _codes(await _find(node, owner_id="a%")) == ["room77"]
    assert _codes(await _find(node, owner_id="nobody")) == []
    page = await _find(node, owner_id="ada", limit=1)
    assert (_codes(page), page.total, page.more) == (["room66"], 2, True)
    await _commit(node, close(await node.store.load("room22")))
    assert _codes(await _find(node, owner_id="ada", state=RoomState.OPEN)) == ["room66"]
    assert _codes(await _find(node, owner_id="ada", state=RoomState.CLOSED)) == ["room22"]
    assert _codes(await _find(node, owner_id="ada", state=RoomState.EXPIRED)) == []
    late = await _find(node, owner_id="ada", state=RoomState.EXPIRED, now=NOW + 2 * HOUR)
    assert (_codes(late), late.total) == (["room66"], 1)
    assert (await _find(node, owner_id="ada", state=RoomState.OPEN, now=NOW + 2 * HOUR)).total == 0


@pytest.mark.parametrize("limit", [1, 2, 3, 7, 60])
@pytest.mark.parametrize("state", [None, *RoomState])
@pytest.mark.parametrize("owner_id", [None, "ada"])
async def test_walking_the_pages_meets_each_room_once(
    node: Node, limit: int, state: RoomState | None, owner_id: str | None
) -> None:
    """Many rooms of one millisecond among them: the walk must not lose or repeat any at a page's edge."""
    now = NOW + HOUR
    made: list[Commit] = []
    for number in range(36):
        # Every second room is past its time at `now`, half of those ticked and half not.
        owner = ("ada", None)[number // 3 % 2]
        ttl = (HOUR, 9 * HOUR)[number % 2]
        made.append(create(f"room{number:02}", NOW + number // 9, owner_id=owner, ttl=ttl))
    await asyncio.gather(*map(node.store.commit, made))
    for number, commit in enumerate(made):
        room = after(commit)
        if number % 4 == 0 and now >= room.expires_at:
            await node.store.commit(tick(room, now))
        elif number % 5 == 1:
            await node.store.commit(close(room))

    rooms = [stored for commit in made if (stored := await node.store.load(commit.code)) is not None]
    rooms.sort(key=lambda room: (room.created_at, room.code), reverse=True)
    expected = [
        room.as_of(now)
        for room in rooms
        if (state is None or room.state_at(now) is state) and (owner_id is None or room.owner_id == owner_id)
    ]
    assert expected, "the test is empty"
    found: list[Room] = []
    at: tuple[int, str] | None = None
    while True:
        page = await _find(node, now=now, limit=limit, state=state, owner_id=owner_id, at=at)
        found += page.rooms
        assert page.total == len(expected)
        assert len(page.rooms) <= limit
        assert page.more == (len(found) < len(expected))
        if not page.more:
            break
        at = (page.rooms[-1].created_at, page.rooms[-1].code)
    assert found == expected


async def test_a_walk_is_not_disturbed_by_new_rooms(node: Node) -> None:
    for number in range(4):
        await _commit(node, create(f"room{number:02}", NOW + number))
    first = await _find(node, limit=2)
    await _commit(node, create("newest", NOW + 9))
    second = await _find(node, limit=2, at=(first.rooms[-1].created_at, first.rooms[-1].code))
    assert _codes(first) + _codes(second) == ["room03", "room02", "room01", "room00"]
    assert (second.total, second.more) == (5, False)


async def test_statistics_of_nothing_are_zero(node: Node) -> None:
    assert await node.store.statistics(NOW) == Statistics(
        open_rooms=0, closed_rooms=0, expired_rooms=0, total_participants=0, active_participants=0
    )


async def test_statistics_count_rooms_and_participants_now(node: Node) -> None:
    for code in ("aaaaaa", "bbbbbb", "cccccc"):
        room = await _commit(node, create(code, ttl=HOUR if code == "cccccc" else 2 * HOUR))
        for socket_id in ("socket-1", "socket-2"):
            room = await _commit(node, join(room, socket_id))
        room = await _commit(node, leave(room, "socket-1"))
    assert await node.store.statistics(NOW) == Statistics(
        open_rooms=3, closed_rooms=0, expired_rooms=0, total_participants=6, active_participants=3
    )
    closed = await _commit(node, close(await node.store.load("aaaaaa")))
    # Nobody has ticked: the third room's time is over all the same, and its seats are empty.
    expected = Statistics(
        open_rooms=1, closed_rooms=1, expired_rooms=1, total_participants=6, active_participants=1
    )
    assert await node.store.statistics(NOW + HOUR) == expected
    await _commit(node, tick(await node.store.load("cccccc"), NOW + HOUR))
    assert await node.store.statistics(NOW + HOUR) == expected
    await node.store.commit(tick(closed, closed.due_at))
    assert await node.store.statistics(NOW + HOUR) == Statistics(
        open_rooms=1, closed_rooms=0, expired_rooms=1, total_participants=4, active_participants=1
    )


async def test_due_names_rooms_longest_due_first_and_no_more_than_asked(node: Node) -> None:
    for code, ttl in (("third3", 3 * HOUR), ("first2", HOUR), ("second", 2 * HOUR), ("never2", 9 * HOUR)):
        await _commit(node, create(code, ttl=ttl))
    assert list(await node.store.due(NOW + HOUR - 1, 10)) == []
    assert list(await node.store.due(NOW + HOUR, 10)) == ["first2"]
    assert list(await node.store.due(NOW + 3 * HOUR, 10)) == ["first2", "second", "third3"]
    assert list(await node.store.due(NOW + 3 * HOUR, 2)) == ["first2", "second"]


async def test_a_room_is_due_when_its_first_kept_seat_ends(node: Node) -> None:
    def lose(room: Room, socket_id: str, grace: int) -> Commit:
        generation = room.seats[socket_id].generation
        return change(room, commands.LoseLine(socket_id=socket_id, generation=generation, grace=grace), NOW)

    room = await _commit(node, create(ttl=HOUR))
    for socket_id in ("socket-1", "socket-2"):
        room = await _commit(node, join(room, socket_id))
    room = await _commit(node, lose(room, "socket-1", 9000))
    room = await _commit(node, lose(room, "socket-2", 5000))
    assert list(await node.store.due(NOW + 4999, 10)) == []
    assert list(await node.store.due(NOW + 5000, 10)) == ["aaaaaa"]
    room = await _commit(node, tick(room, NOW + 5000))
    assert list(await node.store.due(NOW + 8999, 10)) == []
    assert list(await node.store.due(NOW + 9000, 10)) == ["aaaaaa"]
    await _commit(node, change(room, commands.Resume(socket_id="socket-1", generation=2, node="node-2")))
    assert list(await node.store.due(NOW + HOUR - 1, 10)) == []


async def test_due_follows_the_life_of_a_room(node: Node) -> None:
    room = await _commit(node, create(ttl=HOUR, retention=2 * HOUR))
    room = await _commit(node, tick(room, NOW + HOUR))
    assert list(await node.store.due(NOW + HOUR, 10)) == [], "what was done is due again"
    assert list(await node.store.due(NOW + 3 * HOUR - 1, 10)) == []
    assert list(await node.store.due(NOW + 3 * HOUR, 10)) == ["aaaaaa"]
    await node.store.commit(tick(room, NOW + 3 * HOUR))
    assert list(await node.store.due(NOW + 99 * HOUR, 10)) == []


async def test_occupied_names_the_rooms_with_somebody_in_them(node: Node) -> None:
    assert list(await node.store.occupied()) == []
    rooms = {}
    for code in ("aaaaaa", "bbbbbb", "cccccc", "dddddd"):
        rooms[code] = await _commit(node, create(code))
    for code in ("aaaaaa", "bbbbbb", "cccccc"):
        rooms[code] = await _commit(node, join(rooms[code]))
    assert sorted(await node.store.occupied()) == ["aaaaaa", "bbbbbb", "cccccc"]
    await _commit(node, leave(rooms["aaaaaa"]))
    await _commit(node, close(rooms["bbbbbb"]))
    assert list(await node.store.occupied()) == ["cccccc"]
