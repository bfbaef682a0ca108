"""A node that starts while Redis is going away says so, and ends."""

from __future__ import annotations

import asyncio
from functools import partial

import pytest

from support.cut_line import CutLine
from support.redis_server import RedisServer
from support.server import ServerFailed, ServerProcess
from support.service import eventually

pytestmark = pytest.mark.fault


async def opening(server: ServerProcess) -> bool:
    return any("appendfsync" in one for one in server.lines)


async def test_a_redis_that_goes_silent_during_the_start(redis: RedisServer) -> None:
    """Whatever was asked of it already, the operator reads one clear sentence and no traceback."""
    async with CutLine(redis.port) as line, asyncio.TaskGroup() as group:

        async def go_silent(server: ServerProcess) -> None:
            """When the store has looked at the settings: it is open then, or nearly."""
            await eventually(partial(opening, server), "the store to be opened")
            line.silent = True

        server = ServerProcess(REDIS_URL=line.url)
        group.create_task(go_silent(server))
        with pytest.raises(ServerFailed, match="exited with 1"):
            await asyncio.to_thread(server.__enter__)
    text = "\n".join(server.lines)
    assert f"  - The Redis at 127.0.0.1:{line.port} cannot be reached: " in text
    assert "Traceback" not in text
