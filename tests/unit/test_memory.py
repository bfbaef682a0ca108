"""When memory is given back after a crowd."""

from __future__ import annotations

import asyncio
import ctypes
import mmap
from pathlib import Path
from typing import Any

import pytest

from signaling.telemetry import memory


@pytest.fixture
def trims(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """When it was given back, by the number of the look."""
    given: list[int] = []
    monkeypatch.setattr(memory, "_trim", lambda: given.append(1))
    return given


async def look(counts: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    """The sockets at each look."""
    left = list(counts)

    async def sleep(_seconds: float) -> None:
        if not left:
            raise asyncio.CancelledError

    monkeypatch.setattr(asyncio, "sleep", sleep)
    with pytest.raises(asyncio.CancelledError):
        await memory.give_back_after_crowds(lambda: left.pop(0))


@pytest.mark.parametrize(
    ("counts", "times"),
    [
        ([0, 0, 0], 0),
        ([0, 5000, 5000, 5000], 0),
        ([0, 5000, 0], 0),  # They may be going still.
        ([0, 5000, 2500, 0, 0, 0], 1),
        ([0, 5000, 0, 0, 0, 5000, 0, 0, 0], 2),
        ([0, 5000, 4990, 4500, 4490, 4480], 0),
        ([5000, 3000, 3000, 1000, 1000, 900, 900], 2),
        ([0, 900, 0, 0, 900, 0, 0], 0),
    ],
)
async def test_once_for_each_crowd_when_it_is_gone(
    counts: list[int], times: int, trims: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    await look(counts, monkeypatch)
    assert len(trims) == times


def resident() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * mmap.PAGESIZE


def test_what_is_free_in_the_middle_of_the_heap_goes_back() -> None:
    blocks: list[Any] = [bytes(64_000) for _ in range(1000)]
    pins = [bytes(2000) for _ in range(10)]
    full = resident()
    del blocks
    memory._trim()
    # Other C libraries do it by themselves, when they want, or never.
    assert full - resident() > 40_000_000 or not hasattr(ctypes.CDLL(None), "malloc_trim")
    del pins
