"""What the README and the integration guide show is run, or decoded, as it is printed."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any, Final, NamedTuple

import httpx
import msgspec
import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, sync_playwright

from signaling.contract import rest
from signaling.contract.codec import CLIENT_TYPES, SERVER_TYPES, decode
from signaling.contract.messages import ClientMessage, ServerMessage
from support.chromium import QUIET, chromium_path
from support.server import ServerProcess

ROOT: Final = Path(__file__).resolve().parents[2]
PAGES: Final = ("README.md", "docs/integration.md")

NOT_SNIPPETS: Final = {"text": "pictures made of characters, and what a command prints"}
"""Fences that nobody would copy and run, with the reason."""

PRINTED_HOSTS: Final = ("https://signaling.example.com", "http://127.0.0.1:8000")
PRINTED_SOCKET: Final = "wss://signaling.example.com/ws"
PRINTED_KEY: Final = "your-api-key"
PRINTED_CODE: Final = "a7x9k2"

DEADLINE: Final = 30.0

CHROMIUM_FLAGS: Final = (
    *QUIET,
    "--use-fake-ui-for-media-stream",
    # Few pictures a second: encoding them for several tabs takes most of the time.
    "--use-fake-device-for-media-stream=fps=5",
    # Peer connections between pages of one machine, also where that machine has no network.
    "--allow-loopback-in-peer-connection",
    "--disable-features=WebRtcHideLocalIpsWithMdns",
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
    assert opened is None, f"{page}: a fence without an end"


BLOCKS: Final = [block for page in PAGES for block in blocks_of(page)]


def blocks(*languages: str, page: str | None = None) -> list[Block]:
    return [block for block in BLOCKS if block.language in languages and page in (None, block.page)]


def test_every_block_is_of_a_kind_that_is_run_or_decoded() -> None:
    # The TypeScript of the pages is compiled and run with the SDK: tests/typescript/test_snippets.py.
    run = {"bash", "sh", "python", "javascript", "typescript", "html", "json"}
    assert {block.language for block in BLOCKS} <= run | set(NOT_SNIPPETS)
    assert {block.language for block in blocks_of("docs/integration.md")} >= run - {"sh"}


# JSON


@pytest.mark.parametrize("block", blocks("json"), ids=lambda block: block.place)
def test_json_is_what_the_contract_decodes(block: Block) -> None:
    printed = json.loads(block.text)
    if block.word == "client":
        decode(block.text)
        decoded: Any = msgspec.json.decode(block.text, type=ClientMessage)
    elif block.word == "server":
        decoded = msgspec.json.decode(block.text, type=ServerMessage)
    else:
        decoded = msgspec.json.decode(block.text, type=getattr(rest, block.word))
    again = json.loads(msgspec.json.encode(decoded))
    lost = list(_missing(printed, again, "$"))
    assert not lost, f"{block.place} has what the contract does not know: {lost}"
    if block.word != "client":
        unsaid = list(_missing(again, printed, "$"))
        assert not unsaid, f"{block.place} leaves out what the service sends: {unsaid}"


def test_every_message_has_an_example() -> None:
    shown = {
        side: {json.loads(block.text)["type"] for block in blocks("json") if block.word == side}
        for side in ("client", "server")
    }
    assert shown == {"client": set(CLIENT_TYPES), "server": set(SERVER_TYPES)}


def test_every_answer_of_the_rooms_api_has_an_example() -> None:
    shown = {block.word for block in blocks("json", page="docs/integration.md")}
    assert shown >= {
        "RoomCreated",
        "RoomDetails",
        "RoomList",
        "RoomDeleted",
        "StatisticsResponse",
        "ErrorBody",
    }


def _missing(one: Any, other: Any, path: str) -> Iterator[str]:
    """Paths whose value is in ``one`` but not, or differently, in ``other``."""
    if isinstance(one, dict) and isinstance(other, dict):
        for name, value in one.items():
            if name in other:
                yield from _missing(value, other[name], f"{path}.{name}")
            else:
                yield f"{path}.{name}"
    elif isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        for number, (left, right) in enumerate(zip(one, other, strict=True)):
            yield from _missing(left, right, f"{path}[{number}]")
    elif one != other:
        yield path


# Commands and programs


@pytest.fixture(scope="module")
def server() -> Iterator[ServerProcess]:
    with ServerProcess() as server:
        yield server


def new_room(server: ServerProcess) -> str:
    answer = httpx.post(
        f"{server.base_url}/api/rooms", headers=server.headers, json={"owner_id": "teacher_17"}
    )
    return str(answer.raise_for_status().json()["room_code"])


def as_if_deployed(text: str, server: ServerProcess, code: str) -> str:
    """The text with what a reader puts in: the address, the key, the code of a room."""
    text = text.replace(PRINTED_SOCKET, server.ws_url)
    for host in PRINTED_HOSTS:
        text = text.replace(host, server.base_url)
    return text.replace(PRINTED_KEY, server.api_key).replace(PRINTED_CODE, code)


@pytest.mark.parametrize("page", PAGES)
def test_shell_blocks_run_one_after_the_other(page: str, server: ServerProcess, tmp_path: Path) -> None:
    (tmp_path / ".curlrc").write_text("fail-with-body\nsilent\nshow-error\nmax-time = 10\n")
    script = [
        "trap 'echo \"failed in $place\" >&2' ERR",
        # `make` would install from the network, or run this very suite: it is asked what it would do instead.
        f"make() {{ command make -n -C '{ROOT}' \"$@\" > /dev/null; }}",
    ]
    code = new_room(server)
    for block in blocks("bash", "sh", page=page):
        script += [f"place={block.place}", as_if_deployed(block.text, server, code)]
    done = subprocess.run(
        ["bash", "-Eeuo", "pipefail", "-c", "\n".join(script)],
        cwd=tmp_path,
        env={"PATH": os.environ["PATH"], "HOME": str(tmp_path), "LANG": "C.UTF-8"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("block", blocks("python"), ids=lambda block: block.place)
def test_python_runs(block: Block, server: ServerProcess, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", block.text],
        cwd=tmp_path,
        env={"PATH": os.environ["PATH"], "SIGNALING": server.base_url, "SIGNALING_KEY": server.api_key},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_make_run_prints_what_the_readme_says(tmp_path: Path) -> None:
    (promised,) = [block.text for block in blocks("text", page="README.md") if "is running" in block.text]
    process = subprocess.Popen(
        [sys.executable, "-m", "signaling", "dev"],
        cwd=tmp_path,
        env={"PATH": os.environ["PATH"], "PORT": "0", "PYTHONPATH": str(ROOT / "service")},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        lines: list[str] = []
        assert process.stdout is not None
        for line in process.stdout:
            lines.append(line)
            if "Ctrl+C" in line:
                break
        printed = "".join(lines)
        assert _masked(printed).strip() == _masked(promised).strip()
        (paste,) = re.findall(r"curl .*", printed)
        answer = subprocess.run(
            ["bash", "-c", f"{paste} --silent --fail-with-body"],
            capture_output=True,
            text=True,
            timeout=30,
            check=True,
        )
        assert set(json.loads(answer.stdout)) == {"room_code", "created_at", "expires_at", "owner_id"}
        (classroom,) = re.findall(r"http://\S+/classroom\S+", printed)
        assert httpx.get(classroom).status_code == 200
    finally:
        process.terminate()
        _, errors = process.communicate(timeout=DEADLINE)
    assert (process.returncode, errors) == (0, "")


def _masked(text: str) -> str:
    """What `make run` prints, without what differs each time."""
    text = re.sub(r"(key: |API key +|X-API-Key: )[\w-]+(\.\.\.)?", r"\1KEY", text, flags=re.IGNORECASE)
    return re.sub(r"room=\w{6}", "room=CODE", re.sub(r"127\.0\.0\.1:\d+", "127.0.0.1:PORT", text))


def test_the_documents_that_the_page_names_are_served(server: ServerProcess) -> None:
    text = (ROOT / "docs/integration.md").read_text(encoding="utf-8")
    table = text[text.index("| For | Look at |") : text.index("All of them are served by the service itself")]
    paths = re.findall(r"`(/[^`]+)`", table)
    assert len(paths) >= 6
    answers = {path: httpx.get(server.base_url + path, follow_redirects=True).status_code for path in paths}
    assert answers == dict.fromkeys(paths, 200)


# In a browser


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium_path(), args=list(CHROMIUM_FLAGS))
        yield browser
        browser.close()


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    context = browser.new_context()
    context.set_default_timeout(DEADLINE * 1000)
    # The random part of waits, such as the one before a reconnect: short, so that the suite is.
    context.add_init_script("Math.random = () => 0.1;")
    yield context
    context.close()


@pytest.mark.browser
def test_javascript_runs_one_block_after_the_other(server: ServerProcess, context: BrowserContext) -> None:
    page = context.new_page()
    page.goto(f"{server.base_url}/health")
    said: list[str] = []

    def hear(message: ConsoleMessage) -> None:
        if message.type == "log":
            said.append(message.text)

    page.on("console", hear)
    variables = {"SIGNALING": server.base_url, "SIGNALING_KEY": server.api_key}
    page.evaluate("(env) => { globalThis.process = { env }; }", variables)
    # As in a console: `await` at the top, and what one block declares is there for the next.
    console = context.new_cdp_session(page)
    promised: list[str | None] = []
    for block in blocks("javascript"):
        result = console.send(
            "Runtime.evaluate", {"expression": block.text, "replMode": True, "awaitPromise": True}
        )
        assert "exceptionDetails" not in result, f"{block.place}: {result['exceptionDetails']}"
        promised += [line.partition("// ")[2] or None for line in re.findall(r"console\.log\(.*", block.text)]
    _eventually(lambda: len(said) == len(promised), page)
    assert [text for text, promise in zip(said, promised, strict=True) if promise is not None] == [
        promise for promise in promised if promise is not None
    ]


class Client:
    """The printed page in a tab of its own."""

    def __init__(self, context: BrowserContext, url: str, room: str, name: str) -> None:
        self.faults: list[str] = []
        self.page = context.new_page()
        self.page.on("pageerror", lambda error: self.faults.append(str(error)))
        self.page.goto(f"{url}?room={room}&name={name}")

    def sees(self, others: int) -> None:
        """Wait until the pictures of so many others move, and there are no more."""
        self.page.wait_for_function(
            """(others) => {
              const videos = [...document.querySelectorAll("#others video")];
              const moves = (video) => video.videoWidth > 0 && video.currentTime > 0;
              return videos.length === others && videos.every(moves);
            }""",
            arg=others,
        )

    def says(self, text: str) -> None:
        """Wait for a text in the status line."""
        self.page.wait_for_function(
            "(text) => document.querySelector('#status').textContent.includes(text)", arg=text
        )


@contextmanager
def shown(html: str) -> Iterator[str]:
    """The address of a page with this text: another origin than the service's, as a platform's pages have."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.end_headers()
            self.wfile.write(html.encode())

        def log_message(self, format: str, *args: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as pages:
        thread = Thread(target=pages.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{pages.server_port}/page.html"
        finally:
            pages.shutdown()
            thread.join()


@pytest.mark.browser
def test_the_complete_client_connects_in_several_tabs(context: BrowserContext, tmp_path: Path) -> None:
    (block,) = blocks("html")
    with ExitStack() as stack:
        server = stack.enter_context(ServerProcess(data_dir=tmp_path, PORT=str(_free_port())))
        room = new_room(server)
        url = stack.enter_context(shown(as_if_deployed(block.text, server, room)))
        ada = Client(context, url, room, "Ada")
        ada.says(f"In room {room}")
        bo = Client(context, url, room, "Bo")
        ada.sees(1)
        bo.sees(1)
        cleo = Client(context, url, room, "Cleo")
        for client in (ada, bo, cleo):
            client.sees(2)

        # A tab that is closed is gone from the others.
        cleo.page.close()
        ada.sees(1)
        bo.sees(1)

        # A restart closes with 4001: both join anew by themselves.
        server.stop()
        ada.sees(0)
        server.start()
        ada.sees(1)
        bo.sees(1)

        details = httpx.get(f"{server.base_url}/api/rooms/{room}", headers=server.headers).json()
        assert {person["display_name"] for person in details["participants"]} == {"Ada", "Bo"}

        httpx.delete(f"{server.base_url}/api/rooms/{room}", headers=server.headers).raise_for_status()
        ada.says("The room was closed")
        bo.says("The room was closed")
        assert ada.faults + bo.faults + cleo.faults == []


@pytest.mark.browser
def test_the_complete_client_says_why_it_cannot_join(server: ServerProcess, context: BrowserContext) -> None:
    (block,) = blocks("html")
    with shown(as_if_deployed(block.text, server, PRINTED_CODE)) as url:
        Client(context, url, "222222", "Ada").says("No room has the code")


def _eventually(condition: Any, page: Page) -> None:
    ends = time.monotonic() + DEADLINE
    while not condition():
        assert time.monotonic() < ends, "not within the deadline"
        page.wait_for_timeout(20)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
