"""Which methods a path has: for `Allow`, in the answer to OPTIONS and to a method that it does not have."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from litestar import Litestar


def allowed_methods(app: Litestar, path: str) -> list[str]:
    """The methods of all routes at the path; none where there is nothing, or only a WebSocket."""
    segments = [segment for segment in path.split("/") if segment]
    methods: set[str] = set()
    for route in app.routes:
        if _matches(route.path_components, segments):
            methods |= set(getattr(route, "methods", ()))
    if "GET" in methods:
        methods.add("HEAD")
    return sorted(methods)


def _matches(components: Sequence[Any], segments: Sequence[str]) -> bool:
    """Whether the path is the route's: a parameter stands for one segment, a `path` for all that follow."""
    if components and not isinstance(components[-1], str) and components[-1].type is Path:
        components, segments = components[:-1], segments[: len(components) - 1]
    return len(segments) == len(components) and all(
        not isinstance(component, str) or component == segment
        for component, segment in zip(components, segments, strict=True)
    )
