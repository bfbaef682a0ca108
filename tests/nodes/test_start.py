"""A node that starts while Redis is going away says so, and ends."""

from __future__ import annotations

import pytest

from signaling.asgi import Application
from signaling.backends.redis import lane, line, server
from signaling.backends.redis.errors import RedisUnreachable
from signaling.backends.redis.post import RedisPost
from signaling.settings import Settings
from support.cut_line import CutLine
from support.redis_server import RedisServer
from support.server import API_KEY


@pytest.mark.parametrize("last", ["open", "start"])
async def test_a_redis_that_goes_silent_during_the_start(
    redis: RedisServer, monkeypatch: pytest.MonkeyPatch, last: str
) -> None:
    """Whatever was asked of it before, the operator reads one clear sentence."""
    monkeypatch.setattr(line, "SUBSCRIBE_SECONDS", 0.2)
    monkeypatch.setattr(lane, "PATIENCE", 0.2)
    monkeypatch.setattr(server, "REPLY_SECONDS", 0.2)
    done = getattr(RedisPost, last)
    async with CutLine(redis.port) as far:

        async def then_silent(*arguments: object) -> object:
            result = await done(*arguments)
            far.silent = True
            return result

        monkeypatch.setattr(RedisPost, last, then_silent)
        settings = Settings.from_environment({"API_KEY": API_KEY, "REDIS_URL": far.url})
        with pytest.raises(RedisUnreachable, match=f"The Redis at 127.0.0.1:{far.port} cannot be reached: "):
            async with Application(settings).running():
                raise AssertionError("it serves")
