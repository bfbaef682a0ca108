"""What the compiler takes and what it refuses; the contract's own examples fit the generated types."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any, Final

import msgspec

from signaling.contract.catalog import CATALOG, Direction
from signaling.contract.messages import ClientMessage, ServerMessage
from signaling.web.docs import openapi_document
from typescript.node import HERE, SDK, tsc

TYPES: Final = HERE / "types"
_REPORTED: Final = re.compile(r"^(\S+)\((\d+),\d+\): error (TS\d+): ", re.MULTILINE)
_EXPECTED: Final = re.compile(r"// (TS\d+)$")


def reported(output: str) -> list[tuple[str, int, str]]:
    """The errors of the compiler: file, line, code."""
    return [(Path(file).name, int(line), code) for file, line, code in _REPORTED.findall(output)]


def test_what_integrators_write_compiles_and_each_fault_is_reported() -> None:
    """The files of `types/`: no error in `usage.ts`, and in `faults.ts` those that its lines name."""
    lines = (TYPES / "faults.ts").read_text().splitlines()
    expected = [
        ("faults.ts", number, found[1])
        for number, line in enumerate(lines, start=1)
        if (found := _EXPECTED.search(line))
    ]
    assert len(expected) > 25
    done = tsc(TYPES)
    assert sorted(reported(done.stdout)) == sorted(expected), done.stdout


def _examples() -> dict[str, list[Any]]:
    """Type to the examples that must be of it: the catalog's messages, and the bodies of the REST API."""
    found: dict[str, list[Any]] = {}
    for info in CATALOG:
        direction = "ServerMessage" if info.direction is Direction.SERVER_TO_CLIENT else "ClientMessage"
        for example in info.examples:
            frame = json.loads(msgspec.json.encode(example))
            found.setdefault(f"messages.{info.message.__name__}", []).append(frame)
            found.setdefault(f"messages.{direction}", []).append(frame)
    for path in openapi_document()["paths"].values():
        for operation in path.values():
            bodies = [operation.get("requestBody", {}), *operation["responses"].values()]
            for content in (content for body in bodies for content in body.get("content", {}).values()):
                name = re.findall(r"#/components/schemas/(\w+)", json.dumps(content["schema"]))[0]
                found.setdefault(f"rest.{name}", []).extend(
                    one["value"] for one in content["examples"].values()
                )
    return found


def _project(folder: Path, code: str) -> Path:
    (folder / "examples.ts").write_text(code)
    settings = json.loads((TYPES / "tsconfig.json").read_text())
    settings["extends"] = str(SDK / "tsconfig.json")
    settings["compilerOptions"]["rootDir"] = "/"
    settings["compilerOptions"]["paths"] = {"generated/*": [str(SDK / "src" / "generated" / "*.ts")]}
    (folder / "tsconfig.json").write_text(json.dumps(settings))
    return folder


_IMPORTS: Final = """
import type * as messages from "generated/messages";
import type * as rest from "generated/rest";
"""


def test_the_types_take_every_example_of_the_contract(tmp_path: Path) -> None:
    examples = _examples()
    names = {f"messages.{info.message.__name__}" for info in CATALOG}
    assert names < examples.keys()
    assert {"rest.CreateRoomRequest", "rest.RoomDetails", "rest.RoomList", "rest.ErrorBody"} < examples.keys()
    assert all(examples.values())
    # Written as literals, so that a field that a type does not know is an error, too.
    code = [
        f"export const {name.replace('.', '_')}: {name}[] = {json.dumps(values, indent=1)};"
        for name, values in examples.items()
    ]
    # The unions are the contract's, no member more or less.
    for union, members in (("ServerMessage", ServerMessage), ("ClientMessage", ClientMessage)):
        types = " | ".join(json.dumps(member.__struct_config__.tag) for member in members.__args__)
        code.append(f"export const {union}_types: ({types})[] = [] as messages.{union}['type'][];")
        code.append(f"export const types_{union}: messages.{union}['type'][] = [] as ({types})[];")
    done = tsc(_project(tmp_path, _IMPORTS + "\n".join(code)))
    assert done.stdout == ""
    assert done.returncode == 0


OPEN: Final = {
    "messages.ParticipantLeft": "reason",
    "messages.RoomLeft": "reason",
    "messages.ErrorMessage": "code",
    "messages.ParticipantJoined": "connection",
    "rest.RoomDetails": "state",
    "rest.HealthResponse": "status",
    "rest.ErrorBody": "code",
}
CLOSED: Final = {"messages.Offer": "type", "messages.Pong": "type", "messages.OfferDescription": "type"}


def test_values_of_a_newer_service_fit_and_new_types_do_not(tmp_path: Path) -> None:
    """An open value is text of any kind; what selects a type is not open."""
    examples = _examples()
    examples["messages.OfferDescription"] = [{"type": "offer", "sdp": ""}]
    lines = _IMPORTS.splitlines()
    for number, (name, field) in enumerate([*OPEN.items(), *CLOSED.items()]):
        changed = re.sub(
            rf'"{field}": "\w+"', f'"{field}": "of_tomorrow"', json.dumps(examples[name][0]), count=1
        )
        assert "of_tomorrow" in changed
        lines.append(f"export const value{number}: {name} = {changed};")
    done = tsc(_project(tmp_path, "\n".join(lines)))
    refused = range(len(lines) - len(CLOSED) + 1, len(lines) + 1)
    assert reported(done.stdout) == [("examples.ts", number, "TS2322") for number in refused], done.stdout
