"""One room's commands: batched, decided in order, safe against conflicts, failures and callers that give
up.
"""

from __future__ import annotations

import asyncio

import pytest

from signaling.contract.errors import ErrorCode, SignalingError
from signaling.contract.types import LeftReason, RoomLeftReason
from signaling.domain import commands
from signaling.domain.commands import Command
from signaling.domain.events import Seat
from signaling.domain.room import Room
from signaling.rooms import writer as module
from signaling.rooms.ports import Commit, CommitUnknown
from signaling.rooms.service import NewRoom
from support.memory import Rooms, until


def join(socket_id: str) -> Command:
    return commands.Join(socket_id=socket_id, display_name="x", user_id=None, node="node-a")


class Unmoved:
    """A follower that does nothing."""

    def joined(self, seat: Seat, room: Room) -> None: ...
    def left(self, seat: Seat, reason: LeftReason) -> None: ...
    def reconnecting(self, seat: Seat) -> None: ...
    def resumed(self, before: Seat, seat: Seat, room: Room) -> None: ...
    def regained(self, seat: Seat) -> None: ...
    def ended(self, reason: RoomLeftReason) -> None: ...
    def delivered(self) -> None: ...


@pytest.fixture
async def rooms() -> Rooms:
    return Rooms()


async def make(rooms: Rooms, seats: int = 50) -> str:
    room, _ = await rooms.service.create(NewRoom(max_participants=seats))
    rooms.store.commits.clear()
    return room.code


async def test_commands_that_wait_are_committed_together(rooms: Rooms) -> None:
    """Thirty that join within one disk write cost two commits, in the order they came."""
    code = await make(rooms)
    first = asyncio.create_task(rooms.service.execute(code, join("s0")))
    await until(lambda: rooms.store.loads > 0)
    others = [asyncio.create_task(rooms.service.execute(code, join(f"s{number}"))) for number in range(1, 30)]
    await asyncio.gather(first, *others)
    assert len(rooms.store.commits) == 2
    assert list(rooms.store.rooms[code].seats) == [f"s{number}" for number in range(30)]


async def test_each_gets_its_own_outcome(rooms: Rooms) -> None:
    """A refusal in a batch is its own caller's only; the others' events are committed."""
    code = await make(rooms, seats=2)
    outcomes = await asyncio.gather(
        *(rooms.service.execute(code, join(name)) for name in ("a", "a", "b", "c")), return_exceptions=True
    )
    codes = [outcome.code if isinstance(outcome, SignalingError) else None for outcome in outcomes]
    assert codes == [None, ErrorCode.ALREADY_IN_ROOM, None, ErrorCode.ROOM_FULL]
    assert list(rooms.store.rooms[code].seats) == ["a", "b"]
    assert len(rooms.store.commits) == 1


async def test_nothing_to_do_commits_nothing(rooms: Rooms) -> None:
    code = await make(rooms)
    outcome = await rooms.service.execute(
        code, commands.Leave(socket_id="x", generation=2, reason=LeftReason.LEFT)
    )
    assert outcome.events == ()
    assert rooms.store.commits == []


async def test_lost_to_another_node_is_decided_again(rooms: Rooms) -> None:
    """Contract 4, architecture 4: on a conflict load again, decide again: the last seat goes to one only."""
    code = await make(rooms, seats=2)
    await rooms.service.execute(code, join("a"))
    rooms.store.meddlers.append(lambda: rooms.store.elsewhere(code, join("other"), rooms.clock()))
    with pytest.raises(SignalingError) as caught:
        await rooms.service.execute(code, join("b"))
    assert caught.value.code is ErrorCode.ROOM_FULL
    assert list(rooms.store.rooms[code].seats) == ["a", "other"]


async def test_a_refusal_by_an_old_picture_is_decided_again(rooms: Rooms) -> None:
    """A seat that another node gave back, unheard of here so far: the one who asks for it gets it."""
    code = await make(rooms, seats=1)
    await rooms.service.follow(code, Unmoved())
    await rooms.service.execute(code, join("a"))
    leave = commands.Leave(socket_id="a", generation=2, reason=LeftReason.LEFT)
    rooms.store.elsewhere(code, leave, rooms.clock())
    outcome = await rooms.service.execute(code, join("b"))
    assert [event.version for event in outcome.events] == [4]
    assert list(rooms.store.rooms[code].seats) == ["b"]


async def test_nothing_to_do_by_an_old_picture_is_decided_again(rooms: Rooms) -> None:
    """A seat taken through another node is given up, though this node has not heard of it yet."""
    code = await make(rooms)
    await rooms.service.follow(code, Unmoved())
    rooms.store.elsewhere(code, join("a"), rooms.clock())
    await rooms.service.execute(code, commands.Leave(socket_id="a", generation=2, reason=LeftReason.LEFT))
    assert list(rooms.store.rooms[code].seats) == []


async def test_a_refusal_by_the_store_itself_is_final(rooms: Rooms) -> None:
    """What was loaded for these commands is not loaded again."""
    code = await make(rooms, seats=1)
    await rooms.service.execute(code, join("a"))
    loads = rooms.store.loads
    with pytest.raises(SignalingError) as caught:
        await rooms.service.execute(code, join("b"))
    assert caught.value.code is ErrorCode.ROOM_FULL
    assert rooms.store.loads == loads + 1


async def test_losing_for_ever_is_a_retryable_error(rooms: Rooms) -> None:
    code = await make(rooms)

    def toggle(number: int) -> None:
        rooms.store.elsewhere(code, join(f"other{number}"), rooms.clock())

    rooms.store.meddlers.extend(
        (lambda number=number: toggle(number))  # type: ignore[misc]
        for number in range(module.MAX_CONFLICTS)
    )
    with pytest.raises(SignalingError) as caught:
        await rooms.service.execute(code, join("a"))
    assert (caught.value.code, caught.value.status) == (ErrorCode.SERVER_ERROR, 503)
    assert caught.value.retry_after is not None
    await rooms.service.execute(code, join("a"))


async def test_a_store_that_is_away(rooms: Rooms) -> None:
    """Contract 1: 503 with a time to wait; all that wait are told; later it works again."""
    code = await make(rooms)
    rooms.store.away = True
    outcomes = await asyncio.gather(
        *(rooms.service.execute(code, join(name)) for name in "abc"), return_exceptions=True
    )
    assert all(isinstance(outcome, SignalingError) and outcome.status == 503 for outcome in outcomes)
    rooms.store.away = False
    await rooms.service.execute(code, join("a"))
    assert list(rooms.store.rooms[code].seats) == ["a"]


async def test_a_commit_of_unknown_outcome_is_not_called_undone(
    rooms: Rooms, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever hears it may not rely on either; the room itself goes on from what the store has."""
    code = await make(rooms)
    commit = rooms.store.commit

    async def lost(change: Commit) -> None:
        await commit(change)
        raise CommitUnknown("the line was cut")

    with monkeypatch.context() as patch:
        patch.setattr(rooms.store, "commit", lost)
        with pytest.raises(SignalingError, match="not known") as caught:
            await rooms.service.execute(code, join("a"))
    assert (caught.value.code, caught.value.status) == (ErrorCode.SERVER_ERROR, 503)
    await rooms.service.execute(code, commands.Leave(socket_id="a", generation=2, reason=LeftReason.LEFT))
    assert len(rooms.store.commits) == 2
    assert list(rooms.store.rooms[code].seats) == []


async def test_a_caller_that_gives_up_takes_nobody_down(rooms: Rooms) -> None:
    """The commit goes on for the others; what was decided for the caller is committed as well."""
    code = await make(rooms)
    rooms.store.gate.clear()
    leaving = asyncio.create_task(rooms.service.execute(code, join("a")))
    staying = asyncio.create_task(rooms.service.execute(code, join("b")))
    await until(lambda: rooms.store.loads > 0)
    leaving.cancel()
    with pytest.raises(asyncio.CancelledError):
        await leaving
    rooms.store.gate.set()
    await staying
    assert list(rooms.store.rooms[code].seats) == ["a", "b"]


async def test_an_unforeseen_failure_reaches_its_callers_and_ends_there(
    rooms: Rooms, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A defect is seen by whoever asked, and the room can be used again."""
    code = await make(rooms)

    async def broken(_code: str) -> None:
        raise ZeroDivisionError

    failures: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _loop, context: failures.append(context))
    with monkeypatch.context() as patch:
        patch.setattr(rooms.store, "load", broken)
        with pytest.raises(ZeroDivisionError):
            await rooms.service.execute(code, join("a"))
    await rooms.service.execute(code, join("a"))
    assert list(rooms.store.rooms[code].seats) == ["a"]


async def test_what_may_wait_is_bounded(rooms: Rooms, monkeypatch: pytest.MonkeyPatch) -> None:
    """Architecture, rules: every queue has a bound; beyond it 503."""
    monkeypatch.setattr(module, "MAX_WAITING", 3)
    code = await make(rooms)
    rooms.store.gate.clear()
    tasks = [asyncio.create_task(rooms.service.execute(code, join("s0")))]
    await until(lambda: rooms.store.loads > 0)
    tasks += [asyncio.create_task(rooms.service.execute(code, join(f"s{number}"))) for number in range(1, 4)]
    await asyncio.sleep(0)
    with pytest.raises(SignalingError) as caught:
        await rooms.service.execute(code, join("one-too-many"))
    assert caught.value.status == 503
    rooms.store.gate.set()
    await asyncio.gather(*tasks)
    assert len(rooms.store.rooms[code].seats) == 4


async def test_an_idle_writer_is_forgotten(rooms: Rooms) -> None:
    """Memory is used for rooms that change now, not for all that ever did."""
    codes = [await make(rooms) for _ in range(5)]
    await asyncio.gather(*(rooms.service.execute(code, join("a")) for code in codes))
    await until(lambda: not rooms.service._writers)
