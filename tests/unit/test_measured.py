"""What is counted of the things that a node stands on: nothing is held back, and nothing is made up."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest

from signaling.backends.measured import MeasuredBroker, MeasuredNodes, MeasuredPost
from signaling.rooms.ports import Census, Listener, ResetListener, StoreUnavailable
from signaling.telemetry.metrics import Metrics


def value(metrics: Metrics, name: str, **labels: str) -> float:
    found = metrics.registry.get_sample_value(f"signaling_{name}", labels)
    assert found is not None, name
    return found


class Nodes:
    """Three nodes, of which one is lost, on a store that can be away."""

    def __init__(self) -> None:
        self.away = False
        self.forgotten: list[str] = []

    async def renew(self) -> bool:
        self._ask()
        return True

    async def census(self) -> Census:
        self._ask()
        return Census(alive=frozenset({"us", "them"}), lapsed=frozenset({"lost"}))

    async def forget(self, node: str) -> None:
        self._ask()
        self.forgotten.append(node)

    def _ask(self) -> None:
        if self.away:
            raise StoreUnavailable("away")


async def test_nodes_are_counted_as_they_are_seen() -> None:
    metrics, nodes = Metrics(), Nodes()
    measured = MeasuredNodes(nodes, "us", metrics)
    assert await measured.renew()
    assert await measured.census() == await nodes.census()
    assert value(metrics, "nodes") == 2
    assert value(metrics, "redis_round_trip_seconds_count") == 1


@pytest.mark.parametrize("ask", [MeasuredNodes.renew, MeasuredNodes.census])
async def test_while_the_store_is_away_no_node_is_seen(ask: Callable[[MeasuredNodes], Any]) -> None:
    metrics, nodes = Metrics(), Nodes()
    measured = MeasuredNodes(nodes, "us", metrics)
    await measured.census()
    nodes.away = True
    with pytest.raises(StoreUnavailable):
        await ask(measured)
    assert value(metrics, "nodes") == 0


async def test_lost_nodes_are_others_that_were_dealt_with() -> None:
    metrics, nodes = Metrics(), Nodes()
    measured = MeasuredNodes(nodes, "us", metrics)
    await measured.forget("lost")
    await measured.forget("us")
    nodes.away = True
    with pytest.raises(StoreUnavailable):
        await measured.forget("another")
    assert nodes.forgotten == ["lost", "us"]
    assert value(metrics, "nodes_lost_total") == 1


class Post:
    """Keeps what is sent until there is too much, and its callbacks for the test to call."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, bytes]] = []
        self.room = 2

    def listen(
        self,
        receive: Callable[[str, bytes], None],
        *,
        lost: Callable[[str], None],
        undelivered: Callable[[str, list[bytes]], None],
    ) -> None:
        self.receive, self.lost, self.undelivered = receive, lost, undelivered

    async def start(self) -> None:
        self.started = True

    def send(self, node: str, message: bytes) -> bool:
        if len(self.sent) >= self.room:
            return False
        self.sent.append((node, message))
        return True


async def test_messages_are_counted_both_ways_and_passed_on() -> None:
    metrics, post = Metrics(), Post()
    measured = MeasuredPost(post, metrics)
    heard: list[Any] = []
    measured.listen(
        lambda *what: heard.append(what),
        lost=lambda sender: heard.append(sender),
        undelivered=lambda *what: heard.append(what),
    )
    await measured.start()
    assert post.started
    assert [measured.send("them", b"1"), measured.send("them", b"2"), measured.send("them", b"3")] == [
        True,
        True,
        False,
    ]
    assert post.sent == [("them", b"1"), ("them", b"2")]
    post.receive("them", b"4")
    post.lost("them")
    post.undelivered("them", [b"1", b"2"])
    assert heard == [("them", b"4"), "them", ("them", [b"1", b"2"])]
    counted = {
        result: value(metrics, "node_messages_total", result=result)
        for result in ("sent", "refused", "received", "given_back")
    }
    assert counted == {"sent": 2, "refused": 1, "received": 1, "given_back": 2}
    assert value(metrics, "node_message_gaps_total") == 1


class Broker:
    """Keeps its listeners for the test to call."""

    def __init__(self) -> None:
        self.listeners: dict[str, Listener] = {}

    async def subscribe(self, code: str, listener: Listener) -> None:
        self.listeners[code] = listener

    async def unsubscribe(self, code: str) -> None:
        del self.listeners[code]

    def on_reset(self, listener: ResetListener) -> None:
        self.reset = listener


async def test_rooms_that_are_loaded_again_are_counted() -> None:
    metrics, broker = Metrics(), Broker()
    measured = MeasuredBroker(broker, metrics)
    heard: list[Sequence[str]] = []
    measured.on_reset(heard.append)
    await measured.subscribe("a7x9k2", lambda _: None)
    assert list(broker.listeners) == ["a7x9k2"]
    await measured.unsubscribe("a7x9k2")
    assert not broker.listeners
    broker.reset(["a7x9k2", "k3v9zq"])
    assert heard == [["a7x9k2", "k3v9zq"]]
    assert value(metrics, "room_reloads_total") == 2
