"""What operators and visitors ask: is it alive, can it serve, what does it count, what is it?"""

from __future__ import annotations

from typing import Any, Final

from litestar import MediaType, Request, Response, get
from litestar.datastructures import CacheControlHeader
from litestar.handlers import HTTPRouteHandler
from litestar.openapi.datastructures import ResponseSpec

from signaling import __version__
from signaling.contract.errors import SignalingError
from signaling.contract.rest import HealthMetrics, HealthResponse, ReadinessResponse
from signaling.contract.types import wire_time
from signaling.realtime.gateway import Gateway
from signaling.rooms.service import RoomService
from signaling.telemetry.metrics import Metrics
from signaling.web.auth import ApiKeys

NO_STORE: Final = CacheControlHeader(no_store=True)

_LINKS: Final = {
    "documentation": "/api/docs",
    "reference": "/api/redoc",
    "openapi": "/api/openapi.json",
    "health": "/health",
    "classroom": "/classroom",
}

_PAGE: Final = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>WebRTC Signaling</title>
</head>
<body>
<main>
<h1>WebRTC Signaling</h1>
<p>Signaling and rooms for classes by video.</p>
<ul>
<li><a href="/classroom">Classroom</a>: join a class by its code</li>
<li><a href="/api/docs">API documentation</a> (<a href="/api/redoc">reference</a>,
<a href="/api/openapi.json">OpenAPI document</a>)</li>
<li><a href="/health">Health</a></li>
</ul>
</main>
</body>
</html>
"""


@get(
    "/health",
    operation_id="health",
    tags=["Operations"],
    summary="Is the process alive?",
    response_description="It is.",
    cache_control=NO_STORE,
)
async def health(rooms: RoomService, gateway: Gateway) -> HealthResponse:
    """For monitors and load balancers. Needs no key, asks no store, is always cheap."""
    return HealthResponse(
        status="healthy",
        timestamp=wire_time(rooms.now()),
        metrics=HealthMetrics(
            active_websocket_connections=gateway.connections,
            active_rooms=rooms.open_rooms(),
            api_authentication="enabled",
        ),
    )


@get(
    "/readiness",
    operation_id="readiness",
    tags=["Operations"],
    summary="Can this process serve?",
    response_description="It can.",
    responses={
        503: ResponseSpec(
            ReadinessResponse,
            generate_examples=False,
            description="It cannot: `draining` (shutting down) or `store_unavailable`.",
        )
    },
    cache_control=NO_STORE,
)
async def readiness(rooms: RoomService, gateway: Gateway) -> Response[ReadinessResponse]:
    """Whether this process should get traffic: its store can commit and it is not shutting down. Needs no key."""
    if gateway.draining:
        return Response(ReadinessResponse(status="draining"), status_code=503)
    try:
        await rooms.probe()
    except SignalingError:
        return Response(ReadinessResponse(status="store_unavailable"), status_code=503)
    return Response(ReadinessResponse(status="ready"), status_code=200)


def metrics_route(keys: ApiKeys, *, public: bool) -> HTTPRouteHandler:
    """The handler of `/metrics`: for everyone if ``public``, else for holders of an API key."""

    @get("/metrics", include_in_schema=False, guards=[] if public else [keys.guard], cache_control=NO_STORE)
    async def metrics(metrics: Metrics, rooms: RoomService) -> Response[bytes]:
        """Prometheus' text format 0.0.4."""
        metrics.open_rooms.set(rooms.open_rooms())
        return Response(metrics.render(), media_type="text/plain; version=0.0.4; charset=utf-8")

    return metrics


@get("/", include_in_schema=False)
async def front_page(request: Request[Any, Any, Any]) -> Response[Any]:
    """A short page for people, JSON for programs."""
    if request.accept.accepts("text/html") and "text/html" in request.headers.get("accept", ""):
        return Response(_PAGE, media_type=MediaType.HTML)
    return Response({"service": "webrtc-signaling", "version": __version__, **_LINKS}, media_type=MediaType.JSON)


SYSTEM_HANDLERS: Final[list[Any]] = [health, readiness, front_page]
