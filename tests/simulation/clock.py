"""Time that jumps: an event loop without sockets or threads, on which processes can stand still."""

from __future__ import annotations

import asyncio
import heapq
import itertools
from collections import deque
from collections.abc import Callable
from contextvars import Context, ContextVar
from typing import Any, Final

STUCK: Final = 100_000
"""Turns of the loop without time passing: something goes round in circles."""


class Stuck(Exception):
    """Nothing can happen any more, or too much does."""


class Process:
    """What runs, stands still and ends together: all callbacks and tasks that come from its context.

    Stopped, nothing of it runs, while time and everybody else go on; what falls due meanwhile waits, in
    order. A process that was killed is one that stays stopped.
    """

    def __init__(self, name: str, outside: Context) -> None:
        """Running. ``outside`` is the context of no process."""
        self.name = name
        self.context = outside.copy()
        self.context.run(PROCESS.set, self)
        self.stopped = False
        self.waiting: deque[asyncio.Handle] = deque()


PROCESS: Final[ContextVar[Process | None]] = ContextVar("process", default=None)


class VirtualLoop(asyncio.BaseEventLoop):
    """Goes to the next timer at once when there is nothing to do."""

    _ready: deque[asyncio.Handle]
    _stopping: bool

    def __init__(self) -> None:
        """At the time 0."""
        super().__init__()
        self._now = 0.0
        self._turns = 0
        self._timers: list[tuple[float, int, asyncio.TimerHandle]] = []
        """By time; what is for the same time stays in its order, which asyncio does not promise."""
        self._count = itertools.count()

    def time(self) -> float:
        """Seconds since the beginning of the world."""
        return self._now

    def thaw(self, process: Process) -> None:
        """Let a stopped process go on."""
        process.stopped = False
        self._ready.extend(process.waiting)
        process.waiting.clear()

    def call_at(  # type: ignore[override]
        self, when: float, callback: Callable[..., Any], *args: Any, context: Context | None = None
    ) -> asyncio.TimerHandle:
        """See `asyncio.loop.call_at`."""
        timer = asyncio.TimerHandle(when, callback, args, self, context)
        heapq.heappush(self._timers, (when, next(self._count), timer))
        return timer

    def _run_once(self) -> None:
        ready, timers = self._ready, self._timers
        while timers and timers[0][2].cancelled():
            heapq.heappop(timers)
        if not ready and not self._stopping:
            if not timers:
                raise Stuck("nothing will ever happen again")
            self._turns = 0
            self._now = max(self._now, timers[0][0])
        self._turns += 1
        if self._turns > STUCK:
            raise Stuck("time does not pass")
        while timers and timers[0][0] <= self._now:
            ready.append(heapq.heappop(timers)[2])
        for _ in range(len(ready)):
            handle: Any = ready.popleft()
            if handle._cancelled:
                continue
            process = handle._context.get(PROCESS)
            if process is not None and process.stopped:
                process.waiting.append(handle)
            else:
                handle._run()

    def _process_events(self, event_list: Any) -> None:
        """There is no input but timers."""

    def _write_to_self(self) -> None:
        """There are no threads."""
