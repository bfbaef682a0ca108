"""The Node side of these tests: its tools, as the lock files say, and what they print."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).resolve().parents[2]
SDK: Final = ROOT / "sdk" / "typescript"
GENERATED: Final = SDK / "src" / "generated"
CLIENT: Final = ROOT / "service" / "signaling" / "web" / "classroom" / "client"
HERE: Final = Path(__file__).resolve().parent
VITE_APP: Final = HERE / "vite-app"

DEADLINE: Final = 90.0
"""Seconds that a tool may take on a busy machine."""


def tool(name: str) -> str:
    """Where `node` or `npm` is. Without it nothing is checked, so its absence fails the test."""
    if path := shutil.which(name):
        return path
    pytest.fail(f"no {name} found: install Node 18 or newer with npm (`apt-get install nodejs npm`)")


def modules(folder: Path) -> Path:
    """What is installed for a package of this repository."""
    if not (folder / "node_modules" / ".stamp").is_file():
        pytest.fail(f"{folder.relative_to(ROOT)}/node_modules is not set up: run `make node-modules`")
    return folder / "node_modules"


def run(*command: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    """A tool's run, failed or not; both outputs in ``stdout``."""
    return subprocess.run(
        command,
        cwd=cwd,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=DEADLINE,
    )


def succeed(*command: str, cwd: Path) -> str:
    """What a tool prints that must not fail."""
    done = run(*command, cwd=cwd)
    assert done.returncode == 0, f"{' '.join(command)} failed:\n{done.stdout}"
    return done.stdout


def tsc(project: Path, installed: Path | None = None) -> subprocess.CompletedProcess[str]:
    """The compiler over a folder with a tsconfig.json: the SDK's, or that of the modules ``installed``."""
    compiler = (installed or modules(SDK)) / "typescript" / "bin" / "tsc"
    return run(tool("node"), str(compiler), "--project", str(project), "--pretty", "false", cwd=project)
