"""The sockets of this node as a whole: opened, counted, let into rooms, drained."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, Final

import structlog
from msgspec import Struct

from signaling.contract.codec import RawAnswer, RawIceCandidate, RawOffer, Relay
from signaling.contract.errors import CloseCode, ErrorCode, SignalingError
from signaling.contract.messages import tag_of
from signaling.contract.types import LeftReason
from signaling.domain.events import Seat
from signaling.realtime.connection import Flushes, Limits, Transport
from signaling.realtime.deadlines import Deadlines
from signaling.realtime.exchange import Exchange
from signaling.realtime.guard import GuessGuard, subscriber
from signaling.realtime.hub import Hub, LocalRoom, Member
from signaling.realtime.replay import ReplayLimits
from signaling.realtime.session import Session
from signaling.realtime.turns import Turns
from signaling.rooms.codes import new_socket_id, normal_code
from signaling.rooms.ports import CommitUnknown, Post
from signaling.rooms.resume_token import InvalidResumeToken, ResumeTokens
from signaling.rooms.service import RoomService
from signaling.rooms.writer import unavailable
from signaling.telemetry.metrics import Metrics, Tally

_FIRST_RETRY: Final = 0.1
_LAST_RETRY: Final = 5.0
"""Seconds between tries to write down what became of a seat while the store is away."""

_UNKNOWN_SECONDS: Final = 20.0
"""For how long a room is followed to hear whether a join or a resume was done of which the store did not say:
longer than a line to the broker may be dead without anybody noticing."""

_TOLD_AT_ONCE: Final = 50
_TELLING_PAUSE: Final = 0.05
"""Sockets that a draining node tells to reconnect at once, and seconds between: 1,000 a second."""

_GOODBYE_SECONDS: Final = 1.0
"""How long sockets that were told may take to hear of it."""

_ALONE_SECONDS: Final = 2.0
"""How long a draining node that is the last one waits for another: one may just be starting."""

_COUNTED_CLOSES: Final = frozenset(CloseCode) | frozenset(range(1000, 1016))
"""Close codes with a figure of their own; clients may send thousands of others."""

_log = structlog.stdlib.get_logger("signaling.gateway")


class GatewaySettings(Struct, frozen=True, kw_only=True):
    """What an operator may set about sockets."""

    limits: Limits
    replay: ReplayLimits
    resume_window_seconds: int
    """How long seats are kept after a lost line; 0: they are not."""
    shared: bool
    """Whether other nodes can take over the seats of this one."""
    max_frame_bytes: int
    join_timeout_seconds: int
    unknown_codes_per_minute: int
    max_connections: int


class Gateway:
    """Opens sessions and lets them into rooms."""

    def __init__(
        self,
        rooms: RoomService,
        tokens: ResumeTokens,
        settings: GatewaySettings,
        metrics: Metrics,
        post: Post,
    ) -> None:
        """Must be made inside the event loop that will serve the sockets.

        ``post`` leads to the other nodes, if there are any.
        """
        self.loop = asyncio.get_running_loop()
        self.rooms = rooms
        self.tokens = tokens
        self.metrics = metrics
        self.limits = settings.limits
        self.max_frame_bytes = settings.max_frame_bytes
        self.join_timeout_seconds = settings.join_timeout_seconds
        self.join_deadlines: Deadlines[Session] = Deadlines(
            settings.join_timeout_seconds, Session.check_deadline
        )
        self.flushes = Flushes(self.loop)
        self.resume_window_seconds = settings.resume_window_seconds
        self._shared = settings.shared
        self.relayed: dict[type[Relay], Tally] = {
            kind: metrics.relayed.labels(tag_of(kind)) for kind in (RawOffer, RawAnswer, RawIceCandidate)
        }
        self._joined = metrics.joins.labels("joined")
        self._max_connections = settings.max_connections
        self._guard = GuessGuard(settings.unknown_codes_per_minute)
        self._tries = Turns()
        self._hub = Hub(rooms, settings.replay, self.start, self._orphaned, self._regain)
        self.exchange = Exchange(self._hub, post, metrics)
        self._hub.elsewhere = self.exchange
        self._sessions: dict[Session, None] = {}
        """In the order in which they came, in which a draining node ends them."""
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
        """Begin a conversation on an accepted socket from this client address: its `greeting` comes first."""
        session = Session(self, new_socket_id(self.rooms.node), transport, address)
        self._sessions[session] = None
        self.metrics.connections.count += 1
        return session

    def ended(self, session: Session, code: int) -> None:
        """A session has ended: forget it; its seat is given up, or kept for a resume."""
        self._sessions.pop(session, None)
        self.metrics.connections.count -= 1
        self.metrics.closes.labels(str(int(code)) if code in _COUNTED_CLOSES else "other").count += 1
        _log.info(
            "socket_closed",
            socket_id=session.socket_id,
            room_code=None if session.local is None else session.local.code,
            close_code=int(code),
            seconds=round(self.loop.time() - session.opened_at, 3),
        )
        local, session.local = session.local, None
        member, session.member = session.member, None
        if local is None or member is None:
            return
        self.metrics.seated.count -= 1
        member.vacate()
        if not (session.keeps_seat and self.resume_window_seconds):
            self.give_up(local, member, session.left_reason)
        elif self._shared or not self.draining:
            # Where there is no other node, a draining one leaves the seat to the process after it, and its
            # grace period begins then: while there is no service, nobody can come back.
            # As it is now: by the time this is written, the seat may be somebody else's again.
            seat = member.seat
            self.start(self._written(local, member, lambda: self.rooms.lose_line(local.code, seat)))

    def give_up(self, local: LocalRoom, member: Member, reason: LeftReason) -> None:
        """End a seat whose socket is gone for good."""
        # The others must not wait for the commit to stop relaying to it.
        local.members.pop(member.seat.socket_id, None)
        self.exchange.stayed(local, member.seat.socket_id)
        local.visitors += 1
        seat = member.seat

        async def give_up() -> None:
            try:
                await self._written(local, member, lambda: self.rooms.leave(local.code, seat, reason))
            finally:
                await self._hub.depart(local)

        self.start(give_up())

    async def join(self, session: Session, room_code: str, display_name: str, user_id: str | None) -> None:
        """Take a seat for the session. Raises SignalingError with the reason of a refusal."""
        try:
            await self._join(session, normal_code(room_code), display_name, user_id)
        except SignalingError as error:
            self.metrics.joins.labels(error.code.value).count += 1
            raise
        self._joined.count += 1

    async def _join(self, session: Session, code: str, display_name: str, user_id: str | None) -> None:
        local = await self._find(session.address, code)
        try:
            if session.socket_id in local.arriving:
                # Its former seat is being resumed just now, which is about to be refused.
                raise unavailable("A resume of this socket's former seat is being decided")
            local.arriving[session.socket_id] = session
            session.resuming_from = None
            try:
                await self.rooms.join(
                    code, socket_id=session.socket_id, display_name=display_name, user_id=user_id
                )
            except SignalingError as error:
                self._listen_for_outcome(local, error)
                if error.code is ErrorCode.ALREADY_IN_ROOM:
                    # An earlier join of this socket, of which it was said that it had failed.
                    raise unavailable("An earlier join of this socket is being undone") from error
                raise
            finally:
                local.stop_arriving(session.socket_id, session)
            _log.info("joined", socket_id=session.socket_id, room_code=code)
        finally:
            await self._hub.depart(local)

    def _listen_for_outcome(self, local: LocalRoom, error: SignalingError) -> None:
        """Follow the room for a while if what was refused may be done all the same: its seat is an orphan."""
        if isinstance(error.__cause__, CommitUnknown):
            local.visitors += 1
            self.loop.call_later(_UNKNOWN_SECONDS, lambda: self.start(self._hub.depart(local)))

    def _orphaned(self, local: LocalRoom, member: Member) -> None:
        _log.warning("seat_orphaned", socket_id=member.seat.socket_id, room_code=local.code)
        self.give_up(local, member, LeftReason.CONNECTION_LOST)

    def _regain(self, local: LocalRoom, member: Member) -> None:
        seat = member.seat
        self.start(self._written(local, member, lambda: self.rooms.regain(local.code, seat)))

    async def resume(self, session: Session, token: str, received: int) -> None:
        """Take a seat again for the session. Raises SignalingError `resume_failed` or `server_error`."""
        try:
            recovered = await self._resume(session, token, received)
        except SignalingError as error:
            self.metrics.resumes.labels(error.code.value).inc()
            raise
        self.metrics.resumes.labels("recovered" if recovered else "not_recovered").inc()

    async def _resume(self, session: Session, token: str, received: int) -> bool:
        try:
            claim = self.tokens.verify(token)
        except InvalidResumeToken:
            raise SignalingError(ErrorCode.RESUME_FAILED) from None
        try:
            local = await self._hub.visit(claim.room_code)
        except SignalingError as error:
            if error.code is ErrorCode.ROOM_NOT_FOUND:
                raise SignalingError(ErrorCode.RESUME_FAILED) from None
            raise
        try:
            if claim.socket_id in local.arriving:
                # One token, two sockets: the first to come has it.
                raise SignalingError(ErrorCode.RESUME_FAILED)
            local.arriving[claim.socket_id] = session
            session.resuming_from, session.resuming_generation = received, claim.generation
            try:
                await self.rooms.resume(claim.room_code, claim.socket_id, claim.generation)
            except SignalingError as error:
                # It is in the log all the same where what was missed is being fetched.
                if session.handover is None:
                    self._listen_for_outcome(local, error)
                    raise
            finally:
                local.stop_arriving(claim.socket_id, session)
            if session.handover is not None:
                await session.handover
            _log.info(
                "resumed", socket_id=session.socket_id, room_code=local.code, recovered=session.recovered
            )
            return session.recovered
        finally:
            await self._hub.depart(local)

    async def _find(self, address: str, code: str) -> LocalRoom:
        """Visit the room, if the address may try codes now. Raises SignalingError."""
        if self._tries.is_free(subscriber(address)) and self._hub.room(code) is not None:
            # It waits for nothing, so nobody can come between.
            self._guard_codes(address)
            return await self._hub.visit(code)
        # One try at a time for each address: tries beside one another would all be let in before the
        # first of them is counted.
        async with self._tries.take(subscriber(address)):
            self._guard_codes(address)
            try:
                return await self._hub.visit(code)
            except SignalingError as error:
                if error.code is ErrorCode.ROOM_NOT_FOUND:
                    self._guard.missed(address, self.loop.time())
                raise

    def _guard_codes(self, address: str) -> None:
        wait = self._guard.wait(address, self.loop.time())
        if wait is not None:
            raise SignalingError(
                ErrorCode.RATE_LIMITED, "Too many unknown room codes from this address", retry_after=wait
            )

    async def leave(self, local: LocalRoom, seat: Seat) -> None:
        """Give up a seat by its holder's wish. Raises SignalingError if the store cannot."""
        local.visitors += 1
        try:
            await self.rooms.leave(local.code, seat, LeftReason.LEFT)
        finally:
            await self._hub.depart(local)

    async def _written(self, local: LocalRoom, member: Member, write: Callable[[], Awaitable[None]]) -> None:
        """Write down what became of a seat, however long the store takes."""
        delay = _FIRST_RETRY
        while True:
            try:
                await write()
            except SignalingError as error:
                _log.warning(
                    "seat_delayed",
                    socket_id=member.seat.socket_id,
                    room_code=local.code,
                    error=error.detail,
                )
                await asyncio.sleep(delay)
                delay = min(2 * delay, _LAST_RETRY)
            else:
                return

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

    async def drain(self, others: Callable[[], Awaitable[bool]] | None = None) -> None:
        """Take no more sockets, close those that are open, and wait until nothing of them is needed here.

        ``others`` says whether there are nodes that could need it; it is asked when all are closed.

        Where there are other nodes, sockets are told in turn, so that not all come back to those at once;
        what they say until they have heard it is passed on, and what they missed is kept until they have
        fetched it. Bounded by the caller.
        """
        self.draining = True
        if not self._shared:
            for session in list(self._sessions):
                session.close(CloseCode.SERVER_SHUTDOWN)
            await self._tasks_done()
            return
        for number, session in enumerate(list(self._sessions), 1):
            session.say_goodbye()
            if not number % _TOLD_AT_ONCE:
                await asyncio.sleep(_TELLING_PAUSE)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_GOODBYE_SECONDS):
                while self._sessions:  # noqa: ASYNC110 - the rest is closed below
                    await asyncio.sleep(_TELLING_PAUSE)
        # Joins and resumes that are still being decided are answered first.
        for _ in range(2):
            for session in list(self._sessions):
                if not session.being_decided:
                    session.close(CloseCode.SERVER_SHUTDOWN)
            await self._tasks_done()
        waits_until = self.loop.time() + _ALONE_SECONDS
        while self._hub.is_needed() or self.exchange.owes_seats():
            if others is None or await others():
                waits_until = self.loop.time() + _ALONE_SECONDS
            elif self.loop.time() >= waits_until:
                # The seats wait for the process after this one, and their time runs.
                return
            await asyncio.sleep(_TELLING_PAUSE)

    async def _tasks_done(self) -> None:
        while self._tasks:
            await asyncio.wait(set(self._tasks))
