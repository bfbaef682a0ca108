"""The reading side. Every query here is answered from an index, however many rooms there are."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import Any, Final

from signaling.backends.sqlite.rows import event_from, room_from
from signaling.contract.types import RoomState
from signaling.domain.events import RoomEvent
from signaling.domain.room import Room
from signaling.rooms.ports import Claimed, RoomPage, RoomQuery, Statistics

_LOG: Final = """
    SELECT version, body FROM events WHERE code = :code
    UNION ALL SELECT version, body FROM new_events WHERE code = :code
    ORDER BY version
"""

_OVERDUE: Final = "state = 'open' AND expires_at <= :now"
"""Open, but past its time: shown as expired. Few, as the service expires them within seconds."""

_RANGES: Final[dict[RoomState | None, Sequence[str]]] = {
    None: ("state = 'open'", "state = 'closed'", "state = 'expired'"),
    RoomState.OPEN: ("state = 'open' AND expires_at > :now",),
    RoomState.CLOSED: ("state = 'closed'",),
    RoomState.EXPIRED: ("state = 'expired'", _OVERDUE),
}
"""A state at a time, as ranges that do not overlap."""

_INDEX: Final = {_OVERDUE: "rooms_open_by_expiry"}
"""Of a range that another index than `rooms_by_state` serves better: so few that sorting them is cheap."""

_TOTALS: Final[dict[RoomState | None, str]] = {
    None: "SELECT sum(rooms) FROM totals",
    RoomState.OPEN: """
        SELECT rooms - (
            SELECT count(*) FROM rooms INDEXED BY rooms_open_by_expiry
            WHERE state = 'open' AND expires_at <= :now
        ) FROM totals WHERE state = 'open'
    """,
    RoomState.CLOSED: "SELECT rooms FROM totals WHERE state = 'closed'",
    RoomState.EXPIRED: """
        SELECT rooms + (
            SELECT count(*) FROM rooms INDEXED BY rooms_open_by_expiry
            WHERE state = 'open' AND expires_at <= :now
        ) FROM totals WHERE state = 'expired'
    """,
}
"""How many rooms are in a state at a time."""

_STATISTICS: Final = """
    SELECT
        (SELECT rooms FROM totals WHERE state = 'open') - overdue.rooms,
        (SELECT rooms FROM totals WHERE state = 'closed'),
        (SELECT rooms FROM totals WHERE state = 'expired') + overdue.rooms,
        (SELECT sum(joined_total) FROM totals),
        (SELECT seat_count FROM totals WHERE state = 'open') - overdue.seat_count
    FROM (
        SELECT count(*) AS rooms, coalesce(sum(seat_count), 0) AS seat_count
        FROM rooms INDEXED BY rooms_open_by_expiry
        WHERE state = 'open' AND expires_at <= :now
    ) AS overdue
"""


def load(connection: sqlite3.Connection, code: str) -> Room | None:
    """See `RoomStore.load`."""
    row = connection.execute("SELECT body FROM rooms WHERE code = ?", (code,)).fetchone()
    return None if row is None else room_from(row[0])


def log(connection: sqlite3.Connection, code: str) -> Sequence[RoomEvent]:
    """See `RoomStore.log`."""
    rows = connection.execute(_LOG, {"code": code})
    return [event_from(body) for _version, body in rows]


def claimed(connection: sqlite3.Connection, key: str, now: int) -> Claimed | None:
    """See `RoomStore.claimed`."""
    row = connection.execute(
        "SELECT code, fingerprint FROM claims WHERE key = ? AND expires_at > ?", (key, now)
    ).fetchone()
    return None if row is None else Claimed(code=row[0], fingerprint=row[1])


def find(connection: sqlite3.Connection, query: RoomQuery) -> RoomPage:
    """See `RoomStore.find`."""
    page, count = find_statements(query)
    values: dict[str, Any] = {"now": query.now, "owner_id": query.owner_id, "limit": query.limit + 1}
    if query.after is not None:
        values["after_time"], values["after_code"] = query.after
    # One transaction: the page and the total are of the same moment.
    connection.execute("BEGIN")
    try:
        bodies = [row[0] for row in connection.execute(page, values)]
        total = connection.execute(count, values).fetchone()[0]
    finally:
        connection.execute("ROLLBACK")
    rooms = [room_from(body).as_of(query.now) for body in bodies[: query.limit]]
    return RoomPage(rooms=rooms, total=total, more=len(bodies) > query.limit)


def find_statements(query: RoomQuery) -> tuple[str, str]:
    """The statements for the query's page, and for how many match in all. They hold no value of the query."""
    # INDEXED BY: the planner has no statistics, and would sort 100,000 rooms rather than walk them in order.
    after = "" if query.after is None else " AND (created_at, code) < (:after_time, :after_code)"
    ranges = _RANGES[query.state]
    if query.owner_id is None:
        sources = [(_INDEX.get(one, "rooms_by_state"), one) for one in ranges]
        total = _TOTALS[query.state]
    else:
        sources = [("rooms_by_owner", f"{one} AND owner_id = :owner_id") for one in ranges]
        counts = [f"(SELECT count(*) FROM rooms INDEXED BY {index} WHERE {one})" for index, one in sources]  # noqa: S608
        total = f"SELECT {' + '.join(counts)}"
    pages = [
        f"SELECT body, created_at, code FROM rooms INDEXED BY {index} WHERE {one}{after}"  # noqa: S608
        for index, one in sources
    ]
    page = " UNION ALL ".join(pages)
    return f"{page} ORDER BY created_at DESC, code DESC LIMIT :limit", total


def statistics(connection: sqlite3.Connection, now: int) -> Statistics:
    """See `RoomStore.statistics`."""
    open_, closed, expired, joined, seated = connection.execute(_STATISTICS, {"now": now}).fetchone()
    return Statistics(
        open_rooms=open_,
        closed_rooms=closed,
        expired_rooms=expired,
        total_participants=joined,
        active_participants=seated,
    )


def due(connection: sqlite3.Connection, now: int, limit: int) -> Sequence[str]:
    """See `RoomStore.due`."""
    rows = connection.execute(
        "SELECT code FROM rooms WHERE due_at <= ? ORDER BY due_at, code LIMIT ?", (now, limit)
    )
    return [code for (code,) in rows]


def occupied(connection: sqlite3.Connection) -> Sequence[str]:
    """See `RoomStore.occupied`."""
    return [
        code for (code,) in connection.execute("SELECT code FROM rooms WHERE seat_count > 0 ORDER BY code")
    ]


def count_open(connection: sqlite3.Connection | sqlite3.Cursor) -> int:
    """How many rooms are stored as open."""
    count: int = connection.execute("SELECT rooms FROM totals WHERE state = 'open'").fetchone()[0]
    return count
