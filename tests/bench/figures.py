"""The arithmetic of the benchmark: what many rounds come to."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterable, Mapping
from typing import Final

from msgspec import Struct

Round = Mapping[str, Mapping[str, Mapping[str, float]]]
"""Of one round, by workload and by server: the figures by name."""

SAME: Final = 1.2
"""Ratios under this mean: the same. Shared machines are no calmer."""


class Summary(Struct, frozen=True):
    """A figure over all rounds."""

    median: float
    low: float
    high: float
    rounds: int

    @classmethod
    def of(cls, values: Iterable[float]) -> Summary:
        """Raises ValueError where there are none."""
        found = sorted(values)
        if not found:
            raise ValueError("no round has this figure")
        return cls(statistics.median(found), found[0], found[-1], len(found))

    @property
    def spread(self) -> float:
        """The greatest distance from the median, as a share of it."""
        if not self.median:
            return 0.0
        return max(self.high - self.median, self.median - self.low) / self.median


class Results:
    """All rounds."""

    def __init__(self, rounds: list[Round]) -> None:
        self.rounds = rounds

    def summary(self, workload: str, server: str, figure: str) -> Summary | None:
        """One figure of one server; None if it was never taken."""
        values = self._values(workload, server, figure)
        return Summary.of(values.values()) if values else None

    def ratio(self, workload: str, server: str, other: str, figure: str) -> Summary | None:
        """How many times the other's figure: of each round, for what one has both had."""
        mine, theirs = self._values(workload, server, figure), self._values(workload, other, figure)
        ratios = [mine[number] / theirs[number] for number in mine if theirs.get(number)]
        return Summary.of(ratios) if ratios else None

    def across(self, workload: str, base: str, server: str, figure: str) -> Summary | None:
        """As `ratio`, of one server in two workloads."""
        mine, theirs = self._values(workload, server, figure), self._values(base, server, figure)
        ratios = [mine[number] / theirs[number] for number in mine if theirs.get(number)]
        return Summary.of(ratios) if ratios else None

    def highest(self, figure: str, workloads: Iterable[str], servers: Iterable[str]) -> float:
        """The highest value of a figure anywhere in these; 0 if there is none."""
        wanted = set(servers)
        return max(
            (
                figures[figure]
                for workload in workloads
                for one in self.rounds
                for server, figures in one.get(workload, {}).items()
                if server in wanted and figure in figures
            ),
            default=0.0,
        )

    def _values(self, workload: str, server: str, figure: str) -> dict[int, float]:
        return {
            number: one[workload][server][figure]
            for number, one in enumerate(self.rounds)
            if figure in one.get(workload, {}).get(server, {})
        }


class Check(Struct, frozen=True):
    """One half of a goal: something measured, and what it should be."""

    measured: float | None
    bound: float
    at_least: bool
    """Or else at most."""
    against: str

    @property
    def reached(self) -> bool | None:
        """None: it was not measured."""
        if self.measured is None:
            return None
        return self.measured >= self.bound if self.at_least else self.measured <= self.bound

    @property
    def short_by(self) -> float:
        """How much is missing, as a share of the goal; 0 where it is reached."""
        if self.measured is None or self.reached:
            return 0.0
        return abs(self.measured - self.bound) / self.bound


class Goal(Struct, frozen=True):
    """What the service should reach."""

    work: str
    words: str
    checks: Callable[[Results], list[Check]]
