"""The documents in a real browser that can reach nothing but this service: they show, and ask nobody else."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from typing import Any, Final

import httpx
import pytest
from playwright.async_api import Browser, Page, async_playwright, expect

from signaling.web.docs import openapi_document
from support.chromium import OFFLINE, chromium_path
from support.server import ServerProcess

DEADLINE: Final = 30_000
"""Milliseconds that a page may take to show something, on a busy machine."""

SUMMARIES: Final = [
    operation["summary"] for item in openapi_document()["paths"].values() for operation in item.values()
]


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    """Chromium. Without it nothing here is checked, so its absence is a failure."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=chromium_path(), args=[*OFFLINE])
        yield browser
        await browser.close()


class Visit:
    """A page, and what happened that should not have."""

    def __init__(self, page: Page, origin: str) -> None:
        self.page = page
        self.faults: list[str] = []
        # A page's own scripts may make things of their own to load: those ask nobody.
        own = (f"{origin}/", f"blob:{origin}/", "data:")
        page.on("console", lambda message: self._note(message.type in ("error", "warning"), message.text))
        page.on("pageerror", lambda error: self._note(True, str(error)))
        page.on("requestfailed", lambda request: self._note(True, f"failed: {request.url}"))
        page.on(
            "request", lambda request: self._note(not request.url.startswith(own), f"asked: {request.url}")
        )
        page.on("response", lambda answer: self._note(answer.status >= 400, f"{answer.status}: {answer.url}"))

    def _note(self, wrong: bool, what: str) -> None:
        if wrong:
            self.faults.append(what)


@pytest.fixture
async def visit(browser: Browser, shared_server: ServerProcess) -> AsyncIterator[Visit]:
    context = await browser.new_context(base_url=shared_server.base_url)
    context.set_default_timeout(DEADLINE)
    expect.set_options(timeout=DEADLINE)
    visit = Visit(await context.new_page(), shared_server.base_url)
    yield visit
    await context.close()
    assert not visit.faults


async def test_swagger_ui(visit: Visit, shared_server: ServerProcess) -> None:
    """Every operation is there, unfolds, and can be tried."""
    page = visit.page
    await page.goto("/api/docs")
    await expect(page.locator(".info .title")).to_contain_text("WebRTC Signaling API")
    await expect(page.locator(".opblock")).to_have_count(len(SUMMARIES))
    for summary in SUMMARIES:
        await expect(page.get_by_text(summary, exact=True).first).to_be_visible()
    for heading in ("Authentication", "Errors", "Conventions"):
        await expect(page.get_by_role("heading", name=heading, exact=True)).to_be_visible()
    await expect(page.locator(".info table tr")).to_have_count(10)

    await page.get_by_role("button", name="Authorize").click()
    await page.get_by_role("textbox").fill(shared_server.api_key)
    await page.get_by_role("button", name="Apply credentials").click()
    await page.get_by_role("button", name="Close", exact=True).click()
    create = page.locator(".opblock-post")
    await create.locator(".opblock-summary-control").click()
    await expect(create.get_by_text("idempotency_conflict")).to_be_visible()
    await create.get_by_role("button", name="Try it out").click()
    await create.get_by_role("button", name="Execute").click()
    live = create.locator(".live-responses-table .response-col_status").last
    await expect(live).to_contain_text("201")


async def test_redoc(visit: Visit) -> None:
    """Every operation is there, and the search, which runs in a worker, finds one."""
    page = visit.page
    await page.goto("/api/redoc")
    await expect(page.get_by_role("heading", name="WebRTC Signaling API")).to_be_visible()
    for summary in SUMMARIES:
        # Beside its text the heading has a link to itself, which is part of its name.
        await expect(page.locator("h2").get_by_text(summary, exact=True)).to_have_count(1)
    await expect(page.get_by_role("link", name="Download")).to_have_attribute(
        "href", re.compile("/api/openapi.json")
    )
    await page.get_by_placeholder("Search...").fill("statistics")
    await expect(page.locator('[data-role="search:results"] li').first).to_contain_text("statistics")


async def test_the_document(visit: Visit) -> None:
    answer = await visit.page.goto("/api/openapi.json")
    assert answer is not None
    assert answer.headers["content-type"] == "application/json"
    assert await answer.json() == openapi_document()


async def test_the_front_page_leads_everywhere(visit: Visit) -> None:
    page = visit.page
    await page.goto("/")
    await expect(page.get_by_role("heading", name="WebRTC Signaling")).to_be_visible()
    # Its own style is let through by its hash: the cards have corners.
    assert await page.locator(".card").first.evaluate("card => getComputedStyle(card).borderRadius") == "12px"
    links: list[Any] = await page.locator("a").evaluate_all(
        "links => links.map(link => link.getAttribute('href'))"
    )
    assert {"/classroom", "/api/docs", "/api/redoc", "/api/openapi.json", "/health"} <= set(links)
    for link in links:
        answer = await page.context.request.get(link)
        assert answer.status == 200, link


async def test_policies(shared_server: ServerProcess) -> None:
    """No page may load or run anything that is not this service's."""
    async with httpx.AsyncClient(base_url=shared_server.base_url, trust_env=False) as client:
        pages = await asyncio.gather(
            *(client.get(path, headers={"Accept": "text/html"}) for path in ("/", "/api/docs", "/api/redoc"))
        )
    for page in pages:
        assert page.headers["content-type"] == "text/html; charset=utf-8"
        policy = page.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "frame-ancestors 'none'" in policy
        scripts = next((part for part in policy.split(";") if "script-src" in part), "")
        assert "unsafe" not in scripts
        assert "http" not in scripts
        assert not re.search(r"(?:src|href)=\"(?!/)", page.text)
        assert "//cdn" not in page.text


async def test_assets_are_kept_by_browsers(shared_server: ServerProcess) -> None:
    async with httpx.AsyncClient(base_url=shared_server.base_url, trust_env=False) as client:
        for name in ("swagger-ui.css", "swagger-ui-bundle.js", "redoc.standalone.js", "favicon-32x32.png"):
            answer = await client.get(f"/api/assets/{name}")
            assert answer.status_code == 200
            assert "max-age=86400" in answer.headers["cache-control"]
            assert answer.headers["etag"]
            assert answer.headers["x-content-type-options"] == "nosniff"
