"""openapi/compat: what it calls harmless is harmless to the real service and to a real client.

A message's schemas are changed at random. If that breaks no client that sends, the service's codec decodes
what a client of the changed contract sends; if it breaks none that receives, today's SDK decodes what a
service of the changed contract sends.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, Final

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from openapi.compat import Change, Contract, compare
from openapi.compat.shape import Document
from openapi.compat.values import Direction
from signaling.contract.codec import BadFrame, decode
from signaling_client.messages import ServerMessage
from support.drafts import NOW, Draft, Json

THOROUGH: Final = settings(
    max_examples=250, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck), database=None
)

MESSAGES: Final = {
    direction: {
        operation["messages"][0]["$ref"].rpartition("/")[2]
        for operation in (NOW.asyncapi or {})["operations"].values()
        if operation["action"] == action
    }
    for direction, action in ((Direction.SENT, "receive"), (Direction.RECEIVED, "send"))
}

decode_in_sdk: Final = msgspec.json.Decoder(ServerMessage).decode


# Changing a schema


def reachable(schemas: Json, name: str) -> list[str]:
    """The definition and all that it is made of."""
    names = [name]
    for one in names:
        text = json.dumps(schemas[one])
        names += [
            other for other in schemas if other not in names and f'"#/components/schemas/{other}"' in text
        ]
    return names


@st.composite
def changed(draw: st.DrawFn, direction: Direction) -> tuple[Draft, str]:
    """The documents with one to three changes below one message, and the name of that message."""
    draft = Draft()
    schemas: Json = draft.asyncapi["components"]["schemas"]
    message = draw(st.sampled_from(sorted(MESSAGES[direction])))
    names = [name for name in reachable(schemas, message) if schemas[name].get("properties")]
    for _ in range(draw(st.integers(1, 3))):
        schema = schemas[draw(st.sampled_from(names))]
        free = [name for name in schema["properties"] if "const" not in schema["properties"][name]]
        name = draw(st.sampled_from([*free, "new_field"]))
        required = set(schema.get("required", []))
        if name not in schema["properties"]:
            schema["properties"][name] = draw(st.sampled_from([{"type": "string"}, {"type": "integer"}]))
            required |= draw(st.sampled_from([set(), {name}]))
        else:
            field = schema["properties"][name]
            match draw(st.sampled_from(["required", "gone", "null", "bound", "free", "value", "type"])):
                case "required":
                    required ^= {name}
                case "gone":
                    del schema["properties"][name]
                    required -= {name}
                case "null":
                    _toggle_null(field)
                case "bound":
                    _bound(field, draw(st.sampled_from([-1, 1, 50])))
                case "free":
                    for keyword in ("maxLength", "maximum", "pattern"):
                        field.pop(keyword, None)
                case "value" if "enum" in field:
                    field["enum"] = draw(st.sampled_from([[*field["enum"], "other"], field["enum"][1:]]))
                case "type" if isinstance(field.get("type"), str) and "enum" not in field:
                    field["type"] = draw(st.sampled_from(["string", "integer", "number", "boolean"]))
        schema["required"] = sorted(required)
    return draft, message


def _toggle_null(field: Json) -> None:
    kinds = field.get("type")
    if isinstance(kinds, list):
        field["type"] = kinds[0]
    elif kinds is not None and "enum" not in field:
        field["type"] = [kinds, "null"]
    elif "anyOf" in field:
        field.update(field.pop("anyOf")[0])
    elif "$ref" in field:
        field["anyOf"] = [{"$ref": field.pop("$ref")}, {"type": "null"}]


def _bound(field: Json, by: int) -> None:
    for keyword in ("minLength", "maxLength", "minimum", "maximum"):
        if keyword in field and "pattern" not in field:
            field[keyword] = max(0, field[keyword] + by)


# Values of a schema


def values(document: Document, schema: Json | bool) -> st.SearchStrategy[Any]:
    """Values that the schema takes, those at its bounds among them; of objects, declared fields only."""
    shape = document.shape(schema)
    found: list[st.SearchStrategy[Any]] = []
    if "null" in shape.types:
        found.append(st.none())
    if shape.values is not None:
        return st.one_of(*found, st.sampled_from([json.loads(value) for value in shape.values]))
    bounds = shape.bounds
    if "string" in shape.types:
        found.append(_texts(bounds))
    if "integer" in shape.types or "number" in shape.types:
        low, high = bounds.get("minimum", -5), bounds.get("maximum", 10**9)
        whole = st.sampled_from([low, min(low + 1, high), high])
        found.append(whole | st.just(low + 0.5) if "number" in shape.types else whole)
    if "boolean" in shape.types:
        found.append(st.booleans())
    if "array" in shape.types:
        found.append(st.lists(values(document, shape.items), max_size=2))
    if "object" in shape.types and shape.fields:
        fields = {name: values(document, inner) for name, inner in shape.fields.items()}
        found.append(
            st.fixed_dictionaries(
                {name: fields[name] for name in shape.required},
                optional={name: fields[name] for name in fields.keys() - shape.required},
            )
        )
    elif "object" in shape.types:
        found.append(st.just({}))
    return st.one_of(found)


def _texts(bounds: Any) -> st.SearchStrategy[str]:
    if bounds.get("format") == "date-time":
        return st.just("2026-03-02T08:00:00Z")
    if "pattern" in bounds:
        return st.from_regex(bounds["pattern"], fullmatch=True).filter(
            lambda text: len(text) <= bounds.get("maxLength", 1024) and text.isprintable()
        )
    low, high = bounds.get("minLength", 0), bounds.get("maxLength", 200_000)
    return st.sampled_from(sorted({low, min(low + 1, high), min(high, 200_000)})).map(lambda size: "x" * size)


# The two promises


def broken(old: Contract, new: Contract) -> list[Change]:
    return [change for change in compare(old, new).changes if change.verdict.breaks]


def taken_by_the_service(frame: Json) -> bool:
    try:
        decode(json.dumps(frame))
    except BadFrame:
        return False
    return True


def taken_by_the_sdk(frame: Json) -> bool:
    try:
        decode_in_sdk(json.dumps(frame))
    except msgspec.ValidationError:
        return False
    return True


Taken = Callable[[Json], bool]
SENT = (Direction.SENT, taken_by_the_service)
RECEIVED = (Direction.RECEIVED, taken_by_the_sdk)


def judged(draft: Draft, message: str, direction: Direction) -> list[Change]:
    """The breaks of the message, in the direction in which old and new meet."""
    today, other = Contract(None, NOW.asyncapi), Contract(None, draft.asyncapi)
    found = broken(other, today) if direction is Direction.SENT else broken(today, other)
    name = draft.asyncapi["components"]["messages"][message]["name"]
    where = f"`{name}` {'from' if direction is Direction.SENT else 'to'} clients"
    return [change for change in found if where in change.where]


@pytest.mark.parametrize(("direction", "taken"), [SENT, RECEIVED], ids=["sent", "received"])
def test_what_breaks_nobody_is_taken(direction: Direction, taken: Taken) -> None:
    @THOROUGH
    @given(st.data())
    def check(data: st.DataObject) -> None:
        draft, message = data.draw(changed(direction))
        if judged(draft, message, direction):
            return
        document = Document(draft.asyncapi)
        frame = data.draw(values(document, {"$ref": f"#/components/schemas/{message}"}))
        assert taken(frame), (message, frame)

    check()


@pytest.mark.parametrize(("direction", "taken"), [SENT, RECEIVED], ids=["sent", "received"])
def test_the_changes_are_of_all_kinds(direction: Direction, taken: Taken) -> None:
    """Some break nobody, and of those that break some frames are refused indeed."""
    harmless = refused = 0

    @settings(THOROUGH, max_examples=120)
    @given(st.data())
    def count(data: st.DataObject) -> None:
        nonlocal harmless, refused
        draft, message = data.draw(changed(direction))
        if not judged(draft, message, direction):
            harmless += draft.asyncapi != NOW.asyncapi
            return
        document = Document(draft.asyncapi)
        frame = data.draw(values(document, {"$ref": f"#/components/schemas/{message}"}))
        refused += not taken(frame)

    count()
    assert harmless > 15
    assert refused > 8
