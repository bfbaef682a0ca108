"""What `RoomStore.load`, `commit` and `log` promise, on every store."""

from __future__ import annotations

import asyncio

import pytest
from msgspec.structs import replace

from signaling.domain import commands
from signaling.domain.room import Room, evolve_all
from signaling.rooms.ports import Commit, VersionConflict

from .changes import NOW, after, change, close, create, join, leave, purge, tick
from .nodes import Node, heard_up_to


async def test_a_room_that_does_not_exist_loads_as_none_and_has_no_log(node: Node) -> None:
    assert await node.store.load("aaaaaa") is None
    assert await node.store.log("aaaaaa") == []


async def test_a_committed_room_loads_as_it_was_committed(node: Node) -> None:
    made = create(owner_id="teacher \N{SNOWMAN} 'quoted' \x00 \"%_\\", max_participants=2)
    await node.store.commit(made)
    assert await node.store.load("aaaaaa") == made.room
    joined = join(made.room, "socket-1")
    await node.store.commit(joined)
    again = join(joined.room, "socket-0")
    await node.store.commit(again)
    loaded = await node.store.load("aaaaaa")
    assert loaded == again.room
    assert loaded is not None
    assert list(loaded.seats) == ["socket-1", "socket-0"], "seats are not in the order of joining"


async def test_log_has_every_event_in_version_order(node: Node) -> None:
    commits = [create()]
    for step in (join, leave, join, leave, close):
        commits.append(step(commits[-1].room))
    for commit in commits:
        await node.store.commit(commit)
    log = await node.store.log("aaaaaa")
    assert log == [event for commit in commits for event in commit.events]
    assert [event.version for event in log] == [1, 2, 3, 4, 5, 6]
    assert evolve_all(None, log) == await node.store.load("aaaaaa")


async def test_a_commit_of_several_events_is_stored_and_announced_whole(node: Node) -> None:
    room = await _room_of(node, "socket-1", "socket-2", "socket-3")
    heard = await node.listen("aaaaaa")
    lost = change(room, commands.NodeLost(node="node-1", grace=0))
    assert len(lost.events) == 3
    await node.store.commit(lost)
    assert (await node.store.log("aaaaaa"))[-3:] == list(lost.events)
    await heard_up_to(heard, after(lost).version)
    assert heard == list(lost.events)


async def test_a_commit_on_another_version_is_a_conflict_and_changes_nothing(node: Node) -> None:
    made = create()
    await node.store.commit(made)
    joined = join(made.room)
    await node.store.commit(joined)
    heard = await node.listen("aaaaaa")
    for stale in (
        create(),
        join(made.room, "socket-2"),
        close(made.room),
        _ahead(join(joined.room, "socket-2")),
    ):
        with pytest.raises(VersionConflict):
            await node.store.commit(stale)
    assert await node.store.load("aaaaaa") == joined.room
    assert await node.store.log("aaaaaa") == [*made.events, *joined.events]
    left = leave(joined.room)
    await node.store.commit(left)
    await heard_up_to(heard, 3)
    assert heard == list(left.events), "a refused commit was announced"


async def test_a_change_of_a_room_that_does_not_exist_is_a_conflict(node: Node) -> None:
    made = create()
    for commit in (join(made.room), close(made.room), purge(after(close(made.room)))):
        with pytest.raises(VersionConflict):
            await node.store.commit(commit)
    assert await node.store.load("aaaaaa") is None
    assert await node.store.log("aaaaaa") == []


async def test_of_many_commits_on_one_version_one_wins(node: Node) -> None:
    made = create()
    await node.store.commit(made)
    heard = await node.listen("aaaaaa")
    attempts = [join(made.room, f"socket-{number}") for number in range(50)]
    outcomes = await asyncio.gather(*map(node.store.commit, attempts), return_exceptions=True)
    winners = [commit for commit, outcome in zip(attempts, outcomes, strict=True) if outcome is None]
    assert len(winners) == 1
    assert sum(isinstance(outcome, VersionConflict) for outcome in outcomes) == 49
    assert await node.store.load("aaaaaa") == winners[0].room
    await heard_up_to(heard, 2)
    assert heard == list(winners[0].events)


async def test_of_many_creates_of_one_code_one_wins(node: Node) -> None:
    attempts = [create(owner_id=f"owner-{number}") for number in range(20)]
    outcomes = await asyncio.gather(*map(node.store.commit, attempts), return_exceptions=True)
    winners = [commit for commit, outcome in zip(attempts, outcomes, strict=True) if outcome is None]
    assert len(winners) == 1
    assert await node.store.load("aaaaaa") == winners[0].room
    assert node.store.open_rooms() == 1


async def test_everybody_who_loads_and_commits_again_gets_in(node: Node) -> None:
    """The road of the room service under contention: nothing is lost, nothing is done twice."""
    await node.store.commit(create(max_participants=30))
    heard = await node.listen("aaaaaa")

    async def come_in(socket_id: str) -> None:
        while True:
            try:
                await node.store.commit(join(await node.store.load("aaaaaa"), socket_id))
            except VersionConflict:
                continue
            return

    await asyncio.gather(*(come_in(f"socket-{number}") for number in range(30)))
    room = await node.store.load("aaaaaa")
    assert room is not None
    assert len(room.seats) == 30
    assert sorted(seat.number for seat in room.seats.values()) == list(range(1, 31))
    await heard_up_to(heard, 31)
    assert heard == (await node.store.log("aaaaaa"))[1:]


async def test_announcements_of_a_room_come_in_version_order_without_a_gap(node: Node) -> None:
    codes = [f"room{number:02}" for number in range(20)]
    heard = {code: await node.listen(code) for code in codes}

    async def live(code: str) -> Room:
        commit = create(code)
        await node.store.commit(commit)
        for step in (join, leave, join, leave, close):
            commit = step(commit.room)
            await node.store.commit(commit)
        return after(commit)

    rooms = await asyncio.gather(*map(live, codes))
    for room in rooms:
        await heard_up_to(heard[room.code], room.version)
        assert [event.version for event in heard[room.code]] == list(range(1, room.version + 1))
        assert heard[room.code] == await node.store.log(room.code)


async def test_commits_that_follow_one_another_need_not_wait_for_one_another(node: Node) -> None:
    """Begun in order, done in order: each finds the version that the one before made."""
    commits = [create()]
    for number in range(40):
        commits.append((join if number % 2 == 0 else leave)(commits[-1].room))
    await asyncio.gather(*map(node.store.commit, commits))
    assert await node.store.load("aaaaaa") == commits[-1].room
    assert len(await node.store.log("aaaaaa")) == 41


async def test_purge_removes_the_room_and_its_log_and_is_announced(node: Node) -> None:
    room = await _room_of(node, "socket-1")
    closed = close(room)
    await node.store.commit(closed)
    await node.store.commit(create("bbbbbb"))
    heard = await node.listen("aaaaaa")
    purged = purge(closed.room)
    await node.store.commit(purged)
    assert await node.store.load("aaaaaa") is None
    assert await node.store.log("aaaaaa") == []
    assert await node.store.load("bbbbbb") is not None
    await heard_up_to(heard, 4)
    assert heard == list(purged.events)


async def test_a_purged_code_can_be_used_again_from_version_one(node: Node) -> None:
    closed = close(await _room_of(node))
    await node.store.commit(closed)
    await node.store.commit(purge(closed.room))
    anew = create(owner_id="somebody else", now=NOW + 1)
    await node.store.commit(anew)
    assert await node.store.load("aaaaaa") == anew.room
    assert await node.store.log("aaaaaa") == list(anew.events)


async def test_open_rooms_follows_the_commits(node: Node) -> None:
    assert node.store.open_rooms() == 0
    first, second = create("aaaaaa"), create("bbbbbb")
    await node.store.commit(first)
    await node.store.commit(second)
    assert node.store.open_rooms() == 2
    with pytest.raises(VersionConflict):
        await node.store.commit(first)
    assert node.store.open_rooms() == 2
    closed = close(first.room)
    await node.store.commit(closed)
    assert node.store.open_rooms() == 1
    await node.store.commit(tick(second.room, after(second).expires_at))
    assert node.store.open_rooms() == 0
    await node.store.commit(purge(closed.room))
    assert node.store.open_rooms() == 0


async def test_probe_returns_when_the_store_can_commit_and_changes_no_room(node: Node) -> None:
    room = await _room_of(node)
    await asyncio.gather(*(node.store.probe() for _ in range(20)))
    await node.store.probe()
    assert await node.store.load("aaaaaa") == room


async def test_a_listener_that_unsubscribed_hears_no_more(node: Node) -> None:
    heard = await node.listen("aaaaaa")
    made = create()
    await node.store.commit(made)
    await heard_up_to(heard, 1)
    await node.broker.unsubscribe("aaaaaa")
    await node.broker.unsubscribe("aaaaaa")
    joined = join(made.room)
    await node.store.commit(joined)
    again = await node.listen("aaaaaa")
    left = leave(joined.room)
    await node.store.commit(left)
    await heard_up_to(again, 3)
    assert again == list(left.events)
    assert heard == list(made.events)


async def _room_of(node: Node, *socket_ids: str) -> Room:
    """A room with these in it."""
    commit = create()
    await node.store.commit(commit)
    for socket_id in socket_ids:
        commit = join(commit.room, socket_id)
        await node.store.commit(commit)
    return after(commit)


def _ahead(commit: Commit) -> Commit:
    """The same, decided on a version that is not there yet."""
    version = commit.expected_version + 1
    return replace(
        commit,
        expected_version=version,
        events=tuple(replace(event, version=event.version + 1) for event in commit.events),
        room=replace(after(commit), version=after(commit).version + 1),
    )


async def test_a_log_keeps_its_last_events(node: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody can fill the disk by joining and leaving: a log has a bound, the room's own counts go on."""
    monkeypatch.setattr("signaling.backends.sqlite.writer.LOG_LIMIT", 5)
    monkeypatch.setattr("signaling.backends.redis.store.LOG_LIMIT", 5)
    commits = [create()]
    for step in (join, leave) * 6:
        commits.append(step(commits[-1].room))
    for commit in commits:
        await node.store.commit(commit)
    room = commits[-1].room
    assert room is not None
    events = await node.store.log(room.code)
    assert [event.version for event in events] == list(range(room.version - 4, room.version + 1))
    loaded = await node.store.load(room.code)
    assert loaded == room
    assert loaded is not None
    assert loaded.joined_total == 6
