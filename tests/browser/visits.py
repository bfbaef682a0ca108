"""What the tests do in a browser: visit pages, watch that they stay clean, look at what a person sees."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Sequence
from typing import Any, Final
from urllib.parse import urlsplit

import httpx
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Locator, Page, ViewportSize, expect

from support.chromium import QUIET
from support.server import ServerProcess

ARGUMENTS: Final = (
    *QUIET,
    # Peer connections between pages of one machine, also where that machine has no network.
    "--allow-loopback-in-peer-connection",
    # Nobody else can be asked. The name is one of this machine at which a page is in no secure context.
    "--host-resolver-rules=MAP school.test 127.0.0.1, MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
)
FAKE_DEVICES: Final = "--use-fake-device-for-media-stream=fps=10,device-count=2"
"""Two cameras and a microphone; few pictures a second, for several pages share this machine's processor."""
PERMITTED: Final = "--use-fake-ui-for-media-stream"

DEADLINE: Final = 30.0
"""Seconds until something must have happened, on a busy machine."""

HERE: Final = frozenset({"127.0.0.1", "school.test"})
"""Hosts the pages may ask; the second is a name for the first."""

VIEWPORT: Final[ViewportSize] = {"width": 900, "height": 600}

RECORD_CONNECTIONS: Final = """
  window.connections = [];
  window.sockets = [];
  window.RTCPeerConnection = class extends RTCPeerConnection {
    constructor(...options) { super(...options); window.connections.push(this); }
  };
  window.WebSocket = class extends WebSocket {
    constructor(...options) { super(...options); window.sockets.push(this); }
  };
  document.addEventListener("securitypolicyviolation", ({ violatedDirective, blockedURI }) => {
    console.error(`blocked by ${violatedDirective}: ${blockedURI}`);
  });
"""

COUNT_FRAMES: Final = """
  async () => Promise.all(
    window.connections.filter(({ signalingState }) => signalingState !== "closed").map(async (connection) => {
      let decoded = 0;
      for (const report of (await connection.getStats()).values()) {
        if (report.type === "inbound-rtp" && report.kind === "video") decoded += report.framesDecoded ?? 0;
      }
      return decoded;
    }),
  )
"""


def eventually(page: Page, check: Callable[[], Any], what: str, deadline: float = DEADLINE) -> Any:
    """The first true answer of ``check``. Fails at the deadline."""
    ends = time.monotonic() + deadline
    while not (answer := check()):
        if time.monotonic() > ends:
            raise AssertionError(f"not within {deadline} s: {what}")
        page.wait_for_timeout(50)
    return answer


class Visits:
    """The pages of one test, and whether they stayed clean.

    They are tabs of one browser profile, which costs half of what a profile for each would. What a page
    remembers for its next visit is forgotten when the test ends.
    """

    def __init__(self, browser: Browser, server: ServerProcess) -> None:
        self.browser = browser
        self.server = server
        self.faults: list[str] = []
        self.forgiven: list[str] = []
        self.pages: list[Page] = []
        self.profiles: list[BrowserContext] = []

    def page(self, **options: Any) -> Page:
        """An empty page that is watched. With options for its profile, it gets one of its own."""
        profile = self._own_profile(options) if options else self._common_profile()
        page = profile.new_page()
        self.pages.append(page)
        page.add_init_script(RECORD_CONNECTIONS)
        page.set_default_timeout(DEADLINE * 1000)
        page.on("console", self._heard)
        page.on("pageerror", lambda error: self.faults.append(f"uncaught: {error}"))
        page.on("request", lambda request: self._asked(request.url))
        page.on("websocket", lambda socket: self._asked(socket.url))
        return page

    def _own_profile(self, options: dict[str, Any]) -> BrowserContext:
        self.profiles.append(self.browser.new_context(**{"viewport": VIEWPORT, **options}))
        return self.profiles[-1]

    def _common_profile(self) -> BrowserContext:
        """The browser's first profile. A small page stays open in it, which keeps the renderer alive."""
        if not self.browser.contexts:
            anchor = self.browser.new_context(viewport=VIEWPORT).new_page()
            anchor.goto(self.server.base_url + "/classroom/assets/icon.svg")
        return self.browser.contexts[0]

    def classroom(self, code: str | None = None, *, host: str | None = None, **options: Any) -> Classroom:
        """The classroom page, opened by a link with the code."""
        return Classroom(self.page(**options), self.server).open(code, host=host)

    def forgive(self, words: str) -> None:
        """Expect console errors with these words: those the browser itself prints for what the test does."""
        self.forgiven.append(words)

    def end(self) -> None:
        """Close everything. Fails if a page was not clean."""
        for page in self.pages:
            page.close()
        for profile in self.profiles:
            profile.close()
        for profile in self.browser.contexts:
            profile.pages[0].evaluate("localStorage.clear()")
        faults = [fault for fault in self.faults if not any(words in fault for words in self.forgiven)]
        assert not faults, "\n".join(faults)

    def _heard(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.faults.append(f"console {message.type}: {message.text}")

    def _asked(self, url: str) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("data", "blob") and parts.hostname not in HERE:
            self.faults.append(f"asked another host: {url}")


class Classroom:
    """The classroom page as its visitor uses it."""

    def __init__(self, page: Page, server: ServerProcess) -> None:
        self.page = page
        self.server = server

    def open(self, code: str | None = None, *, host: str | None = None, port: int | None = None) -> Classroom:
        """``host`` and ``port`` lead to the same service by another way."""
        base_url = f"http://{host or '127.0.0.1'}:{port or self.server.port}"
        self.page.goto(base_url + "/classroom" + (f"?room={code}" if code else ""))
        return self

    def join(self, name: str) -> Classroom:
        """Join as somebody who has typed a name, and be in the call."""
        self.ask_to_join(name)
        expect(self.page.locator("#call")).to_be_visible()
        return self

    def ask_to_join(self, name: str) -> None:
        self.page.get_by_label("Your name").fill(name)
        self.button("Join").click()

    def button(self, name: str) -> Locator:
        """A button, on the tab in front: one behind it is drawn once a second, and slow to press."""
        self.page.bring_to_front()
        return self.page.get_by_role("button", name=name, exact=True)

    def tile(self, name: str) -> Locator:
        """The picture of a participant."""
        return self.page.locator(".tile").filter(has=self.page.locator("bdi", has_text=_exactly(name)))

    def expect_others(self, *names: str) -> None:
        """These are in the call and nobody else: as pictures, in the list and by number."""
        expect(self.page.locator(".tile:not(.self) bdi")).to_have_text(list(names))
        expect(self.page.locator(".person bdi")).to_have_count(len(names) + 1)
        assert set(names) <= set(self.page.locator(".person bdi").all_text_contents())
        expect(self.page.locator("#people-count")).to_have_text(str(len(names) + 1))

    def expect_connected(self, *names: str) -> None:
        for name in names:
            expect(self.tile(name)).to_have_attribute("data-connection-state", "connected")

    def expect_end(self, title: str) -> None:
        """The call is over, and the page says why."""
        expect(self.page.locator("#end")).to_be_visible()
        expect(self.page.locator("#end-title")).to_have_text(title)
        expect(self.page.locator("#end-title")).to_be_focused()
        expect(self.page.locator("#end-words")).not_to_be_empty()

    def announced(self, words: str | re.Pattern[str]) -> None:
        """A screen reader was told."""
        expect(self.page.locator("#announcer")).to_contain_text(words)


def expect_video(pages: Sequence[Page], connections: int) -> None:
    """Every page decodes new pictures on each of so many connections."""
    for page in pages:
        first: list[int] = []

        def rising(page: Page = page, first: list[int] = first) -> bool:
            now: list[int] = page.evaluate(COUNT_FRAMES)
            if len(now) == connections == len(first):
                return all(count > start for start, count in zip(first, now, strict=True))
            first[:] = now
            return False

        eventually(page, rising, f"pictures on {connections} connections of {page.url}")


class Teacher:
    """The platform's backend, which holds the API key."""

    def __init__(self, server: ServerProcess) -> None:
        self.server = server

    def create_room(self, **fields: object) -> str:
        answer = httpx.post(f"{self.server.base_url}/api/rooms", json=fields, headers=self.server.headers)
        answer.raise_for_status()
        return str(answer.json()["room_code"])

    def close_room(self, code: str) -> None:
        answer = httpx.delete(f"{self.server.base_url}/api/rooms/{code}", headers=self.server.headers)
        answer.raise_for_status()


def _exactly(text: str) -> re.Pattern[str]:
    return re.compile(f"^{re.escape(text)}$")
