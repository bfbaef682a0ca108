"""Drifts planted in a copy of the tree are refused: by file, difference, and the command that mends it."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).parents[2]

CHECKS: Final = ("openapi/build.py", "docs/build.py", "sdk/generate.py")
"""What `make contract-check` runs."""

ASIDE: Final = shutil.ignore_patterns("__pycache__", "node_modules", "assets", "dist", "*.egg-info", "images")


def test_these_are_the_checks() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for target, option in (("contract", ""), ("contract-check", " --check")):
        recipe = makefile.partition(f"\n{target}: ")[2].partition("\n\n")[0]
        assert set(re.findall(rf"\$\(RUN\) (\S+){option}\n", recipe + "\n")) == set(CHECKS), target


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A copy of what the contract is declared in, and of all that is printed from it."""
    for name in ("service", "openapi", "docs", "sdk/python"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=ASIDE)
    shutil.copy(ROOT / "sdk" / "generate.py", tmp_path / "sdk")
    return tmp_path


def check(tree: Path, *scripts: str) -> tuple[int, str]:
    """How many of the checks refuse the copy, and what they say."""
    # The copy goes before the tree that is installed, and is none whose coverage counts.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE_")}
    environment["PYTHONPATH"] = str(tree / "service")
    running = [
        subprocess.Popen(
            [sys.executable, script, "--check"],
            cwd=tree,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for script in scripts or CHECKS
    ]
    said = [process.communicate(timeout=100)[0] for process in running]
    return sum(process.returncode != 0 for process in running), "".join(said)


def replace(tree: Path, path: str, before: str, after: str) -> None:
    file = tree / path
    text = file.read_text(encoding="utf-8")
    assert before in text
    file.write_text(text.replace(before, after), encoding="utf-8")


# In the declarations: what is printed is of yesterday


def _renamed_field(tree: Path) -> None:
    for path in ("contract/messages.py", "contract/catalog.py", "realtime/views.py"):
        replace(tree, f"service/signaling/{path}", "resume_window_seconds", "resume_seconds")


def _removed_message(tree: Path) -> None:
    messages, catalog = "service/signaling/contract/messages.py", "service/signaling/contract/catalog.py"
    text = (tree / messages).read_text(encoding="utf-8")
    (union,) = re.findall(r"(?ms)^ServerMessage = .*?\n(?=\n)", text)
    replace(tree, messages, union, re.sub(r"\s*\|?\s*\bParticipantReconnected\b", "", union))
    text = (tree / catalog).read_text(encoding="utf-8")
    (entry,) = [
        entry
        for entry in re.findall(r"(?ms)^    MessageInfo\(\n.*?^    \),\n", text)
        if "message=ParticipantReconnected," in entry
    ]
    replace(tree, catalog, entry, "")


def _changed_bound(tree: Path) -> None:
    replace(
        tree, "service/signaling/contract/types.py", "MAX_ID_LENGTH: Final = 128", "MAX_ID_LENGTH: Final = 64"
    )


def _new_code(tree: Path) -> None:
    errors = "service/signaling/contract/errors.py"
    replace(
        tree,
        errors,
        '    RESUME_FAILED = "resume_failed"\n',
        '    RESUME_FAILED = "resume_failed"\n    OUT_OF_CHALK = "out_of_chalk"\n',
    )
    replace(
        tree,
        errors,
        "    ErrorCode.RATE_LIMITED: ErrorInfo(\n",
        '    ErrorCode.OUT_OF_CHALK: ErrorInfo(meaning="No chalk.", on_socket=True),\n'
        "    ErrorCode.RATE_LIMITED: ErrorInfo(\n",
    )


@pytest.mark.parametrize(
    ("plant", "refusals", "told"),
    [
        (
            _renamed_field,
            2,
            [
                "openapi/asyncapi.json is not what the code says",
                "openapi/schemas/server/room_joined.json is not what the code says",
                '-        "resume_window_seconds"',
                '+        "resume_seconds"',
                "signaling_client/_generated/messages.py: differs",
            ],
        ),
        (
            _removed_message,
            2,
            [
                "openapi/asyncapi.json is not what the code says",
                "openapi/schemas/server/participant_reconnected.json is printed by nothing",
                "signaling_client/_generated/messages.py: differs",
            ],
        ),
        (
            _changed_bound,
            2,
            [
                "openapi/openapi.json is not what the code says",
                "openapi/schemas/client/join.json is not what the code says",
                '"maxLength": 128',
                '"maxLength": 64',
                "max_length=128",
                "max_length=64",
            ],
        ),
        (
            _new_code,
            3,
            [
                "openapi/schemas/server/error.json is not what the code says",
                '+        "out_of_chalk"',
                "integration.md as it is",
                "+| `out_of_chalk` |",
                "signaling_client/_generated/messages.py: differs",
            ],
        ),
    ],
)
def test_a_declaration_that_was_changed(
    tree: Path, plant: Callable[[Path], None], refusals: int, told: list[str]
) -> None:
    plant(tree)
    refused, said = check(tree)
    assert refused == refusals, said
    for words in [*told, *["make contract"] * refusals]:
        assert words in said, said
        said = said.replace("make contract", "", 1) if words == "make contract" else said


def test_a_code_without_an_entry_in_the_registry(tree: Path) -> None:
    replace(
        tree,
        "service/signaling/contract/errors.py",
        '    RESUME_FAILED = "resume_failed"\n',
        '    RESUME_FAILED = "resume_failed"\n    OUT_OF_CHALK = "out_of_chalk"\n',
    )
    refused, said = check(tree, "docs/build.py")
    assert (refused, said) == (1, "docs/build.py: ERRORS lacks ['OUT_OF_CHALK'], and has too many: none\n")


# In what is printed: an edit by hand, or something left over


def _edited(path: str, before: str, after: str) -> Callable[[Path], None]:
    return lambda tree: replace(tree, path, before, after)


def _left_over(path: str) -> Callable[[Path], object]:
    return lambda tree: (tree / path).write_text("{}\n", encoding="utf-8")


def _lost(path: str) -> Callable[[Path], None]:
    return lambda tree: (tree / path).unlink()


GENERATED: Final = "sdk/python/signaling_client/_generated"


@pytest.mark.parametrize(
    ("script", "plant", "told"),
    [
        (
            "openapi/build.py",
            _edited("openapi/openapi.json", '"maximum": 168', '"maximum": 170'),
            ["openapi/openapi.json is not", '-            "maximum": 170', '+            "maximum": 168'],
        ),
        (
            "openapi/build.py",
            _left_over("openapi/schemas/client/wave.json"),
            ["openapi/schemas/client/wave.json is printed by nothing"],
        ),
        (
            "openapi/build.py",
            _lost("openapi/schemas/client/ping.json"),
            ["openapi/schemas/client/ping.json is missing"],
        ),
        (
            "docs/build.py",
            _edited("docs/integration.md", "| `room_full` |", "| `room_is_full` |"),
            ["integration.md", "-| `room_is_full` |", "+| `room_full` |"],
        ),
        (
            "sdk/generate.py",
            _edited(f"{GENERATED}/messages.py", "class Join(", "# by hand\nclass Join("),
            ["_generated/messages.py: differs", "-# by hand"],
        ),
        (
            "sdk/generate.py",
            _left_over(f"{GENERATED}/rest/models/chalk.py"),
            ["_generated/rest/models/chalk.py: not generated, must not be there"],
        ),
        (
            "sdk/generate.py",
            _lost(f"{GENERATED}/rest/models/room_list.py"),
            ["_generated/rest/models/room_list.py: missing"],
        ),
    ],
)
def test_a_print_that_was_changed(
    tree: Path, script: str, plant: Callable[[Path], object], told: list[str]
) -> None:
    plant(tree)
    refused, said = check(tree, script)
    assert refused == 1, said
    for words in [*told, "make contract"]:
        assert words in said, said


def test_the_copy_without_a_plant_is_accepted(tree: Path) -> None:
    assert check(tree) == (0, "")
