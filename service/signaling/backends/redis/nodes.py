"""Which nodes there are: leases in Redis, by its own clock."""

from __future__ import annotations

from typing import Self

from signaling.backends.redis.lane import Lane
from signaling.backends.redis.scripts import CENSUS, RENEW
from signaling.backends.redis.server import PREFIX, Server
from signaling.rooms.ports import LEASE_SECONDS, Census


class RedisNodes:
    """Nodes that share a Redis. `open` it; `close` it at the end."""

    def __init__(self, server: Server, node: str) -> None:
        """See `open`."""
        self._server = server
        self._lane = Lane(server)
        self._key = server.names.nodes()
        self._node = node

    @classmethod
    async def open(cls, url: str, node: str, *, prefix: str = PREFIX) -> Self:
        """For this node, at ``url``. Raises RedisUnusable."""
        return cls(await Server.open(url, prefix), node)

    async def close(self) -> None:
        """Close the connections."""
        await self._lane.close()
        await self._server.close()

    async def renew(self) -> bool:
        """See `Nodes.renew`."""
        return not await self._lane.script(RENEW, [self._key], self._node, 1000 * LEASE_SECONDS)

    async def census(self) -> Census:
        """See `Nodes.census`."""
        alive, lapsed = await self._lane.script(CENSUS, [self._key])
        return Census(
            alive=frozenset(node.decode() for node in alive),
            lapsed=frozenset(node.decode() for node in lapsed),
        )

    async def forget(self, node: str) -> None:
        """See `Nodes.forget`."""
        await self._lane.command("ZREM", self._key, node)
