"""Who is taken for dead, and when nobody is."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection
from typing import Any

import pytest

from signaling.contract.errors import SignalingError
from signaling.rooms.membership import AUDIT_SECONDS, HINDERED_SECONDS, INTERVAL, Membership
from signaling.rooms.ports import LEASE_SECONDS, Census, StoreUnavailable
from signaling.rooms.service import Recovery

SETTLED = int(LEASE_SECONDS + 2 * INTERVAL) + 1


class Around:
    """The other nodes, the rooms, and the time, as one node sees them."""

    def __init__(self) -> None:
        self.node = "here"
        self.now = 1000.0
        self.known = False
        self.alive = {"here", "there"}
        self.lapsed: set[str] = set()
        self.coming: set[str] = set()
        self.silent: set[str] = set()
        """Who comes, and who cannot renew any more, as seats are looked for."""
        self.trouble: type[Exception] | None = None
        """Of the store, as rooms are recovered."""
        self.recovered: list[set[str]] = []
        """Who was alive, each time."""
        self.reconciled = 0
        self.spared: list[int] = []
        rooms: Any = self
        self.membership = Membership(rooms, self, lambda: self.now)

    async def looks(self, times: int, apart: float = INTERVAL) -> None:
        for _ in range(times):
            await self.membership.look()
            self.now += apart

    async def renew(self) -> bool:
        known, self.known = self.known, True
        return known

    async def census(self) -> Census:
        return Census(alive=frozenset(self.alive), lapsed=frozenset(self.lapsed))

    def spare_seats(self, since: int) -> None:
        self.spared.append(since)

    async def forget(self, node: str) -> None:
        self.lapsed.discard(node)
        self.alive.discard(node)

    async def recover_seats(self, alive: Callable[[], Awaitable[Collection[str]]]) -> Recovery:
        if self.trouble is StoreUnavailable:
            raise StoreUnavailable("away")
        self.alive = (self.alive - self.silent) | self.coming
        self.recovered.append(set(await alive()))
        return Recovery(rooms=1, left=frozenset() if self.trouble is None else frozenset({"a room"}))

    def reconcile(self) -> None:
        self.reconciled += 1


async def test_a_lapsed_lease_is_dealt_with_once() -> None:
    around = Around()
    await around.looks(SETTLED)
    around.lapsed = {"dead"}
    await around.looks(3)
    assert around.recovered == [{"here", "there"}]
    assert not around.lapsed


async def test_a_node_that_has_just_come_waits_until_all_could_have_renewed() -> None:
    around = Around()
    around.lapsed = {"dead"}
    await around.looks(SETTLED - 2)
    assert not around.recovered
    await around.looks(3)
    assert around.recovered == [{"here", "there"}]


async def test_after_a_look_that_took_long_nobody_is_judged_for_a_while() -> None:
    """Redis was slow, or this machine stood still: the others may not have got through either."""
    around = Around()
    await around.looks(SETTLED)
    around.now += HINDERED_SECONDS
    around.lapsed = {"perhaps alive"}
    await around.looks(SETTLED - 2)
    assert not around.recovered
    around.lapsed = set()
    await around.looks(SETTLED)
    assert not around.recovered


@pytest.mark.parametrize("trouble", [StoreUnavailable, SignalingError])
async def test_seats_that_could_not_all_be_kept_are_looked_for_again(trouble: type[Exception]) -> None:
    """The node is not forgotten before."""
    around = Around()
    await around.looks(SETTLED)
    around.lapsed = {"dead"}
    around.trouble = trouble
    if trouble is StoreUnavailable:
        with pytest.raises(StoreUnavailable):
            await around.membership.look()
    else:
        await around.membership.look()
    assert around.lapsed == {"dead"}
    around.trouble = None
    await around.looks(1)
    assert not around.lapsed


async def test_a_node_that_is_not_in_the_list_doubts_its_rooms() -> None:
    """It was taken for dead, or the store was emptied."""
    around = Around()
    await around.looks(2)
    before = around.reconciled
    around.known = False
    await around.looks(3)
    assert around.reconciled == before + 1


async def test_seats_of_nodes_that_nobody_knows_are_found_some_time() -> None:
    around = Around()
    await around.looks(int(AUDIT_SECONDS / INTERVAL) + 2)
    assert around.recovered == [{"here", "there"}]


async def test_who_comes_or_falls_silent_while_seats_are_looked_for_counts_as_alive() -> None:
    """The one may have taken seats that are found already, the other may be hindered as all are."""
    around = Around()
    await around.looks(SETTLED)
    around.lapsed = {"dead"}
    around.coming, around.silent = {"new"}, {"there"}
    await around.looks(1)
    assert around.recovered == [{"here", "there", "new"}]


async def test_a_node_that_resigns_is_forgotten_and_told_whether_there_are_others() -> None:
    around = Around()
    await around.looks(1)
    assert await around.membership.resign()
    assert around.alive == {"there"}
    around.alive = set()
    assert not await around.membership.resign()
    # And it does not come back.
    around.known = False
    await around.membership.run()
    assert not around.known


@pytest.mark.parametrize(("others", "spared"), [(set(), [0]), ({"there"}, [])])
async def test_the_first_node_after_none_spares_the_seats_that_were_kept(
    others: set[str], spared: list[int]
) -> None:
    """While there was none, nobody could come back; where there is another, they could."""
    around = Around()
    around.alive = {"here", *others}
    await around.looks(3)
    assert around.spared == spared
