"""News within one process."""

from __future__ import annotations

import pytest

from signaling.backends.local import LocalBroker
from signaling.domain.events import RoomEvent

from .changes import create, join


async def test_a_listener_hears_its_room_only() -> None:
    broker = LocalBroker()
    heard: list[RoomEvent] = []
    await broker.subscribe("aaaaaa", heard.extend)
    broker.publish("bbbbbb", create("bbbbbb").events)
    assert heard == []
    broker.publish("aaaaaa", create("aaaaaa").events)
    assert heard == list(create("aaaaaa").events)


async def test_a_second_subscription_replaces_the_first() -> None:
    broker = LocalBroker()
    first: list[RoomEvent] = []
    second: list[RoomEvent] = []
    await broker.subscribe("aaaaaa", first.extend)
    await broker.subscribe("aaaaaa", second.extend)
    broker.publish("aaaaaa", create().events)
    assert first == []
    assert second == list(create().events)


async def test_nobody_hears_after_unsubscribing() -> None:
    broker = LocalBroker()
    heard: list[RoomEvent] = []
    await broker.unsubscribe("aaaaaa")
    await broker.subscribe("aaaaaa", heard.extend)
    await broker.unsubscribe("aaaaaa")
    broker.publish("aaaaaa", create().events)
    assert heard == []


async def test_several_events_come_in_one_call() -> None:
    broker = LocalBroker()
    calls: list[list[RoomEvent]] = []
    await broker.subscribe("aaaaaa", lambda events: calls.append(list(events)))
    made = create()
    both = [*made.events, *join(made.room).events]
    broker.publish("aaaaaa", both)
    assert calls == [both]


async def test_a_fault_of_the_listener_comes_out() -> None:
    def fail(_events: object) -> None:
        raise RuntimeError("at fault")

    broker = LocalBroker()
    await broker.subscribe("aaaaaa", fail)
    with pytest.raises(RuntimeError, match="at fault"):
        broker.publish("aaaaaa", create().events)
