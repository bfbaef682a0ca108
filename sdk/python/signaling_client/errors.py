"""Everything that can go wrong, as exceptions: one class for each error code of the service.

SignalingError              anything below; also a code that this version does not know
├── ConnectionFailed        the service was not reached, or the line to it broke
├── UnexpectedAnswer        something answered, but not as the service does
│
├── BadRequest, Unauthorized, ForbiddenOrigin, NotFound, MethodNotAllowed,
│   IdempotencyConflict, PayloadTooLarge                                    from REST
├── RoomNotFound, RateLimited, ServerError                                  from both
└── InvalidJson, InvalidMessage, UnknownType, NotInRoom, AlreadyInRoom,
    RoomClosed, RoomExpired, RoomFull, PeerNotFound, ResumeFailed           from a session
"""

from __future__ import annotations

from typing import ClassVar, Final


class SignalingError(Exception):
    """Something was refused, or failed.

    ``code`` is the service's code of the error, for programs; ``detail`` is a sentence, for people;
    ``status`` is the HTTP status of the answer that carried it, None where there was none; ``retry_after`` is
    how many seconds to wait before another try, None where the service did not say.
    """

    default_code: ClassVar[str] = "unknown"

    def __init__(
        self,
        detail: str = "",
        *,
        code: str | None = None,
        status: int | None = None,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(detail)
        self.code = self.default_code if code is None else code
        self.detail = detail
        self.status = status
        self.retry_after = retry_after

    def __str__(self) -> str:
        return f"{self.detail} [{self.code}]"


class ConnectionFailed(SignalingError):
    """The service was not reached, did not answer in time, or the line broke.

    Whether it did what was asked is unknown. ``close_code`` is how a WebSocket was closed (RFC 6455, 7.4),
    None where there was none.
    """

    default_code = "connection_failed"

    def __init__(self, detail: str = "", *, close_code: int | None = None) -> None:
        super().__init__(detail)
        self.close_code = close_code


class UnexpectedAnswer(SignalingError):
    """Something answered, but not as the service does: a proxy, a redirect, another program."""

    default_code = "unexpected_answer"


class BadRequest(SignalingError):
    """A value is not valid; ``detail`` names it."""

    default_code = "bad_request"


class Unauthorized(SignalingError):
    """The API key is missing or wrong."""

    default_code = "unauthorized"


class ForbiddenOrigin(SignalingError):
    """Pages of the origin that was sent may not connect."""

    default_code = "forbidden_origin"


class NotFound(SignalingError):
    """There is nothing at this path: the base URL is likely wrong."""

    default_code = "not_found"


class MethodNotAllowed(SignalingError):
    """The path exists, but not with this method: the base URL is likely wrong."""

    default_code = "method_not_allowed"


class IdempotencyConflict(SignalingError):
    """The idempotency key was used before, for a different request."""

    default_code = "idempotency_conflict"


class PayloadTooLarge(SignalingError):
    """The body or the message is larger than the service takes."""

    default_code = "payload_too_large"


class RoomNotFound(SignalingError):
    """No room has this code, or it ended long ago."""

    default_code = "room_not_found"


class RateLimited(SignalingError):
    """Too many attempts; wait ``retry_after`` seconds."""

    default_code = "rate_limited"


class ServerError(SignalingError):
    """The service cannot do it now; try again, after ``retry_after`` seconds where it is given."""

    default_code = "server_error"


class InvalidJson(SignalingError):
    """A frame was not JSON text."""

    default_code = "invalid_json"


class InvalidMessage(SignalingError):
    """A message was not valid; ``detail`` names the JSON path of the fault."""

    default_code = "invalid_message"


class UnknownType(SignalingError):
    """The service does not know this message: it is older than this package."""

    default_code = "unknown_type"


class NotInRoom(SignalingError):
    """This needs a room, and the session is in none (any more)."""

    default_code = "not_in_room"


class AlreadyInRoom(SignalingError):
    """The socket is in a room already."""

    default_code = "already_in_room"


class RoomClosed(SignalingError):
    """The room was closed."""

    default_code = "room_closed"


class RoomExpired(SignalingError):
    """The room's time is over."""

    default_code = "room_expired"


class RoomFull(SignalingError):
    """The room has as many participants as it holds."""

    default_code = "room_full"


class PeerNotFound(SignalingError):
    """The participant is not in the room (any more): drop the peer connection to it."""

    default_code = "peer_not_found"


class ResumeFailed(SignalingError):
    """The seat cannot be resumed."""

    default_code = "resume_failed"


ERROR_CLASSES: Final[dict[str, type[SignalingError]]] = {
    kind.default_code: kind
    for kind in (
        BadRequest,
        Unauthorized,
        ForbiddenOrigin,
        NotFound,
        MethodNotAllowed,
        IdempotencyConflict,
        PayloadTooLarge,
        RoomNotFound,
        RateLimited,
        ServerError,
        InvalidJson,
        InvalidMessage,
        UnknownType,
        NotInRoom,
        AlreadyInRoom,
        RoomClosed,
        RoomExpired,
        RoomFull,
        PeerNotFound,
        ResumeFailed,
    )
}
"""The service's error codes to their classes."""


def error_of(
    code: str, detail: str, *, status: int | None = None, retry_after: float | None = None
) -> SignalingError:
    """The exception for an error of the service: the base class for a code unknown to this version."""
    kind = ERROR_CLASSES.get(code, SignalingError)
    return kind(detail, code=code, status=status, retry_after=retry_after)
