"""One timer for all who wait equally long."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from signaling.realtime.deadlines import Deadlines


class Clock:
    """What is used of the event loop; time stands still until it is moved."""

    def __init__(self) -> None:
        self.now = 50.0
        self.timers: list[tuple[float, Callable[[], None]]] = []
        self.set = 0

    def time(self) -> float:
        return self.now

    def call_later(self, delay: float, callback: Callable[[], None]) -> object:
        self.set += 1
        self.timers.append((self.now + delay, callback))
        return object()

    def forward(self, seconds: float) -> None:
        ends = self.now + seconds
        while due := sorted(
            (timer for timer in self.timers if timer[0] <= ends + 1e-9), key=lambda timer: timer[0]
        ):
            self.timers.remove(due[0])
            self.now = max(self.now, due[0][0])
            due[0][1]()
        self.now = ends


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def told() -> list[str]:
    return []


def deadlines(clock: Clock, due: Callable[[Any], None], monkeypatch: pytest.MonkeyPatch) -> Deadlines[str]:
    monkeypatch.setattr(asyncio, "get_running_loop", lambda: clock)
    made: Deadlines[str] = Deadlines(10, due)
    monkeypatch.undo()
    return made


async def test_each_is_told_once_in_order_and_never_too_early(
    clock: Clock, told: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    waiting = deadlines(clock, told.append, monkeypatch)
    waiting.start("first")
    clock.forward(4)
    waiting.start("second")
    clock.forward(5.9)
    assert told == []
    clock.forward(0.2)
    assert told == ["first"]
    assert "first" not in waiting
    assert "second" in waiting
    clock.forward(3.8)
    assert told == ["first"]
    clock.forward(0.2)
    assert told == ["first", "second"]
    clock.forward(100)
    assert told == ["first", "second"]
    assert not clock.timers


async def test_who_is_stopped_is_not_told_and_who_starts_again_waits_again(
    clock: Clock, told: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    waiting = deadlines(clock, told.append, monkeypatch)
    for name in ("stopped", "again", "other"):
        waiting.start(name)
    clock.forward(5)
    waiting.stop("stopped")
    waiting.stop("never there")
    waiting.start("again")
    clock.forward(5.1)
    assert told == ["other"]
    clock.forward(5)
    assert told == ["other", "again"]


async def test_many_share_a_timer(clock: Clock, told: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    waiting = deadlines(clock, told.append, monkeypatch)
    names = [str(number) for number in range(1000)]
    for name in names:
        waiting.start(name)
    assert len(clock.timers) == 1
    clock.forward(10.1)
    assert told == names
    assert clock.set < 5


async def test_whoever_is_told_may_start_and_stop_others(
    clock: Clock, told: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def due(name: str) -> None:
        told.append(name)
        waiting.stop("unwanted")
        waiting.start("new")

    waiting = deadlines(clock, due, monkeypatch)
    waiting.start("first")
    waiting.start("unwanted")
    clock.forward(10.1)
    assert told == ["first"]
    clock.forward(10)
    assert told == ["first", "new"]


async def test_one_that_starts_meanwhile_does_not_keep_the_others_waiting(
    clock: Clock, told: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def due(name: str) -> None:
        told.append(name)
        if name == "first":
            waiting.start("new")

    waiting = deadlines(clock, due, monkeypatch)
    waiting.start("first")
    clock.forward(1)
    waiting.start("second")
    clock.forward(9.1)
    assert told == ["first"]
    clock.forward(1)
    assert told == ["first", "second"]
    clock.forward(8.9)
    assert told == ["first", "second", "new"]


async def test_one_that_fails_does_not_keep_the_others_waiting(
    clock: Clock, told: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def due(name: str) -> None:
        if name == "bad":
            raise ValueError(name)
        told.append(name)

    waiting = deadlines(clock, due, monkeypatch)
    waiting.start("bad")
    waiting.start("good")
    clock.forward(10.1)
    assert told == ["good"]
