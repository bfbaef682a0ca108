"""`/ws`: who may open a socket. Frames go to the gateway from there.

The whole handshake is done when its request has been read, in the same turn of the event loop: no task is
made for it, and none runs for the socket. That is why it is not a route of the framework's.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any, Final
from urllib.parse import unquote_to_bytes

from litestar import route
from litestar.handlers import HTTPRouteHandler
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware
from uvicorn.server import ServerState

from signaling.contract.errors import ErrorCode, SignalingError
from signaling.realtime.gateway import Gateway
from signaling.web.handshake import Asked, answer, refusal
from signaling.web.socket_protocol import SocketLimits, SocketProtocol, Sockets, text_header

PATH: Final = "/ws"

_PATH: Final = PATH.encode()


class Acceptor:
    """Opens sockets, or says why not. uvicorn's HTTP protocol asks it, where uvicorn has its own class."""

    def __init__(
        self,
        gateway: Callable[[], Gateway],
        *,
        allowed_origins: Sequence[str],
        trusted_proxies: Sequence[str],
        limits: SocketLimits,
    ) -> None:
        """``gateway`` is asked at each handshake. ``allowed_origins``: what `Origin` may be; `*` is any.

        ``trusted_proxies`` are believed about whom they speak for, as uvicorn believes them about requests.
        """
        self._gateway = gateway
        self._allowed_origins = frozenset(allowed_origins)
        self._any_origin = "*" in self._allowed_origins
        self._proxies = _trusted(trusted_proxies) if trusted_proxies else None
        self._limits = limits
        self._sockets: Sockets | None = None

    def accept(self, asked: Asked, transport: asyncio.Transport, client: Any, state: ServerState) -> bool:
        """Answer a handshake on ``transport``, which then belongs to the socket; whether it was accepted.

        ``client`` is the address at the other end. Where it was refused, the connection ends.
        """
        gateway = self._gateway()
        error = self._objection(asked, gateway)
        if error is not None:
            accepted, reply = False, refusal(error, state.default_headers)
        else:
            accepted, reply = answer(asked)
        if not accepted:
            transport.write(reply)
            transport.close()
            return False
        if self._sockets is None or self._sockets.flushes is not gateway.flushes:
            self._sockets = Sockets(gateway.flushes, state.connections, self._limits)
        socket = SocketProtocol(self._sockets, transport)
        transport.set_protocol(socket)
        session = gateway.open(socket, self._address(asked, client))
        greeting = session.greeting()
        # In one packet: to write is what costs most in a handshake.
        transport.write(reply + text_header(len(greeting)) + greeting)
        socket.attach(session)
        return True

    def _objection(self, asked: Asked, gateway: Gateway) -> SignalingError | None:
        path = asked.url.partition(b"?")[0]
        # As of requests, slashes around it do not count.
        if path != _PATH and unquote_to_bytes(path).strip(b"/") != _PATH[1:]:
            return SignalingError(ErrorCode.NOT_FOUND, "There is nothing at this path", status=404)
        origin = asked.header(b"origin")
        # Only browsers send it, and only browsers can be led here by somebody else's page (RFC 6455, 10.2).
        # The service's own pages (the classroom) are not somebody else's.
        if origin is not None and not (
            self._any_origin
            or origin in self._allowed_origins
            or origin.partition("://")[2] == asked.header(b"host")
        ):
            return SignalingError(ErrorCode.FORBIDDEN_ORIGIN)
        if gateway.full:
            detail = "The service is restarting" if gateway.draining else "Too many connections"
            return SignalingError(ErrorCode.SERVER_ERROR, detail, status=503, retry_after=5)
        return None

    def _address(self, asked: Asked, client: Any) -> str:
        """Whose socket it is: the client's address, by the word of a trusted proxy."""
        address = str(client[0]) if client else ""
        if self._proxies is not None and address in self._proxies:
            told = b", ".join(value for name, value in asked.headers if name == b"x-forwarded-for")
            host, _ = self._proxies.get_trusted_client_address(told.decode("latin-1")) if told else ("", 0)
            return str(host) or address
        return address


def _trusted(proxies: Sequence[str]) -> Any:
    """uvicorn's own list of them: requests and sockets must not differ in whom they believe."""

    async def nothing(*_: Any) -> None:
        """Nobody calls it."""

    return ProxyHeadersMiddleware(nothing, list(proxies)).trusted_hosts


def socket_route() -> HTTPRouteHandler:
    """`/ws` for those who ask for something else there."""

    @route(PATH, http_method=["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"], include_in_schema=False)
    async def only_sockets() -> None:
        raise SignalingError(ErrorCode.BAD_REQUEST, "Only a WebSocket can be opened at this path", status=400)

    return only_sockets
