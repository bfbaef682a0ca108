"""Node packages that a test needs: installed as their lock file says, once for each change of it."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
from pathlib import Path
from typing import Final

_STAMP: Final = ".installed"


def node() -> str:
    """The path of Node. Raises AssertionError that says what to install."""
    path = shutil.which("node")
    assert path is not None, "Node is missing: apt-get install nodejs npm (or brew install node)"
    return path


def install(folder: Path) -> None:
    """Have `node_modules` in the folder be what its package-lock.json says. Raises AssertionError."""
    node()
    npm = shutil.which("npm")
    assert npm is not None, "npm is missing: apt-get install npm (or brew install node)"
    locked = b"".join((folder / name).read_bytes() for name in ("package.json", "package-lock.json"))
    wanted = hashlib.sha256(locked).hexdigest()
    stamp = folder / "node_modules" / _STAMP
    if stamp.is_file() and stamp.read_text(encoding="ascii") == wanted:
        return
    done = subprocess.run(
        [npm, "ci", "--no-progress"], cwd=folder, capture_output=True, text=True, timeout=110, check=False
    )
    assert done.returncode == 0, f"npm ci failed in {folder}:\n{done.stdout}{done.stderr}"
    stamp.write_text(wanted, encoding="ascii")
