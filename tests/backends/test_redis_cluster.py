"""A cluster of three masters: what each holds, and what happens when one is gone or gives slots away."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

from signaling.backends.redis import lane
from signaling.backends.redis.names import PARTITIONS, Names, partition_of
from signaling.rooms.ports import RoomQuery, StoreUnavailable
from support.redis_server import RedisCluster, RedisServer

from .changes import HOUR, NOW, claim, create, join, leave
from .nodes import DEADLINE_SECONDS, RedisBackend, RedisNode, heard_so_many, heard_up_to

pytestmark = pytest.mark.fault


@pytest.fixture(scope="module")
def cluster() -> Iterator[RedisCluster]:
    """One to be treated badly; each test leaves it whole."""
    with RedisCluster() as started:
        yield started


@pytest.fixture
async def node(cluster: RedisCluster) -> AsyncIterator[RedisNode]:
    opened = await RedisBackend(url=cluster.url).open()
    yield opened
    await opened.close()


def code_in(partition: int) -> str:
    """A room's code in that partition."""
    return next(code for number in range(10_000) if partition_of(code := f"{number:06}") == partition)


CODES = [code_in(partition) for partition in range(PARTITIONS)]
"""One in each."""


def slot_of(cluster: RedisCluster, key: str) -> int:
    with cluster.servers[0].client() as client:
        return int(client.execute_command("CLUSTER KEYSLOT", key))


def masters(cluster: RedisCluster, names: Names) -> list[RedisServer]:
    """The master of each partition."""
    share = -(-16384 // len(cluster.servers))
    return [
        cluster.servers[slot_of(cluster, names.base(partition)) // share] for partition in range(PARTITIONS)
    ]


async def test_rooms_are_spread_over_the_masters_and_found_together(
    cluster: RedisCluster, node: RedisNode
) -> None:
    heard = {code: await node.listen(code) for code in CODES}
    for number, code in enumerate(CODES):
        made = create(code, NOW + number, owner_id="ada", claim=claim(f"key-{code}"))
        await node.store.commit(made)
        await node.store.commit(join(made.room))
        await heard_so_many(heard[code], 2)
    page = await node.store.find(RoomQuery(now=NOW, limit=PARTITIONS, owner_id="ada"))
    assert [room.code for room in page.rooms] == CODES[::-1]
    statistics = await node.store.statistics(NOW)
    assert (statistics.open_rooms, statistics.active_participants) == (PARTITIONS, PARTITIONS)
    assert list(await node.store.due(NOW + 2 * HOUR, 99)) == CODES
    assert sorted(await node.store.occupied()) == sorted(CODES)
    names = node.store._names
    for server in cluster.servers:
        with server.client() as client:
            keys = {key.decode() for key in client.scan_iter(f"{names.prefix}:*:room:*")}
        held = {code for code, one in zip(CODES, masters(cluster, names), strict=True) if one is server}
        assert keys == {names.room(code) for code in held}
        assert len(held) >= 4


async def test_a_master_that_is_gone_keeps_nobody_waiting_but_its_own_rooms(
    cluster: RedisCluster, node: RedisNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As far as the cluster itself goes on without it (`cluster-require-full-coverage no`)."""
    monkeypatch.setattr(lane, "PATIENCE", 1.0)
    for server in cluster.servers:
        with server.client() as client:
            client.config_set("cluster-require-full-coverage", "no")
    rooms = {code: create(code) for code in CODES}
    for made in rooms.values():
        await node.store.commit(made)
    homes = masters(cluster, node.store._names)
    lost = cluster.servers[1]
    for code in CODES:
        await node.listen(code)
    await asyncio.to_thread(lost.kill9)
    outcomes = await asyncio.gather(
        *(node.store.commit(join(made.room)) for made in rooms.values()), return_exceptions=True
    )
    for home, outcome in zip(homes, outcomes, strict=True):
        assert isinstance(outcome, StoreUnavailable) if home is lost else outcome is None
    with pytest.raises(StoreUnavailable):
        await node.store.probe()
    await asyncio.to_thread(lost.start)
    await _serves_again(node)
    for code, home in zip(CODES, homes, strict=True):
        room = await node.store.load(code)
        assert room is not None
        assert len(room.seats) == (home is not lost)
    for code in CODES:
        heard = await node.listen(code)
        await node.store.commit(join(await node.store.load(code), "socket-2"))
        await heard_so_many(heard, 1)


async def test_slots_that_move_take_their_rooms_and_listeners_along(
    cluster: RedisCluster, node: RedisNode
) -> None:
    """The partition is given to another master, as by `redis-cli --cluster reshard`, and back."""
    resets: list[str] = []
    node.broker.on_reset(lambda codes: resets.extend(codes))
    code = CODES[0]
    home = masters(cluster, node.store._names)[0]
    target = next(server for server in cluster.servers if server is not home)
    heard = await node.listen(code)
    made = create(code, claim=claim())
    await node.store.commit(made)
    room = made.room
    for source, destination in ((home, target), (target, home)):
        resets.clear()
        await asyncio.to_thread(
            _move, cluster, slot_of(cluster, node.store._names.room(code)), source, destination
        )
        joined = join(room)
        await node.store.commit(joined)
        deadline = time.monotonic() + DEADLINE_SECONDS
        while code not in resets:
            assert time.monotonic() < deadline, "the listener was left behind"
            await asyncio.sleep(0.01)
        left = leave(joined.room)
        await node.store.commit(left)
        await heard_up_to(heard, left.events[-1].version)
        assert heard[-1] == left.events[-1]
        room = left.room
    assert await node.store.load(code) == room
    assert len(await node.store.log(code)) == 5


def _move(cluster: RedisCluster, slot: int, source: RedisServer, destination: RedisServer) -> None:
    def ask(server: RedisServer, *command: Any) -> Any:
        with server.client() as client:
            return client.execute_command(*command)

    source_id, destination_id = (ask(server, "CLUSTER MYID").decode() for server in (source, destination))
    ask(destination, "CLUSTER SETSLOT", slot, "IMPORTING", source_id)
    ask(source, "CLUSTER SETSLOT", slot, "MIGRATING", destination_id)
    while keys := ask(source, "CLUSTER GETKEYSINSLOT", slot, 100):
        ask(source, "MIGRATE", "127.0.0.1", destination.port, "", 0, 5000, "KEYS", *keys)
    for server in (destination, source, *cluster.servers):
        ask(server, "CLUSTER SETSLOT", slot, "NODE", destination_id)


async def _serves_again(node: RedisNode) -> None:
    deadline = time.monotonic() + DEADLINE_SECONDS
    while True:
        try:
            await node.store.probe()
        except StoreUnavailable:
            assert time.monotonic() < deadline, "the cluster did not come back"
        else:
            return
