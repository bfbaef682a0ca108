"""A node's picture of one room, kept true by following the room's log."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Protocol

from msgspec.structs import replace

from signaling.contract.types import LeftReason, RoomLeftReason, RoomState
from signaling.domain.events import (
    ParticipantJoined,
    ParticipantLeft,
    ParticipantReconnected,
    ParticipantReconnecting,
    RoomClosed,
    RoomEvent,
    RoomExpired,
    Seat,
)
from signaling.domain.room import Room, evolve

END_REASONS = {
    RoomState.CLOSED: RoomLeftReason.ROOM_CLOSED,
    RoomState.EXPIRED: RoomLeftReason.ROOM_EXPIRED,
}


class Follower(Protocol):
    """Whoever acts on what happens in a room. Called in log order; must not block."""

    def joined(self, seat: Seat, room: Room) -> None:
        """A seat was taken; ``room`` is as it was right after."""

    def left(self, seat: Seat, reason: LeftReason) -> None:
        """A seat was given up or lost."""

    def reconnecting(self, seat: Seat) -> None:
        """A seat's line was lost; the seat is kept for now."""

    def resumed(self, before: Seat, seat: Seat, room: Room) -> None:
        """A seat was taken again by a new socket. ``before`` is the seat until now."""

    def regained(self, seat: Seat) -> None:
        """A seat's line was taken for lost, and stands."""

    def ended(self, reason: RoomLeftReason) -> None:
        """The room is over, and every seat with it. Nothing follows but `delivered`."""

    def delivered(self) -> None:
        """That was all for now: what was told since the last such call came together."""


class Replica:
    """One room as of the last event that arrived here.

    Events come at most once and in order, but some may be missing: a gap in the version
    numbers makes the replica call ``on_gap`` and stand still until ``resync``. So does `doubt`.
    """

    def __init__(self, room: Room, follower: Follower, on_gap: Callable[[], None]) -> None:
        """``room`` is the picture to start from; later events are told to ``follower``."""
        self.room = room
        self._follower = follower
        self._on_gap = on_gap
        self._behind = False
        self._dropped = False
        self.jumping = False
        """Whether the follower is being told of a difference: in an order that is no other node's."""
        self._waiting: list[tuple[int, asyncio.Future[None]]] = []
        self.heard = 0
        """The latest version that arrived since this replica stands still."""

    def deliver(self, events: Sequence[RoomEvent]) -> None:
        """Apply events of the log; those already known are skipped."""
        try:
            for event in events:
                if self._behind:
                    self.heard = event.version
                elif event.version == self.room.version + 1:
                    self._apply(event)
                elif event.version > self.room.version:
                    self.doubt()
                    self.heard = event.version
                    self._on_gap()
        finally:
            self._follower.delivered()
        self._wake()

    def doubt(self) -> None:
        """Stand still until `resync`: events may be missing, or some that were told be lost."""
        self._behind = True
        self.heard = 0

    async def reach(self, version: int) -> None:
        """Returns once the follower was told of that version, or no more will be told."""
        if self.has(version):
            return
        waiter = (version, asyncio.get_running_loop().create_future())
        self._waiting.append(waiter)
        try:
            await waiter[1]
        finally:
            self._waiting.remove(waiter)

    def drop(self) -> None:
        """Nothing more will be delivered."""
        self._dropped = True
        self._wake()

    def has(self, version: int) -> bool:
        """Whether the follower was told of that version, or no more will be told."""
        return self._dropped or self.room.version >= version or self.room.state is not RoomState.OPEN

    def _wake(self) -> None:
        for version, waiter in self._waiting:
            if self.has(version) and not waiter.done():
                waiter.set_result(None)

    def resync(self, latest: Room | None) -> None:
        """Jump to the room as loaded since this replica stands still, telling the follower the difference.

        That may be an older version, where the store lost its last commits. A replica that goes on by
        itself is not set back.
        """
        behind, self._behind = self._behind, False
        if behind or latest is None or latest.version > self.room.version:
            try:
                self._jump(latest)
            finally:
                self._follower.delivered()
            self._wake()

    def _jump(self, latest: Room | None) -> None:
        before = self.room
        if latest is None or latest.state is not RoomState.OPEN:
            if before.state is RoomState.OPEN:
                state = RoomState.CLOSED if latest is None else latest.state
                self.room = before if latest is None else latest
                self._follower.ended(END_REASONS[state])
            return
        if before.state is RoomState.OPEN:
            self.jumping = True
            try:
                self._tell_difference(before, latest)
            finally:
                self.jumping = False
        # Else the follower was told of the end, which the store has lost: nobody is left to be told.
        self.room = latest

    def _tell_difference(self, before: Room, latest: Room) -> None:
        """Seat by seat; the room is each time as it was told so far: nobody must be told of a seat twice."""
        seats = dict(before.seats)
        for socket_id, seat in before.seats.items():
            # The same socket may have left and joined again, in another seat.
            if socket_id not in latest.seats or latest.seats[socket_id].number != seat.number:
                del seats[socket_id]
                self.room = replace(latest, seats=dict(seats))
                self._follower.left(seat, LeftReason.CONNECTION_LOST)
        for socket_id, seat in latest.seats.items():
            known = seats.get(socket_id)
            seats[socket_id] = seat
            self.room = replace(latest, seats=dict(seats))
            if known is None:
                self._follower.joined(seat, self.room)
            else:
                self._tell_line(known, seat, self.room)

    def _tell_line(self, before: Seat, seat: Seat, room: Room) -> None:
        """The difference between a seat and the same seat later."""
        if seat.generation != before.generation:
            self._follower.resumed(before, seat, room)
        elif before.held_until is not None and seat.held_until is None:
            self._follower.regained(seat)
        if seat.held_until is not None and (
            before.held_until is None or seat.generation != before.generation
        ):
            self._follower.reconnecting(seat)

    def _apply(self, event: RoomEvent) -> None:
        before = self.room
        after = evolve(before, event)
        if after is None:
            # A purge follows the end of the room, which was told already.
            return
        self.room = after
        match event:
            case ParticipantJoined(seat=seat):
                self._follower.joined(seat, after)
            case ParticipantLeft(socket_id=socket_id, reason=reason):
                self._follower.left(before.seats[socket_id], reason)
            case ParticipantReconnecting(socket_id=socket_id) | ParticipantReconnected(socket_id=socket_id):
                self._tell_line(before.seats[socket_id], after.seats[socket_id], after)
            case RoomClosed() | RoomExpired():
                self._follower.ended(END_REASONS[after.state])
            case _:
                pass
