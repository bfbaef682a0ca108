"""What happened in a room: the entries of its log.

Every event has the room's next version number (1, 2, 3, ...) and its time in
milliseconds since the epoch. What members see, what is stored and what is
counted are all read off these.
"""

from __future__ import annotations

from msgspec import Struct

from signaling.contract.types import ConnectionState, LeftReason


class Seat(Struct, frozen=True, kw_only=True):
    """A participant's place in a room."""

    socket_id: str
    display_name: str
    user_id: str | None
    joined_at: int
    node: str
    """The process that holds the socket."""
    number: int
    """Order of joining, from 1, never used again in this room: the lower number is the older."""
    generation: int = 0
    """The room's version when it was taken or last resumed: tells its present holder from those before."""
    held_until: int | None = None
    """While its line is lost: when it ends unless somebody resumes it. None: the line stands."""

    @property
    def connection(self) -> ConnectionState:
        """The state of its line."""
        return ConnectionState.CONNECTED if self.held_until is None else ConnectionState.RECONNECTING


class Event(Struct, frozen=True, kw_only=True, tag_field="event"):
    """Base of all events."""

    version: int
    at: int


class RoomCreated(Event, frozen=True, kw_only=True, tag="room_created"):
    """The first entry of every log."""

    code: str
    owner_id: str | None
    expires_at: int
    max_participants: int
    retention: int
    """How long the room is kept after its end, in milliseconds."""


class ParticipantJoined(Event, frozen=True, kw_only=True, tag="participant_joined"):
    """Somebody took a seat."""

    seat: Seat


class ParticipantLeft(Event, frozen=True, kw_only=True, tag="participant_left"):
    """A seat was given up, or lost with its line: one for each ParticipantJoined, unless the room ended."""

    socket_id: str
    reason: LeftReason


class ParticipantReconnecting(Event, frozen=True, kw_only=True, tag="participant_reconnecting"):
    """A seat's line was lost; it is kept until ``held_until``."""

    socket_id: str
    held_until: int


class ParticipantReconnected(Event, frozen=True, kw_only=True, tag="participant_reconnected"):
    """A seat has a line again: a new socket on ``node``, or the one it had if the generation is the same."""

    socket_id: str
    node: str
    generation: int


class RoomClosed(Event, frozen=True, kw_only=True, tag="room_closed"):
    """The room was ended; so is every seat in it."""


class RoomExpired(Event, frozen=True, kw_only=True, tag="room_expired"):
    """The room's time ran out; every seat in it ended with it."""


class RoomPurged(Event, frozen=True, kw_only=True, tag="room_purged"):
    """The room and its log are forgotten."""


RoomEvent = (
    RoomCreated
    | ParticipantJoined
    | ParticipantLeft
    | ParticipantReconnecting
    | ParticipantReconnected
    | RoomClosed
    | RoomExpired
    | RoomPurged
)
