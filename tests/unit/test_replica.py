"""A node's picture of a room: true after every event, every gap, every repetition (architecture, 5)."""

from __future__ import annotations

import asyncio
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from signaling.contract.types import LeftReason, RoomLeftReason
from signaling.domain import commands
from signaling.domain.commands import Command
from signaling.domain.events import RoomEvent, Seat
from signaling.domain.room import Room, decide, evolve, evolve_all
from signaling.rooms.replica import Replica


class Told:
    """A follower that keeps the members it was told of, in order."""

    def __init__(self, room: Room) -> None:
        self.members = list(room.seats)
        self.calls: list[tuple[Any, ...]] = []
        self.over: RoomLeftReason | None = None
        self.together: list[list[tuple[Any, ...]]] = []

    def joined(self, seat: Seat, room: Room) -> None:
        assert self.over is None
        assert seat.socket_id not in self.members
        assert room.seats[seat.socket_id] == seat
        self.members.append(seat.socket_id)
        self.calls.append(("joined", seat.socket_id))

    def left(self, seat: Seat, reason: LeftReason) -> None:
        assert self.over is None
        self.members.remove(seat.socket_id)
        self.calls.append(("left", seat.socket_id, reason))

    def reconnecting(self, seat: Seat) -> None:
        assert self.over is None
        assert seat.socket_id in self.members
        assert seat.held_until is not None
        self.calls.append(("reconnecting", seat.socket_id))

    def resumed(self, before: Seat, seat: Seat, room: Room) -> None:
        assert self.over is None
        assert seat.socket_id in self.members
        assert seat.generation > before.generation
        self.calls.append(("resumed", seat.socket_id, seat.generation))

    def regained(self, seat: Seat) -> None:
        assert self.over is None
        assert seat.held_until is None
        self.calls.append(("regained", seat.socket_id))

    def ended(self, reason: RoomLeftReason) -> None:
        assert self.over is None
        self.over = reason
        self.members = []

    def delivered(self) -> None:
        self.together.append(self.calls[sum(map(len, self.together)) :])


def join(socket_id: str) -> Command:
    return commands.Join(socket_id=socket_id, display_name="x", user_id=None, node="n")


def leave(socket_id: str) -> Command:
    return commands.Leave(socket_id=socket_id, generation=0, reason=LeftReason.LEFT)


def history(*wanted: Command) -> list[RoomEvent]:
    """The log of a room to which this was done, one event a second."""
    create = commands.Create(
        code="abcdef", owner_id=None, ttl=10_000_000, max_participants=50, retention=1000
    )
    room: Room | None = None
    log: list[RoomEvent] = []
    for second, asked in enumerate([create, *wanted]):
        command: Command = asked
        if isinstance(asked, commands.Leave) and room is not None:
            command = replace(asked, generation=room.seats[asked.socket_id].generation)
        events = decide(room, command, second * 1000)
        room = evolve_all(room, events)
        log += events
    return log


def room_at(log: list[RoomEvent], version: int) -> Room:
    room = evolve_all(None, log[:version])
    assert room is not None
    return room


def replica_at(log: list[RoomEvent], version: int) -> tuple[Replica, Told, list[str]]:
    room = room_at(log, version)
    told, gaps = Told(room), list[str]()
    return Replica(room, told, on_gap=lambda: gaps.append("gap")), told, gaps


def test_events_are_told_as_they_come() -> None:
    log = history(join("a"), join("b"), leave("a"), commands.Close())
    replica, told, gaps = replica_at(log, 1)
    replica.deliver(log[1:])
    assert told.calls == [("joined", "a"), ("joined", "b"), ("left", "a", LeftReason.LEFT)]
    assert told.over is RoomLeftReason.ROOM_CLOSED
    assert told.together == [told.calls]
    assert replica.room == room_at(log, len(log))
    assert gaps == []


def test_known_events_are_skipped() -> None:
    log = history(join("a"), join("b"))
    replica, told, gaps = replica_at(log, 2)
    replica.deliver(log)
    replica.deliver(log)
    assert told.calls == [("joined", "b")]
    assert gaps == []


def test_a_gap_is_noticed_once_and_nothing_is_told_until_it_is_mended() -> None:
    log = history(join("a"), join("b"), join("c"), join("d"))
    replica, told, gaps = replica_at(log, 1)
    replica.deliver(log[2:3])
    replica.deliver(log[3:4])
    assert gaps == ["gap"]
    assert told.calls == []
    replica.resync(room_at(log, 4))
    assert told.members == ["a", "b", "c"]
    replica.deliver(log[4:])
    assert told.members == ["a", "b", "c", "d"]
    assert told.together == [[], [], told.calls[:3], told.calls[3:]]
    assert gaps == ["gap"]


def test_a_seat_taken_again_in_a_gap_is_left_and_joined() -> None:
    """Contract 4: every participant_joined has its participant_left, also when both fell into a gap."""
    log = history(join("a"), join("b"), leave("a"), join("a"))
    replica, told, _ = replica_at(log, 3)
    replica.resync(room_at(log, len(log)))
    assert told.calls == [("left", "a", LeftReason.CONNECTION_LOST), ("joined", "a")]
    assert told.members == ["b", "a"]


def test_an_end_in_a_gap_is_told() -> None:
    log = history(join("a"), commands.Close())
    replica, told, _ = replica_at(log, 2)
    replica.resync(room_at(log, 3))
    assert told.over is RoomLeftReason.ROOM_CLOSED
    replica.resync(room_at(log, 3))
    replica.deliver(log)


def test_a_room_purged_in_a_gap_has_ended() -> None:
    log = history(join("a"))
    replica, told, _ = replica_at(log, 2)
    replica.resync(None)
    assert told.over is RoomLeftReason.ROOM_CLOSED


def test_an_older_state_changes_nothing() -> None:
    log = history(join("a"), join("b"))
    replica, told, _ = replica_at(log, 3)
    replica.resync(room_at(log, 2))
    assert told.calls == []
    assert replica.room == room_at(log, 3)


def test_a_replica_in_doubt_stands_still_and_takes_whatever_was_loaded() -> None:
    """A store that failed over may be back without its last commits: those were told, and are taken back."""
    log = history(join("a"), join("b"), join("c"))
    replica, told, gaps = replica_at(log, 4)
    replica.doubt()
    replica.deliver(log[2:3])
    assert replica.heard == 3
    assert told.calls == []
    replica.resync(room_at(log, 3))
    assert told.calls == [("left", "c", LeftReason.CONNECTION_LOST)]
    assert replica.room == room_at(log, 3)
    replica.deliver(log[3:])
    assert told.members == ["a", "b", "c"]
    assert gaps == []


def test_an_end_that_the_store_lost_is_not_told_away() -> None:
    """Nobody is left to be told; whoever comes next is."""
    log = history(join("a"), commands.Close())
    replica, told, _ = replica_at(log, 2)
    replica.deliver(log[2:])
    replica.doubt()
    replica.resync(room_at(log, 2))
    assert told.calls == []
    assert replica.room == room_at(log, 2)


def test_the_latest_of_what_arrives_while_standing_still_is_known() -> None:
    log = history(join("a"), join("b"), join("c"))
    replica, _, gaps = replica_at(log, 1)
    replica.deliver(log[2:])
    assert (replica.heard, gaps) == (4, ["gap"])


async def test_whoever_waits_for_a_version_is_told_once_it_is_reached() -> None:
    log = history(join("a"), join("b"), join("c"))
    replica, _, _ = replica_at(log, 1)
    await replica.reach(1)
    waiting = [asyncio.create_task(replica.reach(version)) for version in (2, 3, 4)]
    await asyncio.sleep(0)
    replica.deliver(log[1:2])
    await waiting[0]
    replica.deliver(log[3:])
    replica.resync(room_at(log, 3))
    await waiting[1]
    assert not waiting[2].done()
    waiting[2].cancel()
    waiting.append(asyncio.create_task(replica.reach(9)))
    await asyncio.sleep(0)
    assert not waiting[3].done()
    replica.drop()
    await waiting[3]
    await replica.reach(9)


commands_of_a_room = st.lists(
    st.one_of(
        st.sampled_from("abcd").map(lambda name: ("join", name)),
        st.sampled_from("abcd").map(lambda name: ("leave", name)),
    ),
    max_size=25,
)


@given(commands_of_a_room, st.data())
def test_whatever_is_lost_the_picture_ends_true(wanted: list[tuple[str, str]], data: st.DataObject) -> None:
    """Architecture 5: with any announcements lost and the room loaded after each gap, members see the
    room.
    """
    inside: set[str] = set()
    chosen = []
    for kind, name in wanted:
        if (kind == "join") != (name in inside):
            chosen.append(join(name) if kind == "join" else leave(name))
            inside ^= {name}
    log = history(*chosen)
    replica, told, gaps = replica_at(log, 1)
    for number, event in enumerate(log[1:], 2):
        if data.draw(st.booleans()):
            replica.deliver([event])
        if gaps:
            gaps.clear()
            replica.resync(room_at(log, data.draw(st.integers(number, len(log)))))
        assert set(told.members) == set(replica.room.seats)
    replica.resync(room_at(log, len(log)))
    assert set(told.members) == set(room_at(log, len(log)).seats)
    assert replica.room.seats.keys() == room_at(log, len(log)).seats.keys()


def test_evolve_refuses_what_does_not_follow() -> None:
    """A replica never meets this: it is the last fence."""
    log = history(join("a"))
    try:
        evolve(room_at(log, 2), log[1])
    except ValueError:
        return
    raise AssertionError("an event was applied twice")
