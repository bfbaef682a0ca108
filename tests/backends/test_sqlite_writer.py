"""The embedded store's writer: grouped commits, and what comes of trouble with the disk or a neighbour."""

from __future__ import annotations

import asyncio
import contextlib
import resource
import sqlite3
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from signaling.backends.sqlite import files, store, writer
from signaling.backends.sqlite.files import DATABASE_NAME
from signaling.backends.sqlite.rows import CommitRows
from signaling.domain.events import RoomEvent
from signaling.rooms.ports import ClaimTaken, Commit, RoomQuery, StoreUnavailable, VersionConflict

from .changes import HOUR, NOW, after, claim, close, create, join, purge
from .nodes import DEADLINE_SECONDS, SqliteBackend, SqliteNode


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """Where `sqlite_node` keeps its data."""
    return tmp_path / "data"


@pytest.fixture
def batches(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many writes each transaction had."""
    sizes: list[int] = []
    real = writer.write

    def write(connection: sqlite3.Connection, writes: Sequence[CommitRows | None]) -> writer.Written:
        sizes.append(len(writes))
        return real(connection, writes)

    monkeypatch.setattr(writer, "write", write)
    return sizes


@contextlib.contextmanager
def write_lock(directory: Path) -> Iterator[None]:
    """Hold up the writer, as an operator's shell might."""
    connection = sqlite3.connect(directory / DATABASE_NAME, isolation_level=None)
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
    finally:
        connection.execute("ROLLBACK")
        connection.close()


@contextlib.contextmanager
def full_disk(directory: Path) -> Iterator[None]:
    """Let no file grow beyond what the write-ahead log has now: its next write fails."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (wal(directory).stat().st_size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def wal(directory: Path) -> Path:
    return directory / f"{DATABASE_NAME}-wal"


def begin(*awaitables: Awaitable[Any]) -> list[asyncio.Future[Any]]:
    return [asyncio.ensure_future(awaitable) for awaitable in awaitables]


async def taken(batches: list[int], count: int = 1) -> None:
    """Return when the writer has begun that many batches."""
    await until(lambda: len(batches) >= count)


async def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + DEADLINE_SECONDS
    while not condition():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.001)


async def test_the_announcement_comes_before_the_commit_returns(tmp_path: Path) -> None:
    steps: list[str] = []
    opened = await store.SqliteStore.open(tmp_path, lambda code, _events: steps.append(f"announced {code}"))
    await opened.commit(create())
    steps.append("returned")
    assert steps == ["announced aaaaaa", "returned"]
    await opened.close()


async def test_announcements_are_made_in_the_event_loop(tmp_path: Path) -> None:
    loops: list[object] = []
    opened = await store.SqliteStore.open(
        tmp_path, lambda _code, _events: loops.append(asyncio.get_running_loop())
    )
    await opened.commit(create())
    assert loops == [asyncio.get_running_loop()]
    await opened.close()


async def test_a_room_announced_is_a_room_stored(tmp_path: Path) -> None:
    """Who loads the room on hearing of it must find it: nothing is announced before it is durable."""
    loads: list[asyncio.Task[Any]] = []
    opened: store.SqliteStore

    def publish(code: str, _events: Sequence[RoomEvent]) -> None:
        loads.append(asyncio.get_running_loop().create_task(opened.load(code)))

    opened = await store.SqliteStore.open(tmp_path, publish)
    made = create()
    await opened.commit(made)
    assert await loads[0] == made.room
    await opened.close()


async def test_a_listener_at_fault_hurts_nobody(tmp_path: Path) -> None:
    announced: list[str] = []
    reported: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _loop, context: reported.append(context))

    def publish(code: str, _events: Sequence[RoomEvent]) -> None:
        if code == "aaaaaa":
            raise RuntimeError("listener at fault")
        announced.append(code)

    opened = await store.SqliteStore.open(tmp_path, publish)
    await asyncio.gather(opened.commit(create("aaaaaa")), opened.commit(create("bbbbbb")))
    assert announced == ["bbbbbb"]
    assert [str(context["exception"]) for context in reported] == ["listener at fault"]
    await opened.close()


async def test_what_waits_is_committed_in_one_transaction(
    sqlite_node: SqliteNode, directory: Path, batches: list[int]
) -> None:
    with write_lock(directory):
        commits = begin(sqlite_node.store.commit(create("first2")))
        await taken(batches)
        commits += begin(*(sqlite_node.store.commit(create(f"room{number:02}")) for number in range(60)))
        await asyncio.sleep(0)
    await asyncio.gather(*commits)
    assert batches == [1, 60]


async def test_a_transaction_is_bounded(
    sqlite_node: SqliteNode, directory: Path, batches: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite_node.store._writer, "_batch", 25)
    with write_lock(directory):
        commits = begin(sqlite_node.store.commit(create("first2")))
        await taken(batches)
        commits += begin(*(sqlite_node.store.commit(create(f"room{number:02}")) for number in range(60)))
        await asyncio.sleep(0)
    await asyncio.gather(*commits)
    assert batches == [1, 25, 25, 10]


async def test_each_commit_of_a_batch_has_its_own_outcome(
    sqlite_node: SqliteNode, directory: Path, batches: list[int]
) -> None:
    """A conflict, a taken claim and an error of SQL in the middle of writing leave their neighbours alone."""
    made = create("shared", claim=claim("held"))
    await sqlite_node.store.commit(made)
    joined = join(made.room)
    too_late = replace(joined.events[0], at=2**70)
    heard = await sqlite_node.listen("shared")
    with write_lock(directory):
        commits = begin(sqlite_node.store.commit(create("first2")))
        await taken(batches, 2)
        commits += begin(
            sqlite_node.store.commit(create("good22")),
            # The room is updated before its event turns out not to fit an SQL integer.
            sqlite_node.store.commit(replace(joined, events=(too_late,))),
            sqlite_node.store.commit(create("taken2", claim=claim("held"))),
            sqlite_node.store.commit(create("shared")),
            sqlite_node.store.commit(joined),
            sqlite_node.store.commit(join(made.room, "socket-2")),
            sqlite_node.store.probe(),
            sqlite_node.store.commit(create("good33")),
        )
        await asyncio.sleep(0)
    outcomes = await asyncio.gather(*commits, return_exceptions=True)
    assert batches == [1, 1, 8]
    assert [type(outcome) for outcome in outcomes] == [
        type(None),
        type(None),
        OverflowError,
        ClaimTaken,
        VersionConflict,
        type(None),
        VersionConflict,
        type(None),
        type(None),
    ]
    assert await sqlite_node.store.load("shared") == joined.room
    assert await sqlite_node.store.log("shared") == [*made.events, *joined.events]
    assert heard == list(joined.events)
    assert await sqlite_node.store.load("taken2") is None
    assert sqlite_node.store.open_rooms() == 4


async def test_what_is_not_a_commit_is_refused_at_once(sqlite_node: SqliteNode) -> None:
    made = create()
    gap = replace(after(made), version=3)
    event = made.events[0]
    for wrong in (
        replace(made, events=()),
        replace(made, events=(event, replace(event, version=3)), room=gap),
        replace(made, events=(replace(event, version=2),)),
        replace(made, room=replace(after(made), version=2)),
        replace(made, code="bbbbbb"),
    ):
        with pytest.raises(ValueError, match=r"follow|is not"):
            await sqlite_node.store.commit(wrong)
    assert sqlite_node.store.open_rooms() == 0


async def test_the_loop_and_the_reads_go_on_while_the_writer_is_held_up(
    sqlite_node: SqliteNode, directory: Path, batches: list[int]
) -> None:
    made = create()
    await sqlite_node.store.commit(made)
    with write_lock(directory):
        (waiting,) = begin(sqlite_node.store.commit(join(made.room)))
        await taken(batches, 2)
        for _ in range(100):
            await asyncio.sleep(0.001)
        assert await sqlite_node.store.load("aaaaaa") == made.room
        assert (await sqlite_node.store.find(RoomQuery(now=NOW, limit=5))).total == 1
        # A loop that was blocked with the writer would have come here when the writer gave up.
        assert not waiting.done()
    await waiting


async def test_a_lock_held_too_long_is_unavailable_and_passes(
    tmp_path: Path, directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "BUSY_SECONDS", 0.05)
    node = await SqliteBackend(tmp_path).open()
    heard = await node.listen("aaaaaa")
    with write_lock(directory):
        with pytest.raises(StoreUnavailable, match="locked") as caught:
            await node.store.commit(create())
        assert isinstance(caught.value.__cause__, sqlite3.OperationalError)
        with pytest.raises(StoreUnavailable):
            await node.store.probe()
    assert heard == []
    assert await node.store.load("aaaaaa") is None
    await node.store.probe()
    await node.store.commit(create())
    assert heard == list(create().events)
    await node.close()


async def test_a_full_disk_is_unavailable_and_passes(
    sqlite_node: SqliteNode, directory: Path, batches: list[int]
) -> None:
    made = create(claim=claim("before"))
    await sqlite_node.store.commit(made)
    heard = {code: await sqlite_node.listen(code) for code in ("aaaaaa", "room00", "room11")}
    with full_disk(directory):
        with pytest.raises(StoreUnavailable) as caught:
            await sqlite_node.store.probe()
        assert isinstance(caught.value.__cause__, sqlite3.OperationalError)
        with write_lock(directory):
            attempts = begin(sqlite_node.store.probe())
            await taken(batches, 3)
            attempts += begin(
                sqlite_node.store.commit(join(made.room)),
                sqlite_node.store.commit(create("room00", claim=claim("new"))),
                # Refused on what this transaction alone has seen: if that fails, so must the refusal.
                sqlite_node.store.commit(create("room11", claim=claim("new"))),
                sqlite_node.store.commit(join(made.room, "socket-2")),
            )
            await asyncio.sleep(0)
        outcomes = await asyncio.gather(*attempts, return_exceptions=True)
        assert batches[-1] == 4
        assert [type(outcome) for outcome in outcomes] == [StoreUnavailable] * 5
        assert len({id(outcome) for outcome in outcomes}) == 5
        assert await sqlite_node.store.load("aaaaaa") == made.room
        assert sqlite_node.store.open_rooms() == 1
    await sqlite_node.store.probe()
    assert await sqlite_node.store.claimed("new", NOW) is None
    await sqlite_node.store.commit(join(made.room))
    await sqlite_node.store.commit(create("room00", claim=claim("new")))
    assert heard == {
        "aaaaaa": list(join(made.room).events),
        "room00": list(create("room00").events),
        "room11": [],
    }


async def test_a_database_that_may_not_grow_refuses_what_does_not_fit_only(
    sqlite_node: SqliteNode, directory: Path, batches: list[int]
) -> None:
    connection = sqlite_node.store._files.writer
    (pages,) = connection.execute("PRAGMA page_count").fetchone()
    connection.execute(f"PRAGMA max_page_count = {pages}")
    with write_lock(directory):
        commits = begin(sqlite_node.store.commit(create("first2")))
        await taken(batches)
        commits += begin(
            sqlite_node.store.commit(create("small2")),
            sqlite_node.store.commit(create("large2", owner_id="x" * 20_000)),
            sqlite_node.store.commit(create("small3")),
        )
        await asyncio.sleep(0)
    outcomes = await asyncio.gather(*commits, return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [type(None), type(None), StoreUnavailable, type(None)]
    assert "full" in str(outcomes[2])
    connection.execute("PRAGMA max_page_count = 1000000")
    await sqlite_node.store.commit(create("large2", owner_id="x" * 20_000))
    assert sqlite_node.store.open_rooms() == 4


async def test_when_sqlite_gives_up_a_transaction_all_of_it_is_unavailable(
    sqlite_node: SqliteNode, directory: Path, batches: list[int]
) -> None:
    """On some errors of the disk SQLite rolls back by itself, in the middle: the neighbours' work is gone."""
    connection = sqlite_node.store._files.writer
    connection.execute(
        """
        CREATE TEMP TRIGGER give_up AFTER INSERT ON main.rooms WHEN new.code = 'broken'
        BEGIN SELECT RAISE(ROLLBACK, 'gave up'); END
        """
    )
    heard = await sqlite_node.listen("before")
    with write_lock(directory):
        commits = begin(sqlite_node.store.commit(create("first2")))
        await taken(batches)
        codes = ("before", "broken", "behind")
        commits += begin(*(sqlite_node.store.commit(create(code)) for code in codes))
        await asyncio.sleep(0)
    outcomes = await asyncio.gather(*commits, return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [type(None), *[StoreUnavailable] * 3]
    assert await sqlite_node.store.load("before") is None
    assert heard == []
    assert sqlite_node.store.open_rooms() == 1
    await sqlite_node.store.commit(create("before"))
    assert heard == list(create("before").events)


async def test_a_damaged_row_is_an_error_of_its_room_only(tmp_path: Path, directory: Path) -> None:
    node = await SqliteBackend(tmp_path).open()
    await node.store.commit(create("aaaaaa"))
    await node.store.commit(create("bbbbbb"))
    await node.close()
    connection = sqlite3.connect(directory / DATABASE_NAME)
    connection.execute("UPDATE rooms SET body = '{' WHERE code = 'aaaaaa'")
    connection.commit()
    connection.close()
    node = await SqliteBackend(tmp_path).open()
    with pytest.raises(msgspec.DecodeError):
        await node.store.load("aaaaaa")
    assert await node.store.load("bbbbbb") == create("bbbbbb").room
    await node.close()


async def test_a_full_queue_is_unavailable_and_passes(
    sqlite_node: SqliteNode, directory: Path, batches: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite_node.store._writer, "_capacity", 8)
    with write_lock(directory):
        accepted = begin(sqlite_node.store.commit(create("first2")))
        await taken(batches)
        accepted += begin(*(sqlite_node.store.commit(create(f"room{number:02}")) for number in range(8)))
        await asyncio.sleep(0)
        with pytest.raises(StoreUnavailable, match="overloaded"):
            await sqlite_node.store.commit(create("toomuch"))
        with pytest.raises(StoreUnavailable, match="overloaded"):
            await sqlite_node.store.probe()
    await asyncio.gather(*accepted)
    assert sqlite_node.store.open_rooms() == 9
    assert await sqlite_node.store.load("toomuch") is None
    await sqlite_node.store.probe()


async def test_a_cancelled_caller_breaks_nothing(
    sqlite_node: SqliteNode, directory: Path, batches: list[int]
) -> None:
    heard = await sqlite_node.listen("bbbbbb")
    with write_lock(directory):
        first = asyncio.create_task(sqlite_node.store.commit(create("aaaaaa")))
        await taken(batches)
        second = asyncio.create_task(sqlite_node.store.commit(create("bbbbbb")))
        third = asyncio.create_task(sqlite_node.store.commit(create("cccccc")))
        await asyncio.sleep(0)
        first.cancel()
        second.cancel()
        await asyncio.wait([first, second])
    await third
    # It was on its way, and was done and announced, though nobody was there to be told.
    assert await sqlite_node.store.load("bbbbbb") == create("bbbbbb").room
    assert heard == list(create("bbbbbb").events)
    assert sqlite_node.store.open_rooms() == 3


async def test_a_cancelled_read_breaks_nothing(sqlite_node: SqliteNode) -> None:
    await sqlite_node.store.commit(create())
    reads = [asyncio.create_task(sqlite_node.store.log("aaaaaa")) for _ in range(10)]
    await asyncio.sleep(0)
    for read in reads[::2]:
        read.cancel()
    results = await asyncio.gather(*reads, return_exceptions=True)
    assert [type(result) for result in results[::2]] == [asyncio.CancelledError] * 5
    assert results[1::2] == [list(create().events)] * 5


async def test_a_probe_that_gets_no_answer_in_time_is_unavailable(
    sqlite_node: SqliteNode, directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store, "PROBE_SECONDS", 0.05)
    with write_lock(directory), pytest.raises(StoreUnavailable, match="did not write within"):
        await sqlite_node.store.probe()
    await sqlite_node.store.commit(create())
    await sqlite_node.store.probe()


async def test_probes_at_one_time_are_one_write(
    sqlite_node: SqliteNode, directory: Path, batches: list[int]
) -> None:
    """Readiness is asked without a key: asking it often must not write often."""
    with write_lock(directory):
        probes = begin(*(sqlite_node.store.probe() for _ in range(100)))
        await taken(batches)
    await asyncio.gather(*probes)
    assert batches == [1]


async def test_a_query_that_fails_is_unavailable(sqlite_node: SqliteNode, directory: Path) -> None:
    connection = sqlite3.connect(directory / DATABASE_NAME)
    connection.execute("ALTER TABLE new_events RENAME TO elsewhere")
    connection.commit()
    with pytest.raises(StoreUnavailable, match="no such table") as caught:
        await sqlite_node.store.log("aaaaaa")
    assert isinstance(caught.value.__cause__, sqlite3.OperationalError)
    with pytest.raises(StoreUnavailable):
        await sqlite_node.store.commit(create())
    connection.execute("ALTER TABLE elsewhere RENAME TO new_events")
    connection.commit()
    connection.close()
    await sqlite_node.store.commit(create())
    assert await sqlite_node.store.log("aaaaaa") == list(create().events)


async def test_a_closed_store_is_unavailable(tmp_path: Path) -> None:
    node = await SqliteBackend(tmp_path).open()
    await node.close()
    calls: list[Callable[[], Awaitable[Any]]] = [
        lambda: node.store.load("aaaaaa"),
        lambda: node.store.commit(create()),
        lambda: node.store.log("aaaaaa"),
        lambda: node.store.claimed("key", NOW),
        lambda: node.store.find(RoomQuery(now=NOW, limit=1)),
        lambda: node.store.statistics(NOW),
        lambda: node.store.due(NOW, 1),
        lambda: node.store.occupied(),
        lambda: node.store.probe(),
    ]
    for call in calls:
        with pytest.raises(StoreUnavailable, match="closed"):
            await call()


async def test_expired_claims_are_removed_a_few_at_a_time(sqlite_node: SqliteNode, directory: Path) -> None:
    def claims() -> int:
        connection = sqlite3.connect(directory / DATABASE_NAME)
        count: int = connection.execute("SELECT count(*) FROM claims").fetchone()[0]
        connection.close()
        return count

    def make(code: str, now: int) -> Commit:
        return create(code, now, claim=claim(f"key of {code}", expires_at=now + HOUR))

    await asyncio.gather(*(sqlite_node.store.commit(make(f"room{number:02}", NOW)) for number in range(20)))
    assert claims() == 20
    await sqlite_node.store.commit(make("later2", NOW + HOUR - 1))
    assert claims() == 21, "a claim that holds was removed"
    await sqlite_node.store.commit(make("later3", NOW + HOUR))
    assert claims() == 22 - writer.SWEPT_PER_CLAIM
    for number in range(10):
        await sqlite_node.store.commit(make(f"last{number:02}", NOW + HOUR))
    assert claims() == 12
    assert await sqlite_node.store.claimed("key of later2", NOW + HOUR) is not None


async def test_a_commit_waits_for_the_disk(sqlite_node: SqliteNode) -> None:
    """What this asks of SQLite cannot be seen from outside without cutting the power."""
    connection = sqlite_node.store._files.writer
    assert connection.execute("PRAGMA synchronous").fetchone() == (2,)
    assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)


async def test_the_write_ahead_log_is_bounded(sqlite_node: SqliteNode, directory: Path) -> None:
    async def live(worker: int) -> None:
        for number in range(40):
            made = create(f"r{worker:02}{number:03}", max_participants=100)
            closed = close(made.room)
            for commit in (made, closed, purge(closed.room)):
                await sqlite_node.store.commit(commit)

    await asyncio.gather(*map(live, range(50)))
    assert wal(directory).stat().st_size < files.WAL_BYTES
