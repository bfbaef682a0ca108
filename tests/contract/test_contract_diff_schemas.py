"""openapi/compat: what it says of schemas is what validators do with values.

Schemas are made up in pairs, small enough that all values at their edges can be tried, one by one.
"""

from __future__ import annotations

import copy
import itertools
from typing import Any, Final

import jsonschema_rs
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sdk.generate import opened

from openapi.compat import verdicts
from openapi.compat.schema import Difference, Schemas
from openapi.compat.shape import ALL_TYPES, Document
from openapi.compat.values import Direction

Json = dict[str, Any]
Pair = tuple[Json, Json]
"""Old and new."""

THOROUGH: Final = settings(
    max_examples=500, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck), database=None
)

SCALARS: Final[list[Any]] = [
    *(None, True, False, -1, 0, 1, 2, 3, 4, 0.5, 1.5, 2.5, 3.5),
    *("", "a", "b", "c", "aa", "aaa", "aaaa"),
]
VALUES: Final[list[Any]] = [
    *SCALARS,
    [],
    *([scalar] * count for scalar in SCALARS for count in (1, 2, 3)),
]
NAMES: Final = ("a", "type")


def numbers(kind: str) -> st.SearchStrategy[Json]:
    low, high = st.sampled_from([None, 0, 1]), st.sampled_from([None, 2, 3])
    strict = st.booleans()

    def schema(least: int | None, most: int | None, above: bool, below: bool) -> Json:
        made: Json = {"type": kind}
        if least is not None:
            made["exclusiveMinimum" if above else "minimum"] = least - (kind == "integer" and above)
        if most is not None:
            made["exclusiveMaximum" if below else "maximum"] = most + (kind == "integer" and below)
        return made

    return st.builds(schema, low, high, strict, strict)


def strings() -> st.SearchStrategy[Json]:
    return st.builds(
        lambda least, most: (
            {"type": "string"}
            | ({} if least is None else {"minLength": least})
            | ({} if most is None else {"maxLength": most})
        ),
        st.sampled_from([None, 0, 1]),
        st.sampled_from([None, 1, 2, 3]),
    )


def enums() -> st.SearchStrategy[Json]:
    values = st.lists(st.sampled_from(["a", "b", "c"]), min_size=1, unique=True)
    return values.map(
        lambda names: {"type": "string"} | ({"const": names[0]} if len(names) == 1 else {"enum": names})
    )


BOOLEANS: Final = st.just({"type": "boolean"})
NUMBERS: Final = numbers("integer") | numbers("number")
TEXTS: Final = strings() | enums()


@st.composite
def fields(draw: st.DrawFn) -> Pair:
    """A schema of one field and what became of it, mostly one of the same kind."""
    kinds = draw(st.sampled_from([NUMBERS, TEXTS, BOOLEANS, NUMBERS | TEXTS | BOOLEANS]))
    old, new = draw(kinds), draw(kinds)
    if "const" in old or "enum" in old:
        # Whether known values fit new bounds is not worked out: that is told as a break, to be safe.
        new = {keyword: value for keyword, value in new.items() if not keyword.endswith("Length")}
    if draw(st.integers(0, 3)) == 0:
        old = {"type": "array", "items": old} | draw(st.sampled_from([{}, {"minItems": 1}, {"maxItems": 2}]))
        if draw(st.integers(0, 7)):
            bounds = draw(st.sampled_from([{}, {"minItems": 1}, {"maxItems": 1}, {"maxItems": 2}]))
            new = {"type": "array", "items": new} | bounds
    if draw(st.integers(0, 2)) == 0:
        new = copy.deepcopy(old)
    null = {"type": "null"}
    return (
        {"anyOf": [old, null]} if draw(st.booleans()) else old,
        {"anyOf": [new, null]} if draw(st.booleans()) else new,
    )


@st.composite
def pairs(draw: st.DrawFn, *, closed: bool) -> Pair:
    """An object's schema and what became of it."""
    old: Json = {"type": "object", "properties": {}, "required": []}
    new: Json = copy.deepcopy(old)
    for name in NAMES:
        schemas = draw(fields())
        in_both = draw(st.integers(0, 4)) > 0
        for number, schema in enumerate((old, new)):
            if in_both or draw(st.booleans()):
                schema["properties"][name] = schemas[number]
                if draw(st.booleans()):
                    schema["required"].append(name)
    if closed:
        old["additionalProperties"] = new["additionalProperties"] = False
    return old, new


def differences(pair: Pair, direction: Direction) -> list[Difference]:
    old, new = ({"$defs": {"Root": copy.deepcopy(schema)}} for schema in pair)
    schemas = Schemas(Document(old), Document(new), direction)
    return list(schemas.changes({"$ref": "#/$defs/Root"}, {"$ref": "#/$defs/Root"}))


def taken(schema: Json) -> list[Any]:
    """Objects of the schema's own fields that it takes, with every value at an edge of one."""
    validator = jsonschema_rs.Draft202012Validator(schema)
    choices = []
    for name in NAMES:
        declared = schema["properties"].get(name)
        fits = declared is not None and jsonschema_rs.Draft202012Validator(declared).is_valid
        choices.append([{}, *({name: value} for value in VALUES if fits and fits(value))])
    made = (one | other for one, other in itertools.product(*choices))
    return [value for value in made if validator.is_valid(value)]


def tolerant(schema: Json) -> Json:
    """What an SDK that was generated from the schema takes: its bounds and known values are gone."""
    definitions = {"Root": copy.deepcopy(schema)}
    opened(definitions, [{"$ref": "#/$defs/Root"}], "#/$defs/")
    return definitions["Root"]


@THOROUGH
@given(pairs(closed=True))
def test_what_clients_send_breaks_exactly_if_something_taken_is_refused(pair: Pair) -> None:
    validator = jsonschema_rs.Draft202012Validator(pair[1])
    refused = [value for value in taken(pair[0]) if not validator.is_valid(value)]
    breaking = [found for found in differences(pair, Direction.SENT) if found.verdict.breaks]
    assert bool(breaking) is bool(refused), (pair, breaking, refused[:1])


@THOROUGH
@given(pairs(closed=False))
def test_an_open_request_breaks_if_something_taken_is_refused(pair: Pair) -> None:
    """Clients send declared fields only. That one is not read any more breaks them without being refused."""
    old, new = pair
    validator = jsonschema_rs.Draft202012Validator(new)
    refused = [value for value in taken(old) if not validator.is_valid(value)]
    found = differences(pair, Direction.SENT)
    breaking = [one for one in found if one.verdict.breaks and one.verdict is not verdicts.NO_EFFECT]
    assert bool(breaking) is bool(refused), (pair, breaking, refused[:1])


BEYOND_DECODING: Final = (verdicts.WAITS, verdicts.MISSED)
"""Breaks that an old client decodes all the same: what it knows does not come any more."""


@THOROUGH
@given(pairs(closed=False))
def test_what_clients_receive_breaks_if_the_old_sdk_cannot_take_it(pair: Pair) -> None:
    old, new = pair
    validator = jsonschema_rs.Draft202012Validator(tolerant(old))
    unread = [value for value in taken(new) if not validator.is_valid(value)]
    breaking = [one for one in differences(pair, Direction.RECEIVED) if one.verdict.breaks]
    if unread:
        assert breaking, (pair, unread[:1])
    if any(one.verdict not in BEYOND_DECODING for one in breaking):
        assert unread, (pair, breaking)


@settings(THOROUGH, max_examples=150)
@given(pairs(closed=True), st.sampled_from(Direction))
def test_a_schema_against_itself_has_no_changes(pair: Pair, direction: Direction) -> None:
    for schema in pair:
        assert differences((schema, schema), direction) == []


@settings(THOROUGH, max_examples=150)
@given(pairs(closed=True))
def test_without_a_word_both_say_the_same(pair: Pair) -> None:
    """No change found, in either direction: then the same values fit."""
    if not differences(pair, Direction.SENT) and not differences(pair, Direction.RECEIVED):
        assert taken(pair[0]) == taken(pair[1])


def test_the_pairs_are_of_all_kinds() -> None:
    """Enough break and enough do not, in both directions, for the tests above to mean something."""
    counts = {(direction, breaks): 0 for direction in Direction for breaks in (True, False)}

    @settings(THOROUGH, max_examples=200)
    @given(pairs(closed=True))
    def count(pair: Pair) -> None:
        for direction in Direction:
            found = differences(pair, direction)
            if found:
                counts[direction, any(one.verdict.breaks for one in found)] += 1

    count()
    assert min(counts.values()) > 15, counts


# What the made-up pairs do not have


def broken(old: Json, new: Json, direction: Direction) -> list[bool]:
    """Of each change from one document's `Root` to the other's, whether it breaks."""
    schemas = Schemas(Document({"$defs": old}), Document({"$defs": new}), direction)
    root = {"$ref": "#/$defs/Root"}
    return [found.verdict.breaks for found in schemas.changes(root, root)]


TEXT: Final[Json] = {"type": "string"}
NUMBER: Final[Json] = {"type": "number"}


@pytest.mark.parametrize(
    ("before", "after", "sent", "received"),
    [
        (True, True, [], []),
        (True, {}, [], []),
        (False, False, [], []),
        (True, False, [True], [False]),
        (False, True, [False], [False]),
        (True, TEXT, [True], [False]),
        (TEXT, True, [False], [True]),
        (False, TEXT, [False], [False]),
        (TEXT, False, [True], [True]),
        (TEXT, NUMBER, [True], [True]),
        (TEXT, {"type": ["string", "null"]}, [False], [True]),
    ],
    ids=str,
)
def test_fields_that_are_not_declared(
    before: Any, after: Any, sent: list[bool], received: list[bool]
) -> None:
    old, new = ({"Root": {"type": "object", "additionalProperties": extra}} for extra in (before, after))
    assert broken(old, new, Direction.SENT) == sent
    assert broken(old, new, Direction.RECEIVED) == received


EITHER: Final[Json] = {"oneOf": [{"$ref": "#/$defs/One"}, NUMBER]}


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ({"Root": {"type": "string"}}, {"Root": {"type": "string", "contentEncoding": "base64"}}),
        ({"Root": {"type": "object"}}, {"Root": {"type": "object", "patternProperties": {"^x": TEXT}}}),
        ({"Root": EITHER, "One": TEXT}, {"Root": EITHER, "One": {"type": "boolean"}}),
        (
            {"Root": {"$ref": "#/$defs/One"}, "One": TEXT | {"maxLength": 5}},
            {"Root": {"$ref": "#/$defs/One", "maxLength": 3}, "One": TEXT | {"maxLength": 5}},
        ),
    ],
    ids=["unknown keyword", "patterns of names", "several variants", "a reference and more"],
)
@pytest.mark.parametrize("direction", Direction)
def test_what_is_not_understood_counts_as_a_break(old: Json, new: Json, direction: Direction) -> None:
    assert True in broken(old, new, direction)
    assert True in broken(new, old, direction)
    assert broken(old, old, direction) == broken(new, new, direction) == []


def test_a_definition_that_contains_itself() -> None:
    node = {"type": "object", "properties": {"next": {"$ref": "#/$defs/Root"}, "value": TEXT}}
    other = copy.deepcopy(node) | {"required": ["value"]}
    assert broken({"Root": node}, {"Root": node}, Direction.SENT) == []
    assert broken({"Root": node}, {"Root": other}, Direction.SENT) == [True]
    either = {"oneOf": [{"$ref": "#/$defs/Root"}, TEXT, NUMBER]}
    assert broken({"Root": either}, {"Root": either}, Direction.RECEIVED) == []


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"type": ["string", "null"]}, {"anyOf": [TEXT, {"type": "null"}]}),
        ({"enum": ["a", "b"]}, {"type": "string", "enum": ["b", "a"]}),
        ({"const": "a"}, {"enum": ["a"]}),
        ({"allOf": [TEXT]}, TEXT),
        ({"type": "integer", "exclusiveMinimum": 0}, {"type": "integer", "minimum": 1}),
        (TEXT, TEXT | {"minLength": 0}),
        ({}, {"type": sorted(ALL_TYPES), "items": {}, "additionalProperties": True}),
        (TEXT, TEXT | {"default": None, "title": "Text", "examples": ["a"], "$comment": "!"}),
    ],
    ids=str,
)
def test_other_ways_to_write_the_same(one: Json, other: Json) -> None:
    for direction in Direction:
        assert broken({"Root": one}, {"Root": other}, direction) == []
        assert broken({"Root": other}, {"Root": one}, direction) == []
