"""The published JSON Schemas as a check of frames: what they say is what goes over the wire."""

from __future__ import annotations

import json
from functools import cache
from typing import Any, Final

# Compiled: frames are checked by the thousand, and the pure Python one takes milliseconds for each.
import jsonschema_rs

from signaling.contract.codec import BadFrame, decode
from signaling.contract.errors import ErrorCode
from signaling.contract.schemas import INDEX, SCHEMAS_PATH, schema_files

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


def check_sent_frame(data: str | bytes) -> None:
    """Raise AssertionError if schema and codec are of two minds about what a client sends.

    Tests send bad frames on purpose: those the codec takes the schema must take, and those it refuses the
    schema must refuse. Of what is no JSON text, or nested deeper than validators read, it can say nothing.
    Nor can it tell `1.0` from `1` (JSON Schema 2020-12, 4.2.3), which the codec takes for no integer.
    """
    if isinstance(data, bytes):
        return
    try:
        decode(data)
        accepted = True
    except BadFrame as error:
        if error.code is ErrorCode.INVALID_JSON:
            return
        accepted = False
    try:
        valid = schema_validator("client-message.json").is_valid(json.loads(data, parse_float=_fraction))
    except (RecursionError, ValueError):
        return
    if valid is not accepted:
        verb = "takes" if accepted else "refuses"
        raise AssertionError(f"the codec {verb} this frame, its JSON Schema does not agree: {data[:500]!r}")
