"""A Redis as far as announcements and messages need one: channels, and lines to it that break.

The service's own lanes, lines, broker and post stand on this. A line that breaks loses what was on its way,
and what is announced until it stands again; Redis may not notice for a while, and count such an announcement
as heard.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING, Any

from redis.exceptions import ConnectionError, TimeoutError

from signaling.backends.redis.names import Names
from signaling.backends.redis.server import CONNECT_SECONDS, REPLY_SECONDS

if TYPE_CHECKING:
    from simulation.world import Link, World


class Channels:
    """Who listens where."""

    def __init__(self) -> None:
        """Nobody does."""
        self.listeners: dict[bytes, dict[Connection, None]] = {}

    def publish(self, channel: bytes, payload: bytes) -> int:
        """How many heard it, as Redis thinks."""
        listeners = list(self.listeners.get(channel, ()))
        for connection in listeners:
            connection.push([b"smessage", channel, payload])
        return len(listeners)

    def forget(self, connection: Connection) -> None:
        """Redis found that the connection is gone."""
        for channel in [channel for channel, them in self.listeners.items() if connection in them]:
            del self.listeners[channel][connection]
            if not self.listeners[channel]:
                del self.listeners[channel]


class Connection:
    """A connection on which a node listens."""

    def __init__(self, world: World, link: Link) -> None:
        """It stands."""
        self._world = world
        self._link = link
        self._heard: deque[list[Any]] = deque()
        self._waiter: asyncio.Future[None] | None = None
        self._broken = False
        self._deaf = False
        self._down = self._up = 0.0
        link.connections[self] = None

    def push(self, message: list[Any]) -> None:
        """Redis says something."""
        self._down = self._world.behind(self._down)
        self._world.at(self._down, self._hear, message)

    def _hear(self, message: list[Any]) -> None:
        if self._link.cut:
            self._link.hold(self._hear, message)
        elif not (self._broken or self._deaf):
            self._heard.append(message)
            self._wake()

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def break_(self, *, noticed_there: float = 0.0, noticed_here: float = 0.0) -> None:
        """The line is lost from now on; each end notices after so many seconds."""
        self._deaf = True
        self._world.later(noticed_there, self._world.channels.forget, self)
        self._world.later(noticed_here, self._notice)

    def _notice(self) -> None:
        self._broken = True
        self._link.connections.pop(self, None)
        self._wake()

    # What `backends.redis.line` calls

    def pack_commands(self, commands: list[tuple[bytes, ...]]) -> list[tuple[bytes, ...]]:
        return commands

    async def send_packed_command(self, commands: list[tuple[bytes, ...]]) -> None:
        if self._broken:
            raise ConnectionError("the line is broken")
        self._up = self._world.behind(self._up)
        self._world.at(self._up, self._do, commands)

    def _do(self, commands: list[tuple[bytes, ...]]) -> None:
        if self._link.cut:
            self._link.hold(self._do, commands)
            return
        if self._broken or self._deaf:
            return
        listeners = self._world.channels.listeners
        for name, *channels in commands:
            for channel in channels:
                if name == b"SSUBSCRIBE":
                    listeners.setdefault(channel, {})[self] = None
                    self.push([b"ssubscribe", channel, 1])
                else:
                    listeners.get(channel, {}).pop(self, None)
                    self.push([b"sunsubscribe", channel, 0])
            if name == b"PING":
                self.push([b"pong", b""])

    async def read_response(self, timeout: float) -> list[Any]:  # noqa: ASYNC109 - as the library has it
        while not self._heard:
            if self._broken:
                raise ConnectionError("the line is broken")
            self._waiter = asyncio.get_running_loop().create_future()
            await self._waiter
        return self._heard.popleft()

    async def disconnect(self, *, nowait: bool) -> None:
        self.break_()


class Server:
    """What `backends.redis.server` has, for one node."""

    def __init__(self, world: World, link: Link) -> None:
        """Connects nothing yet."""
        self.names = Names("sim", 0)
        self._world = world
        self._link = link
        self._last = 0.0

    def place_of(self, partition: int) -> int:
        return 0

    async def look_again(self) -> None:
        """It is where it was."""

    async def close(self) -> None:
        """Nothing is open."""

    async def connection_to(self, partition: int) -> Connection:
        if self._world.over or self._link.cut:
            await asyncio.sleep(CONNECT_SECONDS)
            raise TimeoutError("no answer")
        await asyncio.sleep(self._world.latency())
        if self._link.refused:
            raise ConnectionError("refused")
        return Connection(self._world, self._link)

    async def pipeline(self, commands: list[tuple[Any, ...]]) -> list[Any]:
        """Messages are sent: announcements that say how many heard them."""
        world, link = self._world, self._link
        done: asyncio.Future[list[Any]] = asyncio.get_running_loop().create_future()

        def arrive() -> None:
            if link.refused:
                fail(ConnectionError("refused"))
            elif link.cut:
                if world.chance(0.5):
                    link.hold(arrive)
                world.later(REPLY_SECONDS, fail, TimeoutError("no answer"))
            else:
                replies = [world.channels.publish(channel, payload) for _, channel, payload in commands]
                if world.chance(link.errors):
                    world.later(world.latency(), fail, ConnectionError("the reply was lost"))
                else:
                    world.later(world.latency(), answer, replies)

        def answer(replies: list[Any]) -> None:
            if link.cut:
                world.later(REPLY_SECONDS, fail, TimeoutError("no answer"))
            elif not done.done():
                done.set_result(replies)

        def fail(error: Exception) -> None:
            if not done.done():
                done.set_exception(error)

        if world.over:
            raise ConnectionError("over")
        self._last = world.behind(self._last)
        world.at(self._last, arrive)
        return await done
