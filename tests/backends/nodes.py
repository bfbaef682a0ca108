"""A store as one process of the service has it, and every kind of store there is.

A new store joins the suite by one more entry in BACKENDS.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Generic, Protocol, TypeVar

from signaling.backends.local import LocalBroker
from signaling.backends.sqlite.store import SqliteStore
from signaling.domain.events import RoomEvent
from signaling.rooms.ports import Broker, RoomStore

DEADLINE_SECONDS = 10.0

Store_co = TypeVar("Store_co", bound=RoomStore, covariant=True)


class NodeOf(Generic[Store_co]):
    """One process's store and broker; ``close`` ends it in order."""

    def __init__(self, store: Store_co, broker: Broker, close: Callable[[], Awaitable[None]]) -> None:
        self.store = store
        self.broker = broker
        self.close = close

    async def listen(self, code: str) -> list[RoomEvent]:
        """What is announced of the room from now on: the list grows as it comes."""
        heard: list[RoomEvent] = []
        await self.broker.subscribe(code, heard.extend)
        return heard


Node = NodeOf[RoomStore]

SqliteNode = NodeOf[SqliteStore]


class Backend(Protocol):
    """A kind of store, and one set of data in it."""

    async def open(self) -> Node:
        """A node on the data; the one before must have been closed."""


class SqliteBackend:
    """The embedded store in a directory."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory / "data"

    async def open(self) -> SqliteNode:
        broker = LocalBroker()
        store = await SqliteStore.open(self.directory, broker.publish)
        return SqliteNode(store, broker, store.close)


BACKENDS: dict[str, Callable[[Path], Backend]] = {"sqlite": SqliteBackend}


async def heard_up_to(heard: Sequence[RoomEvent], version: int) -> None:
    """Return when the event of that version was announced; fail when it is not in time."""
    deadline = time.monotonic() + DEADLINE_SECONDS
    while not any(event.version == version for event in heard):
        assert time.monotonic() < deadline, f"version {version} was not announced: {heard}"
        await asyncio.sleep(0.005)
