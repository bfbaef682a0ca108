"""The lines between nodes and Redis are cut, held and silenced, at random, under traffic."""

from __future__ import annotations

import asyncio
import contextlib
import random

import pytest

from support.cut_line import CutLine
from support.deployment import Deployment, check_order, missing
from support.redis_server import RedisServer
from support.service import eventually

pytestmark = pytest.mark.fault

SECONDS = 4.0
GROWTH = 64 * 1024 * 1024
"""Bytes a node may hold more than before: what waits for lines is bounded far below."""


async def test_lines_to_redis_that_break_at_random(redis: RedisServer) -> None:
    """Whatever is lost is told; views converge, nobody is told of an end that was none."""
    dice = random.Random(11)
    async with contextlib.AsyncExitStack() as stack:
        lines = [await stack.enter_async_context(CutLine(redis.port)) for _ in range(3)]
        deployment = await stack.enter_async_context(Deployment(redis.url, RECONNECT_GRACE_SECONDS="30"))
        nodes = [await deployment.start(line.url) for line in lines]
        code = await nodes[0].room()
        participants = await deployment.take_part(code, nodes * 2, dice)
        before = [node.resident() for node in nodes]
        for one in participants:
            one.speak(pause=0.1)
        ends = asyncio.get_running_loop().time() + SECONDS
        while asyncio.get_running_loop().time() < ends:
            await asyncio.gather(*(trouble(line, dice) for line in dice.sample(lines, dice.randint(1, 3))))
            await asyncio.sleep(dice.random() * 0.3)
        for one in participants:
            await one.hush()
        for line in lines:
            # None of what was to come later.
            line.lose_requests = line.lose_replies = line.spare_replies = 0
        await deployment.agree(code, participants)

        async def nothing_lost_unnoticed() -> bool:
            return not missing([one for one in participants if all(one.recovered)])

        await eventually(nothing_lost_unnoticed, "what was sent meanwhile")
        check_order(participants)
        for one in participants:
            assert set(one.closes) <= {4004}, "closed, but not to tell of a loss"
            assert not one.lost_seats
            assert "participant_left" not in {kind for kind, _ in one.view.told}
        for node, size in zip(nodes, before, strict=True):
            assert node.resident() - size < GROWTH


async def trouble(line: CutLine, dice: random.Random) -> None:
    """Something happens to a line, and is over when this returns."""
    match dice.choice(["cut", "request", "reply", "hold", "silence"]):
        case "cut":
            line.cut()
        case "request":
            line.lose_requests = dice.randint(1, 3)
        case "reply":
            line.spare_replies = dice.randint(0, 3)
            line.lose_replies = dice.randint(1, 3)
        case "hold":
            line.open.clear()
            line.cut()
            await asyncio.sleep(dice.random())
            line.open.set()
        case "silence":
            line.silent = True
            await asyncio.sleep(dice.random())
            line.cut()
            line.silent = False
