"""Says what changed on the wire since a git ref, and whether clients written for it go on working.

    python -m openapi.diff [REF]

Old: the documents of this folder as they were committed at REF. New: what the code says now, printed or not.
Without REF: the newest tag of a release that the work is based on, else origin/main, else the last commit.

Exits with 0 if no old client breaks, or the version says that some do; 1 if some do and the version does not
say so; 2 if that cannot be told. The rules: docs/compatibility.md.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from openapi.build import printed
from openapi.compat import Contract, Side, compare
from openapi.compat.contract import ASYNCAPI, FILES, INDEX, OPENAPI
from openapi.compat.report import as_json, told
from openapi.compat.shape import Json

FOLDER: Final = Path(__file__).resolve().parent

OK, BREAKS, UNKNOWN = 0, 1, 2

NO_REPOSITORY: Final = (
    "this is no git repository with a commit, or none that git will read (`git log` says why), "
    "so there is no older contract"
)


class CannotTell(Exception):
    """There is nothing to compare with. The message says why, and what to do."""


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; the exit code."""
    parser = argparse.ArgumentParser(
        prog="make contract-diff", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("ref", nargs="?", default="", help="tag, branch or commit to compare with")
    parser.add_argument("--format", choices=("text", "json"), default="text")
    options = parser.parse_args(arguments)
    try:
        ref = options.ref or default_ref()
        comparison = compare(committed(ref), now())
    except CannotTell as reason:
        print(f"contract-diff: {reason}", file=sys.stderr)
        return UNKNOWN
    print((as_json if options.format == "json" else told)(comparison, ref), end="")
    return BREAKS if comparison.unannounced else OK


def now() -> Contract:
    """What the code says, in all the documents that there are to compare."""
    documents = printed()
    return _contract({path: json.loads(documents[path]) for path in FILES})


def committed(ref: str) -> Contract:
    """What was committed at ``ref``. Raises CannotTell if that is no commit, or not all of it can be read."""
    commit = _git("rev-parse", "--verify", "--quiet", "--end-of-options", f"{ref}^{{commit}}")
    if commit is None:
        if _git("rev-parse", "--git-dir") is None:
            raise CannotTell(NO_REPOSITORY)
        raise CannotTell(
            f"there is no `{ref}` in this repository. Name a tag, branch or commit (`git tag`, `git log`); "
            "a shallow clone may lack it: git fetch --tags --unshallow"
        )
    documents: dict[str, Json] = {}
    for path in FILES:
        if _git("ls-tree", "--name-only", commit.strip(), path) == "":
            continue
        name = f"{FOLDER.name}/{path} at `{ref}`"
        text = _git("show", f"{commit.strip()}:./{path}")
        if text is None:
            raise CannotTell(
                f"{name} cannot be read. A clone without its contents lacks it: git fetch --refetch"
            )
        try:
            documents[path] = json.loads(text)
        except ValueError as fault:
            raise CannotTell(f"{name} is not JSON: {fault}") from fault
        _check_form(name, path, documents[path])
    return _contract(documents)


def _check_form(name: str, path: str, document: object) -> None:
    """Raise CannotTell unless it is a document that can be compared: with itself, to begin with."""
    if not isinstance(document, dict):
        raise CannotTell(f"{name} is no JSON object")
    alone = _contract({path: document})
    try:
        itself = compare(alone, alone)
        for side in Side:
            itself.raised(side)
    except (AttributeError, LookupError, RecursionError, TypeError, ValueError) as fault:
        raise CannotTell(
            f"{name} is not of the form that `make contract` prints ({type(fault).__name__}: {fault}). "
            "Compare with a commit that has it"
        ) from fault


def default_ref() -> str:
    """What to compare with if nobody says: what is released, else what the work will be merged into."""
    tag = _git("describe", "--tags", "--abbrev=0", "--match", "v[0-9]*", "--match", "[0-9]*")
    if tag is not None:
        return tag.strip()
    for ref in ("origin/main", "HEAD"):
        if _git("rev-parse", "--verify", "--quiet", f"{ref}^{{commit}}") is not None:
            return ref
    raise CannotTell(NO_REPOSITORY)


def _contract(documents: Mapping[str, Json]) -> Contract:
    return Contract(documents.get(OPENAPI), documents.get(ASYNCAPI), documents.get(INDEX))


def _git(*arguments: str) -> str | None:
    """What git answers; None if it says no."""
    try:
        done = subprocess.run(
            ["git", *arguments],
            cwd=FOLDER,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            check=False,
        )
    except FileNotFoundError as fault:
        raise CannotTell("git is not there, so there is no older contract to read") from fault
    return done.stdout if done.returncode == 0 else None


if __name__ == "__main__":
    sys.exit(main())
