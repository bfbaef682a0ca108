"""A store of rooms in memory for unit tests, that can be slow, away, or taken over by another node."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from signaling.backends.local import LocalBroker
from signaling.domain.commands import Command
from signaling.domain.events import RoomEvent
from signaling.domain.room import Room, decide, evolve_all
from signaling.rooms.ports import (
    Claimed,
    ClaimTaken,
    Commit,
    ResetListener,
    RoomPage,
    RoomQuery,
    Statistics,
    StoreUnavailable,
    VersionConflict,
)
from signaling.rooms.service import RoomDefaults, RoomService


class MemoryStore:
    """A RoomStore with knobs: ``away``, ``gate``, and what is to happen before the next commits."""

    def __init__(self, publish: Callable[[str, Sequence[RoomEvent]], None]) -> None:
        self.rooms: dict[str, Room] = {}
        self.logs: dict[str, list[RoomEvent]] = {}
        self.claims: dict[str, Claimed] = {}
        self.commits: list[Commit] = []
        self.loads = 0
        self.away = False
        self.gate = asyncio.Event()
        """Loads and commits wait for it."""
        self.gate.set()
        self.meddlers: list[Callable[[], object]] = []
        """Each is called once, before one commit: another node that is faster."""
        self._publish = publish

    async def _ready(self) -> None:
        await asyncio.sleep(0)
        await self.gate.wait()
        if self.away:
            raise StoreUnavailable("away")

    async def load(self, code: str) -> Room | None:
        self.loads += 1
        await self._ready()
        return self.rooms.get(code)

    async def commit(self, commit: Commit) -> None:
        await self._ready()
        if self.meddlers:
            self.meddlers.pop(0)()
        if commit.claim is not None and commit.claim.key in self.claims:
            raise ClaimTaken(self.claims[commit.claim.key])
        room = self.rooms.get(commit.code)
        if (0 if room is None else room.version) != commit.expected_version:
            raise VersionConflict
        if commit.claim is not None:
            self.claims[commit.claim.key] = Claimed(code=commit.code, fingerprint=commit.claim.fingerprint)
        self._apply(commit.code, commit.room, commit.events)
        self.commits.append(commit)
        self._publish(commit.code, commit.events)

    def elsewhere(self, code: str, command: Command, now: int) -> Sequence[RoomEvent]:
        """Another node commits this; nobody here is told. Returns its events."""
        room = self.rooms.get(code)
        events = decide(room, command, now)
        self._apply(code, evolve_all(room, events), events)
        return events

    def _apply(self, code: str, room: Room | None, events: Sequence[RoomEvent]) -> None:
        if room is None:
            self.rooms.pop(code, None)
            self.logs.pop(code, None)
        else:
            self.rooms[code] = room
            self.logs.setdefault(code, []).extend(events)

    async def log(self, code: str) -> Sequence[RoomEvent]:
        return self.logs.get(code, [])

    async def claimed(self, key: str, now: int) -> Claimed | None:
        return self.claims.get(key)

    async def find(self, query: RoomQuery) -> RoomPage:
        await self._ready()
        return RoomPage(rooms=list(self.rooms.values()), total=len(self.rooms), more=False)

    async def statistics(self, now: int) -> Statistics:
        await self._ready()
        return Statistics(
            open_rooms=len(self.rooms),
            closed_rooms=0,
            expired_rooms=0,
            total_participants=0,
            active_participants=sum(len(room.seats) for room in self.rooms.values()),
        )

    async def due(self, now: int, limit: int) -> Sequence[str]:
        await self._ready()
        due = sorted((room.due_at, code) for code, room in self.rooms.items() if room.due_at <= now)
        return [code for _, code in due[:limit]]

    async def occupied(self) -> Sequence[str]:
        return [code for code, room in self.rooms.items() if room.seats]

    def open_rooms(self) -> int:
        return len(self.rooms)

    async def probe(self) -> None:
        await self._ready()


class LossyBroker(LocalBroker):
    """A LocalBroker that can lose what is published, with or without saying so."""

    def __init__(self) -> None:
        super().__init__()
        self.losing = False
        self.reset: ResetListener = lambda _codes: None

    def publish(self, code: str, events: Sequence[RoomEvent]) -> None:
        if not self.losing:
            super().publish(code, events)

    def on_reset(self, listener: ResetListener) -> None:
        self.reset = listener


class Clock:
    """Time that is moved, not waited for. Milliseconds."""

    def __init__(self) -> None:
        self.now = 1_760_000_000_000

    def __call__(self) -> int:
        return self.now

    def forward(self, *, hours: float = 0, milliseconds: int = 0) -> None:
        self.now += round(hours * 3_600_000) + milliseconds


class Rooms:
    """A RoomService on a MemoryStore, and what it is made of."""

    def __init__(self, codes: Sequence[str] = (), *, grace_seconds: int = 0, shared: bool = False) -> None:
        self.broker = LossyBroker()
        self.store = MemoryStore(self.broker.publish)
        self.clock = Clock()
        supply = iter([*codes, *(f"room{number:02d}" for number in range(20, 90))])
        self.service = RoomService(
            store=self.store,
            broker=self.broker,
            node="node-a",
            clock=self.clock,
            defaults=RoomDefaults(ttl_hours=24, max_participants=50, retention_hours=168),
            grace_seconds=grace_seconds,
            shared=shared,
            new_code=lambda: next(supply),
        )


async def until(condition: Callable[[], bool], turns: int = 2000) -> None:
    """Let the event loop turn until the condition holds; fails when it does not."""
    for _ in range(turns):
        if condition():
            return
        await asyncio.sleep(0)
    raise AssertionError("the condition was never met")
