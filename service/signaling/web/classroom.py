"""The classroom page: static files, served so that a browser runs them and nothing else.

The page is plain HTML, CSS and ES modules in the folder beside this module; those in `client` are the
browser client of `sdk/typescript`, as compiled by `make contract`. It asks nobody but this service for
anything; the Content-Security-Policy makes the browser hold it to that.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from litestar import MediaType, Router, get
from litestar.datastructures import Headers, MutableScopeHeaders
from litestar.enums import ScopeType
from litestar.response import File
from litestar.types import ASGIApp, Message, Receive, Scope, Send

from signaling.web.static_files import files_router, is_known

FILES: Final = Path(__file__).parent / "classroom"

_HOST: Final = re.compile(r"[A-Za-z0-9.\-]+(:\d{1,5})?|\[[0-9A-Fa-f:.]+\](:\d{1,5})?")
"""What a ``Host`` header may be to be repeated in a policy: nothing that could end a directive."""

_REVALIDATE: Final = "no-cache"
"""Cached, but asked about every time: a page of many small modules must never be half old and half new."""


def content_security_policy(host: str | None) -> str:
    """Answer the policy of the page for a request to ``host``, the value of its ``Host`` header.

    ``connect-src 'self'`` covers a WebSocket to the page's own origin in the current standard (CSP Level 3,
    section 6.7.2.8). Safari before 15.4 compares the scheme too, so the WebSocket origins are spelled out.
    """
    connect = ["'self'"]
    if host is not None and _HOST.fullmatch(host):
        connect += [f"wss://{host}", f"ws://{host}"]
    return "; ".join(
        (
            "default-src 'none'",
            "script-src 'self'",
            "style-src 'self'",
            "img-src 'self' data:",
            "font-src 'self'",
            "media-src 'self' blob: mediastream:",
            f"connect-src {' '.join(connect)}",
            "base-uri 'none'",
            "form-action 'none'",
            "frame-ancestors 'self'",
        )
    )


def _protected(app: ASGIApp) -> ASGIApp:
    """Wrap ``app``: every response carries the page's security headers, and ``If-None-Match`` is honoured."""

    async def respond(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != ScopeType.HTTP:
            await app(scope, receive, send)
            return
        asked = Headers.from_scope(scope)
        policy = content_security_policy(asked.get("host"))
        not_modified = False

        async def send_protected(message: Message) -> None:
            nonlocal not_modified
            if message["type"] == "http.response.start":
                headers = MutableScopeHeaders.from_message(message)
                headers["Content-Security-Policy"] = policy
                headers["X-Content-Type-Options"] = "nosniff"
                headers["Referrer-Policy"] = "no-referrer"
                headers["Permissions-Policy"] = "camera=(self), microphone=(self), display-capture=(self)"
                headers["Cache-Control"] = _REVALIDATE
                if message["status"] == 200 and is_known(
                    asked.get("if-none-match", ""), headers.get("etag", "")
                ):
                    not_modified = True
                    message["status"] = 304
                    for name in ("content-length", "content-type", "content-disposition"):
                        headers.pop(name, None)
            elif not_modified and message["type"] == "http.response.body":
                # A 304 has no body (RFC 9110, section 15.4.5); the file's bytes end here.
                message["body"] = b""
            await send(message)

        await app(scope, receive, send_protected)

    return respond


def classroom_router(ice_servers: Sequence[Mapping[str, object]]) -> Router:
    """Answer a router that serves the classroom page at ``/classroom``.

    ``ice_servers`` are W3C ``RTCIceServer`` dictionaries. They are given to every visitor of the page, so a
    TURN credential among them must be one that may be known to all of them.
    """
    config = {"ice_servers": [dict(server) for server in ice_servers]}

    @get("/", media_type=MediaType.HTML)
    async def classroom_page() -> File:
        """The page itself. The room code in its query string is read in the browser."""
        return File(
            path=FILES / "index.html",
            filename="index.html",
            media_type=MediaType.HTML,
            content_disposition_type="inline",
        )

    @get("/config.json", media_type=MediaType.JSON)
    async def classroom_config() -> dict[str, list[dict[str, object]]]:
        """What the page must know of this deployment."""
        return config

    return Router(
        path="/classroom",
        route_handlers=[
            classroom_page,
            classroom_config,
            files_router("/assets", FILES),
        ],
        middleware=[_protected],
        include_in_schema=False,
    )
