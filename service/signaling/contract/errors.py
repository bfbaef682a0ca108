"""The one registry of error codes and close codes.

Documents, exceptions and frames take their wording from here; a code that is not
here cannot be sent.
"""

from __future__ import annotations

import enum
from typing import Final

from msgspec import Struct


class ErrorCode(enum.Enum):
    """What went wrong, for programs. The sentence beside it (`detail`, `message`) is for people."""

    INVALID_JSON = "invalid_json"
    INVALID_MESSAGE = "invalid_message"
    UNKNOWN_TYPE = "unknown_type"
    NOT_IN_ROOM = "not_in_room"
    ALREADY_IN_ROOM = "already_in_room"
    ROOM_NOT_FOUND = "room_not_found"
    ROOM_CLOSED = "room_closed"
    ROOM_EXPIRED = "room_expired"
    ROOM_FULL = "room_full"
    PEER_NOT_FOUND = "peer_not_found"
    RESUME_FAILED = "resume_failed"
    RATE_LIMITED = "rate_limited"
    SERVER_ERROR = "server_error"
    BAD_REQUEST = "bad_request"
    UNAUTHORIZED = "unauthorized"
    FORBIDDEN_ORIGIN = "forbidden_origin"
    NOT_FOUND = "not_found"
    METHOD_NOT_ALLOWED = "method_not_allowed"
    IDEMPOTENCY_CONFLICT = "idempotency_conflict"
    PAYLOAD_TOO_LARGE = "payload_too_large"


class CloseCode(enum.IntEnum):
    """Why the service closes a socket (RFC 6455, 7.4): 4000-4499 reconnect, 4500-4999 do not."""

    TOO_BIG = 1009
    SERVER_SHUTDOWN = 4001
    SLOW_CONSUMER = 4003
    SERVER_ERROR = 4004
    REPLACED_BY_RESUME = 4005
    BAD_REQUEST = 4501
    JOIN_TIMEOUT = 4502
    ROOM_CLOSED = 4505
    ROOM_EXPIRED = 4506

    @property
    def reconnect(self) -> bool:
        """Whether a client should connect again."""
        return 4000 <= self < 4500


class ErrorInfo(Struct, frozen=True, kw_only=True):
    """What the registry knows of one error code."""

    meaning: str
    """One sentence: what it means and what to do."""
    http_status: int | None = None
    """Status of a REST answer or a refused handshake that carries it; None where only a socket does."""
    on_socket: bool = False
    """Whether it is sent in an `error` frame."""
    close_code: CloseCode | None = None
    """The close that follows when the error ends the socket."""
    retry: bool = False
    """Whether the same request may work later, unchanged."""


ERRORS: Final[dict[ErrorCode, ErrorInfo]] = {
    ErrorCode.INVALID_JSON: ErrorInfo(
        meaning="The frame is not JSON text in UTF-8. Send one JSON object per text frame.",
        on_socket=True,
        close_code=CloseCode.BAD_REQUEST,
    ),
    ErrorCode.INVALID_MESSAGE: ErrorInfo(
        meaning="The frame is JSON, but not a valid message; `message` names the JSON path of the fault.",
        on_socket=True,
        close_code=CloseCode.BAD_REQUEST,
    ),
    ErrorCode.UNKNOWN_TYPE: ErrorInfo(
        meaning="The service has no client message of this `type`.",
        on_socket=True,
        close_code=CloseCode.BAD_REQUEST,
    ),
    ErrorCode.NOT_IN_ROOM: ErrorInfo(meaning="Join a room before sending this message.", on_socket=True),
    ErrorCode.ALREADY_IN_ROOM: ErrorInfo(
        meaning="This socket is in a room already. Send `leave` first, or open another socket.",
        on_socket=True,
    ),
    ErrorCode.ROOM_NOT_FOUND: ErrorInfo(
        meaning="No room has this code, or it ended long ago and was purged. Check the code.",
        http_status=404,
        on_socket=True,
    ),
    ErrorCode.ROOM_CLOSED: ErrorInfo(
        meaning="The room was closed; nobody can join it any more.",
        on_socket=True,
        close_code=CloseCode.ROOM_CLOSED,
    ),
    ErrorCode.ROOM_EXPIRED: ErrorInfo(
        meaning="The room's time is over; nobody can join it any more.",
        on_socket=True,
        close_code=CloseCode.ROOM_EXPIRED,
    ),
    ErrorCode.ROOM_FULL: ErrorInfo(
        meaning="The room has `max_participants` participants. Try again when somebody has left.",
        on_socket=True,
        retry=True,
    ),
    ErrorCode.PEER_NOT_FOUND: ErrorInfo(
        meaning="The participant in `to` is not in your room (any more). Drop the peer connection to it.",
        on_socket=True,
    ),
    ErrorCode.RESUME_FAILED: ErrorInfo(
        meaning="The seat cannot be resumed. Join the room anew.",
        on_socket=True,
    ),
    ErrorCode.RATE_LIMITED: ErrorInfo(
        meaning="Too many attempts. Wait `retry_after` seconds.",
        on_socket=True,
        retry=True,
    ),
    ErrorCode.SERVER_ERROR: ErrorInfo(
        meaning="The service cannot do it now. Nothing was changed; try again in `retry_after` seconds.",
        http_status=500,
        on_socket=True,
        close_code=CloseCode.SERVER_ERROR,
        retry=True,
    ),
    ErrorCode.BAD_REQUEST: ErrorInfo(
        meaning="A field of the body, the query, the path or a header is not valid; `detail` names it.",
        http_status=400,
    ),
    ErrorCode.UNAUTHORIZED: ErrorInfo(
        meaning="The `X-API-Key` header is missing or holds no valid key.",
        http_status=401,
    ),
    ErrorCode.FORBIDDEN_ORIGIN: ErrorInfo(
        meaning="Pages of this origin may not connect; the operator sets `ALLOWED_ORIGINS`.",
        http_status=403,
    ),
    ErrorCode.NOT_FOUND: ErrorInfo(meaning="There is nothing at this path.", http_status=404),
    ErrorCode.METHOD_NOT_ALLOWED: ErrorInfo(
        meaning="The path exists, but not with this method; `Allow` lists those it has.",
        http_status=405,
    ),
    ErrorCode.IDEMPOTENCY_CONFLICT: ErrorInfo(
        meaning="This `Idempotency-Key` was used within 24 hours for a different request.",
        http_status=409,
    ),
    ErrorCode.PAYLOAD_TOO_LARGE: ErrorInfo(
        meaning="The request body is larger than 64 KiB.",
        http_status=413,
    ),
}

CLOSES: Final[dict[CloseCode, str]] = {
    CloseCode.TOO_BIG: "The frame or message is larger than `max_frame_bytes`.",
    CloseCode.SERVER_SHUTDOWN: "The service is restarting. Reconnect after a short random wait.",
    CloseCode.SLOW_CONSUMER: "This socket did not read what was sent to it. Reconnect.",
    CloseCode.SERVER_ERROR: "The service failed at this socket. Reconnect.",
    CloseCode.REPLACED_BY_RESUME: "The seat was resumed on a newer socket.",
    CloseCode.BAD_REQUEST: "Ten bad frames in a row: the client does not speak this protocol.",
    CloseCode.JOIN_TIMEOUT: "No room was joined within `join_timeout_seconds`.",
    CloseCode.ROOM_CLOSED: "The room was closed.",
    CloseCode.ROOM_EXPIRED: "The room's time is over.",
}


class SignalingError(Exception):
    """Something was refused. Born with its outward code.

    ``detail`` is a sentence for people (default: the registry's meaning);
    ``retry_after`` is in seconds, for codes that may work later;
    ``status`` overrides the registry's HTTP status (503 for `server_error`).
    """

    def __init__(
        self,
        code: ErrorCode,
        detail: str | None = None,
        *,
        retry_after: float | None = None,
        status: int | None = None,
    ) -> None:
        """See the class."""
        self.code = code
        self.detail = detail if detail is not None else ERRORS[code].meaning
        self.retry_after = retry_after
        self.status = status if status is not None else ERRORS[code].http_status
        super().__init__(self.detail)
