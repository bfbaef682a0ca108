"""A peer that speaks WebSocket by hand, or does not: any frame, any fragment, any way to disappear."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import os
import socket
import struct
from collections.abc import Mapping
from types import TracebackType
from typing import Any, Final, Self

from support.client import DEADLINE
from support.line import Line

CONT: Final = 0x0
TEXT: Final = 0x1
BINARY: Final = 0x2
CLOSE: Final = 0x8
PING: Final = 0x9
PONG: Final = 0xA


class Answer:
    """The HTTP answer to a handshake."""

    def __init__(self, head: bytes) -> None:
        status_line, *lines = head.decode("latin-1").split("\r\n")
        self.status = int(status_line.split(" ", 2)[1])
        self.headers = {
            name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines) if name
        }
        self.body = b""

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class RawPeer:
    """A TCP connection to the service. Reads only when it is told to."""

    def __init__(self, connection: socket.socket) -> None:
        self.socket = connection
        self.socket_id = ""
        self._buffer = b""
        self._line = Line(connection.getpeername()[1])
        self._loop = asyncio.get_running_loop()

    @classmethod
    async def open(cls, port: int, *, receive_buffer: int | None = None) -> Self:
        """Connect, without a handshake. ``receive_buffer`` limits what the kernel takes for a peer that
        never reads.
        """
        connection = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        connection.setblocking(False)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if receive_buffer is not None:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        await asyncio.get_running_loop().sock_connect(connection, ("127.0.0.1", port))
        return cls(connection)

    @classmethod
    async def connect(cls, port: int, *, receive_buffer: int | None = None, **options: Any) -> Self:
        """Connect, do the handshake and take `connected`."""
        peer = await cls.open(port, receive_buffer=receive_buffer)
        answer = await peer.handshake(**options)
        assert answer.status == 101, (answer.status, answer.body)
        peer.socket_id = (await peer.message())["payload"]["socket_id"]
        return peer

    @classmethod
    async def join(cls, port: int, room_code: str, **options: Any) -> Self:
        """Connect and join; `room_joined` has been read when this returns."""
        peer = await cls.connect(port, **options)
        await peer.send_json({"type": "join", "payload": {"room_code": room_code}})
        joined = await peer.message()
        assert joined["type"] == "room_joined", joined
        return peer

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self.socket.close()

    # The handshake

    async def handshake(
        self, path: str = "/ws", *, headers: Mapping[str, str] | None = None, leave_out: tuple[str, ...] = ()
    ) -> Answer:
        """Ask for a WebSocket; ``headers`` replace or add, ``leave_out`` removes."""
        fields = {
            "Host": "localhost",
            "Upgrade": "websocket",
            "Connection": "Upgrade",
            "Sec-WebSocket-Key": base64.b64encode(os.urandom(16)).decode(),
            "Sec-WebSocket-Version": "13",
            **(headers or {}),
        }
        lines = [f"{name}: {value}" for name, value in fields.items() if name not in leave_out]
        await self.send("\r\n".join([f"GET {path} HTTP/1.1", *lines, "", ""]).encode("latin-1"))
        return await self.answer()

    async def answer(self) -> Answer:
        """The HTTP answer, its body included unless it is the 101."""
        while b"\r\n\r\n" not in self._buffer:
            await self._more()
        head, _, self._buffer = self._buffer.partition(b"\r\n\r\n")
        answer = Answer(head)
        if answer.status != 101:
            length = int(answer.headers.get("content-length", "0"))
            answer.body = await self._exactly(length)
        return answer

    # Out

    async def send(self, data: bytes, *, deadline: float = DEADLINE) -> None:
        """Send these bytes."""
        self._line.up(data)
        async with asyncio.timeout(deadline):
            await self._loop.sock_sendall(self.socket, data)

    async def send_frame(self, payload: bytes, opcode: int = TEXT, **options: Any) -> None:
        """Send one frame, see `frame`."""
        await self.send(frame(payload, opcode, **options))

    async def send_json(self, message: Any) -> None:
        """Send one message."""
        await self.send_frame(json.dumps(message).encode())

    def half_close(self) -> None:
        """FIN without a close frame; reading goes on."""
        self.socket.shutdown(socket.SHUT_WR)

    def reset(self) -> None:
        """RST: what a crash of the peer's machine or a firewall does."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()

    def close(self) -> None:
        """FIN without a close frame, and no more reading."""
        self.socket.close()

    # In

    async def read_frame(self, *, deadline: float = DEADLINE) -> tuple[int, bytes]:
        """Opcode and payload of the next frame. Raises EOFError at the end of the line."""
        async with asyncio.timeout(deadline):
            first, second = await self._exactly(2)
            assert first & 0x80, "the service does not fragment"
            assert not second & 0x80, "a server must not mask (RFC 6455, 5.1)"
            length = second & 0x7F
            if length == 126:
                (length,) = struct.unpack("!H", await self._exactly(2))
            elif length == 127:
                (length,) = struct.unpack("!Q", await self._exactly(8))
            payload = await self._exactly(length)
        return first & 0x0F, payload

    async def message(self, *, deadline: float = DEADLINE) -> Any:
        """The next message; control frames before it are passed over."""
        while True:
            opcode, payload = await self.read_frame(deadline=deadline)
            if opcode == TEXT:
                return json.loads(payload)
            assert opcode != CLOSE, f"closed with {close_code(payload)}"

    async def close_frame(self, *, deadline: float = DEADLINE) -> int | None:
        """The code of the close frame that ends the socket (None: it has none); frames before it are passed
        over.
        """
        while True:
            opcode, payload = await self.read_frame(deadline=deadline)
            if opcode == CLOSE:
                return close_code(payload)

    async def end_of_line(self, *, deadline: float = DEADLINE) -> None:
        """Wait until the service has cut the line, reading what comes."""
        async with asyncio.timeout(deadline):
            with contextlib.suppress(EOFError):
                while True:
                    await self._more()

    async def _exactly(self, length: int) -> bytes:
        while len(self._buffer) < length:
            await self._more()
        data, self._buffer = self._buffer[:length], self._buffer[length:]
        return data

    async def _more(self) -> None:
        async with asyncio.timeout(DEADLINE):
            try:
                data = await self._loop.sock_recv(self.socket, 1 << 20)
            except ConnectionError:
                data = b""
        if not data:
            raise EOFError("the service ended the connection")
        self._line.down(data)
        self._buffer += data


def frame(
    payload: bytes,
    opcode: int = TEXT,
    *,
    fin: bool = True,
    masked: bool = True,
    rsv: int = 0,
    claim: int | None = None,
) -> bytes:
    """A client's frame; ``claim`` is the length its header tells, if not the true one."""
    length = len(payload) if claim is None else claim
    head = bytes([(0x80 if fin else 0) | rsv << 4 | opcode])
    mask_bit = 0x80 if masked else 0
    if length < 126:
        head += bytes([mask_bit | length])
    elif length < 1 << 16:
        head += bytes([mask_bit | 126]) + struct.pack("!H", length)
    else:
        head += bytes([mask_bit | 127]) + struct.pack("!Q", length)
    if not masked:
        return head + payload
    # A key of zeros masks nothing, which keeps large frames cheap to make.
    return head + bytes(4) + payload


def close_payload(code: int, reason: bytes = b"") -> bytes:
    """The payload of a close frame."""
    return struct.pack("!H", code) + reason


def close_code(payload: bytes) -> int | None:
    """The code in the payload of a close frame, if there is one."""
    return None if len(payload) < 2 else int.from_bytes(payload[:2])
