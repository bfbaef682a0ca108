"""Which socket of this node is in which room, and who is told of what.

The hub follows the log of every room that has a socket here. A member is told of an
event when it comes back from the log in version order, the node's own events included, so every
member's view equals the room's, in one order.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any, Final, Protocol

from signaling.contract.errors import CloseCode
from signaling.contract.types import LeftReason, RoomLeftReason
from signaling.domain.events import Seat
from signaling.domain.room import Room
from signaling.realtime import views
from signaling.realtime.turns import Turns
from signaling.rooms.replica import Replica
from signaling.rooms.service import RoomService

END_CLOSES: Final = {
    RoomLeftReason.ROOM_CLOSED: CloseCode.ROOM_CLOSED,
    RoomLeftReason.ROOM_EXPIRED: CloseCode.ROOM_EXPIRED,
}


class Member(Protocol):
    """A socket as its room sees it."""

    socket_id: str

    def send(self, frame: bytes) -> None:
        """Send a frame."""

    def seated(self, local: LocalRoom, room: Room, seat: Seat) -> None:
        """Its join is in the log: it is in the room, as it is now."""

    def unseated(self, code: str, reason: RoomLeftReason) -> None:
        """Its seat has ended."""


class LocalRoom:
    """The sockets of this node in one room. Follows the room's log."""

    __slots__ = ("_on_empty", "arriving", "code", "members", "replica", "visitors")

    def __init__(self, code: str, on_empty: Callable[[LocalRoom], None]) -> None:
        """Empty, for the room of this code. ``on_empty`` is called when the last member is out."""
        self.code = code
        self._on_empty = on_empty
        self.members: dict[str, Member] = {}
        self.arriving: dict[str, Member] = {}
        """Sockets whose join is being decided."""
        self.visitors = 0
        """How many use this object without being members: while there are any, it stays."""
        self.replica: Replica | None = None

    def joined(self, seat: Seat, room: Room) -> None:
        """Tell the members of a newcomer, and the newcomer of the members."""
        if self.members:
            frame = views.participant_joined(seat)
            for member in self.members.values():
                member.send(frame)
        newcomer = self.arriving.pop(seat.socket_id, None)
        if newcomer is not None:
            self.members[seat.socket_id] = newcomer
            newcomer.seated(self, room, seat)

    def left(self, seat: Seat, reason: LeftReason) -> None:
        """Tell those who stay, and the one who is out if its socket is still there."""
        gone = self.members.pop(seat.socket_id, None)
        if self.members:
            frame = views.participant_left(seat.socket_id, reason)
            for member in self.members.values():
                member.send(frame)
        if gone is not None:
            gone.unseated(self.code, RoomLeftReason.LEFT)
            if not self.members:
                self._on_empty(self)

    def ended(self, reason: RoomLeftReason) -> None:
        """Tell everyone and let them go."""
        members, self.members = self.members, {}
        for member in members.values():
            member.unseated(self.code, reason)
        self._on_empty(self)


class Hub:
    """The rooms that have sockets on this node."""

    def __init__(self, rooms: RoomService, start: Callable[[Coroutine[Any, Any, None]], None]) -> None:
        """Starts empty. ``start`` runs work that nobody waits for."""
        self._rooms = rooms
        self._start = start
        self._local: dict[str, LocalRoom] = {}
        self._turns = Turns()

    async def visit(self, code: str) -> LocalRoom:
        """The room, followed from now on; `depart` must be called for every visit.

        Raises SignalingError `room_not_found` or `server_error`.
        """
        local = self._local.get(code)
        if local is None:
            async with self._turns.take(code):
                local = self._local.get(code)
                if local is None:
                    local = LocalRoom(code, self._on_empty)
                    local.replica = await self._rooms.follow(code, local)
                    self._local[code] = local
                local.visitors += 1
        else:
            local.visitors += 1
        return local

    async def depart(self, local: LocalRoom) -> None:
        """End a visit. A room without members or visitors is no longer followed."""
        local.visitors -= 1
        await self._tidy(local)

    def _on_empty(self, local: LocalRoom) -> None:
        # A visitor that is still there tidies when it departs.
        if not local.visitors:
            self._start(self._tidy(local))

    async def _tidy(self, local: LocalRoom) -> None:
        """Stop following the room if nobody here needs it."""
        if local.visitors or local.members or self._local.get(local.code) is not local:
            return
        # Removed before anything is awaited: a visit that comes now waits for its turn and follows anew.
        del self._local[local.code]
        async with self._turns.take(local.code):
            if local.code not in self._local:
                await self._rooms.unfollow(local.code)
