"""Idempotency keys: taken together with a commit that is in another partition.

A key and its room seldom share a partition, so no single script can change both. Instead the key is taken
first, and *with the whole commit in it*; then the commit is made; then it is taken out of the key, which is
settled by that. Whoever meets a key that is not settled does the commit in it: by its id it is done once,
whoever does it. So a node that dies in between leaves nothing half done, and nobody waits for it.
"""

from __future__ import annotations

import msgspec
from msgspec import Struct

from signaling.backends.redis.lane import Lanes
from signaling.backends.redis.names import Names, digest, partition_of
from signaling.backends.redis.records import Change
from signaling.backends.redis.scripts import CLAIM, SETTLE
from signaling.rooms.ports import Claim, Claimed


class Held(Struct, frozen=True):
    """What holds a key."""

    claimed: Claimed
    id: str
    """Of the commit it was taken with."""
    change: Change | None
    """That commit, unless it is known to have been done."""


class Claims:
    """The keys of a deployment."""

    def __init__(self, lanes: Lanes, names: Names) -> None:
        """See the module."""
        self._lanes = lanes
        self._names = names

    async def take(self, claim: Claim, change: Change, now: int) -> Held | None:
        """Take the key for the commit; if that is not possible, what holds it."""
        held = await self._lanes.of(_partition(claim.key)).script(
            CLAIM,
            [self._names.claim(claim.key)],
            now,
            change.code,
            claim.fingerprint,
            claim.expires_at,
            change.id,
            msgspec.msgpack.encode(change),
        )
        return None if held is None else _held(*held)

    async def settle(self, key: str, id_: str, *, done: bool) -> None:
        """The commit was done, and the key stays taken; or it was refused, and the key is free."""
        await self._lanes.of(_partition(key)).script(SETTLE, [self._names.claim(key)], id_, int(done))

    async def held(self, key: str, now: int) -> Held | None:
        """What holds the key at ``now``."""
        code, fingerprint, id_, change, expires_at = await self._lanes.of(_partition(key)).command(
            "HMGET", self._names.claim(key), "code", "fingerprint", "id", "commit", "expires"
        )
        return None if code is None or int(expires_at) <= now else _held(code, fingerprint, id_, change)


def _partition(key: str) -> int:
    return partition_of(digest(key))


def _held(code: bytes, fingerprint: bytes, id_: bytes, change: bytes | None) -> Held:
    return Held(
        Claimed(code=code.decode(), fingerprint=fingerprint.decode()),
        id_.decode(),
        None if change is None else msgspec.msgpack.decode(change, type=Change),
    )
