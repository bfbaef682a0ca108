"""What describes the WebSocket's messages: the AsyncAPI document, the page that shows it, the JSON Schemas.

All of it is made from the message catalog when the application is built, and served from memory.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any, Final

import msgspec
from litestar import MediaType, Request, Response, Router, get
from litestar.exceptions import NotFoundException
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath

from signaling.contract.asyncapi import asyncapi_document
from signaling.contract.messages import PROTOCOL_VERSION
from signaling.contract.schemas import INDEX, schema_files
from signaling.web.pages import Page
from signaling.web.static_files import is_known

_PAGES: Final = Path(__file__).parent / "pages"

_PARTS: Final = {"bar.css": MediaType.CSS, "messages.css": MediaType.CSS, "messages.js": "text/javascript"}
"""Files of the pages' own, by name."""

_SCHEMA_TYPE: Final = "application/schema+json"

_VERSION: Final = f"v{PROTOCOL_VERSION}"

_REVALIDATE: Final = "no-cache"

_LONG: Final = "public, max-age=86400"
"""For paths with the protocol's version: what is there changes only by growing, so a day late is no harm."""


class Document:
    """A document in memory, with its entity tag."""

    def __init__(self, body: bytes, media_type: str, *, public: bool = False) -> None:
        """``public``: pages of any origin may read it. It says nothing of anybody and takes no key."""
        self._body = body
        self._media_type = media_type
        self._headers = {"ETag": f'"{hashlib.sha256(body).hexdigest()[:32]}"'}
        if public:
            self._headers["Access-Control-Allow-Origin"] = "*"

    def response(
        self, request: Request[Any, Any, Any], cache_control: str = _REVALIDATE
    ) -> Response[bytes | None]:
        """The answer; 304 without a body if the client has it already (RFC 9110, section 13.1.2)."""
        headers = self._headers | {"Cache-Control": cache_control}
        if is_known(request.headers.get("if-none-match", ""), headers["ETag"]):
            return Response(None, status_code=304, headers=headers, media_type=self._media_type)
        return Response(self._body, headers=headers, media_type=self._media_type)


def message_docs_router() -> Router:
    """`/api/docs/messages`, `/api/asyncapi.json` and `/api/schemas/`. None of them needs a key."""
    page = Page(
        "messages.html",
        script_src="'self'",
        style_src="'self'",
        img_src="'self'",
        connect_src="'self'",
    )
    asyncapi = Document(msgspec.json.encode(asyncapi_document()), MediaType.JSON, public=True)
    schemas = {
        path: Document(
            msgspec.json.format(msgspec.json.encode(schema), indent=2),
            MediaType.JSON if path == INDEX else _SCHEMA_TYPE,
            public=True,
        )
        for path, schema in schema_files().items()
    }

    @get("/docs/messages")
    async def messages_page() -> Response[bytes]:
        return page.response()

    @get("/asyncapi.json")
    async def asyncapi_json(request: Request[Any, Any, Any]) -> Response[bytes | None]:
        return asyncapi.response(request)

    @get("/schemas")
    async def schema_index(request: Request[Any, Any, Any]) -> Response[bytes | None]:
        return schemas[INDEX].response(request)

    @get("/schemas/{file:path}")
    async def schema_file(request: Request[Any, Any, Any], file: FromPath[Path]) -> Response[bytes | None]:
        path = file.as_posix().strip("/")
        version, _, below = path.partition("/")
        versioned = version == _VERSION
        document = schemas.get((below or INDEX) if versioned else path)
        if document is None:
            raise NotFoundException
        return document.response(request, _LONG if versioned else _REVALIDATE)

    return Router(
        "/api",
        route_handlers=[messages_page, *_page_parts(), asyncapi_json, schema_index, schema_file],
        include_in_schema=False,
    )


def _page_parts() -> list[HTTPRouteHandler]:
    """Handlers of the pages' own scripts and styles."""

    def handler(name: str, media_type: str) -> HTTPRouteHandler:
        document = Document((_PAGES / name).read_bytes(), media_type)

        @get(f"/docs/{name}")
        async def page_part(request: Request[Any, Any, Any]) -> Response[bytes | None]:
            return document.response(request)

        return page_part

    return [handler(name, media_type) for name, media_type in _PARTS.items()]
