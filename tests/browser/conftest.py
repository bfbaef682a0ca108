"""A real Chromium and a real service, started once and shared; pages and rooms are each test's own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Final

import pytest
from playwright.sync_api import Browser, Playwright, expect, sync_playwright

from browser.visits import ARGUMENTS, DEADLINE, FAKE_DEVICES, PERMITTED, Teacher, Visits
from support.chromium import chromium_path
from support.server import ServerProcess

PAGES: Final = Path(__file__).parent / "pages"


@pytest.fixture(scope="package")
def engine() -> Iterator[Playwright]:
    """Playwright. Stopped after this package: while it runs, no other test of the process may use asyncio."""
    expect.set_options(timeout=DEADLINE * 1000)
    with sync_playwright() as playwright:
        yield playwright


@pytest.fixture(scope="package")
def launch(engine: Playwright) -> Iterator[Callable[..., Browser]]:
    """Starts a Chromium with more arguments; closed after the package."""
    with ExitStack() as browsers:

        def start(*more: str) -> Browser:
            return browsers.enter_context(
                engine.chromium.launch(executable_path=chromium_path(), args=[*ARGUMENTS, *more])
            )

        yield start


@pytest.fixture(scope="package")
def browser(launch: Callable[..., Browser]) -> Browser:
    """A browser with two cameras and a microphone, whose user allows them."""
    return launch(FAKE_DEVICES, PERMITTED)


@pytest.fixture(scope="session")
def server() -> Iterator[ServerProcess]:
    with ServerProcess() as server:
        yield server


@pytest.fixture(scope="session")
def teacher(server: ServerProcess) -> Teacher:
    return Teacher(server)


@pytest.fixture
def visits(browser: Browser, server: ServerProcess) -> Iterator[Visits]:
    """Pages in the browser with devices, which must have stayed clean."""
    visits = Visits(browser, server)
    yield visits
    visits.end()


@pytest.fixture(scope="session")
def platform_url() -> Iterator[str]:
    """Where `pages/` is served: an origin that is not the service's, as an integrator's platform is."""
    handler = partial(_SilentHandler, directory=str(PAGES))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as platform:
        Thread(target=platform.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{platform.server_port}"
        platform.shutdown()


class _SilentHandler(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        """Keep requests out of the test's output."""
