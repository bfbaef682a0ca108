"""Who may open a socket, and what becomes of those who cannot even ask properly."""

from __future__ import annotations

import asyncio
import os

import pytest

from bench.frames import upgrade
from support.service import Serve, Service, eventually

OURS = "https://school.example"


async def test_origins(serve: Serve) -> None:
    """Contract 5: `Origin` is checked against ALLOWED_ORIGINS; refused with 403; programs send none and may
    connect.
    """
    async with serve(ALLOWED_ORIGINS=f"{OURS},http://localhost:3000") as service:
        for allowed in (OURS, "http://localhost:3000"):
            await service.connect(origin=allowed)
        await service.connect()
        for refused in (
            "https://evil.example",
            "null",
            "http://school.example",
            f"{OURS}:8443",
            f"{OURS}.evil.example",
            f"{OURS}/",
            "",
        ):
            peer = await service.tcp()
            answer = await peer.handshake(headers={"Origin": refused})
            assert answer.status == 403, refused
            assert answer.headers["content-type"].startswith("application/json")
            assert answer.json["code"] == "forbidden_origin"
            assert answer.json["detail"]
            await peer.end_of_line(deadline=5)


async def test_own_pages_may_always_connect(serve: Serve) -> None:
    """The classroom page is served from here: its origin is the service's own, whatever else is allowed."""
    async with serve(ALLOWED_ORIGINS=OURS) as service:
        await service.connect(origin=service.server.base_url)
        peer = await service.tcp()
        answer = await peer.handshake(headers={"Origin": f"{service.server.base_url}.evil.example"})
        assert answer.status == 403


async def test_any_origin_by_default(service: Service) -> None:
    """Contract 5: ALLOWED_ORIGINS unset means `*`."""
    for origin in ("https://evil.example", "null"):
        await service.connect(origin=origin)


async def test_no_more_sockets_than_allowed(serve: Serve) -> None:
    """Contract 5: MAX_CONNECTIONS bounds the node; beyond it 503 with the error's shape, and a place freed
    is a place.
    """
    async with serve(MAX_CONNECTIONS="5") as service:
        clients = [await service.connect() for _ in range(5)]
        for _ in range(3):
            peer = await service.tcp()
            answer = await peer.handshake()
            assert answer.status == 503
            assert answer.json["code"] == "server_error"
            assert answer.json["detail"]
            assert int(answer.headers["retry-after"]) > 0
        await clients[0].close()

        async def open_again() -> bool:
            peer = await service.tcp()
            return (await peer.handshake()).status == 101

        await eventually(open_again, "a free place")


async def test_the_bound_holds_when_many_come_at_once(serve: Serve) -> None:
    """Contract 5: MAX_CONNECTIONS is exact, however many ask in the same moment."""
    async with serve(MAX_CONNECTIONS="10") as service:
        peers = [await service.tcp() for _ in range(60)]
        answers = await asyncio.gather(*(peer.handshake() for peer in peers))
        assert sorted(answer.status for answer in answers) == [101] * 10 + [503] * 50


@pytest.mark.parametrize(
    ("headers", "left_out"),
    [
        ({"Upgrade": "h2c"}, ()),
        ({"Sec-WebSocket-Version": "8"}, ()),
        ({"Sec-WebSocket-Version": "abc"}, ()),
        ({"Sec-WebSocket-Key": "short"}, ()),
        ({"Sec-WebSocket-Key": "!" * 24}, ()),
        ({"Connection": "close"}, ()),
        ({}, ("Upgrade",)),
        ({}, ("Connection",)),
        ({}, ("Sec-WebSocket-Key",)),
        ({}, ("Sec-WebSocket-Version",)),
        ({"Cookie": "c" * 9000}, ()),
        ({f"X-{number}": "x" for number in range(150)}, ()),
        ({"Origin": "\u00ff\u00fe"}, ()),
    ],
)
async def test_a_handshake_that_is_none(
    service: Service, headers: dict[str, str], left_out: tuple[str, ...]
) -> None:
    """RFC 6455, 4.2.2: it is refused with an HTTP error, or accepted; the line never hangs."""
    peer = await service.tcp()
    answer = await peer.handshake(headers=headers, leave_out=left_out)
    assert answer.status == 101 or 400 <= answer.status < 500


async def test_other_paths(service: Service) -> None:
    """Contract 2: the socket is at /ws, and nowhere else."""
    for path in ("/", "/ws/x", "/WS", "/health", "/api/rooms", "/ws%00"):
        peer = await service.tcp()
        answer = await peer.handshake(path)
        assert answer.status in (400, 403, 404, 405), path
    for path in ("/ws?token=x&y=%zz", "/ws/", "//ws", "/%77s//?x=/"):
        peer = await service.tcp()
        assert (await peer.handshake(path)).status == 101, path


async def test_requests_before_a_handshake_on_one_connection(service: Service) -> None:
    """Their answers must be out of the way: no byte of them may get between frames."""
    request = b"GET /ws HTTP/1.1\r\nHost: localhost\r\n\r\n"
    peer = await service.tcp()
    await peer.send(request + upgrade("/ws", service.server.port))
    answer = await peer.answer()
    assert (answer.status, answer.json["code"]) == (400, "bad_request")
    assert "earlier requests" in answer.json["detail"]
    await peer.end_of_line()
    peer = await service.tcp()
    await peer.send(request)
    assert "Only a WebSocket" in (await peer.answer()).json["detail"]
    assert (await peer.handshake("/x")).status == 404


async def test_garbage_on_the_port(service: Service) -> None:
    """Contract 3: what is not HTTP at all costs nobody else anything."""
    garbage = [
        os.urandom(4096),
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + os.urandom(500),
        b"\r\n" * 1000,
        b"GET",
        b"GET /ws HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\n",
        b"GET /ws HTTP/9.9\r\n\r\n",
        b"GET /ws HTTP/1.1\r\n" + b"A" * 200_000,
        b"POST /api/rooms HTTP/1.1\r\nHost: x\r\nContent-Length: -5\r\n\r\n",
        b"POST /api/rooms HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"GET /ws HTTP/1.0\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n",
        bytes(10_000),
    ]
    for data in garbage:
        for ending in ("close", "reset", "half_close"):
            peer = await service.tcp()
            try:
                await peer.send(data)
            except ConnectionError:
                continue
            getattr(peer, ending)()
    await service.healthy()
