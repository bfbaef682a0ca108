"""No statement of the embedded store looks at every room: it is as quick with 100,000 as with ten."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from signaling.backends.sqlite import queries, schema, writer
from signaling.backends.sqlite.rows import commit_rows
from signaling.contract.types import RoomState
from signaling.rooms.ports import RoomQuery

from .changes import NOW, after, claim, close, create, join, purge

SMALL = {
    "SCAN CONSTANT ROW": "no table at all",
    "SCAN 2 CONSTANT ROWS": "the events to be inserted",
    "SCAN totals": "three rows",
    "SCAN new_events": "there are so many at most, whatever the rooms",
    "SCAN overdue": "one row, of a subquery that is checked itself",
    "SCAN rooms USING INDEX rooms_occupied": "every row is an answer",
}
"""Scans that are allowed, and why."""

QUERIES: dict[str, Callable[[sqlite3.Connection], object]] = {
    "load": lambda connection: queries.load(connection, "aaaaaa"),
    "log": lambda connection: queries.log(connection, "aaaaaa"),
    "claimed": lambda connection: queries.claimed(connection, "key", NOW),
    "statistics": lambda connection: queries.statistics(connection, NOW),
    "due": lambda connection: queries.due(connection, NOW, 10),
    "occupied": queries.occupied,
    "count_open": queries.count_open,
    "write": lambda connection: _write_everything(connection),
}


@pytest.fixture
def connection() -> Iterator[sqlite3.Connection]:
    """A database with no rooms."""
    opened = sqlite3.connect(":memory:", isolation_level=None)
    schema.migrate(opened, Path("memory"))
    yield opened
    opened.close()


def _plan(connection: sqlite3.Connection, action: Callable[[sqlite3.Connection], object]) -> list[str]:
    """How SQLite goes about every statement that ``action`` runs."""
    statements: list[str] = []
    connection.set_trace_callback(statements.append)
    action(connection)
    connection.set_trace_callback(None)
    steps = []
    for statement in statements:
        # Statements of triggers are traced as comments; their rows are found by the primary key of `totals`.
        if statement.split(maxsplit=1)[0] in ("SELECT", "INSERT", "UPDATE", "DELETE"):
            steps += [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {statement}")]
    return steps


def _write_everything(connection: sqlite3.Connection) -> None:
    made = create(claim=claim())
    joined = join(made.room)
    closed = close(joined.room)
    commits = [commit_rows(commit) for commit in (made, joined, closed, purge(after(closed)))]
    written = writer.write(connection, [None, *commits])
    assert list(written.outcomes) == [None] * 5


def _assert_quick(steps: list[str]) -> None:
    assert steps
    scans = [step for step in steps if step.startswith("SCAN") and step not in SMALL]
    assert scans == []


@pytest.mark.parametrize("name", QUERIES)
def test_every_statement_is_answered_from_an_index(connection: sqlite3.Connection, name: str) -> None:
    _assert_quick(_plan(connection, QUERIES[name]))


@pytest.mark.parametrize("state", [None, *RoomState])
@pytest.mark.parametrize("owner_id", [None, "ada"])
@pytest.mark.parametrize("after", [None, (NOW, "aaaaaa")])
def test_every_list_is_walked_in_order(
    connection: sqlite3.Connection,
    state: RoomState | None,
    owner_id: str | None,
    after: tuple[int, str] | None,
) -> None:
    query = RoomQuery(now=NOW, limit=50, state=state, owner_id=owner_id, after=after)
    steps = _plan(connection, lambda opened: queries.find(opened, query))
    _assert_quick(steps)
    if state is not RoomState.EXPIRED:
        # Rooms that are past their time and not expired yet are few: those may be sorted.
        assert not any("TEMP B-TREE" in step for step in steps)
