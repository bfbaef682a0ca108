"""Thousands of schedules on virtual time. Each is made by its seed: what fails, fails again.

One again, with all that happened: `make simulate SEED=4711`. Very many: `make simulate`.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

from signaling.realtime.hub import Hub
from simulation.__main__ import main
from simulation.schedule import simulate

SEEDS: Final = int(os.environ.get("SIMULATION_SEEDS", "2000"))
"""How many are tried."""

HERE: Final = 40
"""So many of them in this process, where the coverage is measured, which takes its time."""

WORKERS: Final = 2

TESTS: Final = Path(__file__).parents[1]


def start(*arguments: object, **env: str) -> subprocess.Popen[str]:
    """``python -m simulation``, unobserved."""
    return subprocess.Popen(
        [sys.executable, "-W", "error", "-m", "simulation", *map(str, arguments)],
        cwd=TESTS,
        env={
            **{name: value for name, value in os.environ.items() if not name.startswith("COVERAGE_")},
            "PYTHONPATH": str(TESTS),
            **env,
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


@pytest.mark.parametrize("seed", range(HERE))
def test_whatever_fails_the_room_is_the_same_for_all(seed: int) -> None:
    """Capacity, one left for each joined, equal views, exact resumes, order, and nothing kept for nothing."""
    outcome = simulate(seed)
    assert not outcome.faults, f"{outcome.record}\n\nseed {seed}: {outcome.faults}"


@pytest.mark.timeout(600)
def test_in_thousands_of_schedules() -> None:
    """The same for all the others."""
    share = (SEEDS - HERE) // WORKERS
    workers = [start(HERE + number * share, "--count", share) for number in range(WORKERS)]
    said = [worker.communicate()[0] for worker in workers]
    assert [worker.returncode for worker in workers] == [0] * WORKERS, "\n".join(said)
    assert all(words.startswith(f"0 of {share} schedules failed") for words in said)


def test_a_seed_is_one_schedule() -> None:
    """In this process or another, whatever the order of its sets."""
    here = [f"{seed} {simulate(seed).digest}" for seed in range(HERE)]
    workers = [start(0, "--count", HERE, "--digests", PYTHONHASHSEED=seed) for seed in ("1", "2")]
    for worker in workers:
        said, _ = worker.communicate()
        assert said.splitlines()[:HERE] == here


def test_a_schedule_that_fails_tells_of_all_that_happened(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """With its seed, to be run again by ``python -m simulation SEED``."""
    monkeypatch.setattr(Hub, "depart", Hub.visit)
    monkeypatch.setattr(sys, "argv", ["simulation", "3"])
    assert main() == 1
    record = capsys.readouterr().out
    assert record.startswith("seed 3\n")
    assert "connects to node" in record
    assert "FAULT" in record
    monkeypatch.setattr(sys, "argv", ["simulation", "3", "--count", "2"])
    assert main() == 1
    assert capsys.readouterr().out.startswith("seed 3: ")
