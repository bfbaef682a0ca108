"""The service in this process, from its protocol classes up, on transports that are only recorded.

Everything is real but the operating system: bytes go into the `data_received` that uvicorn would call, and
what is written comes out whole. So what one frame costs can be counted.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any, Final, cast

import uvicorn
from uvicorn.server import ServerState

from bench.frames import compact, masked, unpack, upgrade
from signaling.asgi import Application, RunningNode
from signaling.rooms.service import NewRoom
from signaling.settings import Settings
from signaling.web.arrivals import Arrivals
from signaling.web.socket_protocol import SocketProtocol

DEADLINE: Final = 20.0

KEY: Final = "in-process-key-0123456789"
"""Of the REST API."""


class Line(asyncio.Transport):
    """The transport of one connection: keeps what is written, and counts the writes."""

    def __init__(self) -> None:
        super().__init__()
        self.protocol: Any = None
        self.out = bytearray()
        self.writes = 0
        self.closing = False
        self.reading = True

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return {"peername": ("127.0.0.1", 50_000), "sockname": ("127.0.0.1", 8000)}.get(name, default)

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        self.protocol = protocol

    def write(self, data: Any) -> None:
        self.writes += 1
        self.out += data

    def get_write_buffer_size(self) -> int:
        return 0

    def is_closing(self) -> bool:
        return self.closing

    def pause_reading(self) -> None:
        self.reading = False

    def resume_reading(self) -> None:
        self.reading = True

    def close(self) -> None:
        if not self.closing:
            self.closing = True
            asyncio.get_running_loop().call_soon(self._lost)

    def _lost(self) -> None:
        # As transports do: they let their protocol go.
        protocol, self.protocol = self.protocol, None
        protocol.connection_lost(None)

    def abort(self) -> None:
        self.close()


class Peer:
    """A client at the other end of a line."""

    def __init__(self, line: Line) -> None:
        self.line = line
        self.id = ""

    @property
    def protocol(self) -> SocketProtocol:
        protocol = self.line.protocol
        assert isinstance(protocol, SocketProtocol)
        return protocol

    def feed(self, data: bytes) -> None:
        """Bytes arrive at the service, as if in one read."""
        self.line.protocol.data_received(data)

    def send(self, message: dict[str, Any]) -> None:
        self.feed(masked(compact(message)))

    def frames(self) -> list[tuple[int, bytes]]:
        """All that was written since the last call: opcodes and payloads."""
        data, at, found = bytes(self.line.out), 0, []
        while (frame := unpack(data, at)) is not None:
            opcode, payload, at = frame
            found.append((opcode, payload))
        assert at == len(data), "half a frame was written"
        self.line.out.clear()
        return found

    def messages(self) -> list[dict[str, Any]]:
        return [json.loads(payload) for opcode, payload in self.frames() if opcode == 1]


class Recorder:
    """A Receiver that remembers, in place of a session: text messages behind a `t`, binary ones as `b`."""

    def __init__(self) -> None:
        self.messages: list[bytes] = []
        self.closed: int | None = None

    def frame_received(self, data: bytes) -> None:
        assert type(data) is bytes
        self.messages.append(b"t" + data)

    def binary_received(self) -> None:
        self.messages.append(b"b")

    def other_received(self) -> None:
        pass

    def ping_sent(self) -> None:
        pass

    def pong_received(self) -> None:
        pass

    def lost(self, close_code: int | None) -> None:
        self.closed = close_code

    def failed(self) -> None:
        raise AssertionError("nothing here fails")


class InProcess:
    """A running node, and peers at it."""

    def __init__(self, application: Application, node: RunningNode, *, short_way: bool) -> None:
        self.application = application
        self.node = node
        self._arrivals = Arrivals(application.short_way if short_way else None)
        self._config = uvicorn.Config(
            application,
            http=cast("Any", self._arrivals),
            ws=cast("Any", application.acceptor),
            lifespan="off",
            log_config=None,
            proxy_headers=False,
        )
        self._config.load()
        self.state = ServerState()
        self._lines: list[Line] = []

    async def room(self, seats: int = 50) -> str:
        room, _ = await self.node.rooms.create(NewRoom(max_participants=seats))
        return room.code

    def arrive(self, line: Line | None = None) -> Line:
        """A connection that has asked for nothing yet."""
        line = line or Line()
        self._lines.append(line)
        line.protocol = self._arrivals(
            config=self._config,
            server_state=self.state,
            app_state={},
            _loop=asyncio.get_running_loop(),
        )
        line.protocol.connection_made(line)
        return line

    async def connect(self) -> Peer:
        """A socket that was told its id."""
        line = self.arrive()
        line.protocol.data_received(upgrade("/ws", 8000))
        await until(lambda: b'"connected"' in line.out, "the handshake")
        head, _, rest = bytes(line.out).partition(b"\r\n\r\n")
        assert b" 101 " in head
        line.out[:] = rest
        peer = Peer(line)
        peer.id = peer.messages()[0]["payload"]["socket_id"]
        return peer

    async def seat(self, code: str) -> Peer:
        """A socket that is in the room, which everybody there has been told."""
        peer = await self.connect()
        await self.join(peer, code)
        return peer

    async def join(self, peer: Peer, code: str) -> None:
        peer.send({"type": "join", "payload": {"room_code": code}})
        await until(lambda: b'"room_joined"' in peer.line.out, "the join")
        await settle()

    def forget(self, peers: list[Peer]) -> None:
        """These are closed."""
        for peer in peers:
            self._lines.remove(peer.line)

    def end(self) -> None:
        for line in self._lines:
            line.close()


@contextlib.asynccontextmanager
async def running(directory: Path, *, short_way: bool = True, **environment: str) -> AsyncIterator[InProcess]:
    """The service as shipped, but for these settings, and for REST calls where there is no ``short_way``."""
    settings = Settings.from_environment({"API_KEY": KEY, "DATA_DIR": str(directory), **environment})
    application = Application(settings)
    async with application.running() as node:
        service = InProcess(application, node, short_way=short_way)
        try:
            yield service
        finally:
            service.end()
            await settle()
            async with asyncio.timeout(DEADLINE):
                await node.drain()


async def settle() -> None:
    """Let the event loop do what it can do at once."""
    for _ in range(10):
        await asyncio.sleep(0)


async def until(condition: Callable[[], bool], what: str) -> None:
    """Wait for a condition, up to the deadline."""
    async with asyncio.timeout(DEADLINE):
        while not condition():  # noqa: ASYNC110 - others set it
            await asyncio.sleep(0.001)
    assert condition(), what
