"""Whatever comes over the line, the answer is never a 500, and the next caller is served."""

from __future__ import annotations

import asyncio
import contextlib
import random
from typing import Any

import httpx
import pytest

from support.service import Service

SEED = 20251218


async def ask(service: Service, request: bytes) -> list[int]:
    """Send bytes, read until the other side is done; the statuses of what it answered."""
    reader, writer = await asyncio.open_connection("127.0.0.1", service.server.port)
    answered = b""
    with contextlib.suppress(OSError):
        writer.write(request)
        await writer.drain()
        writer.write_eof()
        async with asyncio.timeout(20):
            while piece := await reader.read(65_536):
                answered += piece
    writer.close()
    with contextlib.suppress(ConnectionError):
        await writer.wait_closed()
    return [int(part[:3]) for part in answered.split(b"HTTP/1.1 ")[1:]]


async def sound(service: Service, statuses: list[int]) -> None:
    assert all(200 <= status < 500 for status in statuses), statuses
    assert (await service.rest.get("/api/rooms?limit=1")).status_code == 200


def key(service: Service) -> bytes:
    return f"X-API-Key: {service.server.api_key}\r\n".encode()


async def test_random_bytes(service: Service) -> None:
    draw = random.Random(SEED)
    statuses = []
    for size in (1, 3, 10, 100, 1000, 10_000, 100_000):
        for _ in range(4):
            statuses += await ask(service, draw.randbytes(size))
            statuses += await ask(service, b"GET / HTTP/1.1\r\n" + draw.randbytes(size) + b"\r\n\r\n")
    await sound(service, statuses)


async def test_random_paths_and_queries(service: Service) -> None:
    draw = random.Random(SEED)
    alphabet = "abc/%.?&=;:@~*'\"<>{}|\\^`[] \t+,!$()é😀\x00\x1f\x7f-_09"
    starts = (
        "/",
        "/api/",
        "/api/rooms",
        "/api/rooms/",
        "/api/rooms?",
        "/api/rooms?state=",
        "/api/assets/",
        "/classroom/",
    )
    statuses = []
    for number in range(150):
        path = starts[number % len(starts)] + "".join(draw.choices(alphabet, k=draw.randrange(1, 60)))
        request = f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n".encode() + key(service) + b"\r\n"
        statuses += await ask(service, request)
    assert len(statuses) > 100
    await sound(service, statuses)


@pytest.mark.parametrize("folder", ["/api/assets", "/classroom/assets"])
@pytest.mark.parametrize("name", ["%00", "a%00b", "a" * 300, "a/" * 3000, "%2e%2e/%2e%2e/app.py", "\xff"])
async def test_names_that_no_file_has(service: Service, folder: str, name: str) -> None:
    request = f"GET {folder}/{name} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    reader, writer = await asyncio.open_connection("127.0.0.1", service.server.port)
    writer.write(request.encode("latin-1"))
    async with asyncio.timeout(20):
        status = await reader.readline()
        while await reader.read(65_536):
            pass
    writer.close()
    assert status.split()[1] in (b"400", b"404")


async def test_random_bodies(service: Service) -> None:
    draw = random.Random(SEED)
    seed = b'{"owner_id": "teacher_123", "ttl_hours": 2, "max_participants": 30}'
    for _ in range(200):
        body = bytearray(seed)
        for _ in range(draw.randrange(1, 6)):
            place = draw.randrange(len(body))
            body[place : place + draw.randrange(3)] = draw.randbytes(draw.randrange(3))
        answer = await service.rest.post("/api/rooms", content=bytes(body))
        assert answer.status_code in (201, 400), (bytes(body), answer.text)


@pytest.mark.parametrize(
    "method", ["TRACE", "CONNECT", "PROPFIND", "M-SEARCH", "SUBSCRIBE", "QUERY", "X", "get", "GET\t"]
)
async def test_methods(service: Service, method: str) -> None:
    for path in ("/", "/api/rooms", "/api/rooms/abcdef", "*", "localhost:80"):
        request = (
            f"{method} {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n".encode() + key(service) + b"\r\n"
        )
        await sound(service, await ask(service, request))


async def test_long_requests(service: Service) -> None:
    for size in (1000, 8000, 16_000, 40_000, 1_000_000):
        long = b"x" * size
        for request in (
            b"GET /" + long + b" HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
            b"GET /api/rooms/"
            + long
            + b" HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
            + key(service)
            + b"\r\n",
            b"GET /api/rooms?cursor="
            + long
            + b" HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
            + key(service)
            + b"\r\n",
            b"GET / HTTP/1.1\r\nHost: x\r\nX-Long: " + long + b"\r\nConnection: close\r\n\r\n",
            b"GET / HTTP/1.1\r\nHost: x\r\n" + b"X-Many: y\r\n" * (size // 10) + b"Connection: close\r\n\r\n",
            long + b" / HTTP/1.1\r\nHost: x\r\n\r\n",
        ):
            await sound(service, await ask(service, request))


@pytest.mark.parametrize(
    "request_",
    [
        b"POST /api/rooms HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
        b"POST /api/rooms HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999999999\r\n\r\n{}",
        b"POST /api/rooms HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}",
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"POST /api/rooms HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nZZ\r\n{}\r\n0\r\n\r\n",
        b"POST /api/rooms HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip\r\n\r\n{}",
        b"POST /api/rooms HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{",
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET / HTTP/1.0\r\n\r\n",
        b"GET /\r\n\r\n",
        b"GET  /  HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost x\r\n\r\n",
        b"GET / HTTP/1.1\r\n: x\r\n\r\n",
        b"GET / HTTP/1.1\nHost: x\n\n",
        b"\r\n\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\x00" * 64,
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\n\r\n" * 50,
    ],
)
async def test_bad_http(service: Service, request_: bytes) -> None:
    await sound(
        service, await ask(service, request_.replace(b"Host: x\r\n", b"Host: x\r\n" + key(service), 1))
    )


@pytest.mark.parametrize(
    "headers",
    [
        {"Content-Type": "\xff"},
        {"Content-Type": "application/json; charset=utf-16"},
        {"Content-Type": "multipart/form-data; boundary="},
        {"Content-Type": "multipart/form-data"},
        {"Content-Type": "application/x-www-form-urlencoded"},
        {"Content-Encoding": "gzip"},
        {"Accept": "text/html;q=x, */nothing"},
        {"Accept": "\xff"},
        {"Accept-Encoding": "\xff"},
        {"Origin": "\xff"},
        {"Origin": "null"},
        {"Cookie": "a=\xff; =; b"},
        {"Host": "\xff"},
        {"Host": ""},
        {"X-Forwarded-For": "\xff, 1.2.3.4.5"},
        {"X-Forwarded-Proto": "wss\x00"[:3]},
        {"Range": "bytes=9-1"},
        {"If-None-Match": "\xff"},
        {"Expect": "100-continue"},
    ],
)
async def test_odd_headers(service: Service, headers: dict[str, str]) -> None:
    raw: Any = {name: value.encode("latin-1") for name, value in headers.items()}
    for method, path in [
        ("GET", "/"),
        ("POST", "/api/rooms"),
        ("GET", "/classroom"),
        ("GET", "/api/assets/swagger-ui.css"),
    ]:
        answer: httpx.Response = await service.rest.request(method, path, headers=raw)
        assert answer.status_code < 500, answer.text
