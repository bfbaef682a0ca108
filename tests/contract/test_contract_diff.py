"""openapi/compat: nothing goes unseen, wording is no change, each side has its version."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import pytest

from openapi.compat import Contract, Side, compare
from support.drafts import NOW, Draft, Json, field, lines


def test_the_same_documents_have_no_changes() -> None:
    comparison = compare(NOW, Draft().contract)
    assert (comparison.changes, comparison.wording, comparison.unannounced) == ((), 0, [])


def test_wording_is_counted_and_never_a_change() -> None:
    draft = Draft()
    draft.call("post", "/api/rooms")["summary"] = "Make a room"
    field(draft.body("RoomCreated"), "owner_id", description="Whose it is.", examples=["me"])
    # A field of that name is none of the wording.
    field(draft.message("OfferPayload"), "description", description="The offer.", examples=[{}])
    draft.registry("x-close-codes")[0]["meaning"] = "Too big."
    comparison = compare(NOW, draft.contract)
    assert (lines(comparison), comparison.wording) == ([], 6)


def test_each_side_answers_for_its_own_breaks() -> None:
    draft = Draft()
    draft.openapi["paths"].pop("/api/statistics")
    draft.remove_message("Ping", "client_ping")
    assert compare(NOW, draft.contract).unannounced == [Side.REST, Side.MESSAGES]
    draft.asyncapi["info"]["x-protocol-version"] += 1
    assert compare(NOW, draft.contract).unannounced == [Side.REST]
    draft.openapi["info"]["version"] = "1.0.0"
    assert compare(NOW, draft.contract).unannounced == []


@pytest.mark.parametrize(
    ("was", "is_now", "raised"),
    [
        ("0.1.0", "0.1.1", False),
        ("0.1.0", "0.2.0", True),
        ("0.2.0", "0.1.0", False),
        ("0.9.3", "1.0.0", True),
        ("1.2.0", "1.3.0", False),
        ("1.2.0", "2.0.0.dev1", True),
        ("2.0.0", "1.9.0", False),
        ("1.0.0", "0.9.0", False),
    ],
)
def test_what_the_version_of_rest_has_to_say(was: str, is_now: str, raised: bool) -> None:
    old, new = Draft(), Draft()
    old.openapi["info"]["version"], new.openapi["info"]["version"] = was, is_now
    assert compare(old.contract, new.contract).raised(Side.REST) is raised


def test_where_there_was_no_document_everything_is_new() -> None:
    comparison = compare(Contract(NOW.openapi, None), NOW)
    assert [side for side in Side if comparison.is_new(side)] == [Side.MESSAGES]
    assert (comparison.changes, comparison.unannounced) == ((), [])


# Nothing goes unseen


NOT_ON_THE_WIRE: Final = {
    "openapi": "the version of the format",
    "asyncapi": "the version of the format",
    "info": "about the document; versions are in the head of the report, codes are looked at below",
    "servers": "where a service is, is its operator's; the path on it and who is let in are looked at below",
    "defaultContentType": "every message says its own",
}
"""Parts of the documents that may change without a word, and why."""

_WORDING: Final = {"title", "description", "summary", "examples", "example", "tags", "license", "meaning"}
_INSIDE: Final = {"bindingVersion", "x-schema", "$schema", "servers", "correlationIds"}
"""What the contract tests hold to be what it is (tests/contract/test_asyncapi.py), or the index says."""


def leaves(part: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Paths to all plain values that are no wording."""
    if isinstance(part, dict):
        named = bool(path) and path[-1] == "properties"
        for key, value in part.items():
            if named or key not in _WORDING | _INSIDE:
                yield from leaves(value, (*path, key))
    elif isinstance(part, list):
        for number, value in enumerate(part):
            yield from leaves(value, (*path, number))
    else:
        yield path


def spoiled(value: Any) -> Any:
    match value:
        case bool():
            return not value
        case "send" | "receive":
            return "receive" if value == "send" else "send"
        case int():
            return value + 1
        case str() if value in ("string", "integer", "boolean", "array", "object", "number", "null"):
            return "boolean" if value == "string" else "string"
        case _:
            return f"{value}x"


def seen(path: tuple[Any, ...], old: Contract, new: Contract, document: Json) -> bool:
    """Whether the change of one value of the document, which is of ``new``, is told."""
    *above, last = path
    holder: Any = document
    for step in above:
        holder = holder[step]
    value = holder[last]
    holder[last] = spoiled(value)
    try:
        return bool(compare(old, new).changes)
    finally:
        holder[last] = value


def test_no_change_of_the_openapi_document_goes_unseen() -> None:
    draft = Draft()
    old, new = Contract(NOW.openapi, None), Contract(draft.openapi, None)
    paths = [path for path in leaves(NOW.openapi) if path[0] not in NOT_ON_THE_WIRE and "$ref" not in path]
    assert len(paths) > 200
    assert [path for path in paths if not seen(path, old, new, draft.openapi)] == []
    assert draft.openapi == NOW.openapi


def test_no_change_of_the_asyncapi_document_goes_unseen() -> None:
    draft = Draft()
    old, new = Contract(None, NOW.asyncapi), Contract(None, draft.asyncapi)
    codes = {("info", "x-error-codes"), ("info", "x-close-codes")}
    paths = [
        path
        for path in leaves(NOW.asyncapi)
        if (path[0] not in NOT_ON_THE_WIRE or path[:2] in codes) and "$ref" not in path
    ]
    assert len(paths) > 400
    assert [path for path in paths if not seen(path, old, new, draft.asyncapi)] == []
    assert draft.asyncapi == NOW.asyncapi
