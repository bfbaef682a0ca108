"""A server that dies, stalls, fills up or is handed over: what is kept, what is said, and that it passes."""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator

import pytest
from redis import Redis
from redis.exceptions import RedisError

from signaling.backends.redis import lane
from signaling.backends.redis.store import RedisStore
from signaling.domain.events import RoomEvent
from signaling.domain.room import Room
from signaling.rooms.ports import Claimed, RoomQuery, StoreUnavailable, VersionConflict
from support.redis_server import RedisServer

from .changes import HOUR, NOW, after, claim, close, create, join, leave, purge
from .nodes import DEADLINE_SECONDS, RedisBackend, RedisNode, heard_up_to

pytestmark = pytest.mark.fault


@pytest.fixture
def server() -> Iterator[RedisServer]:
    """One to be treated badly."""
    with RedisServer("--appendfsync", "always", "--busy-reply-threshold", "50") as started:
        yield started


@pytest.fixture
async def node(server: RedisServer) -> AsyncIterator[RedisNode]:
    """A node on it."""
    opened = await RedisBackend(url=server.url).open()
    yield opened
    await opened.close()


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """For what will not pass: it need not be waited for."""
    monkeypatch.setattr(lane, "PATIENCE", 0.3)


async def eventually(call: Callable[[], Awaitable[object]]) -> None:
    """Until the store serves again."""
    deadline = time.monotonic() + DEADLINE_SECONDS
    while True:
        try:
            await call()
        except StoreUnavailable:
            assert time.monotonic() < deadline, "the store did not come back"
            await asyncio.sleep(0.02)
        else:
            return


async def live(store: RedisStore, code: str, acknowledged: list[Room]) -> None:
    """Come and go in a room for ever, noting each state that the store has promised."""
    room: Room | None = None
    while True:
        commit = create(code) if room is None else (leave if room.seats else join)(room)
        with contextlib.suppress(StoreUnavailable):
            try:
                await store.commit(commit)
            except VersionConflict:
                room = await store.load(code)
            else:
                room = after(commit)
                acknowledged.append(room)


@pytest.mark.parametrize("end", ["restart", "kill9"])
async def test_what_was_acknowledged_is_there_after_the_server_died(
    server: RedisServer, node: RedisNode, end: str
) -> None:
    """In the middle of commits, three times; those who commit sit it out."""
    promises: dict[str, list[Room]] = {f"room{number:02}": [] for number in range(8)}
    living = [asyncio.create_task(live(node.store, code, rooms)) for code, rooms in promises.items()]
    for _ in range(3):
        before = sum(map(len, promises.values()))
        deadline = time.monotonic() + DEADLINE_SECONDS
        while sum(map(len, promises.values())) < before + 100:
            assert time.monotonic() < deadline, "no commits are made any more"
            await asyncio.sleep(0.01)
        await asyncio.to_thread(getattr(server, end))
        if end == "kill9":
            await asyncio.to_thread(server.start)
    for task in living:
        task.cancel()
    await asyncio.wait(living)

    for code, rooms in promises.items():
        room = await node.store.load(code)
        assert room is not None
        assert room.version >= rooms[-1].version
        log = await node.store.log(code)
        assert [event.version for event in log] == list(range(1, room.version + 1))
    statistics = await node.store.statistics(NOW)
    stored = [room for code in promises if (room := await node.store.load(code)) is not None]
    assert statistics.open_rooms == len(stored) == 8
    assert statistics.active_participants == sum(len(room.seats) for room in stored)
    assert statistics.total_participants == sum(room.joined_total for room in stored)
    assert sorted(await node.store.occupied()) == sorted(room.code for room in stored if room.seats)


async def test_claims_and_lists_are_there_after_kill_nine(server: RedisServer, node: RedisNode) -> None:
    made = create(owner_id="ada", claim=claim())
    await node.store.commit(made)
    await asyncio.to_thread(server.kill9)
    await asyncio.to_thread(server.start)
    assert await node.store.claimed("key-1", NOW) == Claimed(code="aaaaaa", fingerprint="print-1")
    page = await node.store.find(RoomQuery(now=NOW, limit=10, owner_id="ada"))
    assert (page.rooms, page.total) == ([made.room], 1)
    assert list(await node.store.due(NOW + HOUR, 10)) == ["aaaaaa"]


async def test_a_flushed_server_is_an_empty_store(
    server: RedisServer, node: RedisNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = create()
    await node.store.commit(made)
    joined = join(made.room)
    await node.store.commit(joined)
    with server.client() as client:
        client.flushall()
        client.script_flush()
    with pytest.raises(VersionConflict):
        await node.store.commit(join(joined.room, "socket-2"))
    assert await node.store.load("aaaaaa") is None
    assert (await node.store.statistics(NOW)).total_participants == 0
    anew = create("aaaaaa", NOW + 1)
    await node.store.commit(anew)
    assert await node.store.load("aaaaaa") == anew.room
    assert node.store.open_rooms() == 1


async def test_scripts_that_were_flushed_are_given_again(server: RedisServer, node: RedisNode) -> None:
    """Commits that follow one another are done in their order all the same."""
    heard = await node.listen("aaaaaa")
    commits = [create()]
    await node.store.commit(commits[0])
    with server.client() as client:
        client.script_flush()
    for _ in range(20):
        commits.append((leave if after(commits[-1]).seats else join)(commits[-1].room))
    await asyncio.gather(*map(node.store.commit, commits[1:]))
    await heard_up_to(heard, 21)
    assert [event.version for event in heard] == list(range(1, 22))
    with server.client() as client:
        client.script_flush()
    assert (await node.store.find(RoomQuery(now=NOW, limit=1))).total == 1
    assert (await node.store.statistics(NOW)).open_rooms == 1


@pytest.mark.usefixtures("impatient")
async def test_a_server_that_is_away_is_said_to_be_so(server: RedisServer, node: RedisNode) -> None:
    made = create()
    await node.store.commit(made)
    await asyncio.to_thread(server.kill9)
    calls: list[Callable[[], Awaitable[object]]] = [
        lambda: node.store.load("aaaaaa"),
        lambda: node.store.commit(join(made.room)),
        lambda: node.store.log("aaaaaa"),
        lambda: node.store.claimed("key-1", NOW),
        lambda: node.store.find(RoomQuery(now=NOW, limit=1)),
        lambda: node.store.statistics(NOW),
        lambda: node.store.due(NOW, 1),
        node.store.occupied,
        node.store.probe,
    ]
    outcomes = await asyncio.gather(*(call() for call in calls), return_exceptions=True)
    assert [type(outcome) for outcome in outcomes if not isinstance(outcome, StoreUnavailable)] == []
    assert node.store.open_rooms() == 1
    await asyncio.to_thread(server.start)
    await eventually(node.store.probe)
    assert await node.store.load("aaaaaa") == made.room


@pytest.mark.usefixtures("impatient")
async def test_a_server_that_does_not_answer_is_not_waited_for_for_ever(
    server: RedisServer, node: RedisNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    await node.store.commit(create())
    server.freeze()
    try:
        with pytest.raises(StoreUnavailable):
            await node.store.probe()
        with pytest.raises(StoreUnavailable):
            await node.store.load("aaaaaa")
    finally:
        server.thaw()
    await eventually(node.store.probe)
    assert await node.store.load("aaaaaa") == create().room


async def test_a_full_server_refuses_whole_commits_and_lets_purges_through(
    server: RedisServer, node: RedisNode
) -> None:
    """Memory is short: nothing may be done by half, and what makes room must be possible."""
    made = create(owner_id="ada")
    closed = close(made.room)
    other = create("bbbbbb")
    for commit in (made, closed, other):
        await node.store.commit(commit)
    heard = await node.listen("bbbbbb")
    before = await _everything(node)
    with server.client() as client:
        client.config_set("maxmemory", "1")
        with pytest.raises(StoreUnavailable, match="maxmemory"):
            await node.store.commit(join(other.room))
        with pytest.raises(StoreUnavailable, match="maxmemory"):
            await node.store.commit(create("cccccc", claim=claim()))
        with pytest.raises(StoreUnavailable, match="maxmemory"):
            await node.store.probe()
        assert await _everything(node) == before
        await node.store.commit(purge(closed.room))
        assert await node.store.load("aaaaaa") is None
        client.config_set("maxmemory", "0")
    await node.store.commit(create("cccccc", claim=claim()))
    joined = join(other.room)
    await node.store.commit(joined)
    await heard_up_to(heard, 2)
    assert heard == list(joined.events), "a refused commit was announced"
    assert (await node.store.statistics(NOW)).active_participants == 1


@pytest.mark.usefixtures("impatient")
async def test_a_master_that_became_a_replica_is_not_written_to(server: RedisServer, node: RedisNode) -> None:
    made = create()
    await node.store.commit(made)
    with RedisServer() as other, server.client() as client:
        client.replicaof("127.0.0.1", str(other.port))
        with pytest.raises(StoreUnavailable, match="read only replica"):
            await node.store.commit(create("bbbbbb"))
        client.replicaof("NO", "ONE")
    await eventually(node.store.probe)


async def test_a_short_failover_is_sat_out(server: RedisServer, node: RedisNode) -> None:
    """A second without a master costs a second, not an error."""
    await node.store.commit(create())
    with server.client() as client:
        client.replicaof("127.0.0.1", "1")
        committing = asyncio.create_task(node.store.commit(create("bbbbbb")))
        done, _ = await asyncio.wait((committing,), timeout=0.3)
        assert not done
        client.replicaof("NO", "ONE")
    await committing
    assert await node.store.load("bbbbbb") == create("bbbbbb").room


@pytest.mark.usefixtures("impatient")
async def test_a_server_that_is_busy_with_somebody_elses_script(server: RedisServer, node: RedisNode) -> None:
    await node.store.commit(create())

    def be_busy() -> None:
        with server.client() as client, contextlib.suppress(RedisError):
            client.eval("while true do end", 0)

    busy = threading.Thread(target=be_busy)
    busy.start()
    try:
        with server.client() as client:
            await asyncio.to_thread(_until_busy, client)
            with pytest.raises(StoreUnavailable, match="BUSY"):
                await node.store.load("aaaaaa")
            client.script_kill()
    finally:
        busy.join(DEADLINE_SECONDS)
    await eventually(node.store.probe)
    assert await node.store.load("aaaaaa") == create().room


async def test_too_much_that_waits_is_refused_at_once(
    server: RedisServer, node: RedisNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lane, "CAPACITY", 10)
    outcomes = await asyncio.gather(*(node.store.load("aaaaaa") for _ in range(30)), return_exceptions=True)
    assert outcomes.count(None) == 10
    assert all("overloaded" in str(outcome) for outcome in outcomes if outcome is not None)
    assert await node.store.load("aaaaaa") is None


async def test_a_closed_store_says_so(server: RedisServer) -> None:
    node = await RedisBackend(url=server.url).open()
    await node.close()
    with pytest.raises(StoreUnavailable, match="closed"):
        await node.store.load("aaaaaa")
    with pytest.raises(StoreUnavailable, match="closed"):
        await node.store.commit(create())
    heard: list[RoomEvent] = []
    with pytest.raises(StoreUnavailable, match="closed"):
        await node.broker.subscribe("aaaaaa", heard.extend)


def _until_busy(client: Redis) -> None:
    deadline = time.monotonic() + DEADLINE_SECONDS
    while time.monotonic() < deadline:
        try:
            client.ping()
        except RedisError as error:
            if "BUSY" in str(error):
                return
            raise
    pytest.fail("the server was never busy")


async def _everything(node: RedisNode) -> tuple[object, ...]:
    return (
        [await node.store.load(code) for code in ("aaaaaa", "bbbbbb", "cccccc")],
        [await node.store.log(code) for code in ("aaaaaa", "bbbbbb", "cccccc")],
        await node.store.find(RoomQuery(now=NOW, limit=10)),
        await node.store.statistics(NOW),
        await node.store.due(NOW + 99 * HOUR, 10),
        await node.store.occupied(),
        await node.store.claimed("key-1", NOW),
        node.store.open_rooms(),
    )


@pytest.mark.parametrize("trouble", ["kill9", "freeze"])
async def test_closing_does_not_wait_for_a_server_that_is_away(server: RedisServer, trouble: str) -> None:
    """A process that stops has little time."""
    node = await RedisBackend(url=server.url).open()
    await asyncio.to_thread(getattr(server, trouble))
    commits = [asyncio.create_task(node.store.commit(create(f"room{number}2"))) for number in range(2, 5)]
    await asyncio.sleep(0)
    async with asyncio.timeout(lane.PATIENCE):
        await node.close()
    for outcome in await asyncio.gather(*commits, return_exceptions=True):
        assert isinstance(outcome, StoreUnavailable)
