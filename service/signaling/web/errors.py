"""Every error answer has one shape: `{"detail": ..., "code": ...}`."""

from __future__ import annotations

import math
from typing import Any, Final

import structlog
from litestar import Request, Response
from litestar.exceptions import HTTPException, MethodNotAllowedException, ValidationException
from litestar.openapi.datastructures import ResponseSpec

from signaling.contract.errors import ERRORS, ErrorCode, SignalingError
from signaling.contract.rest import ErrorBody

_log = structlog.stdlib.get_logger("signaling.http")

CODE_OF_STATUS: Final = {
    400: ErrorCode.BAD_REQUEST,
    401: ErrorCode.UNAUTHORIZED,
    404: ErrorCode.NOT_FOUND,
    405: ErrorCode.METHOD_NOT_ALLOWED,
    413: ErrorCode.PAYLOAD_TOO_LARGE,
    429: ErrorCode.RATE_LIMITED,
}
"""Codes of the errors that the framework itself raises."""

PARAMETER_NAMES: Final = {"room_state": "state", "idempotency_key": "Idempotency-Key"}
"""Handlers' parameter names that are not those of the wire."""

CHALLENGE: Final = {"WWW-Authenticate": "ApiKey"}


def error_response(error: SignalingError) -> Response[ErrorBody]:
    """The answer for a refusal."""
    headers: dict[str, str] = {}
    if error.code is ErrorCode.UNAUTHORIZED:
        headers |= CHALLENGE
    if error.retry_after is not None:
        headers["Retry-After"] = str(math.ceil(error.retry_after))
    body = ErrorBody(detail=error.detail, code=error.code)
    return Response(body, status_code=error.status or 500, headers=headers, media_type="application/json")


def on_signaling_error(_request: Request[Any, Any, Any], error: SignalingError) -> Response[ErrorBody]:
    """A refusal of ours."""
    return error_response(error)


def on_http_error(request: Request[Any, Any, Any], error: HTTPException) -> Response[ErrorBody]:
    """A refusal of the framework's: unknown path, wrong method, bad parameter, body too large."""
    status = error.status_code if error.status_code in CODE_OF_STATUS else 400 if error.status_code < 500 else 500
    code = CODE_OF_STATUS.get(status, ErrorCode.SERVER_ERROR)
    detail = ERRORS[code].meaning
    headers: dict[str, str] = {}
    if isinstance(error, ValidationException):
        detail = _faults(error)
    elif isinstance(error, MethodNotAllowedException):
        allowed = _allowed_methods(request)
        headers["Allow"] = ", ".join(allowed)
        detail = f"{request.method} is not allowed here; allowed: {', '.join(allowed)}"
    elif status == 404:
        detail = "There is nothing at this path"
    elif status == 400:
        detail = error.detail
    elif status == 500:
        return on_unforeseen_error(request, error)
    body = ErrorBody(detail=detail, code=code)
    return Response(body, status_code=status, headers=headers, media_type="application/json")


def on_unforeseen_error(request: Request[Any, Any, Any], error: Exception) -> Response[ErrorBody]:
    """A fault of ours: logged whole, told in one sentence."""
    _log.error("request_failed", method=request.method, path=request.url.path, exc_info=error)
    body = ErrorBody(detail="Internal server error", code=ErrorCode.SERVER_ERROR)
    return Response(body, status_code=500, media_type="application/json")


EXCEPTION_HANDLERS: Final[Any] = {
    SignalingError: on_signaling_error,
    HTTPException: on_http_error,
    Exception: on_unforeseen_error,
}


def _faults(error: ValidationException) -> str:
    extra = error.extra
    if not isinstance(extra, list) or not extra:
        return error.detail
    faults = []
    for fault in extra:
        key = fault.get("key", "")
        message = fault.get("message", "not valid")
        if key == "data" and message == "'data'":
            # Litestar lists the missing body beside another fault, although it may be left out.
            continue
        faults.append(f"{PARAMETER_NAMES.get(key, key)}: {message}" if key else message)
    return "; ".join(faults)


def _allowed_methods(request: Request[Any, Any, Any]) -> list[str]:
    path = request.scope["path"].rstrip("/") or "/"
    methods: set[str] = set()
    for route in request.app.routes:
        matches = _same_shape(route.path_components, path)
        if matches:
            methods |= set(getattr(route, "methods", ()))
    return sorted(methods)


def _same_shape(components: list[Any], path: str) -> bool:
    """Whether the path is one of the route's: parameters stand for any one segment."""
    segments = [segment for segment in path.split("/") if segment]
    return len(segments) == len(components) and all(
        not isinstance(component, str) or component == segment
        for component, segment in zip(components, segments, strict=True)
    )


def error_responses(*codes: ErrorCode) -> dict[int, ResponseSpec]:
    """The documentation of the errors that an operation may answer, by status."""
    by_status: dict[int, list[ErrorCode]] = {}
    for code in codes:
        statuses = (500, 503) if code is ErrorCode.SERVER_ERROR else (ERRORS[code].http_status,)
        for status in statuses:
            assert status is not None, f"{code.value} has no HTTP status"
            by_status.setdefault(status, []).append(code)
    return {
        status: ResponseSpec(
            ErrorBody,
            generate_examples=False,
            description="\n".join(f"`{code.value}`: {ERRORS[code].meaning}" for code in of_status),
        )
        for status, of_status in sorted(by_status.items())
    }
