"""The embedded store: what happens in the event loop, before and after the threads that use the disk."""

from __future__ import annotations

import asyncio
import sqlite3
from asyncio import AbstractEventLoop, Future
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final, TypeVar

from msgspec import Struct

from signaling.backends.sqlite import queries, writer
from signaling.backends.sqlite.errors import DatabaseUnreadable
from signaling.backends.sqlite.files import DATABASE_NAME, StoreFiles
from signaling.backends.sqlite.recent import RecentRooms
from signaling.backends.sqlite.rows import CommitRows, commit_rows
from signaling.backends.sqlite.thread import ConnectionThread
from signaling.domain.events import RoomEvent
from signaling.domain.room import Room
from signaling.rooms.ports import (
    Claimed,
    Commit,
    RoomPage,
    RoomQuery,
    Statistics,
    StoreUnavailable,
)

WAITING_WRITES: Final = 4096
"""Commits that wait for the disk, at most: a second or so of work. What is over is refused."""

WRITES_PER_TRANSACTION: Final = 512
"""Bounds a transaction's memory, and how long the first of a batch waits for the last."""

PACE: Final = 0.003
"""Seconds from a transaction of several commits to the next. A transaction costs as much as ten more commits
in it, in CPU time and in writes to the disk."""

WAITING_READS: Final = 4096
"""Reads that wait, at most."""

PROBE_SECONDS: Final = 2.0
"""How long a probe waits. Longer than this and the store is of no use to anybody."""

Publish = Callable[[str, Sequence[RoomEvent]], None]
"""Announces consecutive events of one room. Called in the event loop."""

Result = TypeVar("Result")


class _Write(Struct, frozen=True, eq=False):
    """A job of the writer: a commit, or (None) a probe."""

    commit: Commit | None
    rows: CommitRows | None
    done: Future[None]


class _Read(Struct, frozen=True, eq=False):
    """A job of the reader."""

    query: Callable[[sqlite3.Connection], Any]
    done: Future[Any]


class SqliteStore:
    """A RoomStore in a directory of this machine, for one process.

    Commits are durable when acknowledged: they are in SQLite's write-ahead log and fsynced, many at a
    time when many wait. An error of the disk becomes StoreUnavailable, and passes when its cause does.
    """

    def __init__(self, files: StoreFiles, open_rooms: int, publish: Publish) -> None:
        """See `open`."""
        self._files = files
        self._open_rooms = open_rooms
        self._publish = publish
        self._recent = RecentRooms()
        self._data_version: int | None = None
        """Of the last transaction."""
        self._loop: AbstractEventLoop = asyncio.get_running_loop()
        self._probing: Future[None] | None = None
        self._writer = ConnectionThread[_Write](
            "store-writer",
            self._write,
            files.close_writer,
            capacity=WAITING_WRITES,
            batch=WRITES_PER_TRANSACTION,
            pace=PACE,
        )
        # One at a time: a quick read is not to wait for the slow one behind it.
        self._reader = ConnectionThread[_Read](
            "store-reader", self._read, files.close_reader, capacity=WAITING_READS, batch=1
        )

    @classmethod
    async def open(cls, directory: Path, publish: Publish) -> SqliteStore:
        """Open the store in ``directory``, making what is missing; ``publish`` announces its commits.

        Raises DataDirectoryError, whose text says what to do.
        """
        files, open_rooms = await asyncio.to_thread(_open_files, directory)
        return cls(files, open_rooms, publish)

    async def close(self) -> None:
        """Finish what was begun, then give up the directory. Calls from now on raise StoreUnavailable."""
        await self._reader.close()
        await self._writer.close()
        self._recent.clear()

    async def load(self, code: str) -> Room | None:
        """See `RoomStore.load`. A room that was just committed is known without asking the disk."""
        room = self._recent.get(code)
        if room is not None:
            return room
        return await self._ask(lambda connection: queries.load(connection, code))

    async def commit(self, commit: Commit) -> None:
        """See `RoomStore.commit`. When the caller is cancelled the commit may be done all the same.

        Raises ValueError for what is not a commit: no events, a gap in them, or a room that is not theirs.
        """
        done: Future[None] = self._loop.create_future()
        self._writer.put(_Write(commit, commit_rows(commit), done))
        await done

    async def log(self, code: str) -> Sequence[RoomEvent]:
        """See `RoomStore.log`."""
        return await self._ask(lambda connection: queries.log(connection, code))

    async def claimed(self, key: str, now: int) -> Claimed | None:
        """See `RoomStore.claimed`."""
        return await self._ask(lambda connection: queries.claimed(connection, key, now))

    async def find(self, query: RoomQuery) -> RoomPage:
        """See `RoomStore.find`."""
        return await self._ask(lambda connection: queries.find(connection, query))

    async def statistics(self, now: int) -> Statistics:
        """See `RoomStore.statistics`."""
        return await self._ask(lambda connection: queries.statistics(connection, now))

    async def due(self, now: int, limit: int) -> Sequence[str]:
        """See `RoomStore.due`."""
        return await self._ask(lambda connection: queries.due(connection, now, limit))

    async def occupied(self) -> Sequence[str]:
        """See `RoomStore.occupied`."""
        return await self._ask(queries.occupied)

    def open_rooms(self) -> int:
        """See `RoomStore.open_rooms`: by the commits announced so far."""
        return self._open_rooms

    async def probe(self) -> None:
        """See `RoomStore.probe`: writes a row, through the same queue as the commits."""
        if self._probing is None or self._probing.done():
            # Those who ask meanwhile share the answer: asking often costs nothing.
            probing: Future[None] = self._loop.create_future()
            probing.add_done_callback(lambda done: done.cancelled() or done.exception())
            self._writer.put(_Write(None, None, probing))
            self._probing = probing
        try:
            await asyncio.wait_for(asyncio.shield(self._probing), PROBE_SECONDS)
        except TimeoutError as error:
            raise StoreUnavailable(f"The store did not write within {PROBE_SECONDS:g} s") from error

    async def _ask(self, query: Callable[[sqlite3.Connection], Result]) -> Result:
        done: Future[Result] = self._loop.create_future()
        self._reader.put(_Read(query, done))
        return await done

    def _read(self, jobs: list[_Read]) -> Callable[[], None]:
        """In the reader's thread."""
        answers = [(job.done, *_answer(self._files.reader, job)) for job in jobs]

        def deliver() -> None:
            for done, result, error in answers:
                if done.done():
                    continue
                if error is None:
                    done.set_result(result)
                else:
                    done.set_exception(error)

        return deliver

    def _write(self, jobs: list[_Write]) -> Callable[[], None]:
        """In the writer's thread."""
        written = writer.write(self._files.writer, [job.rows for job in jobs])
        return lambda: self._deliver(jobs, written)

    def _deliver(self, jobs: Sequence[_Write], written: writer.Written) -> None:
        """Remember and announce what was committed, then tell those who wait for it."""
        if written.open_rooms is not None:
            self._open_rooms = written.open_rooms
        if written.data_version is not None and written.data_version != self._data_version:
            # At the first one, or somebody has been at the file by hand.
            self._recent.clear()
            self._data_version = written.data_version
        finished = list(zip(jobs, written.outcomes, strict=True))
        for job, error in finished:
            self._remember(job, error)
        for job, error in finished:
            if error is None and job.commit is not None:
                self._announce(job.commit.code, job.commit.events)
        for job, error in finished:
            if job.done.done():
                # Whoever waited was cancelled.
                continue
            if error is None:
                job.done.set_result(None)
            else:
                job.done.set_exception(error)

    def _remember(self, job: _Write, error: Exception | None) -> None:
        if job.commit is None or job.rows is None:
            return
        if error is None and job.commit.room is not None and job.rows.room is not None:
            self._recent.keep(job.commit.room, len(job.rows.room.body))
        else:
            self._recent.forget(job.commit.code)

    def _announce(self, code: str, events: Sequence[RoomEvent]) -> None:
        try:
            self._publish(code, events)
        except Exception as error:  # noqa: BLE001
            # The change is made, whoever listens: their fault must not reach the caller or its neighbours.
            self._loop.call_exception_handler(
                {"message": "Announcing the events of a room failed", "exception": error}
            )


def _open_files(directory: Path) -> tuple[StoreFiles, int]:
    files = StoreFiles.open(directory)
    try:
        return files, queries.count_open(files.reader)
    except (sqlite3.Error, UnicodeDecodeError) as error:
        files.close_reader()
        files.close_writer()
        raise DatabaseUnreadable(directory / DATABASE_NAME, error) from error


def _answer(connection: sqlite3.Connection, job: _Read) -> tuple[Any, Exception | None]:
    if job.done.cancelled():
        return None, None
    try:
        return job.query(connection), None
    except (sqlite3.Error, UnicodeDecodeError) as error:
        return None, writer.unavailable(error)
    except Exception as error:  # noqa: BLE001 - whatever it is, it is for whoever asked
        return None, error
