"""Examples for the documents: instances of the contract's own types, so they cannot be wrong.

`ERROR_CASES` is also the one list of the errors that each REST operation can answer.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Final

from msgspec import Struct
from msgspec.structs import replace

from signaling.contract.errors import ErrorCode
from signaling.contract.rest import (
    CreateRoomRequest,
    ErrorBody,
    HealthMetrics,
    HealthResponse,
    ReadyResponse,
    RoomCreated,
    RoomDeleted,
    RoomDetails,
    RoomList,
    RoomParticipant,
    RoomSummary,
    StatisticsCounts,
    StatisticsResponse,
    UnreadyResponse,
)
from signaling.contract.types import ConnectionState, RoomState

_CREATED: Final = datetime(2025, 12, 18, 10, 30, tzinfo=UTC)
_JOINED: Final = datetime(2025, 12, 18, 10, 31, tzinfo=UTC)
_EXPIRES: Final = datetime(2025, 12, 18, 12, 30, tzinfo=UTC)

_DETAILS: Final = RoomDetails(
    room_code="a7x9k2",
    created_at=_CREATED,
    expires_at=_EXPIRES,
    state=RoomState.OPEN,
    participant_count=1,
    max_participants=30,
    participants=[
        RoomParticipant(
            socket_id="k3v9q2mx-7fh2kd8s5wpc4nrt",
            display_name="John Doe",
            user_id="student_456",
            joined_at=_JOINED,
            connection=ConnectionState.CONNECTED,
        )
    ],
    owner_id="teacher_123",
)
_SUMMARY: Final = RoomSummary(
    room_code="a7x9k2",
    state=RoomState.OPEN,
    participant_count=5,
    max_participants=30,
    created_at=_CREATED,
    expires_at=_EXPIRES,
    owner_id="teacher_123",
)

REST_EXAMPLES: Final[dict[type[Any], dict[str, Any]]] = {
    CreateRoomRequest: {
        "scheduled_class": CreateRoomRequest(owner_id="teacher_123", ttl_hours=2, max_participants=30),
        "tutoring": CreateRoomRequest(owner_id="tutor_456", ttl_hours=1, max_participants=2),
    },
    RoomCreated: {
        "created": RoomCreated(
            room_code="a7x9k2", created_at=_CREATED, expires_at=_EXPIRES, owner_id="teacher_123"
        ),
    },
    RoomDetails: {
        "open": _DETAILS,
        "closed": replace(_DETAILS, state=RoomState.CLOSED, participant_count=0, participants=[]),
    },
    RoomList: {
        "only_page": RoomList(rooms=[_SUMMARY], total=1, next_cursor=None),
        "first_page": RoomList(rooms=[_SUMMARY], total=2, next_cursor="1766053800000-a7x9k2"),
    },
    RoomDeleted: {"deleted": RoomDeleted(message="Room a7x9k2 deleted successfully")},
    StatisticsResponse: {
        "statistics": StatisticsResponse(
            statistics=StatisticsCounts(
                total_rooms=10,
                open_rooms=3,
                closed_rooms=5,
                expired_rooms=2,
                total_participants=45,
                active_participants=15,
            )
        ),
    },
    HealthResponse: {
        "healthy": HealthResponse(
            status="healthy",
            timestamp=_CREATED,
            metrics=HealthMetrics(
                active_websocket_connections=15, active_rooms=3, api_authentication="enabled"
            ),
        ),
    },
    ReadyResponse: {"ready": ReadyResponse(status="ready")},
    UnreadyResponse: {
        "draining": UnreadyResponse(status="draining"),
        "store_unavailable": UnreadyResponse(status="store_unavailable"),
    },
}
"""Named examples of every body but errors."""


class ErrorCase(Struct, frozen=True):
    """An error as an operation answers it."""

    name: str
    """Short name of the case, of its operation alone."""
    status: int
    code: ErrorCode
    detail: str

    @property
    def body(self) -> ErrorBody:
        """The answer's body."""
        return ErrorBody(detail=self.detail, code=self.code)


_NO_KEY: Final = ErrorCase("no_key", 401, ErrorCode.UNAUTHORIZED, "Invalid or missing API key")
_BAD_CODE: Final = ErrorCase("bad_code", 400, ErrorCode.BAD_REQUEST, "room_code: must be 6 letters or digits")
_NO_ROOM: Final = ErrorCase("no_room", 404, ErrorCode.ROOM_NOT_FOUND, "No room has the code a7x9k2")
_UNFORESEEN: Final = ErrorCase("unforeseen", 500, ErrorCode.SERVER_ERROR, "Internal server error")
_STORE: Final = ErrorCase("store", 503, ErrorCode.SERVER_ERROR, "The store cannot serve now")
_COMMIT: Final = ErrorCase(
    "store", 503, ErrorCode.SERVER_ERROR, "The store cannot serve now. Nothing was changed"
)

ERROR_CASES: Final[dict[str, tuple[ErrorCase, ...]]] = {
    "create_room": (
        ErrorCase("bad_field", 400, ErrorCode.BAD_REQUEST, "Expected `int` <= 168 - at `$.ttl_hours`"),
        ErrorCase(
            "unknown_field",
            400,
            ErrorCode.BAD_REQUEST,
            "Object contains unknown field `ttl` - at `$`",
        ),
        ErrorCase("not_json", 400, ErrorCode.BAD_REQUEST, "The request body is not valid JSON"),
        _NO_KEY,
        ErrorCase(
            "key_reused",
            409,
            ErrorCode.IDEMPOTENCY_CONFLICT,
            "This `Idempotency-Key` was used within 24 hours for a different request.",
        ),
        ErrorCase("too_large", 413, ErrorCode.PAYLOAD_TOO_LARGE, "The request body is larger than 64 KiB."),
        _UNFORESEEN,
        _COMMIT,
    ),
    "list_rooms": (
        ErrorCase("bad_state", 400, ErrorCode.BAD_REQUEST, "state: must be open, closed or expired"),
        ErrorCase("bad_limit", 400, ErrorCode.BAD_REQUEST, "limit: Expected `int` <= 200"),
        ErrorCase("bad_cursor", 400, ErrorCode.BAD_REQUEST, "cursor: not one that this service made"),
        _NO_KEY,
        _UNFORESEEN,
        _STORE,
    ),
    "get_room": (_BAD_CODE, _NO_KEY, _NO_ROOM, _UNFORESEEN, _STORE),
    "delete_room": (_BAD_CODE, _NO_KEY, _NO_ROOM, _UNFORESEEN, _COMMIT),
    "get_statistics": (_NO_KEY, _UNFORESEEN, _STORE),
}
"""The errors of each operation, by `operationId`."""
