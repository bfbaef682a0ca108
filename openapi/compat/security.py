"""What changed in who is let in."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from openapi.compat import verdicts
from openapi.compat.shape import WORDING, Document, Json
from openapi.compat.verdicts import Verdict

_Requirement = frozenset[str]
"""All that one way in asks for, in words; empty: nothing."""


def security_changes(old: tuple[Document, Json], new: tuple[Document, Json]) -> Iterator[tuple[str, Verdict]]:
    """The change of a call, given as document and operation; none if it asks for what it asked for."""
    before, after = _ways_in(*old), _ways_in(*new)
    if before == after:
        return
    let_in = all(any(way <= known for way in after) for known in before)
    what = f"asks for {_told(after)}, asked for {_told(before)}"
    yield what, verdicts.AS_BEFORE if let_in else verdicts.SHUT_OUT


def _ways_in(document: Document, operation: Json) -> set[_Requirement]:
    """Each is enough. No word of security is one that asks for nothing."""
    declared: list[Json] = operation.get("security", document.content.get("security")) or []
    schemes = document.content.get("components", {}).get("securitySchemes", {})
    return {
        frozenset(_words(document.followed(schemes[name]), scopes) for name, scopes in way.items())
        for way in declared
    } or {frozenset()}


def _words(scheme: Json, scopes: list[str]) -> str:
    kind = scheme["type"]
    if kind == "apiKey":
        return f"the {scheme['in']} `{scheme['name']}`"
    details = {key: value for key, value in scheme.items() if key not in WORDING and key != "type"}
    more: list[Any] = [f"{key} {value}" for key, value in sorted(details.items())]
    return " ".join([kind, *more, *sorted(scopes)])


def _told(ways: set[_Requirement]) -> str:
    return " or ".join(sorted(" and ".join(sorted(way)) or "nothing" for way in ways))
