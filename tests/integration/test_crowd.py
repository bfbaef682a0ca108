"""A few thousand sockets come, join and go, and the service is as it was."""

from __future__ import annotations

import resource

from support.service import Serve, Service, eventually

SOCKETS = 1500
ROOM = 30


async def test_a_crowd_comes_and_goes(serve: Serve) -> None:
    """Contract 5: sockets cost memory only while they are there; all are counted out again."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(hard, 4 * SOCKETS)), hard))
    async with serve(RECONNECT_GRACE_SECONDS="1") as service:
        await crowd(service, 300)
        before = service.resident()
        await crowd(service, SOCKETS)
        assert service.resident() - before < 60_000_000
        await service.healthy()


async def crowd(service: Service, count: int) -> None:
    """So many sockets open, join rooms of thirty, half of them by leaving first, and go."""
    codes = [await service.room(max_participants=ROOM) for _ in range(count // ROOM)]
    peers = []
    for number in range(count):
        peer = await service.raw()
        await peer.send_json({"type": "join", "payload": {"room_code": codes[number // ROOM]}})
        peers.append(peer)
    for peer in peers:
        assert (await peer.message())["type"] == "room_joined"
    health = (await service.rest.get("/health")).json()
    assert health["metrics"]["active_websocket_connections"] == count
    for code in codes:
        await service.seats(code, ROOM)
    for number, peer in enumerate(peers):
        if number % 2:
            await peer.send_json({"type": "leave"})
        peer.close()

    async def gone() -> bool:
        metrics = (await service.rest.get("/health")).json()["metrics"]
        return bool(metrics["active_websocket_connections"] == 0)

    await eventually(gone, "all sockets gone", 60)
    for code in codes:
        await service.seats(code, 0, deadline=60)
