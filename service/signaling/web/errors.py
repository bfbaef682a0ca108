"""Every error answer has one shape: `{"detail": ..., "code": ...}`."""

from __future__ import annotations

import math
from typing import Any, Final

import structlog
from litestar import Request, Response
from litestar.exceptions import HTTPException, MethodNotAllowedException, ValidationException
from msgspec import Struct

from signaling.contract.errors import ERRORS, ErrorCode, SignalingError
from signaling.contract.rest import ErrorBody
from signaling.web.methods import allowed_methods
from signaling.web.requests import note_error

_log = structlog.stdlib.get_logger("signaling.http")

CODE_OF_STATUS: Final = {
    400: ErrorCode.BAD_REQUEST,
    401: ErrorCode.UNAUTHORIZED,
    404: ErrorCode.NOT_FOUND,
    405: ErrorCode.METHOD_NOT_ALLOWED,
    413: ErrorCode.PAYLOAD_TOO_LARGE,
}
"""Codes of the errors that the framework itself raises."""

PARAMETER_NAMES: Final = {"room_state": "state", "idempotency_key": "Idempotency-Key"}
"""Handlers' parameter names that are not those of the wire."""

PARAMETER_RULES: Final = {
    "room_code": "must be 6 letters or digits",
    "state": "must be open, closed or expired",
    "cursor": "not one that this service made",
    "Idempotency-Key": "must be 1 to 255 printable ASCII characters without spaces",
}
"""What is said of a parameter whose fault would otherwise be told as a regular expression or by its value."""

CHALLENGE: Final = {"WWW-Authenticate": "ApiKey"}


class Refusal(Struct, frozen=True, kw_only=True):
    """An error as it is answered."""

    status: int
    code: ErrorCode
    detail: str
    headers: dict[str, str] = {}

    @property
    def body(self) -> ErrorBody:
        """What is sent."""
        return ErrorBody(detail=self.detail, code=self.code)


def refusal_of(error: Exception, method: str, route: str) -> Refusal:
    """How ``error`` is answered. A fault of ours is logged, with method and route."""
    if isinstance(error, SignalingError):
        return _refused(error)
    if isinstance(error, HTTPException) and error.status_code < 500:
        return _refused_by_framework(error)
    # The route's template, not the path: what a client sends is no text for a terminal.
    _log.error("request_failed", method=method, route=route, exc_info=error)
    return Refusal(status=500, code=ErrorCode.SERVER_ERROR, detail="Internal server error")


def _refused(error: SignalingError) -> Refusal:
    headers: dict[str, str] = {}
    if error.code is ErrorCode.UNAUTHORIZED:
        headers |= CHALLENGE
    if error.retry_after is not None:
        headers["Retry-After"] = str(math.ceil(error.retry_after))
    return Refusal(status=error.status or 500, code=error.code, detail=error.detail, headers=headers)


def _refused_by_framework(error: HTTPException) -> Refusal:
    status = error.status_code if error.status_code in CODE_OF_STATUS else 400
    code = CODE_OF_STATUS[status]
    detail = ERRORS[code].meaning
    if isinstance(error, ValidationException):
        detail = _faults(error)
    elif status == 404:
        detail = "There is nothing at this path"
    elif status == 400:
        detail = error.detail
    return Refusal(status=status, code=code, detail=detail)


def on_error(request: Request[Any, Any, Any], error: Exception) -> Response[ErrorBody]:
    """A refusal of ours or of the framework's (unknown path, bad parameter, body too large), or a fault."""
    route = str(request.scope.get("path_template") or "unmatched")
    return _answer(request, refusal_of(error, request.method, route))


def on_wrong_method(
    request: Request[Any, Any, Any], _error: MethodNotAllowedException
) -> Response[ErrorBody]:
    """A path that is there, but not for this method."""
    allowed = ", ".join(allowed_methods(request.app, request.scope["path"]))
    if not allowed:
        status, headers, detail = 400, {}, "Only a WebSocket can be opened at this path"
    else:
        status, headers = 405, {"Allow": allowed}
        detail = f"{request.method} is not allowed here; allowed: {allowed}"
    return _answer(
        request, Refusal(status=status, code=CODE_OF_STATUS[status], detail=detail, headers=headers)
    )


EXCEPTION_HANDLERS: Final[Any] = {
    MethodNotAllowedException: on_wrong_method,
    SignalingError: on_error,
    HTTPException: on_error,
    Exception: on_error,
}


def _answer(request: Request[Any, Any, Any], refusal: Refusal) -> Response[ErrorBody]:
    note_error(request.scope, refusal.code)
    return Response(
        refusal.body, status_code=refusal.status, headers=refusal.headers, media_type="application/json"
    )


def _faults(error: ValidationException) -> str:
    extra = error.extra
    if not isinstance(extra, list) or not extra:
        return error.detail
    faults = []
    for fault in extra:
        key = str(fault.get("key", ""))
        message = str(fault.get("message", "not valid"))
        if key == "data" and message == "'data'":
            # Litestar lists the missing body beside another fault, although it may be left out.
            continue
        name = PARAMETER_NAMES.get(key, key)
        faults.append(f"{name}: {PARAMETER_RULES.get(name, message)}" if name else message)
    return "; ".join(faults) or error.detail
