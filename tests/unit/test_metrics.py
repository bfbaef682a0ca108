"""What the metrics of the service's own make say: the same as the library's would."""

from __future__ import annotations

import re

from prometheus_client import CollectorRegistry, Counter, generate_latest

from signaling.telemetry.metrics import Tallies


def test_tallies_are_told_as_counters_are() -> None:
    registries = CollectorRegistry(), CollectorRegistry()
    tallies = Tallies("frames", "Frames, by type.", "type", registry=registries[0])
    counter = Counter("frames", "Frames, by type.", ["type"], registry=registries[1])
    for kind, count in (("offer", 3), ("answer", 0)):
        tallies.labels(kind).count += count
        counter.labels(kind).inc(count)
    tallies.labels("offer").count += 1
    counter.labels("offer").inc()
    ours, theirs = (re.sub(rb"(_created.*) .*", rb"\1", generate_latest(one)) for one in registries)
    assert ours == theirs
    assert b'frames_total{type="offer"} 4.0' in ours
