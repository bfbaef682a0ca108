"""Messages between nodes, by Redis.

All messages for one node that are sent in one turn of the event loop travel as one announcement on that
node's channel. Each has a number, by node that sends: so one that was announced twice, as may happen when a
reply is lost, is heard once, and one that was lost is noticed when the next comes. When none would come, an
empty one is sent, so that the loss of the last is noticed, too.
"""

from __future__ import annotations

import asyncio
import secrets
from collections import OrderedDict
from collections.abc import Callable
from typing import Any, Final, Self

import msgspec
import structlog
from msgspec import Struct

from signaling.backends.redis.lane import Lane
from signaling.backends.redis.line import Line
from signaling.backends.redis.names import partition_of
from signaling.backends.redis.server import PREFIX, Server
from signaling.rooms.ports import StoreUnavailable

MAX_WAITING: Final = 4 * 1024 * 1024
"""Bytes that may wait to be sent to one node. A second of a busy node's relays; then no more are taken."""

TAIL_SECONDS: Final = 1.0
"""How often it is looked whether the last messages to a node need one behind them."""

MAX_TAILS: Final = 60
"""Looks after which a node that does not listen is not written to any more."""

MAX_SENDERS: Final = 4096
"""Nodes whose numbers are remembered: as many as start in months of daily updates."""

_log = structlog.stdlib.get_logger("signaling.post")


class _Bundle(Struct, frozen=True, array_like=True):
    sender: str
    series: str
    """Numbers count from 1 within a series."""
    number: int
    messages: list[bytes]


_encode: Final = msgspec.msgpack.Encoder().encode
_decode: Final = msgspec.msgpack.Decoder(_Bundle).decode


class _Outbound:
    """What goes to one node."""

    __slots__ = ("bytes", "doubtful", "messages", "number", "quiet", "series")

    def __init__(self) -> None:
        self.messages: list[bytes] = []
        self.bytes = 0
        """Of what waits and of what is on its way."""
        self.series = secrets.token_hex(4)
        self.number = 0
        self.doubtful = False
        """Whether the last may have been lost."""
        self.quiet = 0
        """For how many looks nothing was sent."""


class RedisPost:
    """A Post for any number of nodes. `open` it; `close` it at the end."""

    def __init__(self, server: Server, node: str) -> None:
        """See `open`."""
        self._server = server
        self._node = node
        self._loop = asyncio.get_running_loop()
        self._lane = Lane(server)
        self._outbound: dict[str, _Outbound] = {}
        self._ready: list[str] = []
        self._inbound: OrderedDict[str, tuple[str, int]] = OrderedDict()
        """By sender, the series and the last number heard; the one heard last at the end."""
        self._receive: Callable[[str, bytes], None]
        self._lost: Callable[[str], None]
        self._unheard: Callable[[str], None]
        self._line: Line | None = None
        self._tails: asyncio.Task[None] | None = None

    @classmethod
    async def open(cls, url: str, node: str, *, prefix: str = PREFIX) -> Self:
        """For this node, at ``url``. `listen`, then `start` it. Raises RedisUnusable."""
        return cls(await Server.open(url, prefix), node)

    def listen(
        self,
        receive: Callable[[str, bytes], None],
        *,
        lost: Callable[[str], None],
        unheard: Callable[[str], None],
    ) -> None:
        """See `Post.listen`."""
        self._receive, self._lost, self._unheard = receive, lost, unheard

    async def start(self) -> None:
        """Hear from now on. Raises StoreUnavailable."""
        place = self._server.place_of(partition_of(self._node))
        self._line = Line(self._server, place, on_message=self._heard, on_gap=lambda _channels: None)
        await self._line.subscribe(self._channel(self._node))
        self._tails = self._loop.create_task(self._send_tails(), name="post-tails")

    async def close(self) -> None:
        """Send what waits, and hear no more."""
        if self._tails is not None:
            self._tails.cancel()
            await asyncio.wait((self._tails,))
        self._flush()
        await self._lane.close()
        if self._line is not None:
            await self._line.close()
        await self._server.close()

    def send(self, node: str, message: bytes) -> bool:
        """See `Post.send`."""
        outbound = self._outbound.get(node)
        if outbound is None:
            outbound = self._outbound[node] = _Outbound()
        if outbound.bytes + len(message) > MAX_WAITING:
            return False
        outbound.bytes += len(message)
        if not outbound.messages:
            if not self._ready:
                self._loop.call_soon(self._flush)
            self._ready.append(node)
        outbound.messages.append(message)
        return True

    def _channel(self, node: str) -> bytes:
        return self._server.names.post(node).encode()

    def _flush(self) -> None:
        ready, self._ready = self._ready, []
        for node in ready:
            outbound = self._outbound[node]
            messages, outbound.messages = outbound.messages, []
            outbound.quiet = 0
            self._announce(node, outbound, messages)

    def _announce(self, node: str, outbound: _Outbound, messages: list[bytes]) -> None:
        outbound.number += 1
        bundle = _encode(_Bundle(self._node, outbound.series, outbound.number, messages))
        done = self._lane.command("SPUBLISH", self._channel(node), bundle)
        size = sum(map(len, messages))
        done.add_done_callback(lambda done: self._announced(node, outbound, size, done))

    def _announced(self, node: str, outbound: _Outbound, size: int, done: asyncio.Future[Any]) -> None:
        outbound.bytes -= size
        error = None if done.cancelled() else done.exception()
        if isinstance(error, StoreUnavailable):
            _log.warning("post_delayed", node=node, error=str(error))
            outbound.doubtful = True
        elif error is None and not done.cancelled() and done.result() == 0:
            # It is gone, or its own line to Redis is broken just now.
            outbound.doubtful = True
            self._unheard(node)

    async def _send_tails(self) -> None:
        while True:
            await asyncio.sleep(TAIL_SECONDS)
            for node, outbound in list(self._outbound.items()):
                outbound.quiet += 1
                if outbound.messages or outbound.bytes:
                    continue
                if outbound.quiet > MAX_TAILS:
                    # Gone for good; should it come back, it sees a new series.
                    if outbound.doubtful:
                        del self._outbound[node]
                elif outbound.doubtful or outbound.quiet == 1:
                    outbound.doubtful = False
                    self._announce(node, outbound, [])

    def _heard(self, _channel: bytes, payload: bytes) -> None:
        try:
            bundle = _decode(payload)
        except msgspec.DecodeError as error:
            _log.warning("post_not_understood", error=str(error))
            return
        series, last = self._inbound.get(bundle.sender, ("", 0))
        if series != bundle.series:
            last = 0
        if bundle.number <= last:
            return
        self._inbound[bundle.sender] = (bundle.series, bundle.number)
        self._inbound.move_to_end(bundle.sender)
        if len(self._inbound) > MAX_SENDERS:
            self._inbound.popitem(last=False)
        if bundle.number != last + 1:
            _log.warning("post_lost", sender=bundle.sender)
            self._lost(bundle.sender)
        for message in bundle.messages:
            self._receive(bundle.sender, message)
