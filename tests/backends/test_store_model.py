"""Every store does what a few dictionaries would do, whatever is asked of it in whatever order."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)
from msgspec.structs import replace

from signaling.contract.errors import SignalingError
from signaling.contract.types import LeftReason, RoomState
from signaling.domain import commands
from signaling.domain.commands import Command
from signaling.domain.events import RoomEvent, RoomPurged
from signaling.domain.room import Room
from signaling.rooms.ports import Claim, Claimed, ClaimTaken, Commit, RoomQuery, Statistics, VersionConflict

from .changes import HOUR, NOW, change, create
from .nodes import BACKENDS, Backend, Node, heard_so_many

Result = TypeVar("Result")

CODES = ("aaaaaa", "bbbbbb", "cccccc", "dddddd")
OWNERS = (None, "ada", "grace")
KEYS = ("key-1", "key-2")
SOCKETS = ("socket-1", "socket-2", "socket-3")
GENERATIONS = st.sampled_from((2, 2, 3, 4))
GRACES = st.sampled_from((0, 20_000))
STATES: tuple[RoomState | None, ...] = (None, *RoomState)


class StoreAndModel(RuleBasedStateMachine):
    """Does the same to a store and to dictionaries, and compares."""

    make: Callable[[Path], Backend]

    def __init__(self) -> None:
        """Open a store of the kind under test, with no rooms."""
        super().__init__()
        self.directory = tempfile.TemporaryDirectory()
        self.runner = asyncio.Runner()
        self.backend = type(self).make(Path(self.directory.name))
        self.node: Node = self.run(self.backend.open())
        self.now = NOW
        self.rooms: dict[str, Room] = {}
        self.logs: dict[str, list[RoomEvent]] = {}
        self.claims: dict[str, Claim] = {}
        self.claimed: dict[str, str] = {}
        self.announced: dict[str, list[RoomEvent]] = {code: [] for code in CODES}
        self.heard: dict[str, list[RoomEvent]] = {}

    def run(self, awaitable: Awaitable[Result]) -> Result:
        """Wait for it."""

        async def wait() -> Result:
            return await awaitable

        return self.runner.run(wait())

    def teardown(self) -> None:
        """Close what was opened."""
        self.run(self.node.close())
        self.runner.close()
        self.directory.cleanup()

    @initialize()
    def listen(self) -> None:
        """Hear of every room."""
        for code in CODES:
            self.heard[code] = self.run(self.node.listen(code))
            self.announced[code] = []

    @rule(
        code=st.sampled_from(CODES),
        owner_id=st.sampled_from(OWNERS),
        ttl=st.sampled_from((HOUR, 3 * HOUR)),
        claim=st.none()
        | st.builds(
            lambda key, fingerprint, hours: (key, fingerprint, hours),
            st.sampled_from(KEYS),
            st.sampled_from(("print-1", "print-2")),
            st.integers(1, 3),
        ),
    )
    def create(self, code: str, owner_id: str | None, ttl: int, claim: tuple[str, str, int] | None) -> None:
        """Make a room, though the code or the key may be taken."""
        taken = None
        if claim is not None:
            key, fingerprint, hours = claim
            taken = Claim(key=key, fingerprint=fingerprint, expires_at=self.now + hours * HOUR)
        self.commit(
            create(
                code,
                self.now,
                owner_id=owner_id,
                ttl=ttl,
                max_participants=2,
                retention=HOUR,
                claim=taken,
            )
        )

    @rule(
        code=st.sampled_from(CODES),
        command=st.one_of(
            st.builds(
                commands.Join,
                socket_id=st.sampled_from(SOCKETS),
                display_name=st.text(max_size=3),
                user_id=st.none() | st.just("user"),
                node=st.sampled_from(("node-1", "node-2")),
            ),
            st.builds(
                commands.Leave,
                socket_id=st.sampled_from(SOCKETS),
                generation=GENERATIONS,
                reason=st.sampled_from(LeftReason),
            ),
            st.builds(
                commands.LoseLine,
                socket_id=st.sampled_from(SOCKETS),
                generation=GENERATIONS,
                grace=GRACES,
            ),
            st.builds(
                commands.Resume,
                socket_id=st.sampled_from(SOCKETS),
                generation=GENERATIONS,
                node=st.sampled_from(("node-1", "node-2")),
            ),
            st.builds(commands.NodeLost, node=st.sampled_from(("node-1", "node-2")), grace=GRACES),
            st.just(commands.Tick()),
            st.just(commands.Close()),
        ),
        versions_behind=st.sampled_from((0, 0, 0, 1)),
    )
    def command(self, code: str, command: Command, versions_behind: int) -> None:
        """Do something to a room; now and then by somebody who has not seen its last event."""
        room = self.rooms.get(code)
        if room is None:
            return
        if versions_behind and room.version > 1:
            room = replace(room, version=room.version - 1)
        try:
            commit = change(room, command, self.now)
        except SignalingError:
            return
        if commit.events:
            self.commit(commit)

    @rule(hours=st.sampled_from((0.005, 0.005, 0.5, 1, 2)))
    def time_passes(self, hours: float) -> None:
        """Move the clock; nobody does what falls due."""
        self.now += int(hours * HOUR)

    @rule()
    def restart(self) -> None:
        """End the process in order, and start it again."""
        self.compare_announcements()
        self.run(self.node.close())
        self.node = self.run(self.backend.open())
        self.listen()

    @rule(key=st.sampled_from(KEYS))
    def ask_for_claim(self, key: str) -> None:
        """Look up an idempotency key."""
        claim = self.held(key, self.now)
        expected = None if claim is None else Claimed(code=self.claimed[key], fingerprint=claim.fingerprint)
        assert self.run(self.node.store.claimed(key, self.now)) == expected

    @rule(state=st.sampled_from(STATES), owner_id=st.sampled_from(OWNERS), limit=st.integers(1, 4))
    def find(self, state: RoomState | None, owner_id: str | None, limit: int) -> None:
        """Walk the pages of a list."""
        rooms = sorted(self.rooms.values(), key=lambda room: (room.created_at, room.code), reverse=True)
        expected = [
            room.as_of(self.now)
            for room in rooms
            if state in (None, room.state_at(self.now)) and owner_id in (None, room.owner_id)
        ]
        at = None
        while True:
            page = self.run(
                self.node.store.find(
                    RoomQuery(now=self.now, limit=limit, state=state, owner_id=owner_id, after=at)
                )
            )
            assert page.total == len(expected)
            rest = [room for room in expected if at is None or (room.created_at, room.code) < at]
            assert list(page.rooms) == rest[:limit]
            assert page.more == (len(rest) > limit)
            if not page.more:
                break
            at = (page.rooms[-1].created_at, page.rooms[-1].code)

    @rule(limit=st.integers(1, 4))
    def ask_what_is_due(self, limit: int) -> None:
        """See the due list."""
        due = list(self.run(self.node.store.due(self.now, limit)))
        expected = {code: room.due_at for code, room in self.rooms.items() if room.due_at <= self.now}
        assert len(due) == len(set(due)) == min(limit, len(expected))
        # Rooms that are due at one time may come in any order.
        assert [expected[code] for code in due] == sorted(expected.values())[:limit]

    @invariant()
    def same_rooms(self) -> None:
        """Rooms, logs and counts are those of the model."""
        store = self.node.store
        for code in CODES:
            assert self.run(store.load(code)) == self.rooms.get(code)
            assert list(self.run(store.log(code))) == self.logs.get(code, [])
        shown = [room.as_of(self.now) for room in self.rooms.values()]
        states = [room.state for room in shown]
        assert self.run(store.statistics(self.now)) == Statistics(
            open_rooms=states.count(RoomState.OPEN),
            closed_rooms=states.count(RoomState.CLOSED),
            expired_rooms=states.count(RoomState.EXPIRED),
            total_participants=sum(room.joined_total for room in shown),
            active_participants=sum(len(room.seats) for room in shown),
        )
        assert sorted(self.run(store.occupied())) == sorted(
            code for code, room in self.rooms.items() if room.seats
        )
        assert store.open_rooms() == sum(room.state is RoomState.OPEN for room in self.rooms.values())

    @invariant()
    def compare_announcements(self) -> None:
        """What was committed was announced: all of it, once, in order."""
        for code, heard in self.heard.items():
            self.run(heard_so_many(heard, len(self.announced[code])))
            assert heard == self.announced[code]

    def held(self, key: str, now: int) -> Claim | None:
        """What holds the key in the model."""
        claim = self.claims.get(key)
        return claim if claim is not None and claim.expires_at > now else None

    def commit(self, commit: Commit) -> None:
        """Commit to both."""
        claim = commit.claim
        held = None if claim is None else self.held(claim.key, commit.at)
        stored = self.rooms.get(commit.code)
        if held is not None:
            with pytest.raises(ClaimTaken) as caught:
                self.run(self.node.store.commit(commit))
            assert caught.value.claimed == Claimed(code=self.claimed[held.key], fingerprint=held.fingerprint)
            return
        if (0 if stored is None else stored.version) != commit.expected_version:
            with pytest.raises(VersionConflict):
                self.run(self.node.store.commit(commit))
            return
        self.run(self.node.store.commit(commit))
        self.announced[commit.code] += commit.events
        if claim is not None:
            self.claims[claim.key] = claim
            self.claimed[claim.key] = commit.code
        if commit.room is None:
            assert isinstance(commit.events[-1], RoomPurged)
            del self.rooms[commit.code], self.logs[commit.code]
        else:
            self.rooms[commit.code] = commit.room
            self.logs.setdefault(commit.code, []).extend(commit.events)


EXAMPLES = {"sqlite": 40, "redis": 25, "cluster": 8}
"""Fewer where each step is a round trip. A cluster runs the scripts of one server, in other places."""


@pytest.mark.parametrize("kind", BACKENDS)
def test_a_store_does_what_dictionaries_would_do(kind: str) -> None:
    machine = type("Machine", (StoreAndModel,), {"make": staticmethod(BACKENDS[kind])})
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=EXAMPLES[kind],
            stateful_step_count=40,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
