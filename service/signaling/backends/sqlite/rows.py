"""Rooms and events to the text they are stored as, and back.

JSON, so that an operator can read the file with nothing but the sqlite3 shell.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import msgspec
from msgspec import Struct

from signaling.domain.events import RoomEvent
from signaling.domain.room import Room
from signaling.rooms.ports import Claim, Commit

_ENCODER: Final = msgspec.json.Encoder()
_ROOM_DECODER: Final = msgspec.json.Decoder(Room)
_EVENT_DECODER: Final[msgspec.json.Decoder[RoomEvent]] = msgspec.json.Decoder(RoomEvent)


EventRow = tuple[str, int, int, str]
"""A row of `events`: code, version, time and body."""


class RoomRow(Struct, frozen=True):
    """A row of `rooms`, in the order of its columns."""

    code: str
    version: int
    state: str
    owner_id: str | None
    created_at: int
    expires_at: int
    due_at: int
    seat_count: int
    joined_total: int
    body: str


class CommitRows(Struct, frozen=True):
    """A commit, ready for the writer."""

    code: str
    expected_version: int
    at: int
    claim: Claim | None
    room: RoomRow | None
    events: Sequence[EventRow]


def commit_rows(commit: Commit) -> CommitRows:
    """What the commit writes. Raises ValueError for no events, a gap in them, or a room not theirs."""
    commit.check()
    room = commit.room
    return CommitRows(
        code=commit.code,
        expected_version=commit.expected_version,
        at=commit.at,
        claim=commit.claim,
        room=None if room is None else _room_row(room),
        events=[
            (commit.code, event.version, event.at, _ENCODER.encode(event).decode()) for event in commit.events
        ],
    )


def _room_row(room: Room) -> RoomRow:
    return RoomRow(
        code=room.code,
        version=room.version,
        state=room.state.value,
        owner_id=room.owner_id,
        created_at=room.created_at,
        expires_at=room.expires_at,
        due_at=room.due_at,
        seat_count=len(room.seats),
        joined_total=room.joined_total,
        body=_ENCODER.encode(room).decode(),
    )


def room_from(body: str) -> Room:
    """The room of a row's body."""
    return _ROOM_DECODER.decode(body)


def event_from(body: str) -> RoomEvent:
    """The event of a row's body."""
    return _EVENT_DECODER.decode(body)
