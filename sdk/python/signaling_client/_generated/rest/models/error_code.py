from enum import StrEnum


class ErrorCode(StrEnum):
    BAD_REQUEST = "bad_request"
    FORBIDDEN_ORIGIN = "forbidden_origin"
    IDEMPOTENCY_CONFLICT = "idempotency_conflict"
    METHOD_NOT_ALLOWED = "method_not_allowed"
    NOT_FOUND = "not_found"
    PAYLOAD_TOO_LARGE = "payload_too_large"
    ROOM_NOT_FOUND = "room_not_found"
    SERVER_ERROR = "server_error"
    UNAUTHORIZED = "unauthorized"

    def __str__(self) -> str:
        return str(self.value)
