"""Examples for the documents: instances of the contract's own types, so they cannot be wrong."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Final

from signaling.contract.rest import (
    CreateRoomRequest,
    HealthMetrics,
    HealthResponse,
    ReadinessResponse,
    RoomCreated,
    RoomDeleted,
    RoomDetails,
    RoomList,
    RoomParticipant,
    RoomSummary,
    StatisticsCounts,
    StatisticsResponse,
)
from signaling.contract.types import ConnectionState, RoomState

_CREATED: Final = datetime(2025, 12, 18, 10, 30, tzinfo=UTC)
_JOINED: Final = datetime(2025, 12, 18, 10, 31, tzinfo=UTC)
_EXPIRES: Final = datetime(2025, 12, 18, 12, 30, tzinfo=UTC)

REST_EXAMPLES: Final[dict[type[Any], Any]] = {
    CreateRoomRequest: CreateRoomRequest(owner_id="teacher_123", ttl_hours=2, max_participants=30),
    RoomCreated: RoomCreated(
        room_code="a7x9k2", created_at=_CREATED, expires_at=_EXPIRES, owner_id="teacher_123"
    ),
    RoomDetails: RoomDetails(
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
    ),
    RoomList: RoomList(
        rooms=[
            RoomSummary(
                room_code="a7x9k2",
                state=RoomState.OPEN,
                participant_count=5,
                max_participants=30,
                created_at=_CREATED,
                expires_at=_EXPIRES,
                owner_id="teacher_123",
            )
        ],
        total=1,
        next_cursor=None,
    ),
    RoomDeleted: RoomDeleted(message="Room a7x9k2 deleted successfully"),
    StatisticsResponse: StatisticsResponse(
        statistics=StatisticsCounts(
            total_rooms=10,
            open_rooms=3,
            closed_rooms=5,
            expired_rooms=2,
            total_participants=45,
            active_participants=15,
        )
    ),
    HealthResponse: HealthResponse(
        status="healthy",
        timestamp=_CREATED,
        metrics=HealthMetrics(active_websocket_connections=15, active_rooms=3, api_authentication="enabled"),
    ),
    ReadinessResponse: ReadinessResponse(status="ready"),
}
