"""Files of older and newer versions, and what becomes of them."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest
from msgspec.structs import replace

from signaling.backends.sqlite import schema
from signaling.backends.sqlite.errors import SchemaTooNew
from signaling.backends.sqlite.files import DATABASE_NAME
from signaling.backends.sqlite.store import SqliteStore
from signaling.domain.events import ParticipantJoined
from signaling.rooms.ports import Claimed, Commit, Statistics

from .changes import NOW, claim, create, join

VERSION_1 = Path(__file__).with_name("schema_1.sql").read_text()
MADE = create(owner_id="ada", claim=claim())


def _as_of_version_1(commit: Commit) -> Commit:
    """Seats had no generation then."""
    (event,) = commit.events
    assert isinstance(event, ParticipantJoined)
    assert commit.room is not None
    seat = replace(event.seat, generation=0)
    return replace(
        commit,
        room=replace(commit.room, seats={seat.socket_id: seat}),
        events=(replace(event, seat=seat),),
    )


JOINED = _as_of_version_1(join(MADE.room))

NEXT = (
    "ALTER TABLE rooms ADD COLUMN colour TEXT NOT NULL DEFAULT 'green'",
    "CREATE INDEX rooms_by_colour ON rooms (colour)",
)
AFTER_NEXT = ("UPDATE rooms SET colour = 'blue'",)
BROKEN = ("CREATE TABLE half (done INTEGER)", "INSERT INTO nowhere VALUES (1)")


@pytest.fixture
def old_file(tmp_path: Path) -> Path:
    """The file of a service of version 1, in `tmp_path`."""
    file = tmp_path / DATABASE_NAME
    connection = sqlite3.connect(file)
    connection.executescript(VERSION_1)
    connection.close()
    return file


async def _open(directory: Path) -> SqliteStore:
    return await SqliteStore.open(directory, lambda _code, _events: None)


def _describe(file: Path) -> tuple[int, list[tuple[str, ...]]]:
    connection = sqlite3.connect(file)
    version: int = connection.execute("PRAGMA user_version").fetchone()[0]
    tables = connection.execute("SELECT type, name, sql FROM sqlite_master ORDER BY type, name").fetchall()
    connection.close()
    return version, [(kind, name, "".join((sql or "").split())) for kind, name, sql in tables]


async def test_a_file_of_version_1_opens_with_all_that_is_in_it(old_file: Path, tmp_path: Path) -> None:
    store = await _open(tmp_path)
    assert await store.load("aaaaaa") == JOINED.room
    assert await store.log("aaaaaa") == [*MADE.events, *JOINED.events]
    assert await store.claimed("key-1", NOW) == Claimed(code="aaaaaa", fingerprint="print-1")
    assert store.open_rooms() == 1
    assert await store.statistics(NOW) == Statistics(
        open_rooms=1, closed_rooms=0, expired_rooms=0, total_participants=1, active_participants=1
    )
    await store.commit(join(JOINED.room, "socket-2"))
    await store.close()


async def test_a_migrated_file_is_like_a_new_one(old_file: Path, tmp_path: Path) -> None:
    for directory in (tmp_path, tmp_path / "new"):
        store = await _open(directory)
        await store.close()
    assert _describe(old_file) == _describe(tmp_path / "new" / DATABASE_NAME)
    assert _describe(old_file)[0] == len(schema.MIGRATIONS)


async def test_missing_steps_are_done_in_order(
    old_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(schema, "MIGRATIONS", (*schema.MIGRATIONS, NEXT, AFTER_NEXT))
    store = await _open(tmp_path)
    assert await store.load("aaaaaa") == JOINED.room
    await store.commit(create("bbbbbb"))
    await store.close()
    connection = sqlite3.connect(old_file)
    assert connection.execute("SELECT code, colour FROM rooms ORDER BY code").fetchall() == [
        ("aaaaaa", "blue"),
        ("bbbbbb", "green"),
    ]
    connection.close()
    assert _describe(old_file)[0] == len(schema.MIGRATIONS)
    # And none is done twice.
    store = await _open(tmp_path)
    assert await store.load("aaaaaa") == JOINED.room
    await store.close()


async def test_a_step_that_fails_leaves_the_file_as_it_was(
    old_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = _describe(old_file)
    with monkeypatch.context() as patch:
        patch.setattr(schema, "MIGRATIONS", (*schema.MIGRATIONS, NEXT, BROKEN))
        with pytest.raises(Exception, match="no such table: nowhere"):
            await _open(tmp_path)
    assert _describe(old_file) == before
    store = await _open(tmp_path)
    assert await store.load("aaaaaa") == JOINED.room
    await store.close()


async def test_a_file_of_a_newer_version_is_refused_and_left_as_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(schema, "MIGRATIONS", (*schema.MIGRATIONS, NEXT))
        store = await _open(tmp_path)
        await store.commit(create())
        await store.close()
    file = tmp_path / DATABASE_NAME
    before = file.read_bytes()
    known = len(schema.MIGRATIONS)
    with pytest.raises(SchemaTooNew, match="written by a newer version") as caught:
        await _open(tmp_path)
    assert (caught.value.found, caught.value.known) == (known + 1, known)
    assert str(file) in str(caught.value)
    assert file.read_bytes() == before
