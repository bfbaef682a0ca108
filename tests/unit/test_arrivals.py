"""What a new connection asks first: the HTTP parser reads the same, or it is left to it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final

import httptools
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bench.frames import upgrade
from signaling.web import arrivals
from signaling.web.handshake import PLAIN_BYTES, Asked, read_plain
from signaling.web.http_protocol import BoundedHttpProtocol
from signaling.web.socket_protocol import SocketProtocol
from support.in_process import InProcess, Line, running, settle

KEY: Final = "dGhlIHNhbXBsZSBub25jZQ=="
CHROMIUM: Final = (
    "GET /ws HTTP/1.1\r\nHost: school.example:8000\r\nConnection: Upgrade\r\nPragma: no-cache\r\n"
    "Cache-Control: no-cache\r\nUser-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36\r\n"
    "Upgrade: websocket\r\nOrigin: https://school.example\r\nSec-WebSocket-Version: 13\r\n"
    "Accept-Encoding: gzip, deflate, br, zstd\r\nAccept-Language: en-GB,en;q=0.9\r\nCookie: a=b; c=d\r\n"
    f"Sec-WebSocket-Key: {KEY}\r\n"
    "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n\r\n"
).encode()
FIREFOX: Final = (
    "GET /ws?a=b%20c HTTP/1.1\r\nHost: school.example\r\nUser-Agent: Mozilla/5.0\r\nAccept: */*\r\n"
    "Sec-WebSocket-Version: 13\r\nOrigin: https://school.example\r\n"
    f"Sec-WebSocket-Extensions: permessage-deflate\r\nSec-WebSocket-Key: {KEY}\r\n"
    "Connection: keep-alive, Upgrade\r\nPragma: no-cache\r\nUpgrade: websocket\r\n\r\n"
).encode()
PLAIN: Final = (CHROMIUM, FIREFOX, upgrade("/ws", 8000))

PIECES: Final = (
    *(b"\r\n", b"\r", b"\n", b"\r\n\r\n", b" ", b"\t", b":", b";", b",", b"\0", b"\x7f", b"\xe9", b"#"),
    *(b"GET ", b"POST ", b"/ws", b"//", b"?", b" HTTP/1.1", b"HTTP/1.0", b"close", b"keep-alive", b"h2c"),
    *(b"x", b"X-A: \r\n", b"X-B:b\r\n", b"X C: c\r\n", b": d\r\n", b" folded\r\n", b"\r\nX-E: e\r\n"),
    *(b"Upgrade: websocket\r\n", b"Connection: close\r\n", b"Expect: 100-continue\r\n"),
    *(b"Content-Length: 3\r\n", b"Transfer-Encoding: chunked\r\n", b"Proxy-Connection: close\r\n"),
)


class Parsed:
    """A request as the HTTP parser reads it."""

    def __init__(self, data: bytes) -> None:
        self.url = b""
        self.headers: list[tuple[bytes, bytes]] = []
        self.rest: int | None = None
        self.parser = httptools.HttpRequestParser(self)
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgraded:
            self.rest = upgraded.args[0]

    def on_url(self, url: bytes) -> None:
        self.url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        self.headers.append((name.lower(), value))


def check(asked: Asked, data: bytes) -> None:
    parsed = Parsed(data)
    assert parsed.rest == len(data), "it is a handshake, and nothing follows"
    assert (asked.method, asked.url) == (parsed.parser.get_method(), parsed.url)
    assert asked.version == parsed.parser.get_http_version()
    assert asked.headers == parsed.headers


@pytest.mark.parametrize("data", PLAIN)
def test_browsers_are_read(data: bytes) -> None:
    asked = read_plain(data)
    assert asked is not None
    assert asked.key is not None
    check(asked, data)


@given(
    base=st.sampled_from(PLAIN),
    changes=st.lists(
        st.tuples(st.floats(0, 1), st.integers(0, 3), st.sampled_from(PIECES)), min_size=1, max_size=3
    ),
)
@example(base=CHROMIUM, changes=[(1.0, 0, b"\x81")])
def test_what_is_read_is_read_alike(base: bytes, changes: list[tuple[float, int, bytes]]) -> None:
    """Something is put in the place of a few bytes, here and there."""
    data = base
    for place, gone, piece in changes:
        at = round(place * len(data))
        data = data[:at] + piece + data[at + gone :]
    asked = read_plain(data)
    if asked is not None:
        check(asked, data)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
        CHROMIUM[:-2],
        CHROMIUM + b"\x81\x80mask",
        CHROMIUM + CHROMIUM,
        CHROMIUM.replace(b"\r\n\r\n", b"\r\nX-A: " + b"a" * PLAIN_BYTES + b"\r\n\r\n"),
        CHROMIUM.replace(b"Pragma", b"Cookie"),
        CHROMIUM.replace(b"Pragma: no-cache", b"Content-Length: 3"),
        CHROMIUM.replace(b"no-cache\r\nC", b"no\r\ncache\r\nC"),
        CHROMIUM.replace(b"no-cache", b"no-cache\n", 1),
        CHROMIUM.replace(b"Pragma:", b"Pragma :"),
        CHROMIUM.replace(b"HTTP/1.1", b"HTTP/1.0"),
        CHROMIUM.replace(KEY.encode(), b"short"),
    ],
)
def test_what_is_not_plain_is_left_to_others(data: bytes) -> None:
    assert read_plain(data) is None


@pytest.fixture
async def service(tmp_path: Path) -> AsyncIterator[InProcess]:
    async with running(tmp_path, ALLOWED_ORIGINS="https://school.example") as service:
        yield service


@pytest.mark.parametrize("data", PLAIN)
async def test_both_ways_lead_to_a_socket(service: InProcess, data: bytes) -> None:
    whole, halves = service.arrive(), service.arrive()
    whole.protocol.data_received(data)
    halves.protocol.data_received(data[:50])
    assert isinstance(halves.protocol, BoundedHttpProtocol)
    halves.protocol.data_received(data[50:])
    for line in (whole, halves):
        assert b'"connected"' in line.out
        assert isinstance(line.protocol, SocketProtocol)
        assert line.writes == 1, "the answer and `connected` go together"
    assert whole.out.partition(b"\r\n\r\n")[0] == halves.out.partition(b"\r\n\r\n")[0]
    assert service.state.connections == {whole.protocol, halves.protocol}


async def test_both_ways_refuse_alike(service: InProcess) -> None:
    data = CHROMIUM.replace(b"https://school", b"https://elsewhere")
    whole, halves = service.arrive(), service.arrive()
    whole.protocol.data_received(data)
    halves.protocol.data_received(data[:50])
    halves.protocol.data_received(data[50:])
    assert whole.out.startswith(b"HTTP/1.1 403 ")
    assert whole.out == halves.out
    assert whole.closing
    await settle()
    assert service.state.connections == set()


async def test_a_refusal_that_is_not_read_is_not_kept(
    service: InProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(arrivals, "SILENCE", 0.05)
    ended = asyncio.Event()

    class Unread(Line):
        """What is written stays in the buffer."""

        def close(self) -> None:
            pass

        def abort(self) -> None:
            super().close()
            ended.set()

    line = service.arrive(Unread())
    line.protocol.data_received(CHROMIUM.replace(b"/ws", b"/elsewhere"))
    assert line.out.startswith(b"HTTP/1.1 404 ")
    async with asyncio.timeout(20):
        await ended.wait()


async def test_the_end_of_the_process_ends_those_who_are_silent(service: InProcess) -> None:
    line = service.arrive()
    line.protocol.shutdown()
    await settle()
    assert line.closing
    assert service.state.connections == set()
