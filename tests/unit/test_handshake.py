"""The opening handshake (RFC 6455, 4.2), against what the library makes of the same request."""

from __future__ import annotations

from typing import Final

from hypothesis import given
from hypothesis import strategies as st
from websockets.http11 import Request
from websockets.server import ServerProtocol

from signaling.contract.errors import ErrorCode, SignalingError
from signaling.web.handshake import Asked, answer, refusal

KEY: Final = b"dGhlIHNhbXBsZSBub25jZQ=="
NEEDED: Final = (
    (b"host", b"school.example"),
    (b"upgrade", b"websocket"),
    (b"connection", b"Upgrade"),
    (b"sec-websocket-key", KEY),
    (b"sec-websocket-version", b"13"),
)
VALUES: Final = {
    b"upgrade": (b"websocket", b"WebSocket", b"h2c", b"websocket, h2c", b" websocket", b""),
    b"connection": (b"Upgrade", b"keep-alive, Upgrade", b"upgrade,close", b"close", b"upgraded", b""),
    b"sec-websocket-key": (KEY, b"AAAAAAAAAAAAAAAAAAAAAA==", b"short", b"!" * 24, b"A" * 24, b"A" * 25, b""),
    b"sec-websocket-version": (b"13", b"8", b"13, 8", b"013", b""),
    b"origin": (b"https://school.example", b"null"),
    b"sec-websocket-extensions": (b"permessage-deflate; client_max_window_bits", b"x"),
    b"sec-websocket-protocol": (b"chat, superchat", b",;"),
    b"content-length": (b"0", b"3"),
    b"transfer-encoding": (b"chunked",),
    b"cookie": (b"c" * 9000, b"a=b"),
}

odd_headers = st.lists(
    st.sampled_from([(name, value) for name, values in VALUES.items() for value in values]), max_size=4
)


def asked(
    *headers: tuple[bytes, bytes], method: bytes = b"GET", version: str = "1.1", url: bytes = b"/ws"
) -> Asked:
    return Asked(method, url, version, headers)


def of_library(request: Asked) -> tuple[int, str | None]:
    """Status and key of the answer that the library gives."""
    library = ServerProtocol()
    head = b"%b %b HTTP/%b\r\n" % (request.method, request.url, request.version.encode())
    library.receive_data(head + b"".join(b"%b: %b\r\n" % header for header in request.headers) + b"\r\n")
    for event in library.events_received():
        assert isinstance(event, Request)
        response = library.accept(event)
        return response.status_code, response.headers.get("Sec-WebSocket-Accept")
    return 431, None


def read(reply: bytes) -> tuple[int, dict[str, str]]:
    head, _, _ = reply.partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    fields = (line.split(": ", 1) for line in lines)
    return int(first.split()[1]), {name.lower(): value for name, value in fields}


def test_the_example_of_the_rfc() -> None:
    """RFC 6455, 1.3."""
    accepted, reply = answer(asked(*NEEDED))
    assert accepted
    status, headers = read(reply)
    assert status == 101
    assert headers == {
        "upgrade": "websocket",
        "connection": "Upgrade",
        "sec-websocket-accept": "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=",
    }


@given(
    odd=odd_headers,
    left_out=st.sets(st.sampled_from([name for name, _ in NEEDED]), max_size=1),
    replace=st.booleans(),
    method=st.sampled_from([b"GET", b"GET", b"GET", b"POST"]),
    version=st.sampled_from(["1.1", "1.1", "1.1", "1.0"]),
)
def test_it_accepts_what_the_library_accepts(
    odd: list[tuple[bytes, bytes]], left_out: set[bytes], replace: bool, method: bytes, version: str
) -> None:
    names = {name for name, _ in odd} if replace else set()
    kept = [header for header in NEEDED if header[0] not in left_out | names]
    request = asked(*kept, *odd, method=method, version=version)
    accepted, reply = answer(request)
    status, headers = read(reply)
    expected, key = of_library(request)
    if status == 101 and expected == 431:
        # The library takes no header longer than 8 KiB; the HTTP parser's bound is the one that counts.
        assert any(len(value) > 8000 for _, value in odd)
        return
    assert (status, accepted) == (expected, expected == 101)
    assert headers.get("sec-websocket-accept") == key
    if not accepted:
        assert headers["connection"] == "close"


def test_the_first_of_several_headers_counts() -> None:
    request = asked((b"host", b"school.example"), (b"host", b"elsewhere.example"))
    assert request.header(b"host") == "school.example"
    assert request.header(b"origin") is None


def test_a_refusal_is_a_whole_answer_of_http() -> None:
    error = SignalingError(ErrorCode.SERVER_ERROR, "Too many connections", status=503, retry_after=5)
    reply = refusal(error, [(b"date", b"today")])
    status, headers = read(reply)
    body = reply.partition(b"\r\n\r\n")[2]
    assert status == 503
    assert headers["retry-after"] == "5"
    assert headers["date"] == "today"
    assert headers["connection"] == "close"
    assert int(headers["content-length"]) == len(body)
    assert body == b'{"detail":"Too many connections","code":"server_error"}'
