"""The sockets of this node as a whole: opened, counted, let into rooms, drained."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, Final

import structlog
from msgspec import Struct

from signaling.contract.codec import RawAnswer, RawIceCandidate, RawOffer
from signaling.contract.errors import CloseCode, ErrorCode, SignalingError
from signaling.contract.messages import tag_of
from signaling.contract.types import LeftReason
from signaling.realtime.connection import Limits, Transport
from signaling.realtime.guard import GuessGuard, subscriber
from signaling.realtime.hub import Hub, LocalRoom
from signaling.realtime.session import Session
from signaling.realtime.turns import Turns
from signaling.rooms.codes import new_socket_id, normal_code
from signaling.rooms.resume_token import ResumeTokens
from signaling.rooms.service import RoomService
from signaling.telemetry.metrics import Metrics

_FIRST_RETRY: Final = 0.1
_LAST_RETRY: Final = 5.0
"""Seconds between tries to end a seat while the store is away."""

_COUNTED_CLOSES: Final = frozenset(CloseCode) | frozenset(range(1000, 1016))
"""Close codes with a figure of their own; clients may send thousands of others."""

_log = structlog.stdlib.get_logger("signaling.gateway")


class GatewaySettings(Struct, frozen=True, kw_only=True):
    """What an operator may set about sockets."""

    limits: Limits
    max_frame_bytes: int
    join_timeout_seconds: int
    unknown_codes_per_minute: int
    max_connections: int


class Gateway:
    """Opens sessions and lets them into rooms."""

    def __init__(
        self, rooms: RoomService, tokens: ResumeTokens, settings: GatewaySettings, metrics: Metrics
    ) -> None:
        """Must be made inside the event loop that will serve the sockets."""
        self.loop = asyncio.get_running_loop()
        self.rooms = rooms
        self.tokens = tokens
        self.metrics = metrics
        self.limits = settings.limits
        self.max_frame_bytes = settings.max_frame_bytes
        self.join_timeout_seconds = settings.join_timeout_seconds
        self.relayed = {
            kind: metrics.relayed.labels(tag_of(kind)) for kind in (RawOffer, RawAnswer, RawIceCandidate)
        }
        self._max_connections = settings.max_connections
        self._guard = GuessGuard(settings.unknown_codes_per_minute)
        self._tries = Turns()
        self._hub = Hub(rooms, self.start)
        self._sessions: set[Session] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self.draining = False

    @property
    def connections(self) -> int:
        """How many sockets are open."""
        return len(self._sessions)

    @property
    def full(self) -> bool:
        """Whether no more sockets are taken: as many as allowed are open, or the node is draining."""
        return self.draining or len(self._sessions) >= self._max_connections

    def open(self, transport: Transport, address: str) -> Session:
        """Begin a conversation on an accepted socket from this client address."""
        session = Session(self, new_socket_id(self.rooms.node), transport, address)
        self._sessions.add(session)
        self.metrics.connections.inc()
        return session

    def ended(self, session: Session, code: int) -> None:
        """A session has ended: forget it and give up its seat."""
        self._sessions.discard(session)
        self.metrics.connections.dec()
        self.metrics.closes.labels(str(int(code)) if code in _COUNTED_CLOSES else "other").inc()
        _log.info(
            "socket_closed",
            socket_id=session.socket_id,
            room_code=None if session.local is None else session.local.code,
            close_code=int(code),
            seconds=round(self.loop.time() - session.opened_at, 3),
        )
        local, session.local = session.local, None
        if local is not None:
            self.metrics.seated.dec()
            self._abandon(session, local)

    def _abandon(self, session: Session, local: LocalRoom) -> None:
        # The others must not wait for the commit to stop relaying to it.
        local.members.pop(session.socket_id, None)
        local.visitors += 1
        self.start(self._give_up_seat(session.socket_id, local, session.left_reason))

    async def join(self, session: Session, room_code: str, display_name: str, user_id: str | None) -> None:
        """Take a seat for the session. Raises SignalingError with the reason of a refusal."""
        try:
            await self._join(session, normal_code(room_code), display_name, user_id)
        except SignalingError as error:
            self.metrics.joins.labels(error.code.value).inc()
            raise
        self.metrics.joins.labels("joined").inc()

    async def _join(self, session: Session, code: str, display_name: str, user_id: str | None) -> None:
        local = await self._find(session.address, code)
        try:
            local.arriving[session.socket_id] = session
            try:
                await self.rooms.join(
                    code, socket_id=session.socket_id, display_name=display_name, user_id=user_id
                )
            finally:
                local.arriving.pop(session.socket_id, None)
            if session.local is not local:
                # The socket went away meanwhile (or the room's end came right behind the join).
                self._abandon(session, local)
                return
            _log.info("joined", socket_id=session.socket_id, room_code=code)
        finally:
            await self._hub.depart(local)

    async def _find(self, address: str, code: str) -> LocalRoom:
        """Visit the room, if the address may try codes now. Raises SignalingError."""
        # One try at a time for each address: tries beside one another would all be let in before the
        # first of them is counted.
        async with self._tries.take(subscriber(address)):
            wait = self._guard.wait(address, self.loop.time())
            if wait is not None:
                raise SignalingError(
                    ErrorCode.RATE_LIMITED, "Too many unknown room codes from this address", retry_after=wait
                )
            try:
                return await self._hub.visit(code)
            except SignalingError as error:
                if error.code is ErrorCode.ROOM_NOT_FOUND:
                    self._guard.missed(address, self.loop.time())
                raise

    async def leave(self, session: Session, local: LocalRoom) -> None:
        """Give up the session's seat by its own wish. Raises SignalingError if the store cannot."""
        local.visitors += 1
        try:
            await self.rooms.leave(local.code, session.socket_id, LeftReason.LEFT)
        finally:
            await self._hub.depart(local)

    async def _give_up_seat(self, socket_id: str, local: LocalRoom, reason: LeftReason) -> None:
        """End a seat whose socket is gone, however long the store takes. Ends a visit."""
        delay = _FIRST_RETRY
        try:
            while True:
                try:
                    await self.rooms.leave(local.code, socket_id, reason)
                except SignalingError as error:
                    _log.warning(
                        "leave_delayed", socket_id=socket_id, room_code=local.code, error=error.detail
                    )
                    await asyncio.sleep(delay)
                    delay = min(2 * delay, _LAST_RETRY)
                else:
                    return
        finally:
            await self._hub.depart(local)

    def count_error(self, code: ErrorCode) -> None:
        """An error frame is being sent."""
        self.metrics.errors.labels("websocket", code.value).inc()

    def start(self, work: Coroutine[Any, Any, None]) -> None:
        """Run work that belongs to no caller. What it raises is logged."""
        task = self.loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._finished)

    def _finished(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            _log.error("task_failed", exc_info=error)

    async def drain(self) -> None:
        """Take no more sockets, close those that are open, and wait until their seats have ended.

        Bounded by the caller.
        """
        self.draining = True
        for session in list(self._sessions):
            session.close(CloseCode.SERVER_SHUTDOWN)
        while self._tasks:
            await asyncio.wait(set(self._tasks))
