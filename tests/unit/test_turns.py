"""Turns by name: one at a time, in the order they came, and nothing is left of those who gave up."""

from __future__ import annotations

import asyncio

import pytest

from signaling.realtime.turns import Turns
from support.in_process import settle


class Users:
    """Tasks that take their turn at one name and hold it until told."""

    def __init__(self) -> None:
        self.turns = Turns()
        self.holding: list[int] = []
        self.ends: dict[int, asyncio.Event] = {}
        self.tasks: dict[int, asyncio.Task[None]] = {}

    def start(self, number: int, name: str = "name") -> None:
        self.ends[number] = asyncio.Event()
        self.tasks[number] = asyncio.create_task(self._use(number, name))

    async def _use(self, number: int, name: str) -> None:
        async with self.turns.take(name):
            self.holding.append(number)
            try:
                await self.ends[number].wait()
            finally:
                self.holding.remove(number)

    def end(self, number: int) -> None:
        self.ends[number].set()


@pytest.fixture
async def users() -> Users:
    users = Users()
    for number in range(4):
        users.start(number)
    await settle()
    assert users.holding == [0]
    return users


async def all_ended(users: Users) -> None:
    for number in users.tasks:
        users.end(number)
    await asyncio.gather(*users.tasks.values(), return_exceptions=True)
    assert users.turns._waiting == {}


async def test_one_at_a_time_in_the_order_they_came(users: Users) -> None:
    for number in range(3):
        users.end(number)
        await settle()
        assert users.holding == [number + 1]
    await all_ended(users)


async def test_names_do_not_wait_for_each_other(users: Users) -> None:
    users.start(9, "another")
    await settle()
    assert users.holding == [0, 9]
    await all_ended(users)


async def test_whoever_gives_up_is_passed_over(users: Users) -> None:
    users.tasks[1].cancel()
    await settle()
    assert users.holding == [0]
    users.end(0)
    await settle()
    assert users.holding == [2]
    await all_ended(users)


async def test_a_turn_that_comes_to_one_who_is_giving_up_goes_on(users: Users) -> None:
    users.end(0)
    while users.holding:  # noqa: ASYNC110 - a task empties it
        await asyncio.sleep(0)
    # It was given the turn, and has not run since.
    users.tasks[1].cancel()
    await settle()
    assert users.holding == [2]
    await all_ended(users)


async def test_one_given_up_at_the_very_moment_is_passed_over(users: Users) -> None:
    users.end(0)
    users.tasks[1].cancel()
    await settle()
    assert users.holding == [2]
    await all_ended(users)


async def test_the_holder_may_be_cancelled(users: Users) -> None:
    users.tasks[0].cancel()
    await settle()
    assert users.holding == [1]
    await all_ended(users)


async def test_nobody_else_means_no_waiting() -> None:
    turns = Turns()
    taking = turns.take("name").__aenter__()
    with pytest.raises(StopIteration):
        taking.send(None)
    turns.give("name")
    assert turns._waiting == {}
