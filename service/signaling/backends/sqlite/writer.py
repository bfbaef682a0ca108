"""The writing side: many commits in one transaction, so that one fsync serves them all."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Sequence
from typing import Final

from msgspec import Struct, structs

from signaling.backends.sqlite.queries import count_open
from signaling.backends.sqlite.rows import CommitRows
from signaling.rooms.ports import LOG_LIMIT, Claimed, ClaimTaken, StoreUnavailable, VersionConflict

SWEPT_PER_CLAIM: Final = 4
"""Expired claims removed for each one made: more than one, so that they run out; few, to be quick."""

_INSERT_ROOM: Final = """
    INSERT INTO rooms (
        code, version, state, owner_id, created_at, expires_at, due_at, seat_count, joined_total, body
    ) VALUES (
        :code, :version, :state, :owner_id, :created_at, :expires_at, :due_at, :seat_count, :joined_total,
        :body
    )
"""
# Most changes are of seats that come and go. This touches only the indexes that count them.
_UPDATE_SEATS: Final = """
    UPDATE rooms SET version = :version, seat_count = :seat_count, joined_total = :joined_total, body = :body
    WHERE code = :code
"""
_UPDATE_ROOM: Final = """
    UPDATE rooms SET
        version = :version, state = :state, owner_id = :owner_id, created_at = :created_at,
        expires_at = :expires_at, due_at = :due_at, seat_count = :seat_count, joined_total = :joined_total,
        body = :body
    WHERE code = :code
"""
_SWEEP_CLAIMS: Final = """
    DELETE FROM claims WHERE key IN (
        SELECT key FROM claims WHERE expires_at <= ? ORDER BY expires_at LIMIT ?
    )
"""


class Written(Struct, frozen=True):
    """What became of the writes of one transaction."""

    outcomes: Sequence[Exception | None]
    """Of each, in order: None, or why it was not done."""
    open_rooms: int | None
    """How many rooms are stored as open after them; None where nothing was done."""


def write(connection: sqlite3.Connection, writes: Sequence[CommitRows | None]) -> Written:
    """Do all ``writes`` in one transaction, in order; None is a probe. Never raises.

    What is wrong with one (VersionConflict, ClaimTaken, an error of SQL) does not hurt its neighbours.
    If the transaction itself fails nothing was done, and every outcome is StoreUnavailable.
    """
    try:
        # Takes the write lock now; a transaction that starts by reading could not wait for it later.
        connection.execute("BEGIN IMMEDIATE")
        outcomes = [_write_one(connection, rows) for rows in writes]
        _sweep_claims(connection, writes)
        open_rooms = count_open(connection)
        connection.execute("COMMIT")
    except Exception as error:  # noqa: BLE001 - whatever it is, somebody waits to be told
        _roll_back(connection)
        return Written([unavailable(error) for _ in writes], None)
    return Written(outcomes, open_rooms)


def unavailable(cause: Exception) -> StoreUnavailable:
    """StoreUnavailable with its cause; one for each task: a shared exception would mix their tracebacks."""
    error = StoreUnavailable(f"The store cannot serve: {cause}")
    error.__cause__ = cause
    return error


def _roll_back(connection: sqlite3.Connection) -> None:
    # On some errors (disk full, I/O) SQLite has rolled back by itself. Should it fail here, the next BEGIN
    # fails too, and it is tried again after that.
    with contextlib.suppress(sqlite3.Error):
        if connection.in_transaction:
            connection.execute("ROLLBACK")


def _write_one(connection: sqlite3.Connection, rows: CommitRows | None) -> Exception | None:
    connection.execute("SAVEPOINT one")
    try:
        if rows is None:
            connection.execute("UPDATE probe SET count = count + 1 WHERE id = 1")
        else:
            _commit(connection, rows)
    except Exception as error:
        if not connection.in_transaction:
            # SQLite gave up the whole transaction: what the neighbours before this one wrote is gone as well.
            raise
        connection.execute("ROLLBACK TO one")
        connection.execute("RELEASE one")
        return unavailable(error) if isinstance(error, sqlite3.Error) else error
    connection.execute("RELEASE one")
    return None


def _commit(connection: sqlite3.Connection, rows: CommitRows) -> None:
    if rows.claim is not None:
        held = connection.execute(
            "SELECT code, fingerprint FROM claims WHERE key = ? AND expires_at > ?", (rows.claim.key, rows.at)
        ).fetchone()
        if held is not None:
            raise ClaimTaken(Claimed(code=held[0], fingerprint=held[1]))
    stored = connection.execute(
        "SELECT version, state, due_at FROM rooms WHERE code = ?", (rows.code,)
    ).fetchone()
    version, state, due_at = (0, None, None) if stored is None else stored
    if version != rows.expected_version:
        raise VersionConflict(f"room {rows.code} is at version {version}, not {rows.expected_version}")
    if rows.room is None:
        connection.execute("DELETE FROM rooms WHERE code = ?", (rows.code,))
        connection.execute("DELETE FROM events WHERE code = ?", (rows.code,))
    else:
        if state is None:
            statement = _INSERT_ROOM
        elif (state, due_at) == (rows.room.state, rows.room.due_at):
            statement = _UPDATE_SEATS
        else:
            statement = _UPDATE_ROOM
        connection.execute(statement, structs.asdict(rows.room))
        connection.executemany(
            "INSERT INTO events (code, version, at, body) VALUES (?, ?, ?, ?)", rows.events
        )
        oldest = rows.room.version - LOG_LIMIT
        if oldest > 0:
            connection.execute("DELETE FROM events WHERE code = ? AND version <= ?", (rows.code, oldest))
    if rows.claim is not None:
        connection.execute(
            "INSERT OR REPLACE INTO claims (key, code, fingerprint, expires_at) VALUES (?, ?, ?, ?)",
            (rows.claim.key, rows.code, rows.claim.fingerprint, rows.claim.expires_at),
        )


def _sweep_claims(connection: sqlite3.Connection, writes: Sequence[CommitRows | None]) -> None:
    """Remove a few claims that expired before any of these commits."""
    times = [rows.at for rows in writes if rows is not None and rows.claim is not None]
    if times:
        connection.execute(_SWEEP_CLAIMS, (min(times), SWEPT_PER_CLAIM * len(times)))
