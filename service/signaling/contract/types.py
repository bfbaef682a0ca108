"""The values messages and bodies are made of: codes, identifiers, names, times.

Each is an annotated plain type, so that its bound, its meaning and its example are
checked by the codec and printed into every document from this one place.
"""

from __future__ import annotations

import enum
from datetime import UTC, datetime
from functools import lru_cache, partial
from typing import Annotated, Final

from msgspec import Meta, Struct

ROOM_CODE_ALPHABET: Final = "23456789abcdefghjkmnpqrstuvwxyz"
"""Characters a room code is made of: no look-alikes (0 o, 1 i l)."""

ROOM_CODE_LENGTH: Final = 6

GUEST_NAME: Final = "Guest"
"""Display name of a participant who gave none."""

MIN_TTL_HOURS: Final = 1
MAX_TTL_HOURS: Final = 168
MIN_PARTICIPANTS: Final = 2
MAX_PARTICIPANTS: Final = 100
MAX_SDP_LENGTH: Final = 65_536
MAX_ID_LENGTH: Final = 128

RoomCode = Annotated[
    str,
    Meta(
        pattern="^[0-9A-Za-z]{6}$",
        max_length=ROOM_CODE_LENGTH,
        description=(
            "Code of a room: 6 characters of `23456789abcdefghjkmnpqrstuvwxyz`. "
            "Accepted in any case, always answered in lower case."
        ),
        examples=["a7x9k2"],
    ),
]
SocketId = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=MAX_ID_LENGTH,
        description="Identifier of one participant's connection, made by the service. Do not parse it.",
        examples=["k3v9q2mx-7fh2kd8s5wpc4nrt"],
    ),
]
DISPLAY_NAME_PATTERN: Final = r"^\s*\S(?:[\s\S]{0,78}\S)?\s*$"
"""1 to 80 characters once trimmed."""

DisplayName = Annotated[
    str,
    Meta(
        pattern=DISPLAY_NAME_PATTERN,
        # Bounds the pattern's cost; it is far above what anybody pads a name with.
        max_length=1024,
        description=(
            "Name shown to the other participants: 1 to 80 characters, white space around it not counted "
            "and removed."
        ),
        examples=["John Doe"],
    ),
]
UserId = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=MAX_ID_LENGTH,
        description="The platform's own identifier of the user. The service only carries it.",
        examples=["student_456"],
    ),
]
OwnerId = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=MAX_ID_LENGTH,
        description="The platform's own identifier of whoever the room belongs to (teacher, host).",
        examples=["teacher_123"],
    ),
]
Timestamp = Annotated[
    datetime,
    Meta(tz=True, description="A time in UTC, RFC 3339, with a `Z`.", examples=["2025-12-18T10:30:00Z"]),
]


class RoomState(enum.Enum):
    """Where a room is in its life: `open` takes participants, `closed` and `expired` have ended."""

    OPEN = "open"
    CLOSED = "closed"
    EXPIRED = "expired"


class ConnectionState(enum.Enum):
    """A participant's line: `connected`, or `reconnecting` while its seat is kept after a lost line."""

    CONNECTED = "connected"
    RECONNECTING = "reconnecting"


class LeftReason(enum.Enum):
    """Why a participant is gone: it `left`, or its line broke (`connection_lost`)."""

    LEFT = "left"
    CONNECTION_LOST = "connection_lost"


class RoomLeftReason(enum.Enum):
    """Why you are out of the room: you `left`, or the room ended (`room_closed`, `room_expired`)."""

    LEFT = "left"
    ROOM_CLOSED = "room_closed"
    ROOM_EXPIRED = "room_expired"


class WireStruct(Struct, frozen=True, kw_only=True):
    """Base of everything that goes over the wire: immutable, fields by name."""


def wire_time(milliseconds: int) -> datetime:
    """The wire's form of a time in milliseconds since the epoch: UTC, whole seconds."""
    return _utc(milliseconds // 1000)


# A class comes in within few seconds, and each seat is shown many times.
_utc = lru_cache(1024)(partial(datetime.fromtimestamp, tz=UTC))
