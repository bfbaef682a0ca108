"""Every promise of docs/guarantees.md names tests that are there."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

from support.whole_suite import TESTS, declared_tests

PAGE: Final = Path(__file__).parents[2] / "docs" / "guarantees.md"
NAMED: Final = re.compile(r"`tests/([^`]+?\.py)::(test_\w+)`")


def rows() -> list[list[str]]:
    """The rows of all tables, their headings left out."""
    lines = PAGE.read_text(encoding="utf-8").splitlines()
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if line.startswith("| ")]
    return [row for row in cells if row[-1] not in ("Shown by", "---")]


def test_every_promise_is_shown_by_a_test_that_is_there() -> None:
    there = {(str(file.relative_to(TESTS)), name) for file, name in declared_tests(TESTS)}
    assert len(rows()) > 20
    for row in rows():
        named = NAMED.findall(row[-1])
        assert named, f"nothing shows it: {row[0]}"
        assert NAMED.sub("", row[-1]).strip() == ""
        assert set(named) <= there, row[0]


def test_every_cell_says_something_about_what_fails() -> None:
    for row in rows():
        assert all(row[:2]), row
