"""Questions about all rooms: each partition is asked, and the answers are put together.

What a page costs: PARTITIONS scripts of O(log rooms + limit) each, in one round trip, then one read for each
room on the page, in another. Where it matters whether they are, open rooms past their time add O(log rooms)
each; few, as the service expires them within seconds. The partitions are not asked at the very same moment,
so a room that changes meanwhile may be counted as it was, and is shown as it is.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from signaling.backends.redis.lane import Lanes
from signaling.backends.redis.names import PARTITIONS, Names, digest, partition_of
from signaling.backends.redis.records import event_from, room_from
from signaling.backends.redis.scripts import FIND, STATISTICS, Script
from signaling.domain.events import RoomEvent
from signaling.domain.room import Room
from signaling.rooms.ports import RoomPage, RoomQuery, Statistics


class Queries:
    """The rooms of a deployment, read."""

    def __init__(self, lanes: Lanes, names: Names) -> None:
        """See the module."""
        self._lanes = lanes
        self._names = names

    async def load(self, code: str) -> Room | None:
        """See `RoomStore.load`."""
        body = await self._lanes.of(partition_of(code)).command("HGET", self._names.room(code), "body")
        return None if body is None else room_from(body)

    async def log(self, code: str) -> Sequence[RoomEvent]:
        """See `RoomStore.log`."""
        entries = await self._lanes.of(partition_of(code)).command("LRANGE", self._names.log(code), 0, -1)
        return [event_from(entry) for entry in entries]

    async def find(self, query: RoomQuery) -> RoomPage:
        """See `RoomStore.find`."""
        after_time, after_code = ("", "") if query.after is None else query.after
        answers = await self._ask_all(
            FIND,
            "open",
            query.now,
            "" if query.state is None else query.state.value,
            "" if query.owner_id is None else digest(query.owner_id),
            query.limit + 1,
            after_time,
            after_code,
        )
        found = sorted(
            (
                (int(created_at), code.decode())
                for answer in answers
                for code, created_at in zip(answer[1::2], answer[2::2], strict=True)
            ),
            reverse=True,
        )
        rooms = await asyncio.gather(*(self.load(code) for _, code in found[: query.limit]))
        return RoomPage(
            # What no longer matches, as it changed since its partition was asked, is left out.
            rooms=[
                room.as_of(query.now)
                for room in rooms
                if room is not None
                and query.state in (None, room.state_at(query.now))
                and query.owner_id in (None, room.owner_id)
            ],
            total=sum(int(answer[0]) for answer in answers),
            more=len(found) > query.limit,
        )

    async def statistics(self, now: int) -> Statistics:
        """See `RoomStore.statistics`."""
        answers = await self._ask_all(STATISTICS, "totals", now)
        open_, closed, expired, joined, seated = (sum(counts) for counts in zip(*answers, strict=True))
        return Statistics(
            open_rooms=open_,
            closed_rooms=closed,
            expired_rooms=expired,
            total_participants=joined,
            active_participants=seated,
        )

    async def due(self, now: int, limit: int) -> Sequence[str]:
        """See `RoomStore.due`."""
        answers = await self._command_all(
            "ZRANGEBYSCORE", "due", "-inf", now, "WITHSCORES", "LIMIT", 0, limit
        )
        due = sorted(
            (int(due_at), code.decode())
            for answer in answers
            for code, due_at in zip(answer[::2], answer[1::2], strict=True)
        )
        return [code for _, code in due[:limit]]

    async def occupied(self) -> Sequence[str]:
        """See `RoomStore.occupied`."""
        answers = await self._command_all("SMEMBERS", "occupied")
        return sorted(code.decode() for answer in answers for code in answer)

    async def _ask_all(self, script: Script, key: str, *args: Any) -> list[Any]:
        bases = [(partition, self._names.base(partition)) for partition in range(PARTITIONS)]
        return await asyncio.gather(
            *(
                self._lanes.of(partition).script(script, [base + key], base, *args)
                for partition, base in bases
            )
        )

    async def _command_all(self, command: str, key: str, *args: Any) -> list[Any]:
        return await asyncio.gather(
            *(
                self._lanes.of(partition).command(command, self._names.base(partition) + key, *args)
                for partition in range(PARTITIONS)
            )
        )
