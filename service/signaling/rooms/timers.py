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

SLOW: Final = 2_000
"""Milliseconds of a look after which the store counts as having been away."""

_log = structlog.stdlib.get_logger("signaling.timers")


class Timers:
    """Works off the due list until cancelled."""

    def __init__(self, rooms: RoomService, store: RoomStore) -> None:
        """The store is asked only what is due; the rooms do it."""
        self._rooms = rooms
        self._store = store
        self._away_since: int | None = None
        """Since when the store could not serve, if it could not at the last look."""

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
        """Do one batch of what is due; in how many rooms something was done.

        What the store cannot do now waits for the next look. Raises what was not foreseen, when all else
        is done.
        """
        began = self._rooms.now()
        try:
            codes = await self._store.due(began, BATCH)
        except StoreUnavailable as error:
            _log.warning("due_list_unavailable", error=str(error))
            self._was_away(began)
            return 0
        if self._rooms.now() - began > SLOW:
            self._was_away(began)
        away_since, self._away_since = self._away_since, None
        if away_since is not None:
            self._rooms.spare_seats(away_since)
        outcomes = await asyncio.gather(*(self._rooms.tick(code) for code in codes), return_exceptions=True)
        failures = [outcome for outcome in outcomes if isinstance(outcome, BaseException)]
        for failure in failures:
            if not isinstance(failure, SignalingError):
                raise failure
        if failures:
            _log.warning("timed_work_delayed", rooms=len(failures), error=str(failures[0]))
            self._was_away(began if away_since is None else away_since)
            return 0
        # Seats that are spared stay due: they must not make for looks without a pause.
        return sum(outcome is True for outcome in outcomes)

    def _was_away(self, began: int) -> None:
        """It could not serve a look that began then; when exactly it went away, nobody can say."""
        if self._away_since is None:
            self._away_since = began - int(1000 * INTERVAL)
