"""The published JSON Schemas as a check of frames: what they say is what goes over the wire."""

from __future__ import annotations

import json
from functools import cache
from typing import Any, Final

# Compiled: frames are checked by the thousand, and the pure Python one takes milliseconds for each.
import jsonschema_rs

from signaling.contract.codec import BadFrame, decode
from signaling.contract.errors import ErrorCode
from signaling.contract.messages import tag_of
from signaling.contract.schemas import INDEX, SCHEMAS_PATH, schema_files
from signaling.web.docs import openapi_document

SERVICE: Final = "https://signaling.test"
"""Stands for wherever the service is: the `$id`s of its schemas are paths of it."""


@cache
def published() -> dict[str, Any]:
    """All schemas by their addresses, as somebody has them who fetched them from a service."""
    return {
        f"{SERVICE}{SCHEMAS_PATH}{path}": schema for path, schema in schema_files().items() if path != INDEX
    }


@cache
def schema_validator(path: str) -> jsonschema_rs.Draft202012Validator:
    """The validator of a file below `SCHEMAS_PATH` (`client/join.json`)."""
    registry = jsonschema_rs.Registry(list(published().items()))
    reference = {"$ref": f"{SERVICE}{SCHEMAS_PATH}{path}"}
    return jsonschema_rs.Draft202012Validator(reference, registry=registry, validate_formats=True)


def check_frame_schema(direction: str, frame: Any) -> None:
    """Raise AssertionError if the schemas refuse the frame: its direction's union, or its own message's.

    ``direction``: `client` or `server`, whoever sent it.
    """
    for path in (f"{direction}/{frame['type']}.json", f"{direction}-message.json"):
        for fault in schema_validator(path).iter_errors(frame):
            where = "/".join(map(str, fault.instance_path))
            raise AssertionError(f"{path} refuses {frame} at {where or 'its root'}: {fault.message}")


def _fraction(text: str) -> float:
    """The number, made one that is no integer to the schema either."""
    value = float(text)
    return value + 0.5 if value.is_integer() and abs(value) < 2**50 else value


def check_sent_frame(data: str) -> str | None:
    """The type of a message that a client sends; None if codec and schema both refuse it.

    Raises AssertionError if they are of two minds. Of what is no JSON text, or nested deeper than validators
    read, the schema can say nothing. Nor can it tell `1.0` from `1` (JSON Schema 2020-12, 4.2.3), which the
    codec takes for no integer.
    """
    kind: str | None = None
    try:
        kind = tag_of(decode(data))
    except BadFrame as error:
        if error.code is ErrorCode.INVALID_JSON:
            return None
    try:
        valid = schema_validator("client-message.json").is_valid(json.loads(data, parse_float=_fraction))
    except (RecursionError, ValueError):
        return kind
    if valid is not (kind is not None):
        verb = "refuses" if kind is None else "takes"
        raise AssertionError(f"the codec {verb} this frame, its JSON Schema does not agree: {data[:500]!r}")
    return kind


@cache
def _body_validator(name: str) -> jsonschema_rs.Draft202012Validator:
    document = openapi_document()
    schema = {"$ref": f"#/components/schemas/{name}", "components": document["components"]}
    return jsonschema_rs.Draft202012Validator(schema, validate_formats=True)


def check_body(name: str, body: Any) -> None:
    """Raise AssertionError if OpenAPI's schema ``name`` refuses the body, or does not know all of it."""
    for fault in _body_validator(name).iter_errors(body):
        raise AssertionError(f"{name} refuses {body}: {fault.message}")
    known = openapi_document()["components"]["schemas"][name]["properties"]
    unknown = set(body) - set(known)
    assert not unknown, f"{name} has no {sorted(unknown)}"
