"""Many commits in one transaction do what they would do one by one, whatever is wrong with some of them."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from signaling.backends.sqlite import queries, schema, writer
from signaling.backends.sqlite.rows import CommitRows, commit_rows
from signaling.domain.room import Room
from signaling.rooms.ports import Commit, VersionConflict

from .changes import HOUR, NOW, after, claim, close, create, join, leave, purge

CODES = ("aaaaaa", "bbbbbb")
TOO_LATE = 2**70
"""A time that does not fit an SQL integer: found out only once the room is written."""


@contextlib.contextmanager
def database() -> Iterator[sqlite3.Connection]:
    """With no rooms."""
    connection = sqlite3.connect(":memory:", isolation_level=None)
    schema.migrate(connection, Path("memory"))
    yield connection
    connection.close()


def contents(connection: sqlite3.Connection) -> dict[str, list[Any]]:
    tables = ("rooms", "claims", "totals", "probe")
    found = {table: connection.execute(f"SELECT * FROM {table} ORDER BY 1, 2").fetchall() for table in tables}
    # Where an event lies depends on how many commits a transaction has.
    columns = "SELECT code, version, at, body FROM"
    found["events"] = connection.execute(f"{columns} events UNION ALL {columns} new_events").fetchall()
    found["events"].sort()
    return found


def log(connection: sqlite3.Connection, code: str) -> list[int]:
    return [event.version for event in queries.log(connection, code)]


@st.composite
def batches(draw: st.DrawFn) -> list[list[Commit | None]]:
    """Commits as several nodes would make them, each on what it takes for the latest room, right or wrong."""
    rooms: dict[str, Room | None] = dict.fromkeys(CODES)
    batch: list[Commit | None] = []
    made = [batch]
    for number in range(draw(st.integers(1, 14))):
        what = draw(st.sampled_from(("change", "change", "stale", "broken", "probe", "next batch")))
        if what == "next batch":
            batch = []
            made.append(batch)
            continue
        if what == "probe":
            batch.append(None)
            continue
        code = draw(st.sampled_from(CODES))
        commit = _next(draw, code, rooms[code], f"socket-{number}")
        if what == "broken":
            batch.append(
                replace(commit, events=(*commit.events[:-1], replace(commit.events[-1], at=TOO_LATE)))
            )
            continue
        batch.append(commit)
        if what == "change" and commit.claim is None:
            rooms[code] = commit.room
    return [batch for batch in made if batch]


def _next(draw: st.DrawFn, code: str, room: Room | None, socket_id: str) -> Commit:
    if room is None:
        held = draw(st.sampled_from((None, None, claim("key-1"), claim("key-2", expires_at=NOW - 1))))
        return create(code, max_participants=100, claim=held)
    if room.ended_at is not None:
        return purge(room)
    match draw(st.sampled_from(("join", "join", "leave", "close"))):
        case "leave" if room.seats:
            return leave(room, draw(st.sampled_from(sorted(room.seats))))
        case "close":
            return close(room)
        case _:
            return join(room, socket_id)


@settings(max_examples=150, deadline=None)
@given(batches=batches(), new_events=st.sampled_from((1, 3, writer.NEW_EVENTS)))
def test_a_batch_does_what_its_commits_do_one_by_one(
    batches: list[list[Commit | None]], new_events: int
) -> None:
    with (
        database() as together,
        database() as apart,
        pytest.MonkeyPatch.context() as patch,
    ):
        patch.setattr(writer, "NEW_EVENTS", new_events)
        open_rooms = 0
        for batch in batches:
            rows: Sequence[CommitRows | None] = [
                None if commit is None else commit_rows(commit) for commit in batch
            ]
            written = writer.write(together, rows)
            alone = [writer.write(apart, [one]).outcomes[0] for one in rows]
            assert [type(outcome) for outcome in written.outcomes] == [type(outcome) for outcome in alone]
            assert [str(outcome) for outcome in written.outcomes] == [str(outcome) for outcome in alone]
            assert contents(together) == contents(apart)
            if written.open_rooms is not None:
                open_rooms = written.open_rooms
            assert open_rooms == queries.count_open(together)


def test_of_two_commits_on_one_version_the_first_wins() -> None:
    with database() as connection:
        made = create()
        joins = [join(made.room, f"socket-{number}") for number in range(2)]
        written = writer.write(connection, [commit_rows(commit) for commit in (made, *joins)])
        assert [type(outcome) for outcome in written.outcomes] == [type(None), type(None), VersionConflict]
        assert str(written.outcomes[2]) == "room aaaaaa is at version 2, not 1"
        assert queries.load(connection, "aaaaaa") == joins[0].room
        assert queries.log(connection, "aaaaaa") == [*made.events, *joins[0].events]


def test_a_code_that_is_used_again_at_once_has_the_log_of_its_new_room() -> None:
    with database() as connection:
        made = create()
        closed = close(join(made.room).room)
        first = [made, join(made.room), closed, purge(after(closed))]
        again = create(now=NOW + HOUR)
        written = writer.write(connection, [commit_rows(commit) for commit in (*first, again)])
        assert list(written.outcomes) == [None] * 5
        assert written.open_rooms == 1
        assert queries.log(connection, "aaaaaa") == list(again.events)


def test_a_log_that_grows_many_times_in_a_batch_has_its_bound_after_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Also that of a room which comes after another of its code, to whose log it owes nothing."""
    monkeypatch.setattr(writer, "LOG_LIMIT", 3)
    with database() as connection:
        commits = [create()]
        for number in range(6):
            commits.append(join(commits[-1].room, f"socket-{number}"))
        writer.write(connection, [commit_rows(commit) for commit in commits])
        assert log(connection, "aaaaaa") == [5, 6, 7]

        closed = close(commits[-1].room)
        again = create(now=NOW + HOUR)
        ends = [closed, purge(after(closed)), again, join(again.room)]
        writer.write(connection, [commit_rows(commit) for commit in ends])
        assert log(connection, "aaaaaa") == [1, 2]


def test_new_events_move_once_they_are_many(monkeypatch: pytest.MonkeyPatch) -> None:
    """Their number is bounded, and wherever they lie, they are in the log once and in its order."""
    monkeypatch.setattr(writer, "NEW_EVENTS", 8)
    made = [create(code, max_participants=100) for code in CODES]
    rooms = [commit.room for commit in made]
    with database() as connection:
        writer.write(connection, [commit_rows(commit) for commit in made])
        new = []
        for number in range(1, 21):
            commits = [join(room, f"socket-{number}") for room in rooms]
            rooms = [commit.room for commit in commits]
            assert not any(writer.write(connection, [commit_rows(commit) for commit in commits]).outcomes)
            new += connection.execute("SELECT count(*) FROM new_events").fetchone()
            for code in CODES:
                assert log(connection, code) == list(range(1, number + 2))
        assert set(new) == {0, 2, 4, 6}


def test_new_events_of_a_room_that_is_purged_go_with_it() -> None:
    with database() as connection:
        made, other = create(), create("bbbbbb")
        closed = close(made.room)
        writer.write(connection, [commit_rows(commit) for commit in (made, other, closed)])
        assert connection.execute("SELECT count(*) FROM new_events").fetchone() == (3,)
        assert list(writer.write(connection, [commit_rows(purge(after(closed)))]).outcomes) == [None]
        assert log(connection, "aaaaaa") == []
        assert log(connection, "bbbbbb") == [1]


@pytest.mark.parametrize("count", [1, 2, 3, writer.EVENTS_AT_ONCE, 2 * writer.EVENTS_AT_ONCE + 5])
def test_events_are_written_in_as_few_statements_as_their_number_has_bits(count: int) -> None:
    with database() as connection:
        changes = [create(max_participants=1000)]
        while len(changes) < count:
            changes.append(join(changes[-1].room, f"socket-{len(changes)}"))
        statements: list[str] = []
        connection.set_trace_callback(statements.append)
        written = writer.write(connection, [commit_rows(commit) for commit in changes])
        connection.set_trace_callback(None)
        assert list(written.outcomes) == [None] * count
        inserts = [statement for statement in statements if statement.startswith("INSERT INTO new_events")]
        assert len(inserts) == count // writer.EVENTS_AT_ONCE + (count % writer.EVENTS_AT_ONCE).bit_count()
        assert log(connection, "aaaaaa") == list(range(1, count + 1))
