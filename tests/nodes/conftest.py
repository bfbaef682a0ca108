"""Three real nodes on one real Redis."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any, Protocol

import pytest

from support.redis_server import RedisServer
from support.server import ServerProcess
from support.service import Service

SETTINGS = {"UNKNOWN_CODES_PER_MINUTE": "100000", "RECONNECT_GRACE_SECONDS": "60", "DRAIN_SECONDS": "2"}


@pytest.fixture(scope="module")
def redis() -> Iterator[RedisServer]:
    with RedisServer() as server:
        yield server


class StartNodes(Protocol):
    """Starts so many nodes: ``async with start(3) as nodes``."""

    def __call__(self, count: int, **env: str) -> contextlib.AbstractAsyncContextManager[list[Service]]: ...


@pytest.fixture
def start(redis: RedisServer) -> StartNodes:
    @asynccontextmanager
    async def run(count: int, **env: str) -> AsyncIterator[list[Service]]:
        settings: dict[str, Any] = {**SETTINGS, "REDIS_URL": redis.url, **env}
        servers = [ServerProcess(**settings) for _ in range(count)]
        with contextlib.ExitStack() as processes:
            for server in servers:
                processes.enter_context(server)
            async with contextlib.AsyncExitStack() as services:
                yield [await services.enter_async_context(Service(server)) for server in servers]
        for server in servers:
            assert not [line for line in server.lines if "Traceback" in line or '"level": "error"' in line]

    return run
