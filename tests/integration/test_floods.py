"""A flood is slowed by not reading from its socket; nothing is dropped, and nobody else notices (contract
5).
"""

from __future__ import annotations

import asyncio
import time

import pytest

from support.raw import BINARY, CONT, PING, PONG, TEXT, frame
from support.service import Serve, Service


async def test_a_flood_is_slowed_and_nothing_is_dropped(serve: Serve) -> None:
    """Contract 5: three times the burst arrives whole and in order, at the allowed rate; the keepalive does
    not end it.
    """
    async with serve(
        FRAMES_PER_SECOND="40", BURST_FRAMES="40", PING_INTERVAL_SECONDS="1", PING_TIMEOUT_SECONDS="1"
    ) as service:
        code = await service.room()
        flooder, receiver = await service.couple(code)
        began = time.monotonic()
        for number in range(120):
            await flooder.send(
                "ice_candidate", {"to": receiver.socket_id, "candidate": {"candidate": str(number)}}
            )
        # Others are served at once meanwhile, also by sockets of the same room.
        await receiver.settle()
        assert len(receiver.of_type("ice_candidate")) < 120
        await receiver.reaches(lambda frames: sum(f["type"] == "ice_candidate" for f in frames) == 120)
        numbers = [int(f["payload"]["candidate"]["candidate"]) for f in receiver.of_type("ice_candidate")]
        assert numbers == list(range(120))
        # 120 frames and the join, 40 of them at once, the others 40 a second.
        assert time.monotonic() - began > 1.5
        await flooder.settle()
        assert (await service.view(code))["participant_count"] == 2


@pytest.mark.parametrize(
    "flood",
    [
        frame(b"", PING),
        frame(b"", PONG),
        frame(b'{"type": "ping"}', TEXT, fin=False) + frame(b"", CONT, fin=False) * 900 + frame(b"", CONT),
        frame(b'{"type": "ping"}'),
        frame(b"\x00", BINARY) * 5 + frame(b'{"type": "ping"}'),
    ],
    ids=["pings", "pongs", "fragments", "messages", "binary"],
)
async def test_tiny_frames_do_not_hold_up_the_others(service: Service, flood: bytes) -> None:
    """Contract 5: whatever the frames are, the others are served in time: an event loop has to be shared."""
    code = await service.room()
    first, second = await service.couple(code)
    peer = await service.raw_joined(code)
    loop = asyncio.get_running_loop()

    async def read_all() -> None:
        while await loop.sock_recv(peer.socket, 1 << 20):
            pass

    tasks = [
        asyncio.create_task(read_all()),
        # Past the checks of the wire: to look at a million frames would hold up this very process.
        asyncio.create_task(loop.sock_sendall(peer.socket, flood * (4_000_000 // len(flood)))),
    ]
    longest = 0.0
    ends = time.monotonic() + 1
    while time.monotonic() < ends:
        began = time.monotonic()
        await first.send("ice_candidate", {"to": second.socket_id, "candidate": None})
        await second.until("ice_candidate")
        longest = max(longest, time.monotonic() - began)
        await asyncio.sleep(0)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    # The loop was held for 4 s and more where all that was read of such frames was parsed at once.
    assert longest < 2.5


@pytest.mark.odd_frames("client")
async def test_a_flood_behind_the_close_frame(service: Service) -> None:
    """Contract 5: who is being closed has no more right to flood than others."""
    peer = await service.raw()
    await peer.send(frame(b"no") * 10)
    assert await peer.close_frame() == 4501
    loop = asyncio.get_running_loop()
    flooding = asyncio.create_task(loop.sock_sendall(peer.socket, frame(b"", PING) * 300_000))
    other = await service.connect()
    for _ in range(10):
        began = time.monotonic()
        await other.settle()
        assert time.monotonic() - began < 2
    await asyncio.gather(flooding, return_exceptions=True)
    await peer.end_of_line()
