"""The bounds on HTTP connections: whatever a client does or leaves undone, none is held for ever."""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
import uvicorn
from uvicorn.server import ServerState

from bench.frames import upgrade
from signaling.web import arrivals, http_protocol
from signaling.web.arrivals import Arrivals
from signaling.web.http_protocol import BoundedHttpProtocol
from support.in_process import Line, settle

TIMEOUT = 0.3
DEADLINE = 20.0
REQUEST = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
Connect = Callable[[], Awaitable[tuple[asyncio.StreamReader, asyncio.StreamWriter]]]


async def app(scope: Any, _receive: Any, send: Any) -> None:
    """Answers with as many bytes as the path says."""
    body = b"x" * int(scope["path"].strip("/") or 2)
    await send(
        {"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"%d" % len(body))]}
    )
    await send({"type": "http.response.body", "body": body})


@pytest.fixture
def state() -> ServerState:
    return ServerState()


@pytest.fixture
async def connect(monkeypatch: pytest.MonkeyPatch, state: ServerState) -> AsyncIterator[Connect]:
    monkeypatch.setattr(http_protocol, "REQUEST_TIMEOUT", TIMEOUT)
    monkeypatch.setattr(arrivals, "SILENCE", TIMEOUT)
    config = uvicorn.Config(
        app, log_config=None, limit_concurrency=4, timeout_keep_alive=60, proxy_headers=False
    )
    config.load()
    loop = asyncio.get_running_loop()
    arrive = Arrivals()
    server = await loop.create_server(
        lambda: arrive(config=config, server_state=state, app_state={}, _loop=loop),
        "127.0.0.1",
        0,
    )
    port = server.sockets[0].getsockname()[1]
    writers = []

    async def open_connection() -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1024)
        writers.append(writer)
        return reader, writer

    yield open_connection
    for writer in writers:
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()
    server.close()
    for task in list(state.tasks):
        task.cancel()


async def answer(reader: asyncio.StreamReader) -> bytes:
    async with asyncio.timeout(DEADLINE):
        head = await reader.readuntil(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200")
        return await reader.readexactly(2)


async def end(reader: asyncio.StreamReader) -> None:
    """Wait until the server has cut the line."""
    async with asyncio.timeout(DEADLINE):
        with contextlib.suppress(ConnectionResetError):
            while await reader.read(65_536):
                pass


@pytest.mark.parametrize(
    "sent", [b"", b"GET / HT", b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nabc"]
)
async def test_a_request_that_does_not_come_whole(connect: Connect, sent: bytes) -> None:
    reader, writer = await connect()
    writer.write(sent)
    await end(reader)


async def test_line_ends_after_an_answer_are_no_request(connect: Connect) -> None:
    """They stop the keep-alive timer; without a deadline of their own they would hold the connection."""
    reader, writer = await connect()
    writer.write(REQUEST)
    await answer(reader)
    writer.write(b"\r\n")
    await end(reader)


async def test_an_answer_that_is_not_read(connect: Connect, state: ServerState) -> None:
    """The server lets go of the connection; what lies in the system's own buffers is not its concern."""
    _, writer = await connect()
    transport: Any = writer.transport
    transport.pause_reading()
    writer.write(REQUEST.replace(b"GET /", b"GET /50000000"))
    await until(lambda: any(getattr(one, "cycle", None) for one in state.connections))
    await until(lambda: not state.connections)


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(DEADLINE):
        while not condition():  # noqa: ASYNC110 - uvicorn's state has no event to wait for
            await asyncio.sleep(0.01)


async def test_a_connection_that_is_used_stays(connect: Connect) -> None:
    """Deadlines end with what they wait for: a keep-alive connection outlives many of them."""
    reader, writer = await connect()
    loop = asyncio.get_running_loop()
    ends = loop.time() + 3 * TIMEOUT
    answers = 0
    while loop.time() < ends or answers < 3:
        writer.write(REQUEST)
        assert await answer(reader) == b"xx"
        answers += 1


async def test_no_more_connections_than_can_be_held(
    connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[str] = []
    monkeypatch.setattr(arrivals._log, "warning", lambda event, **_: told.append(event), raising=False)
    monkeypatch.setattr(http_protocol, "REQUEST_TIMEOUT", DEADLINE)
    monkeypatch.setattr(arrivals, "SILENCE", DEADLINE)
    held = [await connect() for _ in range(3)]
    for reader, writer in held:
        writer.write(REQUEST)
        await answer(reader)
    refused = [await connect() for _ in range(4)]
    for reader, _ in refused[1:]:
        await end(reader)
    assert told == ["connections_refused"]
    reader, writer = held[0]
    writer.close()
    await writer.wait_closed()


# Answers are written whole

Ask = Callable[[bytes], Line]


async def echo(scope: Any, receive: Any, send: Any) -> None:
    """Answers with the body it gets."""
    if scope["path"] == "/late":
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"4")]})
    body = (await receive())["body"]
    if scope["path"] == "/broken":
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"4")]})
        return
    if scope["path"] != "/late":
        status, length = (
            (204, []) if scope["path"] == "/204" else (200, [(b"content-length", b"%d" % len(body))])
        )
        await send({"type": "http.response.start", "status": status, "headers": length})
    await send({"type": "http.response.body", "body": body})


@pytest.fixture
async def ask(state: ServerState) -> Ask:
    config = uvicorn.Config(echo, log_config=None, proxy_headers=False, date_header=False)
    config.load()
    loop = asyncio.get_running_loop()

    def sent(data: bytes) -> Line:
        line = Line()
        line.protocol = BoundedHttpProtocol(config=config, server_state=state, app_state={}, _loop=loop)
        line.protocol.connection_made(line)
        line.protocol.data_received(data)
        return line

    return sent


def asking(path: str, body: bytes = b"", *, method: str = "POST", more: str = "") -> bytes:
    head = f"{method} {path} HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n{more}\r\n"
    return head.encode() + body


@pytest.mark.parametrize(
    ("data", "answers", "writes"),
    [
        (asking("/", b"abcd"), 1, 1),
        (asking("/"), 1, 1),
        (asking("/204"), 1, 1),
        (asking("/", method="HEAD"), 1, 1),
        (asking("/", b"abcd", more="Connection: close\r\n"), 1, 1),
        (asking("/", method="HEAD", more="Connection: close\r\n"), 1, 1),
        (asking("/", b"abcd") + asking("/", method="HEAD") + asking("/", b"efgh"), 3, 3),
        (asking("/broken"), 1, 1),
        (asking("/", b"abcd", more="Expect: 100-continue\r\n"), 2, 2),
    ],
)
async def test_an_answer_is_one_write(
    ask: Ask, state: ServerState, data: bytes, answers: int, writes: int
) -> None:
    line = ask(data)
    await until(lambda: not state.tasks)
    await settle()
    assert line.out.count(b"HTTP/1.1 ") == answers
    assert line.writes == writes
    sent = re.compile(rb"abcd|efgh")
    assert sent.findall(line.out) == sent.findall(data)
    assert line.closing == (b"close" in data or b"/broken" in data)


async def test_a_head_does_not_wait_for_a_body_that_comes_later(ask: Ask) -> None:
    line = ask(asking("/late", b"abcd")[:-4])
    await until(lambda: b"HTTP/1.1 200 OK" in line.out)
    assert not line.out.endswith(b"abcd")
    line.protocol.data_received(b"abcd")
    await until(lambda: line.out.endswith(b"\r\n\r\nabcd"))
    assert line.writes == 2


async def test_a_head_is_not_written_to_a_line_that_has_closed(ask: Ask) -> None:
    line = ask(asking("/late", b"abcd")[:-4])
    line.closing = True
    await settle()
    assert line.writes == 0
    line.protocol.connection_lost(None)


@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_nothing_is_written_for_a_client_that_has_gone(
    ask: Ask, state: ServerState, method: str
) -> None:
    """A transport that is closed raises, which would be logged as the application's fault."""
    line = ask(2 * asking("/", b"abcd", method=method))
    line.closing = True
    line.protocol.connection_lost(ConnectionResetError())
    await until(lambda: not state.tasks)
    await settle()
    assert line.writes == 0


async def test_no_socket_is_opened_where_answers_are_not_read(ask: Ask) -> None:
    """The time to read them would go on, and end the socket."""
    line = ask(asking("/", b"abcd"))
    await until(lambda: line.out.endswith(b"abcd"))
    line.protocol.pause_writing()
    line.protocol.data_received(upgrade("/ws", 8000))
    assert b"HTTP/1.1 400 " in line.out
    assert line.closing
    await settle()
