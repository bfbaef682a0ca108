"""A connection on which announcements are heard: broken, it is made again, and all is subscribed again.

The channels are sharded ones (SSUBSCRIBE): on a cluster an announcement does not travel from node to node,
where it could be lost unseen, but goes from the master that made it straight to whoever listens there. It is
lost only when the connection is, and that is seen.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
from asyncio import Future
from collections import Counter, deque
from collections.abc import Callable, Sequence
from typing import Any, Final

import structlog
from redis.asyncio import Connection
from redis.exceptions import ConnectionError

from signaling.backends.redis.server import FAILURES, Server
from signaling.rooms.ports import StoreUnavailable

SUBSCRIBE_SECONDS: Final = 5.0
"""How long a subscription is waited for, a reconnection included."""

PING_SECONDS: Final = 5.0
"""How often the connection is tried while nothing is said on it."""

SILENCE_SECONDS: Final = 12.0
"""A connection on which nothing is heard for longer is taken for dead."""

CHANNELS_AT_ONCE: Final = 1000
"""Channels of one SSUBSCRIBE."""

_FIRST_PAUSE: Final = 0.05
_LAST_PAUSE: Final = 1.0
"""Seconds between tries to connect."""

_log = structlog.stdlib.get_logger("signaling.broker")


class Line:
    """Hears what is announced of one partition, or of all where there is one server."""

    def __init__(
        self,
        server: Server,
        partition: int,
        *,
        on_message: Callable[[bytes, bytes], None],
        on_gap: Callable[[Sequence[bytes]], None],
    ) -> None:
        """Connects, and stays so until `close`.

        ``on_message`` is called with channel and payload, ``on_gap`` with the channels that were
        subscribed when the connection was lost, once they are subscribed again. Neither may raise.
        """
        self._server = server
        self._partition = partition
        self._on_message = on_message
        self._on_gap = on_gap
        self._channels: dict[bytes, bool] = {}
        """What is to be subscribed, and whether it ever was."""
        self._joining: dict[bytes, deque[list[Future[None]]]] = {}
        """By channel, for each SSUBSCRIBE that was not answered yet, in order: who waits for it."""
        self._leaving: Counter[bytes] = Counter()
        """By channel, how many SUNSUBSCRIBE were not answered yet."""
        self._unconfirmed: set[bytes] = set()
        """Channels of the connection before that are not subscribed again yet."""
        self._gap: list[bytes] = []
        """Channels to be named when nothing is unconfirmed any more."""
        self._connected = False
        self._outgoing: list[tuple[bytes, ...]] = []
        """To be said on this connection. Empty while there is none: the next one begins with everything."""
        self._wake = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        self._heard_at = 0.0
        self._excused = False
        """Whether the silence may be this process's own: that it stood still, and what was said waits."""
        self._task = self._loop.create_task(self._run(), name=f"redis-line-{partition}")

    async def close(self) -> None:
        """Hear no more."""
        while not self._task.done():
            # Again, should the client library have swallowed one.
            self._task.cancel()
            await asyncio.wait((self._task,), timeout=0.5)

    async def subscribe(self, channel: bytes) -> None:
        """Hear the channel from when this returns. Raises StoreUnavailable when that takes too long."""
        done: Future[None] = self._loop.create_future()
        self._channels.setdefault(channel, False)
        self._joining.setdefault(channel, deque()).append([done])
        self._say(b"SSUBSCRIBE", channel)
        try:
            async with asyncio.timeout(SUBSCRIBE_SECONDS):
                await done
        except TimeoutError as error:
            raise StoreUnavailable("The broker cannot be reached") from error

    def unsubscribe(self, channel: bytes) -> None:
        """Hear it no more. It must have been subscribed, or tried to be."""
        del self._channels[channel]
        if self._connected:
            self._leaving[channel] += 1
            self._say(b"SUNSUBSCRIBE", channel)
        else:
            self._joining.pop(channel, None)
        self._confirm(channel)

    def _say(self, *command: bytes) -> None:
        if self._connected:
            self._outgoing.append(command)
            self._wake.set()

    async def _run(self) -> None:
        pause = _FIRST_PAUSE
        while True:
            try:
                connection = await self._server.connection_to(self._partition)
            except FAILURES:
                await self._server.look_again()
                await asyncio.sleep(pause)
                pause = min(2 * pause, _LAST_PAUSE)
                continue
            pause = _FIRST_PAUSE
            self._subscribe_all()
            try:
                async with asyncio.TaskGroup() as group:
                    group.create_task(self._speak(connection))
                    group.create_task(self._hear(connection))
            except* FAILURES as errors:
                _log.warning("broker_line_lost", rooms=len(self._channels), error=str(errors.exceptions[0]))
            finally:
                self._connected = False
                self._outgoing = []
                await connection.disconnect(nowait=True)
            await self._server.look_again()
            await asyncio.sleep(pause)

    def _subscribe_all(self) -> None:
        """On a new connection: what was subscribed on the one before, and what waits since."""
        channels = list(self._channels)
        self._connected = True
        self._outgoing = [
            (b"SSUBSCRIBE", *channels[start : start + CHANNELS_AT_ONCE])
            for start in range(0, len(channels), CHANNELS_AT_ONCE)
        ]
        waiting = {
            channel: [one for asked in asks for one in asked] for channel, asks in self._joining.items()
        }
        self._joining = {channel: deque([waiting.get(channel, [])]) for channel in channels}
        self._leaving.clear()
        self._gap = [channel for channel, subscribed in self._channels.items() if subscribed]
        self._unconfirmed = set(self._gap)

    async def _speak(self, connection: Connection) -> None:
        self._heard_at, self._excused = self._loop.time(), False
        while True:
            self._wake.clear()
            commands, self._outgoing = self._outgoing, []
            async with asyncio.timeout(SILENCE_SECONDS):
                await connection.send_packed_command(connection.pack_commands(commands or [(b"PING",)]))
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(PING_SECONDS):
                    await self._wake.wait()
            if self._loop.time() - self._heard_at > SILENCE_SECONDS:
                if self._excused:
                    raise ConnectionError("nothing was heard for too long")
                self._excused = True
                self._heard_at = self._loop.time() - SILENCE_SECONDS + PING_SECONDS

    async def _hear(self, connection: Connection) -> None:
        while True:
            message = await connection.read_response(timeout=math.inf)
            self._heard_at, self._excused = self._loop.time(), False
            match message:
                case [b"smessage", channel, payload]:
                    self._on_message(channel, payload)
                case [b"ssubscribe", channel, _]:
                    self._subscribed(channel)
                case [b"sunsubscribe", channel, _]:
                    self._unsubscribed(channel)

    def _subscribed(self, channel: bytes) -> None:
        joining = self._joining.get(channel)
        if joining:
            for waiting in joining.popleft():
                if not waiting.done():
                    waiting.set_result(None)
            if not joining:
                del self._joining[channel]
        if channel in self._channels:
            self._channels[channel] = True
        self._confirm(channel)

    def _unsubscribed(self, channel: bytes) -> None:
        if not self._leaving[channel]:
            raise ConnectionError("the channels are another server's now")
        self._leaving[channel] -= 1
        if not self._leaving[channel]:
            del self._leaving[channel]

    def _confirm(self, channel: bytes) -> None:
        self._unconfirmed.discard(channel)
        if not self._unconfirmed and self._gap:
            channels, self._gap = self._gap, []
            self._on_gap(channels)


def tell(listener: Callable[..., None], *news: Any) -> None:
    """Call whoever listens to what a line brings: their fault must not keep anybody from hearing."""
    try:
        listener(*news)
    except Exception as error:  # noqa: BLE001
        asyncio.get_running_loop().call_exception_handler(
            {"message": "Dealing with what was announced failed", "exception": error}
        )
