"""A store whose commits are timed."""

from __future__ import annotations

import time
from collections.abc import Callable

from signaling.rooms.ports import Commit, RoomStore


class MeasuredStore:
    """Passes everything on to a store, and tells ``observe`` how many seconds each commit took."""

    def __init__(self, store: RoomStore, observe: Callable[[float], None]) -> None:
        """See the class."""
        self._commit = store.commit
        self._observe = observe
        self.load = store.load
        self.log = store.log
        self.claimed = store.claimed
        self.find = store.find
        self.statistics = store.statistics
        self.due = store.due
        self.occupied = store.occupied
        self.open_rooms = store.open_rooms
        self.probe = store.probe

    async def commit(self, commit: Commit) -> None:
        """See `RoomStore.commit`."""
        started = time.perf_counter()
        try:
            await self._commit(commit)
        finally:
            self._observe(time.perf_counter() - started)
