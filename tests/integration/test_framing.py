"""Frames as no browser sends them: RFC 6455 broken, fragments, floods of control frames. They harm their
sender only.
"""

from __future__ import annotations

import json

import pytest

from support.raw import BINARY, CLOSE, CONT, PING, PONG, TEXT, frame
from support.service import Service

PING_MESSAGE = b'{"type": "ping"}'
LIMIT = 65_536


def padded(size: int, **fields: str) -> bytes:
    """A ping message of exactly so many bytes."""
    empty = len(json.dumps({"type": "ping", "x": "", **fields}))
    return json.dumps({"type": "ping", "x": "x" * (size - empty), **fields}).encode()


def offer_to(socket_id: str, sdp: bytes) -> bytes:
    head = (
        b'{"type": "offer", "payload": {"to": "%s", "description": {"type": "offer", "sdp": "'
        % socket_id.encode()
    )
    return head + sdp + b'"}}}'


@pytest.mark.odd_frames("client")
@pytest.mark.parametrize(
    "bad", [b"\xff", b"\xc3\x28", b"\xed\xa0\x80", b"\xf8\x88\x80\x80\x80", b"caf\xe9", b"\xe2\x82"]
)
async def test_bad_utf8(service: Service, bad: bytes) -> None:
    """RFC 6455, 8.1: text that is not UTF-8 closes its sender with 1007; the receiver never gets it."""
    code = await service.room()
    first = await service.joined(code)
    peer = await service.raw_joined(code)
    await first.expect("participant_joined")
    await peer.send_frame(offer_to(first.socket_id, bad))
    assert await peer.close_frame() == 1007
    await peer.end_of_line(deadline=2)
    await first.told_of_loss(peer.socket_id)


async def test_a_character_split_over_fragments(service: Service) -> None:
    """RFC 6455, 5.6: a code point may be split over fragments; only the whole must be UTF-8."""
    code = await service.room()
    first = await service.joined(code)
    peer = await service.raw_joined(code)
    await first.expect("participant_joined")
    whole = offer_to(first.socket_id, "grüße 😀".encode())
    for position, byte in enumerate(whole):
        await peer.send_frame(bytes([byte]), TEXT if position == 0 else CONT, fin=position == len(whole) - 1)
    got = await first.expect("offer")
    assert got["payload"]["description"]["sdp"] == "grüße 😀"


@pytest.mark.odd_frames("client")
async def test_binary_frames(service: Service) -> None:
    """Contract 2: frames are text. A binary one is a bad frame like any other, counted like any other."""
    client = await service.connect()
    await client.send_raw(PING_MESSAGE)
    error = await client.expect_error("invalid_json")
    assert "text" in error["payload"]["message"]
    await client.settle()
    for number in range(10):
        await client.send_raw(b"\x00" if number % 2 else "no")
    assert await client.closed() == 4501


@pytest.mark.odd_frames("client")
async def test_binary_frames_keep_their_place(service: Service) -> None:
    """Contract 3: each frame is answered in its turn, also when a join before it is still being decided."""
    code = await service.room()
    client = await service.connect()
    await client.send("join", {"room_code": code})
    for _ in range(9):
        await client.send_raw(b"\x00")
    await client.send("ping")
    for _ in range(9):
        await client.send_raw(b"\x00")
    await client.settle()
    kinds = [frame["type"] for frame in client.frames]
    assert kinds == ["connected", "room_joined", *["error"] * 9, "pong", *["error"] * 9, "pong"]


@pytest.mark.odd_frames("client")
async def test_an_empty_frame(service: Service) -> None:
    """Contract 3: an empty text frame is no JSON."""
    client = await service.connect()
    await client.send_raw("")
    await client.expect_error("invalid_json")
    await client.settle()


async def test_fragments_are_joined(service: Service) -> None:
    """RFC 6455, 5.4: fragments, with control frames between them and empty ones among them, make one
    message.
    """
    peer = await service.raw()
    await peer.send_frame(b"", TEXT, fin=False)
    await peer.send_frame(PING_MESSAGE[:5], CONT, fin=False)
    await peer.send_frame(b"now", PING)
    await peer.send_frame(b"", CONT, fin=False)
    await peer.send_frame(b"unasked", PONG)
    await peer.send_frame(PING_MESSAGE[5:], CONT, fin=False)
    await peer.send_frame(b"", CONT, fin=True)
    assert await peer.read_frame() == (PONG, b"now")
    assert (await peer.message())["type"] == "pong"


async def test_as_large_as_allowed(service: Service) -> None:
    """Contract 5: 64 KiB is allowed, in one frame or in fragments."""
    peer = await service.raw()
    whole = padded(LIMIT, request_id="full")
    assert len(whole) == LIMIT
    await peer.send_frame(whole)
    assert (await peer.message())["request_id"] == "full"
    await peer.send_frame(whole[:1000], TEXT, fin=False)
    await peer.send_frame(whole[1000:], CONT)
    assert (await peer.message())["request_id"] == "full"


@pytest.mark.parametrize("excess", [1, 10_000, 10_000_000])
async def test_too_large_a_frame(service: Service, excess: int) -> None:
    """Contract 3: a frame over the size limit closes with the standard 1009, which its sender can read."""
    client = await service.connect()
    with pytest.raises(Exception, match="1009"):  # noqa: PT012 - either call may be the one that sees the end
        await client.send_raw(padded(LIMIT + excess).decode())
        await client.socket.wait_closed()
        await client.socket.send("")
    assert await client.closed() == 1009


async def test_too_large_in_fragments(service: Service) -> None:
    """Contract 3: the limit holds over all fragments of a message."""
    peer = await service.raw()
    await peer.send_frame(b"[" * 40_000, TEXT, fin=False)
    await peer.send_frame(b"[" * 40_000, CONT, fin=False)
    assert await peer.close_frame() == 1009


async def test_a_length_that_is_only_claimed(service: Service) -> None:
    """Contract 5: a frame that claims gigabytes is refused by its header; nothing is kept for it."""
    peer = await service.raw()
    await peer.send(frame(b"x", claim=1 << 40))
    assert await peer.close_frame() == 1009
    await peer.end_of_line(deadline=7)


async def test_too_many_fragments(service: Service) -> None:
    """Contract 5: empty fragments add nothing to the size, so their number is bounded: 1009."""
    peer = await service.raw()
    await peer.send(frame(b"", TEXT, fin=False) + frame(b"", CONT, fin=False) * 3000)
    assert await peer.close_frame() == 1009


@pytest.mark.odd_frames("client")
@pytest.mark.parametrize(
    ("data", "code"),
    [
        (frame(b"x", CONT), 1002),
        (frame(b"x", TEXT, fin=False) + frame(b"y", TEXT), 1002),
        (frame(b"x", 0x3), 1002),
        (frame(b"x", 0xB), 1002),
        (frame(b"x", rsv=4), 1002),
        (frame(b"x" * 126, PING), 1002),
        (frame(b"x", PING, fin=False), 1002),
        (frame(b"x", TEXT, masked=False), 1002),
        (frame(b"x", CLOSE), 1002),
        (frame(b"\x03\xe7", CLOSE), 1002),
        (frame(b"\x03\xee", CLOSE), 1002),
        (frame(b"\x03\xe8\xff", CLOSE), 1007),
        (b"\x81\xff\xff\xff\xff\xff\xff\xff\xff\xff", 1002),
        (b"GET / HTTP/1.1\r\n\r\n", 1002),
    ],
)
async def test_what_breaks_the_protocol(service: Service, data: bytes, code: int) -> None:
    """RFC 6455, 7.1.7: the connection is failed with 1002 (1007 for text that is none)."""
    peer = await service.raw()
    await peer.send(data)
    assert await peer.close_frame() in {code, 1009}
    await peer.end_of_line(deadline=7)


@pytest.mark.odd_frames("client")
async def test_what_breaks_the_protocol_right_behind_the_handshake(service: Service) -> None:
    """RFC 6455, 4.1: a client must wait for the handshake. One that does not is cut off, without an error in
    the log.
    """
    for data in (
        frame(b"\xff"),
        frame(b"x", 0x3),
        frame(b"x", claim=1 << 40),
        frame(b"", CLOSE),
        frame(b"ok") * 50,
    ):
        peer = await service.tcp()
        head = (
            "GET /ws HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
        )
        await peer.send(head.encode() + data)
        await peer.send(data)
        peer.half_close()
        await peer.end_of_line()
    await service.healthy()


async def test_pings_are_answered(service: Service) -> None:
    """RFC 6455, 5.5.2: a ping is answered with a pong of the same payload."""
    peer = await service.raw()
    await peer.send_frame(b"", PING)
    assert await peer.read_frame() == (PONG, b"")
    await peer.send_frame(b"p" * 125, PING)
    assert await peer.read_frame() == (PONG, b"p" * 125)


async def test_every_message_after_the_close_frame_is_ignored(service: Service) -> None:
    """RFC 6455, 5.5.1: after a close frame nothing counts."""
    code = await service.room()
    first = await service.joined(code)
    peer = await service.raw_joined(code)
    await first.expect("participant_joined")
    await peer.send(frame(b"\x03\xe8", CLOSE) + frame(offer_to(first.socket_id, b"late")))
    assert await peer.close_frame() == 1000
    assert (await first.expect("participant_left"))["payload"]["reason"] == "left"
    await first.settle()
    assert not first.of_type("offer")


@pytest.mark.odd_frames("client")
async def test_binary_in_fragments(service: Service) -> None:
    """Contract 2: a fragmented binary message is one bad frame."""
    peer = await service.raw()
    await peer.send(frame(b"\x00", BINARY, fin=False) + frame(b"\x00", CONT) + frame(PING_MESSAGE))
    assert (await peer.message())["payload"]["code"] == "invalid_json"
    assert (await peer.message())["type"] == "pong"
