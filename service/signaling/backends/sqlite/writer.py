"""The writing side: many commits in one transaction, so that one fsync serves them all."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Sequence
from itertools import chain
from typing import Final

from msgspec import Struct
from msgspec.structs import astuple

from signaling.backends.sqlite.queries import count_open
from signaling.backends.sqlite.rows import CommitRows, EventRow, RoomRow
from signaling.rooms.ports import LOG_LIMIT, Claimed, ClaimTaken, StoreUnavailable, VersionConflict

SWEPT_PER_CLAIM: Final = 4
"""Expired claims removed for each one made: more than one, so that they run out; few, to be quick."""

_INSERT_ROOM: Final = """
    INSERT INTO rooms (
        code, version, state, owner_id, created_at, expires_at, due_at, seat_count, joined_total, body
    ) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (code) DO NOTHING
"""
# Most changes are of seats that come and go. This touches only the indexes that count them.
_UPDATE_SEATS: Final = """
    UPDATE rooms SET version = ?, seat_count = ?, joined_total = ?, body = ?
    WHERE code = ? AND version = ? AND state = ? AND due_at = ?
"""
_UPDATE_ROOM: Final = """
    UPDATE rooms SET
        version = ?, state = ?, owner_id = ?, created_at = ?, expires_at = ?, due_at = ?, seat_count = ?,
        joined_total = ?, body = ?
    WHERE code = ? AND version = ?
"""
EVENTS_AT_ONCE: Final = 64
"""Rows of one statement: a power of two. SQLite before 3.32 takes 999 parameters."""

_INSERT_EVENTS: Final = {
    rows: f"INSERT INTO new_events (code, version, at, body) VALUES {', '.join(['(?, ?, ?, ?)'] * rows)}"  # noqa: S608
    for rows in (1 << power for power in range(EVENTS_AT_ONCE.bit_length()))
}
"""By how many rows they insert: the powers of two, so that there are few to be prepared."""

NEW_EVENTS: Final = 1024
"""Events that may be new. To move so many, in the order of their rooms, takes a few milliseconds, and a
fraction of the pages that they would take as they come. Who reads a log looks at all that are new."""

# Should one be there already, the newer one is the right one.
_MOVE_EVENTS: Final = """
    INSERT OR REPLACE INTO events (code, version, at, body)
    SELECT code, version, at, body FROM new_events ORDER BY code, version
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
    """How many rooms are stored as open after them; None where they did not change that."""
    data_version: int | None = None
    """Not that of the last transaction if somebody else has written since; None if nothing was done."""


def write(connection: sqlite3.Connection, writes: Sequence[CommitRows | None]) -> Written:
    """Do all ``writes`` in one transaction, in order; None is a probe. Never raises.

    What is wrong with one (VersionConflict, ClaimTaken, an error of SQL) does not hurt its neighbours.
    If the transaction itself fails nothing was done, and every outcome is StoreUnavailable.
    """
    # One for all statements: a connection makes one for each that it is given, and keeps traces of them.
    cursor = connection.cursor()
    try:
        # Takes the write lock now; a transaction that starts by reading could not wait for it later.
        cursor.execute("BEGIN IMMEDIATE")
        (data_version,) = cursor.execute("PRAGMA data_version").fetchone()
        transaction = _Transaction(cursor)
        try:
            outcomes = transaction.write_together(writes)
        except Exception:  # noqa: BLE001 - it is met again below, by whose fault it is
            # Seldom. Whose fault it is does not show, and half of what it was to do is done: from the start.
            _roll_back(cursor)
            cursor.execute("BEGIN IMMEDIATE")
            transaction = _Transaction(cursor)
            outcomes = transaction.write_apart(writes)
        _sweep_claims(cursor, writes)
        open_rooms = count_open(cursor) if transaction.changed_states else None
        cursor.execute("COMMIT")
    except Exception as error:  # noqa: BLE001 - whatever it is, somebody waits to be told
        _roll_back(cursor)
        return Written([unavailable(error) for _ in writes], None)
    return Written(outcomes, open_rooms, data_version)


def unavailable(cause: Exception) -> StoreUnavailable:
    """StoreUnavailable with its cause; one for each task: a shared exception would mix their tracebacks."""
    error = StoreUnavailable(f"The store cannot serve: {cause}")
    error.__cause__ = cause
    return error


def _roll_back(cursor: sqlite3.Cursor) -> None:
    # On some errors (disk full, I/O) SQLite has rolled back by itself. Should it fail here, the next BEGIN
    # fails too, and it is tried again after that.
    with contextlib.suppress(sqlite3.Error):
        if cursor.connection.in_transaction:
            cursor.execute("ROLLBACK")


class _Transaction:
    """Writes in a transaction that has begun.

    Each statement lets go of Python's lock and waits to get it back, which the event loop may be holding: so
    there are few of them. A change of a seat is one, and all events together are one.
    """

    def __init__(self, cursor: sqlite3.Cursor) -> None:
        self.changed_states = False
        """Whether rooms came, went, or may have changed their state."""
        self._connection = cursor.connection
        self._execute = cursor.execute
        self._events: list[EventRow] = []
        """To be inserted: the last thing that is done, as a rule."""
        self._new_events = 0
        """How many there are, as of the last insert."""
        self._oldest: dict[str, int] = {}
        """By room, the version up to which its events are to be removed after that."""

    def write_together(self, writes: Sequence[CommitRows | None]) -> list[Exception | None]:
        """All of them; raises what is wrong with one, unless that has done nothing yet."""
        outcomes: list[Exception | None] = []
        for rows in writes:
            try:
                self._write(rows)
            except (VersionConflict, ClaimTaken) as error:
                outcomes.append(error)
            else:
                outcomes.append(None)
        self._insert_events()
        return outcomes

    def write_apart(self, writes: Sequence[CommitRows | None]) -> list[Exception | None]:
        """Each of them, whatever is wrong with others; raises if SQLite gives up the transaction."""
        return [self._write_alone(rows) for rows in writes]

    def _write_alone(self, rows: CommitRows | None) -> Exception | None:
        self._execute("SAVEPOINT one")
        try:
            self._write(rows)
            self._insert_events()
        except Exception as error:
            if not self._connection.in_transaction:
                # SQLite gave up all of it: what the neighbours before this one wrote is gone as well.
                raise
            self._events.clear()
            self._oldest.clear()
            self._execute("ROLLBACK TO one")
            self._execute("RELEASE one")
            return unavailable(error) if isinstance(error, sqlite3.Error) else error
        self._execute("RELEASE one")
        return None

    def _write(self, rows: CommitRows | None) -> None:
        """Raises VersionConflict or ClaimTaken before anything is written."""
        if rows is None:
            self._execute("UPDATE probe SET count = count + 1 WHERE id = 1")
            return
        claim = rows.claim
        if claim is not None:
            held = self._execute(
                "SELECT code, fingerprint FROM claims WHERE key = ? AND expires_at > ?", (claim.key, rows.at)
            ).fetchone()
            if held is not None:
                raise ClaimTaken(Claimed(code=held[0], fingerprint=held[1]))
        if rows.room is None:
            self._remove_room(rows)
        else:
            self._write_room(rows, rows.room)
            self._events += rows.events
            oldest = rows.room.version - LOG_LIMIT
            if oldest > 0:
                self._oldest[rows.code] = oldest
        if claim is not None:
            self._execute(
                "INSERT OR REPLACE INTO claims (key, code, fingerprint, expires_at) VALUES (?, ?, ?, ?)",
                (claim.key, rows.code, claim.fingerprint, claim.expires_at),
            )

    def _write_room(self, rows: CommitRows, room: RoomRow) -> None:
        expected = rows.expected_version
        if expected:
            seats = (room.version, room.seat_count, room.joined_total, room.body)
            stored = (room.code, expected, room.state, room.due_at)
            if self._execute(_UPDATE_SEATS, seats + stored).rowcount:
                return
            done = self._execute(_UPDATE_ROOM, (*astuple(room)[1:], room.code, expected))
        else:
            done = self._execute(_INSERT_ROOM, astuple(room))
        if not done.rowcount:
            raise self._conflict(rows)
        self.changed_states = True

    def _remove_room(self, rows: CommitRows) -> None:
        if rows.expected_version != self._version(rows.code):
            raise self._conflict(rows)
        # Those of its last life, should it have one after this.
        self._insert_events()
        self._move_events()
        self._execute("DELETE FROM rooms WHERE code = ?", (rows.code,))
        self._execute("DELETE FROM events WHERE code = ?", (rows.code,))
        self.changed_states = True

    def _conflict(self, rows: CommitRows) -> VersionConflict:
        return VersionConflict(
            f"room {rows.code} is at version {self._version(rows.code)}, not {rows.expected_version}"
        )

    def _version(self, code: str) -> int:
        stored = self._execute("SELECT version FROM rooms WHERE code = ?", (code,)).fetchone()
        return 0 if stored is None else stored[0]

    def _insert_events(self) -> None:
        events, self._events = self._events, []
        while events:
            rows = min(EVENTS_AT_ONCE, 1 << (len(events).bit_length() - 1))
            done = self._execute(_INSERT_EVENTS[rows], tuple(chain.from_iterable(events[:rows])))
            # Their ids count them, as they only ever go all together.
            self._new_events = done.lastrowid or 0
            del events[:rows]
        if self._oldest or self._new_events >= NEW_EVENTS:
            self._move_events()
        while self._oldest:
            self._execute("DELETE FROM events WHERE code = ? AND version <= ?", self._oldest.popitem())

    def _move_events(self) -> None:
        """To where they lie by room, and are found by version."""
        self._execute(_MOVE_EVENTS)
        self._execute("DELETE FROM new_events")
        self._new_events = 0


def _sweep_claims(cursor: sqlite3.Cursor, writes: Sequence[CommitRows | None]) -> None:
    """Remove a few claims that expired before any of these commits."""
    times = [rows.at for rows in writes if rows is not None and rows.claim is not None]
    if times:
        cursor.execute(_SWEEP_CLAIMS, (min(times), SWEPT_PER_CLAIM * len(times)))
