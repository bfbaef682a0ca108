"""Rooms that the embedded store knows without reading are those that it would read."""

from __future__ import annotations

import asyncio
import sqlite3
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from signaling.backends.sqlite import queries, recent
from signaling.backends.sqlite.files import DATABASE_NAME
from signaling.backends.sqlite.recent import ROOM_COST, RecentRooms
from signaling.backends.sqlite.store import SqliteStore
from signaling.domain.room import Room
from signaling.rooms.ports import Commit, StoreUnavailable

from .changes import after, close, create, join, purge
from .nodes import SqliteBackend, SqliteNode
from .test_sqlite_batches import CODES, batches

GIVE_UP = """
    CREATE TEMP TRIGGER give_up AFTER UPDATE ON main.rooms WHEN new.seat_count = 2
    BEGIN SELECT RAISE(ROLLBACK, 'gave up'); END
"""
"""SQLite rolls a transaction back by itself, as on some errors of the disk."""


@settings(max_examples=40, deadline=None)
@given(batches=batches(), limit=st.sampled_from((0, 1000, recent.RECENT_BYTES)), faulty=st.booleans())
def test_what_is_known_is_what_is_stored(
    batches: list[list[Commit | None]], limit: int, faulty: bool
) -> None:
    """Whatever was refused, was given up half way, or no longer fits."""

    async def run(directory: Path) -> None:
        opened = await SqliteStore.open(directory, lambda _code, _events: None)
        opened._recent = RecentRooms(limit)
        if faulty:
            opened._files.writer.execute(GIVE_UP)
        stored = sqlite3.connect(directory / DATABASE_NAME)
        try:
            for batch in batches:
                commits = [opened.probe() if commit is None else opened.commit(commit) for commit in batch]
                await asyncio.gather(*commits, return_exceptions=True)
                for code in CODES:
                    assert await opened.load(code) == queries.load(stored, code)
        finally:
            stored.close()
            await opened.close()

    with tempfile.TemporaryDirectory() as directory:
        asyncio.run(run(Path(directory)))


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The codes of rooms that were read from the file."""
    read: list[str] = []
    real = queries.load

    def load(connection: sqlite3.Connection, code: str) -> Room | None:
        read.append(code)
        return real(connection, code)

    monkeypatch.setattr(queries, "load", load)
    return read


async def test_what_was_committed_is_not_read(sqlite_node: SqliteNode, disk: list[str]) -> None:
    made = create()
    await sqlite_node.store.commit(made)
    joined = join(made.room)
    await sqlite_node.store.commit(joined)
    assert await sqlite_node.store.load("aaaaaa") == joined.room
    assert disk == []


async def test_what_is_not_known_is_read(tmp_path: Path, disk: list[str]) -> None:
    node = await SqliteBackend(tmp_path).open()
    await node.store.commit(create())
    await node.close()
    with pytest.raises(StoreUnavailable):
        await node.store.load("aaaaaa")
    node = await SqliteBackend(tmp_path).open()
    assert await node.store.load("aaaaaa") == create().room
    assert disk == ["aaaaaa"]
    await node.close()


async def test_a_commit_that_failed_makes_the_store_read(sqlite_node: SqliteNode, disk: list[str]) -> None:
    made = create()
    await sqlite_node.store.commit(made)
    sqlite_node.store._files.writer.execute(GIVE_UP.replace("seat_count = 2", "seat_count = 1"))
    with pytest.raises(StoreUnavailable):
        await sqlite_node.store.commit(join(made.room))
    assert await sqlite_node.store.load("aaaaaa") == made.room
    assert disk == ["aaaaaa"]


async def test_a_purged_room_is_not_known(sqlite_node: SqliteNode) -> None:
    made = create()
    closed = close(made.room)
    for commit in (made, closed, purge(after(closed))):
        await sqlite_node.store.commit(commit)
    assert await sqlite_node.store.load("aaaaaa") is None


async def test_what_somebody_else_has_written_is_read_from_the_next_transaction_on(
    sqlite_node: SqliteNode, tmp_path: Path, disk: list[str]
) -> None:
    """An operator's shell, say. Our own transactions are no reason to forget anything."""
    made = create()
    await sqlite_node.store.commit(made)
    await sqlite_node.store.commit(create("bbbbbb"))
    shell = sqlite3.connect(tmp_path / "data" / DATABASE_NAME, isolation_level=None)
    shell.execute("UPDATE rooms SET body = replace(body, 'aaaaaa', 'edited') WHERE code = 'aaaaaa'")
    shell.close()
    await sqlite_node.store.probe()
    edited = await sqlite_node.store.load("aaaaaa")
    assert edited is not None
    assert edited.code == "edited"
    assert disk == ["aaaaaa"]
    await sqlite_node.store.commit(join(made.room))
    await sqlite_node.store.probe()
    assert await sqlite_node.store.load("aaaaaa") == join(made.room).room
    assert disk == ["aaaaaa"]


def test_the_one_longest_without_a_commit_is_forgotten() -> None:
    rooms = RecentRooms(3 * (ROOM_COST + 100))
    for code in ("aaaaaa", "bbbbbb", "cccccc", "aaaaaa", "dddddd"):
        rooms.keep(after(create(code)), 100)
    assert [rooms.get(code) is not None for code in ("aaaaaa", "bbbbbb", "cccccc", "dddddd")] == [
        True,
        False,
        True,
        True,
    ]


def test_a_large_room_takes_the_place_of_several() -> None:
    rooms = RecentRooms(3 * (ROOM_COST + 100))
    for code in ("aaaaaa", "bbbbbb", "cccccc"):
        rooms.keep(after(create(code)), 100)
    rooms.keep(after(create("dddddd")), ROOM_COST + 200)
    known = [code for code in ("aaaaaa", "bbbbbb", "cccccc", "dddddd") if rooms.get(code) is not None]
    assert known == ["cccccc", "dddddd"]
    rooms.forget("dddddd")
    for code in ("aaaaaa", "bbbbbb"):
        rooms.keep(after(create(code)), 100)
    assert all(rooms.get(code) for code in ("aaaaaa", "bbbbbb", "cccccc"))
