"""The composition root: everything put together. The only module that names concrete stores."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from typing import Any, Final

from msgspec import Struct

from signaling.backends.local import LocalBroker, LocalPost
from signaling.backends.measured import MeasuredBroker, MeasuredNodes, MeasuredPost, MeasuredStore
from signaling.backends.redis.broker import RedisBroker
from signaling.backends.redis.errors import RedisUnreachable
from signaling.backends.redis.nodes import RedisNodes
from signaling.backends.redis.post import RedisPost
from signaling.backends.redis.store import RedisStore
from signaling.backends.sqlite.store import SqliteStore
from signaling.realtime.connection import Limits
from signaling.realtime.gateway import Gateway, GatewaySettings
from signaling.realtime.replay import ReplayLimits
from signaling.rooms.codes import new_node_id
from signaling.rooms.membership import Membership
from signaling.rooms.ports import Broker, Nodes, Post, RoomStore, StoreUnavailable
from signaling.rooms.resume_token import ResumeTokens
from signaling.rooms.service import RoomDefaults, RoomService
from signaling.rooms.timers import Timers
from signaling.settings import Settings
from signaling.telemetry.memory import give_back_after_crowds
from signaling.telemetry.metrics import Metrics
from signaling.web.app import create_litestar, dependencies
from signaling.web.auth import ApiKeys
from signaling.web.requests import Observed, Outcomes
from signaling.web.short_way import ShortWay
from signaling.web.socket import Acceptor
from signaling.web.socket_protocol import SocketLimits

_FIRST_RECOVERY: Final = 0.5
_LAST_RECOVERY: Final = 60.0
"""Seconds between tries to deal with rooms that could not be read at the start."""

_FORGET_SECONDS: Final = 0.5
"""How long a node that stops tries to say so: Redis may be away, and the time to stop is short."""


def wall_clock() -> int:
    """Milliseconds since the epoch."""
    return time.time_ns() // 1_000_000


class Backing(Struct, frozen=True, kw_only=True):
    """What a node stands on."""

    node: str
    """Its id."""
    store: RoomStore
    broker: Broker
    post: Post
    nodes: Nodes | None
    """The other nodes; None where there can be none."""


@contextlib.asynccontextmanager
async def embedded(settings: Settings) -> AsyncIterator[Backing]:
    """Rooms of this process alone, in its data directory. Raises DataDirectoryError."""
    broker = LocalBroker()
    store = await SqliteStore.open(settings.data_dir, broker.publish)
    try:
        yield Backing(node=new_node_id(), store=store, broker=broker, post=LocalPost(), nodes=None)
    finally:
        await store.close()


@contextlib.asynccontextmanager
async def shared(settings: Settings) -> AsyncIterator[Backing]:
    """Rooms that several nodes share, in Redis. Raises RedisUnusable, StoreUnavailable."""
    url, node = settings.redis_url, new_node_id()
    async with contextlib.AsyncExitStack() as opened:
        store = await RedisStore.open(url)
        opened.push_async_callback(store.close)
        broker = await RedisBroker.open(url)
        opened.push_async_callback(broker.close)
        nodes = await RedisNodes.open(url, node)
        opened.push_async_callback(nodes.close)
        post = await RedisPost.open(url, node)
        opened.push_async_callback(post.close)
        yield Backing(node=node, store=store, broker=broker, post=post, nodes=nodes)


class RunningNode:
    """What one process is made of while it runs."""

    def __init__(self, settings: Settings, backing: Backing, metrics: Metrics) -> None:
        """Puts the parts together; `run` brings them to life."""
        self.settings = settings
        self.metrics = metrics
        self.store: RoomStore = MeasuredStore(backing.store, metrics.commit_seconds.observe)
        self._post: Post = MeasuredPost(backing.post, metrics)
        self._nodes: Nodes | None = backing.nodes and MeasuredNodes(backing.nodes, backing.node, metrics)
        self._membership: Membership | None = None
        self.rooms = RoomService(
            store=self.store,
            broker=MeasuredBroker(backing.broker, metrics),
            node=backing.node,
            clock=wall_clock,
            defaults=RoomDefaults(
                ttl_hours=settings.room_ttl_hours,
                max_participants=settings.max_participants_per_room,
                retention_hours=settings.room_retention_hours,
            ),
            grace_seconds=settings.reconnect_grace_seconds,
            shared=backing.nodes is not None,
        )
        self.gateway = Gateway(
            self.rooms,
            ResumeTokens(settings.api_keys),
            GatewaySettings(
                limits=Limits(
                    outbox_bytes=settings.outbox_bytes,
                    frames_per_second=settings.frames_per_second,
                    burst_frames=settings.burst_frames,
                ),
                replay=ReplayLimits(frames=settings.replay_frames, total_bytes=settings.replay_bytes),
                resume_window_seconds=settings.reconnect_grace_seconds,
                shared=backing.nodes is not None,
                max_frame_bytes=settings.max_frame_bytes,
                join_timeout_seconds=settings.join_timeout_seconds,
                unknown_codes_per_minute=settings.unknown_codes_per_minute,
                max_connections=settings.max_connections,
            ),
            metrics,
            self._post,
        )
        metrics.workers.set(1)

    @contextlib.asynccontextmanager
    async def run(self) -> AsyncIterator[None]:
        """Timers and the like, for as long as the node serves."""
        tasks = [
            asyncio.create_task(Timers(self.rooms, self.store).run(), name="timers"),
            asyncio.create_task(self.metrics.watch_loop(), name="loop-lag"),
            asyncio.create_task(give_back_after_crowds(lambda: self.gateway.connections), name="memory"),
        ]
        try:
            if self._nodes is None:
                recovery = await self.rooms.recover_seats()
                if recovery.left:
                    tasks.append(asyncio.create_task(self._recover(recovery.left), name="recovery"))
            else:
                self._membership = membership = Membership(self.rooms, self._nodes, time.monotonic)
                try:
                    await self._post.start()
                    await membership.look()
                except StoreUnavailable as error:
                    raise RedisUnreachable(self.settings.redis_url, error) from error
                tasks.append(asyncio.create_task(membership.run(), name="membership"))
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            if self._nodes is not None:
                # Else its lease ends by itself.
                with contextlib.suppress(StoreUnavailable, TimeoutError):
                    async with asyncio.timeout(_FORGET_SECONDS):
                        await self._nodes.forget(self.rooms.node)

    async def drain(self) -> None:
        """Let all sockets go, and their seats to other nodes, if there are any. Bounded by the caller."""
        await self.gateway.drain(None if self._membership is None else self._membership.resign)

    async def _recover(self, left: frozenset[str]) -> None:
        """Rooms that could not be dealt with at the start: their seats must end some time, too."""
        pause = _FIRST_RECOVERY
        while left:
            await asyncio.sleep(pause)
            pause = min(2 * pause, _LAST_RECOVERY)
            left = (await self.rooms.recover_seats(codes=left)).left


class Application:
    """The ASGI application, and the node inside it while it runs."""

    def __init__(self, settings: Settings) -> None:
        """Opens nothing yet: `running` opens the store."""
        self.settings = settings
        self.metrics = Metrics()
        self._node: RunningNode | None = None
        keys, outcomes = ApiKeys(settings.api_keys), Outcomes(self.metrics)
        self.litestar = create_litestar(
            node=self.node,
            keys=keys,
            allowed_origins=settings.allowed_origins,
            metrics_public=settings.metrics_public,
            ice_servers=settings.ice_servers,
        )
        self._asgi = Observed(self.litestar, outcomes)
        self.short_way = ShortWay(
            self.litestar, keys=keys, dependencies=dependencies(self.node), outcomes=outcomes
        )
        """What answers plain calls instead."""
        self.acceptor = Acceptor(
            lambda: self.node().gateway,
            allowed_origins=settings.allowed_origins,
            trusted_proxies=settings.trusted_proxies,
            limits=SocketLimits(
                max_frame_bytes=settings.max_frame_bytes,
                ping_interval=settings.ping_interval_seconds,
                ping_timeout=settings.ping_timeout_seconds,
            ),
        )
        """Where WebSockets come in."""

    def node(self) -> RunningNode:
        """The running node. Raises LookupError outside `running`."""
        if self._node is None:
            raise LookupError("the application is not running")
        return self._node

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """ASGI."""
        await self._asgi(scope, receive, send)

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[RunningNode]:
        """The application with its store open, for as long as it is to serve.

        Raises DataDirectoryError where the data directory cannot be used; with a REDIS_URL, RedisUnusable or
        StoreUnavailable where Redis cannot.
        """
        backing = shared if self.settings.redis_url else embedded
        async with backing(self.settings) as opened:
            self._node = RunningNode(self.settings, opened, self.metrics)
            try:
                async with self._node.run():
                    yield self._node
            finally:
                self._node = None
