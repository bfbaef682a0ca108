"""The Litestar application."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, Protocol

from litestar import Litestar, Router
from litestar.config.cors import CORSConfig
from litestar.di import Provide
from litestar.middleware import DefineMiddleware
from litestar.types import Receive, Scope, Send

from signaling.realtime.gateway import Gateway
from signaling.rooms.service import RoomService
from signaling.telemetry.metrics import Metrics
from signaling.web.auth import ApiKeys
from signaling.web.classroom import classroom_router
from signaling.web.docs import docs_router
from signaling.web.errors import EXCEPTION_HANDLERS
from signaling.web.message_docs import message_docs_router
from signaling.web.requests import Stoppable, StrictRequest
from signaling.web.rooms import ROOM_HANDLERS
from signaling.web.socket import socket_route
from signaling.web.system import SYSTEM_HANDLERS, metrics_route

MAX_BODY_BYTES: Final = 65_536


class Node(Protocol):
    """What the handlers use: there while the application runs."""

    rooms: RoomService
    gateway: Gateway
    metrics: Metrics


def dependencies(node: Callable[[], Node]) -> dict[str, Callable[[], Any]]:
    """What handlers can ask for by name. ``node`` is asked at each request."""
    return {
        "rooms": lambda: node().rooms,
        "gateway": lambda: node().gateway,
        "metrics": lambda: node().metrics,
    }


def create_litestar(
    *,
    node: Callable[[], Node],
    keys: ApiKeys,
    allowed_origins: tuple[str, ...],
    metrics_public: bool,
    ice_servers: Sequence[Mapping[str, object]],
) -> Litestar:
    """The application: routes, errors, documents. ``node`` is asked at each request."""
    application = Litestar(
        route_handlers=[
            Router("/api", route_handlers=ROOM_HANDLERS, guards=[keys.guard]),
            *SYSTEM_HANDLERS,
            metrics_route(keys, public=metrics_public),
            socket_route(),
            classroom_router(ice_servers),
            docs_router(),
            message_docs_router(),
        ],
        dependencies={
            name: Provide(provide, sync_to_thread=False) for name, provide in dependencies(node).items()
        },
        exception_handlers=EXCEPTION_HANDLERS,
        middleware=[DefineMiddleware(Stoppable)],
        request_class=StrictRequest,
        request_max_body_size=MAX_BODY_BYTES,
        cors_config=CORSConfig(
            allow_origins=list(allowed_origins),
            allow_methods=["GET", "POST", "DELETE", "OPTIONS"],
            allow_headers=["X-API-Key", "Content-Type", "Idempotency-Key", "X-Request-Id"],
            expose_headers=["X-Request-Id", "Retry-After", "Location", "Idempotency-Replayed"],
            max_age=600,
        ),
        # The document is made from the same handlers, once, and served as a file.
        openapi_config=None,
        logging_config=None,
        debug=False,
    )
    application.asgi_handler = _ForPages(application.asgi_handler)
    return application


class _ForPages:
    """Litestar's CORS middleware, for requests that have an `Origin`: it looks into all headers of each."""

    def __init__(self, cors: Any) -> None:
        self._cors = cors
        self._app = cors.app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        for name, _ in scope["headers"]:
            if name == b"origin":
                await self._cors(scope, receive, send)
                return
        await self._app(scope, receive, send)
