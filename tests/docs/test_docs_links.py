"""Links between the pages, and into them, lead somewhere."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final
from urllib.parse import unquote

import pytest

ROOT: Final = Path(__file__).resolve().parents[2]
PAGES: Final = sorted(
    path.relative_to(ROOT).as_posix() for path in (*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md"))
)

_LINK: Final = re.compile(r"!?\[[^\]]*\]\((?P<target>[^)\s]+)\)")
_FENCE: Final = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
_HEADING: Final = re.compile(r"^#{1,6} (?P<title>.+)$", re.MULTILINE)


def prose(page: Path) -> str:
    """The page without its code blocks."""
    return _FENCE.sub("", page.read_text(encoding="utf-8"))


def targets(page: Path) -> Iterator[str]:
    for link in _LINK.finditer(prose(page)):
        yield link["target"]


def anchors(page: Path) -> set[str]:
    """What a link may name in the page: its headings, as Git hosts turn them into anchors."""
    found: set[str] = set()
    for heading in _HEADING.finditer(prose(page)):
        words = re.sub(r"[^\w\- ]", "", re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading["title"]).lower())
        anchor = base = words.replace(" ", "-")
        number = 0
        while anchor in found:
            number += 1
            anchor = f"{base}-{number}"
        found.add(anchor)
    return found


@pytest.mark.parametrize("name", PAGES)
def test_links_of_the_page_resolve(name: str) -> None:
    page = ROOT / name
    dead = []
    for target in targets(page):
        if re.match(r"[a-z]+:", target):
            assert target.startswith("https://"), f"{name}: {target}"
            continue
        path, _, anchor = unquote(target).partition("#")
        file = page if not path else (page.parent / path).resolve()
        if (
            not file.is_relative_to(ROOT)
            or not file.exists()
            or (anchor and (file.suffix != ".md" or anchor not in anchors(file)))
        ):
            dead.append(target)
    assert not dead


def test_every_page_is_reached_from_the_readme() -> None:
    reached: set[str] = set()
    waiting = ["README.md"]
    while waiting:
        name = waiting.pop()
        if name in reached:
            continue
        reached.add(name)
        for target in targets(ROOT / name):
            path = ((ROOT / name).parent / target.partition("#")[0]).resolve()
            if path.suffix == ".md" and path.is_relative_to(ROOT):
                waiting.append(path.relative_to(ROOT).as_posix())
    assert {name for name in PAGES if name.startswith(("docs/", "README", "CHANGELOG"))} <= reached


@pytest.mark.parametrize("name", PAGES)
def test_the_page_has_one_title_and_no_heading_left_out(name: str) -> None:
    levels = [
        len(line.split(" ")[0]) for line in prose(ROOT / name).splitlines() if re.match(r"#{1,6} ", line)
    ]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in itertools.pairwise(levels))
