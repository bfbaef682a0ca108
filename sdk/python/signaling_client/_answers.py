"""From an HTTP answer that is no success to the exception for it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Final

import msgspec

from signaling_client.errors import ERROR_CLASSES, ServerError, SignalingError, UnexpectedAnswer, error_of

_CODE_OF_STATUS: Final = {
    400: "bad_request",
    401: "unauthorized",
    404: "not_found",
    405: "method_not_allowed",
    413: "payload_too_large",
    429: "rate_limited",
}
"""What a status means where the answer has no body of the service's: it came from a proxy in between."""


class _Body(msgspec.Struct):
    detail: str
    code: str


def error_of_answer(status: int, headers: Mapping[str, str], body: bytes) -> SignalingError:
    """The exception for an answer that is not 2xx. ``headers`` are found in any case."""
    retry_after = _seconds(headers.get("retry-after"))
    try:
        told = msgspec.json.decode(body, type=_Body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return _error_of_status(status, retry_after)
    return error_of(told.code, told.detail, status=status, retry_after=retry_after)


def _error_of_status(status: int, retry_after: float | None) -> SignalingError:
    try:
        detail = f"The answer was {status} {HTTPStatus(status).phrase}"
    except ValueError:
        detail = f"The answer was {status}"
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return ServerError(detail, status=status, retry_after=retry_after)
    kind = ERROR_CLASSES.get(_CODE_OF_STATUS.get(status, ""), UnexpectedAnswer)
    return kind(detail, status=status, retry_after=retry_after)


def _seconds(retry_after: str | None) -> float | None:
    """The value of a `Retry-After` header (RFC 9110, 10.2.3) in seconds from now; None where it has none."""
    if retry_after is None:
        return None
    text = retry_after.strip()
    if text.isascii() and text.isdigit():
        return float(text)
    try:
        when = parsedate_to_datetime(text)
    except ValueError:
        return None
    if when.tzinfo is None:
        when = when.replace(tzinfo=UTC)
    return max(0.0, (when - datetime.now(UTC)).total_seconds())
