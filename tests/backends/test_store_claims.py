"""Idempotency keys, on every store: taken with a commit, or not at all."""

from __future__ import annotations

import asyncio

import pytest

from signaling.rooms.ports import Claimed, ClaimTaken, VersionConflict

from .changes import HOUR, NOW, after, claim, close, create, join, purge
from .nodes import Node


async def test_a_key_that_was_never_used_is_not_claimed(node: Node) -> None:
    assert await node.store.claimed("key-1", NOW) is None


async def test_a_claim_is_taken_with_the_commit(node: Node) -> None:
    await node.store.commit(create(claim=claim()))
    assert await node.store.claimed("key-1", NOW) == Claimed(code="aaaaaa", fingerprint="print-1")
    assert await node.store.claimed("key-2", NOW) is None


async def test_a_key_in_use_refuses_the_commit_and_says_what_holds_it(node: Node) -> None:
    await node.store.commit(create("aaaaaa", claim=claim()))
    heard = await node.listen("bbbbbb")
    with pytest.raises(ClaimTaken) as caught:
        await node.store.commit(create("bbbbbb", claim=claim(fingerprint="another")))
    assert caught.value.claimed == Claimed(code="aaaaaa", fingerprint="print-1")
    assert await node.store.load("bbbbbb") is None
    assert await node.store.log("bbbbbb") == []
    assert heard == []
    assert node.store.open_rooms() == 1
    assert await node.store.claimed("key-1", NOW) == Claimed(code="aaaaaa", fingerprint="print-1")


async def test_a_commit_that_conflicts_takes_no_claim(node: Node) -> None:
    await node.store.commit(create())
    with pytest.raises(VersionConflict):
        await node.store.commit(create(claim=claim()))
    assert await node.store.claimed("key-1", NOW) is None
    await node.store.commit(create("bbbbbb", claim=claim()))


async def test_a_repeated_create_that_conflicts_too_hears_of_the_claim(node: Node) -> None:
    """The claim is the answer that ends the matter; a conflict would only be tried again."""
    made = create(claim=claim())
    await node.store.commit(made)
    with pytest.raises(ClaimTaken):
        await node.store.commit(made)


async def test_a_claim_holds_until_the_millisecond_it_expires(node: Node) -> None:
    await node.store.commit(create("aaaaaa", claim=claim(expires_at=NOW + HOUR)))
    assert await node.store.claimed("key-1", NOW + HOUR - 1) is not None
    assert await node.store.claimed("key-1", NOW + HOUR) is None
    with pytest.raises(ClaimTaken):
        await node.store.commit(create("bbbbbb", NOW + HOUR - 1, claim=claim()))
    later = claim(fingerprint="print-2", expires_at=NOW + 2 * HOUR)
    await node.store.commit(create("bbbbbb", NOW + HOUR, claim=later))
    assert await node.store.claimed("key-1", NOW + HOUR) == Claimed(code="bbbbbb", fingerprint="print-2")


async def test_of_many_commits_with_one_key_one_wins(node: Node) -> None:
    codes = [f"room{number:02}" for number in range(30)]
    outcomes = await asyncio.gather(
        *(node.store.commit(create(code, claim=claim())) for code in codes), return_exceptions=True
    )
    winners = [code for code, outcome in zip(codes, outcomes, strict=True) if outcome is None]
    assert len(winners) == 1
    for outcome in outcomes:
        if outcome is not None:
            assert isinstance(outcome, ClaimTaken)
            assert outcome.claimed.code == winners[0]
    assert [code for code in codes if await node.store.load(code) is not None] == winners


async def test_a_claim_outlives_the_room_it_made(node: Node) -> None:
    made = create(claim=claim(expires_at=NOW + 24 * HOUR))
    await node.store.commit(made)
    closed = close(made.room)
    await node.store.commit(closed)
    await node.store.commit(purge(closed.room))
    assert await node.store.claimed("key-1", NOW) == Claimed(code="aaaaaa", fingerprint="print-1")


async def test_changes_of_the_room_leave_its_claim(node: Node) -> None:
    made = create(claim=claim())
    await node.store.commit(made)
    await node.store.commit(join(after(made)))
    assert await node.store.claimed("key-1", NOW) == Claimed(code="aaaaaa", fingerprint="print-1")


async def test_keys_are_compared_whole_and_as_they_are(node: Node) -> None:
    keys = ["key", "KEY", "key ", "k\N{LATIN SMALL LETTER E WITH ACUTE}y", "key%", "k_y", "'; --", "key\x00"]
    for number, key in enumerate(keys):
        await node.store.commit(create(f"room{number:02}", claim=claim(key)))
    for number, key in enumerate(keys):
        assert await node.store.claimed(key, NOW) == Claimed(code=f"room{number:02}", fingerprint="print-1")
