"""Metrics for Prometheus. Names and labels are an interface: docs/operations.md lists them.

Where several workers serve on one port, a scrape reaches any of them. So they keep their figures in files
of one folder, and whoever is asked answers for all: with sums, or with what a gauge's ``multiprocess_mode``
says.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Final

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    generate_latest,
    values,
)
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead

SHARED_IN: Final = "PROMETHEUS_MULTIPROC_DIR"
"""The variable of the environment in which the library looks for that folder."""

_COMMIT_BUCKETS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5)
_LAG_INTERVAL: Final = 0.5


def share_metrics(worker: int) -> None:
    """From now on metrics are those of this worker among others, in the folder SHARED_IN.

    By the worker's number, not its process: whoever takes its place goes on counting where it ended.
    """
    values.ValueClass = values.MultiProcessValue(lambda: worker)  # type: ignore[no-untyped-call]


def forget_metrics(folder: Path, worker: int) -> None:
    """A worker ended: its gauges are of the past. What it counted stays."""
    mark_process_dead(worker, str(folder))  # type: ignore[no-untyped-call]


class Tally:
    """A count that is changed for every frame or socket: in one thread, so it needs no lock."""

    __slots__ = ("count",)

    def __init__(self) -> None:
        """Starts at zero."""
        self.count = 0


class Tallies:
    """A counter with one label that is added to by tallies. What they have counted is in it after `post`."""

    def __init__(self, counter: Counter) -> None:
        """Adds to ``counter``."""
        self.counter = counter
        self._tallies: dict[str, Tally] = {}
        self._posted: dict[str, int] = {}

    def labels(self, value: str) -> Tally:
        """The tally of this value."""
        if value not in self._tallies:
            self._tallies[value], self._posted[value] = Tally(), 0
            self.counter.labels(value)
        return self._tallies[value]

    def post(self) -> None:
        """Add what was counted since the last call."""
        for value, tally in self._tallies.items():
            news = tally.count - self._posted[value]
            if news:
                self.counter.labels(value).inc(news)
                self._posted[value] = tally.count


class Metrics:
    """Everything that is counted, in a registry of its own."""

    def __init__(self) -> None:
        """Starts at zero."""
        registry = self.registry = CollectorRegistry()
        self._shared = bool(values.ValueClass._multiprocess)
        if not self._shared:
            ProcessCollector(registry=registry)
        self.connections = Tally()
        """Open sockets."""
        self._connections = Gauge(
            "signaling_websocket_connections",
            "Open WebSocket connections of this process.",
            multiprocess_mode="livesum",
            registry=registry,
        )
        self.seated = Tally()
        """Those in a room."""
        self._seated = Gauge(
            "signaling_participants",
            "Sockets of this process that are in a room.",
            multiprocess_mode="livesum",
            registry=registry,
        )
        self.open_rooms = Gauge(
            "signaling_open_rooms",
            "Open rooms in the store.",
            multiprocess_mode="livemostrecent",
            registry=registry,
        )
        self.rooms_created = Counter(
            "signaling_rooms_created", "Rooms made by this process.", registry=registry
        )
        joins = Counter(
            "signaling_joins", "Joins by result: joined, or the error code.", ["result"], registry=registry
        )
        self.joins = Tallies(joins)
        self.resumes = Counter(
            "signaling_resumes",
            "Resumes by result: recovered (nothing was missed), not_recovered, or the error code.",
            ["result"],
            registry=registry,
        )
        relayed = Counter(
            "signaling_relayed_frames",
            "Frames carried from socket to socket, by type.",
            ["type"],
            registry=registry,
        )
        self.relayed = Tallies(relayed)
        self.errors = Counter(
            "signaling_errors",
            "Errors sent, by code, over which interface.",
            ["interface", "code"],
            registry=registry,
        )
        closes = Counter(
            "signaling_socket_closes",
            "Sockets ended, by close code; 1006 is a lost line.",
            ["code"],
            registry=registry,
        )
        self.closes = Tallies(closes)
        self.outbox_overflows = Counter(
            "signaling_outbox_overflows", "Sockets closed because they did not read.", registry=registry
        )
        self.throttled = Counter(
            "signaling_throttled_reads",
            "Times that reading from a flooding socket was paused.",
            registry=registry,
        )
        self.requests = Counter(
            "signaling_http_requests",
            "HTTP requests by method, route and status.",
            ["method", "route", "status"],
            registry=registry,
        )
        self.commit_seconds = Histogram(
            "signaling_commit_seconds",
            "Time of a commit, queueing included.",
            buckets=_COMMIT_BUCKETS,
            registry=registry,
        )
        self.loop_lag = Gauge(
            "signaling_event_loop_lag_seconds",
            "How late the event loop ran its last timer.",
            multiprocess_mode="livemax",
            registry=registry,
        )
        self.workers = Gauge(
            "signaling_workers",
            "Processes that serve on this port: WEB_CONCURRENCY, if all is well.",
            multiprocess_mode="livesum",
            registry=registry,
        )
        self.nodes = Gauge(
            "signaling_nodes",
            "Nodes that share the rooms and live; each worker is one. 0 while Redis is away, or without one.",
            multiprocess_mode="livemostrecent",
            registry=registry,
        )
        self.nodes_lost = Counter(
            "signaling_nodes_lost",
            "Nodes that this process found dead, and whose seats it dealt with.",
            registry=registry,
        )
        self.node_messages = Counter(
            "signaling_node_messages",
            "Messages with other nodes: sent, received, refused (too much waits), given_back (unheard).",
            ["result"],
            registry=registry,
        )
        self.node_gaps = Counter(
            "signaling_node_message_gaps",
            "Times that messages of another node were found missing.",
            registry=registry,
        )
        self.handovers = Counter(
            "signaling_handovers",
            "Seats taken over from other nodes: recovered (with all that was missed), or not_recovered.",
            ["result"],
            registry=registry,
        )
        self.reloads = Counter(
            "signaling_room_reloads",
            "Rooms loaded again, as news of them may be missing: the line to Redis broke, or it failed over.",
            registry=registry,
        )
        self.round_trip = Histogram(
            "signaling_redis_round_trip_seconds",
            "Time of the call, each second, that renews this node's lease in Redis.",
            buckets=_COMMIT_BUCKETS,
            registry=registry,
        )

    def post(self) -> None:
        """Let the library have what was tallied."""
        for tallies in (self.joins, self.relayed, self.closes):
            tallies.post()
        self._connections.set(self.connections.count)
        self._seated.set(self.seated.count)

    def render(self) -> bytes:
        """The exposition, in Prometheus' text format 0.0.4."""
        self.post()
        if not self._shared:
            return generate_latest(self.registry)
        registry = CollectorRegistry()
        MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
        return generate_latest(registry)

    async def watch_loop(self) -> None:
        """Measure the event loop's lag until cancelled; and let other workers see the tallies."""
        now: Callable[[], float] = asyncio.get_running_loop().time
        try:
            while True:
                due = now() + _LAG_INTERVAL
                await asyncio.sleep(_LAG_INTERVAL)
                self.loop_lag.set(max(0.0, now() - due))
                self.post()
        finally:
            self.post()
