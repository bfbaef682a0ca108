"""Rooms as of their last commit, so that what was just written need not be read.

The store alone writes its file. So once a commit is acknowledged, its room is what a read would find, until
the next one is. Where it is not known what was written, the room is forgotten; all are once somebody else has
written after all, which the next transaction notices.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Final

from signaling.domain.room import Room

RECENT_BYTES: Final = 8 * 1024 * 1024
"""What the rooms may take, counted as text: some 10,000 that are empty, or 1,000 with a class in them, whose
seats take twice as much in memory."""

ROOM_COST: Final = 512
"""Bytes that a room takes beside its text."""


class RecentRooms:
    """Those last committed, within a bound; the one longest without a commit is forgotten first."""

    def __init__(self, limit: int = RECENT_BYTES) -> None:
        """None yet. ``limit`` in bytes."""
        self._limit = limit
        self._bytes = 0
        # The first of a plain dict is found behind all the places of those that were forgotten.
        self._rooms: OrderedDict[str, tuple[Room, int]] = OrderedDict()

    def get(self, code: str) -> Room | None:
        """The room, if it is known."""
        kept = self._rooms.get(code)
        return None if kept is None else kept[0]

    def keep(self, room: Room, size: int) -> None:
        """It was committed; its text has ``size`` characters."""
        self.forget(room.code)
        rooms = self._rooms
        rooms[room.code] = (room, size + ROOM_COST)
        self._bytes += size + ROOM_COST
        while self._bytes > self._limit:
            _, (_, first) = rooms.popitem(last=False)
            self._bytes -= first

    def forget(self, code: str) -> None:
        """It was purged, or what is stored of it is not known."""
        kept = self._rooms.pop(code, None)
        if kept is not None:
            self._bytes -= kept[1]

    def clear(self) -> None:
        """Forget all."""
        self._rooms.clear()
        self._bytes = 0
