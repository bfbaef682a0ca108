"""The rules of a room: ``decide`` what a command leads to, ``evolve`` the room by what happened.

A room is a value. ``decide`` holds every rule and changes nothing; its table RULES says which
command is allowed in which state, and an entry that is missing is the error.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

from msgspec import Struct
from msgspec.structs import replace

from signaling.contract.errors import ErrorCode, SignalingError
from signaling.contract.types import LeftReason, RoomState
from signaling.domain import commands
from signaling.domain.commands import Command
from signaling.domain.events import (
    ParticipantJoined,
    ParticipantLeft,
    ParticipantReconnected,
    ParticipantReconnecting,
    RoomClosed,
    RoomCreated,
    RoomEvent,
    RoomExpired,
    RoomPurged,
    Seat,
)


class Room(Struct, frozen=True, kw_only=True):
    """A room as its log has made it. Times are milliseconds since the epoch."""

    code: str
    version: int
    """Number of the last event."""
    state: RoomState
    owner_id: str | None
    created_at: int
    expires_at: int
    max_participants: int
    retention: int
    ended_at: int | None = None
    joined_total: int = 0
    """How many seats were ever taken."""
    seats: dict[str, Seat] = {}
    """Who is in the room now: socket_id to seat, first come first. Never changed in place."""

    @property
    def due_at(self) -> int:
        """When a Tick will have something to do.

        The end of the first kept seat, expiry of an open room, purge of an ended one.
        """
        if self.ended_at is not None:
            return self.ended_at + self.retention
        kept = [seat.held_until for seat in self.seats.values() if seat.held_until is not None]
        return min([self.expires_at, *kept])

    def state_at(self, now: int) -> RoomState:
        """The state as it is to be shown: an open room past its time is expired, ticked or not."""
        return RoomState.EXPIRED if self.state is RoomState.OPEN and now >= self.expires_at else self.state

    def as_of(self, now: int) -> Room:
        """The room as it is to be shown at ``now``."""
        if self.state_at(now) is self.state:
            return self
        return replace(self, state=RoomState.EXPIRED, ended_at=self.expires_at, seats={})


def decide(room: Room | None, command: Command, now: int) -> list[RoomEvent]:
    """The events a command leads to, numbered from the room's version on; none if nothing is to be done.

    ``room`` is None where there is none of that code. Raises SignalingError where the rules
    refuse the command; the room is then as it was.
    """
    state = None if room is None else room.state
    if room is not None and room.state_at(now) is not room.state:
        # Time has ended the room, though nobody has written it down yet: that comes first.
        expired = RoomExpired(version=room.version + 1, at=room.expires_at)
        return [expired, *decide(evolve(room, expired), command, now)]
    rule = RULES.get((state, type(command)))
    if rule is None:
        raise SignalingError(REFUSALS[state])
    return rule(room, command, now)


def _create(_room: None, command: commands.Create, now: int) -> list[RoomEvent]:
    return [
        RoomCreated(
            version=1,
            at=now,
            code=command.code,
            owner_id=command.owner_id,
            expires_at=now + command.ttl,
            max_participants=command.max_participants,
            retention=command.retention,
        )
    ]


def _join(room: Room, command: commands.Join, now: int) -> list[RoomEvent]:
    # Seats whose time is over must not keep anybody out, though no tick has come by yet.
    freed = _end_kept_seats(room, command, now)
    if freed:
        room = _evolved(room, freed)
    if command.socket_id in room.seats:
        raise SignalingError(ErrorCode.ALREADY_IN_ROOM)
    if len(room.seats) >= room.max_participants:
        raise SignalingError(
            ErrorCode.ROOM_FULL, f"The room is full: all {room.max_participants} seats are taken"
        )
    seat = Seat(
        socket_id=command.socket_id,
        display_name=command.display_name,
        user_id=command.user_id,
        joined_at=now,
        node=command.node,
        number=room.joined_total + 1,
        generation=room.version + 1,
    )
    return [*freed, ParticipantJoined(version=room.version + 1, at=now, seat=seat)]


def _leave(room: Room, command: commands.Leave, now: int) -> list[RoomEvent]:
    seat = room.seats.get(command.socket_id)
    if seat is None or seat.generation != command.generation:
        return []
    return [
        ParticipantLeft(version=room.version + 1, at=now, socket_id=command.socket_id, reason=command.reason)
    ]


def _lose_line(room: Room, command: commands.LoseLine, now: int) -> list[RoomEvent]:
    seat = room.seats.get(command.socket_id)
    if seat is None or seat.generation != command.generation or seat.held_until is not None:
        return []
    return _lose_lines(room, [seat], command.grace, now)


def _node_lost(room: Room, command: commands.NodeLost, now: int) -> list[RoomEvent]:
    lost = [seat for seat in room.seats.values() if seat.node == command.node]
    return _lose_lines(room, lost, command.grace, now)


def _lose_lines(room: Room, seats: Sequence[Seat], grace: int, now: int) -> list[RoomEvent]:
    if not grace:
        return _end_seats(room, seats, now)
    return [
        ParticipantReconnecting(version=version, at=now, socket_id=seat.socket_id, held_until=now + grace)
        for version, seat in enumerate(seats, room.version + 1)
    ]


def _end_seats(room: Room, seats: Sequence[Seat], now: int) -> list[RoomEvent]:
    return [
        ParticipantLeft(version=version, at=now, socket_id=seat.socket_id, reason=LeftReason.CONNECTION_LOST)
        for version, seat in enumerate(seats, room.version + 1)
    ]


def _end_kept_seats(room: Room, command: commands.Tick | commands.Join, now: int) -> list[RoomEvent]:
    kept = [seat for seat in room.seats.values() if seat.held_until is not None]
    if not kept:
        return []
    over = [seat for seat in kept if _is_over(seat, now, command.spared_since)]
    return _end_seats(room, over, now)


def _is_over(seat: Seat, now: int, spared_since: int | None) -> bool:
    """Whether a seat was kept long enough."""
    if seat.held_until is None or seat.held_until > now:
        return False
    return spared_since is None or seat.held_until < spared_since


def _resume(room: Room, command: commands.Resume, now: int) -> list[RoomEvent]:
    seat = room.seats.get(command.socket_id)
    if seat is None or seat.generation != command.generation:
        raise SignalingError(ErrorCode.RESUME_FAILED)
    if _is_over(seat, now, command.spared_since):
        raise SignalingError(ErrorCode.RESUME_FAILED)
    return [
        ParticipantReconnected(
            version=room.version + 1,
            at=now,
            socket_id=seat.socket_id,
            node=command.node,
            generation=room.version + 1,
        )
    ]


def _regain(room: Room, command: commands.Regain, now: int) -> list[RoomEvent]:
    seat = room.seats.get(command.socket_id)
    if seat is None or (seat.generation, seat.node) != (command.generation, command.node):
        return []
    if seat.held_until is None:
        return []
    return [
        ParticipantReconnected(
            version=room.version + 1,
            at=now,
            socket_id=seat.socket_id,
            node=seat.node,
            generation=seat.generation,
        )
    ]


def _no_seat_left(_room: Room | None, _command: commands.Resume, _now: int) -> list[RoomEvent]:
    # Why it is gone, the asker hears when it joins anew, as it has to.
    raise SignalingError(ErrorCode.RESUME_FAILED)


def _close(room: Room, _command: commands.Close, now: int) -> list[RoomEvent]:
    return [RoomClosed(version=room.version + 1, at=now)]


def _purge_when_due(room: Room, _command: commands.Tick, now: int) -> list[RoomEvent]:
    return [RoomPurged(version=room.version + 1, at=now)] if now >= room.due_at else []


def _nothing(_room: Room | None, _command: Command, _now: int) -> list[RoomEvent]:
    return []


Rule = Callable[[Any, Any, int], list[RoomEvent]]

RULES: Final[dict[tuple[RoomState | None, type[Any]], Rule]] = {
    (None, commands.Create): _create,
    # What is gone has nothing left to leave, lose or do.
    (None, commands.Leave): _nothing,
    (None, commands.LoseLine): _nothing,
    (None, commands.Resume): _no_seat_left,
    (None, commands.Regain): _nothing,
    (None, commands.NodeLost): _nothing,
    (None, commands.Tick): _nothing,
    (RoomState.OPEN, commands.Join): _join,
    (RoomState.OPEN, commands.Leave): _leave,
    (RoomState.OPEN, commands.LoseLine): _lose_line,
    (RoomState.OPEN, commands.Resume): _resume,
    (RoomState.OPEN, commands.Regain): _regain,
    (RoomState.OPEN, commands.NodeLost): _node_lost,
    (RoomState.OPEN, commands.Close): _close,
    (RoomState.OPEN, commands.Tick): _end_kept_seats,
    # The end of a room ended its seats; ending it again changes nothing.
    (RoomState.CLOSED, commands.Leave): _nothing,
    (RoomState.CLOSED, commands.LoseLine): _nothing,
    (RoomState.CLOSED, commands.Resume): _no_seat_left,
    (RoomState.CLOSED, commands.Regain): _nothing,
    (RoomState.CLOSED, commands.NodeLost): _nothing,
    (RoomState.CLOSED, commands.Close): _nothing,
    (RoomState.CLOSED, commands.Tick): _purge_when_due,
    (RoomState.EXPIRED, commands.Leave): _nothing,
    (RoomState.EXPIRED, commands.LoseLine): _nothing,
    (RoomState.EXPIRED, commands.Resume): _no_seat_left,
    (RoomState.EXPIRED, commands.Regain): _nothing,
    (RoomState.EXPIRED, commands.NodeLost): _nothing,
    (RoomState.EXPIRED, commands.Close): _nothing,
    (RoomState.EXPIRED, commands.Tick): _purge_when_due,
}
"""(state, command) to rule. An open room past its time is expired before its rule is looked up."""

REFUSALS: Final[dict[RoomState | None, ErrorCode]] = {
    None: ErrorCode.ROOM_NOT_FOUND,
    # Only Create is missing in the open row: the code is taken, which must not pass for success.
    RoomState.OPEN: ErrorCode.SERVER_ERROR,
    RoomState.CLOSED: ErrorCode.ROOM_CLOSED,
    RoomState.EXPIRED: ErrorCode.ROOM_EXPIRED,
}
"""The error of a command that a state has no rule for."""


def evolve(room: Room | None, event: RoomEvent) -> Room | None:
    """The room after an event; None after its purge.

    Raises ValueError for an event that is not the next one.
    """
    expected = 1 if room is None else room.version + 1
    if event.version != expected:
        raise ValueError(f"event {event.version} does not follow: {expected} is next")
    if room is None:
        if not isinstance(event, RoomCreated):
            raise ValueError(f"{type(event).__name__} before RoomCreated")
        return Room(
            code=event.code,
            version=event.version,
            state=RoomState.OPEN,
            owner_id=event.owner_id,
            created_at=event.at,
            expires_at=event.expires_at,
            max_participants=event.max_participants,
            retention=event.retention,
        )
    match event:
        case ParticipantJoined(seat=seat):
            return replace(
                room,
                version=event.version,
                joined_total=room.joined_total + 1,
                seats={**room.seats, seat.socket_id: seat},
            )
        case ParticipantLeft(socket_id=socket_id):
            seats = {key: seat for key, seat in room.seats.items() if key != socket_id}
            return replace(room, version=event.version, seats=seats)
        case ParticipantReconnecting(socket_id=socket_id, held_until=held_until):
            return _with_seat(room, event.version, replace(room.seats[socket_id], held_until=held_until))
        case ParticipantReconnected(socket_id=socket_id, node=node, generation=generation):
            seat = room.seats[socket_id]
            seat = replace(seat, node=node, generation=generation, held_until=None)
            return _with_seat(room, event.version, seat)
        case RoomClosed():
            return replace(room, version=event.version, state=RoomState.CLOSED, ended_at=event.at, seats={})
        case RoomExpired():
            return replace(room, version=event.version, state=RoomState.EXPIRED, ended_at=event.at, seats={})
        case RoomPurged():
            return None
        case RoomCreated():
            raise ValueError("RoomCreated for a room that exists")


def _with_seat(room: Room, version: int, seat: Seat) -> Room:
    # Assigned to its key, a seat keeps its place in the order of joining.
    return replace(room, version=version, seats={**room.seats, seat.socket_id: seat})


def _evolved(room: Room, events: Sequence[RoomEvent]) -> Room:
    """The room after events that do not end it."""
    after = evolve_all(room, events)
    assert after is not None
    return after


def evolve_all(room: Room | None, events: Sequence[RoomEvent]) -> Room | None:
    """The room after several events."""
    for event in events:
        room = evolve(room, event)
    return room
