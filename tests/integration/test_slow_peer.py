"""A peer that does not read: it alone is closed, with a bound on what waits for it (contract 5)."""

from __future__ import annotations

import asyncio
import contextlib
import time

from support.raw import CLOSE, PING, close_code, frame
from support.service import Serve, Service

SDP = "x" * 60_000


async def overfill(service: Service, code: str) -> tuple[float, str]:
    """Send to a peer that never reads until it is dropped; the longest wait of its room mates meanwhile, and
    its id.
    """
    sender = await service.joined(code)
    mate = await service.joined(code)
    deaf = await service.raw_joined(code, receive_buffer=4096)
    await sender.until(lambda frame: frame["payload"].get("socket_id") == deaf.socket_id)
    longest = 0.0
    offer = {"to": deaf.socket_id, "description": {"type": "offer", "sdp": SDP}}
    for _ in range(400):
        await sender.send("offer", offer)
        began = time.monotonic()
        await sender.send("ice_candidate", {"to": mate.socket_id, "candidate": None})
        await mate.until("ice_candidate")
        longest = max(longest, time.monotonic() - began)
        if sender.of_type("participant_reconnecting"):
            break
    for witness in (sender, mate):
        await witness.reaches(
            lambda frames: any(frame["type"] == "participant_reconnecting" for frame in frames)
        )
        (lost,) = witness.of_type("participant_reconnecting")
        assert lost["payload"] == {"socket_id": deaf.socket_id}
    return longest, deaf.socket_id


async def test_one_slow_peer_never_slows_another(serve: Serve) -> None:
    """Contract 5: outbound queue 1 MiB, then 4003; room mates go on, it has lost its line, memory stays
    bounded.
    """
    async with serve() as service:
        code = await service.room()
        longest, _ = await overfill(service, code)
        # A generous bound: what it must not be is the 5 s that the deaf peer has to answer the close frame.
        assert longest < 3
        before = service.resident()
        await overfill(service, code)
        assert service.resident() - before < 30_000_000
        await service.healthy()


async def test_slow_peer_that_reads_at_last_learns_why(serve: Serve) -> None:
    """Contract 3: 4003 slow_consumer comes after what was sent before it."""
    async with serve(OUTBOX_BYTES="131072") as service:
        code = await service.room()
        sender = await service.joined(code)
        slow = await service.raw_joined(code, receive_buffer=4096)
        await sender.expect("participant_joined")
        for _ in range(150):
            await sender.send("offer", {"to": slow.socket_id, "description": {"type": "offer", "sdp": SDP}})
        await sender.settle()
        received = 0
        while True:
            opcode, payload = await slow.read_frame()
            if opcode == CLOSE:
                assert close_code(payload) == 4003
                break
            received += 1
        assert 0 < received < 150
        await sender.reaches(
            lambda frames: (
                {
                    "type": "participant_reconnecting",
                    "payload": {"socket_id": slow.socket_id},
                }
                in frames
            )
        )
        # What is said of it is what happened: the log and the figures have the code, too.
        closing = [entry for entry in service.server.log if entry.get("event") == "socket_closed"]
        assert [entry["close_code"] for entry in closing] == [4003]


async def test_pings_of_a_peer_with_much_to_read(service: Service) -> None:
    """Contract 5: what waits may be 1 MiB; a peer within it may ping, and is answered when it reads."""
    code = await service.room()
    sender = await service.joined(code)
    slow = await service.raw_joined(code, receive_buffer=4096)
    await sender.expect("participant_joined")
    # Far more than the system's own buffers take, far less than 1 MiB beyond them.
    count = 50
    for _ in range(count):
        await sender.send("offer", {"to": slow.socket_id, "description": {"type": "offer", "sdp": SDP}})
    await sender.settle()
    for number in range(1000):
        await slow.send(frame(b"%d" % number, PING))
    await sender.settle()
    offers, last_pong = 0, b""
    while offers < count or last_pong != b"999":
        opcode, payload = await slow.read_frame()
        assert opcode != CLOSE, close_code(payload)
        if opcode == 1:
            offers += 1
        else:
            last_pong = payload
    await slow.send_json({"type": "ping"})
    assert (await slow.message())["type"] == "pong"


async def test_who_asks_and_never_reads(serve: Serve) -> None:
    """Contract 5: answers count as well: a flood of pings whose pongs are not read closes its sender."""
    async with serve(OUTBOX_BYTES="131072", FRAMES_PER_SECOND="1000000", BURST_FRAMES="1000000") as service:
        code = await service.room()
        first = await service.joined(code)
        deaf = await service.raw_joined(code, receive_buffer=4096)
        await first.expect("participant_joined")
        questions = frame(b'{"type": "ping", "request_id": "%s"}' % (b"r" * 64)) * 400

        async def flood() -> None:
            with contextlib.suppress(ConnectionError, TimeoutError):
                while True:
                    await deaf.send(questions)

        flooding = asyncio.create_task(flood())
        lost = await first.until("participant_reconnecting", deadline=60)
        assert lost["payload"] == {"socket_id": deaf.socket_id}
        flooding.cancel()
        await asyncio.gather(flooding, return_exceptions=True)
