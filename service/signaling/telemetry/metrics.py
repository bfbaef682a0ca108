"""Metrics for Prometheus. Names and labels are an interface: docs/operations.md lists them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, Metric
from prometheus_client.registry import Collector

_COMMIT_BUCKETS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5)
_LAG_INTERVAL: Final = 0.5


class Tally:
    """A count that is added to for every frame: in one thread, so it needs no lock."""

    __slots__ = ("count",)

    def __init__(self) -> None:
        """Starts at zero."""
        self.count = 0


class Tallies(Collector):
    """A Prometheus counter made of tallies, one for each value of its label."""

    def __init__(self, name: str, documentation: str, label: str, registry: CollectorRegistry) -> None:
        """As a Counter of the library."""
        self._name = name
        self._documentation = documentation
        self._label = label
        self._tallies: dict[str, tuple[Tally, float]] = {}
        registry.register(self)

    def labels(self, value: str) -> Tally:
        """The tally of this value."""
        return self._tallies.setdefault(value, (Tally(), time.time()))[0]

    def collect(self) -> Iterator[Metric]:
        """As the registry asks for it."""
        family = CounterMetricFamily(self._name, self._documentation, labels=[self._label])
        for value, (tally, created) in self._tallies.items():
            family.add_metric([value], tally.count, created)
        yield family

    def describe(self) -> Iterator[Metric]:
        """The name, before anything is counted."""
        yield CounterMetricFamily(self._name, self._documentation, labels=[self._label])


class Metrics:
    """Everything that is counted, in a registry of its own."""

    def __init__(self) -> None:
        """Starts at zero."""
        registry = self.registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        self.connections = Gauge(
            "signaling_websocket_connections",
            "Open WebSocket connections of this process.",
            registry=registry,
        )
        self.seated = Gauge(
            "signaling_participants", "Sockets of this process that are in a room.", registry=registry
        )
        self.open_rooms = Gauge("signaling_open_rooms", "Open rooms in the store.", registry=registry)
        self.rooms_created = Counter(
            "signaling_rooms_created", "Rooms made by this process.", registry=registry
        )
        self.joins = Counter(
            "signaling_joins", "Joins by result: joined, or the error code.", ["result"], registry=registry
        )
        self.resumes = Counter(
            "signaling_resumes",
            "Resumes by result: recovered (nothing was missed), not_recovered, or the error code.",
            ["result"],
            registry=registry,
        )
        self.relayed = Tallies(
            "signaling_relayed_frames",
            "Frames carried from socket to socket, by type.",
            "type",
            registry=registry,
        )
        self.errors = Counter(
            "signaling_errors",
            "Errors sent, by code, over which interface.",
            ["interface", "code"],
            registry=registry,
        )
        self.closes = Counter(
            "signaling_socket_closes",
            "Sockets ended, by close code; 1006 is a lost line.",
            ["code"],
            registry=registry,
        )
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
            registry=registry,
        )

    def render(self) -> bytes:
        """The exposition, in Prometheus' text format 0.0.4."""
        return generate_latest(self.registry)

    async def watch_loop(self) -> None:
        """Measure the event loop's lag until cancelled."""
        now: Callable[[], float] = asyncio.get_running_loop().time
        while True:
            due = now() + _LAG_INTERVAL
            await asyncio.sleep(_LAG_INTERVAL)
            self.loop_lag.set(max(0.0, now() - due))
