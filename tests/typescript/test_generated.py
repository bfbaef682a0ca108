"""What is generated and compiled is what the contract and the sources say; and an edit of it is found."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from typescript.node import CLIENT, GENERATED, ROOT, SDK, VITE_APP, modules


def run(*arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
    """The command."""
    modules(SDK)
    return subprocess.run(
        [sys.executable, "-m", "sdk.generate_typescript", *arguments],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
        env={**os.environ, **env},
    )


def test_what_is_committed_is_what_is_generated() -> None:
    done = run("--check", PYTHONHASHSEED="4711")
    assert (done.returncode, done.stderr) == (0, "")


def test_edits_are_found_and_named(tmp_path: Path) -> None:
    generated, client = tmp_path / "generated", tmp_path / "client"
    shutil.copytree(GENERATED, generated)
    shutil.copytree(CLIENT, client)
    edits = {
        generated / "messages.ts": ('type: "pong"', 'type: "pung"'),
        generated / "rest.ts": ("ttl_hours?:", "ttl_hour?:"),
        client / "errors.js": ("4499", "4498"),
    }
    for file, (before, after) in edits.items():
        text = file.read_text()
        assert text.count(before) >= 1
        file.write_text(text.replace(before, after))
    (client / "mesh.js").unlink()
    (client / "extra.js").write_text("")
    done = run("--check", "--generated", str(generated), "--client", str(client))
    assert done.returncode == 1
    named = [line for line in done.stderr.splitlines() if line.startswith(str(tmp_path))]
    assert sorted(named) == sorted(
        [
            f"{client / 'errors.js'}: differs",
            f"{client / 'extra.js'}: not generated, must not be there",
            f"{client / 'mesh.js'}: missing",
            f"{generated / 'messages.ts'}: differs",
            f"{generated / 'rest.ts'}: differs",
        ]
    )
    for before, after in edits.values():
        assert re.search(rf"^-.*{re.escape(after)}", done.stderr, re.MULTILINE)
        assert re.search(rf"^\+.*{re.escape(before)}", done.stderr, re.MULTILINE)
    assert done.stderr.endswith("Run: make contract\n")


def test_writing_replaces_the_folders_whole_and_the_same_for_any_hash_seed(tmp_path: Path) -> None:
    client = tmp_path / "client"
    client.mkdir()
    (client / "former.js").write_text("")
    done = run("--generated", str(tmp_path / "generated"), "--client", str(client), PYTHONHASHSEED="1")
    assert done.returncode == 0, done.stderr
    assert contents(tmp_path / "generated") == contents(GENERATED)
    assert contents(client) == contents(CLIENT)


def contents(folder: Path) -> dict[str, str]:
    return {str(file.relative_to(folder)): file.read_text() for file in folder.rglob("*") if file.is_file()}


def test_without_node_it_is_said_what_to_install(tmp_path: Path) -> None:
    done = run("--check", PATH=str(tmp_path))
    assert done.returncode == 1
    assert "install Node 18 or newer" in done.stderr


def test_what_is_served_says_where_it_comes_from() -> None:
    for file in CLIENT.glob("*.js"):
        source = SDK / "src" / f"{file.stem}.ts"
        assert source.is_file()
        assert file.read_text().startswith(f"// Compiled from sdk/typescript/src/{source.name}, never edited")


@pytest.mark.parametrize("folder", [SDK, VITE_APP], ids=lambda folder: folder.name)
def test_lock_files_have_hashes_and_no_address(folder: Path) -> None:
    text = (folder / "package-lock.json").read_text()
    assert "://" not in text
    packages = json.loads(text)["packages"]
    assert len(packages) > 5
    assert all(name == "" or "integrity" in entry for name, entry in packages.items())
    assert "omit-lockfile-registry-resolved=true" in (folder / ".npmrc").read_text()
