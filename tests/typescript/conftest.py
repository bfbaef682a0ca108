"""A browser for these tests, the compiled client in a page of it, and a service that follows a script."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Final

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright
from playwright.sync_api._generated import Clock

from browser.visits import ARGUMENTS, DEADLINE, FAKE_DEVICES, PERMITTED
from support.chromium import chromium_path
from typescript.node import CLIENT
from typescript.scripted import ScriptedService

ADDRESSES: Final = "--disable-features=WebRtcHideLocalIpsWithMdns"
"""Without a camera a page gives its address as a name of the local network, which nobody here looks up."""


class _Handler(SimpleHTTPRequestHandler):
    """Files of a folder, and an empty page."""

    def do_GET(self) -> None:
        if self.path != "/empty":
            super().do_GET()
            return
        self.send_response(200)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.end_headers()
        self.wfile.write(b'<!doctype html><title>Empty</title><link rel="icon" href="data:,">')

    def log_message(self, format: str, *args: object) -> None:
        """Keep requests out of the test's output."""


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """The address at which a folder is served."""
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(_Handler, directory=str(folder))) as server:
        thread = Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """Stopped after this package: while it runs, no other test of the process may use asyncio."""
    expect.set_options(timeout=DEADLINE * 1000)
    with (
        sync_playwright() as playwright,
        playwright.chromium.launch(
            executable_path=chromium_path(), args=[*ARGUMENTS, FAKE_DEVICES, PERMITTED, ADDRESSES]
        ) as browser,
    ):
        yield browser


@pytest.fixture(scope="package")
def client_url() -> Iterator[str]:
    """Where the compiled client is served, as the classroom page has it."""
    with served(CLIENT) as url:
        yield url


@pytest.fixture(scope="package")
def tabs(browser: Browser, client_url: str) -> BrowserContext:
    """A profile whose pages come up fast: one of them stays, and keeps the renderer alive."""
    tabs = browser.new_context()
    tabs.new_page().goto(f"{client_url}/empty")
    return tabs


@pytest.fixture
def page(
    browser: Browser, tabs: BrowserContext, client_url: str, request: pytest.FixtureRequest
) -> Iterator[Page]:
    """An empty page that has the client at hand. Whatever it does not catch fails the test.

    For a test that asks for `clock`, its time stands still but for what the test lets pass.
    """
    faults: list[str] = []
    still = "clock" in request.fixturenames
    page = browser.new_page() if still else tabs.new_page()
    if still:
        page.clock.install(time=0)
    page.set_default_timeout(DEADLINE * 1000)
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.goto(f"{client_url}/empty")
    page.evaluate("async () => Object.assign(window, await import('/index.js'))")
    if still:
        page.clock.pause_at(3600)  # an installed clock still goes with the world's
    yield page
    page.close()
    assert faults == []


@pytest.fixture
def clock(page: Page) -> Clock:
    return page.clock


@pytest.fixture
def service() -> Iterator[ScriptedService]:
    with ScriptedService() as service:
        yield service
