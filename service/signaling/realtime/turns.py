"""Taking turns by name: locks that exist only while somebody uses them."""

from __future__ import annotations

import asyncio
from collections import deque
from types import TracebackType


class Turns:
    """One user at a time for each name, in the order they came. As many entries as names in use."""

    def __init__(self) -> None:
        """Nobody uses anything yet."""
        self._waiting: dict[str, deque[asyncio.Future[None]] | None] = {}
        """By name in use, those who wait for it; None: nobody ever did."""

    def take(self, name: str) -> _Turn:
        """To be entered: waits for one's turn at ``name``, and holds it. At once if nobody has it."""
        return _Turn(self, name)

    def is_free(self, name: str) -> bool:
        """Whether nobody has the turn."""
        return name not in self._waiting

    async def wait(self, name: str) -> None:
        """Returns when it is the caller's turn: `give` is to be called then."""
        if name not in self._waiting:
            self._waiting[name] = None
            return
        waiting = self._waiting[name]
        if waiting is None:
            waiting = self._waiting[name] = deque()
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        waiting.append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if not turn.cancelled():
                # It came just now, and goes on to the next.
                self.give(name)
            raise

    def give(self, name: str) -> None:
        """The turn is over."""
        waiting = self._waiting[name]
        while waiting:
            turn = waiting.popleft()
            # Else whoever waited has given up.
            if not turn.cancelled():
                turn.set_result(None)
                return
        del self._waiting[name]


class _Turn:
    __slots__ = ("_name", "_turns")

    def __init__(self, turns: Turns, name: str) -> None:
        self._turns = turns
        self._name = name

    async def __aenter__(self) -> None:
        await self._turns.wait(self._name)

    async def __aexit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self._turns.give(self._name)
