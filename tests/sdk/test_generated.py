"""What is generated is what the contract says, for any hash seed; and an edit of it is refused."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
GENERATE = ROOT / "sdk" / "generate.py"
COMMITTED = ROOT / "sdk" / "python" / "signaling_client" / "_generated"


def run(*arguments: str, seed: str) -> subprocess.CompletedProcess[str]:
    """The command, from another folder, with a hash seed of its own."""
    return subprocess.run(
        [sys.executable, str(GENERATE), *arguments],
        capture_output=True,
        text=True,
        check=False,
        cwd="/",
        env={**os.environ, "PYTHONHASHSEED": seed},
    )


@pytest.fixture(scope="module")
def differences() -> Callable[[Path, Path], Iterator[str]]:
    """The comparison of the command itself."""
    spec = importlib.util.spec_from_file_location("generate", GENERATE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    found: Callable[[Path, Path], Iterator[str]] = module.differences
    return found


@pytest.fixture(scope="module")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sdk") / "_generated"
    done = run("--target", str(folder), seed="4711")
    assert done.returncode == 0, done.stderr
    return folder


def test_the_generated_code_is_what_the_contract_says(
    fresh: Path, differences: Callable[[Path, Path], Iterator[str]]
) -> None:
    assert list(differences(COMMITTED, fresh)) == []


def test_the_check_fails_and_says_what_to_do(tmp_path: Path, fresh: Path) -> None:
    copy = tmp_path / "_generated"
    shutil.copytree(fresh, copy)
    messages = copy / "messages.py"
    messages.write_text(messages.read_text().replace('tag="pong"', 'tag="pung"'))
    done = run("--check", "--target", str(copy), seed="1")
    assert done.returncode == 1
    # That one file and no other: the code is the same for any hash seed.
    faults = [line for line in done.stderr.splitlines() if line.startswith(str(copy))]
    assert faults == [f"{messages}: differs"]
    assert '-class Pong(Struct, kw_only=True, tag_field="type", tag="pung"):' in done.stderr
    assert done.stderr.endswith("Run: make contract\n")


def edited(path: str, change: Callable[[str], str]) -> Callable[[Path], str]:
    def edit(folder: Path) -> str:
        file = folder / path
        before = file.read_text()
        after = change(before)
        assert after != before
        file.write_text(after)
        return path

    return edit


def _removed(folder: Path) -> str:
    (folder / "rest" / "models" / "room_list.py").unlink()
    return "rest/models/room_list.py"


def _added(folder: Path) -> str:
    (folder / "extra.py").write_text("")
    return "extra.py"


@pytest.mark.parametrize(
    ("plant", "told"),
    [
        (edited("messages.py", lambda text: text.replace("room_code:", "room_kode:", 1)), "room_kode"),
        (
            edited("messages.py", lambda text: text.replace("max_length=128", "max_length=127", 1)),
            "max_length=127",
        ),
        (edited("rest/models/room_summary.py", lambda text: text + "\n# by hand\n"), "# by hand"),
        (edited("rest/api/rooms/get_room.py", lambda text: text.replace("404", "410", 1)), "410"),
        (_removed, "missing"),
        (_added, "must not be there"),
    ],
    ids=["field", "bound", "comment", "status", "removed", "added"],
)
def test_a_planted_edit_is_found(
    tmp_path: Path,
    fresh: Path,
    differences: Callable[[Path, Path], Iterator[str]],
    plant: Callable[[Path], str],
    told: str,
) -> None:
    copy = tmp_path / "_generated"
    shutil.copytree(fresh, copy)
    name = plant(copy)
    (fault,) = differences(copy, fresh)
    assert fault.startswith(f"{copy / name}: ")
    assert told in fault
    assert len(fault.splitlines()) < 25


def test_the_sdk_never_imports_the_service() -> None:
    for file in (ROOT / "sdk" / "python").rglob("*.py"):
        for line in file.read_text().splitlines():
            words = line.split()
            assert words[:2] not in (["import", "signaling"], ["from", "signaling"]), file
            assert not line.lstrip().startswith(("import signaling.", "from signaling.")), file
