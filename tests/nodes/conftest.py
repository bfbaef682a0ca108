"""Real nodes on a real Redis."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Protocol

import pytest

from support.deployment import Deployment
from support.redis_server import RedisServer
from support.service import Service


@pytest.fixture(scope="session")
def redis() -> Iterator[RedisServer]:
    """The one that all tests share which do nothing to it."""
    with RedisServer() as server:
        yield server


class StartNodes(Protocol):
    """Starts so many nodes: ``async with start(3) as nodes``."""

    def __call__(self, count: int, **env: str) -> contextlib.AbstractAsyncContextManager[list[Service]]: ...


@pytest.fixture
def start(redis: RedisServer) -> StartNodes:
    @asynccontextmanager
    async def run(count: int, **env: str) -> AsyncIterator[list[Service]]:
        async with Deployment(redis.url, **env) as deployment:
            yield await deployment.start_all(count)

    return run
