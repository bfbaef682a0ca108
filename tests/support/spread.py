"""The service on several nodes, as if it were one: for scenarios that must go the same way on both."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from types import TracebackType
from typing import Any

from support.client import Client
from support.deployment import SETTINGS
from support.redis_server import RedisServer
from support.server import ServerProcess
from support.service import Service


class Spread(Service):
    """Each new socket goes to the next node. REST is asked of one of them."""

    def __init__(self, servers: Sequence[ServerProcess]) -> None:
        super().__init__(servers[0])
        self._others = [Service(server) for server in servers[1:]]
        self._turns = itertools.cycle((super().connect, *(other.connect for other in self._others)))

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for other in self._others:
            await other.__aexit__(kind, error, trace)
        await super().__aexit__(kind, error, trace)

    async def connect(self, **options: Any) -> Client:
        """A client's socket, at the next node."""
        return await next(self._turns)(**options)


@contextlib.contextmanager
def three_nodes(**env: str) -> Iterator[list[ServerProcess]]:
    """Processes on a Redis of their own."""
    with RedisServer() as redis, contextlib.ExitStack() as running, ThreadPoolExecutor() as pool:
        servers = [ServerProcess(**(SETTINGS | {"REDIS_URL": redis.url} | env)) for _ in range(3)]  # type: ignore[arg-type]
        for server in servers:
            running.callback(server.__exit__, None, None, None)
        list(pool.map(lambda server: server.start(), servers))
        yield servers
        # Together, as each waits for whoever may still come back.
        list(pool.map(lambda server: server.stop(), servers))
    for server in servers:
        assert not [line for line in server.lines if "Traceback" in line or '"level": "error"' in line]
