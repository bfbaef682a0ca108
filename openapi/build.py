"""Prints the contract into this folder, from the service's own declarations. No server is started.

`build.py` writes the files; `build.py --check` writes nothing and exits 1 if one is not what the code says.
"""

from __future__ import annotations

import argparse
import difflib
import json
import sys
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, Final

from signaling.contract.asyncapi import asyncapi_document
from signaling.contract.schemas import schema_files
from signaling.web.docs import openapi_document

FOLDER: Final = Path(__file__).resolve().parent


_SCHEMAS: Final = schema_files()


FILES: Final[Mapping[str, Callable[[], Mapping[str, Any]]]] = {
    "openapi.json": openapi_document,
    "asyncapi.json": asyncapi_document,
    **{f"schemas/{path}": partial(_SCHEMAS.__getitem__, path) for path in _SCHEMAS},
}
"""Path in this folder to what is printed there."""

DIFF_LINES: Final = 40
"""How much of a drift is shown: enough to see what it is about."""


def text_of(document: Mapping[str, Any]) -> str:
    """The document as it is committed: indented, keys in the order of their making, a newline at the end."""
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def printed() -> dict[str, str]:
    """All files and their texts, as the code says."""
    return {path: text_of(make()) for path, make in FILES.items()}


def build(folder: Path) -> list[str]:
    """Write the files, and remove schemas that are no more; the paths that changed."""
    wanted = printed()
    changed = []
    for path, text in wanted.items():
        file = folder / path
        if _read(file) != text:
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text, encoding="utf-8", newline="\n")
            changed.append(path)
    for path in _strangers(folder, wanted):
        # Only where nothing but schemas is ever put: what else is in the folder may be somebody's.
        if path.startswith("schemas/"):
            (folder / path).unlink()
            changed.append(path)
    return changed


def check(folder: Path) -> str:
    """What differs from what the code says, for a person; empty if nothing does."""
    wanted = printed()
    faults = []
    for path, text in wanted.items():
        found = _read(folder / path)
        if found is None:
            faults.append(f"{folder.name}/{path} is missing")
        elif found != text:
            diff = list(
                difflib.unified_diff(
                    found.splitlines(), text.splitlines(), "committed", "what the code says", n=2, lineterm=""
                )
            )
            more = [f"... and {len(diff) - DIFF_LINES} lines more"] if len(diff) > DIFF_LINES else []
            lines = "\n".join(diff[:DIFF_LINES] + more)
            faults.append(f"{folder.name}/{path} is not what the code says:\n{lines}")
    faults += [f"{folder.name}/{path} is printed by nothing" for path in _strangers(folder, wanted)]
    return "\n".join([*faults, "To print them again: make contract"]) if faults else ""


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; the exit code."""
    parser = argparse.ArgumentParser(prog="openapi/build.py", description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing, exit 1 if a file would change")
    parser.add_argument(
        "--folder", type=Path, default=FOLDER, help="where the files are (default: this folder)"
    )
    options = parser.parse_args(arguments)
    if options.check:
        faults = check(options.folder)
        if faults:
            print(faults, file=sys.stderr)
        return 1 if faults else 0
    for path in build(options.folder):
        print(f"changed: {options.folder.name}/{path}")
    return 0


def _strangers(folder: Path, wanted: Mapping[str, str]) -> list[str]:
    """Documents and schemas that are there, but not printed (any more)."""
    files = [*folder.glob("*.json"), *folder.glob("schemas/**/*.json")]
    found = (file.relative_to(folder).as_posix() for file in files)
    return sorted(path for path in found if path not in wanted)


def _read(file: Path) -> str | None:
    # As bytes, so that line ends count.
    return file.read_bytes().decode(errors="replace") if file.exists() else None


if __name__ == "__main__":
    sys.exit(main())
