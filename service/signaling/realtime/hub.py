"""Which socket of this node is in which room, and who is told of what.

The hub follows the log of every room that has a socket here. A member is told of an
event when it comes back from the log in version order, the node's own events included, so every
member's view equals the room's, in one order.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from typing import TYPE_CHECKING, Any, Final, Protocol

from signaling.contract.errors import CloseCode
from signaling.contract.types import LeftReason, RoomLeftReason
from signaling.domain.events import Seat
from signaling.domain.room import Room
from signaling.realtime import views
from signaling.realtime.connection import Connection
from signaling.realtime.replay import Replay, ReplayLimits
from signaling.realtime.turns import Turns
from signaling.rooms.replica import Replica
from signaling.rooms.service import RoomService

if TYPE_CHECKING:
    from signaling.realtime.exchange import Carry

END_CLOSES: Final = {
    RoomLeftReason.ROOM_CLOSED: CloseCode.ROOM_CLOSED,
    RoomLeftReason.ROOM_EXPIRED: CloseCode.ROOM_EXPIRED,
}


class Occupant(Protocol):
    """A socket as its seat sees it."""

    resuming_from: int | None
    """How many frames of the seat the client has that resumes it; None: it joins."""
    resuming_generation: int
    """While resuming: of the seat as the client had it."""
    handover: asyncio.Future[None] | None
    """While resuming: what was missed is being fetched from another node."""

    @property
    def connection(self) -> Connection:
        """Its flow."""

    def seated(self, local: LocalRoom, room: Room, member: Member) -> None:
        """Its join is in the log: it is in the room, as it is now."""

    def resumed(self, local: LocalRoom, room: Room, member: Member) -> None:
        """Its resume is in the log: it has the seat again."""

    def unseated(self, code: str, reason: RoomLeftReason) -> None:
        """Its seat has ended."""

    def replaced(self) -> None:
        """Its seat was resumed on another socket."""

    def missed_something(self) -> None:
        """Frames for it were lost between nodes: it must come back to learn the truth."""


class Member:
    """A seat whose socket is on this node, or was until its line was lost."""

    __slots__ = ("_connection", "heard", "occupant", "replay", "seat")

    def __init__(self, seat: Seat, limits: ReplayLimits) -> None:
        """Without a socket yet; ``limits`` bound what is kept for a resume."""
        self.seat = seat
        """As it was taken, or last resumed."""
        self.replay = Replay(limits)
        self.heard: dict[str, tuple[int, int]] = {}
        """By sender, the place of the last frame from another node. What is not behind it is late."""
        self.occupant: Occupant | None = None
        self._connection: Connection | None = None

    def send(self, frame: bytes) -> None:
        """Send a frame; while there is no socket, it is kept for the next."""
        self.replay.add(frame)
        if self._connection is not None:
            self._connection.send(frame)

    def send_all(self, frames: Sequence[bytes]) -> None:
        """Send frames, at least one, as `send` does."""
        self.replay.add_all(frames)
        if self._connection is not None:
            self._connection.send_all(frames)

    def occupy(self, occupant: Occupant) -> None:
        """From now on what is sent goes to this socket."""
        self.occupant = occupant
        self._connection = occupant.connection

    def vacate(self) -> None:
        """The socket is gone."""
        self.occupant = self._connection = None

    def replaced(self) -> None:
        """The seat was resumed: the socket that it had, if any, is to go."""
        former = self.occupant
        self.vacate()
        if former is not None:
            former.replaced()


class Route:
    """The way to a seat that is on another node, or was."""

    __slots__ = ("_returned", "bytes", "marking", "node", "timer", "waiting")

    def __init__(self, node: str) -> None:
        self.node = node
        """Where the seat is."""
        self.waiting: list[Carry] | None = None
        """Frames that cannot be sent yet; None: there are none, and they can."""
        self.bytes = 0
        """Of those."""
        self.marking = False
        """Whether they wait for those sent by the former way, which they must not overtake."""
        self.timer: asyncio.TimerHandle | None = None
        """Ends the waiting."""
        self._returned = 0

    def keep(self, carried: Carry, *, first: bool = False) -> None:
        """Let a frame wait. ``first``: it was sent before those that wait, and came back."""
        assert self.waiting is not None
        self.bytes += len(carried.frame)
        if first:
            self.waiting.insert(self._returned, carried)
            self._returned += 1
        else:
            self.waiting.append(carried)

    def let_go(self) -> list[Carry] | None:
        """What waits, which from now on does so no more; None: nothing was to wait."""
        if self.timer is not None:
            self.timer.cancel()
            self.timer = None
        carried, self.waiting = self.waiting, None
        self.bytes, self.marking, self._returned = 0, False, 0
        return carried


class Elsewhere(Protocol):
    """What the hub tells of seats that move between nodes."""

    def moved(self, local: LocalRoom, member: Member, node: str, generation: int, version: int) -> None:
        """A seat of this node was resumed on another.

        ``version``: up to where it was told of the room; 0: nobody else can say, as the room was loaded anew.
        """

    def stayed(self, local: LocalRoom, socket_id: str) -> None:
        """A seat of this node has ended, or was resumed on it."""

    def fetch(
        self, local: LocalRoom, member: Member, former: str, room: Room, version: int, arrived: Occupant
    ) -> asyncio.Future[None]:
        """Get what a seat has missed from its former node, and let its socket have it.

        It will be told of what happens after ``room``, and is not told twice. ``version`` as for `moved`.
        """

    def reroute(self, local: LocalRoom, seat: Seat) -> None:
        """A seat is on another node now."""

    def ended(self, local: LocalRoom, socket_id: str) -> None:
        """A seat has ended: nothing need wait for it."""


class LocalRoom:
    """The seats of this node in one room. Follows the room's log."""

    __slots__ = (
        "_hub",
        "_known_news",
        "_news",
        "arriving",
        "code",
        "early",
        "former",
        "members",
        "replica",
        "routes",
        "shown",
        "visitors",
    )

    def __init__(self, code: str, hub: Hub) -> None:
        """Empty, for the room of this code."""
        self.code = code
        self._hub = hub
        self.members: dict[str, Member] = {}
        self.arriving: dict[str, Occupant] = {}
        """Sockets whose join or resume is being decided, by the seat's socket_id."""
        self.early: dict[str, Replay] = {}
        """Frames from other nodes for those who arrive: others may hear of a seat before this node does."""
        self.routes: dict[str, Route] = {}
        """Seats elsewhere to which something was sent from here."""
        self.former: set[str] = set()
        """Nodes from which seats moved to others since the room is followed here."""
        self.shown: views.Shown = {}
        self._news: list[bytes] = []
        """That somebody joined, of which the members are still to be told, in one go."""
        self._known_news: dict[str, int] = {}
        """Of those who came meanwhile, how many of these came before them."""
        self.visitors = 0
        """How many use this object without being members: while there are any, it stays."""
        self.replica: Replica | None = None

    @property
    def room(self) -> Room | None:
        """The room as this node knows it."""
        return None if self.replica is None else self.replica.room

    def seat(self, socket_id: str) -> Seat | None:
        """A seat of the room, wherever its socket is."""
        return None if self.replica is None else self.replica.room.seats.get(socket_id)

    def has_seats_of(self, node: str) -> bool:
        """Whether another node holds seats of the room, or did until they moved on."""
        room = self.room
        if room is None:
            return False
        return node in self.former or any(seat.node == node for seat in room.seats.values())

    def keep_early(self, socket_id: str, frame: bytes) -> bool:
        """Keep a frame from another node for a seat that is arriving; False if none such is."""
        if socket_id not in self.arriving:
            return False
        early = self.early.get(socket_id)
        if early is None:
            early = self.early[socket_id] = Replay(self._hub.limits)
        early.add(frame)
        return True

    def stop_arriving(self, socket_id: str, occupant: Occupant) -> None:
        """The join or resume of this socket was decided, one way or the other."""
        if self.arriving.get(socket_id) is occupant:
            del self.arriving[socket_id]
            self.early.pop(socket_id, None)

    def joined(self, seat: Seat, room: Room) -> None:
        """Tell the members of a newcomer, and the newcomer of the members."""
        if self.members:
            self._news.append(views.participant_joined(seat))
        if seat.node != self._hub.node:
            # Whoever arrives then resumes it, and hears of that later.
            return
        newcomer = self.arriving.pop(seat.socket_id, None)
        if newcomer is not None and newcomer.resuming_from is not None:
            self._tell_news()
        member = self._new_member(seat)
        self._known_news[seat.socket_id] = len(self._news)
        if newcomer is None:
            self._hub.orphaned(self, member)
            return
        if newcomer.resuming_from is None:
            newcomer.seated(self, room, member)
        else:
            # It was resumed here before this node heard that it was ever taken. Where, nobody can say.
            member.replay.restart(-1)
            self.overtake(seat)
            newcomer.resumed(self, room, member)
        self._give_early(member)

    def left(self, seat: Seat, reason: LeftReason) -> None:
        """Tell those who stay, and the one who is out if its socket is still there."""
        self._tell_news()
        gone = self.members.pop(seat.socket_id, None)
        self.shown.pop(seat.socket_id, None)
        self._hub.elsewhere.ended(self, seat.socket_id)
        for member in self.members.values():
            member.heard.pop(seat.socket_id, None)
        if self.members:
            self._tell(views.participant_left(seat.socket_id, reason), seat.socket_id)
        if gone is not None:
            self._hub.elsewhere.stayed(self, seat.socket_id)
            if gone.occupant is not None:
                gone.occupant.unseated(self.code, RoomLeftReason.LEFT)
            if not self.members:
                self._hub.on_empty(self)

    def reconnecting(self, seat: Seat) -> None:
        """Tell the others of a lost line. If that is not so, say it."""
        self._tell_news()
        self._tell(views.participant_reconnecting(seat.socket_id), seat.socket_id)
        member = self.members.get(seat.socket_id)
        if member is not None and member.occupant is not None:
            self._hub.regain(self, member)

    def regained(self, seat: Seat) -> None:
        """Tell the others that a line was not lost after all."""
        self._tell_news()
        self._tell(views.participant_reconnected(seat.socket_id), seat.socket_id)

    def resumed(self, before: Seat, seat: Seat, room: Room) -> None:
        """Tell the others of whoever is back, and let the new socket have the seat."""
        self._tell_news()
        if before.held_until is not None:
            # Where the old socket still hung, the others never knew of any trouble.
            self._tell(views.participant_reconnected(seat.socket_id), seat.socket_id)
        member = self.members.get(seat.socket_id)
        if member is not None:
            member.replaced()
        if before.node != seat.node:
            self.former.add(before.node)
        version = self._told_up_to(room)
        if seat.node != self._hub.node:
            self._hub.elsewhere.reroute(self, seat)
            if self.members.pop(seat.socket_id, None) is None or member is None:
                return
            self._hub.elsewhere.moved(self, member, seat.node, seat.generation, version)
            if not self.members:
                self._hub.on_empty(self)
            return
        moved_here = member is None
        if member is not None:
            self._hub.elsewhere.stayed(self, seat.socket_id)
        else:
            member = self._new_member(seat)
            member.replay.restart(-1)
            member.heard = {other.socket_id: (other.generation, 0) for other in room.seats.values()}
            self._give_early(member)
            self._hub.elsewhere.reroute(self, seat)
        member.seat = seat
        arrived = self.arriving.pop(seat.socket_id, None)
        if arrived is None:
            self._hub.orphaned(self, member)
        elif moved_here:
            elsewhere = self._hub.elsewhere
            arrived.handover = elsewhere.fetch(self, member, before.node, room, version, arrived)
        else:
            if arrived.resuming_generation != before.generation:
                # It was elsewhere meanwhile, of which this node has not heard: nor of what it was sent there.
                member.replay.restart(-1)
                self.overtake(seat)
            arrived.resumed(self, room, member)

    def ended(self, reason: RoomLeftReason) -> None:
        """Tell everyone and let them go."""
        self._tell_news()
        members, self.members = self.members, {}
        for socket_id in list(self.routes):
            self._hub.elsewhere.ended(self, socket_id)
        for socket_id, member in members.items():
            self._hub.elsewhere.stayed(self, socket_id)
            if member.occupant is not None:
                member.occupant.unseated(self.code, reason)
        self._hub.on_empty(self)

    def _told_up_to(self, room: Room) -> int:
        """The version up to which members were told what every other node tells, too; 0: it is no such."""
        return 0 if self.replica is None or self.replica.jumping else room.version

    def overtake(self, seat: Seat) -> None:
        """What the seat sent where it was before has come by now, or is late: it speaks from here."""
        for other in self.members.values():
            other.heard[seat.socket_id] = (seat.generation, 0)

    def _give_early(self, member: Member) -> None:
        early = self.early.pop(member.seat.socket_id, None)
        if early is not None:
            for frame in early.kept:
                member.send(frame)

    def _new_member(self, seat: Seat) -> Member:
        member = self.members[seat.socket_id] = Member(seat, self._hub.limits)
        return member

    def _tell(self, frame: bytes, about: str) -> None:
        """Send to every member but the one it is about."""
        for socket_id, member in self.members.items():
            if socket_id != about:
                member.send(frame)

    def delivered(self) -> None:
        """Tell the members of all who came together."""
        self._tell_news()

    def _tell_news(self) -> None:
        # When a class comes in, most of the work is here: so it is done once for all of a commit.
        if not self._known_news and not self._news:
            return
        news, self._news = self._news, []
        known, self._known_news = self._known_news, {}
        for socket_id, member in self.members.items():
            frames = news[known[socket_id] :] if socket_id in known else news
            if frames:
                member.send_all(frames)


class Hub:
    """The rooms that have sockets on this node."""

    def __init__(
        self,
        rooms: RoomService,
        limits: ReplayLimits,
        start: Callable[[Coroutine[Any, Any, None]], None],
        orphaned: Callable[[LocalRoom, Member], None],
        regain: Callable[[LocalRoom, Member], None],
    ) -> None:
        """Starts empty.

        ``start`` runs work that nobody waits for. ``orphaned`` is told of a seat that was taken for a socket
        of this node which has been told otherwise (its commit was taken to have failed), ``regain`` of one
        that is said to have lost its line, and has not. `elsewhere` is to be set before anybody visits.
        """
        self.elsewhere: Elsewhere
        self.regain = regain
        self.node = rooms.node
        self.limits = limits
        self.orphaned = orphaned
        self._rooms = rooms
        self._start = start
        self._local: dict[str, LocalRoom] = {}
        self._turns = Turns()

    def room(self, code: str) -> LocalRoom | None:
        """A room that is followed here."""
        return self._local.get(code)

    def rooms(self) -> list[LocalRoom]:
        """Those that are followed here."""
        return list(self._local.values())

    def is_needed(self) -> bool:
        """Whether seats may be resumed from here whose sockets are gone, or frames wait to be sent."""
        return any(
            local.members or any(route.waiting is not None for route in local.routes.values())
            for local in self._local.values()
        )

    async def visit(self, code: str) -> LocalRoom:
        """The room, followed from now on; `depart` must be called for every visit.

        Raises SignalingError `room_not_found` or `server_error`.
        """
        local = self._local.get(code)
        if local is None:
            async with self._turns.take(code):
                local = self._local.get(code)
                if local is None:
                    local = LocalRoom(code, self)
                    local.replica = await self._rooms.follow(code, local)
                    self._local[code] = local
                local.visitors += 1
        else:
            local.visitors += 1
        return local

    async def depart(self, local: LocalRoom) -> None:
        """End a visit. A room without members or visitors is no longer followed."""
        local.visitors -= 1
        if not (local.visitors or local.members):
            await self._tidy(local)

    def release(self, local: LocalRoom) -> None:
        """End a visit, soon: as `depart`, for those who cannot wait."""
        local.visitors -= 1
        if not local.members:
            self.on_empty(local)

    def on_empty(self, local: LocalRoom) -> None:
        """The last member is out."""
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
        # They know each other, and would have to be found by the garbage collector.
        local.replica = None
