"""Which server does what, how long, and what the service should reach."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final

from msgspec import Struct

from bench import workloads
from bench.figures import Check, Goal, Results
from bench.frames import ICE_BYTES, SDP_BYTES
from bench.servers import FASTAPI, LIMIT, MANY_ROOMS, OURS, PEERJS, WS, Kind, Server
from bench.workloads import Figures

IN_FLIGHT: Final = 8


class Scale(Struct, frozen=True, kw_only=True):
    """How much of everything."""

    rounds: int
    seconds: float
    """Of each measurement that goes on for a time."""
    classes: int
    morning_classes: int
    morning_seconds: float
    idle_sockets: int
    idle_rounds: int
    idle_settle: float
    stored_rooms: int


FULL: Final = Scale(
    rounds=9,
    seconds=2.0,
    classes=20,
    morning_classes=20,
    morning_seconds=6.0,
    idle_sockets=10_000,
    idle_rounds=1,
    idle_settle=8.0,
    stored_rooms=10_000,
)
QUICK: Final = Scale(
    rounds=1,
    seconds=0.5,
    classes=4,
    morning_classes=4,
    morning_seconds=1.0,
    idle_sockets=500,
    idle_rounds=1,
    idle_settle=3.0,
    stored_rooms=10_000,
)
SMOKE: Final = Scale(
    rounds=1,
    seconds=0.2,
    classes=1,
    morning_classes=1,
    morning_seconds=0.2,
    idle_sockets=50,
    idle_rounds=1,
    idle_settle=0.1,
    stored_rooms=0,
)
"""To see that it runs."""


class Work(Struct, frozen=True, kw_only=True):
    """One workload, and who does it."""

    name: str
    title: str
    figure: str
    """The one that is compared."""
    unit: str
    more_is_better: bool
    servers: tuple[Kind, ...]
    run: Callable[[Server, Scale], Awaitable[Figures]]
    environment: dict[str, str] = {}
    """For our service: where a setting only shortens the wait."""


ALL: Final = (OURS, MANY_ROOMS, FASTAPI, PEERJS, WS, LIMIT)
WITH_ROOMS: Final = (OURS, MANY_ROOMS, FASTAPI, WS, LIMIT)
WITH_REST: Final = (OURS, MANY_ROOMS, FASTAPI, WS)

WORKS: Final = (
    Work(
        name="ice",
        title="ICE frames, one in flight",
        servers=ALL,
        run=lambda server, scale: workloads.relay(server, scale.seconds, "ice_candidate", ICE_BYTES, 1),
        figure="frames_per_cpu_second",
        unit="frames per CPU second",
        more_is_better=True,
    ),
    Work(
        name="ice_burst",
        title=f"ICE frames, {IN_FLIGHT} in flight",
        servers=ALL,
        run=lambda server, scale: workloads.relay(
            server, scale.seconds, "ice_candidate", ICE_BYTES, IN_FLIGHT
        ),
        figure="frames_per_cpu_second",
        unit="frames per CPU second",
        more_is_better=True,
    ),
    Work(
        name="sdp",
        title="SDP frames, one in flight",
        servers=ALL,
        run=lambda server, scale: workloads.relay(server, scale.seconds, "offer", SDP_BYTES, 1),
        figure="frames_per_cpu_second",
        unit="frames per CPU second",
        more_is_better=True,
    ),
    Work(
        name="latency",
        title=f"latency at {workloads.LATENCY_RATE} frames a second, median",
        servers=tuple(kind for kind in ALL if kind is not MANY_ROOMS),
        run=lambda server, scale: workloads.latency(server, scale.seconds),
        figure="p50_ms",
        unit="ms",
        more_is_better=False,
    ),
    Work(
        name="classes",
        title="classes of 30 joining at once, time for each",
        servers=WITH_ROOMS,
        run=lambda server, scale: workloads.classes(server, scale.classes),
        figure="ms_per_class",
        unit="ms per class",
        more_is_better=False,
    ),
    Work(
        name="morning",
        title="a school morning",
        servers=tuple(kind for kind in WITH_ROOMS if kind is not MANY_ROOMS),
        run=lambda server, scale: workloads.morning(server, scale.morning_classes, scale.morning_seconds),
        figure="cpu_ms_per_pupil",
        unit="CPU ms per pupil",
        more_is_better=False,
    ),
    Work(
        name="churn",
        title="connect, join and leave",
        servers=ALL,
        run=lambda server, scale: workloads.churn(server, scale.seconds),
        figure="visits_per_cpu_second",
        unit="per CPU second",
        more_is_better=True,
    ),
    Work(
        name="create",
        title="rooms made by REST",
        servers=WITH_REST,
        run=lambda server, scale: workloads.rest_create(server, scale.seconds),
        figure="requests_per_cpu_second",
        unit="per CPU second",
        more_is_better=True,
    ),
    Work(
        name="read",
        title="rooms read by REST",
        servers=WITH_REST,
        run=lambda server, scale: workloads.rest_read(server, scale.seconds),
        figure="requests_per_cpu_second",
        unit="per CPU second",
        more_is_better=True,
    ),
)

IDLE: Final = Work(
    name="idle",
    title="memory of an idle socket in a room",
    servers=tuple(kind for kind in ALL if kind is not MANY_ROOMS),
    run=lambda server, scale: workloads.idle(server, scale.idle_sockets, scale.idle_settle),
    figure="bytes_per_socket",
    unit="bytes",
    more_is_better=False,
    environment={"PING_INTERVAL_SECONDS": "2"},
)

EVERY_WORK: Final = (*WORKS, IDLE)

GENERATOR_LIMIT: Final = 0.9
"""Share of its core from which on the load generator may have held a server back."""


def _ratio(results: Results, work: str, other: Kind, bound: float, *, figure: str = "") -> Check:
    found = next(one for one in EVERY_WORK if one.name == work)
    summary = results.ratio(work, OURS.name, other.name, figure or found.figure)
    return Check(None if summary is None else summary.median, bound, found.more_is_better, other.title)


def _many_rooms(results: Results) -> list[Check]:
    checks = []
    for work in WORKS:
        if MANY_ROOMS not in work.servers:
            continue
        summary = results.ratio(work.name, MANY_ROOMS.name, OURS.name, work.figure)
        bound = 0.9 if work.more_is_better else 1.1
        measured = None if summary is None else summary.median
        checks.append(Check(measured, bound, work.more_is_better, work.title))
    return checks


def _idle(results: Results) -> list[Check]:
    summary = results.summary("idle", OURS.name, "bytes_per_socket")
    return [Check(None if summary is None else summary.median / 1024, 14, False, "KB")]


def _across(results: Results) -> list[Check]:
    summary = results.summary("across", "nodes", "times_local")
    return [Check(None if summary is None else summary.median, 2, False, "a relay within one node")]


GOALS: Final = (
    Goal(
        "ICE frames, one in flight",
        "at least 4.5 times FastAPI, 2.2 times PeerJS, 60 % of the C relay",
        lambda r: [
            _ratio(r, "ice", FASTAPI, 4.5),
            _ratio(r, "ice", PEERJS, 2.2),
            _ratio(r, "ice", LIMIT, 0.6),
        ],
    ),
    Goal(
        "ICE frames, 8 in flight",
        "at least 6 times FastAPI, 3.5 times PeerJS, level with the C relay, which does not batch",
        lambda r: [
            _ratio(r, "ice_burst", FASTAPI, 6),
            _ratio(r, "ice_burst", PEERJS, 3.5),
            _ratio(r, "ice_burst", LIMIT, 1),
        ],
    ),
    Goal(
        "SDP frames",
        "at least 6.5 times FastAPI, 2.8 times PeerJS",
        lambda r: [_ratio(r, "sdp", FASTAPI, 6.5), _ratio(r, "sdp", PEERJS, 2.8)],
    ),
    Goal(
        "classes of 30 joining at once",
        "at most 0.12 of FastAPI's time",
        lambda r: [_ratio(r, "classes", FASTAPI, 0.12)],
    ),
    Goal(
        "connect, join and leave",
        "at least 2 times FastAPI, level with `ws`",
        lambda r: [_ratio(r, "churn", FASTAPI, 2), _ratio(r, "churn", WS, 1)],
    ),
    Goal(
        "rooms made and read by REST",
        "each at least 1.5 times FastAPI, durable commit included",
        lambda r: [_ratio(r, "create", FASTAPI, 1.5), _ratio(r, "read", FASTAPI, 1.5)],
    ),
    Goal(
        "latency at 2,000 frames a second",
        "median at most 0.55 of FastAPI's, 99th percentile no worse than that of `ws`",
        lambda r: [
            _ratio(r, "latency", FASTAPI, 0.55),
            _ratio(r, "latency", WS, 1, figure="p99_ms"),
        ],
    ),
    Goal("idle socket in a room", "at most 14 KB", _idle),
    Goal("relay to another node through Redis", "at most 2 times the CPU of a local one", _across),
    Goal("10,000 rooms", "change none of the figures by more than 10 %", _many_rooms),
)
