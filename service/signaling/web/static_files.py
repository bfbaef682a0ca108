"""Files of a folder, served by name, and what browsers have of them already."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from litestar import Router
from litestar.connection import ASGIConnection
from litestar.datastructures import CacheControlHeader
from litestar.exceptions import NotFoundException
from litestar.handlers import BaseRouteHandler
from litestar.static_files import create_static_files_router


def files_router(path: str, folder: Path, cache_control: CacheControlHeader | None = None) -> Router:
    """A router at ``path`` that serves the files that ``folder`` has now, and knows of no other.

    What a client asks for is looked up among their names before the file system hears of it: Litestar asks
    it for any text, and answers 500 where that can be no name (a NUL in it, too long).
    """
    names = frozenset(file.relative_to(folder).as_posix() for file in folder.rglob("*") if file.is_file())

    async def known(connection: ASGIConnection[Any, Any, Any, Any], _handler: BaseRouteHandler) -> None:
        if str(connection.path_params["file_path"]).strip("/") not in names:
            raise NotFoundException

    return create_static_files_router(
        path=path, directories=[folder], guards=[known], cache_control=cache_control, include_in_schema=False
    )


def is_known(if_none_match: str, etag: str) -> bool:
    """Whether an ``If-None-Match`` header names the entity tag, compared weakly (RFC 9110, 13.1.2)."""
    own = etag.removeprefix("W/")
    return bool(own) and any(tag.strip().removeprefix("W/") in ("*", own) for tag in if_none_match.split(","))
