"""The nodes of a deployment watch over each other: the seats of one that died are kept, and end in time.

There is no leader. Each node renews its own lease and looks at those of the others; whoever finds one lapsed
deals with its seats, and doing it twice is harmless.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

import structlog

from signaling.rooms.ports import LEASE_SECONDS, Nodes, StoreUnavailable
from signaling.rooms.service import RoomService

INTERVAL: Final = 1.0
"""Seconds between looks. A lapsed lease is found within LEASE_SECONDS and two of these."""

HINDERED_SECONDS: Final = LEASE_SECONDS / 2
"""Between looks: if longer, the store or this machine was in trouble: others may not have renewed either."""

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
        self._looked: float | None = None
        """When the last look was, if that went well."""
        self._reachable_since = clock()
        self._audited = clock()
        self._resigned = False
        self._new = True
        """Until the first look."""

    async def run(self) -> None:
        """For as long as the node lives, and has not resigned."""
        while not self._resigned:
            try:
                await self.look()
            except StoreUnavailable as error:
                if self._looked is not None:
                    _log.warning("nodes_unavailable", error=str(error))
                self._looked = None
            except Exception:  # noqa: BLE001 - logged whole
                _log.exception("nodes_failed")
            await asyncio.sleep(INTERVAL)

    async def look(self) -> None:
        """Renew the lease, and deal with those of others that are over. Raises StoreUnavailable."""
        known = await self._nodes.renew()
        census = await self._nodes.census()
        now = self._clock()
        if self._looked is None or now - self._looked > HINDERED_SECONDS:
            self._reachable_since = now
        self._looked = now
        if self._new and not census.alive - {self._rooms.node}:
            # There was no node at all until now: nobody could come back.
            self._rooms.spare_seats(0)
        self._new = False
        if not known:
            # Taken for dead, or the store was emptied, which nothing else need ever show.
            self._rooms.reconcile()
        if now - self._reachable_since < LEASE_SECONDS + 2 * INTERVAL:
            # While the store was away nobody could renew: a lease that is over says nothing yet.
            return
        lapsed = census.lapsed - {self._rooms.node}
        audit = now - self._audited >= AUDIT_SECONDS
        if not lapsed and not audit:
            return

        async def alive() -> frozenset[str]:
            # With those of before: while seats were looked for, the store may have been away.
            return census.alive | (await self._nodes.census()).alive

        recovery = await self._rooms.recover_seats(alive)
        self._audited = now
        if recovery.left:
            return  # Tried again at the next look, as long as the nodes are not forgotten.
        for node in sorted(lapsed):
            _log.warning("node_lost", node=node, rooms=recovery.rooms)
            await self._nodes.forget(node)

    async def resign(self) -> bool:
        """From now on this node does not count; whether there are others, who could take over what it has."""
        self._resigned = True
        try:
            # Each time, as a look that was under way may have renewed it.
            await self._nodes.forget(self._rooms.node)
            census = await self._nodes.census()
        except StoreUnavailable:
            return True  # As far as anybody knows.
        return bool(census.alive - {self._rooms.node})
