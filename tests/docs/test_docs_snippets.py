"""What the README and the integration guide show is run, or decoded, as it is printed."""

from __future__ import annotations

import asyncio
import json
import os
import re
import socket
import sqlite3
import subprocess
import sys
import time
import tomllib
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any, Final

import httpx
import msgspec
import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, sync_playwright

from signaling.contract import rest
from signaling.contract.codec import CLIENT_TYPES, SERVER_TYPES, decode
from signaling.contract.messages import ClientMessage, ServerMessage
from signaling_client import AsyncSignalingClient, connect
from signaling_client.messages import AnswerRelay, OfferRelay
from support.chromium import QUIET, chromium_path
from support.server import ServerProcess
from support.snippets import (
    BLOCKS,
    COMMANDS_OF_OTHER_MACHINES,
    PAGES,
    PICTURES,
    ROOT,
    Block,
    blocks,
    blocks_of,
    is_picture,
)
from support.tap import tapped

PRINTED_HOSTS: Final = (
    "https://signaling.example.com",
    "https://your-app.onrender.com",
    "http://127.0.0.1:8000",
)
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


RUN: Final = {
    "bash": "test_shell_blocks_run_one_after_the_other, test_what_runs_elsewhere_is_good_shell",
    "sh": "as bash",
    "python": "test_python_runs, test_python_of_the_sdk_runs",
    "javascript": "test_javascript_runs_one_block_after_the_other",
    "typescript": "tests/typescript/test_snippets.py, which compiles and runs it with the SDK",
    "html": "test_the_complete_client_connects_in_several_tabs",
    "json": "test_json_is_what_the_contract_decodes",
    "text": "test_every_text_is_a_picture_or_looked_at",
    "mermaid": "test_diagrams_are_printed",
    "env": "test_settings_are_taken",
    "ini": "test_the_unit_is_what_systemd_reads_and_the_service_takes",
    "nginx": "test_the_configuration_of_nginx_is_well_formed",
    "caddyfile": "test_the_configuration_of_caddy_is_well_formed",
}
"""Kinds of blocks, and who runs or checks all that there are of them: here, or in test_docs_settings."""


def test_every_block_is_of_a_kind_that_is_run_or_checked() -> None:
    assert {block.language for block in BLOCKS} == set(RUN)


@pytest.mark.parametrize(
    ("page", "fault"),
    [
        ("```cobol\nSTOP RUN.\n```\n", None),
        ("```\nx\n```\n", "a fence without a language"),
        ("```sh\nmake\n", "a fence without an end"),
        ("Say:\n\n    make run\n", "an indented block"),
        ("~~~sh\nmake run\n~~~\n", "a fence that is not seen"),
    ],
)
def test_code_that_nobody_runs_is_found(tmp_path: Path, page: str, fault: str | None) -> None:
    file = tmp_path / "page.md"
    file.write_text(page)
    if fault is None:
        assert {block.language for block in blocks_of(str(file))} - set(RUN) == {"cobol"}
    else:
        with pytest.raises(AssertionError, match=fault):
            list(blocks_of(str(file)))


def test_what_is_not_run_is_named_and_there() -> None:
    assert {(block.page, block.first) for block in BLOCKS} >= set(COMMANDS_OF_OTHER_MACHINES)
    assert len([block for block in blocks("text") if is_picture(block)]) == len(PICTURES)


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


def sdk_name() -> str:
    """The name under which the Python SDK is installed."""
    project = tomllib.loads((ROOT / "sdk/python/pyproject.toml").read_text(encoding="utf-8"))
    return str(project["project"]["name"])


def package_name() -> str:
    """The name under which the TypeScript SDK is installed."""
    return str(json.loads((ROOT / "sdk/typescript/package.json").read_text(encoding="utf-8"))["name"])


SQLITE: Final = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1])
connection.execute(sys.argv[2])
connection.close()
"""


def runs_elsewhere(block: Block) -> bool:
    return (block.page, block.first) in COMMANDS_OF_OTHER_MACHINES


@pytest.mark.parametrize("page", [page for page in PAGES if blocks("bash", "sh", page=page)])
def test_shell_blocks_run_one_after_the_other(page: str, server: ServerProcess, tmp_path: Path) -> None:
    (tmp_path / ".curlrc").write_text("fail-with-body\nsilent\nshow-error\nmax-time = 10\n")
    script = [
        "trap 'echo \"failed in $place\" >&2' ERR",
        # `make` would install from the network, or run this very suite: it is asked what it would do instead.
        f"make() {{ command make -n -C '{ROOT}' \"$@\" > /dev/null; }}",
        # A release of this very tree is nowhere to be had: its name must be that of its project.
        f"pip() {{ test \"$*\" = 'install {sdk_name()}'; }}",
        f"npm() {{ test \"$*\" = 'install {package_name()}'; }}",
        # Not on every machine; what it does is SQLite's own doing.
        f'sqlite3() {{ \'{sys.executable}\' -c "$SQLITE" "$@"; }}',
        f"SQLITE='{SQLITE}'",
    ]
    code = new_room(server)
    for folder in ("lib/signaling", "backups"):
        (tmp_path / folder).mkdir(parents=True)
    with closing(sqlite3.connect(tmp_path / "lib/signaling/signaling.sqlite3")) as kept:
        kept.execute("CREATE TABLE rooms (code)")
    for block in blocks("bash", "sh", page=page):
        if runs_elsewhere(block):
            continue
        text = as_if_deployed(block.text, server, code).replace("/var/", f"{tmp_path}/")
        script += [f"place={block.place}", text]
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


@pytest.mark.parametrize(
    "block", [block for block in blocks("bash", "sh") if runs_elsewhere(block)], ids=lambda block: block.place
)
def test_what_runs_elsewhere_is_good_shell(block: Block) -> None:
    read = subprocess.run(
        ["bash", "-n"], input=block.text, capture_output=True, text=True, timeout=60, check=False
    )
    assert (read.returncode, read.stderr) == (0, "")
    # What it takes from this repository is there.
    for name in re.findall(r"(?:-r|--requirement) (\S+)", block.text):
        assert (ROOT / name).is_file()


def run_python(program: str, folder: Path, **environment: str) -> str:
    """What the program prints; fails if it fails, or warns."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", program],
        cwd=folder,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT / "sdk/python"), **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


PYTHON_OF_THE_SDK: Final = [block for block in blocks("python") if block.page.startswith("sdk/")]


@pytest.mark.parametrize(
    "block",
    [block for block in blocks("python") if block not in PYTHON_OF_THE_SDK],
    ids=lambda block: block.place,
)
def test_python_runs(block: Block, server: ServerProcess, tmp_path: Path) -> None:
    with tapped(server) as url:
        run_python(block.text, tmp_path, SIGNALING=url, SIGNALING_KEY=server.api_key)


READERS_PART: Final = """
import ast, asyncio, inspect, sys

def drop(socket_id): print("dropped")
def drop_all(): print("dropped all")
async def make_offer(participant): return "v=0"
async def make_answer(description): return "v=0 answered"

async def run():
    code = compile(sys.stdin.read(), "README.md", "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    answer = eval(code, globals())
    if inspect.iscoroutine(answer):
        await answer

asyncio.run(run())
"""
"""Runs a block as at the prompt of `python -m asyncio`, with the functions that it leaves to its reader."""


@pytest.mark.parametrize("block", PYTHON_OF_THE_SDK, ids=lambda block: block.place)
async def test_python_of_the_sdk_runs(block: Block, server: ServerProcess, tmp_path: Path) -> None:
    """If it joins a room, it meets somebody there who calls it, and the room is closed in the end."""
    with tapped(server) as url:
        async with AsyncSignalingClient(server.base_url, api_key=server.api_key) as rooms:
            code = (await rooms.create_room(owner_id="teacher_123")).room_code
            text = block.text.replace("https://your-app.onrender.com", url).replace(PRINTED_CODE, code)
            program = await asyncio.create_subprocess_exec(
                *(sys.executable, "-W", "error", "-c", READERS_PART),
                cwd=tmp_path,
                env={
                    "PATH": os.environ["PATH"],
                    "PYTHONPATH": str(ROOT / "sdk/python"),
                    "SIGNALING_KEY": server.api_key,
                },
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
            )
            running = asyncio.create_task(program.communicate(text.encode()))
            async with asyncio.timeout(60):
                if "connect(" in text:
                    await meet(server, rooms, code)
                printed, complaints = await running
    assert (program.returncode, complaints.decode()) == (0, ""), printed.decode()
    assert printed.decode().strip()


async def meet(server: ServerProcess, rooms: AsyncSignalingClient, code: str) -> None:
    """Come into the room after the program, be called by it, call it, and end the room."""
    while not (await rooms.get_room(code)).participants:  # noqa: ASYNC110 - another process has no event
        await asyncio.sleep(0.02)
    async with connect(server.base_url, room_code=code) as session:
        (other,) = session.participants
        assert isinstance(offer := await anext(session), OfferRelay)
        assert offer.payload.description.sdp == "v=0"
        await session.offer(other, "v=0")
        assert isinstance(answer := await anext(session), AnswerRelay)
        assert answer.payload.description.sdp == "v=0 answered"
    await rooms.delete_room(code)


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

        # A restart closes with 4001: the call goes on meanwhile, and both come back to their seats.
        server.stop()
        for client in (ada, bo):
            client.says("Reconnecting")
            client.sees(1)
        server.start()
        for client in (ada, bo):
            client.says(f"In room {room}")
            client.sees(1)

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
