"""Calls to Redis, many in one round trip, in order, and again when the line breaks.

While calls are on their way, more gather; the next round trip takes them all. So calls of one lane are done
in the order they were made, and however many wait, one connection is enough.

A call whose reply is lost is made again until its time is over. That is safe: reads change nothing, commits
have ids, and all else that is put here may be done twice.
"""

from __future__ import annotations

import asyncio
import enum
from asyncio import Future, Task
from collections import deque
from collections.abc import Sequence
from typing import Any, Final

from msgspec import Struct
from redis.exceptions import (
    AskError,
    ClusterDownError,
    ConnectionError,
    NoScriptError,
    ReadOnlyError,
    RedisClusterException,
    TimeoutError,
    TryAgainError,
)

from signaling.backends.redis.names import PARTITIONS
from signaling.backends.redis.scripts import Script
from signaling.backends.redis.server import FAILURES, Server
from signaling.rooms.ports import StoreUnavailable

CAPACITY: Final = 4096
"""Calls that may wait in one lane: a second or so of work. What is over is refused."""

BATCH: Final = 256
"""Calls of one round trip, at most."""

PATIENCE: Final = 5.0
"""Seconds for which a call is tried: longer than a failover usually takes."""

LAST_PATIENCE: Final = 0.5
"""The same once the lane is being closed: a Redis that is away must not hold up the end of the process."""

_FIRST_PAUSE: Final = 0.02
_LAST_PAUSE: Final = 0.5
"""Seconds between tries."""

_LOST: Final = (ConnectionError, TimeoutError, OSError, RuntimeError)
"""Failures after which the call may have been done all the same. LOADING is one of them."""

_MOVED: Final = (AskError, ClusterDownError, ReadOnlyError, RedisClusterException)
"""Failures that say that another server is the master now, or will be (MOVED is an ASK)."""

_PASSING: Final = ("BUSY", "MASTERDOWN", "NOREPLICAS", "UNBLOCKED")
"""Error codes without a class of their own that pass within seconds."""


class Unanswered(StoreUnavailable):
    """The call was made, and its reply never came: it may have been done."""


class _Next(enum.Enum):
    """What becomes of a call after its reply."""

    ANSWERED = enum.auto()
    AT_ONCE = enum.auto()
    """It is made again: nothing is wrong with the line."""
    LATER = enum.auto()
    """It is made again after a pause."""


class _Call(Struct, eq=False):
    script: Script | None
    args: tuple[Any, ...]
    done: Future[Any]
    deadline: float
    given: bool = False
    """Whether the script's source is to be sent with it."""
    lost: bool = False
    """Whether a reply to it may have been lost."""
    tells: bool = False
    """Whether that is to be told with the reply."""

    def command(self) -> tuple[Any, ...]:
        if self.script is None:
            return self.args
        return (*(self.script.by_source if self.given else self.script.by_digest), *self.args)

    def take(self, reply: Any, now: float) -> _Next:
        """Answer whoever waits, unless the call is to be made again."""
        if self.done.done():
            return _Next.ANSWERED  # Whoever waited was cancelled.
        if not isinstance(reply, Exception):
            self.done.set_result((reply, self.lost) if self.tells else reply)
            return _Next.ANSWERED
        if isinstance(reply, NoScriptError) and not self.given:
            self.given = True
            return _Next.AT_ONCE
        self.lost = self.lost or isinstance(reply, _LOST)
        passing = isinstance(reply, (*_LOST, *_MOVED, TryAgainError)) or str(reply).startswith(_PASSING)
        if passing and now < self.deadline:
            return _Next.LATER
        self.fail(reply)
        return _Next.ANSWERED

    def fail(self, cause: Exception) -> None:
        """Answer that it was not possible."""
        if self.done.done():
            return
        kind = Unanswered if self.lost else StoreUnavailable
        error = kind(f"The store cannot serve: {cause}")
        error.__cause__ = cause
        self.done.set_exception(error)


class Lane:
    """Runs while calls wait."""

    def __init__(self, server: Server) -> None:
        """Starts empty."""
        self._server = server
        self._waiting: deque[_Call] = deque()
        self._underway: list[_Call] = []
        self._task: Task[None] | None = None
        self._round_trips = 0
        self._hurried = False
        self._closing = False

    def command(self, *args: Any) -> Future[Any]:
        """Call a command. The result raises StoreUnavailable."""
        return self._put(None, args)

    def repeated(self, *args: Any) -> Future[tuple[Any, bool]]:
        """As `command`; beside the reply it is said whether an earlier try may have been done, too."""
        return self._put(None, args, tells=True)

    def script(self, script: Script, keys: Sequence[str], *args: Any) -> Future[Any]:
        """Call a script. The result raises StoreUnavailable, Unanswered if it may have been done."""
        return self._put(script, (len(keys), *keys, *args))

    def hurry(self) -> None:
        """Try no call for long any more: the lane is about to be closed."""
        self._hurried = True
        latest = asyncio.get_running_loop().time() + LAST_PATIENCE
        for call in (*self._underway, *self._waiting):
            call.deadline = min(call.deadline, latest)

    async def close(self) -> None:
        """Refuse new calls, and return when those that wait are done, or given up."""
        self._closing = True
        self.hurry()
        if (task := self._task) is not None:
            while not task.done():
                before = self._round_trips
                await asyncio.wait((task,), timeout=LAST_PATIENCE)
                if self._round_trips == before:
                    # More than once, should the client library have swallowed one.
                    task.cancel()

    def _put(self, script: Script | None, args: tuple[Any, ...], *, tells: bool = False) -> Future[Any]:
        loop = asyncio.get_running_loop()
        done: Future[Any] = loop.create_future()
        if self._closing:
            done.set_exception(StoreUnavailable("The store is closed"))
            return done
        if len(self._waiting) >= CAPACITY:
            done.set_exception(
                StoreUnavailable(f"The store is overloaded: {CAPACITY} operations are waiting")
            )
            return done
        deadline = loop.time() + (LAST_PATIENCE if self._hurried else PATIENCE)
        self._waiting.append(_Call(script, args, done, deadline, tells=tells))
        if self._task is None:
            self._task = loop.create_task(self._run(), name="redis-lane")
        return done

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        pause = _FIRST_PAUSE
        try:
            while self._waiting:
                self._underway = [self._waiting.popleft() for _ in range(min(len(self._waiting), BATCH))]
                replies = await self._send(self._underway)
                self._round_trips += 1
                now = loop.time()
                after = [call.take(reply, now) for call, reply in zip(self._underway, replies, strict=True)]
                again = [
                    call
                    for call, next_ in zip(self._underway, after, strict=True)
                    if next_ is not _Next.ANSWERED
                ]
                self._underway = []
                # Before those that came later: what was begun first is done first.
                self._waiting.extendleft(reversed(again))
                if _Next.LATER in after:
                    await asyncio.sleep(pause)
                    pause = min(2 * pause, _LAST_PAUSE)
                else:
                    pause = _FIRST_PAUSE
        finally:
            self._task = None
            # Only after an unforeseen error, or when the loop is being ended, is anything left here.
            for call in self._underway:
                call.lost = True
            for call in (*self._underway, *self._waiting):
                call.fail(RuntimeError("it failed at something unforeseen"))
            self._waiting.clear()

    async def _send(self, batch: list[_Call]) -> list[Any]:
        try:
            replies = await self._server.pipeline([call.command() for call in batch])
        except FAILURES as error:
            replies = [error] * len(batch)
        if any(isinstance(reply, (*_LOST, *_MOVED)) for reply in replies):
            await self._server.look_again()
        return replies


class Lanes:
    """A lane for each server that the partitions may be on: one, or on a cluster one for each partition.

    So a master that is down keeps nobody waiting but those who need it.
    """

    def __init__(self, server: Server) -> None:
        """Makes lanes as they are needed."""
        self._server = server
        self._lanes: dict[int, Lane] = {}

    def of(self, partition: int) -> Lane:
        """The partition's lane."""
        number = self._server.place_of(partition)
        lane = self._lanes.get(number)
        if lane is None:
            lane = self._lanes[number] = Lane(self._server)
        return lane

    async def close(self) -> None:
        """Refuse new calls, and return when those that wait are done."""
        await asyncio.gather(*(self.of(partition).close() for partition in range(PARTITIONS)))
