"""A thread that alone uses one database connection, so that the event loop never waits for the disk."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections import deque
from collections.abc import Callable
from queue import SimpleQueue
from typing import Generic, TypeVar

from signaling.rooms.ports import StoreUnavailable

Job = TypeVar("Job")
Work = Callable[[list[Job]], Callable[[], None]]


class ConnectionThread(Generic[Job]):
    """Does jobs in the order they were put, in batches of whatever is waiting.

    ``work`` is called in the thread with 1 to ``batch`` jobs. It must not raise; it returns what is then
    called in the event loop, once for the batch. ``end`` is called in the thread, last.

    Jobs gather in the event loop, and go to the thread a batch at a time: those put in one turn go
    together, and while the loop has much to do the batches become larger, not more.
    """

    def __init__(
        self,
        name: str,
        work: Work[Job],
        end: Callable[[], None],
        *,
        capacity: int,
        batch: int,
        pace: float = 0.0,
    ) -> None:
        """Start the thread; called in the event loop, as are all methods.

        At most ``capacity`` jobs wait. The batch after one of several begins ``pace`` seconds after that one
        at the earliest.
        """
        self._work = work
        self._end = end
        self._capacity = capacity
        self._batch = batch
        self._pace = pace
        self._next = 0.0
        """When the next batch may begin."""
        self._jobs: deque[Job] = deque()
        self._busy = False
        """Whether a batch is with the thread, or about to go there."""
        self._closing = False
        self._batches: SimpleQueue[list[Job] | None] = SimpleQueue()
        self._loop = asyncio.get_running_loop()
        self._ended = asyncio.Event()
        # A daemon: a process that ends without `close` must not hang. What was acknowledged is safe.
        threading.Thread(target=self._run, name=name, daemon=True).start()

    def put(self, job: Job) -> None:
        """Queue a job. Raises StoreUnavailable when the queue is full or the thread is being closed."""
        if self._closing:
            raise StoreUnavailable("The store is closed")
        if len(self._jobs) >= self._capacity:
            raise StoreUnavailable(f"The store is overloaded: {self._capacity} operations are waiting")
        self._jobs.append(job)
        if not self._busy:
            self._busy = True
            self._schedule()

    async def close(self) -> None:
        """Refuse new jobs, and return when those that wait are done and ``end`` was called."""
        if not self._closing:
            self._closing = True
            if not self._busy:
                self._batches.put(None)
        await self._ended.wait()

    def _schedule(self) -> None:
        if self._loop.time() >= self._next:
            self._loop.call_soon(self._hand_over)
        else:
            self._loop.call_at(self._next, self._hand_over)

    def _hand_over(self) -> None:
        jobs = self._jobs
        # Whoever is alone would only wait for itself.
        self._next = self._loop.time() + self._pace if len(jobs) > 1 else 0.0
        if len(jobs) <= self._batch:
            batch = list(jobs)
            jobs.clear()
        else:
            batch = [jobs.popleft() for _ in range(self._batch)]
        self._batches.put(batch)

    def _done(self, deliver: Callable[[], None]) -> None:
        try:
            deliver()
        finally:
            if self._jobs:
                self._schedule()
            else:
                self._busy = False
                if self._closing:
                    self._batches.put(None)

    def _run(self) -> None:
        try:
            while (jobs := self._batches.get()) is not None:
                done = self._work(jobs)
                self._call_in_loop(self._done, done)
                del jobs, done  # not to be kept until there are others
        finally:
            try:
                self._end()
            finally:
                self._call_in_loop(self._ended.set)

    def _call_in_loop(self, callback: Callable[..., None], *arguments: Callable[[], None]) -> None:
        # RuntimeError: the loop is closed already, and with it everybody who could have been told.
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(callback, *arguments)
