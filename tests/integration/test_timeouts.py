"""Sockets that do nothing: not joining, not answering pings."""

from __future__ import annotations

from support.raw import PING, PONG
from support.service import Serve, Service


async def test_join_timeout(serve: Serve) -> None:
    """Contract 5: join within JOIN_TIMEOUT_SECONDS of connecting, or of leaving; else 4502. A member has no
    such limit.
    """
    async with serve(JOIN_TIMEOUT_SECONDS="1") as service:
        code = await service.room()
        idle = await service.connect()
        assert idle.frames[0]["payload"]["join_timeout_seconds"] == 1
        member = await service.joined(code)
        left = await service.joined(code)
        await left.send("leave")
        await left.expect("room_left")
        # Nor does talking help, or trying.
        talker = await service.connect()
        await talker.send("join", {"room_code": "zzzzzz"})
        await talker.send("ping")
        assert await idle.closed() == 4502
        assert await left.closed() == 4502
        assert await talker.closed() == 4502
        await member.settle()
        assert not member.of_type("room_left")


async def test_who_never_answers_pings_has_lost_its_line(serve: Serve) -> None:
    """Contract 4: a peer that vanished without a FIN is noticed by the keepalive: connection_lost."""
    async with serve(
        PING_INTERVAL_SECONDS="1", PING_TIMEOUT_SECONDS="1", RECONNECT_GRACE_SECONDS="1"
    ) as service:
        code = await service.room()
        first = await service.joined(code)
        silent = await service.raw_joined(code)
        await first.expect("participant_joined")
        await first.told_of_loss(silent.socket_id)
        # The client library of the first answers pings by itself, and nothing else was sent by it.
        await first.settle()
        await service.seats(code, 1)


async def test_who_answers_pings_stays(serve: Serve) -> None:
    """Contract 4: answers keep the line, and so does anything else that is sent."""
    async with serve(PING_INTERVAL_SECONDS="1", PING_TIMEOUT_SECONDS="1") as service:
        code = await service.room()
        answering = await service.raw_joined(code)
        for _ in range(4):
            opcode, payload = await answering.read_frame()
            if opcode == PING:
                await answering.send_frame(payload, PONG)
        await service.seats(code, 1)


async def test_stale_pongs_do_no_harm(service: Service) -> None:
    """RFC 6455, 5.5.3: unasked pongs are ignored."""
    peer = await service.raw()
    for payload in (b"", b"x" * 125):
        await peer.send_frame(payload, PONG)
    await peer.send_json({"type": "ping"})
    assert (await peer.message())["type"] == "pong"
