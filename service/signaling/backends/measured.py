"""What a node stands on, timed and counted."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

from signaling.rooms.ports import (
    Broker,
    Census,
    Commit,
    Nodes,
    Post,
    ResetListener,
    RoomStore,
    StoreUnavailable,
)
from signaling.telemetry.metrics import Metrics

_Answer = TypeVar("_Answer")


class MeasuredStore:
    """Passes everything on to a store, and tells ``observe`` how many seconds each commit took."""

    def __init__(self, store: RoomStore, observe: Callable[[float], None]) -> None:
        """See the class."""
        self._commit = store.commit
        self._observe = observe
        self.load = store.load
        self.log = store.log
        self.claimed = store.claimed
        self.find = store.find
        self.statistics = store.statistics
        self.due = store.due
        self.occupied = store.occupied
        self.open_rooms = store.open_rooms
        self.probe = store.probe

    async def commit(self, commit: Commit) -> None:
        """See `RoomStore.commit`."""
        started = time.perf_counter()
        try:
            await self._commit(commit)
        finally:
            self._observe(time.perf_counter() - started)


class MeasuredBroker:
    """Passes everything on to a broker, and counts rooms that have to be loaded again."""

    def __init__(self, broker: Broker, metrics: Metrics) -> None:
        """See the class."""
        self._broker = broker
        self._metrics = metrics
        self.subscribe = broker.subscribe
        self.unsubscribe = broker.unsubscribe

    def on_reset(self, listener: ResetListener) -> None:
        """See `Broker.on_reset`."""

        def reset(codes: Sequence[str]) -> None:
            self._metrics.reloads.inc(len(codes))
            listener(codes)

        self._broker.on_reset(reset)


class MeasuredPost:
    """Passes everything on to a post, and counts what comes and goes."""

    def __init__(self, post: Post, metrics: Metrics) -> None:
        """See the class."""
        self._post = post
        self._messages = metrics.node_messages
        self._sent = self._messages.labels("sent")
        self._refused = self._messages.labels("refused")
        self._gaps = metrics.node_gaps
        self.start = post.start

    def listen(
        self,
        receive: Callable[[str, bytes], None],
        *,
        lost: Callable[[str], None],
        undelivered: Callable[[str, list[bytes]], None],
    ) -> None:
        """See `Post.listen`."""
        received = self._messages.labels("received")
        given_back = self._messages.labels("given_back")

        def count_received(sender: str, message: bytes) -> None:
            received.inc()
            receive(sender, message)

        def count_lost(sender: str) -> None:
            self._gaps.inc()
            lost(sender)

        def count_undelivered(node: str, messages: list[bytes]) -> None:
            given_back.inc(len(messages))
            undelivered(node, messages)

        self._post.listen(count_received, lost=count_lost, undelivered=count_undelivered)

    def send(self, node: str, message: bytes) -> bool:
        """See `Post.send`."""
        taken = self._post.send(node, message)
        (self._sent if taken else self._refused).inc()
        return taken


class MeasuredNodes:
    """Passes everything on to the nodes, and tells how many there are and how far away Redis is."""

    def __init__(self, nodes: Nodes, node: str, metrics: Metrics) -> None:
        """``node``: this one."""
        self._nodes = nodes
        self._node = node
        self._metrics = metrics

    async def renew(self) -> bool:
        """See `Nodes.renew`."""
        started = time.perf_counter()
        try:
            return await self._asked(self._nodes.renew())
        finally:
            self._metrics.round_trip.observe(time.perf_counter() - started)

    async def census(self) -> Census:
        """See `Nodes.census`."""
        census = await self._asked(self._nodes.census())
        self._metrics.nodes.set(len(census.alive))
        return census

    async def _asked(self, answer: Awaitable[_Answer]) -> _Answer:
        try:
            return await answer
        except StoreUnavailable:
            self._metrics.nodes.set(0)
            raise

    async def forget(self, node: str) -> None:
        """See `Nodes.forget`."""
        await self._nodes.forget(node)
        if node != self._node:
            self._metrics.nodes_lost.inc()
