"""Real nodes on a real Redis."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Iterator

import pytest

from support.redis_server import RedisServer
from support.server import ServerProcess
from support.service import Service
from support.spread import three_nodes


@pytest.fixture(scope="session")
def redis() -> Iterator[RedisServer]:
    """The one that all tests share which do nothing to it."""
    with RedisServer() as server:
        yield server


@pytest.fixture(scope="module")
def three() -> Iterator[list[ServerProcess]]:
    """Nodes of the tests that do nothing to them."""
    with three_nodes() as servers:
        yield servers


@pytest.fixture
async def nodes(three: list[ServerProcess]) -> AsyncIterator[list[Service]]:
    """Three nodes."""
    async with contextlib.AsyncExitStack() as stack:
        yield [await stack.enter_async_context(Service(server)) for server in three]
