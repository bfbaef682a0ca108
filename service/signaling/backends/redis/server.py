"""The way to Redis: one server, or a cluster, which is found out by asking."""

from __future__ import annotations

import asyncio
import contextlib
import time
from typing import Any, Final, Self, cast

import structlog
from redis.asyncio import Connection, Redis, RedisCluster
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import ClusterDownError, RedisClusterException, RedisError, ResponseError

from signaling.backends.redis.errors import RedisNotUnderstood, RedisTooOld, RedisUnreachable
from signaling.backends.redis.names import Names

PREFIX: Final = "sig"
"""What all names begin with, unless the deployment says otherwise."""

CONNECT_SECONDS: Final = 1.0
REPLY_SECONDS: Final = 2.0
"""How long one try waits for a connection, and for a reply."""

OPEN_SECONDS: Final = 5.0
"""How long the start waits for a server that is coming up itself."""

LOOK_SECONDS: Final = 0.5
"""How often a cluster is asked who its masters are, at most, while calls fail."""

OLDEST: Final = (7, 0)
"""The first version whose scripts say what they may do: all or nothing also when memory is short."""

FAILURES: Final = (RedisError, RedisClusterException, OSError, RuntimeError)
"""What the client library raises when the server cannot be used. The last is uvloop's, where something is
written to a connection that has just broken."""

_log = structlog.stdlib.get_logger("signaling.store")


class Server:
    """Clients for one URL. `open` it; `close` it at the end."""

    def __init__(self, url: str, prefix: str, client: Redis, cluster: RedisCluster | None) -> None:
        """See `open`."""
        self._url = url
        self._client = client
        self._cluster = cluster
        self._looked = 0.0
        self.names = Names(prefix, int(client.connection_pool.connection_kwargs.get("db", 0)))

    @classmethod
    async def open(cls, url: str, prefix: str = PREFIX) -> Self:
        """Connect, waiting a little for a server that is starting. Raises RedisUnusable."""
        client = _client(url)
        try:
            info = await _first_answer(url, client)
            found = str(info.get("redis_version", "0"))
            if tuple(int(part) for part in found.split(".")[:2]) < OLDEST:
                raise RedisTooOld(url, found)
        except BaseException:
            await client.aclose()
            raise
        clustered = info.get("redis_mode") == "cluster"
        return cls(url, prefix, client, RedisCluster.from_url(url, **_options()) if clustered else None)

    async def pipeline(self, commands: list[tuple[Any, ...]]) -> list[Any]:
        """Send all commands at once; their replies in order, an exception in place of each that failed.

        Raises one of FAILURES when they may have failed together.
        """
        pipeline = (self._cluster or self._client).pipeline(transaction=False)
        for command in commands:
            pipeline.execute_command(*command)
        replies: list[Any] = await pipeline.execute(raise_on_error=False)
        return replies

    async def look_again(self) -> None:
        """Find out anew who is the master, as what was known may be out of date; not too often."""
        now = time.monotonic()
        if now - self._looked < LOOK_SECONDS:
            return
        self._looked = now
        if self._cluster is None:
            # The name may lead to another server now.
            await self._client.connection_pool.disconnect(inuse_connections=False)
            return
        with contextlib.suppress(*FAILURES):
            await self._cluster.nodes_manager.initialize()

    def place_of(self, partition: int) -> int:
        """A number for the server that the partition is on: the same where it is surely the same server."""
        return 0 if self._cluster is None else partition

    async def connection_to(self, partition: int) -> Connection:
        """A new connection of the caller's own, to where the partition is now."""
        pool = self._client.connection_pool
        where: dict[str, Any] = {}
        if self._cluster is not None:
            await self._cluster.initialize()
            node = self._cluster.get_node_from_key(self.names.base(partition))
            if node is None:
                raise ClusterDownError("nobody has the partition")
            where = {"host": node.host, "port": node.port}
        # No timeout of its own: the library would send by asyncio.wait_for, which may swallow a cancellation
        # before Python 3.12.
        options = {**pool.connection_kwargs, **where, "socket_timeout": None}
        connection = cast("Connection", pool.connection_class(**options))
        try:
            async with asyncio.timeout(CONNECT_SECONDS + REPLY_SECONDS):
                await connection.connect()  # type: ignore[no-untyped-call]
        except BaseException:
            await connection.disconnect(nowait=True)
            raise
        return connection

    async def warn_of_settings(self) -> None:
        """Log what may lose acknowledged commits. Managed services may not tell."""
        try:
            memory = await self._client.info("memory")
            persistence = await self._client.info("persistence")
        except FAILURES as error:
            _log.info("redis_settings_unknown", error=str(error))
            return
        policy = memory.get("maxmemory_policy")
        if policy is None or "aof_enabled" not in persistence:
            _log.info("redis_settings_unknown", error="INFO does not tell them")
            return
        if policy != "noeviction":
            _log.warning(
                "redis_may_evict_rooms", maxmemory_policy=policy, advice="set maxmemory-policy noeviction"
            )
        if not persistence["aof_enabled"]:
            _log.warning("redis_forgets_at_restart", advice="set appendonly yes")
            return
        try:
            settings = await self._client.config_get("appendfsync")
        except ResponseError as error:
            _log.info("redis_settings_unknown", error=str(error))
            return
        if settings.get("appendfsync") != "always":
            _log.info(
                "redis_may_lose_last_commits",
                appendfsync=settings.get("appendfsync"),
                advice="set appendfsync always to lose none when the machine goes down",
            )

    async def close(self) -> None:
        """Close all connections."""
        if self._cluster is not None:
            await self._cluster.aclose()
        await self._client.aclose()


def _client(url: str) -> Redis:
    try:
        client = Redis.from_url(url, **_options())
        # Options of the URL are looked at only now.
        client.connection_pool.make_connection()  # type: ignore[no-untyped-call]
    except (RedisError, TypeError, ValueError) as error:
        raise RedisNotUnderstood(url, error) from error
    return client


def _options() -> dict[str, Any]:
    return {
        "socket_connect_timeout": CONNECT_SECONDS,
        "socket_timeout": REPLY_SECONDS,
        # What is tried again, and for how long, is for the lanes to say.
        "retry": Retry(NoBackoff(), 0),
        "protocol": 2,
        "client_name": "signaling",
    }


async def _first_answer(url: str, client: Redis) -> dict[str, Any]:
    deadline = time.monotonic() + OPEN_SECONDS
    while True:
        try:
            info: dict[str, Any] = await client.info("server")
        except FAILURES as error:
            if time.monotonic() >= deadline:
                raise RedisUnreachable(url, error) from error
            await asyncio.sleep(0.1)
        else:
            return info
