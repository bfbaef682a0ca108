"""Timed work: whatever the store's due list says, any node may do.

Each piece is a Tick, decided at a time and committed with the usual version check, so
losing a race to another node is harmless.
"""

from __future__ import annotations

import asyncio
from typing import Final

import structlog

from signaling.contract.errors import SignalingError
from signaling.rooms.ports import RoomStore, StoreUnavailable
from signaling.rooms.service import RoomService

INTERVAL: Final = 0.5
"""Seconds between looks at the due list: an expiry must reach everyone within 2 s of its time."""

BATCH: Final = 256
"""Rooms taken off the due list at once."""

_log = structlog.stdlib.get_logger("signaling.timers")


class Timers:
    """Works off the due list until cancelled."""

    def __init__(self, rooms: RoomService, store: RoomStore) -> None:
        """The store is asked only what is due; the rooms do it."""
        self._rooms = rooms
        self._store = store

    async def run(self) -> None:
        """For as long as the node lives."""
        while True:
            try:
                done = await self.work_off()
            except Exception:  # noqa: BLE001 - logged whole
                # Whatever it was, the next rooms must not wait for ever because of it.
                _log.exception("timed_work_failed")
                done = 0
            # A full batch means that more is due already.
            if done < BATCH:
                await asyncio.sleep(INTERVAL)

    async def work_off(self) -> int:
        """Do one batch of what is due; how many rooms it was.

        What the store cannot do now waits for the next look. Raises what was not foreseen, when all else
        is done.
        """
        try:
            codes = await self._store.due(self._rooms.now(), BATCH)
        except StoreUnavailable as error:
            _log.warning("due_list_unavailable", error=str(error))
            return 0
        outcomes = await asyncio.gather(*(self._rooms.tick(code) for code in codes), return_exceptions=True)
        failures = [outcome for outcome in outcomes if isinstance(outcome, BaseException)]
        for failure in failures:
            if not isinstance(failure, SignalingError):
                raise failure
        if failures:
            _log.warning("timed_work_delayed", rooms=len(failures), error=str(failures[0]))
            return 0
        return len(codes)
