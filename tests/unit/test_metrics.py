"""What is counted in the service's own way comes out as the library's counters do."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, generate_latest

from signaling.telemetry.metrics import Metrics, Tallies


def test_tallies_are_in_the_counter_once_posted() -> None:
    registry = CollectorRegistry()
    tallies = Tallies(Counter("frames", "Frames, by type.", ["type"], registry=registry))
    tallies.labels("offer").count += 3
    tallies.labels("answer")
    for _ in range(2):
        tallies.post()
        told = generate_latest(registry)
        assert b'frames_total{type="offer"} 3.0' in told
        assert b'frames_total{type="answer"} 0.0' in told
    tallies.labels("offer").count += 1
    tallies.post()
    assert b'frames_total{type="offer"} 4.0' in generate_latest(registry)


def test_a_scrape_shows_what_was_relayed_up_to_now() -> None:
    metrics = Metrics()
    metrics.relayed.labels("offer").count += 2
    assert b'signaling_relayed_frames_total{type="offer"} 2.0' in metrics.render()
