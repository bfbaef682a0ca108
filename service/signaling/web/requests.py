"""How a request comes in: its body decoded strictly, its id known, its outcome logged and counted."""

from __future__ import annotations

import asyncio
import random
import re
import time
from collections.abc import Callable
from types import NoneType
from typing import Any, Final, get_args

import msgspec
import structlog
from litestar import HttpMethod, Request
from litestar.enums import ScopeType
from litestar.exceptions import ClientException, InternalServerException, ValidationException
from litestar.types import ASGIApp, Message, Receive, Scope, Send

from signaling.contract.errors import ErrorCode, SignalingError
from signaling.rooms.writer import unavailable
from signaling.telemetry.metrics import Metrics
from signaling.web.methods import allowed_methods

_log = structlog.stdlib.get_logger("signaling.http")

_REQUEST_ID: Final = re.compile(r"[A-Za-z0-9._-]{1,64}")

_METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})

_QUIET: Final = frozenset({"/health", "/readiness", "/metrics"})
"""Asked every few seconds by machines: logged only when they fail."""

_ERROR_KEY: Final = "signaling.error"

_NO_SNIFF: Final = (b"x-content-type-options", b"nosniff")
"""Browsers must not guess an answer's type."""

NO_SNIFF: Final = b"%b: %b\r\n" % _NO_SNIFF
"""The same as a line."""


class StrictRequest(Request[Any, Any, Any]):
    """Decodes strictly: Litestar alone takes `"2"` for 2 and answers bad UTF-8 or deep nesting with 500."""

    async def body(self) -> bytes:
        """The body, whole. Raises ClientException where the line ended before it."""
        try:
            return await super().body()
        except InternalServerException as error:
            # Not our fault, as Litestar has it; and nobody is left to read the answer.
            raise ClientException(detail="The request ended before its body did") from error

    async def json(self) -> Any:
        """The body as the handler's type.

        Raises ValidationException naming the JSON path of a fault, ClientException for what is no JSON.
        """
        field = self.route_handler.parsed_data_field
        return decode_strictly(await self.body(), Any if field is None else body_type(field))


def body_type(field: Any) -> Any:
    """The type of a body that is there: one that may be left out is optional to the handler, not null."""
    kinds = [kind for kind in get_args(field.annotation) if kind is not NoneType]
    return kinds[0] if kinds else field.annotation


def decode_strictly(body: bytes, kind: Any) -> Any:
    """The body as this type.

    Raises ValidationException naming the JSON path of a fault, ClientException for what is no JSON.
    """
    try:
        value = msgspec.json.decode(body)
        if isinstance(value, dict):
            # 2.0 is an integer, too, to JSON Schema; bodies are flat.
            value = {name: _integer(field) for name, field in value.items()}
        return msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        fault = str(error)
        raise ValidationException(detail=fault if " - at `" in fault else f"{fault} - at `$`") from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ClientException(detail="The request body is not valid JSON") from error


def _integer(value: Any) -> Any:
    return int(value) if isinstance(value, float) and value.is_integer() else value


def note_error(scope: Any, code: ErrorCode) -> None:
    """Have the code of an error answer logged and counted with its request."""
    scope["state"][_ERROR_KEY] = code.value


class Outcome:
    """What becomes of one request: it is filled in while the request is answered, then told."""

    __slots__ = ("_outcomes", "_started", "error", "method", "request_id", "route", "seconds", "status")

    def __init__(self, outcomes: Outcomes, request_id: str, method: str, started: float, route: str) -> None:
        """See `Outcomes.begin`."""
        self.request_id = request_id
        self.method = method
        self.route = route
        self.status = 500
        self.error: str | None = None
        self.seconds = 0.0
        self._outcomes = outcomes
        self._started = started

    def tell(self, *, quiet: bool = False) -> None:
        """Count it and have it logged; ``quiet``: only count it."""
        self.seconds = time.perf_counter() - self._started
        self._outcomes.take(self, quiet=quiet)


class Outcomes:
    """Gives requests an id, logs their outcome and counts it."""

    def __init__(self, metrics: Metrics) -> None:
        """Counts in ``metrics``."""
        self._metrics = metrics
        self._counts: dict[tuple[str, str, int], Callable[[], None]] = {}
        self._untold: list[Outcome] = []
        # Not looked up anew for each line.
        self._log = _log.bind()

    def begin(self, asked_id: bytes | None, method: str, started: float, route: str = "unmatched") -> Outcome:
        """A request came: its outcome is to be told. Lines of this context have its id from now on.

        The id is the caller's `X-Request-Id` (``asked_id``) if it is a sane one, else a new one.
        """
        request_id = _request_id(asked_id)
        structlog.contextvars.bind_contextvars(request_id=request_id)
        return Outcome(self, request_id, method, started, route)

    def take(self, outcome: Outcome, *, quiet: bool) -> None:
        """Count a request. Its line follows when all that this turn of the event loop answers is answered."""
        labels = (outcome.method, outcome.route, outcome.status)
        count = self._counts.get(labels)
        if count is None:
            # Looked up once: routes and statuses are few.
            method, route, status = labels
            count = self._counts[labels] = self._metrics.requests.labels(method, route, str(status)).inc
        count()
        if outcome.error is not None:
            self._metrics.errors.labels("rest", outcome.error).inc()
        if not quiet:
            if not self._untold:
                asyncio.get_running_loop().call_soon(self._log_all)
            self._untold.append(outcome)

    def _log_all(self) -> None:
        untold, self._untold = self._untold, []
        for one in untold:
            self._log.info(
                "request",
                request_id=one.request_id,
                method=one.method,
                route=one.route,
                status=one.status,
                **({} if one.error is None else {"error": one.error}),
                milliseconds=round(1000 * one.seconds, 2),
            )


def given_up() -> SignalingError:
    """For a request that uvicorn cancels, as the service stops and cannot wait any longer."""
    return unavailable("The service is stopping. Whether anything was changed is not known")


class Stoppable:
    """Middleware that refuses what is cancelled: else uvicorn answers, in a form that is not the API's."""

    def __init__(self, app: ASGIApp) -> None:
        """``app`` is what may be cancelled."""
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        try:
            await self._app(scope, receive, send)
        except asyncio.CancelledError as error:
            raise given_up() from error


class Observed:
    """Wraps the application: gives each request an id, logs its outcome and counts it."""

    def __init__(self, app: ASGIApp, outcomes: Outcomes) -> None:
        """``app`` is what is served."""
        self._app = app
        self._outcomes = outcomes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        if scope["type"] != ScopeType.HTTP:
            await self._app(scope, receive, send)
            return
        method = scope["method"] if scope["method"] in _METHODS else "other"
        if method == "HEAD":
            # HEAD is GET without the body (RFC 9110, 9.3.2); uvicorn leaves the body out.
            scope = {**scope, "method": HttpMethod.GET}
        asked_id = next((value for name, value in scope["headers"] if name == b"x-request-id"), None)
        outcome = self._outcomes.begin(asked_id, method, time.perf_counter())

        async def send_observed(message: Message) -> None:
            if message["type"] == "http.response.start":
                outcome.status = message["status"]
                if method == "OPTIONS" and message["status"] == 204:
                    _name_methods(message, scope)
                message["headers"] = [*message.get("headers", ()), *_marks(message, outcome.request_id)]
            await send(message)

        try:
            await self._app(scope, receive, send_observed)
        finally:
            outcome.route = str(scope.get("path_template") or "unmatched")
            outcome.error = scope["state"].get(_ERROR_KEY)
            outcome.tell(quiet=scope["path"] in _QUIET and outcome.status < 400)
            structlog.contextvars.unbind_contextvars("request_id")


def _name_methods(message: Any, scope: Any) -> None:
    """Have `Allow` name the methods of all routes at the path: Litestar names those of one."""
    allow = ", ".join(allowed_methods(scope["litestar_app"], scope["path"])).encode()
    message["headers"] = [
        (name, allow if name.lower() == b"allow" else value) for name, value in message["headers"]
    ]


def _marks(message: Any, request_id: str) -> list[tuple[bytes, bytes]]:
    """What every answer has: its id, and that browsers must not guess its type."""
    marks = [(b"x-request-id", request_id.encode())]
    for name, _ in message.get("headers", ()):
        if name == b"x-content-type-options":
            return marks
    marks.append(_NO_SNIFF)
    return marks


def _request_id(asked: bytes | None) -> str:
    if asked is not None:
        text = asked.decode("latin-1")
        if _REQUEST_ID.fullmatch(text):
            return text
    # No secret, only unlike all others: 64 bits of a generator that the operating system seeded. To ask it
    # each time would let another thread go first; waiting for that costs more than all else here.
    return f"{random.getrandbits(64):016x}"
