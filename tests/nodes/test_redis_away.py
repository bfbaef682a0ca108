"""Redis is killed, comes back with what it had, or with nothing."""

from __future__ import annotations

import asyncio
import random
import shutil
from collections.abc import Iterator

import pytest

from support.redis_server import RedisServer
from support.service import Service, eventually

from .conftest import Deployment, check_order, missing

pytestmark = pytest.mark.fault


@pytest.fixture
def own_redis() -> Iterator[RedisServer]:
    """One that may be killed; it forgets nothing it has acknowledged."""
    with RedisServer("--appendfsync", "always") as server:
        yield server


async def test_a_restart_of_redis_in_the_middle_of_a_lesson(own_redis: RedisServer) -> None:
    """Sockets stay and members of one node hear each other; what needs Redis is refused for now. Then all is
    as before: nobody was told of anything that was not so, and nothing is lost, or it is told.
    """
    async with Deployment(own_redis.url, RECONNECT_GRACE_SECONDS="20") as deployment:
        nodes = await deployment.start_all(3)
        code = await nodes[0].room()
        participants = await deployment.take_part(code, nodes * 2, random.Random(3))
        witness = await nodes[0].joined(code)
        leaver = await nodes[1].joined(code)
        waiting = [await node.connect() for node in nodes]
        for one in participants:
            one.speak(pause=0.1)
        promised = await nodes[1].room(owner_id="promised")
        own_redis.kill9()
        leaver.abort()
        neighbours = [(participants[number], participants[number + 3]) for number in range(3)]
        reached = {pair: len(pair[1].heard_of(pair[0].socket_id)) for pair in neighbours}
        await asyncio.gather(
            *(_refused(node, client, code) for node, client in zip(nodes, waiting, strict=True))
        )
        for pair in neighbours:
            assert len(pair[1].heard_of(pair[0].socket_id)) > reached[pair]
        assert not any(one.closes for one in participants)
        own_redis.start()
        for node in nodes:
            await eventually(lambda node=node: _ready(node), "readiness")  # type: ignore[misc]
        await witness.until("participant_reconnecting")
        for one in participants:
            await one.hush()

        async def all_there() -> bool:
            return not missing([one for one in participants if all(one.recovered)])

        await eventually(all_there, "what was sent while Redis was away")
        check_order(participants)
        for client in waiting:
            answer = await client.ask("join", {"room_code": promised})
            assert answer["type"] == "room_joined"
        assert {one.told for one in []} == set()
        kinds = [frame["type"] for frame in witness.frames]
        assert "participant_left" not in kinds
        assert kinds.count("participant_reconnecting") == 1
        for one in participants:
            assert set(one.closes) <= {4004}, "closed, but not to tell of a loss"
            assert not one.lost_seats
            assert {kind for kind, _ in one.view.told} & {"participant_left"} == set()


async def _refused(node: Service, client: object, code: str) -> None:
    """What cannot be done now says so, and when to try again."""
    raise NotImplementedError


async def _ready(node: Service) -> bool:
    return (await node.rest.get("/readiness")).status_code == 200
