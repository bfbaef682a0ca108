"""Anything happens to anything: nodes, Redis, the lines between them and those of clients, by a seed.

`make soak-nodes` plays longer ones, with seeds of its own: SOAK_SEEDS="1 2 3" SOAK_SECONDS=60.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
from collections.abc import Awaitable, Callable

import pytest

from signaling.domain.events import ParticipantJoined
from support.cut_line import CutLine
from support.deployment import Deployment, check_order, missing
from support.participant import Participant
from support.redis_server import RedisServer
from support.service import Service, eventually

from .test_redis_away import all_ready

SEEDS = [int(seed) for seed in os.environ.get("SOAK_SEEDS", "7").split()]
SECONDS = float(os.environ.get("SOAK_SECONDS", "4"))

GRACE = 4

pytestmark = [pytest.mark.fault, pytest.mark.timeout(120 + SECONDS)]


class Fate:
    """What happens, one thing after the other."""

    def __init__(self, deployment: Deployment, redis: RedisServer, lines: contextlib.AsyncExitStack) -> None:
        self.deployment = deployment
        self.redis = redis
        self.lines: dict[Service, CutLine] = {}
        self.told: list[str] = []
        """What was done, for whoever reads of a failure."""
        self._stack = lines

    async def new_node(self) -> Service:
        line = await self._stack.enter_async_context(CutLine(self.redis.port))
        node = await self.deployment.start(line.url)
        self.lines[node] = line
        return node

    async def strike(self, dice: random.Random, participants: list[Participant]) -> None:
        """Do one thing."""
        node = dice.choice(self.deployment.nodes)
        deeds: list[tuple[int, Callable[[], Awaitable[object]]]] = [
            (2, lambda: self.kill(node)),
            (2, lambda: self.replace(node)),
            (2, lambda: self.freeze(node, dice.choice([0.3, 1.0, 3.5]))),
            (1, lambda: self.restart_redis(dice.random())),
            (6, lambda: self.cut_client(dice.choice(participants))),
            (3, lambda: self.cut_redis(node, dice.random() < 0.5)),
        ]
        weights, acts = zip(*deeds, strict=True)
        await dice.choices(acts, weights)[0]()

    def note(self, deed: str, node: Service | None = None) -> None:
        self.told.append(deed if node is None else f"{deed} {node.server.port}")

    async def kill(self, node: Service) -> None:
        self.note("kill", node)
        await self.deployment.kill9(node)
        await self.new_node()

    async def replace(self, node: Service) -> None:
        self.note("replace", node)
        await asyncio.gather(self.deployment.stop(node), self.new_node())

    async def freeze(self, node: Service, seconds: float) -> None:
        self.note(f"freeze for {seconds} s", node)
        self.deployment.freeze(node)
        await asyncio.sleep(seconds)
        self.deployment.thaw(node)

    async def restart_redis(self, seconds: float) -> None:
        self.note("restart Redis")
        await asyncio.to_thread(self.redis.kill9)
        await asyncio.sleep(seconds)
        await asyncio.to_thread(self.redis.start)

    async def cut_client(self, participant: Participant) -> None:
        self.note(f"cut {participant.socket_id}")
        participant.client.abort()

    async def cut_redis(self, node: Service, silent: bool) -> None:
        self.note("cut from Redis", node)
        line = self.lines[node]
        if silent:
            line.silent = True
            await asyncio.sleep(0.3)
        line.cut()
        line.silent = False


@pytest.mark.parametrize("seed", SEEDS)
async def test_whatever_happens_views_converge_and_every_seat_ends_once(seed: int) -> None:
    dice = random.Random(seed)
    async with contextlib.AsyncExitStack() as stack:
        redis = stack.enter_context(RedisServer("--appendfsync", "always"))
        settings = {"RECONNECT_GRACE_SECONDS": str(GRACE), "DRAIN_SECONDS": "6"}
        deployment = await stack.enter_async_context(Deployment(redis.url, **settings))
        fate = Fate(deployment, redis, stack)
        nodes = list(await asyncio.gather(*(fate.new_node() for _ in range(3))))
        code = await nodes[0].room(max_participants=100)
        participants = await deployment.take_part(code, nodes * 2, dice)
        for one in participants:
            one.speak(pause=0.1)
        loop = asyncio.get_running_loop()
        ends = loop.time() + SECONDS
        while loop.time() < ends:
            await asyncio.sleep(dice.random() * 0.3)
            await fate.strike(dice, participants)
        try:
            await all_is_well(deployment, code, participants)
        except BaseException:
            print(f"seed {seed}:", *fate.told, sep="\n  ")  # noqa: T201
            raise


async def all_is_well(deployment: Deployment, code: str, participants: list[Participant]) -> None:
    await all_ready(deployment.nodes)
    # Seats that nobody can resume any more have to end first.
    await deployment.agree(code, participants, deadline=40)
    for one in participants:
        await one.hush()
    check_order(participants)

    async def nothing_lost_unnoticed() -> bool:
        # Of those whose lines never broke, or were ended in order.
        sound = [one for one in participants if set(one.closes) <= {4001} and all(one.recovered)]
        return not missing(sound)

    await eventually(nothing_lost_unnoticed, "what was sent meanwhile")
    # Everybody hears everybody.
    for one in participants:
        for other in participants:
            if other is not one:
                await one.say(other.socket_id)

    async def heard() -> bool:
        return all(
            other.heard_of(one.socket_id)[-1:] == one.sent[other.socket_id][-1:]
            for one in participants
            for other in participants
            if other is not one
        )

    await eventually(heard, "everybody to be heard by everybody")
    counts = await deployment.statistics()
    joined = [event for event in await deployment.log(code) if isinstance(event, ParticipantJoined)]
    assert counts["active_participants"] == len(participants)
    assert counts["total_participants"] == len(joined)
