"""kill -9 against the embedded store alone: what it acknowledged or announced is there afterwards, whole."""

from __future__ import annotations

import random
import sqlite3
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from signaling.backends.sqlite.files import DATABASE_NAME
from signaling.backends.sqlite.store import SqliteStore
from signaling.contract.types import RoomState
from signaling.domain.events import RoomEvent
from signaling.domain.room import Room, evolve_all
from signaling.rooms.ports import Commit, RoomQuery

from .store_driver import NOW

DRIVER = Path(__file__).with_name("store_driver.py")
ROUNDS = 16

pytestmark = pytest.mark.fault


class Promises:
    """What the killed processes said."""

    def __init__(self) -> None:
        self.logs: dict[str, list[RoomEvent]] = {}
        """Events of acknowledged commits, by room."""
        self.purging: set[str] = set()
        """Rooms whose purge was asked for: they may be gone before anybody was told."""
        self.purged: set[str] = set()
        """Rooms whose purge was acknowledged."""
        self.announced: dict[str, int] = {}
        """The last version announced, by room."""
        self.touched: set[str] = set()
        """Rooms that something was said of since they were last compared."""

    def read(self, line: bytes) -> None:
        kind, _, rest = line.partition(b" ")
        if kind == b"purging":
            self.purging.add(rest.decode().strip())
            return
        if kind == b"told":
            code, version = rest.decode().split()
            assert int(version) == self.announced.get(code, 0) + 1, "announcements skipped a version"
            self.announced[code] = int(version)
            self.touched.add(code)
            return
        assert kind == b"done"
        commit = msgspec.json.decode(rest, type=Commit)
        last = commit.events[-1].version
        assert self.announced[commit.code] >= last, "acknowledged before it was announced"
        self.logs.setdefault(commit.code, []).extend(commit.events)
        if commit.room is None:
            self.purged.add(commit.code)


def _work_until_killed(directory: Path, seed: str, promised: int, promises: Promises) -> None:
    """Let a process work, kill it after so many promises, and read all that it said."""
    with subprocess.Popen(
        [sys.executable, str(DRIVER), str(directory), seed], stdout=subprocess.PIPE
    ) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == b"open\n"
            for _ in range(promised):
                promises.read(process.stdout.readline())
        finally:
            process.kill()
        said = process.stdout.read().splitlines(keepends=True)
    for line in said:
        # A write of this size into a pipe is not cut by a kill; should one be, it was not said.
        if line.endswith(b"\n"):
            promises.read(line)


async def _check(directory: Path, promises: Promises, codes: set[str]) -> None:
    store = await SqliteStore.open(directory, lambda _code, _events: None)
    try:
        rooms: list[Room] = []
        for code in codes:
            version = promises.announced[code]
            room = await store.load(code)
            log = await store.log(code)
            assert evolve_all(None, log) == room, "the log does not make the room"
            if room is None:
                assert code in promises.purging, "a room is gone that nobody asked to purge"
                continue
            assert code not in promises.purged, "a purged room is back"
            rooms.append(room)
            assert [event.version for event in log] == list(range(1, room.version + 1))
            acknowledged = promises.logs.get(code, [])
            assert log[: len(acknowledged)] == acknowledged, "an acknowledged event is not in the log"
            assert room.version >= version, "an announced event is not in the log"
        for code in codes & promises.logs.keys():
            claimed = await store.claimed(code, NOW)
            assert claimed is not None
            assert claimed.code == code
        statistics = await store.statistics(NOW)
        total = (await store.find(RoomQuery(now=NOW, limit=1))).total
    finally:
        await store.close()
    stored = _stored_rooms(directory)
    assert {room.code: room for room in rooms}.items() <= stored.items()
    everyone = stored.values()
    assert total == len(stored)
    assert statistics.open_rooms == sum(room.state is RoomState.OPEN for room in everyone)
    assert statistics.closed_rooms == sum(room.state is RoomState.CLOSED for room in everyone)
    assert statistics.total_participants == sum(room.joined_total for room in everyone)
    assert statistics.active_participants == sum(len(room.seats) for room in everyone)


def _stored_rooms(directory: Path) -> dict[str, Room]:
    """Every room in the file, those nobody was told of included; the file must be sound."""
    connection = sqlite3.connect(directory / DATABASE_NAME)
    assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    rooms = {}
    for code, body in connection.execute("SELECT code, body FROM rooms"):
        rooms[code] = msgspec.json.decode(body, type=Room)
    events = connection.execute(
        "SELECT code, count(*), max(version) FROM"
        " (SELECT code, version FROM events UNION ALL SELECT code, version FROM new_events) GROUP BY code"
    ).fetchall()
    connection.close()
    assert {code: (count, version) for code, count, version in events} == {
        code: (room.version, room.version) for code, room in rooms.items()
    }
    return rooms


async def test_what_was_promised_survives_kill_nine(tmp_path: Path) -> None:
    chance = random.Random(9)
    promises = Promises()
    for number in range(ROUNDS):
        _work_until_killed(tmp_path, f"round{number}", chance.randrange(1, 1500), promises)
        await _check(tmp_path, promises, promises.touched)
        promises.touched = set()
    # And once more all that was ever said: a later death must not have undone it.
    await _check(tmp_path, promises, set(promises.announced))
    assert sum(map(len, promises.logs.values())) > ROUNDS * 100, "hardly anything was promised"
    assert promises.purged
