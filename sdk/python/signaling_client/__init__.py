"""Client of the WebRTC signaling and room service.

    with SignalingClient("https://signaling.example.org", api_key=key) as client:
        room = client.create_room(owner_id="teacher_123", ttl_hours=2)

    async with connect("https://signaling.example.org", room_code=room.room_code) as session:
        async for message in session:
            ...

`SignalingClient` and `AsyncSignalingClient` are the REST API, `connect` is a seat in a room. `models` holds
what REST answers, `messages` what a session yields, `errors` every exception.
"""

from signaling_client._version import __version__
from signaling_client.async_client import AsyncSignalingClient
from signaling_client.client import SignalingClient
from signaling_client.connect import connect
from signaling_client.errors import (
    AlreadyInRoom,
    BadRequest,
    ConnectionFailed,
    ForbiddenOrigin,
    IdempotencyConflict,
    InvalidJson,
    InvalidMessage,
    MethodNotAllowed,
    NotFound,
    NotInRoom,
    PayloadTooLarge,
    PeerNotFound,
    RateLimited,
    ResumeFailed,
    RoomClosed,
    RoomExpired,
    RoomFull,
    RoomNotFound,
    ServerError,
    SignalingError,
    Unauthorized,
    UnexpectedAnswer,
    UnknownType,
)
from signaling_client.messages import Reconnected, Reconnecting
from signaling_client.retry import NO_RETRY, RetryPolicy
from signaling_client.session import Session

__all__ = [
    "NO_RETRY",
    "AlreadyInRoom",
    "AsyncSignalingClient",
    "BadRequest",
    "ConnectionFailed",
    "ForbiddenOrigin",
    "IdempotencyConflict",
    "InvalidJson",
    "InvalidMessage",
    "MethodNotAllowed",
    "NotFound",
    "NotInRoom",
    "PayloadTooLarge",
    "PeerNotFound",
    "RateLimited",
    "Reconnected",
    "Reconnecting",
    "ResumeFailed",
    "RetryPolicy",
    "RoomClosed",
    "RoomExpired",
    "RoomFull",
    "RoomNotFound",
    "ServerError",
    "Session",
    "SignalingClient",
    "SignalingError",
    "Unauthorized",
    "UnexpectedAnswer",
    "UnknownType",
    "__version__",
    "connect",
]
