"""What operators and visitors ask: is it alive, can it serve, what does it count, what is it?"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final, Literal

from litestar import MediaType, Request, Response, get
from litestar.datastructures import CacheControlHeader
from litestar.di import NamedDependency
from litestar.handlers import HTTPRouteHandler
from litestar.openapi.datastructures import ResponseSpec

from signaling import __version__
from signaling.contract.errors import SignalingError
from signaling.contract.rest import HealthMetrics, HealthResponse, ReadyResponse, UnreadyResponse
from signaling.contract.types import wire_time
from signaling.realtime.gateway import Gateway
from signaling.rooms.service import RoomService
from signaling.telemetry.metrics import Metrics
from signaling.web.auth import ApiKeys
from signaling.web.pages import Page

NO_STORE: Final = CacheControlHeader(no_store=True)

_EXPOSITION: Final = "text/plain; version=0.0.4"
"""Content type of Prometheus' text format; the framework adds the charset."""

_INDEX: Final = {
    "service": "webrtc-signaling",
    "version": __version__,
    "documentation": "/api/docs",
    "reference": "/api/redoc",
    "openapi": "/api/openapi.json",
    "health": "/health",
    "readiness": "/readiness",
    "classroom": "/classroom",
}

_ICON: Final = (Path(__file__).parent / "classroom" / "icon.svg").read_bytes()

_FRONT: Final = Page("front.html", img_src="'self'")


@get(
    "/health",
    operation_id="health",
    tags=["Operations"],
    summary="Is the process alive?",
    response_description="It is.",
    cache_control=NO_STORE,
)
async def health(rooms: NamedDependency[RoomService], gateway: NamedDependency[Gateway]) -> HealthResponse:
    """For monitors: answers for as long as the process runs. Needs no key, asks no store, is always cheap."""
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
    responses={503: ResponseSpec(UnreadyResponse, generate_examples=False, description="It cannot now.")},
    cache_control=NO_STORE,
)
async def readiness(
    rooms: NamedDependency[RoomService], gateway: NamedDependency[Gateway]
) -> Response[ReadyResponse]:
    """Whether this process should get traffic: its store can be written to, and it is not shutting down.

    For load balancers. Needs no key.
    """
    if gateway.draining:
        return _unready("draining")
    try:
        await rooms.probe()
    except SignalingError:
        return _unready("store_unavailable")
    return Response(ReadyResponse(status="ready"))


def _unready(status: Literal["draining", "store_unavailable"]) -> Response[Any]:
    return Response(UnreadyResponse(status=status), status_code=503)


def metrics_route(keys: ApiKeys, *, public: bool) -> HTTPRouteHandler:
    """The handler of `/metrics`: for everyone if ``public``, else for holders of an API key."""

    @get("/metrics", include_in_schema=False, guards=[] if public else [keys.guard], cache_control=NO_STORE)
    async def metrics(
        metrics: NamedDependency[Metrics], rooms: NamedDependency[RoomService]
    ) -> Response[bytes]:
        """Prometheus' text format 0.0.4."""
        metrics.open_rooms.set(rooms.open_rooms())
        return Response(metrics.render(), media_type=_EXPOSITION)

    return metrics


@get("/", include_in_schema=False)
async def front_page(request: Request[Any, Any, Any]) -> Response[Any]:
    """A short page for browsers, JSON for programs."""
    if "text/html" in request.headers.get("accept", ""):
        return _FRONT.response(Vary="Accept")
    return Response(_INDEX, media_type=MediaType.JSON, headers={"Vary": "Accept"})


@get("/favicon.ico", include_in_schema=False, cache_control=CacheControlHeader(max_age=86_400, public=True))
async def favicon() -> Response[bytes]:
    """What browsers ask for beside every page and document that names no icon."""
    return Response(_ICON, media_type="image/svg+xml")


HEALTH_HANDLERS: Final[list[Any]] = [health, readiness]

SYSTEM_HANDLERS: Final[list[Any]] = [*HEALTH_HANDLERS, front_page, favicon]
