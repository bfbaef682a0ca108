"""One room's commands, decided in order and committed together.

While a commit is under way, commands for the same room gather; the next commit takes
them all. A class of thirty that joins within the time of one disk write costs two
commits instead of thirty, and no two of them ever conflict on this node.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Final

import structlog
from msgspec import Struct

from signaling.contract.errors import ErrorCode, SignalingError
from signaling.domain.commands import Command
from signaling.domain.events import RoomEvent
from signaling.domain.room import Room, decide, evolve_all
from signaling.rooms.ports import Commit, CommitUnknown, RoomStore, StoreUnavailable, VersionConflict

_log = structlog.stdlib.get_logger("signaling.rooms")

MAX_WAITING: Final = 1024
"""Commands that may wait for one room. A full room is 100 seats; ten times that is a flood."""

MAX_CONFLICTS: Final = 32
"""Commits lost in a row to other nodes before the commands are refused as retryable."""

RETRY_AFTER: Final = 1.0
"""Seconds a client is asked to wait when the store cannot serve."""


def unavailable(detail: str) -> SignalingError:
    """The retryable error for what the store cannot do now: `server_error`, 503."""
    return SignalingError(ErrorCode.SERVER_ERROR, detail, retry_after=RETRY_AFTER, status=503)


def store_trouble(error: StoreUnavailable) -> SignalingError:
    """The same for trouble of the store, which the operator reads of in the log."""
    cause = error.__cause__
    _log.warning("store_unavailable", error=str(error), cause=None if cause is None else repr(cause))
    if isinstance(error, CommitUnknown):
        refusal = unavailable("The store cannot serve now. Whether anything was changed is not known")
    else:
        refusal = unavailable("The store cannot serve now. Nothing was changed")
    refusal.__cause__ = error
    return refusal


class Outcome(Struct, frozen=True):
    """What became of a command."""

    events: tuple[RoomEvent, ...]
    """Its events, as committed; empty if there was nothing to do."""
    room: Room | None
    """The room right after."""


class _Waiting(Struct):
    command: Command
    result: asyncio.Future[Outcome]


class RoomWriter:
    """Runs while commands wait for its room; ``on_idle`` is called when none do."""

    def __init__(
        self,
        code: str,
        *,
        store: RoomStore,
        clock: Callable[[], int],
        known: Callable[[], Room | None],
        on_idle: Callable[[], None],
    ) -> None:
        """``known`` gives this node's picture of the room, if it has one; it may be out of date."""
        self._code = code
        self._store = store
        self._clock = clock
        self._known = known
        self._on_idle = on_idle
        self._waiting: deque[_Waiting] = deque()
        self._task: asyncio.Task[None] | None = None

    def execute(self, command: Command) -> asyncio.Future[Outcome]:
        """Decide and commit, whether or not the result is cancelled meanwhile.

        It raises SignalingError where the rules refuse, or the store cannot.
        """
        if len(self._waiting) >= MAX_WAITING:
            raise unavailable("Too many requests wait for this room")
        loop = asyncio.get_running_loop()
        result: asyncio.Future[Outcome] = loop.create_future()
        self._waiting.append(_Waiting(command, result))
        if self._task is None:
            self._task = loop.create_task(self._run())
        return result

    async def _run(self) -> None:
        room: Room | None = None
        loaded = False
        try:
            while self._waiting:
                batch = list(self._waiting)
                self._waiting.clear()
                fresh = False
                try:
                    if not loaded:
                        room = self._known()
                        if room is None:
                            room, fresh = await self._store.load(self._code), True
                        loaded = True
                    room = await self._commit(room, batch, fresh=fresh)
                except StoreUnavailable as error:
                    loaded = False
                    _fail(batch, store_trouble(error))
                except SignalingError as error:
                    loaded = False
                    _fail(batch, error)
                except BaseException as error:
                    _fail(
                        batch,
                        error if isinstance(error, Exception) else unavailable("The service is stopping"),
                    )
                    raise
        finally:
            self._task = None
            if self._waiting:
                # Only after an unforeseen error.
                _fail(list(self._waiting), unavailable("The service failed at this room"))
                self._waiting.clear()
            self._on_idle()

    async def _commit(self, room: Room | None, batch: list[_Waiting], *, fresh: bool) -> Room | None:
        """Commit the batch on top of ``room``; the room after it.

        ``fresh``: the room was loaded for this batch. Any other picture may be behind what other nodes
        committed. A commit would find out; where there is nothing to commit, as when all are refused,
        the store is asked before anybody is answered.
        """
        for _ in range(MAX_CONFLICTS):
            now = self._clock()
            after = room
            events: list[RoomEvent] = []
            outcomes: list[Outcome | SignalingError] = []
            for waiting in batch:
                try:
                    own = decide(after, waiting.command, now)
                except SignalingError as error:
                    outcomes.append(error)
                else:
                    after = evolve_all(after, own)
                    events += own
                    outcomes.append(Outcome(tuple(own), after))
            if not events and not fresh:
                room, fresh = await self._store.load(self._code), True
                continue
            if events:
                expected = 0 if room is None else room.version
                commit = Commit(
                    code=self._code, expected_version=expected, room=after, events=tuple(events), at=now
                )
                try:
                    await self._store.commit(commit)
                except VersionConflict:
                    room, fresh = await self._store.load(self._code), True
                    continue
            _resolve(batch, outcomes)
            return after
        raise unavailable("The room changed too often at once")


def _resolve(batch: list[_Waiting], outcomes: list[Outcome | SignalingError]) -> None:
    for waiting, outcome in zip(batch, outcomes, strict=True):
        if waiting.result.done():
            continue
        if isinstance(outcome, Outcome):
            waiting.result.set_result(outcome)
        else:
            waiting.result.set_exception(outcome)


def _fail(batch: list[_Waiting], error: Exception) -> None:
    for waiting in batch:
        if not waiting.result.done():
            waiting.result.set_exception(error)
