"""A JSON Schema in a form that can be compared: references followed, nullable ways of writing made one.

Of OpenAPI 3.1 and AsyncAPI 3.0 alike, whose schemas are JSON Schemas.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

Json = dict[str, Any]
Schema = Json | bool

ALL_TYPES: Final = frozenset({"null", "boolean", "object", "array", "number", "string"})

WORDING: Final = frozenset(
    {
        "$comment",
        "contact",
        "description",
        "example",
        "examples",
        "externalDocs",
        "license",
        "meaning",
        "summary",
        "tags",
        "termsOfService",
        "title",
    }
)
"""Keywords for people: nothing on the wire depends on them."""

BOUND_KEYWORDS: Final = (
    "minimum",
    "maximum",
    "exclusiveMinimum",
    "exclusiveMaximum",
    "minLength",
    "maxLength",
    "minItems",
    "maxItems",
    "minProperties",
    "maxProperties",
    "pattern",
    "format",
    "multipleOf",
)

_UNDERSTOOD: Final = frozenset(
    {
        *("type", "const", "enum", "properties", "required", "additionalProperties", "items"),
        *("default", "deprecated", "$schema", "$id", "$defs"),
        *BOUND_KEYWORDS,
    }
)


class Document:
    """A document whose schemas refer to other parts of it."""

    def __init__(self, content: Json) -> None:
        """``content`` is not changed."""
        self.content = content

    def at(self, reference: str) -> Any:
        """What `#/...` refers to. Raises LookupError if there is nothing."""
        if not reference.startswith("#/"):
            raise LookupError(f"{reference} is not in this document")
        place: Any = self.content
        for step in reference.removeprefix("#/").split("/"):
            place = place[step.replace("~1", "/").replace("~0", "~")]
        return place

    def followed(self, thing: Json) -> Json:
        """The thing itself, or what its `$ref` says."""
        while "$ref" in thing:
            thing = self.at(thing["$ref"])
        return thing

    def shape(self, schema: Schema) -> Shape:
        """The schema's shape, one level deep: inner schemas are left as they are."""
        flat, name, nullable = self._flat(schema)
        listed = flat.get("type", sorted(ALL_TYPES))
        types = frozenset([listed] if isinstance(listed, str) else listed)
        values = flat.get("enum", [flat["const"]] if "const" in flat else None)
        if values is not None:
            types = frozenset(kind for kind in types if any(_is(kind, value) for value in values))
        if nullable:
            types |= {"null"}
        if "number" in types:
            types -= {"integer"}
        return Shape(
            name=name,
            types=types,
            values=None if values is None else tuple(_told(value) for value in values if value is not None),
            bounds={key: flat[key] for key in BOUND_KEYWORDS if key in flat},
            fields={
                **dict.fromkeys(flat.get("required", ()), True),
                **flat.get("properties", {}),
            },
            required=frozenset(flat.get("required", ())),
            extra=flat.get("additionalProperties", True),
            items=True if flat.get("items", {}) == {} else flat["items"],
            default=_told(flat["default"]) if flat.get("default") is not None else None,
            deprecated=bool(flat.get("deprecated", False)),
            rest=self._rest(flat),
        )

    def _flat(self, schema: Schema) -> tuple[Json, str, bool]:
        """Keywords with references followed; the definition's name; whether null is a variant beside it."""
        if isinstance(schema, bool):
            return ({} if schema else {"enum": []}), "", False
        own = {key: value for key, value in schema.items() if key not in WORDING}
        name, nullable = "", False
        inner: Schema
        if "$ref" in own:
            reference = own.pop("$ref")
            name, inner = reference.rpartition("/")[2], self.at(reference)
        elif len(own.get("allOf", ())) == 1:
            (inner,) = own.pop("allOf")
        elif (keyword := _nullable(own)) is not None:
            (inner,) = (variant for variant in own.pop(keyword) if variant != {"type": "null"})
            nullable = True
        else:
            return own, name, nullable
        below, inner_name, inner_nullable = self._flat(inner)
        both = {**below, **own}
        clash = {key: below[key] for key in own if key in below and below[key] != own[key]}
        for harmless in ("default", "deprecated"):
            clash.pop(harmless, None)
        if clash:
            # Both hold at once, which is more than a shape can say.
            both["allOf"] = [*both.get("allOf", ()), clash]
        return both, name or inner_name, nullable or inner_nullable

    def _rest(self, flat: Json) -> str:
        rest = {key: value for key, value in flat.items() if key not in _UNDERSTOOD}
        return _told(self._whole(rest, frozenset())) if rest else ""

    def _whole(self, part: Any, seen: frozenset[str]) -> Any:
        """The part with everything it refers to in place, without wording."""
        if isinstance(part, list):
            return [self._whole(item, seen) for item in part]
        if not isinstance(part, dict):
            return part
        whole = {key: self._whole(value, seen) for key, value in part.items() if key not in WORDING}
        reference = part.get("$ref")
        if isinstance(reference, str) and reference not in seen:
            whole["$ref"] = self._whole(self.at(reference), seen | {reference})
        return whole


@dataclass(frozen=True, slots=True)
class Shape:
    """What a schema says, one level deep. Values are JSON text, which can be compared and shown."""

    name: str
    """Of the definition it was found under; empty if it stands where it is used."""
    types: frozenset[str]
    values: tuple[str, ...] | None
    """All values it can have, null apart; None: any of its types."""
    bounds: Mapping[str, Any]
    fields: Mapping[str, Schema]
    required: frozenset[str]
    extra: Schema
    """What fields that are not declared may be."""
    items: Schema
    default: str | None
    """As null by default says nothing, it counts as none."""
    deprecated: bool
    rest: str
    """Keywords that are not understood here, in full; empty if there are none."""


def _nullable(schema: Json) -> str | None:
    """The keyword by which the schema is one other schema or null."""
    for keyword in ("anyOf", "oneOf"):
        variants = schema.get(keyword, ())
        others = [variant for variant in variants if variant != {"type": "null"}]
        if len(others) == 1 and len(variants) <= 2:
            return keyword
    return None


_KINDS: Final[Mapping[str, tuple[type, ...]]] = {
    "null": (type(None),),
    "boolean": (bool,),
    "object": (dict,),
    "array": (list,),
    "integer": (int,),
    "number": (int, float),
    "string": (str,),
}


def _is(kind: str, value: Any) -> bool:
    return isinstance(value, _KINDS[kind]) and (kind == "boolean" or not isinstance(value, bool))


def _told(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, sort_keys=True)
