"""One WebSocket to the service: messages in and out, until it is closed."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Self
from urllib.parse import urlsplit, urlunsplit

from websockets.asyncio.client import ClientConnection
from websockets.asyncio.client import connect as open_socket
from websockets.exceptions import ConnectionClosed, InvalidStatus, WebSocketException

from signaling_client._answers import error_of_answer
from signaling_client._closes import LINE_LOST
from signaling_client._rest import USER_AGENT
from signaling_client._wire import decode, encode
from signaling_client.errors import ConnectionFailed, PayloadTooLarge, UnexpectedAnswer
from signaling_client.messages import ClientMessage, Connected, ServerMessage

_MAX_INCOMING: Final = 16 * 1024 * 1024
"""Bytes of the largest message taken: far above a list of all participants that a room can hold."""

_CLOSE_TIMEOUT: Final = 5.0
"""Seconds to wait for the service's part of a close before the line is cut."""

_SCHEMES: Final = {"http": "ws", "https": "wss", "ws": "ws", "wss": "wss"}


@dataclass(frozen=True, slots=True)
class Address:
    """Where and how to open a line. ``timeout``: seconds until it must stand."""

    url: str
    timeout: float
    headers: Mapping[str, str]
    tls: ssl.SSLContext | None
    proxy: str | None


class LineClosed(Exception):
    """The line has ended, with this close code."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(code, reason)
        self.code = code
        self.reason = reason


def socket_url(base_url: str) -> str:
    """The address of the service's WebSocket. Raises ValueError for what is no address of a service."""
    parts = urlsplit(base_url)
    scheme = _SCHEMES.get(parts.scheme)
    if scheme is None or not parts.hostname or parts.port == 0:
        raise ValueError(f"base_url must be http(s)://host[:port], not {base_url!r}")
    return urlunsplit((scheme, parts.netloc, parts.path.rstrip("/") + "/ws", "", ""))


class Line:
    """An open line; the service has said `connected`."""

    def __init__(self, socket: ClientConnection, greeting: Connected) -> None:
        self._socket = socket
        self._max_frame_bytes = greeting.payload.max_frame_bytes
        self.count = 0
        """How many frames of the seat arrived: whoever takes a seat on the line sets where to count from."""

    @classmethod
    async def open(cls, address: Address) -> Self:
        """Connect and take the service's greeting.

        Raises ConnectionFailed, UnexpectedAnswer, or the error with which the service refused.
        """
        # As over HTTP, a context is of no meaning where there is no TLS; `websockets` would refuse it.
        secure = address.tls is not None and address.url.startswith("wss:")
        options: dict[str, Any] = {"ssl": address.tls} if secure else {}
        try:
            async with asyncio.timeout(address.timeout):
                socket = await open_socket(
                    address.url,
                    additional_headers=address.headers,
                    user_agent_header=USER_AGENT,
                    # The outer limit is the one that counts.
                    open_timeout=None,
                    close_timeout=_CLOSE_TIMEOUT,
                    max_size=_MAX_INCOMING,
                    # Descriptions are small, and compression costs both sides memory for each socket.
                    compression=None,
                    proxy=address.proxy,
                    **options,
                )
                try:
                    return cls(socket, await _greeting(socket))
                except BaseException:
                    socket.transport.abort()
                    raise
        except InvalidStatus as refusal:
            answer = refusal.response
            raise error_of_answer(answer.status_code, answer.headers, bytes(answer.body or b"")) from refusal
        except LineClosed as closed:
            raise ConnectionFailed("The line broke before the greeting", close_code=closed.code) from closed
        except (OSError, WebSocketException) as cause:
            # TimeoutError is an OSError.
            raise ConnectionFailed(f"{address.url}: {str(cause) or type(cause).__name__}") from cause

    async def send(self, message: ClientMessage) -> None:
        """Send a message. Raises PayloadTooLarge before sending, ConnectionFailed when the line is gone."""
        frame = encode(message)
        if len(frame) > self._max_frame_bytes:
            raise PayloadTooLarge(
                f"The message has {len(frame)} bytes, the service takes {self._max_frame_bytes}"
            )
        try:
            await self._socket.send(frame.decode())
        except ConnectionClosed as closed:
            raise ConnectionFailed("The line broke", close_code=_closed(closed).code) from closed

    async def receive(self) -> ServerMessage:
        """The next message that this version knows. Raises LineClosed at the end, or UnexpectedAnswer."""
        while True:
            message = await _receive(self._socket)
            # Also what this version does not know is a frame of the seat.
            self.count += 1
            if message is not None:
                return message

    async def close(self) -> None:
        """Say goodbye: the service takes it as leaving the room."""
        await self._socket.close()

    def abort(self) -> None:
        """Cut the line."""
        self._socket.transport.abort()


async def _greeting(socket: ClientConnection) -> Connected:
    message = await _receive(socket)
    while message is None:
        message = await _receive(socket)
    if not isinstance(message, Connected):
        raise UnexpectedAnswer(f"Expected a greeting, got {type(message).__name__}")
    return message


async def _receive(socket: ClientConnection) -> ServerMessage | None:
    try:
        frame = await socket.recv()
    except ConnectionClosed as closed:
        raise _closed(closed) from closed
    return decode(frame)


def _closed(closed: ConnectionClosed) -> LineClosed:
    """How the other side closed; a close of our own making (no answer to pings) is a lost line."""
    if closed.rcvd is None:
        return LineClosed(LINE_LOST, "")
    return LineClosed(closed.rcvd.code, closed.rcvd.reason)
