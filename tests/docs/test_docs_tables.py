"""What the pages list is what the code has: printed tables, log events, message types, settings."""

from __future__ import annotations

import ast
import importlib.util
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from signaling.contract.codec import CLIENT_TYPES, SERVER_TYPES
from signaling.contract.errors import CLOSES, ERRORS
from signaling.settings import Settings
from signaling.telemetry.metrics import Metrics

ROOT: Final = Path(__file__).resolve().parents[2]
DOCS: Final = ROOT / "docs"
BUILD: Final = DOCS / "build.py"
SERVICE: Final = ROOT / "service" / "signaling"


def rows(page: str, heading: str) -> list[list[str]]:
    """Cells of the first table of ``page`` whose head begins with ``heading``, without the head."""
    lines = (DOCS / page).read_text(encoding="utf-8").splitlines()
    start = next(number for number, line in enumerate(lines) if line.startswith(f"| {heading} |"))
    table = []
    for line in lines[start + 2 :]:
        if not line.startswith("|"):
            break
        table.append([cell.strip() for cell in line.strip("|").split("|")])
    return table


def codes(cell: str) -> list[str]:
    return re.findall(r"`([^`]+)`", cell)


# build.py


def test_the_printed_tables_are_as_printed() -> None:
    checked = subprocess.run(
        [sys.executable, str(BUILD), "--check"], capture_output=True, text=True, timeout=60, check=False
    )
    assert (checked.returncode, checked.stdout, checked.stderr) == (0, "", "")


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """The pages, to be damaged."""
    for page in DOCS.glob("*.md"):
        shutil.copy(page, tmp_path)
    return tmp_path


def test_a_difference_is_named_with_its_file_and_mended_by_printing(
    copy: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    build = _loaded().main
    page = copy / "configuration.md"
    good = page.read_text(encoding="utf-8")
    damaged = good.replace("| `PORT` | `8000` |", "| `PORT` | `8001` |")
    assert damaged != good
    page.write_text(damaged, encoding="utf-8")

    assert build(["--check", str(copy)]) == 1
    complaint = capsys.readouterr().err
    assert "configuration.md as it is" in complaint
    assert "-| `PORT` | `8001`" in complaint
    assert "+| `PORT` | `8000`" in complaint
    assert page.read_text(encoding="utf-8") == damaged, "a check writes nothing"

    assert build([str(copy)]) == 0
    assert page.read_text(encoding="utf-8") == good
    assert build(["--check", str(copy)]) == 0


def test_a_marker_that_nobody_prints_or_ends_is_an_error(
    copy: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    build = _loaded().main
    page = copy / "configuration.md"
    good = page.read_text(encoding="utf-8")
    for damaged, complaint in (
        (good.replace("settings -->", "sittings -->"), "'sittings'"),
        (good.replace("<!-- end of settings -->", ""), "no counterpart"),
        ("# Nothing\n", "no page shows: settings"),
    ):
        page.write_text(damaged, encoding="utf-8")
        assert build(["--check", str(copy)]) == 1
        assert complaint in capsys.readouterr().err


def test_a_setting_without_a_meaning_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    printer = _loaded()
    monkeypatch.setattr(printer, "MEANINGS", {k: v for k, v in printer.MEANINGS.items() if k != "PORT"})
    with pytest.raises(LookupError, match="PORT"):
        printer.settings_table()


def _loaded() -> Any:
    spec = importlib.util.spec_from_file_location("docs_build", BUILD)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


# Settings, checked against the code by another way than the printing


def test_the_settings_page_lists_what_is_read_with_its_defaults_and_ranges() -> None:
    listed = {codes(row[0])[0]: row for row in rows("configuration.md", "Variable")}
    tree = ast.parse((SERVICE / "settings.py").read_text(encoding="utf-8"))
    read = [
        (node.lineno, ast.literal_eval(node.args[0]))
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and isinstance(node.func.value, ast.Name)
        and node.func.value.id == "read"
    ]
    assert list(listed) == [name for _, name in sorted(read)]

    # The ends of each range are taken, what is beyond them is not.
    for name, row in listed.items():
        numbers = re.fullmatch(r"(\d+) to (\d+)", row[2])
        if numbers is None:
            continue
        low, high = map(int, numbers.groups())
        # Several workers are taken with a Redis only.
        with_all = {"API_KEY": "k" * 32, "REDIS_URL": "redis://redis"}
        for value in (low, high, int(codes(row[1])[0])):
            Settings.from_environment({**with_all, name: str(value)})
        for value in (low - 1, high + 1):
            with pytest.raises(Exception, match=name):
                Settings.from_environment({**with_all, name: str(value)})


def test_every_field_of_the_settings_has_a_variable() -> None:
    variables = {codes(row[0])[0].lower() for row in rows("configuration.md", "Variable")}
    assert variables == {{"api_keys": "api_key"}.get(name, name) for name in Settings.__struct_fields__}


# Codes and messages


def test_the_code_tables_are_whole() -> None:
    assert [codes(row[0])[0] for row in rows("integration.md", "`code`")] == [code.value for code in ERRORS]
    assert [int(row[0]) for row in rows("integration.md", "Code")] == [int(code) for code in CLOSES]


def test_the_message_table_is_whole() -> None:
    from_client, from_service = set(), set()
    for types, client, service in rows("integration.md", "Type"):
        from_client |= set(codes(types)) if client else set()
        from_service |= set(codes(types)) if service else set()
    assert from_client == set(CLIENT_TYPES)
    assert from_service == set(SERVER_TYPES)


# Metrics and logs


def test_the_metrics_page_lists_what_is_exposed() -> None:
    exposed = set(re.findall(r"^# TYPE (\S+)", Metrics().render().decode(), re.MULTILINE))
    # A histogram or counter comes with the time of its creation, which is not a metric of its own.
    own = {name for name in exposed if name.startswith("signaling_") and not name.endswith("_created")}
    own |= {"signaling_rooms_created_total"}
    assert {codes(row[0])[0] for row in rows("operations.md", "Name")} == own


def test_the_log_table_lists_what_is_logged() -> None:
    listed = {codes(row[0])[0]: (row[1], set(codes(row[2]))) for row in rows("operations.md", "Event")}
    logged = dict(_logged())
    assert listed.keys() == logged.keys()
    for event, (level, fields, some_more) in logged.items():
        assert listed[event][0] == level, event
        shown = listed[event][1]
        assert shown >= fields if some_more else shown == fields, event


def _logged() -> Iterator[tuple[str, tuple[str, set[str], bool]]]:
    """Each event that the service logs: its level, its fields, and whether it may have more."""
    for source in sorted(SERVICE.rglob("*.py")):
        for node in ast.walk(ast.parse(source.read_text(encoding="utf-8"))):
            if (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Attribute)
                and ast.unparse(node.func.value) in ("_log", "self._log")
                and node.func.attr != "bind"
            ):
                level = "error" if node.func.attr == "exception" else node.func.attr
                named = {keyword.arg for keyword in node.keywords if keyword.arg is not None}
                # What every line may have.
                named -= {"exc_info", "request_id"}
                some_more = any(keyword.arg is None for keyword in node.keywords)
                yield ast.literal_eval(node.args[0]), (level, named, some_more)
