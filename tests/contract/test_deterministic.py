"""What is printed is the same bytes for every hash seed, in an empty folder as in the tree."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).parents[2]
GENERATED: Final = ROOT / "sdk" / "python" / "signaling_client" / "_generated"


def contents(folder: Path, suffixes: tuple[str, ...]) -> dict[str, bytes]:
    """All files with these suffixes, by their paths."""
    return {
        file.relative_to(folder).as_posix(): file.read_bytes()
        for file in folder.rglob("*")
        if file.suffix in suffixes and "__pycache__" not in file.parts
    }


@pytest.mark.parametrize("seed", ["0", "1", "7"])
def test_the_same_for_every_hash_seed(tmp_path: Path, seed: str) -> None:
    openapi, docs, sdk = (tmp_path / name for name in ("openapi", "docs", "_generated"))
    openapi.mkdir()
    shutil.copytree(ROOT / "docs", docs, ignore=shutil.ignore_patterns("images", "*.py", "__pycache__"))
    for page in docs.glob("*.md"):
        # Nothing of what is printed is left to be taken over.
        text = page.read_text(encoding="utf-8")
        page.write_text(
            re.sub(r"(?ms)^(<!-- printed: [a-z-]+ -->\n).*?^(<!-- end of )", r"\1\2", text), encoding="utf-8"
        )
    assert contents(docs, (".md",)) != contents(ROOT / "docs", (".md",))
    running = [
        subprocess.Popen(
            [sys.executable, *arguments],
            cwd="/",
            env={**os.environ, "PYTHONHASHSEED": seed},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        for arguments in (
            (str(ROOT / "openapi/build.py"), "--folder", str(openapi)),
            (str(ROOT / "docs/build.py"), str(docs)),
            (str(ROOT / "sdk/generate.py"), "--target", str(sdk)),
        )
    ]
    complaints = [process.communicate(timeout=100)[1] for process in running]
    assert complaints == [""] * len(running)
    assert contents(openapi, (".json",)) == contents(ROOT / "openapi", (".json",))
    assert contents(docs, (".md",)) == contents(ROOT / "docs", (".md",))
    assert contents(sdk, (".py",)) == contents(GENERATED, (".py",))
