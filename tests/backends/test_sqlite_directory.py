"""The embedded store's directory: who may use it, and what is said when it cannot be used."""

from __future__ import annotations

import asyncio
import errno
import os
import random
import sqlite3
import stat
import sys
import tempfile
from asyncio.subprocess import PIPE
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from signaling.backends.sqlite import files
from signaling.backends.sqlite.errors import (
    DatabaseUnreadable,
    DataDirectoryError,
    DataDirectoryInUse,
    DataDirectoryUnusable,
)
from signaling.backends.sqlite.files import DATABASE_NAME
from signaling.backends.sqlite.store import SqliteStore

from .changes import create
from .nodes import SqliteNode

OTHER_PROCESS = """
import asyncio, sys
from pathlib import Path
from signaling.backends.sqlite.store import SqliteStore
async def hold():
    store = await SqliteStore.open(Path(sys.argv[1]), lambda code, events: None)
    print("open", flush=True)
    sys.stdin.readline()
asyncio.run(hold())
"""


async def _open(directory: Path) -> SqliteStore:
    return await SqliteStore.open(directory, lambda _code, _events: None)


async def test_a_missing_directory_is_made_for_its_owner_only(tmp_path: Path) -> None:
    directory = tmp_path / "deep" / "data"
    store = await _open(directory)
    await store.commit(create())
    assert stat.S_IMODE(directory.stat().st_mode) == 0o700
    for file in directory.iterdir():
        assert stat.S_IMODE(file.stat().st_mode) == 0o600, file
    await store.close()


async def test_a_second_store_on_a_directory_is_refused_and_the_first_goes_on(
    sqlite_node: SqliteNode, tmp_path: Path
) -> None:
    directory = tmp_path / "data"
    with pytest.raises(DataDirectoryInUse, match="in use by another process") as caught:
        await _open(directory)
    assert str(directory) in str(caught.value)
    await sqlite_node.store.commit(create())


async def test_the_directory_is_free_after_close(tmp_path: Path) -> None:
    for _ in range(3):
        store = await _open(tmp_path)
        await store.close()
        await store.close()


async def test_another_process_keeps_the_directory_until_it_is_killed(tmp_path: Path) -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", OTHER_PROCESS, str(tmp_path), stdin=PIPE, stdout=PIPE
    )
    try:
        assert process.stdout is not None
        assert await process.stdout.readline() == b"open\n"
        with pytest.raises(DataDirectoryInUse):
            await _open(tmp_path)
    finally:
        process.kill()
        await process.communicate()
    store = await _open(tmp_path)
    await store.close()


async def test_a_file_in_place_of_the_directory_is_named(tmp_path: Path) -> None:
    file = tmp_path / "data"
    file.write_text("")
    for directory in (file, file / "below"):
        with pytest.raises(DataDirectoryUnusable, match="cannot be used") as caught:
            await _open(directory)
        assert str(directory) in str(caught.value)


NOBODY: Final = 65534


@pytest.fixture
def forbidden_directory() -> Iterator[Path]:
    """One that may be read, but not written, by whom the process is: to root nothing is forbidden."""
    directory = Path(tempfile.mkdtemp(prefix="signaling-test-"))
    directory.chmod(0o500)
    root = os.geteuid() == 0
    if root:
        os.chown(directory, NOBODY, -1)
        os.seteuid(NOBODY)
    yield directory
    if root:
        os.seteuid(0)
    directory.rmdir()


async def test_a_directory_that_cannot_be_written_is_named(forbidden_directory: Path) -> None:
    with pytest.raises(DataDirectoryUnusable, match="Permission denied"):
        await _open(forbidden_directory)


async def test_a_file_system_without_locks_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_descriptor: int) -> None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(files, "_lock", fail)
    with pytest.raises(DataDirectoryUnusable, match="No locks available"):
        await _open(tmp_path)


@pytest.fixture
def directory_for_database(tmp_path: Path) -> Path:
    """A data directory with a directory where the database should be."""
    (tmp_path / DATABASE_NAME).mkdir()
    return tmp_path


async def test_a_directory_in_place_of_the_database_is_named(directory_for_database: Path) -> None:
    with pytest.raises(DataDirectoryUnusable, match="Is a directory"):
        await _open(directory_for_database)


async def test_a_file_that_is_no_database_is_refused_and_left_as_it_is(tmp_path: Path) -> None:
    file = tmp_path / DATABASE_NAME
    file.write_bytes(b"not a database, but somebody's notes\n" * 200)
    with pytest.raises(DatabaseUnreadable, match="file is not a database") as caught:
        await _open(tmp_path)
    assert str(file) in str(caught.value)
    assert file.read_bytes() == b"not a database, but somebody's notes\n" * 200


@pytest.mark.parametrize("user_version", [0, 1, 99])
async def test_a_database_of_something_else_is_refused_and_left_as_it_is(
    tmp_path: Path, user_version: int
) -> None:
    file = tmp_path / DATABASE_NAME
    connection = sqlite3.connect(file)
    connection.execute("CREATE TABLE rooms (number INTEGER)")
    connection.execute(f"PRAGMA user_version = {user_version}")
    connection.commit()
    connection.close()
    before = file.read_bytes()
    with pytest.raises(DatabaseUnreadable, match="not a database of this service"):
        await _open(tmp_path)
    assert file.read_bytes() == before


async def test_a_damaged_database_is_refused(tmp_path: Path) -> None:
    store = await _open(tmp_path)
    await store.commit(create())
    await store.close()
    file = tmp_path / DATABASE_NAME
    sound = file.read_bytes()
    # One damage in a hundred has sqlite3 fail at its own message (UnicodeDecodeError): hence so many.
    for seed in range(200):
        noise = random.Random(seed).randbytes(4096 - 200)
        file.write_bytes(sound[:200] + noise + sound[4096:])
        with pytest.raises(DatabaseUnreadable):
            await _open(tmp_path)


async def test_a_database_with_a_table_missing_is_refused(tmp_path: Path) -> None:
    store = await _open(tmp_path)
    await store.close()
    connection = sqlite3.connect(tmp_path / DATABASE_NAME)
    connection.execute("DROP TABLE totals")
    connection.commit()
    connection.close()
    for _ in range(2):
        with pytest.raises(DatabaseUnreadable, match="no such table: totals"):
            await _open(tmp_path)


async def test_after_a_refusal_the_directory_is_free(tmp_path: Path) -> None:
    """What was opened or locked before the fault is given up again."""
    file = tmp_path / DATABASE_NAME
    file.write_bytes(b"not a database" * 500)
    for _ in range(2):
        with pytest.raises(DatabaseUnreadable):
            await _open(tmp_path)
    file.unlink()
    store = await _open(tmp_path)
    await store.close()


def test_every_refusal_is_one_kind_of_error() -> None:
    """Whoever starts the service catches this one, and prints it."""
    assert issubclass(DataDirectoryInUse, DataDirectoryError)
    assert issubclass(DataDirectoryUnusable, DataDirectoryError)
    assert issubclass(DatabaseUnreadable, DataDirectoryError)
