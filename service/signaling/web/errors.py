"""Every error answer has one shape: `{"detail": ..., "code": ...}`."""

from __future__ import annotations

import math
from typing import Any, Final

import structlog
from litestar import Request, Response
from litestar.exceptions import HTTPException, MethodNotAllowedException, ValidationException

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


def on_signaling_error(request: Request[Any, Any, Any], error: SignalingError) -> Response[ErrorBody]:
    """A refusal of ours."""
    headers: dict[str, str] = {}
    if error.code is ErrorCode.UNAUTHORIZED:
        headers |= CHALLENGE
    if error.retry_after is not None:
        headers["Retry-After"] = str(math.ceil(error.retry_after))
    return _answer(request, error.status or 500, error.code, error.detail, headers)


def on_http_error(request: Request[Any, Any, Any], error: HTTPException) -> Response[ErrorBody]:
    """A refusal of the framework's: unknown path, wrong method, bad parameter, body too large."""
    if error.status_code >= 500:
        return on_unforeseen_error(request, error)
    status = error.status_code if error.status_code in CODE_OF_STATUS else 400
    detail = ERRORS[CODE_OF_STATUS[status]].meaning
    headers: dict[str, str] = {}
    if isinstance(error, ValidationException):
        detail = _faults(error)
    elif isinstance(error, MethodNotAllowedException):
        allowed = allowed_methods(request.app, request.scope["path"])
        if allowed:
            headers["Allow"] = ", ".join(allowed)
            detail = f"{request.method} is not allowed here; allowed: {headers['Allow']}"
        else:
            status, detail = 400, "Only a WebSocket can be opened at this path"
    elif status == 404:
        detail = "There is nothing at this path"
    elif status == 400:
        detail = error.detail
    return _answer(request, status, CODE_OF_STATUS[status], detail, headers)


def on_unforeseen_error(request: Request[Any, Any, Any], error: Exception) -> Response[ErrorBody]:
    """A fault of ours: logged whole, told in one sentence."""
    # The route's template, not the path: what a client sends is no text for a terminal.
    route = str(request.scope.get("path_template") or "unmatched")
    _log.error("request_failed", method=request.method, route=route, exc_info=error)
    return _answer(request, 500, ErrorCode.SERVER_ERROR, "Internal server error", {})


EXCEPTION_HANDLERS: Final[Any] = {
    SignalingError: on_signaling_error,
    HTTPException: on_http_error,
    Exception: on_unforeseen_error,
}


def _answer(
    request: Request[Any, Any, Any], status: int, code: ErrorCode, detail: str, headers: dict[str, str]
) -> Response[ErrorBody]:
    note_error(request.scope, code)
    body = ErrorBody(detail=detail, code=code)
    return Response(body, status_code=status, headers=headers, media_type="application/json")


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
