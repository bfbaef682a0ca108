"""The tables, and how a file of an older version becomes one of this version.

``MIGRATIONS[n]`` turns schema n into schema n + 1; the file carries its number in
``PRAGMA user_version``. A migration that was released is never edited: add another.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from signaling.backends.sqlite.errors import DatabaseUnreadable, SchemaTooNew

APPLICATION_ID: Final = 0x5369676E
"""Marks the file as ours (``PRAGMA application_id``): "Sign" in ASCII."""

Migration = Sequence[str]
"""Statements, one a string: sqlite3 would commit before running a script of several."""

MIGRATIONS: Final[Sequence[Migration]] = (
    (
        f"PRAGMA application_id = {APPLICATION_ID}",
        # The columns beside `body` repeat what is in it, for the queries. Milliseconds are integers.
        """
        CREATE TABLE rooms (
            code TEXT NOT NULL PRIMARY KEY,
            version INTEGER NOT NULL,
            state TEXT NOT NULL,
            owner_id TEXT,
            created_at INTEGER NOT NULL,
            expires_at INTEGER NOT NULL,
            due_at INTEGER NOT NULL,
            seat_count INTEGER NOT NULL,
            joined_total INTEGER NOT NULL,
            body TEXT NOT NULL
        )
        """,
        # `expires_at` is at their end so that a room's state at a time is known from the index.
        "CREATE INDEX rooms_by_state ON rooms (state, created_at, code, expires_at)",
        """
        CREATE INDEX rooms_by_owner ON rooms (owner_id, state, created_at, code, expires_at)
        WHERE owner_id IS NOT NULL
        """,
        "CREATE INDEX rooms_by_due ON rooms (due_at, code)",
        "CREATE INDEX rooms_open_by_expiry ON rooms (expires_at) WHERE state = 'open'",
        "CREATE INDEX rooms_occupied ON rooms (code) WHERE seat_count > 0",
        # Counts of `rooms` by stored state, so that counting does not take longer the more rooms there are.
        """
        CREATE TABLE totals (
            state TEXT NOT NULL PRIMARY KEY,
            rooms INTEGER NOT NULL,
            seat_count INTEGER NOT NULL,
            joined_total INTEGER NOT NULL
        ) WITHOUT ROWID
        """,
        "INSERT INTO totals VALUES ('open', 0, 0, 0), ('closed', 0, 0, 0), ('expired', 0, 0, 0)",
        """
        CREATE TRIGGER rooms_inserted AFTER INSERT ON rooms BEGIN
            UPDATE totals SET
                rooms = rooms + 1,
                seat_count = seat_count + new.seat_count,
                joined_total = joined_total + new.joined_total
            WHERE state = new.state;
        END
        """,
        """
        CREATE TRIGGER rooms_deleted AFTER DELETE ON rooms BEGIN
            UPDATE totals SET
                rooms = rooms - 1,
                seat_count = seat_count - old.seat_count,
                joined_total = joined_total - old.joined_total
            WHERE state = old.state;
        END
        """,
        """
        CREATE TRIGGER rooms_updated AFTER UPDATE ON rooms BEGIN
            UPDATE totals SET
                rooms = rooms - 1,
                seat_count = seat_count - old.seat_count,
                joined_total = joined_total - old.joined_total
            WHERE state = old.state;
            UPDATE totals SET
                rooms = rooms + 1,
                seat_count = seat_count + new.seat_count,
                joined_total = joined_total + new.joined_total
            WHERE state = new.state;
        END
        """,
        # Clustered by room: reading a log, or removing it, touches neighbouring pages only.
        """
        CREATE TABLE events (
            code TEXT NOT NULL,
            version INTEGER NOT NULL,
            at INTEGER NOT NULL,
            body TEXT NOT NULL,
            PRIMARY KEY (code, version)
        ) WITHOUT ROWID
        """,
        """
        CREATE TABLE claims (
            key TEXT NOT NULL PRIMARY KEY,
            code TEXT NOT NULL,
            fingerprint TEXT NOT NULL,
            expires_at INTEGER NOT NULL
        ) WITHOUT ROWID
        """,
        "CREATE INDEX claims_by_expiry ON claims (expires_at)",
        # One row, written to find out whether writing works.
        "CREATE TABLE probe (id INTEGER PRIMARY KEY CHECK (id = 1), count INTEGER NOT NULL)",
        "INSERT INTO probe (id, count) VALUES (1, 0)",
    ),
    (
        # Events as they come, one behind the other whichever room they are of, so that those of a transaction
        # take a page or two instead of one for each room. From time to time all move to `events`.
        """
        CREATE TABLE new_events (
            id INTEGER PRIMARY KEY,
            code TEXT NOT NULL,
            version INTEGER NOT NULL,
            at INTEGER NOT NULL,
            body TEXT NOT NULL
        )
        """,
    ),
)


def migrate(connection: sqlite3.Connection, file: Path, migrations: Sequence[Migration] = MIGRATIONS) -> None:
    """Bring the database to the newest schema: all steps that are missing in one transaction, or none.

    ``file`` is named in the errors: SchemaTooNew, and DatabaseUnreadable for a database of something
    else; both leave it untouched. A step that fails raises its sqlite3.Error and leaves the file as it was.
    """
    found = _pragma(connection, "user_version")
    tables = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
    if (found > 0 or tables > 0) and _pragma(connection, "application_id") != APPLICATION_ID:
        raise DatabaseUnreadable(file, "it is not a database of this service")
    if found > len(migrations):
        raise SchemaTooNew(file, found, len(migrations))
    if found == len(migrations):
        return
    connection.execute("BEGIN IMMEDIATE")
    try:
        for migration in migrations[found:]:
            for statement in migration:
                connection.execute(statement)
        connection.execute(f"PRAGMA user_version = {len(migrations)}")
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def _pragma(connection: sqlite3.Connection, name: str) -> int:
    value: int = connection.execute(f"PRAGMA {name}").fetchone()[0]
    return value
