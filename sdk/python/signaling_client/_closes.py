"""What the end of a WebSocket means, by its close code."""

from __future__ import annotations

from typing import Final

from signaling_client.errors import (
    BadRequest,
    ConnectionFailed,
    PayloadTooLarge,
    RoomClosed,
    RoomExpired,
    SignalingError,
)

LINE_LOST: Final = 1006
"""Stands for a line that ended without a close frame (RFC 6455, 7.1.5)."""

_TOO_BIG: Final = 1009

_FAULTS_OF_OURS: Final = frozenset({1002, 1003, 1007, 1008, _TOO_BIG, 1010})
"""Closes of the protocol itself that say "you did wrong": they would only come again (RFC 6455, 7.4.1)."""

_FOR_GOOD: Final = range(4500, 5000)
"""The service's range for "do not come back"; 4000 to 4499 is for "do"."""

_ERRORS: Final[dict[int, type[SignalingError]]] = {
    _TOO_BIG: PayloadTooLarge,
    4501: BadRequest,
    4505: RoomClosed,
    4506: RoomExpired,
}


def may_reconnect(close_code: int) -> bool:
    """Whether a client that wants to stay should connect again after this close."""
    return close_code not in _FOR_GOOD and close_code not in _FAULTS_OF_OURS


def error_of_close(close_code: int, reason: str) -> SignalingError:
    """The exception for a session that ended with this close."""
    detail = f"The socket was closed with {close_code}" + (f": {reason}" if reason else "")
    kind = _ERRORS.get(close_code)
    return ConnectionFailed(detail, close_code=close_code) if kind is None else kind(detail)
