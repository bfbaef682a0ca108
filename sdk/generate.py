"""Generates the Python SDK's REST client and messages from the service's own contract.

    python sdk/generate.py            writes sdk/python/signaling_client/_generated
    python sdk/generate.py --check    fails, with the difference, if that folder is not what it would write

The documents come straight from the functions that publish them, so this needs nothing printed before it.
"""

from __future__ import annotations

import argparse
import copy
import difflib
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

Schema = dict[str, Any]
OpenValues = Callable[[Schema, list[str], str | None], None]
"""Makes a field take any text: the field, the values known today, the name of their enum if it has one."""

TARGET: Final = Path(__file__).parent / "python" / "signaling_client" / "_generated"

_INIT: Final = '"""Generated from the service\'s contract. Never edited: `make contract` writes it anew."""\n'

_MESSAGES_HEADER: Final = (
    '"""Every WebSocket message, both directions, as msgspec Structs. Generated: never edited.\n\n'
    "Values that a newer service may add to (reasons, states, codes) are plain strings here; their\n"
    "descriptions name those known today.\n"
    '"""\n'
)

_REST_CONFIG: Final = {
    "project_name_override": "webrtc-signaling-client",
    "package_name_override": "rest",
    "use_path_prefixes_for_title_model_names": False,
    "docstrings_on_attributes": True,
    "post_hooks": [
        "ruff check --no-cache --select I,F401,UP --fix-only --isolated --target-version py311 .",
        "ruff format --no-cache --isolated --line-length 110 --target-version py311 .",
    ],
}

_WRITTEN_ORDER: Final = """
import sys
from datamodel_code_generator.__main__ import main
from datamodel_code_generator.model.msgspec import Struct

Struct.FIELD_CONSTRUCTION_ORDER_KEY = None
sys.exit(main())
"""
"""The generator puts required fields first, which Structs with fields by name only do not need: here they
keep the schema's order, so that a message written by the SDK is the very bytes that the service writes."""

_BOUNDS: Final = frozenset(
    {
        "minLength",
        "maxLength",
        "pattern",
        "minimum",
        "maximum",
        "exclusiveMinimum",
        "exclusiveMaximum",
        "multipleOf",
        "minItems",
        "maxItems",
        "additionalProperties",
    }
)

_DIFF_LINES: Final = 20
"""Lines of difference shown for a file."""


def main() -> int:
    """Write the generated folder, or check it. The exit status."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    arguments.add_argument("--check", action="store_true", help="compare instead of writing")
    arguments.add_argument("--target", type=Path, default=TARGET, help=argparse.SUPPRESS)
    given = arguments.parse_args()
    with tempfile.TemporaryDirectory(prefix="sdk-") as folder:
        fresh = Path(folder) / "_generated"
        generate(fresh)
        if given.check:
            faults = list(differences(given.target, fresh))
            for fault in faults:
                sys.stderr.write(f"{fault}\n")
            if faults:
                sys.stderr.write("The generated SDK is not what the contract says. Run: make contract\n")
            return 1 if faults else 0
        if given.target.exists():
            shutil.rmtree(given.target)
        shutil.copytree(fresh, given.target)
    return 0


def generate(folder: Path) -> None:
    """Write the whole generated package to ``folder``, which must not exist."""
    from signaling.contract.schemas import message_schema
    from signaling.web.docs import openapi_document

    folder.mkdir(parents=True)
    (folder / "__init__.py").write_text(_INIT)
    _generate_rest(open_answers(openapi_document()), folder / "rest")
    schema = messages_schema(message_schema("client-message"), message_schema("server-message"))
    _generate_messages(_defaulted(schema), folder / "messages.py")


# What an older SDK must take from a newer service


def open_answers(document: Schema) -> Schema:
    """The OpenAPI document with its answers made open: see `opened`. Requests keep their enums and bounds."""
    document = copy.deepcopy(document)
    opened(document["components"]["schemas"], answers_of(document), "#/components/schemas/")
    return document


def answers_of(document: Schema) -> list[Schema]:
    """The schemas of all answers in an OpenAPI document."""
    return [
        content["schema"]
        for path in document["paths"].values()
        for operation in path.values()
        for response in operation["responses"].values()
        for content in response.get("content", {}).values()
    ]


def messages_schema(client: Schema, server: Schema, *, open_values: OpenValues | None = None) -> Schema:
    """One schema of both unions; what the service sends is made open: see `opened`."""
    definitions: Schema = copy.deepcopy(server["$defs"])
    opened(definitions, server["oneOf"], "#/$defs/", open_values=open_values)
    for name, definition in client["$defs"].items():
        definitions.setdefault(name, copy.deepcopy(definition))
    unions = {name: _union(source) for name, source in (("ClientMessage", client), ("ServerMessage", server))}
    return {"$schema": server["$schema"], "$defs": {**definitions, **unions}}


def _defaulted(schema: Schema) -> Schema:
    """With `--use-default`: what has a default is never unset in Python, and its type must not say so."""
    for definition in schema["$defs"].values():
        names = [name for name, field in definition.get("properties", {}).items() if "default" in field]
        if names:
            definition["required"] = [*definition.get("required", ()), *names]
    return schema


def opened(
    definitions: Schema, roots: list[Schema], prefix: str, *, open_values: OpenValues | None = None
) -> None:
    """Change the definitions that ``roots`` reach so that a newer service's values still fit them.

    An enum becomes a string that names the known values, bounds go: they bind who sends, and a service
    may widen what it sends without a new protocol version. A message's own `type` stays, as does that of
    a session description, which is the W3C's. ``open_values`` writes an open enum for another generator.
    """
    write = open_values or _open_values
    enums = {prefix + name: schema for name, schema in definitions.items() if "enum" in schema}
    waiting, seen = [*roots], set[str]()
    while waiting:
        reference = waiting.pop().get("$ref")
        if reference is None or reference in seen or reference in enums:
            continue
        seen.add(reference)
        definition = definitions[reference.removeprefix(prefix)]
        definition.pop("additionalProperties", None)
        for name, field in definition.get("properties", {}).items():
            _open_field(field, enums, write, keep_values=name == "type")
            waiting += _parts(field)


def _open_field(field: Schema, enums: dict[str, Schema], write: OpenValues, *, keep_values: bool) -> None:
    for part in _parts(field):
        for bound in _BOUNDS:
            part.pop(bound, None)
        declared = enums.get(part.get("$ref", ""))
        if declared is not None:
            name = part.pop("$ref").rpartition("/")[2]
            write(part, declared["enum"], name)
        elif not keep_values and "enum" in part:
            write(part, part.pop("enum"), None)
        elif not keep_values and "const" in part:
            write(part, [part.pop("const")], None)


def _open_values(field: Schema, values: list[str], _name: str | None) -> None:
    field["type"] = "string"
    known = ", ".join(f"`{value}`" for value in values)
    field["description"] = f"{field.get('description', '')} Known values: {known}.".strip()


def _parts(schema: Schema) -> list[Schema]:
    """The schema and all that it is put together from."""
    inner = [
        *schema.get("anyOf", ()),
        *schema.get("oneOf", ()),
        *([schema["items"]] if "items" in schema else ()),
    ]
    return [schema, *(part for one in inner for part in _parts(one))]


def _union(source: Schema) -> Schema:
    return {
        "description": source["description"],
        "oneOf": source["oneOf"],
        "discriminator": {"propertyName": "type"},
    }


# The two generators


def _generate_rest(document: Schema, folder: Path) -> None:
    with tempfile.TemporaryDirectory(prefix="sdk-") as work:
        source, config = Path(work) / "openapi.json", Path(work) / "config.json"
        source.write_text(json.dumps(document))
        config.write_text(json.dumps(_REST_CONFIG))
        _run(
            "-m",
            "openapi_python_client",
            "generate",
            *("--path", str(source), "--config", str(config), "--output-path", str(folder)),
            *("--meta", "none", "--fail-on-warning"),
        )
    # The package has one mark for types, at its top.
    (folder / "py.typed").unlink(missing_ok=True)


def _generate_messages(schema: Schema, target: Path) -> None:
    with tempfile.TemporaryDirectory(prefix="sdk-") as work:
        source = Path(work) / "messages.json"
        source.write_text(json.dumps(schema))
        _run(
            "-c",
            _WRITTEN_ORDER,
            *("--input", str(source), "--input-file-type", "jsonschema", "--output", str(target)),
            *("--output-model-type", "msgspec.Struct", "--use-msgspec-tagged-unions", "--keyword-only"),
            *(
                "--enum-field-as-literal",
                "all",
                "--output-datetime-class",
                "datetime",
                "--snake-case-field",
                "--use-default",
            ),
            *("--use-schema-description", "--use-field-description", "--use-standard-collections"),
            *(
                "--use-union-operator",
                "--target-python-version",
                "3.11",
                "--skip-root-model",
                "--disable-timestamp",
            ),
            *("--formatters", "ruff-check", "ruff-format", "--ignore-pyproject"),
            *("--custom-file-header", _MESSAGES_HEADER),
            work=Path(work),
        )


def _run(*arguments: str, work: Path | None = None) -> None:
    """Run a generator with this Python, its tools (ruff) before any other of that name."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    done = subprocess.run(  # noqa: S603 - our own arguments, no shell
        [sys.executable, *arguments],
        env={**os.environ, "PATH": path},
        cwd=work,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise SystemExit(f"A generator failed: {arguments[:2]}\n{done.stdout}{done.stderr}")


# Comparing


def differences(committed: Path, fresh: Path) -> Iterator[str]:
    """What differs between two folders, file by file, shortly."""
    names = sorted(_files(committed) | _files(fresh))
    for name in names:
        old, new = _lines(committed / name), _lines(fresh / name)
        if old is None:
            yield f"{committed / name}: missing"
        elif new is None:
            yield f"{committed / name}: not generated, must not be there"
        elif old != new:
            lines = list(difflib.unified_diff(old, new, "committed", "generated", lineterm="", n=1))
            more = len(lines) - _DIFF_LINES
            shown = lines[:_DIFF_LINES] + ([f"... and {more} lines more"] if more > 0 else [])
            yield "\n".join([f"{committed / name}: differs", *shown])


def _files(folder: Path) -> set[str]:
    return {
        str(path.relative_to(folder))
        for path in folder.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }


def _lines(path: Path) -> list[str] | None:
    return path.read_text().splitlines() if path.is_file() else None


if __name__ == "__main__":
    sys.exit(main())
