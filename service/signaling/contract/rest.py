"""Every REST body, as the codec decodes and encodes it."""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

from msgspec import Meta

from signaling.contract.errors import ErrorCode
from signaling.contract.types import (
    MAX_PARTICIPANTS,
    MAX_TTL_HOURS,
    MIN_PARTICIPANTS,
    MIN_TTL_HOURS,
    ConnectionState,
    DisplayName,
    OwnerId,
    RoomCode,
    RoomState,
    SocketId,
    Timestamp,
    UserId,
    WireStruct,
)

MaxParticipants = Annotated[
    int,
    Meta(
        ge=MIN_PARTICIPANTS,
        le=MAX_PARTICIPANTS,
        description="How many participants the room holds at once.",
        examples=[30],
    ),
]
CreatedAt = Annotated[Timestamp, Meta(description="When the room was made: UTC, RFC 3339, whole seconds.")]
ExpiresAt = Annotated[
    Timestamp,
    Meta(
        description=(
            "When the room ends by itself, if nobody deletes it before: UTC, RFC 3339, whole seconds."
        ),
        examples=["2025-12-18T12:30:00Z"],
    ),
]
State = Annotated[
    RoomState,
    Meta(
        description=(
            "Where the room is in its life: `open` takes participants; `closed` (it was deleted) and "
            "`expired` (its time is over) have ended."
        )
    ),
]


def _count(description: str, example: int) -> Any:
    return Meta(ge=0, description=description, examples=[example])


class CreateRoomRequest(WireStruct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the room shall be like. Every field may be left out or null; others are refused."""

    owner_id: OwnerId | None = None
    ttl_hours: (
        Annotated[
            int,
            Meta(
                ge=MIN_TTL_HOURS,
                le=MAX_TTL_HOURS,
                description=(
                    "Lifetime in hours. Left out or null: what the operator set as `ROOM_TTL_HOURS`, else 24."
                ),
                examples=[2],
            ),
        ]
        | None
    ) = None
    max_participants: (
        Annotated[
            int,
            Meta(
                ge=MIN_PARTICIPANTS,
                le=MAX_PARTICIPANTS,
                description=(
                    "How many participants the room holds at once. Left out or null: what the operator set "
                    "as `MAX_PARTICIPANTS_PER_ROOM`, else 50."
                ),
                examples=[30],
            ),
        ]
        | None
    ) = None


class RoomCreated(WireStruct, frozen=True, kw_only=True):
    """The new room. Hand `room_code` to those who may join."""

    room_code: RoomCode
    created_at: CreatedAt
    expires_at: ExpiresAt
    owner_id: OwnerId | None


class RoomParticipant(WireStruct, frozen=True, kw_only=True):
    """Somebody in the room now."""

    socket_id: SocketId
    display_name: DisplayName
    user_id: UserId | None
    joined_at: Annotated[
        Timestamp,
        Meta(
            description="When the participant joined: UTC, RFC 3339, whole seconds.",
            examples=["2025-12-18T10:31:00Z"],
        ),
    ]
    connection: Annotated[
        ConnectionState,
        Meta(
            description=(
                "The participant's line: `connected`, or `reconnecting` while its seat is kept after a lost "
                "line."
            )
        ),
    ]


class RoomSummary(WireStruct, frozen=True, kw_only=True):
    """A room, as the list shows it."""

    room_code: RoomCode
    state: State
    participant_count: Annotated[int, _count("Participants in the room now.", 5)]
    max_participants: MaxParticipants
    created_at: CreatedAt
    expires_at: ExpiresAt
    owner_id: OwnerId | None


class RoomDetails(WireStruct, frozen=True, kw_only=True):
    """A room, and who is in it."""

    room_code: RoomCode
    created_at: CreatedAt
    expires_at: ExpiresAt
    state: State
    participant_count: Annotated[int, _count("Participants in the room now.", 5)]
    max_participants: MaxParticipants
    participants: Annotated[
        list[RoomParticipant], Meta(description="Everyone in the room, first come first.")
    ]
    owner_id: OwnerId | None


class RoomList(WireStruct, frozen=True, kw_only=True):
    """A page of rooms, newest first."""

    rooms: Annotated[list[RoomSummary], Meta(description="The rooms of this page.")]
    total: Annotated[int, _count("How many rooms match in all, not only on this page.", 1)]
    next_cursor: Annotated[
        str | None,
        Meta(
            description="`cursor` of the next page; null on the last one.",
            examples=["1766053800000-a7x9k2"],
        ),
    ]


class RoomDeleted(WireStruct, frozen=True, kw_only=True):
    """The room has ended."""

    message: Annotated[str, Meta(description="What was done.", examples=["Room a7x9k2 deleted successfully"])]


class StatisticsCounts(WireStruct, frozen=True, kw_only=True):
    """Counts over the rooms not yet purged."""

    total_rooms: Annotated[int, _count("Rooms of any state.", 10)]
    open_rooms: Annotated[int, _count("Rooms that take participants.", 3)]
    closed_rooms: Annotated[int, _count("Rooms that were closed.", 5)]
    expired_rooms: Annotated[int, _count("Rooms whose time ran out.", 2)]
    total_participants: Annotated[int, _count("Everyone who ever joined one of these rooms.", 45)]
    active_participants: Annotated[int, _count("Those in a room now.", 15)]


class StatisticsResponse(WireStruct, frozen=True, kw_only=True):
    """Figures for a dashboard."""

    statistics: StatisticsCounts


class HealthMetrics(WireStruct, frozen=True, kw_only=True):
    """Figures that cost nothing to take."""

    active_websocket_connections: Annotated[int, _count("Open WebSocket connections of this process.", 15)]
    active_rooms: Annotated[int, _count("Open rooms.", 3)]
    api_authentication: Annotated[
        Literal["enabled"],
        Meta(description="Whether REST calls need a key. They always do.", examples=["enabled"]),
    ]


class HealthResponse(WireStruct, frozen=True, kw_only=True):
    """The process is alive."""

    status: Annotated[
        Literal["healthy"], Meta(description="Always `healthy` in an answer.", examples=["healthy"])
    ]
    timestamp: Annotated[Timestamp, Meta(description="The service's clock: UTC, RFC 3339, whole seconds.")]
    metrics: HealthMetrics


class ReadyResponse(WireStruct, frozen=True, kw_only=True):
    """This process is able to serve."""

    status: Annotated[
        Literal["ready"], Meta(description="Always `ready` in this answer.", examples=["ready"])
    ]


class UnreadyResponse(WireStruct, frozen=True, kw_only=True):
    """This process is not able to serve."""

    status: Annotated[
        Literal["draining", "store_unavailable"],
        Meta(
            description="`draining`: it is stopping. `store_unavailable`: its store cannot be written to.",
            examples=["draining"],
        ),
    ]


class ErrorBody(WireStruct, frozen=True, kw_only=True):
    """Body of every error answer."""

    detail: Annotated[
        str, Meta(description="What went wrong, for people.", examples=["Invalid or missing API key"])
    ]
    code: Annotated[ErrorCode, Meta(description="What went wrong, for programs.", examples=["unauthorized"])]


REST_TYPES: Final = (
    CreateRoomRequest,
    RoomCreated,
    RoomDetails,
    RoomList,
    RoomDeleted,
    StatisticsResponse,
    HealthResponse,
    ReadyResponse,
    UnreadyResponse,
    ErrorBody,
    RoomState,
)
"""What the OpenAPI document's components are printed from (with all they refer to)."""
