"""The API's documents: the OpenAPI document and two pages that show it, all without the internet.

Operations come from Litestar's handlers, schemas from the contract's types, examples and errors from the
contract's examples: nothing is written down twice.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any, Final

import msgspec
from litestar import Litestar, MediaType, Response, Router, get
from litestar.datastructures import CacheControlHeader
from litestar.di import Provide
from litestar.openapi import OpenAPIConfig

from signaling import __version__
from signaling.contract.errors import ERRORS, ErrorCode
from signaling.contract.examples import ERROR_CASES, REST_EXAMPLES, ErrorCase
from signaling.contract.schemas import rest_components, unwrapped
from signaling.web.pages import Page
from signaling.web.rooms import ROOM_HANDLERS
from signaling.web.static_files import files_router
from signaling.web.system import HEALTH_HANDLERS

Json = dict[str, Any]

_ASSETS: Final = Path(__file__).parent / "assets"

_DESCRIPTION: Final = """\
Rooms and signaling for classes by WebRTC video.

Your platform's backend makes a room here when a class is scheduled, and hands its `room_code` to those \
who may join. Their browsers open a WebSocket to `/ws`, join with the code, and exchange offers, answers and \
ICE candidates; sound and picture then flow between the browsers.

## Authentication

Calls to `/api/*` need an API key in the header `X-API-Key`. Keep it in your backend, never in a page.

## Errors

Every error answer has one shape: `{{"detail": "...", "code": "..."}}`. `detail` is a sentence for people \
and may change; `code` is for programs and does not.

| Status and `code` | Meaning |
| --- | --- |
{errors}

## Conventions

- Times are UTC, RFC 3339, whole seconds: `2025-12-18T10:30:00Z`.
- Bodies are JSON of at most 64 KiB. Fields that a request's schema does not have are refused; answers may \
get more fields in later versions, so ignore those you do not know.
- Every answer carries an `X-Request-Id`, which the service's log has, too. Send your own (up to 64 letters, \
digits, `.`, `_`, `-`) to choose it.
- A method that a path does not have is answered 405 with `Allow`.
"""

_TAGS: Final = [
    {"name": "Rooms", "description": "Make, read, list and end rooms."},
    {"name": "Statistics", "description": "Figures for a dashboard."},
    {"name": "Operations", "description": "For monitors and load balancers. No key needed."},
]

_SERVERS: Final = [
    {"url": "/", "description": "The service that answered this document."},
    {
        "url": "https://{host}",
        "description": "Your deployment.",
        "variables": {
            "host": {"default": "your-app.onrender.com", "description": "Host name of the service."}
        },
    },
]

_SECURITY_SCHEMES: Final = {
    "ApiKeyAuth": {
        "type": "apiKey",
        "in": "header",
        "name": "X-API-Key",
        "description": "One of the keys in the service's `API_KEY`.",
    }
}

_HEADERS: Final[dict[str, Json]] = {
    "X-Request-Id": {
        "description": "Names this request in the service's log. Yours, if you sent a valid one.",
        "required": True,
        "schema": {"type": "string", "pattern": "^[A-Za-z0-9._-]{1,64}$"},
        "example": "12cbc86430167f15",
    },
    "Location": {
        "description": "Path of the new room.",
        "required": True,
        "schema": {"type": "string", "format": "uri-reference"},
        "example": "/api/rooms/a7x9k2",
    },
    "Idempotency-Replayed": {
        "description": "There, as `true`, if an earlier call with this `Idempotency-Key` made the room.",
        "schema": {"type": "string", "const": "true"},
        "example": "true",
    },
    "WWW-Authenticate": {
        "description": "How to authenticate: always `ApiKey`.",
        "required": True,
        "schema": {"type": "string", "const": "ApiKey"},
        "example": "ApiKey",
    },
    "Retry-After": {
        "description": "Seconds to wait before trying again.",
        "required": True,
        "schema": {"type": "integer", "minimum": 1},
        "example": 1,
    },
}

_HEADERS_OF_SUCCESS: Final = {"create_room": ("Location", "Idempotency-Replayed")}

_HEADERS_OF_ERROR: Final = {401: ("WWW-Authenticate",), 503: ("Retry-After",)}

_DESCRIPTION_OF_ERROR: Final = {
    500: "The service failed at this request; its log says why, under the answer's `X-Request-Id`.",
    503: "The store cannot serve now. Nothing was changed: try again after `Retry-After` seconds.",
}
"""Where the code's meaning in the registry says less."""

_METHODS: Final = ("post", "get", "delete")
"""In the order in which they are shown: a room's life."""

_REFERENCE: Final = "#/components/schemas/"

_EXAMPLES: Final = {kind.__name__: examples for kind, examples in REST_EXAMPLES.items()}


@cache
def openapi_document() -> Json:
    """The OpenAPI document as it is published. Made once; not to be changed."""
    documented = Litestar(
        route_handlers=[Router("/api", route_handlers=ROOM_HANDLERS), *HEALTH_HANDLERS],
        # Named, so that they are not taken for parameters of the calls; never asked for.
        dependencies={name: _absent() for name in ("rooms", "gateway", "metrics")},
        openapi_config=OpenAPIConfig(title="", version="", use_handler_docstrings=True),
        logging_config=None,
    )
    generated = msgspec.to_builtins(documented.openapi_schema.to_schema())
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "WebRTC Signaling API",
            "version": __version__,
            "description": _DESCRIPTION.format(errors=_errors_table()),
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": _SERVERS,
        "tags": _TAGS,
        "paths": {
            path: {method: _operation(path, item[method]) for method in _METHODS if method in item}
            for path, item in generated["paths"].items()
        },
        "components": {
            "schemas": rest_components(),
            "headers": _HEADERS,
            "securitySchemes": _SECURITY_SCHEMES,
        },
    }


def docs_router() -> Router:
    """The document, the pages that show it, and the pages' vendored scripts and styles."""
    document = msgspec.json.encode(openapi_document())
    swagger = Page(
        "docs.html",
        script_src="'self'",
        # Both libraries style elements from their scripts.
        style_src="'self' 'unsafe-inline'",
        img_src="'self' data:",
        # The calls a reader tries, at this service or at the deployment they choose.
        connect_src="'self' https:",
    )
    redoc = Page(
        "redoc.html",
        script_src="'self'",
        style_src="'self' 'unsafe-inline'",
        img_src="'self' data:",
        connect_src="'self'",
        # Its search runs in a worker made from a string.
        worker_src="blob:",
    )

    @get("/docs")
    async def docs_page() -> Response[bytes]:
        return swagger.response()

    @get("/redoc")
    async def redoc_page() -> Response[bytes]:
        return redoc.response()

    @get("/openapi.json")
    async def openapi_json() -> Response[bytes]:
        return Response(document, media_type=MediaType.JSON, headers={"Cache-Control": "no-cache"})

    assets = files_router("/assets", _ASSETS, CacheControlHeader(max_age=86_400, public=True))
    return Router(
        "/api", route_handlers=[docs_page, redoc_page, openapi_json, assets], include_in_schema=False
    )


def _absent() -> Provide:
    return Provide(lambda: None, sync_to_thread=False)


def _operation(path: str, generated: Json) -> Json:
    """An operation in its published form."""
    operation = {key: generated[key] for key in ("operationId", "tags", "summary", "description")}
    operation["description"] = unwrapped(operation["description"])
    if "parameters" in generated:
        operation["parameters"] = [_parameter(parameter) for parameter in generated["parameters"]]
    if "requestBody" in generated:
        operation["requestBody"] = {
            "description": "What the room shall be like. Left out, or `{}`: the operator's defaults.",
            "required": False,
            "content": _content("CreateRoomRequest"),
        }
    responses: Json = {}
    for status, response in generated["responses"].items():
        for media in response.get("content", {}).values():
            # The bodies that handlers declare. The rest are Litestar's own errors, which are never sent.
            name = media["schema"].get("$ref", "").removeprefix(_REFERENCE)
            if name in _EXAMPLES:
                headers = _HEADERS_OF_SUCCESS.get(operation["operationId"], ())
                responses[status] = _response(response["description"], headers, _content(name))
    for status, cases in _errors_by_status(operation["operationId"]).items():
        responses[str(status)] = _response(
            _DESCRIPTION_OF_ERROR.get(status) or ERRORS[cases[0].code].meaning,
            _HEADERS_OF_ERROR.get(status, ()),
            _json_content("ErrorBody", {case.name: msgspec.to_builtins(case.body) for case in cases}),
        )
    operation["responses"] = dict(sorted(responses.items()))
    if path.startswith("/api/"):
        operation["security"] = [{name: []} for name in _SECURITY_SCHEMES]
    return operation


def _parameter(generated: Json) -> Json:
    schema = {key: value for key, value in generated["schema"].items() if key not in ("description", "oneOf")}
    # To a handler, what is left out is null; a URL or a header has no null.
    for variant in generated["schema"].get("oneOf", ()):
        if variant != {"type": "null"}:
            schema = {**variant, **schema}
    if generated["name"] == "state":
        schema = {"$ref": f"{_REFERENCE}RoomState"}
    for bound in ("minimum", "maximum"):
        if bound in schema:
            schema[bound] = int(schema[bound])
    parameter = {key: generated[key] for key in ("name", "in", "description", "required")}
    if generated["in"] == "path":
        # Only here: the page fills examples in, and nobody wants a filter that they did not ask for.
        parameter["example"] = "a7x9k2"
    return {**parameter, "schema": schema}


def _response(description: str, headers: Sequence[str], content: Json) -> Json:
    return {
        "description": description,
        "headers": {name: {"$ref": f"#/components/headers/{name}"} for name in ("X-Request-Id", *headers)},
        "content": content,
    }


def _content(name: str) -> Json:
    return _json_content(name, {key: msgspec.to_builtins(value) for key, value in _EXAMPLES[name].items()})


def _json_content(name: str, examples: Json) -> Json:
    media: Json = {"schema": {"$ref": _REFERENCE + name}}
    media["examples"] = {key: {"value": value} for key, value in examples.items()}
    return {"application/json": media}


def _errors_by_status(operation: str) -> dict[int, list[ErrorCase]]:
    by_status: dict[int, list[ErrorCase]] = {}
    for case in ERROR_CASES.get(operation, ()):
        by_status.setdefault(case.status, []).append(case)
    return by_status


def _errors_table() -> str:
    """What REST calls can answer, as rows of a Markdown table."""
    answered = {(case.status, case.code) for cases in ERROR_CASES.values() for case in cases} | {
        (404, ErrorCode.NOT_FOUND),
        (405, ErrorCode.METHOD_NOT_ALLOWED),
    }
    return "\n".join(
        f"| {status} `{code.value}` | {_DESCRIPTION_OF_ERROR.get(status) or ERRORS[code].meaning} |"
        for status, code in sorted(answered, key=lambda answer: (answer[0], answer[1].value))
    )
