"""The `/ws` route: who may open a socket. Frames go to the gateway from there."""

from __future__ import annotations

from typing import Any

import msgspec
from litestar import WebSocket
from litestar.handlers import WebsocketRouteHandler, websocket

from signaling.contract.errors import ErrorCode, SignalingError
from signaling.contract.rest import ErrorBody
from signaling.realtime.gateway import Gateway
from signaling.web.socket_protocol import SCOPE_KEY, SignalingWebSocketProtocol


def socket_route(gateway_of: Any, allowed_origins: tuple[str, ...]) -> WebsocketRouteHandler:
    """The handler of `/ws`. ``allowed_origins``: what an `Origin` header may be; `*` is any."""
    any_origin = "*" in allowed_origins

    @websocket("/ws")
    async def signaling_socket(socket: WebSocket[Any, Any, Any]) -> None:
        gateway: Gateway = gateway_of()
        origin = socket.headers.get("origin")
        # Only browsers send it, and only browsers can be led here by somebody else's page (RFC 6455, 10.2).
        # The service's own pages (the classroom) are not somebody else's.
        own = origin is not None and origin.partition("://")[2] == socket.headers.get("host")
        if origin is not None and not (any_origin or own or origin in allowed_origins):
            await _refuse(socket, SignalingError(ErrorCode.FORBIDDEN_ORIGIN))
            return
        if gateway.full:
            detail = "The service is restarting" if gateway.draining else "Too many connections"
            await _refuse(socket, SignalingError(ErrorCode.SERVER_ERROR, detail, status=503, retry_after=5))
            return
        extensions: Any = socket.scope.get("extensions") or {}
        protocol = extensions.get(SCOPE_KEY)
        assert isinstance(protocol, SignalingWebSocketProtocol), "served by `python -m signaling` only"
        await socket.accept()
        client = socket.client
        protocol.attach(gateway.open(protocol, client.host if client is not None else ""))
        while (await socket.receive())["type"] != "websocket.disconnect":
            pass

    return signaling_socket


async def _refuse(socket: WebSocket[Any, Any, Any], error: SignalingError) -> None:
    """Answer the handshake with an HTTP error instead (ASGI's WebSocket Denial Response)."""
    body = msgspec.json.encode(ErrorBody(detail=error.detail, code=error.code))
    headers = [(b"content-type", b"application/json")]
    if error.retry_after is not None:
        headers.append((b"retry-after", str(round(error.retry_after)).encode()))
    start: Any = {"type": "websocket.http.response.start", "status": error.status, "headers": headers}
    await socket.send(start)
    end: Any = {"type": "websocket.http.response.body", "body": body}
    await socket.send(end)
