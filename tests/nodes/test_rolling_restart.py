"""A new version is deployed in the middle of a lesson."""

from __future__ import annotations

import asyncio
import random

from support.deployment import Deployment, nothing_missing
from support.redis_server import RedisServer
from support.seat import Seat


async def test_a_rolling_restart_under_load_drops_no_call_and_loses_no_frame(redis: RedisServer) -> None:
    """Contract 4: each of three nodes is replaced in turn; clients are told to reconnect (4001), and do."""
    async with Deployment(redis.url, DRAIN_SECONDS="8", RECONNECT_GRACE_SECONDS="20") as deployment:
        former = await deployment.start_all(3)
        code = await former[0].room()
        participants = await deployment.take_part(code, former * 3, random.Random(5))
        for participant in participants:
            participant.speak()
        starting = asyncio.create_task(deployment.start_all(2))
        for number, node in enumerate(former):
            if number == 1:
                await starting
            assert await deployment.stop(node) == 0
            assert not [line for line in node.server.lines if "drain_incomplete" in line]
        # The last one's port is the one that clients know.
        await deployment.start(PORT=str(former[-1].server.port))
        for participant in participants:
            await participant.hush()
        await deployment.agree(code, participants)
        await nothing_missing(participants)
        for participant in participants:
            assert participant.closes
            assert set(participant.closes) == {4001}
            assert all(participant.recovered)
            assert not participant.refused
            assert not participant.errors
            assert "participant_left" not in {kind for kind, _ in participant.view.told}


async def test_seats_outlive_a_restart_of_the_only_node(redis: RedisServer) -> None:
    """It has nobody to wait for, and must not spend the time in which its clients could come back."""
    async with Deployment(redis.url, DRAIN_SECONDS="30", RECONNECT_GRACE_SECONDS="10") as deployment:
        node = await deployment.start(WEB_CONCURRENCY="2")
        code = await node.room()
        seats = [await Seat.take(node, code) for _ in range(4)]
        assert await deployment.stop(node) == 0
        again = await deployment.start()
        for seat in seats:
            assert await seat.client.closed() == 4001
            seat.service = again
            seat.earlier = seat.frames
        resumed = await asyncio.gather(*(seat.resume() for seat in seats))
        assert [one["recovered"] for one in resumed] == [False] * len(seats)
        assert (await again.view(code))["participant_count"] == 4
