"""openapi/build.py: what is committed is what the code says, and a drift is found and explained."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
SCRIPT = ROOT / "openapi" / "build.py"


def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(SCRIPT), *arguments],
        env=os.environ | environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.fixture
def folder(build: ModuleType, tmp_path: Path) -> Path:
    """The printed files in a folder of the test's own."""
    build.build(tmp_path)
    return tmp_path


def test_what_is_committed_is_what_the_code_says(build: ModuleType) -> None:
    assert build.check(build.FOLDER) == ""


def test_the_form_of_the_files(build: ModuleType, folder: Path) -> None:
    files = {file.relative_to(folder).as_posix() for file in folder.rglob("*.json")}
    assert files == set(build.FILES)
    for path in files:
        raw = (folder / path).read_bytes()
        assert raw.endswith(b"}\n")
        assert b"\r" not in raw
        assert not any(line != line.rstrip() for line in raw.decode().splitlines())
        json.loads(raw)


def test_building_again_changes_nothing(build: ModuleType, folder: Path) -> None:
    times = {file: file.stat().st_mtime_ns for file in folder.rglob("*.json")}
    assert build.build(folder) == []
    assert {file: file.stat().st_mtime_ns for file in folder.rglob("*.json")} == times


DRIFTS = [
    ("openapi.json", '"ttl_hours": {', '"ttl_hour": {'),
    ("openapi.json", '"maximum": 168', '"maximum": 169'),
    ("openapi.json", '"operationId": "get_room"', '"operationId": "getRoom"'),
    ("openapi.json", "}\n", "}"),
    ("openapi.json", "\n", "\r\n"),
    ("schemas/client-message.json", '"const": "join"', '"const": "enter"'),
    ("schemas/server-message.json", '"polite"', '"impolite"'),
]


@pytest.mark.parametrize(("path", "before", "after"), DRIFTS)
def test_a_drift_is_refused(
    build: ModuleType, folder: Path, capsys: pytest.CaptureFixture[str], path: str, before: str, after: str
) -> None:
    file = folder / path
    text = file.read_text(encoding="utf-8")
    assert before in text
    file.write_text(text.replace(before, after), encoding="utf-8", newline="")
    assert build.main(["--check", "--folder", str(folder)]) == 1
    told = capsys.readouterr().err
    assert f"{folder.name}/{path} is not what the code says" in told
    assert "make contract" in told
    lines = told.splitlines()
    assert len(lines) < 60
    if after.strip() not in ("}", ""):
        assert any(line.startswith("-") and after.strip() in line for line in lines)
        assert any(line.startswith("+") and before.strip() in line for line in lines)
    assert build.main(["--folder", str(folder)]) == 0
    assert build.main(["--check", "--folder", str(folder)]) == 0


def test_the_command_line_refuses(folder: Path) -> None:
    (folder / "openapi.json").write_text("{}\n")
    checked = run("--check", "--folder", str(folder))
    assert (checked.returncode, checked.stdout) == (1, "")
    assert "make contract" in checked.stderr


def test_a_missing_and_a_stray_file(build: ModuleType, folder: Path) -> None:
    (folder / "schemas" / "client-message.json").unlink()
    (folder / "schemas" / "old-message.json").write_text("{}\n")
    faults = build.check(folder)
    assert f"{folder.name}/schemas/client-message.json is missing" in faults
    assert f"{folder.name}/schemas/old-message.json is printed by nothing" in faults
    assert build.build(folder) == ["schemas/client-message.json", "schemas/old-message.json"]
    assert build.check(folder) == ""


def test_a_changed_declaration_is_a_drift(
    build: ModuleType, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The other way round: the code changes, the files do not."""
    made = build.FILES["openapi.json"]()
    changed: dict[str, Any] = json.loads(json.dumps(made))
    changed["components"]["schemas"]["CreateRoomRequest"]["properties"]["ttl_hours"]["maximum"] = 200
    monkeypatch.setattr(build, "FILES", {**build.FILES, "openapi.json": lambda: changed})
    faults = build.check(folder)
    assert [line.split() for line in faults.splitlines() if line[:1] in "+-" and "maximum" in line] == [
        ["-", '"maximum":', "168,"],
        ["+", '"maximum":', "200,"],
    ]
