"""Services that misbehave on purpose, and a network that can be cut."""

from __future__ import annotations

import asyncio
import http.client
import json
import sys
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, TypeAlias

from websockets.asyncio.server import ServerConnection, serve

Json: TypeAlias = dict[str, Any]


@dataclass
class Answer:
    """What the stub answers."""

    status: int = 200
    body: bytes | Json | None = None
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def content(self) -> bytes:
        if isinstance(self.body, dict):
            return json.dumps(self.body).encode()
        return self.body or b""


class Drop:
    """Take the request and end the connection without an answer."""


class Hang:
    """Take the request and do not answer."""


@dataclass
class Forward:
    """Have a real service do it."""

    port: int
    lose_answer: bool = False


Step: TypeAlias = Answer | Drop | Hang | Forward


@dataclass
class Request:
    method: str
    path: str
    headers: dict[str, str]
    body: bytes


def error(code: str, status: int, **headers: str) -> Answer:
    """An error as the service answers it."""
    return Answer(
        status,
        {"detail": f"about {code}", "code": code},
        {name.replace("_", "-"): value for name, value in headers.items()},
    )


class Server(ThreadingHTTPServer):
    def handle_error(self, request: Any, client_address: Any) -> None:
        # Clients that lose patience, or are cut off, are what the stubs are for.
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


class HttpStub:
    """Answers the requests in turn by the steps given; the last step is for all that follow."""

    def __init__(self, steps: Sequence[Step]) -> None:
        self.steps = list(steps)
        self.requests: list[Request] = []
        self.connections = 0
        self.released = threading.Event()
        stub = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def setup(self) -> None:
                stub.connections += 1
                super().setup()

            def do_GET(self) -> None:
                stub.handle(self)

            do_POST = do_DELETE = do_CONNECT = do_GET  # noqa: N815 - as the base class names them

            def log_message(self, format: str, *args: Any) -> None:
                pass

        self._server = Server(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def handle(self, handler: BaseHTTPRequestHandler) -> None:
        body = handler.rfile.read(int(handler.headers.get("Content-Length", 0)))
        request = Request(handler.command, handler.path, dict(handler.headers), body)
        self.requests.append(request)
        step = self.steps.pop(0) if len(self.steps) > 1 else self.steps[0]
        match step:
            case Drop():
                handler.close_connection = True
            case Hang():
                handler.close_connection = True
                self.released.wait(30)
            case Forward(port=port, lose_answer=lose):
                answer = forward(port, request)
                if lose:
                    handler.close_connection = True
                else:
                    self._send(handler, answer)
            case Answer():
                self._send(handler, step)

    @staticmethod
    def _send(handler: BaseHTTPRequestHandler, answer: Answer) -> None:
        handler.send_response(answer.status)
        headers = {
            "Content-Type": "application/json",
            "Content-Length": str(len(answer.content)),
            **answer.headers,
        }
        for name, value in headers.items():
            handler.send_header(name, value)
        handler.end_headers()
        handler.wfile.write(answer.content)

    def __enter__(self) -> HttpStub:
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.released.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def forward(port: int, request: Request) -> Answer:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    headers = {
        name: value for name, value in request.headers.items() if name.lower() not in ("host", "connection")
    }
    connection.request(request.method, request.path, request.body, headers)
    answer = connection.getresponse()
    content = answer.read()
    connection.close()
    return Answer(answer.status, content)


@contextmanager
def http_stub(*steps: Step) -> Iterator[HttpStub]:
    with HttpStub(steps) as stub:
        yield stub


# WebSockets

CONNECTED: Json = {
    "type": "connected",
    "payload": {
        "socket_id": "me",
        "protocol_version": 1,
        "join_timeout_seconds": 60,
        "max_frame_bytes": 65536,
    },
}


def room_joined(
    request_id: str | None, participants: Sequence[Json] = (), socket_id: str = "me", window: int = 0
) -> Json:
    return {
        "type": "room_joined",
        **({} if request_id is None else {"request_id": request_id}),
        "payload": {
            "room_code": "a7x9k2",
            "socket_id": socket_id,
            "participants": list(participants),
            "expires_at": "2035-12-18T12:30:00Z",
            "max_participants": 30,
            "resume_token": "token",
            "resume_window_seconds": window,
        },
    }


def participant(socket_id: str, **fields: Any) -> Json:
    return {
        "socket_id": socket_id,
        "display_name": socket_id,
        "user_id": None,
        "joined_at": "2025-12-18T10:31:00Z",
        "connection": "connected",
        "polite": True,
        **fields,
    }


class Peer:
    """The service's end of one socket, in a test's hands."""

    def __init__(self, socket: ServerConnection) -> None:
        self.socket = socket

    async def send(self, *frames: Json | str | bytes) -> None:
        for frame in frames:
            await self.socket.send(json.dumps(frame) if isinstance(frame, dict) else frame)

    async def take(self) -> Json:
        frame: Json = json.loads(await self.socket.recv())
        return frame

    async def seat(self, participants: Sequence[Json] = (), socket_id: str = "me", window: int = 0) -> None:
        """Greet, take a join and grant it."""
        await self.send(CONNECTED)
        join = await self.take()
        assert join["type"] == "join"
        await self.send(room_joined(join["request_id"], participants, socket_id, window))

    async def answer_pings(self) -> None:
        """Answer what is asked until the end."""
        async for text in self.socket:
            frame = json.loads(text)
            if frame["type"] == "ping":
                pong = {"server_time": "2025-12-18T10:31:00Z"}
                await self.send({"type": "pong", "request_id": frame["request_id"], "payload": pong})


@asynccontextmanager
async def socket_stub(talk: Callable[[Peer], Awaitable[None]]) -> AsyncIterator[str]:
    """A service whose sockets are all led by ``talk``; its address."""

    async def lead(socket: ServerConnection) -> None:
        await talk(Peer(socket))

    async with serve(lead, "127.0.0.1", 0, ping_interval=None, close_timeout=1) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        yield f"http://127.0.0.1:{port}"


# The network


class Cable:
    """A TCP relay: the address stays, what is behind it can be cut off or be another one."""

    def __init__(self, port: int) -> None:
        self.target = port
        self.plugged = True
        self.opened = 0
        self._transports: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Cable:
        self._server = await asyncio.start_server(self._accepted, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        self.cut()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def cut(self) -> None:
        """End every connection at once, without a word."""
        for writer in self._transports:
            writer.transport.abort()
        self._transports.clear()

    async def _accepted(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.opened += 1
        self._transports.add(writer)
        if not self.plugged:
            writer.transport.abort()
            return
        try:
            there_reader, there_writer = await asyncio.open_connection("127.0.0.1", self.target)
        except OSError:
            writer.transport.abort()
            return
        self._transports.add(there_writer)
        for source, sink in ((reader, there_writer), (there_reader, writer)):
            task = asyncio.create_task(_pump(source, sink))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)


async def _pump(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    try:
        while data := await source.read(65536):
            sink.write(data)
            await sink.drain()
    except OSError:
        pass
    finally:
        sink.close()
