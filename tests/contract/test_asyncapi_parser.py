"""AsyncAPI's own parser, which tools of integrators stand on, accepts the printed document."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import pytest

from support import npm

FOLDER: Final = Path(__file__).parent / "asyncapi"
PRINTED: Final = Path(__file__).parents[2] / "openapi" / "asyncapi.json"

Json = dict[str, Any]


def _action(document: Json) -> None:
    document["operations"]["client_join"]["action"] = "publish"


def _reference(document: Json) -> None:
    document["operations"]["client_join"]["messages"][0]["$ref"] = "#/channels/signaling/messages/Enter"


def _foreign_message(document: Json) -> None:
    """An operation's message must be one of its channel's."""
    document["operations"]["client_join"]["messages"][0]["$ref"] = "#/components/messages/Join"


def _version(document: Json) -> None:
    del document["info"]["version"]


FAULTS: Final = (_action, _reference, _foreign_message, _version)


@pytest.fixture(scope="module")
def errors(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[Json]]:
    """The parser's errors in the printed document, and in one spoiled by each of the faults."""
    npm.install(FOLDER)
    files = {"printed": PRINTED}
    for spoil in FAULTS:
        document = json.loads(PRINTED.read_bytes())
        spoil(document)
        files[spoil.__name__] = tmp_path_factory.mktemp("spoiled") / "asyncapi.json"
        files[spoil.__name__].write_text(json.dumps(document), encoding="utf-8")
    done = subprocess.run(
        [npm.node(), str(FOLDER / "validate.mjs"), *map(str, files.values())],
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    return {
        name: [told for told in diagnostics if told["severity"] == 0]
        for name, diagnostics in zip(files, found, strict=True)
    }


def test_the_printed_document_is_valid(errors: dict[str, list[Json]]) -> None:
    assert errors["printed"] == []


@pytest.mark.parametrize("spoil", FAULTS)
def test_a_planted_fault_is_found(errors: dict[str, list[Json]], spoil: Callable[[Json], None]) -> None:
    assert errors[spoil.__name__] != []


def test_what_is_missing_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for there, missing in (
        ([], "Node is missing: apt-get install nodejs"),
        (["node"], "npm is missing: apt-get"),
    ):
        for name in there:
            (tmp_path / name).touch(mode=0o755)
        monkeypatch.setenv("PATH", str(tmp_path))
        with pytest.raises(AssertionError, match=missing):
            npm.install(FOLDER)


def test_the_lock_names_hashes_and_no_addresses() -> None:
    packages = json.loads((FOLDER / "package-lock.json").read_bytes())["packages"]
    del packages[""]
    assert "node_modules/@asyncapi/parser" in packages
    for name, package in packages.items():
        assert package["integrity"].startswith("sha512-"), name
        assert "resolved" not in package, name


def test_an_installation_is_made_again_when_its_lock_changed(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    calls: list[Any] = []

    def run(*arguments: Any, **_: Any) -> subprocess.CompletedProcess[str]:
        calls.append(arguments)
        (tmp_path / "node_modules").mkdir(exist_ok=True)
        return subprocess.CompletedProcess(arguments, 0, "", "")

    monkeypatch.setattr("support.npm.subprocess.run", run)
    for name in ("package.json", "package-lock.json"):
        (tmp_path / name).write_text("{}")
    npm.install(tmp_path)
    npm.install(tmp_path)
    assert len(calls) == 1
    (tmp_path / "package-lock.json").write_text('{"lockfileVersion": 3}')
    npm.install(tmp_path)
    assert len(calls) == 2
