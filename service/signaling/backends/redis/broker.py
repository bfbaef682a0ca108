"""News of room logs from all nodes.

Redis announces at most once: what is published while a connection is down is lost, and nothing need ever show
it. So when the connection is there again, and everything is subscribed again, all rooms that were subscribed
on it before are named in a reset. The same for a room whose versions go back: a master that failed over has
lost its last commits.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Self

import msgspec
import structlog
from msgspec import Struct

from signaling.backends.redis.line import Line, tell
from signaling.backends.redis.names import partition_of
from signaling.backends.redis.records import events_from
from signaling.backends.redis.server import PREFIX, Server
from signaling.domain.events import RoomPurged
from signaling.rooms.ports import Listener, ResetListener, StoreUnavailable

_log = structlog.stdlib.get_logger("signaling.broker")


class _Subscription(Struct, eq=False):
    code: str
    listener: Listener
    heard: int = 0
    """The last version announced on this connection."""


class RedisBroker:
    """A Broker for any number of nodes. `open` it; `close` it at the end."""

    def __init__(self, server: Server) -> None:
        """See `open`."""
        self._server = server
        self._lines: dict[int, Line] = {}
        self._subscriptions: dict[bytes, _Subscription] = {}
        """By channel."""
        self._on_reset: ResetListener = lambda _codes: None
        self._closed = False

    @classmethod
    async def open(cls, url: str, *, prefix: str = PREFIX) -> Self:
        """Listen at ``url``, as the store with the same URL and prefix announces. Raises RedisUnusable."""
        return cls(await Server.open(url, prefix))

    async def close(self) -> None:
        """Hear no more. Subscribing from now on raises StoreUnavailable."""
        self._closed = True
        for line in self._lines.values():
            await line.close()
        await self._server.close()

    def on_reset(self, listener: ResetListener) -> None:
        """See `Broker.on_reset`."""
        self._on_reset = listener

    async def subscribe(self, code: str, listener: Listener) -> None:
        """See `Broker.subscribe`. Raises StoreUnavailable if the server cannot be reached in time."""
        if self._closed:
            raise StoreUnavailable("The broker is closed")
        channel = self._channel(code)
        subscription = self._subscriptions[channel] = _Subscription(code, listener)
        try:
            await self._line(code).subscribe(channel)
        except BaseException:
            if self._subscriptions.get(channel) is subscription:
                await self.unsubscribe(code)
            raise

    async def unsubscribe(self, code: str) -> None:
        """See `Broker.unsubscribe`."""
        channel = self._channel(code)
        if self._subscriptions.pop(channel, None) is not None:
            self._line(code).unsubscribe(channel)

    def _channel(self, code: str) -> bytes:
        return self._server.names.channel(code).encode()

    def _line(self, code: str) -> Line:
        number = self._server.place_of(partition_of(code))
        line = self._lines.get(number)
        if line is None:
            line = self._lines[number] = Line(
                self._server, number, on_message=self._announced, on_gap=self._missed
            )
        return line

    def _announced(self, channel: bytes, payload: bytes) -> None:
        subscription = self._subscriptions.get(channel)
        if subscription is None:
            return  # Unsubscribed since.
        try:
            events = events_from(payload)
        except msgspec.DecodeError as error:
            # As a newer version of the service may announce while an update is under way.
            _log.warning("announcement_not_understood", room_code=subscription.code, error=str(error))
            tell(self._on_reset, [subscription.code])
            return
        went_back = events[0].version <= subscription.heard
        last = events[-1]
        # A code that was purged may be used again, from version 1.
        subscription.heard = 0 if isinstance(last, RoomPurged) else last.version
        if went_back:
            _log.warning("room_went_back", room_code=subscription.code, version=events[0].version)
            tell(self._on_reset, [subscription.code])
        else:
            tell(subscription.listener, events)

    def _missed(self, channels: Sequence[bytes]) -> None:
        subscriptions = [one for channel in channels if (one := self._subscriptions.get(channel)) is not None]
        for subscription in subscriptions:
            subscription.heard = 0
        tell(self._on_reset, [subscription.code for subscription in subscriptions])
