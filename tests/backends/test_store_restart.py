"""What a store keeps over the end of its process, on every store that keeps it."""

from __future__ import annotations

from signaling.rooms.ports import Claimed, RoomQuery

from .changes import HOUR, NOW, claim, close, create, join
from .nodes import Backend


async def test_everything_is_there_after_opening_again(backend: Backend) -> None:
    node = await backend.open()
    made = create(owner_id="ada", claim=claim())
    joined = join(made.room)
    other = create("bbbbbb", NOW + 1)
    for commit in (made, joined, other, close(other.room)):
        await node.store.commit(commit)
    query = RoomQuery(now=NOW, limit=10)
    before = (
        await node.store.load("aaaaaa"),
        await node.store.log("aaaaaa"),
        await node.store.log("bbbbbb"),
        await node.store.find(query),
        await node.store.statistics(NOW),
        await node.store.due(NOW + 9 * HOUR, 10),
        await node.store.occupied(),
        node.store.open_rooms(),
    )
    await node.close()

    node = await backend.open()
    assert before == (
        await node.store.load("aaaaaa"),
        await node.store.log("aaaaaa"),
        await node.store.log("bbbbbb"),
        await node.store.find(query),
        await node.store.statistics(NOW),
        await node.store.due(NOW + 9 * HOUR, 10),
        await node.store.occupied(),
        node.store.open_rooms(),
    )
    assert node.store.open_rooms() == 1
    assert await node.store.claimed("key-1", NOW) == Claimed(code="aaaaaa", fingerprint="print-1")
    await node.store.commit(join(joined.room, "socket-2"))
    await node.close()


async def test_commits_that_wait_when_the_store_is_closed_are_done(backend: Backend) -> None:
    import asyncio

    node = await backend.open()
    commits = [asyncio.create_task(node.store.commit(create(f"room{number:02}"))) for number in range(50)]
    await asyncio.sleep(0)
    await node.close()
    await asyncio.gather(*commits)
    node = await backend.open()
    assert node.store.open_rooms() == 50
    await node.close()
