"""News of room logs from all nodes, over one connection with a subscription for each room followed here.

Redis announces at most once: what is published while the connection is down is lost, and nothing need ever
show it. So when the connection is there again, and everything is subscribed again, `on_reset` names all
rooms that were subscribed before. The same for a room whose versions go back: a master that failed over has
lost its last commits.

On a cluster PUBLISH reaches every node of it, so one connection to any of them hears all. (Sharded channels
would need a connection to each master, and spare the cluster little: announcements are few and small.)
"""

from __future__ import annotations

import asyncio
import contextlib
import math
from asyncio import Future
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, Final, Self

import msgspec
import structlog
from msgspec import Struct
from redis.asyncio import Connection
from redis.exceptions import ConnectionError

from signaling.backends.redis.records import events_from
from signaling.backends.redis.server import FAILURES, PREFIX, Server
from signaling.domain.events import RoomPurged
from signaling.rooms.ports import Listener, ResetListener, StoreUnavailable

SUBSCRIBE_SECONDS: Final = 5.0
"""How long a subscription is waited for, a reconnection included."""

PING_SECONDS: Final = 5.0
"""How often the connection is tried while nothing is said on it."""

SILENCE_SECONDS: Final = 12.0
"""A connection that is silent for longer is taken for dead."""

CHANNELS_AT_ONCE: Final = 1000
"""Channels of one SUBSCRIBE."""

_FIRST_PAUSE: Final = 0.05
_LAST_PAUSE: Final = 1.0
"""Seconds between tries to connect."""

_log = structlog.stdlib.get_logger("signaling.broker")


class _Subscription(Struct, eq=False):
    listener: Listener
    heard: int = 0
    """The last version announced on this subscription."""


class RedisBroker:
    """A Broker for any number of nodes. `open` it; `close` it at the end."""

    def __init__(self, server: Server) -> None:
        """See `open`."""
        self._server = server
        self._names = server.names
        self._subscriptions: dict[str, _Subscription] = {}
        self._codes: dict[bytes, str] = {}
        """Channel to room, of all subscriptions."""
        self._asked: dict[bytes, deque[list[Future[None]]]] = {}
        """For each SUBSCRIBE that was not answered yet, by channel and in order: who waits for it."""
        self._unconfirmed: set[bytes] = set()
        """Channels of an earlier connection that are not subscribed again yet."""
        self._to_reset: list[str] = []
        """Rooms to be named in a reset when nothing is unconfirmed any more."""
        self._outgoing: list[tuple[bytes, ...]] = []
        self._wake = asyncio.Event()
        self._on_reset: ResetListener = lambda _codes: None
        self._heard_at = 0.0
        self._loop = asyncio.get_running_loop()
        self._task = self._loop.create_task(self._run(), name="redis-broker")

    @classmethod
    async def open(cls, url: str, *, prefix: str = PREFIX) -> Self:
        """Listen at ``url``, as the store with the same URL and prefix announces. Raises RedisUnusable."""
        return cls(await Server.open(url, prefix))

    async def close(self) -> None:
        """Hear no more."""
        self._task.cancel()
        await asyncio.wait((self._task,))
        await self._server.close()

    def on_reset(self, listener: ResetListener) -> None:
        """See `Broker.on_reset`."""
        self._on_reset = listener

    async def subscribe(self, code: str, listener: Listener) -> None:
        """See `Broker.subscribe`. Raises StoreUnavailable if the server cannot be reached in time."""
        if self._task.done():
            raise StoreUnavailable("The broker is closed")
        channel = self._names.channel(code).encode()
        subscription = self._subscriptions[code] = _Subscription(listener)
        self._codes[channel] = code
        done: Future[None] = self._loop.create_future()
        self._asked.setdefault(channel, deque()).append([done])
        self._say(b"SUBSCRIBE", channel)
        try:
            async with asyncio.timeout(SUBSCRIBE_SECONDS):
                await done
        except BaseException as error:
            if self._subscriptions.get(code) is subscription:
                await self.unsubscribe(code)
            if isinstance(error, TimeoutError):
                raise StoreUnavailable("The broker cannot be reached") from error
            raise

    async def unsubscribe(self, code: str) -> None:
        """See `Broker.unsubscribe`."""
        if self._subscriptions.pop(code, None) is not None:
            channel = self._names.channel(code).encode()
            del self._codes[channel]
            self._say(b"UNSUBSCRIBE", channel)
            self._confirm(channel)

    def _say(self, *command: bytes) -> None:
        self._outgoing.append(command)
        self._wake.set()

    # The connection

    async def _run(self) -> None:
        """Connect, again and again."""
        pause = _FIRST_PAUSE
        while True:
            try:
                connection = await self._server.listening_connection()
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
                _log.warning(
                    "broker_line_lost", rooms=len(self._subscriptions), error=str(errors.exceptions[0])
                )
            finally:
                await connection.disconnect(nowait=True)
            await asyncio.sleep(pause)

    def _subscribe_all(self) -> None:
        """Subscribe on a new connection what was subscribed on the one before, and what waits since."""
        channels = list(self._codes)
        self._outgoing = [
            (b"SUBSCRIBE", *channels[start : start + CHANNELS_AT_ONCE])
            for start in range(0, len(channels), CHANNELS_AT_ONCE)
        ]
        waiting = {channel: [one for asked in asks for one in asked] for channel, asks in self._asked.items()}
        self._asked = {channel: deque([waiting.get(channel, [])]) for channel in channels}
        self._unconfirmed = set(channels)
        self._to_reset = list(self._subscriptions)
        for subscription in self._subscriptions.values():
            subscription.heard = 0

    async def _speak(self, connection: Connection) -> None:
        self._heard_at = self._loop.time()
        while True:
            self._wake.clear()
            commands, self._outgoing = self._outgoing, []
            await connection.send_packed_command(connection.pack_commands(commands or [(b"PING",)]))
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(PING_SECONDS):
                    await self._wake.wait()
            if self._loop.time() - self._heard_at > SILENCE_SECONDS:
                raise ConnectionError("nothing was heard for too long")

    async def _hear(self, connection: Connection) -> None:
        while True:
            message = await connection.read_response(timeout=math.inf)
            self._heard_at = self._loop.time()
            match message:
                case [b"message", channel, payload]:
                    self._announced(channel, payload)
                case [b"subscribe", channel, _]:
                    self._subscribed(channel)

    # What is heard

    def _subscribed(self, channel: bytes) -> None:
        asked = self._asked.get(channel)
        if asked:
            for waiting in asked.popleft():
                if not waiting.done():
                    waiting.set_result(None)
            if not asked:
                del self._asked[channel]
        self._confirm(channel)

    def _confirm(self, channel: bytes) -> None:
        self._unconfirmed.discard(channel)
        if not self._unconfirmed and self._to_reset:
            codes, self._to_reset = self._to_reset, []
            self._call(self._on_reset, codes)

    def _announced(self, channel: bytes, payload: bytes) -> None:
        code = self._codes.get(channel)
        if code is None:
            return  # Unsubscribed since.
        subscription = self._subscriptions[code]
        try:
            events = events_from(payload)
        except msgspec.DecodeError as error:
            # As a newer version of the service may announce while an update is under way.
            _log.warning("announcement_not_understood", room_code=code, error=str(error))
            self._call(self._on_reset, [code])
            return
        behind = events[0].version <= subscription.heard
        last = events[-1]
        # A code that was purged may be used again, from version 1.
        subscription.heard = 0 if isinstance(last, RoomPurged) else last.version
        if behind:
            _log.warning("room_went_back", room_code=code, version=events[0].version)
            self._call(self._on_reset, [code])
        else:
            self._call(subscription.listener, events)

    def _call(self, listener: Callable[[Any], None], news: Sequence[Any]) -> None:
        try:
            listener(news)
        except Exception as error:  # noqa: BLE001
            # Whoever listens: their fault must not keep the others from hearing.
            self._loop.call_exception_handler(
                {"message": "Announcing the events of a room failed", "exception": error}
            )
