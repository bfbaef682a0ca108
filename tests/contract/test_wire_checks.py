"""The checks of `support.wire` see every way to the wire that tests have: what is planted there is found."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from typing import Any, Final

import httpx
import pytest
from playwright.async_api import async_playwright
from websockets.asyncio.client import connect
from websockets.asyncio.server import ServerConnection, serve
from websockets.frames import Frame, Opcode

from signaling_client import NO_RETRY, SignalingError
from signaling_client import connect as sdk_connect
from support.chromium import QUIET, chromium_path
from support.line import Line
from support.raw import RawPeer, frame
from support.server import ServerProcess
from support.tap import tapped
from support.wire import WIRE, Conversation

JOIN: Final = {"type": "join", "payload": {"room_code": "a7x9k2"}}
WAVE: Final = '{"type": "wave"}'
CONNECTED: Final = {
    "type": "connected",
    "payload": {
        "socket_id": "me",
        "protocol_version": 1,
        "join_timeout_seconds": 60,
        "max_frame_bytes": 65536,
    },
}


@pytest.fixture(scope="module")
def server() -> Iterator[ServerProcess]:
    with ServerProcess() as server:
        yield server


@pytest.fixture(autouse=True)
def seen(monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """What this test alone makes the checks note: made up as it is, it must not count for the suite."""
    notes: set[str] = set()
    monkeypatch.setattr(WIRE, "seen", notes)
    return notes


def told(*words: str) -> None:
    """Each of the words is in a fault of its own, in this order; and the faults are forgiven."""
    faults = WIRE.faults()
    assert len(faults) == len(words), faults
    for word, fault in zip(words, faults, strict=True):
        assert word in fault


@asynccontextmanager
async def stub(*frames: str) -> AsyncIterator[int]:
    """A service that says these frames; its port."""

    async def talk(socket: ServerConnection) -> None:
        for words in frames:
            await socket.send(words)
        await socket.wait_closed()

    async with serve(talk, "127.0.0.1", 0) as service:
        yield next(iter(service.sockets)).getsockname()[1]


# Ways to the wire


async def test_clients_of_the_websockets_package(server: ServerProcess, seen: set[str]) -> None:
    async with connect(server.ws_url) as socket:
        await socket.send(json.dumps(JOIN))
        await socket.send(WAVE)
        await socket.send(b"\x00")
        for _ in range(4):
            await socket.recv()
    told("no client message", "binary")
    errors = {"room_not_found", "unknown_type", "invalid_json"}
    assert seen == {
        "client message join",
        "server message connected",
        "server message error",
        *(f"socket error {code}" for code in errors),
    }


async def test_what_a_stub_says_is_checked_and_counts_for_nothing(seen: set[str]) -> None:
    async with stub(json.dumps(CONNECTED), WAVE) as port, connect(f"ws://127.0.0.1:{port}") as socket:
        await socket.recv()
        await socket.recv()
        await socket.send('{"type": "ping"}')
        await socket.close()
    told("Invalid value 'wave'")
    assert seen == set()


async def test_the_python_sdk(server: ServerProcess, seen: set[str]) -> None:
    with pytest.raises(SignalingError):
        async with sdk_connect(server.base_url, room_code="no code", retry=NO_RETRY):
            pass
    told("no client message")
    assert seen >= {"server message connected", "socket error invalid_message"}


async def test_sockets_by_hand(server: ServerProcess, seen: set[str]) -> None:
    async with await RawPeer.connect(server.port) as peer:
        # In two fragments, in one packet with what comes next.
        await peer.send(
            frame(b'{"type": ', fin=False) + frame(b'"ping"}', Opcode.CONT) + frame(WAVE.encode())
        )
        assert (await peer.message())["type"] == "pong"
        assert (await peer.message())["type"] == "error"
    told("no client message")
    assert seen >= {"client message ping", "server message pong", "socket error unknown_type"}


SDK_PROGRAM: Final = """
import asyncio, sys
from signaling_client import NO_RETRY, SignalingError, connect

async def main():
    async with connect(sys.argv[1], room_code="no code", retry=NO_RETRY):
        pass

try:
    asyncio.run(main())
except SignalingError as error:
    print(error.code)
"""


def run_client(url: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", f"import sys; sys.path[:0] = {sys.path!r}\n{SDK_PROGRAM}", url],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    return done.stdout.strip()


def test_clients_in_other_processes(server: ServerProcess, seen: set[str]) -> None:
    with tapped(server) as url:
        assert run_client(url) == "invalid_message"
    told("no client message")
    assert seen == {"server message connected", "server message error", "socket error invalid_message"}


def test_clients_in_other_processes_that_nobody_watches() -> None:
    server = ServerProcess()
    with pytest.raises(AssertionError, match="1 sockets of the server at port"), server:
        run_client(server.base_url)


async def test_a_watched_client_that_never_reads_is_known() -> None:
    with ServerProcess() as server:
        peer = await RawPeer.open(server.port)
        assert (await peer.handshake()).status == 101
        peer.close()
        (await RawPeer.connect(server.port)).close()


@pytest.mark.browser
async def test_pages_in_a_browser(server: ServerProcess, seen: set[str]) -> None:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=chromium_path(), args=list(QUIET))
        context = await browser.new_context()
        for page in (await context.new_page(), await browser.new_page()):
            await page.goto(f"{server.base_url}/health")
            await page.evaluate(
                """(url) => new Promise((resolve) => {
                     const socket = new WebSocket(url);
                     let count = 0;
                     socket.onopen = () => {
                       for (const type of ["ping", "wave"]) socket.send(JSON.stringify({ type }));
                     };
                     socket.onmessage = () => { count += 1; if (count === 3) resolve(); };
                   })""",
                server.ws_url,
            )
            told("no client message")
            assert seen == {
                "client message ping",
                "server message connected",
                "server message pong",
                "server message error",
                "socket error unknown_type",
            }
            seen.clear()
        await browser.close()


@pytest.mark.browser
async def test_a_service_that_is_played_in_a_browser(server: ServerProcess, seen: set[str]) -> None:
    def talk(socket: Any) -> None:
        socket.on_message(lambda _: socket.send(WAVE))
        socket.send(json.dumps(CONNECTED))

    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=chromium_path(), args=list(QUIET))
        page = await browser.new_page()
        await page.route_web_socket("**/ws", talk)
        await page.goto(f"{server.base_url}/health")
        await page.evaluate(
            """(url) => new Promise((resolve) => {
                 const socket = new WebSocket(url);
                 socket.onmessage = ({ data }) => {
                   if (data.includes("wave")) resolve();
                   else socket.send('{"type": "join"}');
                 };
               })""",
            server.ws_url,
        )
        await browser.close()
    told("no client message", "Invalid value 'wave'")
    assert seen == set()


def test_rest_clients(server: ServerProcess, seen: set[str]) -> None:
    assert httpx.get(f"{server.base_url}/api/rooms").status_code == 401
    assert seen == {"http error unauthorized"}


async def test_refused_handshakes(seen: set[str]) -> None:
    with ServerProcess(ALLOWED_ORIGINS="https://school.example") as server:
        with pytest.raises(SignalingError):
            async with sdk_connect(
                server.base_url,
                room_code="a7x9k2",
                headers={"Origin": "https://elsewhere.example"},
                retry=NO_RETRY,
            ):
                pass
        assert seen == {"http error forbidden_origin"}
        seen.clear()
        async with await RawPeer.open(server.port) as peer:
            assert (await peer.handshake(headers={"Origin": "https://elsewhere.example"})).status == 403
        assert seen == {"http error forbidden_origin"}


# What is found


def said(side: Any, words: str) -> Callable[[], None]:
    return lambda: Conversation(1).message(side, words)


def closed(*steps: tuple[Any, int]) -> Callable[[], None]:
    def close() -> None:
        conversation = Conversation(1)
        for side, code in steps:
            conversation.frame(side, Frame(Opcode.CLOSE, code.to_bytes(2)))

    return close


def answered(method: str, path: str, status: int, body: Any) -> Callable[[], None]:
    headers = {"x-request-id": "x", "content-type": "application/json"}
    text = body if isinstance(body, bytes) else json.dumps(body).encode()
    return lambda: WIRE.answered(1, method, path, status, headers, text)


def left(**changes: Any) -> str:
    return json.dumps(
        {"type": "participant_left", "payload": {"socket_id": "b", "reason": "left", **changes}}
    )


def refusal(code: str) -> str:
    return json.dumps({"type": "error", "payload": {"code": code, "message": "why"}})


@pytest.mark.parametrize(
    ("happens", "fault"),
    [
        (said("server", left(reason="bored")), "Invalid enum value 'bored'"),
        (said("server", left(mood="good")), "more or other fields"),
        (said("server", refusal("unauthorized")), "server/error.json refuses"),
        (said("server", refusal("out_of_chalk")), "Invalid enum value"),
        (said("server", '{"type": "join", "payload": {"room_code": "a7x9k2"}}'), "Invalid value 'join'"),
        (said("client", left()), "no client message"),
        (closed(("server", 4005)), None),
        (closed(("server", 4099)), "closed with 4099"),
        (closed(("server", 1012)), "closed with 1012"),
        (closed(("client", 1000), ("server", 1000)), None),
        (answered("GET", "/api/statistics", 401, {"detail": "who?", "code": "unauthorized"}), None),
        (answered("GET", "/api/statistics", 401, {"detail": "who?", "code": "stranger"}), "'stranger'"),
        (answered("GET", "/api/statistics", 401, {"detail": "who?", "code": "not_found"}), "'not_found'"),
        (answered("GET", "/api/statistics", 401, b"who?"), "what is no "),
        (answered("GET", "/api/statistics", 409, {"detail": "", "code": "idempotency_conflict"}), "409"),
        (answered("GET", "/api/rooms?limit=1", 200, {"rooms": [], "total": 0, "next_cursor": None}), None),
        (answered("GET", "/api/rooms", 200, {"rooms": [], "total": "0", "next_cursor": None}), "RoomList"),
        (answered("GET", "/api/rooms", 200, {"rooms": [], "total": 0}), "RoomList"),
        (answered("GET", "/readiness", 503, {"status": "draining", "since": 5}), "UnreadyResponse has no"),
        (answered("DELETE", "/api/rooms/a7x9k2", 200, {"message": 1}), "RoomDeleted"),
        (answered("GET", "/elsewhere", 404, {"detail": "nothing", "code": "not_found"}), None),
    ],
)
def test_what_is_not_of_the_contract_is_a_fault(happens: Callable[[], None], fault: str | None) -> None:
    happens()
    faults = WIRE.faults()
    assert bool(faults) is (fault is not None)
    assert all(str(fault) in each for each in faults)


@pytest.mark.odd_frames("client")
def test_what_is_odd_on_purpose_is_announced_for_its_side_only() -> None:
    (permit,) = (test for test in WIRE.permits if test.endswith("for_its_side_only"))
    assert not WIRE.permits[permit]
    Conversation(1).message("client", WAVE)
    told()
    assert WIRE.permits[permit]
    Conversation(1).message("server", WAVE)
    told("Invalid value 'wave'")


@pytest.mark.odd_frames("server")
def test_a_stub_may_be_odd_and_the_service_never(monkeypatch: pytest.MonkeyPatch) -> None:
    Conversation(1).message("server", WAVE)
    told("Invalid value 'wave'")
    monkeypatch.setattr(WIRE, "stubs", {1})
    Conversation(1).message("server", WAVE)
    told()


@pytest.mark.odd_frames("client")
def test_that_codec_and_schema_disagree_is_never_on_purpose(monkeypatch: pytest.MonkeyPatch) -> None:
    class Nothing:
        def is_valid(self, _: Any) -> bool:
            return False

    monkeypatch.setattr("support.schemas.schema_validator", lambda _: Nothing())
    Conversation(1).message("client", '{"type": "ping", "request_id": "never sent before"}')
    told("its JSON Schema does not agree")
    Conversation(1).message("client", "neither takes this")
    told()


def test_bytes_become_messages_however_they_are_cut(seen: set[str]) -> None:
    up = (
        b"GET /ws HTTP/1.1\r\nHost: x\r\n\r\n" + frame(b'{"type": "ping"}') + frame(b"\x03\xe8", Opcode.CLOSE)
    )
    down = b"HTTP/1.1 101 Switching Protocols\r\n\r\n" + Frame(
        Opcode.TEXT, json.dumps(CONNECTED).encode()
    ).serialize(mask=False)
    for size in (1, 2, 7, 1000):
        seen.clear()
        line = Line(1)
        for start in range(0, len(down), size):
            line.up(up[start : start + size])
            line.down(down[start : start + size])
        line.up(up[len(down) :])
        assert seen == {"client message ping", "server message connected"}


def test_a_fault_fails_the_test_in_which_it_happens(pytester: pytest.Pytester) -> None:
    pytester.makeconftest("from support.wire import WIRE\n" + _fixture_of_the_suite())
    pytester.makepyfile(
        test_of_another_suite="""
        from support.wire import Conversation

        def test_good():
            Conversation(1).message("client", '{"type": "ping"}')

        def test_bad():
            Conversation(1).message("client", '{"type": "wave"}')
        """
    )
    done = pytester.runpytest_inprocess("-p", "no:asyncio")
    done.assert_outcomes(passed=2, errors=1)
    done.stdout.fnmatch_lines(["ERROR *::test_bad *"])


def _fixture_of_the_suite() -> str:
    from support.whole_suite import TESTS

    text = (TESTS / "conftest.py").read_text(encoding="utf-8")
    start = text.index("@pytest.fixture(autouse=True)")
    imports = "import pytest\nfrom collections.abc import Iterator\n"
    return imports + text[start : text.index("@pytest.hookimpl")]
