"""The API's documents: Swagger UI, ReDoc and the OpenAPI document, all without the internet.

Paths come from Litestar's handlers, components from msgspec's own schemas of the contract,
examples from the contract's instances.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import msgspec
from litestar import Litestar, Request, Router
from litestar.datastructures import CacheControlHeader
from litestar.openapi import OpenAPIConfig
from litestar.openapi.plugins import JsonRenderPlugin, RedocRenderPlugin, SwaggerRenderPlugin
from litestar.openapi.spec import Components, Contact, License, SecurityScheme, Server, ServerVariable, Tag
from litestar.static_files import create_static_files_router

from signaling import __version__
from signaling.contract.errors import ERRORS, ErrorCode
from signaling.contract.examples import REST_EXAMPLES
from signaling.contract.rest import REST_TYPES, ErrorBody
from signaling.contract.types import RoomState

ASSETS: Final = "/api/assets"
_FAVICON: Final = f"<link rel='icon' type='image/png' href='{ASSETS}/favicon-32x32.png'>"
_DIRECTORY: Final = Path(__file__).parent / "assets"

_DESCRIPTION: Final = """\
Rooms and signaling for classes by WebRTC video.

Your platform's backend makes a room here when a class is scheduled and hands its `room_code` to those who may
join. Their browsers open a WebSocket to `/ws`, join with the code, and exchange offers, answers and ICE
candidates; sound and picture then flow between the browsers.

Calls to `/api/*` need an API key in the header `X-API-Key`. Keep it in your backend, never in a page.

Errors have one shape, `{"detail": "...", "code": "..."}`: `detail` is for people, `code` for programs.
Times are UTC, RFC 3339. Every answer carries an `X-Request-Id` that the service's logs have, too; send your own to
choose it.
"""

_TAGS: Final = [
    Tag(name="Rooms", description="Make, read, list and end rooms."),
    Tag(name="Statistics", description="Figures for a dashboard."),
    Tag(name="Operations", description="For monitors and load balancers; no key needed."),
]


def openapi_config() -> OpenAPIConfig:
    """How the documents are made and where they are served."""
    return OpenAPIConfig(
        title="WebRTC Signaling API",
        version=__version__,
        description=_DESCRIPTION,
        path="/api",
        license=License(name="Apache-2.0", identifier="Apache-2.0"),
        contact=Contact(name="The maintainers"),
        tags=_TAGS,
        servers=[
            Server(url="/", description="The service that answered this document."),
            Server(
                url="https://{host}",
                description="Your deployment.",
                variables={
                    "host": ServerVariable(default="your-app.onrender.com", description="Host name of the service.")
                },
            ),
        ],
        components=Components(
            security_schemes={
                "ApiKeyAuth": SecurityScheme(
                    type="apiKey",
                    name="X-API-Key",
                    security_scheme_in="header",
                    description="One of the keys in the service's `API_KEY`.",
                )
            }
        ),
        use_handler_docstrings=True,
        render_plugins=[
            _Swagger(
                path="/docs",
                js_url=f"{ASSETS}/swagger-ui-bundle.js",
                css_url=f"{ASSETS}/swagger-ui.css",
                standalone_preset_js_url=f"{ASSETS}/swagger-ui-standalone-preset.js",
                favicon=_FAVICON,
            ),
            _Redoc(path="/redoc", js_url=f"{ASSETS}/redoc.standalone.js", google_fonts=False, favicon=_FAVICON),
            _Json(path="/openapi.json", media_type="application/json"),
        ],
    )


def assets_router() -> Router:
    """The vendored scripts and styles of the pages."""
    return create_static_files_router(
        path=ASSETS,
        directories=[_DIRECTORY],
        include_in_schema=False,
        cache_control=CacheControlHeader(max_age=86_400, public=True),
    )


def document(app: Litestar) -> dict[str, Any]:
    """The OpenAPI document as it is published."""
    return _polish(app.openapi_schema.to_schema())


class _Polished:
    """Renders the published document instead of Litestar's own."""

    _published: dict[str, Any] | None = None

    def render(self, request: Request[Any, Any, Any], openapi_schema: dict[str, Any]) -> bytes:
        if self._published is None:
            self._published = _polish(openapi_schema)
        return bytes(super().render(request, self._published))  # type: ignore[misc]

    @staticmethod
    def render_json(_request: Request[Any, Any, Any], schema: dict[str, Any]) -> bytes:
        """JSON that may stand inside a script element."""
        return msgspec.json.encode(schema).replace(b"</", b"<\\\\/")


class _Swagger(_Polished, SwaggerRenderPlugin):
    pass


class _Redoc(_Polished, RedocRenderPlugin):
    pass


class _Json(_Polished, JsonRenderPlugin):
    pass


def _polish(raw: dict[str, Any]) -> dict[str, Any]:
    schema: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(raw))
    _, components = msgspec.json.schema_components(REST_TYPES, ref_template="#/components/schemas/{name}")
    components["RoomState"]["enum"] = [state.value for state in RoomState]
    components["ErrorCode"]["enum"] = [code.value for code, info in ERRORS.items() if info.http_status is not None]
    for component in components.values():
        _tidy_component(component)
    named = set(schema["components"]["schemas"]) - set(components)
    if named:
        raise LookupError(f"not in REST_TYPES: {sorted(named)}")
    schema["components"]["schemas"] = {name: components[name] for name in sorted(components)}
    for kind, example in REST_EXAMPLES.items():
        components[kind.__name__]["examples"] = [msgspec.to_builtins(example)]
    for path in schema["paths"].values():
        for operation in path.values():
            if isinstance(operation, dict):
                _tidy_operation(operation)
    return schema


def _tidy_component(component: dict[str, Any]) -> None:
    if "enum" in component:
        component.setdefault("type", "string")
    for field in component.get("properties", {}).values():
        for variant in [field, *field.get("anyOf", [])]:
            if "enum" in variant:
                variant.setdefault("type", "string")


def _tidy_operation(operation: dict[str, Any]) -> None:
    operation.pop("deprecated", None)
    body = operation.get("requestBody")
    if body is not None:
        body["required"] = False
        body["description"] = "What the room shall be like; an empty body or `{}` asks for the defaults."
        _add_example(body["content"]["application/json"])
    for parameter in operation.get("parameters", []):
        for noise in ("deprecated", "allowEmptyValue", "allowReserved"):
            parameter.pop(noise, None)
    for status, response in operation["responses"].items():
        if not response.get("headers"):
            response.pop("headers", None)
        for media in response.get("content", {}).values():
            if int(status) < 400:
                _add_example(media)
            elif media["schema"].get("$ref", "").endswith("/ErrorBody"):
                _add_error_examples(media, response["description"])
    responses = operation["responses"]
    if "401" in responses:
        responses["401"]["headers"] = {
            "WWW-Authenticate": {"schema": {"type": "string"}, "description": "Always `ApiKey`."}
        }
    if "503" in responses and "ErrorBody" in str(responses["503"]):
        responses["503"]["headers"] = {
            "Retry-After": {"schema": {"type": "integer"}, "description": "Seconds to wait."}
        }


def _add_example(media: dict[str, Any]) -> None:
    name = media["schema"].get("$ref", "").rpartition("/")[2]
    for kind, example in REST_EXAMPLES.items():
        if kind.__name__ == name:
            media["example"] = msgspec.to_builtins(example)


def _add_error_examples(media: dict[str, Any], description: str) -> None:
    media["examples"] = {
        code.value: {"value": msgspec.to_builtins(ErrorBody(detail=ERRORS[code].meaning, code=code))}
        for code in ErrorCode
        if f"`{code.value}`:" in description
    }
