"""A thread that alone uses one database connection, so that the event loop never waits for the disk."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections import deque
from collections.abc import Callable
from typing import Generic, TypeVar

from signaling.rooms.ports import StoreUnavailable

Job = TypeVar("Job")
Work = Callable[[list[Job]], Callable[[], None]]


class ConnectionThread(Generic[Job]):
    """Does jobs in the order they were put, in batches of whatever is waiting.

    ``work`` is called in the thread with 1 to ``batch`` jobs. It must not raise; it returns what is then
    called in the event loop, once for the batch. ``end`` is called in the thread, last.
    """

    def __init__(
        self, name: str, work: Work[Job], end: Callable[[], None], *, capacity: int, batch: int
    ) -> None:
        """Start the thread; called in the event loop. At most ``capacity`` jobs wait."""
        self._work = work
        self._end = end
        self._capacity = capacity
        self._batch = batch
        self._jobs: deque[Job] = deque()
        self._changed = threading.Condition()
        self._closing = False
        self._loop = asyncio.get_running_loop()
        self._ended = asyncio.Event()
        # A daemon: a process that ends without `close` must not hang. What was acknowledged is safe.
        threading.Thread(target=self._run, name=name, daemon=True).start()

    def put(self, job: Job) -> None:
        """Queue a job. Raises StoreUnavailable when the queue is full or the thread is being closed."""
        with self._changed:
            if self._closing:
                raise StoreUnavailable("The store is closed")
            if len(self._jobs) >= self._capacity:
                raise StoreUnavailable(f"The store is overloaded: {self._capacity} operations are waiting")
            self._jobs.append(job)
            self._changed.notify()

    async def close(self) -> None:
        """Refuse new jobs, and return when those that wait are done and ``end`` was called."""
        with self._changed:
            self._closing = True
            self._changed.notify()
        await self._ended.wait()

    def _run(self) -> None:
        try:
            while jobs := self._take():
                self._call_in_loop(self._work(jobs))
        finally:
            try:
                self._end()
            finally:
                self._call_in_loop(self._ended.set)

    def _take(self) -> list[Job]:
        """What is waiting, once there is something; empty when the thread is being closed and all is done."""
        with self._changed:
            while not self._jobs and not self._closing:
                self._changed.wait()
            return [self._jobs.popleft() for _ in range(min(len(self._jobs), self._batch))]

    def _call_in_loop(self, callback: Callable[[], None]) -> None:
        # RuntimeError: the loop is closed already, and with it everybody who could have been told.
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(callback)
