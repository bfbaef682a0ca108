"""Copies of the published documents, to plant changes in."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Final

import msgspec

from openapi.compat import Comparison, Contract, compare
from openapi.diff import now

Json = dict[str, Any]

NOW: Final = now()
"""The contract as the code says it."""

_OPENAPI, _ASYNCAPI, _INDEX = (msgspec.json.encode(part) for part in (NOW.openapi, NOW.asyncapi, NOW.index))


class Draft:
    """A copy of the published documents, to be changed."""

    def __init__(self) -> None:
        # Made by the thousand: this is the fastest copy.
        self.openapi: Json = msgspec.json.decode(_OPENAPI)
        self.asyncapi: Json = msgspec.json.decode(_ASYNCAPI)
        self.index: Json = msgspec.json.decode(_INDEX)

    def body(self, name: str) -> Json:
        """The schema of a REST body."""
        schema: Json = self.openapi["components"]["schemas"][name]
        return schema

    def message(self, name: str) -> Json:
        """The schema of a message, or of a part of one."""
        schema: Json = self.asyncapi["components"]["schemas"][name]
        return schema

    def call(self, method: str, path: str) -> Json:
        """An operation of REST."""
        operation: Json = self.openapi["paths"][path][method]
        return operation

    def parameter(self, method: str, path: str, name: str) -> Json:
        """One of a call's parameters."""
        found = [item for item in self.call(method, path)["parameters"] if item["name"] == name]
        parameter: Json = found[0]
        return parameter

    def remove_message(self, name: str, operation: str) -> None:
        """Take a message out of all that names it."""
        del self.asyncapi["operations"][operation]
        del self.asyncapi["components"]["messages"][name]
        del self.asyncapi["channels"]["signaling"]["messages"][name]

    def registry(self, name: str) -> list[Json]:
        """`x-error-codes` or `x-close-codes`."""
        entries: list[Json] = self.asyncapi["info"][name]
        return entries

    @property
    def contract(self) -> Contract:
        return Contract(self.openapi, self.asyncapi, self.index)


Plant = Callable[[Draft], object]


def changed(plant: Plant) -> Comparison:
    draft = Draft()
    plant(draft)
    assert draft.contract != NOW, "nothing was planted"
    return compare(NOW, draft.contract)


def taken_back(plant: Plant) -> Comparison:
    """The same change the other way round."""
    draft = Draft()
    plant(draft)
    return compare(draft.contract, NOW)


def lines(comparison: Comparison) -> list[str]:
    """The changes, one line each, without reasons; how many more places there are is left out."""
    told = (
        f"{'BREAKS' if change.verdict.breaks else 'ok'} {change.place}: {change.what}"
        for change in comparison.changes
    )
    return [re.sub(r"and \d+ more:", "and more:", line) for line in told]


def field(schema: Json, name: str, **keywords: Any) -> None:
    """Change keywords of a field; None takes one out."""
    target = schema["properties"][name]
    for keyword, value in keywords.items():
        if value is None:
            del target[keyword]
        else:
            target[keyword] = value


def add_field(schema: Json, name: str, *, required: bool = False) -> None:
    schema["properties"][name] = {"type": "string"}
    if required:
        schema["required"] = [*schema.get("required", []), name]


def drop_field(schema: Json, name: str) -> None:
    del schema["properties"][name]
    schema["required"] = [other for other in schema.get("required", []) if other != name]


def rename_field(schema: Json, old: str, new: str) -> None:
    drop_field(schema, old)
    add_field(schema, new, required=True)


def optional(schema: Json, name: str) -> None:
    schema["required"].remove(name)


def required(schema: Json, name: str) -> None:
    schema["required"] = [*schema.get("required", []), name]


def replace(where: list[Any], old: Any, new: Any) -> None:
    where[where.index(old)] = new


def entry(registry: list[Json], code: Any) -> Json:
    return next(one for one in registry if one["code"] == code)
