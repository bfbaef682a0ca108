"""The others in a scripted room, and what a page has told of it."""

from __future__ import annotations

from typing import Any

from playwright.sync_api import Page

from browser.visits import eventually
from typescript.scripted import participant

BEN, CAT, DAN = (participant(name) for name in ("ben", "cat", "dan"))


def told(page: Page, last: str) -> list[Any]:
    """What was put into the page's ``told`` since this was asked, once the ``last`` of it is there."""
    eventually(page, lambda: page.evaluate("(last) => told.some(([type]) => type === last)", last), last)
    events: list[Any] = page.evaluate("told.splice(0)")
    return events
