"""The fenced code blocks of the pages, and what of them only a machine of its own could run."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

ROOT: Final = Path(__file__).resolve().parents[2]

PAGES: Final = (
    "README.md",
    "CONTRIBUTING.md",
    *sorted(path.relative_to(ROOT).as_posix() for path in (ROOT / "docs").glob("*.md")),
    *sorted(path.relative_to(ROOT).as_posix() for path in (ROOT / "sdk").glob("*/README.md")),
)


class Block(NamedTuple):
    """A fenced code block."""

    page: str
    line: int
    language: str
    word: str
    """What follows the language: of JSON, what it is an example of."""
    text: str

    @property
    def place(self) -> str:
        return f"{self.page}:{self.line}"

    @property
    def first(self) -> str:
        """Its first line: what it is known by here, as lines move."""
        return self.text.partition("\n")[0]


def blocks_of(page: str) -> Iterator[Block]:
    """The fenced blocks of a page; fails on a fence without a language, or without an end."""
    opened: tuple[int, str] | None = None
    text: list[str] = []
    for number, line in enumerate((ROOT / page).read_text(encoding="utf-8").splitlines(), 1):
        if line.startswith("```") and opened is None:
            assert line != "```", f"{page}:{number}: a fence without a language"
            opened, text = (number, line.removeprefix("```")), []
        elif line == "```" and opened is not None:
            language, _, word = opened[1].partition(" ")
            yield Block(page, opened[0], language, word, "\n".join(text) + "\n")
            opened = None
        elif opened is not None:
            text.append(line)
        else:
            # Every other way of showing code would pass by the tests.
            assert not line.lstrip().startswith(("```", "~~~")), f"{page}:{number}: a fence that is not seen"
            assert not line.startswith("    ") or not line.strip() or line.lstrip()[0] in "-|", (
                f"{page}:{number}: an indented block is no fence"
            )
    assert opened is None, f"{page}: a fence without an end"


BLOCKS: Final = [block for page in PAGES for block in blocks_of(page)]


def blocks(*languages: str, page: str | None = None) -> list[Block]:
    """The blocks in these languages, of all pages or of one."""
    return [block for block in BLOCKS if block.language in languages and page in (None, block.page)]


COMMANDS_OF_OTHER_MACHINES: Final = {
    ("docs/deploy.md", "cd /opt/signaling"): "installs into /opt, as root and from a package registry",
    ("docs/deploy.md", "systemctl enable --now signaling"): "needs systemd as the first process",
    ("docs/deploy.md", "docker build -t webrtc-signaling ."): "needs Docker; CI builds and starts the image",
    (
        "docs/deploy.md",
        "docker network create signaling",
    ): "needs Docker; test_docs_settings looks at its settings",
}
"""Shell blocks that are read by bash, but not run: page and first line, with the reason."""

PICTURES: Final = (
    ("docs/integration.md", "your backend  --- REST"),
    ("docs/integration.md", "page                  "),
    ("docs/architecture.md", "socket -> protocol class"),
)
"""Blocks of text that are drawn with characters, by how they begin: there is nothing in them to run."""


def is_picture(block: Block) -> bool:
    """Whether it is one of `PICTURES`."""
    return any(block.page == page and block.first.startswith(start) for page, start in PICTURES)
