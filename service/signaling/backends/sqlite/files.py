"""The data directory: made, locked against a second process, and its database opened."""

from __future__ import annotations

import os
import sqlite3
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from signaling.backends.sqlite import schema
from signaling.backends.sqlite.errors import (
    DatabaseUnreadable,
    DataDirectoryInUse,
    DataDirectoryUnusable,
)

DATABASE_NAME: Final = "signaling.sqlite3"
LOCK_NAME: Final = "lock"

BUSY_SECONDS: Final = 2.0
"""How long a write waits for somebody else's (a backup, an operator's shell) before it is refused."""

WAL_BYTES: Final = 16 * 1024 * 1024
"""The write-ahead log is cut to this after it had to grow; SQLite's checkpoints keep it near 4 MiB."""

CACHE_KIB: Final = 4 * 1024
"""Pages kept in memory by each of the connections: the indexes of some 25,000 rooms. For others the operating
system is asked, which mostly has them in memory itself."""


class DirectoryLock:
    """Exclusive use of a data directory, until closed or the process ends, however it ends."""

    def __init__(self, directory: Path) -> None:
        """Take the lock. Raises DataDirectoryInUse, or OSError where no file can be made or locked."""
        # The file stays when the lock is given up: removing it would let two processes lock two files.
        self._descriptor = os.open(directory / LOCK_NAME, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            _lock(self._descriptor)
        except (BlockingIOError, PermissionError) as error:
            os.close(self._descriptor)
            raise DataDirectoryInUse(directory) from error
        except OSError:
            os.close(self._descriptor)
            raise

    def close(self) -> None:
        """Give the directory up."""
        os.close(self._descriptor)


if sys.platform == "win32":
    import msvcrt

    def _lock(descriptor: int) -> None:
        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
else:
    import fcntl

    def _lock(descriptor: int) -> None:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)


class StoreFiles:
    """The open directory: its lock, a connection for the writer and one for the reader.

    Each connection is for one thread, which need not be the one that opened it.
    """

    def __init__(self, lock: DirectoryLock, writer: sqlite3.Connection, reader: sqlite3.Connection) -> None:
        """See `open`."""
        self.writer = writer
        self.reader = reader
        self._lock = lock

    @classmethod
    def open(cls, directory: Path) -> StoreFiles:
        """Make, lock, check and migrate what is there. Blocks: not for the event loop.

        A directory that is missing is made for its owner only, as is the database: it holds people's
        names. Raises DataDirectoryError.
        """
        try:
            directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            lock = DirectoryLock(directory)
        except OSError as error:
            raise DataDirectoryUnusable(directory, error.strerror or error) from error
        connections: list[sqlite3.Connection] = []
        try:
            return cls._open_locked(directory, lock, connections)
        except BaseException:
            for connection in connections:
                connection.close()
            lock.close()
            raise

    @classmethod
    def _open_locked(
        cls, directory: Path, lock: DirectoryLock, connections: list[sqlite3.Connection]
    ) -> StoreFiles:
        file = directory / DATABASE_NAME
        try:
            os.close(os.open(file, os.O_RDWR | os.O_CREAT, 0o600))
            writer = _connect(file, connections)
            # Before anything is changed, the journal mode included: the file may not be ours.
            schema.migrate(writer, file, schema.MIGRATIONS)
            mode = writer.execute("PRAGMA journal_mode = WAL").fetchone()[0]
            if mode != "wal":
                raise DataDirectoryUnusable(directory, "its file system does not support SQLite's WAL mode")
            _execute_all(
                writer,
                ("PRAGMA synchronous = FULL", "PRAGMA fullfsync = ON", "PRAGMA checkpoint_fullfsync = ON"),
            )
            writer.execute(f"PRAGMA journal_size_limit = {WAL_BYTES}")
            reader = _connect(file, connections)
            reader.execute("PRAGMA query_only = ON")
        except OSError as error:
            raise DataDirectoryUnusable(directory, error.strerror or error) from error
        except sqlite3.OperationalError as error:
            raise DataDirectoryUnusable(directory, error) from error
        except (sqlite3.DatabaseError, UnicodeDecodeError) as error:
            # The latter: sqlite3 could not even read the message that quotes what is damaged.
            raise DatabaseUnreadable(file, error) from error
        return cls(lock, writer, reader)

    def close_reader(self) -> None:
        """Close the reader's connection; called in its thread, before `close_writer`."""
        self.reader.close()

    def close_writer(self) -> None:
        """Close the writer's connection, then give up the directory; called in the writer's thread, last."""
        try:
            self.writer.close()
        finally:
            self._lock.close()


def _connect(file: Path, connections: list[sqlite3.Connection]) -> sqlite3.Connection:
    connection = sqlite3.connect(file, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False)
    connections.append(connection)
    _execute_all(connection, (f"PRAGMA cache_size = -{CACHE_KIB}", "PRAGMA temp_store = MEMORY"))
    return connection


def _execute_all(connection: sqlite3.Connection, statements: Sequence[str]) -> None:
    for statement in statements:
        connection.execute(statement)
