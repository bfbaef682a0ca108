"""The nodes of a deployment watch over each other: the seats of one that died are kept, and end in time.

There is no leader. Each node renews its own lease and looks at those of the others; whoever finds one lapsed
deals with its seats, and doing it twice is harmless.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

import structlog

from signaling.contract.errors import SignalingError
from signaling.rooms.ports import LEASE_SECONDS, Nodes, StoreUnavailable
from signaling.rooms.service import RoomService

INTERVAL: Final = 1.0
"""Seconds between looks. A lapsed lease is found within LEASE_SECONDS and two of these."""

AUDIT_SECONDS: Final = 60.0
"""How often seats are looked for whose node nobody knows: the list of nodes may have been lost itself."""

_log = structlog.stdlib.get_logger("signaling.nodes")


class Membership:
    """Keeps this node's lease and deals with lapsed ones, until cancelled."""

    def __init__(self, rooms: RoomService, nodes: Nodes, clock: Callable[[], float]) -> None:
        """``clock`` gives monotonic seconds."""
        self._rooms = rooms
        self._nodes = nodes
        self._clock = clock
        self._reachable_since: float | None = None
        self._looked = self._audited = clock()

    async def run(self) -> None:
        """For as long as the node lives."""
        while True:
            try:
                await self.look()
            except StoreUnavailable as error:
                if self._reachable_since is not None:
                    _log.warning("nodes_unavailable", error=str(error))
                self._reachable_since = None
            except Exception:  # noqa: BLE001 - logged whole
                _log.exception("nodes_failed")
            await asyncio.sleep(INTERVAL)

    async def look(self) -> None:
        """Renew the lease, and deal with those of others that are over. Raises StoreUnavailable."""
        await self._nodes.renew()
        census = await self._nodes.census()
        now = self._clock()
        if self._reachable_since is None or now - self._looked > LEASE_SECONDS / 2:
            # Also where it only took long, or this node stood still: it may have been the others as well.
            self._reachable_since = now
        self._looked = now
        if now - self._reachable_since < LEASE_SECONDS + 2 * INTERVAL:
            # While the store was away nobody could renew: a lease that is over says nothing yet.
            return
        lapsed = census.lapsed - {self._rooms.node}
        audit = now - self._audited >= AUDIT_SECONDS
        if not lapsed and not audit:
            return
        try:
            rooms = await self._rooms.recover_seats(census.alive | {self._rooms.node})
        except SignalingError as error:
            _log.warning("seats_not_recovered", error=error.detail)
            return
        self._audited = now
        for node in sorted(lapsed):
            _log.warning("node_lost", node=node, rooms=rooms)
            await self._nodes.forget(node)
