"""The store that several nodes share: what it promises, and how its parts keep that."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import secrets
from asyncio import Future
from collections.abc import Sequence
from typing import Any, Final, Self

from signaling.backends.redis.claims import Claims, Held
from signaling.backends.redis.lane import Lanes, Unanswered
from signaling.backends.redis.names import PARTITIONS
from signaling.backends.redis.queries import Queries
from signaling.backends.redis.records import Change, change_from
from signaling.backends.redis.server import PREFIX, Server
from signaling.domain.events import RoomEvent
from signaling.domain.room import Room
from signaling.rooms.ports import (
    LOG_LIMIT,
    Claim,
    Claimed,
    ClaimTaken,
    Commit,
    CommitUnknown,
    RoomPage,
    RoomQuery,
    Statistics,
    StoreUnavailable,
    VersionConflict,
)

PROBE_SECONDS: Final = 2.0
"""How long a probe waits. Longer than this and the store is of no use to anybody."""

REFRESH_SECONDS: Final = 5.0
"""How old the count of open rooms may be, as far as other nodes change it."""


class RedisStore:
    """A RoomStore in Redis or Valkey, for any number of nodes.

    A commit is durable when acknowledged as far as the server is (`appendfsync`, replicas). Trouble of the
    server is sat out for some seconds, then it becomes StoreUnavailable, and passes when its cause does.
    """

    def __init__(self, server: Server) -> None:
        """See `open`."""
        self._server = server
        self._names = server.names
        self._writes = Lanes(server)
        self._reads = Lanes(server)
        self._queries = Queries(self._reads, self._names)
        self._claims = Claims(self._writes, self._names)
        self._ids = (
            f"{prefix}{number:08x}" for prefix in (secrets.token_hex(6),) for number in itertools.count()
        )
        self._open_rooms = [0] * PARTITIONS
        self._probing: Future[Any] | None = None
        self._refreshing: asyncio.Task[None] | None = None

    @classmethod
    async def open(cls, url: str, *, prefix: str = PREFIX) -> Self:
        """Open the store at ``url`` (``redis:``, ``rediss:``, ``unix:``); a cluster by any of its nodes.

        Deployments that share a server need different prefixes. Raises RedisUnusable, whose text says
        what to do, or StoreUnavailable.
        """
        server = await Server.open(url, prefix)
        store = cls(server)
        try:
            await server.warn_of_settings()
            await store._refresh()
        except BaseException:
            await server.close()
            raise
        store._refreshing = asyncio.create_task(store._keep_fresh(), name="redis-refresh")
        return store

    async def close(self) -> None:
        """Finish what was begun, unless Redis is away, then close the connections.

        Calls from now on raise StoreUnavailable.
        """
        if self._refreshing is not None:
            self._refreshing.cancel()
            await asyncio.wait((self._refreshing,))
        await asyncio.gather(self._reads.close(), self._writes.close())
        await self._server.close()

    async def load(self, code: str) -> Room | None:
        """See `RoomStore.load`."""
        return await self._queries.load(code)

    async def commit(self, commit: Commit) -> None:
        """See `RoomStore.commit`. When the caller is cancelled the commit may be done all the same.

        Raises ValueError for what is not a commit: no events, a gap in them, or a room that is not theirs.
        """
        change = change_from(commit, next(self._ids), self._names, LOG_LIMIT)
        try:
            if commit.claim is None:
                version = await self._do(change)
            else:
                version = await self._do_with_claim(change, commit.claim, commit.at)
        except Unanswered as error:
            raise CommitUnknown(str(error)) from error.__cause__
        if version is not None:
            raise VersionConflict(
                f"room {commit.code} is at version {version}, not {commit.expected_version}"
            )

    async def log(self, code: str) -> Sequence[RoomEvent]:
        """See `RoomStore.log`."""
        return await self._queries.log(code)

    async def claimed(self, key: str, now: int) -> Claimed | None:
        """See `RoomStore.claimed`."""
        held = await self._claims.held(key, now)
        return None if held is None or not await self._settled(key, held) else held.claimed

    async def find(self, query: RoomQuery) -> RoomPage:
        """See `RoomStore.find`, and `queries` for what it costs."""
        return await self._queries.find(query)

    async def statistics(self, now: int) -> Statistics:
        """See `RoomStore.statistics`."""
        return await self._queries.statistics(now)

    async def due(self, now: int, limit: int) -> Sequence[str]:
        """See `RoomStore.due`."""
        return await self._queries.due(now, limit)

    async def occupied(self) -> Sequence[str]:
        """See `RoomStore.occupied`."""
        return await self._queries.occupied()

    def open_rooms(self) -> int:
        """See `RoomStore.open_rooms`: with this node's commits, and those of others REFRESH_SECONDS late."""
        return sum(self._open_rooms)

    async def probe(self) -> None:
        """See `RoomStore.probe`: writes to every partition, through the same lanes as the commits."""
        if self._probing is None or self._probing.done():
            # Those who ask meanwhile share the answer: asking often costs nothing.
            self._probing = asyncio.gather(
                *(
                    self._writes.of(partition).command("SET", f"{self._names.base(partition)}probe", 1)
                    for partition in range(PARTITIONS)
                )
            )
            self._probing.add_done_callback(lambda done: done.cancelled() or done.exception())
        try:
            async with asyncio.timeout(PROBE_SECONDS):
                await asyncio.shield(self._probing)
        except TimeoutError as error:
            raise StoreUnavailable(f"The store did not write within {PROBE_SECONDS:g} s") from error

    async def _do(self, change: Change) -> int | None:
        """Do the commit; if the room is at another version than was expected, that version.

        Done already is done.
        """
        lane = self._writes.of(change.partition)
        keys = [self._names.room(change.code), self._names.log(change.code)]
        done, number = await lane.script(change.script, keys, *change.args)
        if not done:
            return int(number)
        self._open_rooms[change.partition] = number
        return None

    async def _do_with_claim(self, change: Change, claim: Claim, at: int) -> int | None:
        """The same, together with its key. Raises ClaimTaken."""
        while (held := await self._claims.take(claim, change, at)) is not None:
            if await self._settled(claim.key, held):
                raise ClaimTaken(held.claimed)
        version = await self._do(change)
        # The commit is what counts: should this fail, the next who meets the key finds out what became of it.
        with contextlib.suppress(StoreUnavailable):
            await self._claims.settle(claim.key, change.id, done=version is None)
        return version

    async def _settled(self, key: str, held: Held) -> bool:
        """Whether the commit that holds the key was done; if nobody knows, it is done now."""
        if held.change is None:
            return True
        done = await self._do(held.change) is None
        await self._claims.settle(key, held.id, done=done)
        return done

    async def _refresh(self) -> None:
        await asyncio.gather(*map(self._count, range(PARTITIONS)))

    async def _count(self, partition: int) -> None:
        # In the lane of the commits: an answer cannot be older than one that was given before.
        lane = self._writes.of(partition)
        self._open_rooms[partition] = await lane.command("ZCARD", f"{self._names.base(partition)}open")

    async def _keep_fresh(self) -> None:
        while True:
            await asyncio.sleep(REFRESH_SECONDS)
            # What is wrong is told to whoever needs the store.
            with contextlib.suppress(StoreUnavailable):
                await self._refresh()
