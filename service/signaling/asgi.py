"""The composition root: everything put together. The only module that names concrete stores."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from typing import Any

from signaling.backends.local import LocalBroker
from signaling.backends.measured import MeasuredStore
from signaling.backends.sqlite.store import SqliteStore
from signaling.realtime.connection import Limits
from signaling.realtime.gateway import Gateway, GatewaySettings
from signaling.realtime.replay import ReplayLimits
from signaling.rooms.codes import new_node_id
from signaling.rooms.ports import Broker, RoomStore
from signaling.rooms.resume_token import ResumeTokens
from signaling.rooms.service import RoomDefaults, RoomService
from signaling.rooms.timers import Timers
from signaling.settings import Settings
from signaling.telemetry.metrics import Metrics
from signaling.web.app import create_litestar
from signaling.web.requests import Observed


def wall_clock() -> int:
    """Milliseconds since the epoch."""
    return time.time_ns() // 1_000_000


class RunningNode:
    """What one process is made of while it runs."""

    def __init__(self, settings: Settings, store: RoomStore, broker: Broker, metrics: Metrics) -> None:
        """Puts the parts together; `run` brings them to life."""
        self.settings = settings
        self.metrics = metrics
        self.store = store
        self.rooms = RoomService(
            store=store,
            broker=broker,
            node=new_node_id(),
            clock=wall_clock,
            defaults=RoomDefaults(
                ttl_hours=settings.room_ttl_hours,
                max_participants=settings.max_participants_per_room,
                retention_hours=settings.room_retention_hours,
            ),
            grace_seconds=settings.reconnect_grace_seconds,
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
                max_frame_bytes=settings.max_frame_bytes,
                join_timeout_seconds=settings.join_timeout_seconds,
                unknown_codes_per_minute=settings.unknown_codes_per_minute,
                max_connections=settings.max_connections,
            ),
            metrics,
        )

    @contextlib.asynccontextmanager
    async def run(self) -> AsyncIterator[None]:
        """Timers and the like, for as long as the node serves."""
        await self.rooms.recover_seats()
        tasks = [
            asyncio.create_task(Timers(self.rooms, self.store).run(), name="timers"),
            asyncio.create_task(self.metrics.watch_loop(), name="loop-lag"),
        ]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)


class Application:
    """The ASGI application, and the node inside it while it runs."""

    def __init__(self, settings: Settings) -> None:
        """Opens nothing yet: `running` opens the store."""
        self.settings = settings
        self.metrics = Metrics()
        self._node: RunningNode | None = None
        self.litestar = create_litestar(
            node=self.node,
            api_keys=settings.api_keys,
            allowed_origins=settings.allowed_origins,
            metrics_public=settings.metrics_public,
            ice_servers=settings.ice_servers,
        )
        self._asgi = Observed(self.litestar, self.metrics)

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

        Raises DataDirectoryError where the data directory cannot be used.
        """
        broker = LocalBroker()
        sqlite = await SqliteStore.open(self.settings.data_dir, broker.publish)
        store = MeasuredStore(sqlite, self.metrics.commit_seconds.observe)
        try:
            self._node = RunningNode(self.settings, store, broker, self.metrics)
            async with self._node.run():
                yield self._node
        finally:
            self._node = None
            await sqlite.close()
