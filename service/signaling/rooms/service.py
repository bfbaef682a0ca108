"""What can be had done to rooms: the use cases behind REST calls and sockets."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Awaitable, Callable, Collection, Sequence
from typing import Final

import msgspec
import structlog
from msgspec import Struct

from signaling.contract.errors import ErrorCode, SignalingError
from signaling.contract.types import LeftReason
from signaling.domain import commands
from signaling.domain.commands import Command
from signaling.domain.events import RoomEvent, Seat
from signaling.domain.room import Room, decide, evolve_all
from signaling.rooms.codes import new_room_code
from signaling.rooms.ports import (
    Broker,
    Claim,
    Claimed,
    ClaimTaken,
    Commit,
    RoomPage,
    RoomQuery,
    RoomStore,
    Statistics,
    StoreUnavailable,
    VersionConflict,
)
from signaling.rooms.replica import Follower, Replica
from signaling.rooms.writer import Outcome, RoomWriter, store_trouble, unavailable

_log = structlog.stdlib.get_logger("signaling.rooms")

HOUR: Final = 3_600_000
"""Milliseconds of an hour."""

CLAIM_LIFETIME: Final = 24 * HOUR
"""How long an idempotency key is remembered."""

_CODE_TRIES: Final = 20
"""Codes drawn until one is free. Of 887 million: among a million rooms one draw in 887 is taken."""

_TRANSIENT: Final = 0.2
"""Seconds between tries to load a room again after a gap in its log."""

_LATE: Final = 1.0
"""Seconds until an announcement of a commit of this node is taken for lost: it comes with the reply."""

_RECOVERIES_AT_ONCE: Final = 64


class RoomDefaults(Struct, frozen=True, kw_only=True):
    """What a room is like where its creator says nothing, in hours and seats."""

    ttl_hours: int
    max_participants: int
    retention_hours: int


class NewRoom(Struct, frozen=True, kw_only=True):
    """What the creator asked for; None: the default."""

    owner_id: str | None = None
    ttl_hours: int | None = None
    max_participants: int | None = None


class Recovery(Struct, frozen=True, kw_only=True):
    """What became of the seats of processes that are no more."""

    rooms: int
    """In how many rooms seats are being kept now."""
    left: frozenset[str]
    """Rooms that could not be read or changed."""


class RoomService:
    """Rooms of a deployment, as this node serves them."""

    def __init__(
        self,
        *,
        store: RoomStore,
        broker: Broker,
        node: str,
        clock: Callable[[], int],
        defaults: RoomDefaults,
        grace_seconds: int,
        shared: bool = False,
        new_code: Callable[[], str] = new_room_code,
    ) -> None:
        """``node`` is this process's id; ``clock`` gives milliseconds since the epoch.

        ``grace_seconds`` is how long a seat is kept after its line was lost; 0: it is not kept.
        ``shared``: other nodes change rooms, too.
        """
        self.node = node
        self._store = store
        self._broker = broker
        self._clock = clock
        self._defaults = defaults
        self._grace = 1000 * grace_seconds
        self._shared = shared
        self._new_code = new_code
        self._writers: dict[str, RoomWriter] = {}
        self._replicas: dict[str, Replica] = {}
        self._resyncs: dict[str, asyncio.Task[None]] = {}
        self._resets = 0
        self._spared = (0, 0)
        """Seats that were to end since the first time are kept until the second."""
        broker.on_reset(self._on_reset)

    # For the platform's backend

    async def create(self, new: NewRoom, idempotency_key: str | None = None) -> tuple[Room, bool]:
        """Make a room; whether it is new comes second: False if the key had made it before.

        Raises SignalingError `idempotency_conflict` if the key was used within 24 hours for a
        different request, `server_error` (503) if the store cannot serve.
        """
        now = self._clock()
        claim = None
        if idempotency_key is not None:
            fingerprint = hashlib.sha256(msgspec.json.encode(new)).hexdigest()
            claim = Claim(key=idempotency_key, fingerprint=fingerprint, expires_at=now + CLAIM_LIFETIME)
        defaults = self._defaults
        try:
            for _ in range(_CODE_TRIES):
                command = commands.Create(
                    code=self._new_code(),
                    owner_id=new.owner_id,
                    ttl=HOUR * (defaults.ttl_hours if new.ttl_hours is None else new.ttl_hours),
                    max_participants=(
                        defaults.max_participants if new.max_participants is None else new.max_participants
                    ),
                    retention=HOUR * defaults.retention_hours,
                )
                events = decide(None, command, now)
                room = evolve_all(None, events)
                assert room is not None
                try:
                    await self._store.commit(
                        Commit(
                            code=command.code,
                            expected_version=0,
                            room=room,
                            events=tuple(events),
                            at=now,
                            claim=claim,
                        )
                    )
                except VersionConflict:
                    continue
                except ClaimTaken as taken:
                    assert claim is not None
                    return await self._claimed(claim, taken.claimed), False
                return room, True
        except StoreUnavailable as error:
            raise store_trouble(error) from error
        raise unavailable("No free room code was found")

    async def _claimed(self, claim: Claim, claimed: Claimed) -> Room:
        if claimed.fingerprint != claim.fingerprint:
            raise SignalingError(ErrorCode.IDEMPOTENCY_CONFLICT)
        room = await self._store.load(claimed.code)
        if room is None:
            # Retention shorter than a day can purge the room first: the answer it had is gone for good.
            raise SignalingError(
                ErrorCode.IDEMPOTENCY_CONFLICT, "The room made with this `Idempotency-Key` was purged"
            )
        return room

    async def get(self, code: str) -> Room:
        """The room as it is now. Raises SignalingError `room_not_found`."""
        now = self._clock()
        # Where others change rooms, too, a picture may be behind what somebody was already told of.
        replica = None if self._shared else self._replicas.get(code)
        try:
            room = replica.room if replica is not None else await self._store.load(code)
        except StoreUnavailable as error:
            raise store_trouble(error) from error
        if room is None:
            raise _no_room(code)
        return room.as_of(now)

    async def find(self, query: RoomQuery) -> RoomPage:
        """A page of rooms, newest first."""
        try:
            return await self._store.find(query)
        except StoreUnavailable as error:
            raise store_trouble(error) from error

    async def close(self, code: str) -> None:
        """End the room; nothing changes if it has ended. Raises SignalingError `room_not_found`."""
        try:
            await self.execute(code, commands.Close())
        except SignalingError as error:
            if error.code is ErrorCode.ROOM_NOT_FOUND:
                raise _no_room(code) from None
            raise

    async def statistics(self) -> Statistics:
        """Counts over all rooms not yet purged."""
        try:
            return await self._store.statistics(self._clock())
        except StoreUnavailable as error:
            raise store_trouble(error) from error

    def open_rooms(self) -> int:
        """How many rooms are open, known at once."""
        return self._store.open_rooms()

    async def probe(self) -> None:
        """Returns if rooms can be changed now. Raises SignalingError `server_error` if not."""
        try:
            await self._store.probe()
        except StoreUnavailable as error:
            raise store_trouble(error) from error

    def now(self) -> int:
        """The time, in milliseconds since the epoch."""
        return self._clock()

    # For sockets

    async def follow(self, code: str, follower: Follower) -> Replica:
        """Begin to tell ``follower`` what happens in the room, from the returned picture on.

        Raises SignalingError `room_not_found`, or `server_error` if the store cannot serve.
        """
        replica: Replica | None = None
        early: list[RoomEvent] = []
        resets = self._resets

        def listen(events: Sequence[RoomEvent]) -> None:
            if replica is None:
                early.extend(events)
            else:
                replica.deliver(events)

        try:
            await self._broker.subscribe(code, listen)
            try:
                room = await self._store.load(code)
            except BaseException:
                await self._broker.unsubscribe(code)
                raise
            if room is None:
                await self._broker.unsubscribe(code)
                raise _no_room(code)
        except StoreUnavailable as error:
            raise store_trouble(error) from error
        replica = Replica(room, follower, on_gap=lambda: self._resync(code))
        self._replicas[code] = replica
        # Those that came while the room was loaded: the replica skips what the load had seen.
        replica.deliver(early)
        if resets != self._resets:
            # Of a reset between the subscription and here nobody could tell this replica.
            self._on_reset([code])
        return replica

    async def unfollow(self, code: str) -> None:
        """Stop telling what happens in the room."""
        replica = self._replicas.pop(code, None)
        if replica is not None:
            replica.drop()
        resync = self._resyncs.pop(code, None)
        if resync is not None:
            resync.cancel()
        await self._broker.unsubscribe(code)

    async def join(self, code: str, *, socket_id: str, display_name: str, user_id: str | None) -> None:
        """Take a seat; followers have been told when this returns.

        Raises SignalingError `room_not_found`, `room_closed`, `room_expired`, `room_full`,
        `already_in_room`, or `server_error`.
        """
        await self.execute(
            code,
            commands.Join(
                socket_id=socket_id,
                display_name=display_name,
                user_id=user_id,
                node=self.node,
                spared_since=self._spared_since(),
            ),
        )

    async def leave(self, code: str, seat: Seat, reason: LeftReason) -> None:
        """Give up a seat; does nothing if it has ended, or was resumed since ``seat`` was.

        Raises SignalingError `server_error` only.
        """
        await self.execute(
            code, commands.Leave(socket_id=seat.socket_id, generation=seat.generation, reason=reason)
        )

    async def lose_line(self, code: str, seat: Seat) -> None:
        """The socket of a seat is gone: keep the seat for whoever resumes it, where seats are kept.

        Does nothing if it has ended, or was resumed since ``seat`` was. Raises SignalingError
        `server_error` only.
        """
        await self.execute(
            code,
            commands.LoseLine(socket_id=seat.socket_id, generation=seat.generation, grace=self._grace),
        )

    async def resume(self, code: str, socket_id: str, generation: int) -> None:
        """Take a seat again for a socket of this node; followers have been told when this returns.

        Raises SignalingError `resume_failed` or `server_error`.
        """
        await self.execute(
            code,
            commands.Resume(
                socket_id=socket_id,
                generation=generation,
                node=self.node,
                spared_since=self._spared_since(),
            ),
        )

    async def regain(self, code: str, seat: Seat) -> None:
        """The line of a seat of this node stands, though the seat is being kept as if it were lost.

        Raises SignalingError `server_error` only.
        """
        await self.execute(
            code,
            commands.Regain(socket_id=seat.socket_id, generation=seat.generation, node=self.node),
        )

    # For timers and start-up

    async def tick(self, code: str) -> bool:
        """Do what is due in the room: kept seats, expiry, purge. Whether there was anything to do."""
        return bool((await self.execute(code, commands.Tick(spared_since=self._spared_since()))).events)

    def spare_seats(self, since: int) -> None:
        """The store could not serve since that time: for a grace period from now, no seat ends of those that
        were to end meanwhile. Nobody could come back for them.
        """
        self._spared = (since, self._clock() + self._grace)

    def _spared_since(self) -> int | None:
        since, until = self._spared
        return since if until and self._clock() < until else None

    async def recover_seats(
        self,
        alive: Callable[[], Awaitable[Collection[str]]] | None = None,
        codes: Collection[str] | None = None,
    ) -> Recovery:
        """Keep the seats of processes that are no more as after a lost line.

        ``alive`` says which nodes there are, None: no other than this one; ``codes``: the rooms to look at,
        all if None. A room that cannot be read or changed is left as it is, and logged: it must not keep the
        others from being served. Raises StoreUnavailable if the store cannot say which rooms or nodes there
        are.
        """
        limit = asyncio.Semaphore(_RECOVERIES_AT_ONCE)
        left: set[str] = set()
        holders: dict[str, set[str]] = {}
        """By room, the nodes that hold seats there."""

        async def attempt(code: str, work: Awaitable[None]) -> None:
            try:
                await work
            except (StoreUnavailable, SignalingError) as error:
                _log.warning("room_recovery_delayed", room_code=code, error=str(error))
                left.add(code)
            except Exception:  # noqa: BLE001 - logged whole
                _log.exception("room_not_recovered", room_code=code)
                left.add(code)

        async def look(code: str) -> None:
            async with limit:
                room = await self._store.load(code)
            if room is not None:
                # Where others serve, a seat that is being kept already will be resumed, or end.
                seats = [seat for seat in room.seats.values() if alive is None or seat.held_until is None]
                holders[code] = {seat.node for seat in seats}

        async def keep(code: str, lost: set[str]) -> None:
            async with limit:
                for node in sorted(lost):
                    await self.execute(code, commands.NodeLost(node=node, grace=self._grace))

        occupied = await self._store.occupied() if codes is None else codes
        await asyncio.gather(*(attempt(code, look(code)) for code in occupied))
        # Asked after the rooms: one that has just come may have taken seats in them.
        living = {self.node, *(() if alive is None else await alive())}
        lost = {code: dead for code, nodes in holders.items() if (dead := nodes - living)}
        await asyncio.gather(*(attempt(code, keep(code, dead)) for code, dead in lost.items()))
        return Recovery(rooms=len(lost.keys() - left), left=frozenset(left))

    def reconcile(self) -> None:
        """What this node knows of its rooms may not be so: load them all again."""
        self._on_reset(list(self._replicas))

    async def execute(self, code: str, command: Command) -> Outcome:
        """Decide the command on the room's latest state and commit what it leads to.

        Followers on this node have been told when this returns.
        """
        writer = self._writers.get(code)
        if writer is None:
            writer = self._writers[code] = RoomWriter(
                code,
                store=self._store,
                clock=self._clock,
                known=lambda: self._known(code),
                on_idle=lambda: self._drop_writer(code),
            )
        outcome = await writer.execute(command)
        replica = self._replicas.get(code)
        if replica is not None:
            version = _version_of(outcome, replica.room)
            if not replica.has(version):
                await self._told(code, replica, version)
        return outcome

    async def _told(self, code: str, replica: Replica, version: int) -> None:
        """Returns when followers have been told of the version, which is in the store."""
        try:
            async with asyncio.timeout(_LATE):
                await replica.reach(version)
        except TimeoutError:
            # Should the room not reach it even so, then the store has lost it.
            self._on_reset([code])
            while (resync := self._resyncs.get(code)) is not None:
                await asyncio.wait((resync,))

    def _drop_writer(self, code: str) -> None:
        self._writers.pop(code, None)

    def _known(self, code: str) -> Room | None:
        replica = self._replicas.get(code)
        return None if replica is None else replica.room

    def _on_reset(self, codes: Sequence[str]) -> None:
        """Announcements of these rooms may have been missed: load them again."""
        self._resets += 1
        for code in codes:
            replica = self._replicas.get(code)
            if replica is not None:
                replica.doubt()
                self._resync(code)

    def _resync(self, code: str) -> None:
        earlier = self._resyncs.get(code)
        if earlier is not None:
            # It may have asked too early.
            earlier.cancel()
        resync = asyncio.create_task(self._load_again(code), name=f"resync-{code}")
        self._resyncs[code] = resync
        resync.add_done_callback(lambda done: self._resynced(code, done))

    def _resynced(self, code: str, done: asyncio.Task[None]) -> None:
        if self._resyncs.get(code) is done:
            del self._resyncs[code]

    async def _load_again(self, code: str) -> None:
        while (replica := self._replicas.get(code)) is not None:
            heard = replica.heard
            try:
                latest = await self._store.load(code)
            except StoreUnavailable:
                await asyncio.sleep(_TRANSIENT)
                continue
            if latest is not None and heard < replica.heard > latest.version:
                # Announced since it was asked for, and not in it: no later event might show the gap.
                continue
            replica.resync(latest)
            return


def _version_of(outcome: Outcome, known: Room) -> int:
    """Of the room as the command left it; also where others had done, unheard, all that there was to do."""
    if outcome.events:
        return outcome.events[-1].version
    # Where the store has no such room, followers are behind whatever they know.
    return known.version + 1 if outcome.room is None else outcome.room.version


def _no_room(code: str) -> SignalingError:
    return SignalingError(ErrorCode.ROOM_NOT_FOUND, f"No room has the code {code}")
