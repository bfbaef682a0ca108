"""Rooms, events and commits to the bytes they are stored as, and back.

JSON, so that an operator can read them with nothing but redis-cli.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import msgspec
from msgspec import Struct

from signaling.backends.redis.names import Names, digest, partition_of
from signaling.backends.redis.scripts import COMMIT, PURGE, Script
from signaling.domain.events import RoomEvent
from signaling.domain.room import Room
from signaling.rooms.ports import Commit

_ENCODER: Final = msgspec.json.Encoder()
_ROOM_DECODER: Final = msgspec.json.Decoder(Room)
_EVENT_DECODER: Final[msgspec.json.Decoder[RoomEvent]] = msgspec.json.Decoder(RoomEvent)
_EVENTS_DECODER: Final = msgspec.json.Decoder(list[RoomEvent])


class Change(Struct, frozen=True):
    """A commit, ready to be sent: as often as needed, by whomever, it is done once."""

    code: str
    id: str
    purges: bool
    args: tuple[bytes, ...]
    """Of its script."""

    @property
    def script(self) -> Script:
        """What does it."""
        return PURGE if self.purges else COMMIT

    @property
    def partition(self) -> int:
        """Where."""
        return partition_of(self.code)


def change_from(commit: Commit, id_: str, names: Names, log_limit: int) -> Change:
    """The commit with its id. Raises ValueError for no events, a gap in them, or a room not theirs."""
    commit.check()
    room = commit.room
    args: list[str | int] = [names.base(partition_of(commit.code)), names.channel(commit.code), commit.code]
    if room is None:
        args.append(commit.expected_version)
        bodies = []
    else:
        args += (
            id_,
            commit.expected_version,
            log_limit,
            room.version,
            room.state.value,
            "" if room.owner_id is None else digest(room.owner_id),
            room.created_at,
            room.expires_at,
            room.due_at,
            len(room.seats),
            room.joined_total,
        )
        bodies = [_ENCODER.encode(room)]
    bodies += [_ENCODER.encode(event) for event in commit.events]
    return Change(
        code=commit.code,
        id=id_,
        purges=room is None,
        args=(*(str(arg).encode() for arg in args), *bodies),
    )


def room_from(body: bytes) -> Room:
    """The room of a stored body."""
    return _ROOM_DECODER.decode(body)


def event_from(entry: bytes) -> RoomEvent:
    """The event of an entry of the log: what follows the commit's id."""
    return _EVENT_DECODER.decode(entry[entry.index(b"{") :])


def events_from(announcement: Any) -> Sequence[RoomEvent]:
    """The events of an announcement."""
    return _EVENTS_DECODER.decode(announcement)
