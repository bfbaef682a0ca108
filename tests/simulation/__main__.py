"""Run schedules from the command line: one again, with all that happened, or very many.

python -m simulation 4711            # this one, and its record
python -m simulation --seconds 600   # as many as fit into ten minutes, from a seed that changes daily
"""

from __future__ import annotations

import argparse
import logging
import sys
import time

from simulation.schedule import simulate

PER_DAY = 10_000_000
"""Seeds from one day to the next: more than a machine runs in a day."""


def main() -> int:
    """What was asked for; 1 if a schedule failed."""
    parser = argparse.ArgumentParser(prog="python -m simulation", description=__doc__.splitlines()[0])
    parser.add_argument("seed", type=int, nargs="?", help="the (first) seed")
    parser.add_argument("--count", type=int, help="so many seeds from there on, without their records")
    parser.add_argument("--seconds", type=float, help="as many as fit into so many seconds")
    parser.add_argument("--digests", action="store_true", help="print what tells one record from another")
    asked = parser.parse_args()
    if asked.seed is not None and asked.count is None and asked.seconds is None:
        outcome = simulate(asked.seed, level=logging.INFO)
        print(outcome.record)
        return 1 if outcome.faults else 0
    first = int(time.time() // 86_400) * PER_DAY if asked.seed is None else asked.seed
    return many(first, asked.count, asked.seconds, digests=asked.digests)


def many(first: int, count: int | None, seconds: float | None, *, digests: bool) -> int:
    """Run the seeds from ``first`` on; 1 if one failed."""
    started, seed, failed = time.monotonic(), first, 0
    while (count is None or seed < first + count) and (
        seconds is None or time.monotonic() < started + seconds
    ):
        outcome = simulate(seed)
        if outcome.faults:
            failed += 1
            print(f"seed {seed}: {outcome.faults[0]}", flush=True)
        if digests:
            print(seed, outcome.digest)
        seed += 1
    print(f"{failed} of {seed - first} schedules failed, from seed {first} on")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
