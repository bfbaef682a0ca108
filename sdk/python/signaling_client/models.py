"""What the REST API answers, as the classes generated from its document.

They are given out as they are, rather than copied into classes of this package: a field that the service
gains is there after the next `make contract`, with its type and its description, and nobody has to copy it.
Fields from a newer service than this package are in `additional_properties`. Times are aware datetimes in
UTC.
"""

from signaling_client._generated.rest.models import (
    HealthMetrics,
    HealthResponse,
    RoomCreated,
    RoomDeleted,
    RoomDetails,
    RoomList,
    RoomParticipant,
    RoomState,
    RoomSummary,
    StatisticsCounts,
    StatisticsResponse,
)

__all__ = [
    "HealthMetrics",
    "HealthResponse",
    "RoomCreated",
    "RoomDeleted",
    "RoomDetails",
    "RoomList",
    "RoomParticipant",
    "RoomState",
    "RoomSummary",
    "StatisticsCounts",
    "StatisticsResponse",
]
