"""What was sent on one seat, kept for as long as it may have to be sent again.

The client counts the frames of its seat, and so does this: a number says what arrived. Frames are kept as the
very bytes that were sent, so one that went to a whole room is in memory once.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import Final

from msgspec import Struct

FRAME_COST: Final = 48
"""Bytes that a kept frame takes beside its text."""


class ReplayLimits(Struct, frozen=True, kw_only=True):
    """Bounds of what is kept for one seat."""

    frames: int
    total_bytes: int


class Replay:
    """The last frames of one seat, oldest first. Over its limits the oldest are forgotten."""

    __slots__ = ("_bytes", "_frames", "_max_bytes", "_max_frames", "sent")

    def __init__(self, limits: ReplayLimits) -> None:
        """Nothing was sent yet."""
        self.sent = 0
        """How many frames were sent on this seat."""
        self._frames: deque[bytes] | None = None
        """None: nothing is kept, as at any silent seat. A deque is half a kilobyte, even an empty one."""
        self._bytes = 0
        self._max_frames = limits.frames
        self._max_bytes = limits.total_bytes

    def add(self, frame: bytes) -> None:
        """A frame is being sent."""
        self.sent += 1
        frames = self._frames
        if frames is None:
            frames = self._frames = deque()
        frames.append(frame)
        self._bytes += len(frame) + FRAME_COST
        while self._bytes > self._max_bytes or len(frames) > self._max_frames:
            self._bytes -= len(frames.popleft()) + FRAME_COST

    def add_all(self, frames: Sequence[bytes]) -> None:
        """These are being sent, at least one."""
        *before, last = frames
        if before:
            self.sent += len(before)
            if self._frames is None:
                self._frames = deque()
            self._frames.extend(before)
            self._bytes += sum(map(len, before)) + FRAME_COST * len(before)
        self.add(last)

    def acknowledge(self, received: int) -> None:
        """The client has so many: they need not be kept. More than were sent is no news."""
        frames = self._frames
        if frames is None or received > self.sent:
            return
        for _ in range(received - self.sent + len(frames)):
            self._bytes -= len(frames.popleft()) + FRAME_COST
        if not frames:
            self._frames = None

    def since(self, received: int) -> list[bytes] | None:
        """What follows the first ``received`` frames; None if some of it is not kept, or never was sent."""
        missing = self.sent - received
        kept = self.kept
        if not 0 <= missing <= len(kept):
            return None
        return kept[len(kept) - missing :]

    @property
    def kept(self) -> list[bytes]:
        """All that is kept."""
        return [] if self._frames is None else list(self._frames)

    def restart(self, received: int) -> None:
        """Some are lost for good: count on from where the client is."""
        self._frames = None
        self._bytes = 0
        self.sent = received

    def follow(self, received: int, missed: list[bytes]) -> None:
        """What was kept elsewhere goes before what was added here: first ``received``, then ``missed``."""
        later = self.kept
        self.restart(received)
        for frame in (*missed, *later):
            self.add(frame)

    def lose(self) -> None:
        """A frame was lost on its way here: from now on no resume recovers what was before."""
        self.restart(self.sent + 1)
