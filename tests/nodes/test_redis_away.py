"""Redis is killed, and comes back with what it had, or with nothing."""

from __future__ import annotations

import asyncio
import random
import shutil
import time
from collections.abc import Iterator
from functools import partial

import pytest

from signaling.supervisor import KILL_SECONDS
from support.client import Client
from support.deployment import Deployment, check_order, missing
from support.redis_server import RedisServer
from support.service import Service, eventually

pytestmark = pytest.mark.fault


@pytest.fixture
def own_redis() -> Iterator[RedisServer]:
    """One that may be killed; it forgets nothing it has acknowledged."""
    with RedisServer("--appendfsync", "always") as server:
        yield server


async def test_a_restart_of_redis_in_the_middle_of_a_lesson(own_redis: RedisServer) -> None:
    """Sockets stay, and members on one node hear each other; what needs Redis is refused for now. Then all is
    as before: nobody was told of an end that was none, and nothing is lost, or whoever misses it is told.
    """
    async with Deployment(own_redis.url, RECONNECT_GRACE_SECONDS="20") as deployment:
        nodes = await deployment.start_all(3)
        code = await nodes[0].room()
        participants = await deployment.take_part(code, nodes * 2, random.Random(3))
        leaver = await nodes[1].joined(code)
        waiting = [await node.connect() for node in nodes]
        for one in participants:
            one.speak(pause=0.1)
        promised = await nodes[1].room(owner_id="promised")
        await asyncio.to_thread(own_redis.kill9)
        leaver.abort()
        # Of each node two members.
        neighbours = [(participants[number], participants[number + 3]) for number in range(3)]
        heard = [len(to.heard_of(sender.socket_id)) for sender, to in neighbours]
        await asyncio.gather(*(refused(*one, promised) for one in zip(nodes, waiting, strict=True)))
        for (sender, to), before in zip(neighbours, heard, strict=True):
            assert len(to.heard_of(sender.socket_id)) > before
        assert not any(one.closes for one in participants)
        await asyncio.to_thread(own_redis.start)
        await all_ready(nodes)
        for client in waiting:
            assert (await client.ask("join", {"room_code": promised}))["type"] == "room_joined"
        for one in participants:
            await one.hush()

        async def told_of_the_line() -> bool:
            return all(
                one.seated.is_set() and one.view.members[leaver.socket_id] is False for one in participants
            )

        await eventually(told_of_the_line, "everybody to be told of the line that was lost meanwhile")

        async def nothing_lost_unnoticed() -> bool:
            return not missing([one for one in participants if all(one.recovered)])

        await eventually(nothing_lost_unnoticed, "what was sent while Redis was away")
        check_order(participants)
        for one in participants:
            # 4004: something was lost on its way to this one, which it is told so.
            assert set(one.closes) <= {4004}
            assert len(one.recovered) == len(one.closes)
            assert not one.lost_seats
            kinds = {kind for kind, _ in one.view.told}
            assert "participant_left" not in kinds


async def test_a_node_is_stopped_while_redis_is_away(own_redis: RedisServer) -> None:
    """It cannot hand anything over, and must not take more than its time to find that out."""
    async with Deployment(own_redis.url, DRAIN_SECONDS="2") as deployment:
        node = await deployment.start()
        code = await node.room()
        members = [await node.joined(code) for _ in range(2)]
        await asyncio.to_thread(own_redis.kill9)
        began = time.monotonic()
        assert await deployment.stop(node) == 0
        # What a supervisor allows for.
        assert time.monotonic() - began < 2 + KILL_SECONDS
        assert [await member.closed() for member in members] == [4001, 4001]


async def refused(node: Service, client: Client, code: str) -> None:
    """What cannot be done now says so, and when to try again."""

    async def create() -> None:
        answer = await node.rest.post("/api/rooms", json={})
        assert (answer.status_code, answer.json()["code"]) == (503, "server_error")
        assert int(answer.headers["Retry-After"]) > 0

    async def join() -> None:
        answer = await client.ask("join", {"room_code": code})
        assert (answer["type"], answer["payload"]["code"]) == ("error", "server_error")
        assert answer["payload"]["retry_after"] > 0

    async def readiness() -> None:
        answer = await node.rest.get("/readiness")
        assert (answer.status_code, answer.json()) == (503, {"status": "store_unavailable"})
        assert (await node.rest.get("/health")).status_code == 200

    await asyncio.gather(create(), join(), readiness())


async def all_ready(nodes: list[Service]) -> None:
    async def ready(node: Service) -> bool:
        return (await node.rest.get("/readiness")).status_code == 200

    await asyncio.gather(*(eventually(partial(ready, node), "readiness") for node in nodes))


async def test_a_redis_that_has_forgotten_everything(own_redis: RedisServer) -> None:
    """Whether it was emptied under way or comes back empty: rooms that are no more have ended, for everybody
    in them; and new ones work.
    """
    async with Deployment(own_redis.url) as deployment:
        nodes = await deployment.start_all(3)
        for forget in (flush, come_back_empty):
            codes = [await node.room() for node in nodes]
            members = [await node.joined(code) for code in codes for node in nodes]
            await asyncio.to_thread(forget, own_redis)
            for member in members:
                left = await member.until("room_left")
                assert left["payload"]["reason"] == "room_closed"
                assert await member.closed() == 4505
            await all_ready(nodes)
            for node, code in zip(nodes, codes, strict=True):
                assert (await node.rest.get(f"/api/rooms/{code}")).status_code == 404
                late = await node.connect()
                refusal = await late.ask("join", {"room_code": code})
                assert refusal["payload"]["code"] == "room_not_found"
            fresh = await nodes[0].room()
            first, *others = [await node.joined(fresh) for node in nodes]
            for _ in others:
                await first.until("participant_joined")
            counts = await deployment.statistics()
            assert (counts["total_participants"], counts["active_participants"]) == (3, 3)
            for client in (first, *others):
                await client.ask("leave")


def flush(redis: RedisServer) -> None:
    """As an operator may do by mistake: no connection is closed."""
    with redis.client() as client:
        client.flushall()


def come_back_empty(redis: RedisServer) -> None:
    """As a server without persistence does."""
    redis.kill9()
    shutil.rmtree(redis.directory / "appendonlydir")
    redis.start()
