"""Messages between nodes, by Redis.

Messages for one node travel as one announcement on that node's channel: all that were sent in one turn of the
event loop, or while the one before was on its way. Each has a number, by node that sends: so one that was
announced twice, as may happen when a reply is lost, is heard once, and one that was lost is noticed when the
next comes. When none would come, an empty one is sent, so that the loss of the last is noticed, too.

Redis says how many heard an announcement. While nobody does, as when a node's own line is being made again,
it is announced again, and what is sent meanwhile waits behind it. After a while it is given back.
What may have been heard, though the reply was lost, is never given back, as it could be heard twice.
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

from signaling.backends.redis.lane import LAST_PATIENCE, Lane
from signaling.backends.redis.line import Line, tell
from signaling.backends.redis.names import partition_of
from signaling.backends.redis.server import PREFIX, Server
from signaling.rooms.ports import StoreUnavailable

MAX_WAITING: Final = 4 * 1024 * 1024
"""Bytes that may wait to be sent to one node. A second of a busy node's relays; then no more are taken."""

DEAF_SECONDS: Final = 1.0
"""How long a node may hear nothing until messages for it are given back: its line is made again sooner."""

DOUBTFUL_SECONDS: Final = 4.0
"""The same where Redis itself was away, and lines are made again at both ends; some may have been heard."""

RETRY_SECONDS: Final = 0.1
"""Between announcements of what nobody heard."""

LOOK_SECONDS: Final = 1.0
"""How often it is looked whether the last messages to a node need one behind them."""

TAILS: Final = (1, 5, 25)
"""Looks without a message after which one is sent: soon, and once a line that died unseen was found out."""

MAX_LOOKS: Final = 60
"""Looks without a message after which the numbers of a node begin anew."""

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


class _Sent(Struct):
    """An announcement that nobody is known to have heard yet."""

    bundle: bytes
    messages: list[bytes]
    size: int
    doubtful: bool = False
    """Whether it may have been heard all the same."""


class _Outbound:
    """What goes to one node."""

    __slots__ = ("bytes", "messages", "number", "persisting", "quiet", "series", "underway")

    def __init__(self) -> None:
        self.messages: list[bytes] = []
        """Not announced yet."""
        self.bytes = 0
        """Of what waits and of what is on its way."""
        self.series = secrets.token_hex(4)
        self.number = 0
        self.underway: _Sent | None = None
        """One at a time: none that is not heard can be overtaken. Nor has the lane more round trips."""
        self.persisting: asyncio.Task[None] | None = None
        """While that is announced again."""
        self.quiet = 0
        """For how many looks there was nothing to say."""


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
        self._announcing: set[asyncio.Future[Any]] = set()
        self._inbound: OrderedDict[str, tuple[str, int]] = OrderedDict()
        """By sender, the series and the last number heard; the one heard last at the end."""
        self._receive: Callable[[str, bytes], None]
        self._lost: Callable[[str], None]
        self._undelivered: Callable[[str, list[bytes]], None]
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
        undelivered: Callable[[str, list[bytes]], None],
    ) -> None:
        """See `Post.listen`."""
        self._receive, self._lost, self._undelivered = receive, lost, undelivered

    async def start(self) -> None:
        """Hear from now on. Raises StoreUnavailable."""
        place = self._server.place_of(partition_of(self._node))
        self._line = Line(self._server, place, on_message=self._heard, on_gap=lambda _channels: None)
        await self._line.subscribe(self._channel(self._node))
        self._tails = self._loop.create_task(self._send_tails(), name="post-tails")

    async def close(self) -> None:
        """Send what waits, if that is possible now, and hear no more."""
        if self._tails is not None:
            self._tails.cancel()
            await asyncio.wait((self._tails,))
        self._lane.hurry()
        self._flush()
        latest = self._loop.time() + LAST_PATIENCE
        while self._announcing and (left := latest - self._loop.time()) > 0:
            await asyncio.wait(set(self._announcing), timeout=left)
        for outbound in self._outbound.values():
            if outbound.persisting is not None:
                outbound.persisting.cancel()
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
            if outbound.underway is None and outbound.messages:
                self._announce(node, outbound)

    def _announce(self, node: str, outbound: _Outbound) -> None:
        messages, outbound.messages = outbound.messages, []
        outbound.quiet = 0
        outbound.number += 1
        bundle = _encode(_Bundle(self._node, outbound.series, outbound.number, messages))
        outbound.underway = sent = _Sent(bundle, messages, sum(map(len, messages)))
        done = self._publish(node, bundle)
        self._announcing.add(done)
        done.add_done_callback(lambda done: self._announced(node, outbound, sent, done))

    def _publish(self, node: str, bundle: bytes) -> asyncio.Future[tuple[int, bool]]:
        return self._lane.repeated("SPUBLISH", self._channel(node), bundle)

    def _announced(self, node: str, outbound: _Outbound, sent: _Sent, done: asyncio.Future[Any]) -> None:
        self._announcing.discard(done)
        if done.cancelled():
            return
        error = done.exception()
        if error is None and done.result()[0]:
            self._was_heard(node, outbound, sent)
            return
        sent.doubtful = error is not None or done.result()[1]
        outbound.persisting = self._loop.create_task(self._persist(node, outbound, sent), name="post-persist")

    def _was_heard(self, node: str, outbound: _Outbound, sent: _Sent) -> None:
        outbound.bytes -= sent.size
        outbound.underway = outbound.persisting = None
        if outbound.messages:
            self._announce(node, outbound)

    async def _persist(self, node: str, outbound: _Outbound, sent: _Sent) -> None:
        """Announce again what nobody heard, until it is heard or to be given back."""
        deaf_since = self._loop.time()
        while True:
            await asyncio.sleep(RETRY_SECONDS)
            try:
                heard, lost = await self._publish(node, sent.bundle)
            except StoreUnavailable as error:
                _log.warning("post_delayed", node=node, error=str(error))
                heard, lost = 0, True
            if heard:
                self._was_heard(node, outbound, sent)
                return
            if lost:
                # Redis was away, and with it the node's own line: this says nothing about the node.
                sent.doubtful = True
                deaf_since = self._loop.time()
            elif self._loop.time() - deaf_since > (DOUBTFUL_SECONDS if sent.doubtful else DEAF_SECONDS):
                self._give_back(node, outbound, sent)
                return

    def _give_back(self, node: str, outbound: _Outbound, sent: _Sent) -> None:
        back = outbound.messages
        if sent.doubtful:
            # Should the node hear again, the gap in the numbers says that something may be missing.
            outbound.quiet = 0
        else:
            outbound.number -= 1
            back = sent.messages + back
        outbound.messages, outbound.bytes = [], 0
        outbound.underway = outbound.persisting = None
        if back:
            tell(self._undelivered, node, back)

    async def _send_tails(self) -> None:
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            for node, outbound in list(self._outbound.items()):
                if outbound.messages or outbound.underway is not None:
                    continue
                outbound.quiet += 1
                if outbound.quiet > MAX_LOOKS:
                    # Whatever was sent was heard, or noticed as lost, long ago.
                    del self._outbound[node]
                elif outbound.quiet in TAILS:
                    quiet = outbound.quiet
                    self._announce(node, outbound)
                    outbound.quiet = quiet

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
            tell(self._lost, bundle.sender)
        for message in bundle.messages:
            tell(self._receive, bundle.sender, message)
