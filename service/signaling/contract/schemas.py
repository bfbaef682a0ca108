"""JSON Schemas (2020-12) of the contract, printed from its types.

msgspec makes them; here they get the form that readers and generators like best: nullable fields as
`type: [..., "null"]`, one-value enums as `const`, enums in the order of their declaration.
"""

from __future__ import annotations

import enum
import inspect
import re
from collections.abc import Iterable, Mapping
from typing import Any, Final, get_args

import msgspec

from signaling.contract.errors import ERRORS, ErrorCode
from signaling.contract.messages import ClientMessage, ServerMessage
from signaling.contract.rest import REST_TYPES
from signaling.contract.types import ConnectionState, LeftReason, RoomLeftReason, RoomState

Schema = dict[str, Any]

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"

REST_CODES: Final = tuple(code for code, info in ERRORS.items() if info.http_status is not None)
"""Error codes that an HTTP answer can carry."""

SOCKET_CODES: Final = tuple(code for code, info in ERRORS.items() if info.on_socket)
"""Error codes that an `error` frame can carry."""

_ENUMS: Final[tuple[type[enum.Enum], ...]] = (RoomState, ConnectionState, LeftReason, RoomLeftReason)

MESSAGE_SCHEMAS: Final[Mapping[str, tuple[Any, str]]] = {
    "client-message": (ClientMessage, "Every message that a client may send over the WebSocket `/ws`."),
    "server-message": (ServerMessage, "Every message that the service sends over the WebSocket `/ws`."),
}
"""File name (without suffix) to the union it describes, and what it is."""


def rest_components() -> dict[str, Schema]:
    """The schemas of all REST bodies and what they refer to, by name, for OpenAPI's `components`."""
    return _definitions(REST_TYPES, "#/components/schemas/{name}", REST_CODES)


def message_schema(name: str) -> Schema:
    """The schema of one direction's messages. Raises KeyError for a ``name`` not in MESSAGE_SCHEMAS."""
    union, description = MESSAGE_SCHEMAS[name]
    messages = [message.__name__ for message in get_args(union)]
    definitions = _definitions(get_args(union), "#/$defs/{name}", SOCKET_CODES)
    return {
        "$schema": DIALECT,
        "title": "".join(word.capitalize() for word in name.split("-")),
        "description": description,
        "oneOf": [{"$ref": f"#/$defs/{message}"} for message in messages],
        # The messages in their order, then what they are made of.
        "$defs": {key: definitions[key] for key in [*messages, *sorted(set(definitions) - set(messages))]},
    }


def _definitions(types: Iterable[Any], template: str, codes: Iterable[ErrorCode]) -> dict[str, Schema]:
    _, definitions = msgspec.json.schema_components(types, ref_template=template)
    named = {name: _tidy(definitions[name]) for name in sorted(definitions)}
    for declared in _ENUMS:
        if declared.__name__ in named:
            named[declared.__name__]["enum"] = [member.value for member in declared]
    if "ErrorCode" in named:
        named["ErrorCode"]["enum"] = [code.value for code in codes]
    return named


def _tidy(schema: Schema) -> Schema:
    """The schema in its published form; what is given is not changed."""
    tidy = dict(schema)
    if "description" in tidy:
        # A docstring: its indentation differs by Python version, and its line ends mean nothing here.
        tidy["description"] = re.sub(r"(?<!\n)\n(?!\n)", " ", inspect.cleandoc(tidy["description"]))
    if tidy.get("required") == []:
        del tidy["required"]
    if "properties" in tidy:
        tidy["properties"] = {name: _tidy(field) for name, field in tidy["properties"].items()}
    if "items" in tidy:
        tidy["items"] = _tidy(tidy["items"])
    if tidy.get("default", ...) is None:
        # Left out is the same as null: no news.
        del tidy["default"]
    if "enum" in tidy:
        tidy.setdefault("type", "string")
        if len(tidy["enum"]) == 1:
            tidy["const"] = tidy.pop("enum")[0]
    if "anyOf" in tidy:
        tidy = _nullable(tidy)
    return _ordered(tidy)


def _nullable(schema: Schema) -> Schema:
    """`anyOf` of a value and null: a list of types if it is a plain value, else with its description up."""
    variants = [variant for variant in schema["anyOf"] if variant != {"type": "null"}]
    if len(variants) != 1 or len(schema["anyOf"]) != 2:
        raise ValueError(f"neither a plain type nor a nullable one: {schema}")
    (variant,) = map(_tidy, variants)
    around = {key: value for key, value in schema.items() if key != "anyOf"}
    if "$ref" not in variant:
        return {**variant, "type": [variant["type"], "null"], **around}
    up: Schema = {key: variant.pop(key) for key in ("description", "examples") if key in variant}
    return {**up, "anyOf": [variant, {"type": "null"}], **around}


_FIRST: Final = ("title", "description", "$ref", "type", "const", "enum")
_LAST: Final = ("properties", "required", "additionalProperties", "default", "examples")


def _ordered(schema: Schema) -> Schema:
    """Keywords in the order in which a person reads them."""
    middle = [key for key in schema if key not in _FIRST and key not in _LAST]
    return {key: schema[key] for key in (*_FIRST, *middle, *_LAST) if key in schema}
