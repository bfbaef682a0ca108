"""What came in and was not read yet: bounded, and with an end."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable

from signaling_client.errors import SignalingError
from signaling_client.messages import Event


class Inbox:
    """Events from the line to the application, in order.

    Where the application does not keep up, ``limit`` events wait here and the line is not read further: then
    the service holds back what is for this session, and closes the socket if that becomes too much. Nothing
    is dropped.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._events: deque[Event] = deque()
        self._news = asyncio.Event()
        self._room = asyncio.Event()
        self._over = False
        self._error: SignalingError | None = None

    async def put(self, event: Event, *, stretch: Callable[[], float]) -> None:
        """Add an event, once there is room: for ``stretch()`` times the limit."""
        while len(self._events) >= self._limit * stretch() and not self._over:
            self._room.clear()
            await self._room.wait()
        if not self._over:
            self._events.append(event)
            self._news.set()

    def look_again(self) -> None:
        """Have a `put` that waits ask again how much room there is."""
        self._room.set()

    def end(self, error: SignalingError | None) -> None:
        """No more will come: those here are given out, then the end, which is ``error`` if there is one."""
        if not self._over:
            self._over = True
            self._error = error
            self._news.set()
            self._room.set()

    async def get(self) -> Event:
        """The next event. Raises the error of the end, or StopAsyncIteration."""
        while not self._events:
            if self._over:
                if self._error is not None:
                    raise self._error
                raise StopAsyncIteration
            self._news.clear()
            await self._news.wait()
        event = self._events.popleft()
        self._room.set()
        return event
