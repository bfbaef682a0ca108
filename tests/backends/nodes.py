"""A store as one process of the service has it, and every kind of store there is.

A new store joins the suite by one more entry in BACKENDS.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import secrets
import time
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Generic, Protocol, TypeVar

from signaling.backends.local import LocalBroker
from signaling.backends.redis.broker import RedisBroker
from signaling.backends.redis.store import RedisStore
from signaling.backends.sqlite.store import SqliteStore
from signaling.domain.events import RoomEvent
from signaling.rooms.ports import Broker, RoomStore
from support.redis_server import RedisCluster, RedisServer

DEADLINE_SECONDS = 10.0

Store_co = TypeVar("Store_co", bound=RoomStore, covariant=True)


class NodeOf(Generic[Store_co]):
    """One process's store and broker; ``close`` ends it in order."""

    def __init__(self, store: Store_co, broker: Broker, close: Callable[[], Awaitable[None]]) -> None:
        self.store = store
        self.broker = broker
        self.close = close

    async def listen(self, code: str) -> list[RoomEvent]:
        """What is announced of the room from now on: the list grows as it comes."""
        heard: list[RoomEvent] = []
        await self.broker.subscribe(code, heard.extend)
        return heard


Node = NodeOf[RoomStore]

SqliteNode = NodeOf[SqliteStore]

RedisNode = NodeOf[RedisStore]


class Backend(Protocol):
    """A kind of store, and one set of data in it."""

    async def open(self) -> Node:
        """A node on the data; the one before must have been closed."""


class SqliteBackend:
    """The embedded store in a directory."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory / "data"

    async def open(self) -> SqliteNode:
        broker = LocalBroker()
        store = await SqliteStore.open(self.directory, broker.publish)
        return SqliteNode(store, broker, store.close)


class RedisBackend:
    """The shared store, under a prefix of its own on the suite's server."""

    def __init__(self, _directory: Path | None = None, url: str | None = None) -> None:
        self.url = url or suite_server().url
        self.prefix = f"test-{secrets.token_hex(6)}"

    async def open(self) -> RedisNode:
        broker = await RedisBroker.open(self.url, prefix=self.prefix)
        store = await RedisStore.open(self.url, prefix=self.prefix)

        async def close() -> None:
            await store.close()
            await broker.close()

        return RedisNode(store, broker, close)


class RedisClusterBackend(RedisBackend):
    """The same on a cluster of three masters."""

    def __init__(self, directory: Path) -> None:
        super().__init__(directory, suite_cluster().url)


@functools.cache
def suite_server() -> RedisServer:
    """The one Redis that all tests share which do nothing to it. Started when first needed."""
    return _servers.enter_context(RedisServer())


@functools.cache
def suite_cluster() -> RedisCluster:
    """The one cluster, likewise."""
    return _servers.enter_context(RedisCluster())


_servers = contextlib.ExitStack()


def stop_suite_servers() -> None:
    """For the end of the suite."""
    _servers.close()


BACKENDS: dict[str, Callable[[Path], Backend]] = {
    "sqlite": SqliteBackend,
    "redis": RedisBackend,
    "cluster": RedisClusterBackend,
}


async def heard_up_to(heard: Sequence[RoomEvent], version: int) -> None:
    """Return when the event of that version was announced; fail when it is not in time."""
    deadline = time.monotonic() + DEADLINE_SECONDS
    while not any(event.version == version for event in heard):
        assert time.monotonic() < deadline, f"version {version} was not announced: {heard}"
        await asyncio.sleep(0.005)


async def heard_so_many(heard: Sequence[RoomEvent], count: int) -> None:
    """Return when so many events were announced; fail when they are not in time."""
    deadline = time.monotonic() + DEADLINE_SECONDS
    while len(heard) < count:
        assert time.monotonic() < deadline, f"{count} events were not announced: {heard}"
        await asyncio.sleep(0.001)
