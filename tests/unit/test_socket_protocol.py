"""How a socket ends, from the bytes up (RFC 6455, 5.5.1 and 7.1)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bench.dialects import Guide
from bench.frames import masked
from signaling.realtime.session import Session
from signaling.web import socket_protocol
from support.in_process import InProcess, Peer, running, settle, until
from support.raw import CLOSE, CONT, PING, TEXT, frame


@pytest.fixture
async def service(tmp_path: Path) -> AsyncIterator[InProcess]:
    async with running(tmp_path, PING_INTERVAL_SECONDS="3600", LOG_LEVEL="ERROR") as service:
        yield service


def session(service: InProcess, peer: Peer) -> Session:
    return next(one for one in service.node.gateway._sessions if one.socket_id == peer.id)


async def pair(service: InProcess) -> tuple[Peer, Peer]:
    code = await service.room()
    peers = await service.seat(code), await service.seat(code)
    for peer in peers:
        peer.frames()
    return peers


def candidate(sender: Peer, receiver: Peer) -> bytes:
    return Guide().relay("ice_candidate", sender.id, receiver.id, 300)[0]


async def test_what_is_said_until_the_goodbye_is_heard_is_passed_on(service: InProcess) -> None:
    """Contract 4: a node that stops loses no frame. What the peer sends first may cross the close frame."""
    sender, receiver = await pair(service)
    message = candidate(sender, receiver)
    before, after = masked(message), frame(message[:9], TEXT, fin=False)
    sender.feed(before + before[:50])
    session(service, sender).say_goodbye()
    assert [opcode for opcode, _ in sender.frames()] == [CLOSE]
    sender.feed(before[50:] + before + after)
    # No answer to a ping goes after a close frame.
    sender.feed(frame(b"there?", PING) + frame(message[9:], CONT) + frame((4001).to_bytes(2, "big"), CLOSE))
    await until(lambda: b'"participant_reconnecting"' in receiver.line.out, "the end of the line")
    told = [one["type"] for one in receiver.messages()]
    assert told == ["ice_candidate"] * 4 + ["participant_reconnecting"]
    assert sender.frames() == []


async def test_after_any_other_close_nothing_is_passed_on(service: InProcess) -> None:
    sender, receiver = await pair(service)
    session(service, sender).failed()
    sender.feed(masked(candidate(sender, receiver)))
    await settle()
    assert "ice_candidate" not in [one["type"] for one in receiver.messages()]


async def test_a_peer_that_says_no_more_and_does_not_read_is_not_waited_for(
    service: InProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The transport closes only when all is written, which may be never."""
    monkeypatch.setattr(socket_protocol, "CLOSE_TIMEOUT", 0.01)
    sender, receiver = await pair(service)
    monkeypatch.setattr(receiver.line, "close", lambda: setattr(receiver.line, "closing", True))
    monkeypatch.setattr(receiver.line, "abort", receiver.line._lost)
    receiver.protocol.eof_received()
    # As transports do when a protocol says nothing to it.
    receiver.line.close()
    await until(lambda: b'"participant_reconnecting"' in sender.line.out, "the end of the line")
    assert sender.messages()[0]["payload"] == {"socket_id": receiver.id}


async def test_no_ping_goes_after_a_close_frame(service: InProcess, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is written before a ping may be too much for a peer that does not read."""
    _, receiver = await pair(service)
    session(service, receiver).send(b"waits for the end of the turn")
    monkeypatch.setattr(receiver.line, "get_write_buffer_size", lambda: 1 << 30)
    receiver.protocol.ping()
    ((opcode, payload),) = receiver.frames()
    assert (opcode, payload[:2]) == (CLOSE, (4003).to_bytes(2, "big"))
