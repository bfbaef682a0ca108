"""What an operator can see of the nodes, over the real path."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from prometheus_client.parser import text_string_to_metric_families

from support.redis_server import RedisServer
from support.seat import Seat, candidates, send_candidate
from support.server import ServerProcess
from support.service import Service, eventually


@asynccontextmanager
async def running(redis: RedisServer, count: int) -> AsyncIterator[list[Service]]:
    """Nodes on a Redis of their own: what is counted is exact."""
    async with contextlib.AsyncExitStack() as stack:
        yield [
            await stack.enter_async_context(
                Service(stack.enter_context(ServerProcess(REDIS_URL=redis.url, DRAIN_SECONDS="1")))
            )
            for _ in range(count)
        ]


async def figure(service: Service, name: str, **labels: str) -> float:
    text = (await service.rest.get("/metrics")).text
    found = [
        sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name == f"signaling_{name}" and sample.labels == labels
    ]
    assert len(found) <= 1
    # One with labels is not there before it has counted anything.
    return found[0] if found else 0.0


async def test_what_nodes_say_and_hand_over_is_counted() -> None:
    with RedisServer() as redis:
        async with running(redis, 2) as nodes:
            code = await nodes[0].room()
            first = await nodes[0].joined(code)
            seat = await Seat.take(nodes[0], code)
            await seat.lose()
            seat.service = nodes[1]
            assert (await seat.resume())["recovered"] is True
            await send_candidate(first, seat.socket_id, "over there")
            await seat.client.reaches(lambda _: candidates(seat.frames) == ["over there"])
            assert await figure(nodes[1], "handovers_total", result="recovered") == 1
            assert await figure(nodes[1], "handovers_total", result="not_recovered") == 0
            assert await figure(nodes[0], "handovers_total", result="recovered") == 0
            for node in nodes:
                # A question and its answer, at least.
                assert await figure(node, "node_messages_total", result="sent") >= 1
                assert await figure(node, "node_messages_total", result="received") >= 1
                assert await figure(node, "node_messages_total", result="refused") == 0
                assert await figure(node, "node_message_gaps_total") == 0

            async def both_seen() -> bool:
                return [await figure(node, "nodes") for node in nodes] == [2, 2]

            await eventually(both_seen, "two nodes")


async def test_a_redis_that_is_away_is_seen() -> None:
    with RedisServer() as redis:
        async with running(redis, 1) as (node,):
            code = await node.room()
            await node.joined(code)
            assert await figure(node, "nodes") == 1
            assert await figure(node, "room_reloads_total") == 0
            redis.kill9()

            async def alone() -> bool:
                return await figure(node, "nodes") == 0

            await eventually(alone, "no node seen")
            redis.start()

            async def back() -> bool:
                return await figure(node, "nodes") == 1 and await figure(node, "room_reloads_total") >= 1

            await eventually(back, "the node seen again, and its room loaded")
