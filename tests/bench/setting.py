"""What workloads need before they begin: rooms, and sockets in them."""

from __future__ import annotations

import asyncio
import itertools
import json
from collections.abc import Callable
from typing import Any

import msgspec

from bench.dialects import Kind
from bench.frames import compact, masked, unpack
from bench.servers import API_KEY, Server
from bench.sockets import DEADLINE, LineLost, Requests, Socket

CONNECTIONS_OF_REST = 16
_AT_ONCE = 64


def create_request(port: int) -> bytes:
    """`POST /api/rooms`."""
    body = compact({"owner_id": "teacher_123", "ttl_hours": 2, "max_participants": 50})
    return (
        f"POST /api/rooms HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nX-API-Key: {API_KEY}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    ).encode() + body


def read_request(port: int, code: str) -> bytes:
    """`GET /api/rooms/{code}`."""
    return (
        f"GET /api/rooms/{code} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nX-API-Key: {API_KEY}\r\n\r\n"
    ).encode()


async def ask(port: int, request: Callable[[], bytes], status: bytes) -> Requests:
    """A connection that asks over and over."""
    loop = asyncio.get_running_loop()
    _, requests = await loop.create_connection(lambda: Requests(request, status), "127.0.0.1", port)
    return requests


async def ask_once(port: int, request: bytes, status: bytes) -> Any:
    """The answer to one request."""
    loop = asyncio.get_running_loop()
    _, asked = await loop.create_connection(
        lambda: Requests(lambda: request, status, once=True), "127.0.0.1", port
    )
    await asyncio.wait_for(asked.idle, DEADLINE)
    return json.loads(asked.body)


_numbers = itertools.count()


async def rooms(server: Server, count: int) -> list[str]:
    """Codes of so many new rooms."""
    if not server.kind.rest:
        return [f"room{next(_numbers)}" for _ in range(count)]
    codes: list[str] = []
    left = iter(range(count))

    async def create() -> None:
        for _ in left:
            codes.append((await ask_once(server.port, create_request(server.port), b"201"))["room_code"])  # noqa: PERF401 - all share `left`

    await asyncio.gather(*(create() for _ in range(min(count, CONNECTIONS_OF_REST))))
    return codes


async def open_sockets(server: Server, count: int) -> list[Socket]:
    """So many, greeted."""
    sockets: list[Socket] = []
    left = iter(range(count))

    async def open_some() -> None:
        for _ in left:
            sockets.append(await server.dialect.open(server.port))  # noqa: PERF401 - all share `left`

    await asyncio.gather(*(open_some() for _ in range(min(count, _AT_ONCE))))
    return sockets


async def seated(server: Server, count: int, *, in_room: int) -> list[Socket]:
    """Sockets in rooms of so many, those of one room beside each other."""
    codes = await rooms(server, -(-count // in_room)) if server.dialect.rooms else [""] * count
    sockets: list[Socket] = []

    async def enter(members: list[Socket], code: str) -> None:
        for socket in members:
            await server.dialect.enter(socket, code)

    # Some rooms at a time: nobody may be connected for long without being in one.
    for start in range(0, count, _AT_ONCE * in_room):
        opened = await open_sockets(server, min(count - start, _AT_ONCE * in_room))
        firsts = range(0, len(opened), in_room)
        await asyncio.gather(
            *(enter(opened[first : first + in_room], codes[(start + first) // in_room]) for first in firsts)
        )
        sockets += opened
    return sockets


async def frames_between(
    server: Server, sender: Socket, receiver: Socket, kind: Kind, size: int
) -> tuple[bytes, bytes]:
    """The frame that the sender sends, and the frame that the receiver gets: tried once, and found right."""
    text, wanted = server.dialect.relay(kind, sender.id, receiver.id, size)
    sender.send(text)
    got = await receiver.text_with(compact({"type": wanted["type"]})[1:-1])
    message: dict[str, Any] = msgspec.json.decode(got)
    if message != wanted:
        raise LineLost(f"{server.kind.title} relays otherwise: {got.decode()}")
    return masked(text), _unmasked(got)


def _unmasked(payload: bytes) -> bytes:
    """The frame of a server, whose masks are none (RFC 6455, 5.1)."""
    size = len(payload)
    head = bytes((0x81, size)) if size < 126 else bytes((0x81, 126)) + size.to_bytes(2, "big")
    frame = head + payload
    assert unpack(frame, 0) == (1, payload, len(frame))
    return frame
