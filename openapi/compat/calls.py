"""The calls of an OpenAPI document, each with what is said about it in several places put together."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from openapi.compat.shape import Document, Json

_METHODS: Final = frozenset({"get", "put", "post", "delete", "options", "head", "patch", "trace"})
_IN_PATH: Final = re.compile(r"\{(.*?)\}")


class Call:
    """One method of one path."""

    def __init__(self, document: Document, method: str, path: str, item: Json) -> None:
        """``item``: all that the document has at the path."""
        self.document = document
        self.name = f"{method.upper()} {path}"
        self.operation: Json = item[method]
        self.body: Json = document.followed(self.operation.get("requestBody", {}))
        self.answers: Mapping[str, Json] = {
            str(status): document.followed(answer) for status, answer in self.operation["responses"].items()
        }
        # Names within a path are not on the wire: its parameters are told apart by their order.
        numbers = {name: f"{{{number}}}" for number, name in enumerate(_IN_PATH.findall(path))}
        declared = [*item.get("parameters", ()), *self.operation.get("parameters", ())]
        self.parameters: Mapping[tuple[str, str], Json] = {
            (parameter["in"], _key(parameter, numbers)): parameter
            for parameter in map(document.followed, declared)
        }

    def headers(self, answer: Json) -> Mapping[str, Json]:
        """The headers of an answer, with their names, by which they are known: in lower case."""
        return {
            name.lower(): {"name": name, **self.document.followed(header)}
            for name, header in answer.get("headers", {}).items()
        }


def calls(document: Document) -> Mapping[tuple[str, str], Call]:
    """All calls, by method and path, the path without the names that are in it."""
    return {
        (method, _IN_PATH.sub("{}", path)): Call(document, method, path, item)
        for path, item in document.content["paths"].items()
        for method in item
        if method in _METHODS
    }


def _key(parameter: Json, numbers: Mapping[str, str]) -> str:
    name: str = parameter["name"]
    if parameter["in"] == "path":
        return numbers.get(name, name)
    return name.lower() if parameter["in"] == "header" else name
