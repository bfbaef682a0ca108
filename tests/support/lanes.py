"""The suite in two lanes beside one another, each a process of its own: on two cores, in half the time.

What is asked of the suite as a whole is asked in the second lane, once the first has left its notes.
"""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import pytest

from support.whole_suite import LAST, TESTS
from support.wire import Wire

FIRST: Final = frozenset({"backends", "bench", "browser", "docs", "nodes", "sdk", "simulation", "typescript"})
"""Folders of the first lane: about half of the time. All others are the second's."""

PATIENCE: Final = 900.0
"""Seconds that the second lane waits for the first."""


def add_options(parser: pytest.Parser) -> None:
    group = parser.getgroup("lanes")
    group.addoption("--lane", type=int, choices=(1, 2), help="run one half of the suite")
    group.addoption("--lane-notes", type=Path, help="where the first half leaves its notes for the second")


def of_lane(lane: int | None, items: Sequence[pytest.Item]) -> list[pytest.Item]:
    """The items that run in this lane; all, if there are no lanes. The last test runs in the second."""
    if lane is None:
        return list(items)
    return [item for item in items if (1 if _folder(item) in FIRST and item.name != LAST else 2) == lane]


def _folder(item: pytest.Item) -> str:
    return item.path.relative_to(TESTS).parts[0] if item.path.is_relative_to(TESTS) else ""


def leave_notes(file: Path, wire: Wire) -> None:
    """Write what was seen where the other lane finds it whole."""
    notes = {"seen": sorted(wire.seen), "permits": wire.permits}
    draft = file.with_suffix(".draft")
    draft.write_text(json.dumps(notes), encoding="utf-8")
    draft.rename(file)


def take_notes(file: Path, wire: Wire) -> None:
    """Add what the other lane has seen. Waits for it; raises TimeoutError."""
    ends = time.monotonic() + PATIENCE
    while not file.exists():
        if time.monotonic() > ends:
            raise TimeoutError(f"the other half of the suite left no {file}")
        time.sleep(0.1)
    notes = json.loads(file.read_text(encoding="utf-8"))
    wire.seen.update(notes["seen"])
    for test, used in notes["permits"].items():
        wire.permits[test] = used or wire.permits.get(test, False)
