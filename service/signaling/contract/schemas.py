"""JSON Schemas (2020-12) of the contract, printed from its types.

msgspec makes them; here they get the form that readers and generators like best: nullable fields as
`type: [..., "null"]`, one-value enums as `const`, enums in the order of their declaration.
"""

from __future__ import annotations

import enum
import inspect
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final, get_args

import msgspec

from signaling.contract.catalog import CATALOG, Direction, MessageInfo
from signaling.contract.errors import ERRORS, ErrorCode
from signaling.contract.examples import REST_EXAMPLES
from signaling.contract.messages import PROTOCOL_VERSION, ClientMessage, ServerMessage
from signaling.contract.rest import REST_TYPES, ErrorBody
from signaling.contract.types import ConnectionState, LeftReason, RoomLeftReason, RoomState

Schema = dict[str, Any]

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"

SCHEMAS_PATH: Final = f"/api/schemas/v{PROTOCOL_VERSION}/"
"""Where a service has the schemas: their `$id`s resolve against whichever service they came from."""

INDEX: Final = "index.json"
"""The file that lists the others."""

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
    definitions = _definitions(get_args(union), _LOCAL, SOCKET_CODES)
    return {
        "$schema": DIALECT,
        "$id": f"{SCHEMAS_PATH}{name}.json",
        "title": "".join(word.capitalize() for word in name.split("-")),
        "description": description,
        # To validators it says nothing that `oneOf` does not; generators make tagged unions of it.
        "type": "object",
        "discriminator": {"propertyName": "type"},
        "oneOf": [{"$ref": f"#/$defs/{message}"} for message in messages],
        # The messages in their order, then what they are made of.
        "$defs": {key: definitions[key] for key in [*messages, *sorted(set(definitions) - set(messages))]},
    }


def schema_files() -> dict[str, Schema]:
    """Every file of JSON Schemas, by its path below `SCHEMAS_PATH`; the index first.

    Each stands alone: what it refers to is in its own `$defs`. The unions, then one file a message
    (`client/join.json`), then one a REST body (`rest/create-room-request.json`).
    """
    unions = {f"{name}.json": message_schema(name) for name in MESSAGE_SCHEMAS}
    parts = {
        name: _definitions(get_args(union), _LOCAL, SOCKET_CODES) for name, (union, _) in _UNIONS.items()
    }
    messages = {message_file(info): _message_file(info, parts[info.direction]) for info in CATALOG}
    bodies = _definitions(REST_TYPES, _LOCAL, REST_CODES)
    rest = {body_file(kind): _standing_alone(body_file(kind), bodies, kind.__name__) for kind in _BODIES}
    return {INDEX: _index(unions, messages, rest), **unions, **messages, **rest}


def message_file(info: MessageInfo) -> str:
    """Path of a message's own schema below `SCHEMAS_PATH`. One `type` can exist in both directions."""
    return f"{_FOLDERS[info.direction]}/{info.type}.json"


def body_file(kind: type[Any]) -> str:
    """Path of a REST body's schema below `SCHEMAS_PATH`."""
    return f"rest/{re.sub(r'(?<!^)(?=[A-Z])', '-', kind.__name__).lower()}.json"


def asyncapi_components() -> dict[str, Schema]:
    """The schemas of all messages and what they refer to, by name, for AsyncAPI's `components`."""
    kinds = [*get_args(ClientMessage), *get_args(ServerMessage)]
    return _definitions(kinds, "#/components/schemas/{name}", SOCKET_CODES)


_LOCAL: Final = "#/$defs/{name}"

_FOLDERS: Final = {Direction.CLIENT_TO_SERVER: "client", Direction.SERVER_TO_CLIENT: "server"}

_UNIONS: Final = {
    Direction.CLIENT_TO_SERVER: MESSAGE_SCHEMAS["client-message"],
    Direction.SERVER_TO_CLIENT: MESSAGE_SCHEMAS["server-message"],
}

_BODIES: Final[tuple[type[Any], ...]] = (*REST_EXAMPLES, ErrorBody)


def _message_file(info: MessageInfo, definitions: Mapping[str, Schema]) -> Schema:
    schema = _standing_alone(message_file(info), definitions, info.message.__name__)
    examples = [msgspec.to_builtins(example) for example in info.examples]
    inner = {"$defs": schema.pop("$defs")} if "$defs" in schema else {}
    return {**schema, "examples": examples, **inner}


def _standing_alone(path: str, definitions: Mapping[str, Schema], name: str) -> Schema:
    """The definition as a schema of its own, with those it refers to."""
    needed: set[str] = set()
    waiting = [name]
    while waiting:
        found = set(_references(definitions[waiting.pop()])) - needed
        needed |= found
        waiting += found
    inner = {"$defs": {key: definitions[key] for key in sorted(needed)}} if needed else {}
    return {"$schema": DIALECT, "$id": SCHEMAS_PATH + path, **definitions[name], **inner}


def _references(schema: Any) -> Iterator[str]:
    """Names of the definitions that a schema refers to."""
    if isinstance(schema, dict):
        for key, part in schema.items():
            if key == "$ref":
                yield part.rpartition("/")[2]
            else:
                yield from _references(part)
    elif isinstance(schema, list):
        for part in schema:
            yield from _references(part)


def _index(
    unions: Mapping[str, Schema], messages: Mapping[str, Schema], bodies: Mapping[str, Schema]
) -> Schema:
    return {
        "protocol_version": PROTOCOL_VERSION,
        "unions": _entries(unions),
        "messages": [
            {**entry, "type": info.type, "direction": info.direction.value}
            for entry, info in zip(_entries(messages), CATALOG, strict=True)
        ],
        "bodies": _entries(bodies),
    }


def _entries(files: Mapping[str, Schema]) -> list[Schema]:
    keys = ("$id", "title", "description")
    return [{key: schema[key] for key in keys} for schema in files.values()]


def _definitions(types: Iterable[Any], template: str, codes: Iterable[ErrorCode]) -> dict[str, Schema]:
    _, definitions = msgspec.json.schema_components(types, ref_template=template)
    named = {name: _tidy(definitions[name]) for name in sorted(definitions)}
    for declared in _ENUMS:
        if declared.__name__ in named:
            named[declared.__name__]["enum"] = [member.value for member in declared]
    if "ErrorCode" in named:
        named["ErrorCode"]["enum"] = [code.value for code in codes]
    return named


def unwrapped(docstring: str) -> str:
    """A docstring as Markdown of one line a paragraph: pages would show its line ends.

    Its indentation goes, too: from Python 3.13 on, it is not there.
    """
    return re.sub(r"(?<!\n)\n(?!\n)", " ", inspect.cleandoc(docstring))


def _tidy(schema: Schema) -> Schema:
    """The schema in its published form; what is given is not changed."""
    tidy = dict(schema)
    if "description" in tidy:
        tidy["description"] = unwrapped(tidy["description"])
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
