"""What members are told of events that come together: as if each had come alone, in fewer pieces."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any, cast

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from signaling.contract.errors import SignalingError
from signaling.contract.types import LeftReason, RoomLeftReason
from signaling.domain import commands
from signaling.domain.commands import Command
from signaling.domain.events import RoomEvent
from signaling.domain.room import Room, decide, evolve_all
from signaling.realtime.connection import Connection, Flushes, Limits
from signaling.realtime.hub import Hub, LocalRoom, Member
from signaling.realtime.replay import ReplayLimits
from signaling.rooms.replica import Replica
from signaling.telemetry.metrics import Metrics

HERE, ELSEWHERE = "here", "elsewhere"
LIMITS = Limits(outbox_bytes=1_000_000, frames_per_second=100, burst_frames=100)


class Wire:
    """A transport that keeps each write."""

    def __init__(self) -> None:
        self.writes: list[list[dict[str, Any]]] = []

    def write(self, frames: Sequence[bytes]) -> None:
        self.writes.append([json.loads(frame) for frame in frames])

    def buffered(self) -> int:
        return 0


class Socket:
    """An occupant that keeps what it is told, in order."""

    resuming_from: int | None = None
    resuming_generation = 0
    handover: asyncio.Future[None] | None = None

    def __init__(self, flushes: Flushes) -> None:
        self.wire = Wire()
        self.connection = Connection(
            cast("Any", self.wire), LIMITS, lambda data: None, lambda: None, Metrics(), flushes
        )
        self.member: Member | None = None

    @property
    def told(self) -> list[dict[str, Any]]:
        return [frame for frames in self.wire.writes for frame in frames]

    def _say(self, what: str) -> None:
        self.connection.send(json.dumps({"type": what}).encode())

    def seated(self, local: LocalRoom, room: Room, member: Member) -> None:
        self.member = member
        member.occupy(self)
        member.send(json.dumps({"type": "room_joined", "there": list(room.seats)}).encode())

    def resumed(self, local: LocalRoom, room: Room, member: Member) -> None:
        raise AssertionError("nobody resumes here")

    def unseated(self, code: str, reason: RoomLeftReason) -> None:
        self._say(f"room_left {reason.value}")

    def replaced(self) -> None:
        raise AssertionError("nobody resumes here")

    def missed_something(self) -> None:
        raise AssertionError("nothing is missed here")


def log_of(wanted: Sequence[Command]) -> list[RoomEvent]:
    """The log of a room to which this was done, but for what its rules refuse. Nobody comes twice."""
    create = commands.Create(code="abcdef", owner_id=None, ttl=10**9, max_participants=5, retention=1000)
    room: Room | None = None
    log: list[RoomEvent] = []
    came: set[str] = set()
    for second, command in enumerate([create, *wanted]):
        if isinstance(command, commands.Join):
            if command.socket_id in came:
                continue
            came.add(command.socket_id)
        elif isinstance(command, commands.Leave | commands.LoseLine) and room is not None:
            seat = room.seats.get(command.socket_id)
            if seat is not None:
                command = replace(command, generation=seat.generation)  # noqa: PLW2901 - of the seat as it is
        try:
            events = decide(room, command, second * 1000)
        except SignalingError:
            continue
        room = evolve_all(room, events)
        log += events
    return log


def join(socket_id: str, node: str = HERE) -> Command:
    return commands.Join(socket_id=socket_id, display_name="x", user_id=None, node=node)


def leave(socket_id: str) -> Command:
    return commands.Leave(socket_id=socket_id, generation=0, reason=LeftReason.LEFT)


def lose(socket_id: str) -> Command:
    return commands.LoseLine(socket_id=socket_id, generation=0, grace=10**8)


def followed(log: Sequence[RoomEvent], ends: Sequence[int]) -> dict[str, Socket]:
    """The sockets of this node after the log has come in pieces that end there."""

    async def follow() -> dict[str, Socket]:
        flushes = Flushes(asyncio.get_running_loop())
        hub = Hub(
            cast("Any", SimpleNamespace(node=HERE)),
            ReplayLimits(frames=3, total_bytes=10_000),
            start=lambda work: work.close(),
            orphaned=lambda local, member: None,
            regain=lambda local, member: None,
        )
        hub.elsewhere = cast("Any", SimpleNamespace(stayed=ignore, ended=ignore, reroute=ignore))
        room = evolve_all(None, log[:1])
        assert room is not None
        local = LocalRoom("abcdef", hub)
        local.replica = Replica(room, local, on_gap=lambda: None)
        sockets: dict[str, Socket] = {}
        at = 1
        for end in (*sorted(ends), len(log)):
            for event in log[at:end]:
                seat = getattr(event, "seat", None)
                if seat is not None and seat.node == HERE:
                    local.arriving[seat.socket_id] = sockets[seat.socket_id] = Socket(flushes)
            local.replica.deliver(log[at:end])
            at = max(at, end)
            flushes.flush()
        return sockets

    return asyncio.run(follow())


def ignore(*_: Any) -> None:
    pass


people = st.sampled_from("abcdefg")
joins = st.builds(join, people, st.sampled_from([HERE, HERE, ELSEWHERE]))
changes = st.one_of(joins, joins, st.builds(leave, people), st.builds(lose, people))


@given(
    st.lists(changes, max_size=25),
    st.sampled_from([[], [commands.Close()]]),
    st.sets(st.integers(1, 30), max_size=3),
)
def test_events_that_come_together_are_told_as_if_each_came_alone(
    wanted: list[Command], at_last: list[Command], ends: set[int]
) -> None:
    log = log_of(wanted + at_last)
    together, alone = followed(log, sorted(ends)), followed(log, range(1, len(log)))
    assert {name: socket.told for name, socket in together.items()} == {
        name: socket.told for name, socket in alone.items()
    }
    for name, socket in together.items():
        one, other = socket.member, alone[name].member
        assert (one is None) == (other is None)
        if one is not None and other is not None:
            assert (one.replay.sent, one.replay.kept) == (other.replay.sent, other.replay.kept)


def test_a_class_that_comes_in_at_once_is_written_to_once() -> None:
    log = log_of([join(name) for name in "abcde"])
    sockets = followed(log, [])
    for number, socket in enumerate(sockets.values()):
        (frames,) = socket.wire.writes
        first, *rest = frames
        assert first == {"type": "room_joined", "there": list("abcde"[: number + 1])}
        assert [frame["payload"]["socket_id"] for frame in rest] == list("abcde"[number + 1 :])
