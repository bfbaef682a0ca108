"""Announcements over a network: what is lost is told of, and nothing comes twice or out of order."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from typing import Any

import pytest
from redis.asyncio import Connection

from signaling.backends.redis import line as module
from signaling.backends.redis.broker import RedisBroker
from signaling.backends.redis.names import Names
from signaling.domain.events import RoomEvent
from signaling.rooms.ports import StoreUnavailable
from support.cut_line import CutLine

from .changes import after, close, create, join, leave, purge
from .nodes import DEADLINE_SECONDS, RedisBackend, RedisNode, heard_so_many, suite_server


class Listening:
    """A broker at the end of a line that can be cut, and what it said."""

    def __init__(self, broker: RedisBroker, line: CutLine) -> None:
        self.broker = broker
        self.line = line
        self.resets: list[list[str]] = []
        broker.on_reset(lambda codes: self.resets.append(sorted(codes)))

    async def listen(self, code: str) -> list[RoomEvent]:
        heard: list[RoomEvent] = []
        await self.broker.subscribe(code, heard.extend)
        return heard

    async def was_reset(self, codes: Sequence[str]) -> None:
        """Return when these rooms were named in one reset."""
        deadline = time.monotonic() + DEADLINE_SECONDS
        while sorted(codes) not in self.resets:
            assert time.monotonic() < deadline, f"no reset of {codes}: {self.resets}"
            await asyncio.sleep(0.005)


@pytest.fixture
def shared() -> RedisBackend:
    return RedisBackend()


@pytest.fixture
async def node(shared: RedisBackend) -> AsyncIterator[RedisNode]:
    """Whoever commits; its line is sound."""
    opened = await shared.open()
    yield opened
    await opened.close()


@pytest.fixture
async def far(shared: RedisBackend) -> AsyncIterator[Listening]:
    async with CutLine(suite_server().port) as line:
        broker = await RedisBroker.open(line.url, prefix=shared.prefix)
        yield Listening(broker, line)
        await broker.close()


async def test_after_a_cut_everything_is_subscribed_again_and_named(node: RedisNode, far: Listening) -> None:
    codes = [f"room{number:02}" for number in range(30)]
    heard = {code: await far.listen(code) for code in codes}
    far.line.cut()
    await far.was_reset(codes)
    for code in codes:
        await node.store.commit(create(code))
    for code in codes:
        await heard_so_many(heard[code], 1)


async def test_what_was_announced_during_a_cut_is_lost_and_the_room_is_named(
    node: RedisNode, far: Listening
) -> None:
    heard = await far.listen("aaaaaa")
    made = create()
    await node.store.commit(made)
    await heard_so_many(heard, 1)
    far.line.open.clear()
    far.line.cut()
    joined = join(made.room)
    await node.store.commit(joined)
    far.line.open.set()
    await far.was_reset(["aaaaaa"])
    left = leave(joined.room)
    await node.store.commit(left)
    await heard_so_many(heard, 2)
    assert heard == [*made.events, *left.events]


async def test_many_channels_are_subscribed_again_in_pieces(
    node: RedisNode, far: Listening, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "CHANNELS_AT_ONCE", 7)
    codes = [f"room{number:02}" for number in range(30)]
    heard = {code: await far.listen(code) for code in codes}
    for _ in range(3):
        far.resets.clear()
        far.line.cut()
        await far.was_reset(codes)
    await asyncio.gather(*(node.store.commit(create(code)) for code in codes))
    for code in codes:
        await heard_so_many(heard[code], 1)
        assert heard[code] == list(create(code).events)


async def test_whoever_subscribes_while_the_line_is_down_waits_for_it(
    node: RedisNode, far: Listening
) -> None:
    far.line.open.clear()
    far.line.cut()
    subscribing = [asyncio.create_task(far.listen(code)) for code in ("aaaaaa", "aaaaaa", "bbbbbb")]
    done, _ = await asyncio.wait(subscribing, timeout=0.1)
    assert not done
    far.line.open.set()
    heard = await asyncio.gather(*subscribing)
    await node.store.commit(create())
    await heard_so_many(heard[1], 1)
    assert heard[0] == [], "the second subscription replaces the first"


async def test_a_subscription_that_takes_too_long_is_given_up(
    node: RedisNode, far: Listening, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard = await far.listen("bbbbbb")
    monkeypatch.setattr(module, "SUBSCRIBE_SECONDS", 0.05)
    far.line.open.clear()
    far.line.cut()
    with pytest.raises(StoreUnavailable):
        await far.listen("aaaaaa")
    far.line.open.set()
    await far.was_reset(["bbbbbb"])
    await node.store.commit(create("bbbbbb"))
    await heard_so_many(heard, 1)


async def test_what_was_given_up_while_the_line_was_down_is_not_subscribed_again(
    node: RedisNode, far: Listening
) -> None:
    heard = await far.listen("aaaaaa")
    kept = await far.listen("bbbbbb")
    far.line.open.clear()
    far.line.cut()
    await _somebody_waits(far.line)
    await far.broker.unsubscribe("aaaaaa")
    far.line.open.set()
    await far.was_reset(["bbbbbb"])
    await node.store.commit(create("aaaaaa"))
    await node.store.commit(create("bbbbbb"))
    await heard_so_many(kept, 1)
    assert heard == []
    assert far.resets == [["bbbbbb"]]


async def _somebody_waits(line: CutLine) -> None:
    """Return when somebody tries to connect."""
    deadline = time.monotonic() + DEADLINE_SECONDS
    while not line.waiting:
        assert time.monotonic() < deadline, "nobody connects: the dead line was kept"
        await asyncio.sleep(0.005)


async def test_a_line_on_which_nothing_is_heard_is_made_again(
    node: RedisNode, far: Listening, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As when a firewall forgets it: neither side is told."""
    monkeypatch.setattr(module, "PING_SECONDS", 0.02)
    heard = await far.listen("aaaaaa")
    far.line.open.clear()
    far.line.silent = True
    with monkeypatch.context() as patch:
        patch.setattr(module, "SILENCE_SECONDS", 0.2)
        await _somebody_waits(far.line)
    far.line.silent = False
    far.line.open.set()
    await far.was_reset(["aaaaaa"])
    await node.store.commit(create())
    await heard_so_many(heard, 1)


async def test_a_line_that_breaks_as_something_is_said_is_made_again(
    node: RedisNode, far: Listening, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Then uvloop raises a RuntimeError, and whether anything was heard first is chance."""
    heard = await far.listen("aaaaaa")

    async def broken(*_: object) -> None:
        raise RuntimeError("unable to perform operation on <TCPTransport closed=True>; the handler is closed")

    with monkeypatch.context() as patch:
        patch.setattr(Connection, "send_packed_command", broken)
        waiting = asyncio.create_task(far.listen("bbbbbb"))
        (line,) = far.broker._lines.values()
        deadline = time.monotonic() + DEADLINE_SECONDS
        while line._connected:
            assert time.monotonic() < deadline, "the line goes on"
            await asyncio.sleep(0.001)
    await far.was_reset(["aaaaaa"])
    await waiting
    await node.store.commit(create())
    await heard_so_many(heard, 1)


async def test_a_line_is_not_given_up_because_this_process_stood_still(
    node: RedisNode, far: Listening, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was announced meanwhile waits on it, and would be lost."""
    monkeypatch.setattr(module, "PING_SECONDS", 0.05)
    heard = await far.listen("aaaaaa")
    (line,) = far.broker._lines.values()
    # As far as this process can tell, this is what a stop looks like.
    line._heard_at -= 10 * module.SILENCE_SECONDS
    await asyncio.sleep(0.1)
    await node.store.commit(create())
    await heard_so_many(heard, 1)
    assert not far.resets


async def test_subscribing_and_unsubscribing_by_turns_ends_as_the_last_said(
    node: RedisNode, far: Listening
) -> None:
    """Each subscription is heard from when it returned, however many were asked for before."""
    made = create()
    await node.store.commit(made)
    room = after(made)
    for number in range(20):
        heard = await far.listen("aaaaaa")
        commit = (leave if room.seats else join)(room)
        await node.store.commit(commit)
        await heard_so_many(heard, 1)
        assert heard == list(commit.events)
        room = after(commit)
        if number % 3:
            await far.broker.unsubscribe("aaaaaa")
    assert far.resets == []


async def test_versions_that_go_back_are_told_as_a_reset(node: RedisNode, far: Listening) -> None:
    """A master that failed over has lost its last commits: others take their numbers."""
    heard = await far.listen("aaaaaa")
    made = create()
    joined = join(made.room)
    second = join(joined.room, "socket-2")
    for commit in (made, joined, second):
        await node.store.commit(commit)
    await heard_so_many(heard, 3)
    with suite_server().client() as client:
        keys = client.keys(f"{_prefix(node)}:*")
        assert isinstance(keys, list)
        client.delete(*keys)
    anew = create(owner_id="somebody else")
    await node.store.commit(anew)
    await far.was_reset(["aaaaaa"])
    assert len(heard) == 3
    other = join(anew.room, "socket-9")
    await node.store.commit(other)
    await heard_so_many(heard, 4)
    assert heard[3:] == list(other.events)


async def test_a_code_that_is_used_again_after_its_purge_is_no_reset(node: RedisNode, far: Listening) -> None:
    heard = await far.listen("aaaaaa")
    made = create()
    closed = close(made.room)
    purged = purge(closed.room)
    for commit in (made, closed, purged, made):
        await node.store.commit(commit)
    await heard_so_many(heard, 4)
    assert heard == [*made.events, *closed.events, *purged.events, *made.events]
    assert far.resets == []


async def test_an_announcement_that_is_not_understood_is_a_reset(node: RedisNode, far: Listening) -> None:
    """As a newer version of the service may make while an update is under way."""
    heard = await far.listen("aaaaaa")
    channel = Names(_prefix(node), 0).channel("aaaaaa")
    with suite_server().client() as client:
        client.execute_command("SPUBLISH", channel, '[{"event": "unheard_of", "version": 1, "at": 1}]')
    await far.was_reset(["aaaaaa"])
    await node.store.commit(create())
    await heard_so_many(heard, 1)


async def test_a_listener_at_fault_keeps_nobody_else_from_hearing(node: RedisNode, far: Listening) -> None:
    def fail(_events: object) -> None:
        raise RuntimeError("at fault")

    faults: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _loop, context: faults.append(context))
    await far.broker.subscribe("aaaaaa", fail)
    heard = await far.listen("bbbbbb")
    await node.store.commit(create("aaaaaa"))
    await node.store.commit(create("bbbbbb"))
    await heard_so_many(heard, 1)
    assert [str(fault["exception"]) for fault in faults] == ["at fault"]


def _prefix(node: RedisNode) -> str:
    return node.store._names.prefix
