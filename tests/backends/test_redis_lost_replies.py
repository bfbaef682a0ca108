"""A commit whose reply is lost is done once, and its caller is told the truth."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from signaling.backends.redis import lane, store
from signaling.backends.redis.store import RedisStore
from signaling.rooms.ports import ClaimTaken, CommitUnknown, VersionConflict
from support.cut_line import CutLine

from .changes import NOW, after, claim, close, create, join, leave, purge
from .nodes import DEADLINE_SECONDS, RedisBackend, RedisNode, suite_server


@pytest.fixture
async def line(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[CutLine]:
    """A line to the suite's server; nothing but what a test does is said on it."""
    monkeypatch.setattr(store, "REFRESH_SECONDS", 3600.0)
    async with CutLine(suite_server().port) as opened:
        yield opened


@pytest.fixture
def shared() -> RedisBackend:
    """The data that both nodes are on."""
    return RedisBackend()


@pytest.fixture
async def far(line: CutLine, shared: RedisBackend) -> AsyncIterator[RedisStore]:
    """The store at the other end of that line."""
    opened = await RedisStore.open(line.url, prefix=shared.prefix)
    yield opened
    await opened.close()


@pytest.fixture
async def near(shared: RedisBackend) -> AsyncIterator[RedisNode]:
    """Another node, whose line is sound."""
    opened = await shared.open()
    yield opened
    await opened.close()


async def test_a_commit_whose_reply_was_lost_is_done_once(
    line: CutLine, far: RedisStore, near: RedisNode
) -> None:
    made = create()
    await far.commit(made)
    heard = await near.listen("aaaaaa")
    line.lose_replies = 1
    joined = join(made.room)
    await far.commit(joined)
    assert line.lost.is_set()
    assert await near.store.load("aaaaaa") == joined.room
    assert await near.store.log("aaaaaa") == [*made.events, *joined.events]
    left = leave(joined.room)
    await far.commit(left)
    assert heard == [*joined.events, *left.events]


async def test_a_commit_whose_reply_was_lost_is_known_under_what_came_after_it(
    line: CutLine, far: RedisStore, near: RedisNode
) -> None:
    """Others may have gone on from it before it could be asked for again: it is not a conflict."""
    made = create()
    await far.commit(made)
    line.lose_replies = 1
    line.open.clear()
    joined = join(made.room)
    committing = asyncio.create_task(far.commit(joined))
    await asyncio.wait_for(line.lost.wait(), DEADLINE_SECONDS)
    second = join(joined.room, "socket-2")
    third = join(second.room, "socket-3")
    await near.store.commit(second)
    await near.store.commit(third)
    line.open.set()
    await committing
    assert await near.store.load("aaaaaa") == third.room
    assert len(await near.store.log("aaaaaa")) == 4


async def test_a_commit_that_never_arrived_is_a_conflict_if_another_was_faster(
    line: CutLine, far: RedisStore, near: RedisNode
) -> None:
    made = create()
    await far.commit(made)
    line.lose_requests = 1
    line.open.clear()
    committing = asyncio.create_task(far.commit(join(made.room, "socket-1")))
    await asyncio.wait_for(line.lost.wait(), DEADLINE_SECONDS)
    faster = join(made.room, "socket-2")
    await near.store.commit(faster)
    line.open.set()
    with pytest.raises(VersionConflict):
        await committing
    assert await near.store.load("aaaaaa") == faster.room


async def test_a_commit_that_never_arrived_is_done_all_the_same(line: CutLine, far: RedisStore) -> None:
    line.lose_requests = 1
    made = create()
    await far.commit(made)
    assert line.lost.is_set()
    assert await far.load("aaaaaa") == made.room


async def test_many_commits_on_a_line_that_is_cut_keep_their_order(
    line: CutLine, far: RedisStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is made again goes before what still waits."""
    monkeypatch.setattr(lane, "BATCH", 8)
    commits = [create()]
    for number in range(60):
        commits.append((join if number % 2 == 0 else leave)(commits[-1].room))
    line.lose_replies = 2
    await asyncio.gather(*map(far.commit, commits))
    assert line.lose_replies == 0
    assert await far.load("aaaaaa") == commits[-1].room
    assert [event.version for event in await far.log("aaaaaa")] == list(range(1, 62))


async def test_the_outcome_is_not_known_when_nobody_can_be_asked(
    line: CutLine, far: RedisStore, near: RedisNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lane, "PATIENCE", 0.2)
    line.lose_replies = 1
    line.open.clear()
    made = create()
    with pytest.raises(CommitUnknown):
        await far.commit(made)
    assert await near.store.load("aaaaaa") == made.room


async def test_a_purge_whose_reply_was_lost_finds_the_room_gone(
    line: CutLine, far: RedisStore, near: RedisNode
) -> None:
    """The service loads, finds no room, and has nothing left to do."""
    rooms = []
    for code in ("aaaaaa", "bbbbbb"):
        made = create(code)
        closed = close(made.room)
        await far.commit(made)
        await far.commit(closed)
        rooms.append(closed.room)
    # From then on the server knows the script.
    await far.commit(purge(rooms[1]))
    line.lose_replies = 1
    with pytest.raises(VersionConflict):
        await far.commit(purge(rooms[0]))
    assert await near.store.load("aaaaaa") is None


@pytest.mark.parametrize("replies", [0, 1, 2])
async def test_a_create_with_a_key_makes_one_room_whichever_reply_was_lost(
    line: CutLine, far: RedisStore, near: RedisNode, replies: int
) -> None:
    """Of the key's taking, of the commit, of the key's settling."""
    made = create(claim=claim())
    line.spare_replies = replies
    line.lose_replies = 1
    await far.commit(made)
    assert line.lost.is_set()
    assert await near.store.load("aaaaaa") == made.room
    with pytest.raises(ClaimTaken) as caught:
        await near.store.commit(create("bbbbbb", claim=claim()))
    assert caught.value.claimed.code == "aaaaaa"
    assert await near.store.load("bbbbbb") is None


async def test_a_key_that_a_dead_node_left_unsettled_is_settled_by_whoever_meets_it(
    near: RedisNode, shared: RedisBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It died before its commit, or between that and saying so: either way the room is there, once."""
    for number, dies_at in enumerate(("_do", "settle")):
        dead = await RedisStore.open(shared.url, prefix=shared.prefix)
        with monkeypatch.context() as patch:
            patch.setattr(dead if dies_at == "_do" else dead._claims, dies_at, _die)
            made = create(f"room{number:02}", claim=claim(f"key-{number}"))
            with pytest.raises(_Died):
                await dead.commit(made)
        await dead.close()
        if number % 2:
            assert (await near.store.load(made.code)) == made.room
        with pytest.raises(ClaimTaken) as caught:
            await near.store.commit(create("bbbbbb", NOW, claim=claim(f"key-{number}")))
        assert caught.value.claimed.code == made.code
        assert await near.store.load(made.code) == made.room
        assert await near.store.log(made.code) == list(made.events)
        held = await near.store.claimed(f"key-{number}", NOW)
        assert held is not None
        assert held.code == made.code


async def test_a_key_that_a_dead_node_took_for_a_code_in_use_is_free(
    near: RedisNode, shared: RedisBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It drew a code that another room has, and died before it could give the key back."""
    await near.store.commit(create("aaaaaa", owner_id="somebody else"))
    dead = await RedisStore.open(shared.url, prefix=shared.prefix)
    with monkeypatch.context() as patch:
        patch.setattr(dead._claims, "settle", _die)
        with pytest.raises(_Died):
            await dead.commit(create("aaaaaa", claim=claim()))
    await dead.close()
    assert await near.store.claimed("key-1", NOW) is None
    made = create("bbbbbb", claim=claim())
    await near.store.commit(made)
    held = await near.store.claimed("key-1", NOW)
    assert held is not None
    assert held.code == after(made).code


class _Died(BaseException):
    """The end of a process."""


async def _die(*_args: object, **_options: object) -> None:
    raise _Died
