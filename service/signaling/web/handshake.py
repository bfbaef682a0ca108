"""The opening handshake of a WebSocket (RFC 6455, 4.2): what makes a request one, and the answers to it.

What browsers and libraries send is read and told by its headers here. Whatever looks unusual is read by the
HTTP parser, and judged by the `websockets` library, which also words the refusal.
"""

from __future__ import annotations

import binascii
import http
import re
from collections.abc import Iterable, Sequence
from typing import Final

import msgspec
from msgspec import Struct
from websockets.http11 import Request
from websockets.server import ServerProtocol
from websockets.utils import accept_key

from signaling.contract.errors import SignalingError
from signaling.contract.rest import ErrorBody

PLAIN_BYTES: Final = 4096
"""The longest that is read here: an HTTP parser is quicker with what is long, or wrong at its end."""

_HEADER: Final = rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+: ?(?! )[ -~]*(?<! )\r\n"
"""As everybody writes it: a token (RFC 9110, 5.6.2), and a value in ASCII with nothing around it."""

_plain: Final = re.compile(
    rb"GET (/[\-/._~%?&=+,:@0-9A-Za-z]*) HTTP/1\.1\r\n((?:" + _HEADER + rb")+)\r\n"
).fullmatch
_headers: Final = re.compile(rb"([^:]+): ?([^\r]*)\r\n").findall

Headers = Sequence[tuple[bytes, bytes]]
"""Names in lower case."""

_KEY_BYTES: Final = 16
_KEY_LENGTH: Final = 24
"""Characters of so many bytes in base64."""

_ACCEPTED: Final = (
    b"HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: Upgrade\r\nsec-websocket-accept: "
)


class Asked(Struct, frozen=True):
    """A request to open a WebSocket."""

    method: bytes
    url: bytes
    version: str
    headers: Headers
    key: str | None = None
    """Where it is known already that there is nothing unusual about it."""

    def header(self, name: bytes) -> str | None:
        """The first header of this name."""
        for other, value in self.headers:
            if other == name:
                return value.decode("latin-1")
        return None


def answer(asked: Asked) -> tuple[bool, bytes]:
    """The answer to a handshake, and whether it accepts."""
    key = asked.key or _key(asked)
    if key is None:
        return _answer_of_library(asked)
    return True, _ACCEPTED + accept_key(key).encode() + b"\r\n\r\n"


def refusal(error: SignalingError, headers: Iterable[tuple[bytes, bytes]] = ()) -> bytes:
    """An HTTP error instead, after which the line ends. ``headers`` are added."""
    body = msgspec.json.encode(ErrorBody(detail=error.detail, code=error.code))
    lines = [
        *headers,
        (b"content-type", b"application/json"),
        (b"content-length", b"%d" % len(body)),
        (b"x-content-type-options", b"nosniff"),
        (b"connection", b"close"),
    ]
    if error.retry_after is not None:
        lines.append((b"retry-after", b"%d" % round(error.retry_after)))
    return _head(error.status or 500) + b"".join(b"%b: %b\r\n" % line for line in lines) + b"\r\n" + body


def _head(status: int) -> bytes:
    return f"HTTP/1.1 {status} {http.HTTPStatus(status).phrase}\r\n".encode()


def read_plain(data: bytes) -> Asked | None:
    """The handshake that these bytes are and nothing else, as everybody writes it; None: look closer.

    What is read here, an HTTP parser reads alike.
    """
    request = _plain(data) if len(data) <= PLAIN_BYTES else None
    if request is None:
        return None
    headers = [(name.lower(), value) for name, value in _headers(request[2])]
    found = dict(headers)
    if len(found) != len(headers) or _UNUSUAL & found.keys():
        return None
    key = _plain_key(found)
    return None if key is None else Asked(b"GET", request[1], "1.1", headers, key)


def _key(asked: Asked) -> str | None:
    """The key of a request that has all it needs, each once and as everybody writes it; None: look closer."""
    if asked.method != b"GET" or asked.version != "1.1":
        return None
    found: dict[bytes, bytes] = {}
    for name, value in asked.headers:
        if name in _ONCE:
            if name in found:
                return None
            found[name] = value
        elif name in _UNUSUAL:
            return None
    return _plain_key(found)


def _plain_key(headers: dict[bytes, bytes]) -> str | None:
    if not headers.keys() >= _NEEDED or headers[b"sec-websocket-version"] != b"13":
        return None
    if headers[b"upgrade"].lower() != b"websocket":
        return None
    options = headers[b"connection"].lower()
    if options != b"upgrade" and b"upgrade" not in [option.strip() for option in options.split(b",")]:
        return None
    key = headers[b"sec-websocket-key"]
    try:
        if len(key) != _KEY_LENGTH or len(binascii.a2b_base64(key, strict_mode=True)) != _KEY_BYTES:
            return None
    except binascii.Error:
        return None
    return key.decode()


_NEEDED: Final = frozenset((b"upgrade", b"connection", b"sec-websocket-key", b"sec-websocket-version"))
_ONCE: Final = _NEEDED | {b"origin"}
_UNUSUAL: Final = frozenset((b"content-length", b"transfer-encoding", b"sec-websocket-protocol"))
"""Rare in a handshake, and wrong there in many ways."""


def _answer_of_library(asked: Asked) -> tuple[bool, bytes]:
    library = ServerProtocol()
    request = b"%b %b HTTP/%b\r\n" % (asked.method, asked.url, asked.version.encode())
    library.receive_data(request + b"".join(b"%b: %b\r\n" % header for header in asked.headers) + b"\r\n")
    for event in library.events_received():
        assert isinstance(event, Request)
        response = library.accept(event)
        library.send_response(response)
        return response.status_code == http.HTTPStatus.SWITCHING_PROTOCOLS, b"".join(library.data_to_send())
    # The HTTP parser let it pass, the library did not: too long a header, too many of them, a body.
    return False, _head(431) + b"content-length: 0\r\nconnection: close\r\n\r\n"
