"""The message catalog as a service serves it: document, schemas, and the page, in a real Chromium."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator
from typing import Any, Final
from urllib.parse import urljoin

import httpx
import pytest
from playwright.async_api import Browser, Page, async_playwright, expect

from signaling.contract.asyncapi import asyncapi_document
from signaling.contract.catalog import CATALOG, Direction
from signaling.contract.errors import CLOSES, ERRORS
from signaling.contract.schemas import INDEX, SCHEMAS_PATH, schema_files
from support.chromium import OFFLINE, chromium_path
from support.server import ServerProcess
from support.service import Serve, Service

FILES: Final = schema_files()

DOCUMENTS: Final = ["/api/asyncapi.json", "/api/schemas/", "/api/schemas/client-message.json"]
CACHED: Final = [
    *DOCUMENTS,
    f"{SCHEMAS_PATH}client/join.json",
    "/api/docs/messages.js",
    "/api/docs/messages.css",
    "/api/docs/bar.css",
]


@pytest.fixture
async def visitor(shared_server: ServerProcess) -> AsyncIterator[httpx.AsyncClient]:
    """Somebody without a key."""
    async with httpx.AsyncClient(base_url=shared_server.base_url, trust_env=False) as client:
        yield client


# Documents and schemas


async def test_the_document(visitor: httpx.AsyncClient) -> None:
    answer = await visitor.get("/api/asyncapi.json")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    assert answer.json() == asyncapi_document()


@pytest.mark.parametrize("path", ["/api/schemas", "/api/schemas/", "/api/schemas/index.json", SCHEMAS_PATH])
async def test_the_index(visitor: httpx.AsyncClient, path: str) -> None:
    answer = await visitor.get(path)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    assert answer.json() == FILES[INDEX]


async def test_every_schema_is_where_its_id_says(visitor: httpx.AsyncClient) -> None:
    index = (await visitor.get("/api/schemas/")).json()
    entries = [*index["unions"], *index["messages"], *index["bodies"]]
    assert len(entries) == len(FILES) - 1
    for entry in entries:
        answer = await visitor.get(urljoin(str(visitor.base_url), entry["$id"]))
        assert answer.status_code == 200
        assert answer.headers["content-type"] == "application/schema+json"
        assert answer.headers["cache-control"] == "public, max-age=86400"
        name = entry["$id"].removeprefix(SCHEMAS_PATH)
        assert answer.json() == FILES[name]
        assert answer.json()["$id"] == entry["$id"]
        current = await visitor.get(f"/api/schemas/{name}")
        assert current.content == answer.content
        assert current.headers["etag"] == answer.headers["etag"]
        assert current.headers["cache-control"] == "no-cache"


@pytest.mark.parametrize("path", CACHED)
async def test_what_is_known_already_is_not_sent_again(visitor: httpx.AsyncClient, path: str) -> None:
    first = await visitor.get(path)
    etag = first.headers["etag"]
    assert re.fullmatch(r'"[0-9a-f]{32}"', etag)
    for known in (etag, f"W/{etag}", f'"other", {etag}', "*"):
        again = await visitor.get(path, headers={"If-None-Match": known})
        assert (again.status_code, again.content) == (304, b"")
        for name in ("etag", "cache-control", "access-control-allow-origin"):
            assert again.headers.get(name) == first.headers.get(name)
    for other in ('"other"', etag.strip('"'), ""):
        again = await visitor.get(path, headers={"If-None-Match": other})
        assert (again.status_code, again.content) == (200, first.content)
    head = await visitor.head(path)
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["etag"] == etag


async def test_etags_differ(visitor: httpx.AsyncClient) -> None:
    paths = [f"{SCHEMAS_PATH}{path}" for path in FILES]
    assert len({(await visitor.get(path)).headers["etag"] for path in paths}) == len(paths)


@pytest.mark.parametrize(
    "path",
    [
        "/api/schemas/nothing.json",
        "/api/schemas/client",
        "/api/schemas/v1/client/nothing.json",
        "/api/schemas/v1/v1/client/join.json",
        "/api/schemas/v2/client/join.json",
        "/api/schemas/client/..%2f..%2fapp.py",
        "/api/schemas//etc/passwd",
        "/api/docs/nothing",
        "/api/docs/messages.html",
        "/api/asyncapi.yaml",
    ],
)
async def test_what_is_not_there(visitor: httpx.AsyncClient, path: str) -> None:
    answer = await visitor.get(path)
    assert answer.status_code == 404
    assert answer.json() == {"detail": "There is nothing at this path", "code": "not_found"}


@pytest.mark.parametrize("path", [*CACHED, "/api/docs/messages"])
async def test_they_are_only_read(visitor: httpx.AsyncClient, path: str) -> None:
    answer = await visitor.post(path)
    assert answer.status_code == 405
    assert answer.headers["allow"] == "GET, HEAD, OPTIONS"


async def test_pages_of_any_origin_may_read_the_documents(serve: Serve) -> None:
    """Tools of any origin fetch them, whichever origins may use the API."""
    async with serve(ALLOWED_ORIGINS="https://school.example") as service:
        for origin in ("https://school.example", "https://tools.example"):
            for path in DOCUMENTS:
                answer = await service.rest.get(path, headers={"Origin": origin})
                allowed = answer.headers.get_list("access-control-allow-origin")
                assert len(allowed) == 1
                assert allowed[0] in ("*", origin)
        refused = await service.rest.get("/api/rooms", headers={"Origin": "https://tools.example"})
        assert "access-control-allow-origin" not in refused.headers


async def test_frames_of_a_service_are_as_its_schemas_say(service: Service) -> None:
    """Fetched from the service, as an integrator does it; with the validator that most would use."""
    from jsonschema import Draft202012Validator

    union = (await service.rest.get("/api/schemas/server-message.json")).json()
    first, second = await service.couple()
    await first.send("ice_candidate", {"to": second.socket_id, "candidate": None})
    await second.expect("ice_candidate")
    await second.ask("ping")
    await second.ask("resume", {"resume_token": "none", "received": 1})
    frames = [*first.frames, *second.frames]
    assert len(frames) >= 6
    for frame in frames:
        Draft202012Validator(union).validate(frame)


# The page


DEADLINE: Final = 30_000
"""Milliseconds that the page may take to show something, on a busy machine."""

SHOWN: Final = "#docs[data-shown]"

READ_OPERATIONS: Final = """
  (operations) => operations.map((operation) => ({
    heading: operation.querySelector("h3").textContent,
    text: operation.innerText,
    fields: [...operation.querySelectorAll(".italic")]
      .filter((field) => field.checkVisibility())
      .map((field) => field.textContent),
    examples: [...operation.querySelectorAll("pre")].map((example) => example.innerText),
  }))
"""


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
        page.on("console", lambda message: self.faults.append(f"{message.type}: {message.text}"))
        page.on("pageerror", lambda error: self.faults.append(str(error)))
        page.on(
            "request",
            lambda request: None if request.url.startswith(f"{origin}/") else self.faults.append(request.url),
        )
        page.on(
            "response",
            lambda answer: (
                None if answer.status < 400 else self.faults.append(f"{answer.status} {answer.url}")
            ),
        )


@pytest.fixture
async def visit(browser: Browser, shared_server: ServerProcess) -> AsyncIterator[Visit]:
    """A page, of which the browser must have nothing to say, and which asks nobody but the service."""
    context = await browser.new_context(
        base_url=shared_server.base_url, viewport={"width": 1400, "height": 900}
    )
    context.set_default_timeout(DEADLINE)
    expect.set_options(timeout=DEADLINE)
    visit = Visit(await context.new_page(), shared_server.base_url)
    yield visit
    await context.close()
    assert visit.faults == []


async def test_the_page_shows_every_message_and_code(visit: Visit) -> None:
    page = visit.page
    await page.goto("/api/docs/messages")
    await expect(page.locator(SHOWN)).to_be_visible()
    operations = page.locator("#operations > ul > li")
    await expect(operations).to_have_count(len(CATALOG))
    shown: list[dict[str, Any]] = await operations.evaluate_all(READ_OPERATIONS)
    for operation, info in zip(shown, CATALOG, strict=True):
        label = "You send" if info.direction is Direction.CLIENT_TO_SERVER else "You get"
        assert operation["heading"] == f"{label} {info.type}"
        text = re.sub(r"\s+", " ", operation["text"])
        assert info.when.replace("`", "") in text
        assert info.summary.replace("`", "") in text
        assert all(code.value in text for code in info.errors)
        # Its fields are open, and its examples are there, as they are sent.
        assert {"type", "request_id", "payload"} <= set(operation["fields"])
        sent = asyncapi_document()["components"]["messages"][info.message.__name__]["examples"]
        assert [json.loads(example) for example in operation["examples"]] == [
            example["payload"] for example in sent
        ]
    sidebar = page.locator(".sidebar a[href^='#operation-']")
    assert await sidebar.count() == len(CATALOG)

    introduction = page.locator("#introduction")
    rows = await introduction.locator("table").nth(0).locator("tbody tr").all_inner_texts()
    assert [row.split("\t")[0] for row in rows] == [
        code.value for code, info in ERRORS.items() if info.on_socket
    ]
    rows = await introduction.locator("table").nth(1).locator("tbody tr").all_inner_texts()
    assert [row.split("\t")[:2] for row in rows] == [[str(int(code)), code.name.lower()] for code in CLOSES]
    # A style that writes patterns in lower case would make them wrong.
    await expect(page.get_by_text("^[0-9A-Za-z]{6}$", exact=True).first).to_be_visible()
    assert "^[0-9A-Za-z]{6}$" in await page.locator("#operations").inner_text()


async def test_the_page_fits_and_a_link_into_it_leads_there(visit: Visit) -> None:
    page = visit.page
    for width in (390, 1800):
        await page.set_viewport_size({"width": width, "height": 800})
        await page.goto("about:blank")
        await page.goto("/api/docs/messages#operation-send-server_room_left")
        await expect(page.locator(SHOWN)).to_be_visible()
        await expect(page.locator("#operation-send-server_room_left h3")).to_be_in_viewport()
        assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")


async def test_a_document_that_does_not_come_is_told(visit: Visit) -> None:
    page = visit.page
    await page.route("**/api/asyncapi.json", lambda route: route.fulfill(status=503, body=""))
    await page.goto("/api/docs/messages")
    await expect(page.locator("#docs")).to_contain_text("/api/asyncapi.json was answered 503")
    assert visit.faults
    visit.faults.clear()


async def test_the_policy_lets_nothing_in(visitor: httpx.AsyncClient) -> None:
    page = await visitor.get("/api/docs/messages")
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    policy: dict[str, Any] = dict(
        part.strip().split(" ", 1) for part in page.headers["content-security-policy"].split(";")
    )
    assert policy["default-src"] == "'none'"
    assert policy["script-src"] == policy["style-src"] == policy["connect-src"] == "'self'"
    assert "unsafe" not in page.headers["content-security-policy"]
    assert "<style" not in page.text
    assert not re.search(r"<script>|<script [^>]*>[^<]", page.text)
    assert not re.search(r"(?:src|href)=\"(?!/)", page.text)


async def test_the_pages_lead_to_each_other(visitor: httpx.AsyncClient) -> None:
    pages = ("/", "/api/docs", "/api/redoc", "/api/docs/messages")
    for path in pages:
        page = await visitor.get(path, headers={"Accept": "text/html"})
        links = set(re.findall(r'href="([^"]+)"', page.text))
        assert set(pages) - {path} <= links, path
        for link in links:
            assert (await visitor.get(link)).status_code == 200, link
