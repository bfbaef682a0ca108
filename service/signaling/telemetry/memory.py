"""Memory that a crowd has left behind goes back to the operating system."""

from __future__ import annotations

import asyncio
import ctypes
import gc
from collections.abc import Callable
from typing import Final

INTERVAL: Final = 2.0
"""Seconds between looks."""

CROWD: Final = 1000
"""Sockets that must have gone since the last time: what fewer leave is soon used again."""


async def give_back_after_crowds(sockets: Callable[[], int]) -> None:
    """Whenever many sockets have gone and no more are going, give back what they leave; until cancelled.

    The C library keeps freed memory for itself unless the end of its heap is free, which after a crowd it
    never is. ``sockets``: how many are open.
    """
    crowd = before = sockets()
    while True:
        await asyncio.sleep(INTERVAL)
        now = sockets()
        crowd = max(crowd, now)
        if crowd - now >= CROWD and now >= before - CROWD // 10:
            gc.collect()
            # Not in the event loop: a large heap takes a while, and only those who need memory wait.
            await asyncio.to_thread(_trim)
            crowd = now
        before = now


def _trim() -> None:
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:  # Only glibc has it; others do it by themselves, or not at all.
        trim(0)
