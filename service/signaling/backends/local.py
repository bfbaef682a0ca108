"""News of room logs within one process."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from signaling.domain.events import RoomEvent
from signaling.rooms.ports import Listener, ResetListener


class LocalBroker:
    """A Broker for a store that lives in this process: what is published is heard at once.

    All methods must be called in the event loop. The listeners are bounded by whoever subscribes:
    one for each room that has members here.
    """

    def __init__(self) -> None:
        """Nobody listens yet."""
        self._listeners: dict[str, Listener] = {}

    async def subscribe(self, code: str, listener: Listener) -> None:
        """Call ``listener`` with every event of the room published from now on, instead of an earlier one."""
        self._listeners[code] = listener

    async def unsubscribe(self, code: str) -> None:
        """Stop calling. Does nothing when there is no subscription."""
        self._listeners.pop(code, None)

    def publish(self, code: str, events: Sequence[RoomEvent]) -> None:
        """Give ``events`` to the room's listener, if there is one. What it raises comes out here."""
        listener = self._listeners.get(code)
        if listener is not None:
            listener(events)

    def on_reset(self, listener: ResetListener) -> None:
        """Never calls: within one process nothing is missed."""


class LocalPost:
    """A Post where there is one node: nobody hears what is sent to others, as those are no more."""

    def __init__(self) -> None:
        """Must be made inside the event loop."""
        self._loop = asyncio.get_running_loop()
        self._undelivered: Callable[[str, list[bytes]], None]

    def listen(
        self,
        receive: Callable[[str, bytes], None],  # noqa: ARG002
        *,
        lost: Callable[[str], None],  # noqa: ARG002
        undelivered: Callable[[str, list[bytes]], None],
    ) -> None:
        """Calls the last one only."""
        self._undelivered = undelivered

    async def start(self) -> None:
        """There is nothing to hear."""

    def send(self, node: str, message: bytes) -> bool:
        """Give it back, soon."""
        self._loop.call_soon(self._undelivered, node, [message])
        return True
