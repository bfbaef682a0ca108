"""One timer of the event loop for all who wait equally long.

Every socket waits for something all its life: for a join, for the time of its next ping, for a pong. A
timer of its own for each would be most of what an idle socket takes of memory.
"""

from __future__ import annotations

import asyncio
import itertools
import math
from collections.abc import Callable
from typing import Final, Generic, TypeVar

import structlog

_Who = TypeVar("_Who")

_LEAST: Final = 0.01
"""Seconds between looks, at least: those due within so little are told together, and never too early."""

_log = structlog.stdlib.get_logger("signaling.deadlines")


class Deadlines(Generic[_Who]):
    """Calls ``due`` with each one that was started and not stopped ``seconds`` ago.

    As all wait equally long, the order in which they were started is that in which they are due. Bounded by
    those who start: each is in here once.
    """

    __slots__ = ("_due", "_loop", "_seconds", "_timer", "_waiting")

    def __init__(self, seconds: float, due: Callable[[_Who], None]) -> None:
        """Must be made inside the event loop. ``due`` may start and stop whom it wants."""
        self._loop = asyncio.get_running_loop()
        self._seconds = seconds
        self._due = due
        self._waiting: dict[_Who, float] = {}
        self._timer: asyncio.TimerHandle | None = None

    def start(self, who: _Who) -> None:
        """From now on."""
        # Taken out first, as it goes to the end.
        self._waiting.pop(who, None)
        self._waiting[who] = self._loop.time() + self._seconds
        if self._timer is None:
            self._timer = self._loop.call_later(self._seconds, self._look)

    def stop(self, who: _Who) -> None:
        """It need not be told. Does nothing if it does not wait."""
        self._waiting.pop(who, None)

    def __contains__(self, who: _Who) -> bool:
        """Whether it waits."""
        return who in self._waiting

    def _look(self) -> None:
        now = self._loop.time()
        # Found in one go: the first of a dict is the farther away, the more were taken out before it.
        for who in list(itertools.takewhile(lambda who: self._waiting[who] <= now, self._waiting)):
            # Whoever was told before may have stopped it, or started it again.
            if self._waiting.get(who, math.inf) > now:
                continue
            del self._waiting[who]
            try:
                self._due(who)
            except Exception:  # noqa: BLE001 - logged whole; the others wait, too
                _log.exception("deadline_failed")
        # Only now, as those who start meanwhile are not the next.
        self._timer = None
        if self._waiting:
            first = next(iter(self._waiting.values()))
            self._timer = self._loop.call_later(max(_LEAST, first - self._loop.time()), self._look)
