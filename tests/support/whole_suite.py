"""Which tests are to run: all there are, or some. Only all of them can have seen all of the contract."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

import pytest

TESTS: Final = Path(__file__).parents[1]

LAST: Final = "test_the_suite_has_seen_all_of_the_contract"
"""The test that asks, after all others."""


def is_whole(config: pytest.Config, items: Iterable[pytest.Item]) -> bool:
    """Whether the collected tests are all there are: no file is missing, and no function of a file.

    Which parameters of a function were collected is not asked: options that choose among them (`-k`,
    `--deselect`, `file::test[one]`) are looked for instead.
    """
    option = config.option
    if option.keyword or option.markexpr or option.deselect or getattr(option, "lf", False):
        return False
    if any("::" in word for word in config.args):
        return False
    collected = Counter((item.path, item.originalname) for item in items if isinstance(item, pytest.Function))
    return not [place for place in declared_tests(TESTS) if place not in collected]


def declared_tests(folder: Path) -> Iterator[tuple[Path, str]]:
    """File and name of every test function below the folder, as the sources have them, without the last."""
    for file in sorted(folder.rglob("test_*.py")):
        if "node_modules" in file.parts:
            continue
        try:
            tree = ast.parse(file.read_text(encoding="utf-8"))
        except SyntaxError:  # pytest will tell; until then nobody knows what is in it
            yield file, ""
            continue
        kinds = (ast.FunctionDef, ast.AsyncFunctionDef)
        names = [node.name for node in ast.walk(tree) if isinstance(node, kinds)]
        yield from ((file, name) for name in names if name.startswith("test_") and name != LAST)
