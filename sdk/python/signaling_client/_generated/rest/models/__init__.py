"""Contains all the data models used in inputs/outputs"""

from .connection_state import ConnectionState
from .create_room_request import CreateRoomRequest
from .error_body import ErrorBody
from .error_code import ErrorCode
from .health_metrics import HealthMetrics
from .health_response import HealthResponse
from .ready_response import ReadyResponse
from .room_created import RoomCreated
from .room_deleted import RoomDeleted
from .room_details import RoomDetails
from .room_list import RoomList
from .room_participant import RoomParticipant
from .room_state import RoomState
from .room_summary import RoomSummary
from .statistics_counts import StatisticsCounts
from .statistics_response import StatisticsResponse
from .unready_response import UnreadyResponse

__all__ = (
    "ConnectionState",
    "CreateRoomRequest",
    "ErrorBody",
    "ErrorCode",
    "HealthMetrics",
    "HealthResponse",
    "ReadyResponse",
    "RoomCreated",
    "RoomDeleted",
    "RoomDetails",
    "RoomList",
    "RoomParticipant",
    "RoomState",
    "RoomSummary",
    "StatisticsCounts",
    "StatisticsResponse",
    "UnreadyResponse",
)
