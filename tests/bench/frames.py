"""What is sent: WebSocket frames of an exact size, as a browser would send them."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from typing import Any, Final

ICE_BYTES: Final = 295
"""The text of a candidate's frame as browsers make it: a server-reflexive one."""

SDP_BYTES: Final = 4096
"""The text of an offer's frame: audio and video with a usual set of codecs."""

_LENGTH_16: Final = 126
_LENGTH_64: Final = 127

KEY: Final = "dGhlIHNhbXBsZSBub25jZQ=="
ACCEPT: Final = b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
"""Of the example in RFC 6455, 1.3: a benchmark needs no secret of its own for every handshake."""


def upgrade(path: str, port: int) -> bytes:
    """The request that makes a WebSocket of a connection. It offers no compression."""
    return (
        f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        f"Sec-WebSocket-Key: {KEY}\r\nSec-WebSocket-Version: 13\r\n\r\n"
    ).encode()


def masked(payload: bytes, opcode: int = 1) -> bytes:
    """A whole frame of a client (RFC 6455, 5.2 and 5.3)."""
    size = len(payload)
    if size < _LENGTH_16:
        head = bytes((0x80 | opcode, 0x80 | size))
    elif size < 1 << 16:
        head = bytes((0x80 | opcode, 0x80 | _LENGTH_16)) + size.to_bytes(2, "big")
    else:
        head = bytes((0x80 | opcode, 0x80 | _LENGTH_64)) + size.to_bytes(8, "big")
    mask = os.urandom(4)
    wide = int.from_bytes((mask * (size // 4 + 1))[:size], "big")
    return head + mask + (int.from_bytes(payload, "big") ^ wide).to_bytes(size, "big")


def unpack(buffer: bytes, at: int) -> tuple[int, bytes, int] | None:
    """The server's frame at ``at``: its opcode, its payload, and where the next begins; None if not whole."""
    if len(buffer) - at < 2:
        return None
    size, start = buffer[at + 1], at + 2
    if size == _LENGTH_16:
        size, start = int.from_bytes(buffer[at + 2 : at + 4], "big"), at + 4
    elif size == _LENGTH_64:
        size, start = int.from_bytes(buffer[at + 2 : at + 10], "big"), at + 10
    end = start + size
    if len(buffer) < end:
        return None
    return buffer[at] & 15, buffer[start:end], end


def compact(value: object) -> bytes:
    """JSON as `JSON.stringify` writes it."""
    return json.dumps(value, separators=(",", ":")).encode()


def candidate(padding: int = 0) -> dict[str, Any]:
    """An RTCIceCandidateInit, so many bytes longer than it need be."""
    line = "candidate:842163049 1 udp 1677729535 203.0.113.7 46154 typ srflx raddr 192.0.2.20 rport 46154"
    return {
        "candidate": f"{line} generation 0 ufrag {'4' * padding}ZcD network-cost 999",
        "sdpMid": "0",
        "sdpMLineIndex": 0,
    }


def description(kind: str, padding: int = 0) -> dict[str, Any]:
    """An RTCSessionDescriptionInit, so many bytes longer than it need be."""
    lines = [
        *("v=0", "o=- 4611731400430051336 2 IN IP4 127.0.0.1", "s=-", "t=0 0", "a=group:BUNDLE 0 1"),
        *("m=audio 9 UDP/TLS/RTP/SAVPF 111 63 9 0 8 13 110 126", "c=IN IP4 0.0.0.0"),
        *("a=ice-ufrag:4ZcD", "a=ice-pwd:2/1muCWoOi3uLifh0NuRHlWx", "a=setup:actpass", "a=mid:0"),
        *(f"a=rtpmap:{number} VP8/90000" for number in range(96, 120)),
        *(f"a=rtcp-fb:{number} nack pli" for number in range(96, 120)),
        *(f"a=fmtp:{number} level-asymmetry-allowed=1;packetization-mode=1" for number in range(96, 110)),
        f"a=x-padding:{'-' * padding}",
    ]
    return {"type": kind, "sdp": "\r\n".join(lines) + "\r\n"}


def of_size(size: int, make: Callable[[int], bytes]) -> bytes:
    """What ``make`` gives for the padding with which it has this size."""
    bare = len(make(0))
    if bare > size:
        raise ValueError(f"cannot be {size} bytes: it has {bare} without padding")
    return make(size - bare)
