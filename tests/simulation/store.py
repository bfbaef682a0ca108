"""Rooms as they truly are, and each node's way to them, on which calls are late, refused or unanswered."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Final, Generic, TypeVar

import msgspec

from signaling.backends.local import LocalBroker
from signaling.backends.redis.lane import PATIENCE
from signaling.backends.redis.names import Names
from signaling.contract.types import RoomState
from signaling.domain.commands import Command
from signaling.domain.events import ParticipantJoined, ParticipantLeft, RoomClosed, RoomEvent, RoomExpired
from signaling.domain.room import Room, decide, evolve_all
from signaling.rooms.ports import (
    LEASE_SECONDS,
    Census,
    Claimed,
    ClaimTaken,
    Commit,
    CommitUnknown,
    RoomPage,
    RoomQuery,
    Statistics,
    StoreUnavailable,
    VersionConflict,
)

if TYPE_CHECKING:
    from simulation.world import Link, World

Answer = TypeVar("Answer")

_AGAIN: Final = 0.25
"""Seconds between tries of a call that the store does not answer."""


class Truth:
    """All rooms and logs. Loses nothing, and sees to it that nobody writes nonsense."""

    def __init__(self, world: World) -> None:
        """Empty."""
        self._world = world
        self.rooms: dict[str, Room] = {}
        self.logs: dict[str, list[RoomEvent]] = {}
        self.purged: dict[str, list[RoomEvent]] = {}
        self.claims: dict[str, Claimed] = {}
        self.leases: dict[str, float] = {}
        self.publish: Callable[[str, Sequence[RoomEvent]], None] = self._announce
        self._names = Names("sim", 0)

    def _announce(self, code: str, events: Sequence[RoomEvent]) -> None:
        self._world.channels.publish(self._names.channel(code).encode(), msgspec.json.encode(list(events)))

    def commit(self, commit: Commit) -> None:
        """See `RoomStore.commit`."""
        world, code = self._world, commit.code
        before = self.rooms.get(code)
        if (0 if before is None else before.version) != commit.expected_version:
            raise VersionConflict(code)
        if commit.claim is not None:
            if commit.claim.key in self.claims:
                raise ClaimTaken(self.claims[commit.claim.key])
            self.claims[commit.claim.key] = Claimed(code=code, fingerprint=commit.claim.fingerprint)
        room = before
        for event in commit.events:
            room = evolve_all(room, [event])
            world.note(code, event)
            if room is not None and len(room.seats) > room.max_participants:
                world.fault(f"{code} has {len(room.seats)} of {room.max_participants} seats taken")
            if isinstance(event, ParticipantJoined):
                world.room_of[event.seat.socket_id] = code
            elif isinstance(event, ParticipantLeft):
                world.left(event)
        if room != commit.room:
            world.fault(f"{code} was stored as something else than its log makes of it")
        if not commit.events:
            world.fault(f"an empty commit for {code}")
        log = self.logs.setdefault(code, [])
        log.extend(commit.events)
        if commit.room is None:
            del self.rooms[code]
            self.purged[code] = self.logs.pop(code)
        else:
            self.rooms[code] = commit.room
        self.publish(code, commit.events)

    def do(self, code: str, command: Command, now: int) -> None:
        """Have something done to a room at once, by nobody in particular."""
        room = self.rooms.get(code)
        events = decide(room, command, now)
        if events:
            after = evolve_all(room, events)
            version = 0 if room is None else room.version
            self.commit(Commit(code=code, expected_version=version, room=after, events=tuple(events), at=now))

    def statistics(self, now: int) -> Statistics:
        """Counts, as stores keep them: by the rooms. They must be those of the logs."""
        rooms = [room.as_of(now) for room in self.rooms.values()]
        count = {state: sum(room.state is state for room in rooms) for state in RoomState}
        found = Statistics(
            open_rooms=count[RoomState.OPEN],
            closed_rooms=count[RoomState.CLOSED],
            expired_rooms=count[RoomState.EXPIRED],
            total_participants=sum(room.joined_total for room in rooms),
            active_participants=sum(len(room.seats) for room in rooms),
        )
        joined = sum(isinstance(event, ParticipantJoined) for log in self.logs.values() for event in log)
        there = sum(len(seats_of(self.logs[room.code])) for room in rooms if room.state is RoomState.OPEN)
        if (found.total_participants, found.active_participants) != (joined, there):
            self._world.fault(f"{found} where {joined} joined and {there} are there")
        return found

    def check_logs(self) -> None:
        """One end for each seat: its own, or the room's. The counts are the log's."""
        for code, log in [*self.logs.items(), *self.purged.items()]:
            try:
                seated = seats_of(log)
            except ValueError as error:
                self._world.fault(f"{code}: {error}")
                continue
            if [event.version for event in log] != list(range(1, len(log) + 1)):
                self._world.fault(f"the log of {code} is not numbered from 1 on")
            room = self.rooms.get(code)
            joined = sum(isinstance(event, ParticipantJoined) for event in log)
            if room is not None and (list(room.seats), room.joined_total) != (seated, joined):
                self._world.fault(f"{code} has other seats or counts than its log")


def seats_of(log: Sequence[RoomEvent]) -> list[str]:
    """Who sits there, by the log alone. Raises ValueError where somebody joins or leaves twice."""
    seated: list[str] = []
    for event in log:
        match event:
            case ParticipantJoined(seat=seat):
                if seat.socket_id in seated:
                    raise ValueError(f"{seat.socket_id} joined twice")
                seated.append(seat.socket_id)
            case ParticipantLeft(socket_id=socket_id):
                seated.remove(socket_id)
            case RoomClosed() | RoomExpired():
                seated.clear()
            case _:
                pass
    return seated


class _Call(Generic[Answer]):
    """A call on its way to the store and back."""

    def __init__(self, world: World, link: Link, work: Callable[[], Answer], *, commit: bool) -> None:
        self.done: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._world = world
        self._link = link
        self._work = work
        self._commit = commit
        self._deadline = world.now + PATIENCE

    def arrive(self) -> None:
        """At the store, if it can be reached; it is tried for a while."""
        world = self._world
        if self._link.cut or self._link.refused:
            if world.now >= self._deadline:
                self._fail(StoreUnavailable("no answer"))
            else:
                world.later(_AGAIN, self.arrive)
        elif not world.chance(self._link.errors):
            self._do(answers=True)
        elif self._commit and world.chance(0.5):
            # It is done all the same, at once or after the node has given up; or it is not.
            when = world.random.choice((0.0, 0.0, world.random.uniform(0.5, 3.0), None))
            if when is not None:
                world.later(when, self._do)
            world.later(world.random.uniform(0.0, 1.0), self._fail, CommitUnknown("no reply"))
        else:
            world.later(world.latency(), self._fail, StoreUnavailable("busy"))

    def _do(self, *, answers: bool = False) -> None:
        try:
            answer = self._work()
        except (VersionConflict, ClaimTaken) as error:
            self._world.later(self._world.latency(), self._fail, error)
        else:
            if answers:
                self._world.later(self._world.latency(), self._reply, answer)

    def _reply(self, answer: Answer) -> None:
        if not (self._link.cut or self._link.refused):
            if not self.done.done():
                self.done.set_result(answer)
        elif self._world.now < self._deadline:
            self._world.later(_AGAIN, self._reply, answer)
        else:
            self._fail(CommitUnknown("no reply") if self._commit else StoreUnavailable("no reply"))

    def _fail(self, error: Exception) -> None:
        if not self.done.done():
            self.done.set_exception(error)


class StoreClient:
    """The store as one node has it."""

    def __init__(self, world: World, link: Link, local: LocalBroker | None = None) -> None:
        """``local``: the node is the only one, and hears of its commits itself."""
        self._world = world
        self._truth = world.truth
        self._link = link
        self._local = local
        self._last = {False: 0.0, True: 0.0}

    async def _call(self, work: Callable[[], Answer], *, commit: bool = False) -> Answer:
        """Have it done, in order with the other calls of its kind, after a while."""
        world = self._world
        if world.over:
            raise StoreUnavailable("over")
        if self._local is not None:
            return await self._locally(work)
        call = _Call(world, self._link, work, commit=commit)
        self._last[commit] = world.behind(self._last[commit], self._link.slowness)
        world.at(self._last[commit], call.arrive)
        return await call.done

    async def _locally(self, work: Callable[[], Answer]) -> Answer:
        """The disk of this process: what it announces is heard in the same moment."""
        await asyncio.sleep(self._world.latency(self._link.slowness))
        if self._world.over or self._link.refused or self._world.chance(self._link.errors):
            raise StoreUnavailable("the disk is full")
        return work()

    async def load(self, code: str) -> Room | None:
        return await self._call(lambda: self._truth.rooms.get(code))

    async def commit(self, commit: Commit) -> None:
        await self._call(lambda: self._truth.commit(commit), commit=True)

    async def log(self, code: str) -> Sequence[RoomEvent]:
        return await self._call(lambda: self._truth.logs.get(code, ()))

    async def claimed(self, key: str, now: int) -> Claimed | None:
        return await self._call(lambda: self._truth.claims.get(key))

    async def find(self, query: RoomQuery) -> RoomPage:
        raise NotImplementedError

    async def statistics(self, now: int) -> Statistics:
        return await self._call(lambda: self._truth.statistics(now))

    async def due(self, now: int, limit: int) -> Sequence[str]:
        def due() -> list[str]:
            rooms = self._truth.rooms
            return [code for code, room in rooms.items() if room.due_at <= now][:limit]

        return await self._call(due)

    async def occupied(self) -> Sequence[str]:
        return await self._call(lambda: [code for code, room in self._truth.rooms.items() if room.seats])

    def open_rooms(self) -> int:
        return sum(room.state is RoomState.OPEN for room in self._truth.rooms.values())

    async def probe(self) -> None:
        await self._call(lambda: None)


class NodesClient:
    """The leases as one node has them."""

    def __init__(self, store: StoreClient, world: World, node: str) -> None:
        """``store`` leads to where they are."""
        self._call = store._call
        self._world = world
        self._leases = world.truth.leases
        self._node = node

    async def renew(self) -> bool:
        def renew() -> bool:
            known = self._node in self._leases
            self._leases[self._node] = self._world.now + LEASE_SECONDS
            return known

        return await self._call(renew)

    async def census(self) -> Census:
        def census() -> Census:
            now = self._world.now
            alive = frozenset(node for node, until in self._leases.items() if until > now)
            return Census(alive=alive, lapsed=frozenset(self._leases) - alive)

        return await self._call(census)

    async def forget(self, node: str) -> None:
        await self._call(lambda: self._leases.pop(node, None))
