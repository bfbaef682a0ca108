"""What nodes make of news that come late or not at all: bugs that the simulation has found."""

from __future__ import annotations

import asyncio

import pytest

from signaling.contract.errors import CloseCode
from signaling.domain import commands
from signaling.domain.events import Seat
from signaling.domain.room import Room, decide, evolve_all
from signaling.realtime import gateway as module
from signaling.realtime.exchange import Carry
from signaling.rooms import service as service_module
from signaling.rooms.ports import Commit, CommitUnknown
from signaling.rooms.replica import Replica
from signaling.rooms.resume_token import SeatClaim
from support.memory import until
from support.sockets import Node, Socket

NOW = 1_760_000_000_000


def room_with(*names: str) -> Room:
    commands_: list[commands.Command] = [
        commands.Create(code="room22", owner_id=None, ttl=3_600_000, max_participants=9, retention=1),
        *(commands.Join(socket_id=name, display_name=name, user_id=None, node="here") for name in names),
    ]
    room: Room | None = None
    for command in commands_:
        room = evolve_all(room, decide(room, command, NOW))
    assert room is not None
    return room


class Listener:
    """Notes whom it is told of, with those who are in the room by then."""

    def __init__(self) -> None:
        self.told: list[tuple[str, list[str]]] = []

    def joined(self, seat: Seat, room: Room) -> None:
        self.told.append((seat.socket_id, list(room.seats)))

    def left(self, seat: Seat, reason: object) -> None:
        self.told.append((f"-{seat.socket_id}", []))

    def reconnecting(self, seat: Seat) -> None: ...
    def resumed(self, before: Seat, seat: Seat, room: Room) -> None: ...
    def regained(self, seat: Seat) -> None: ...
    def ended(self, reason: object) -> None: ...
    def delivered(self) -> None: ...


def test_a_jump_shows_each_newcomer_the_room_as_told_so_far() -> None:
    """Else the first of two would see the second in its list, and be told of it once more."""
    listener = Listener()
    replica = Replica(room_with(), listener, on_gap=lambda: None)
    replica.resync(room_with("a", "b"))
    assert listener.told == [("a", ["a"]), ("b", ["a", "b"])]
    assert not replica.jumping


async def unanswered_join(node: Node, code: str, monkeypatch: pytest.MonkeyPatch) -> Socket:
    """A join that is in the log; the store did not say so, and nobody has heard of it."""
    commit = node.store.commit

    async def lose_reply(change: object) -> None:
        node.rooms.broker.losing = True
        await commit(change)  # type: ignore[arg-type]
        node.rooms.broker.losing = False
        raise CommitUnknown("no reply")

    monkeypatch.setattr(node.store, "commit", lose_reply)
    socket = Socket(node.gateway)
    socket.say("join", room_code=code)
    await socket.gets("server_error")
    monkeypatch.setattr(node.store, "commit", commit)
    return socket


async def test_a_join_that_was_done_unseen_is_undone(monkeypatch: pytest.MonkeyPatch) -> None:
    """The store did not answer; the room is followed until it is known that nobody sits on a seat in vain."""
    node = Node(grace_seconds=20)
    code = await node.room()
    socket = await unanswered_join(node, code, monkeypatch)
    assert list(node.store.rooms[code].seats) == [socket.session.socket_id]
    # As a broker does whose line was lost.
    node.rooms.broker.reset([code])
    await until(lambda: not node.store.rooms[code].seats)
    assert node.balance(code)[socket.session.socket_id] == ["joined", "connection_lost"]


async def test_a_join_again_before_that_is_not_refused_for_good(monkeypatch: pytest.MonkeyPatch) -> None:
    """`already_in_room` would be a lie to somebody who was told that it is not."""
    node = Node(grace_seconds=20)
    code = await node.room()
    socket = await unanswered_join(node, code, monkeypatch)
    socket.say("join", room_code=code)
    await until(lambda: socket.types().count("server_error") == 2)
    node.rooms.broker.reset([code])
    await until(lambda: not node.store.rooms[code].seats)
    socket.say("join", room_code=code)
    await socket.gets("room_joined")


async def test_nobody_is_followed_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    """Once it must have been heard, the room is let go."""
    monkeypatch.setattr(module, "_UNKNOWN_SECONDS", 0.01)
    node = Node(grace_seconds=20)
    code = await node.room()
    socket = await unanswered_join(node, code, monkeypatch)
    socket.session.lost(1000)
    while node.gateway._hub.room(code) is not None:  # noqa: ASYNC110 - it goes by the clock
        await asyncio.sleep(0.002)


async def test_a_join_that_was_heard_of_before_the_store_failed_to_answer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The log has decided: the socket is in the room."""
    node = Node(grace_seconds=20)
    code = await node.room()
    commit = node.store.commit

    async def lose_reply(change: object) -> None:
        await commit(change)  # type: ignore[arg-type]
        raise CommitUnknown("no reply")

    monkeypatch.setattr(node.store, "commit", lose_reply)
    socket = Socket(node.gateway)
    socket.say("join", room_code=code)
    await socket.gets("room_joined")
    socket.say("ping")
    await socket.gets("pong")
    assert "server_error" not in socket.types()


async def test_a_join_that_the_store_has_lost_again_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """It was done, and before anybody was told the store was emptied: nobody waits for an answer for ever."""
    monkeypatch.setattr(service_module, "_LATE", 0.0)
    node = Node(grace_seconds=20)
    code, other = await node.room(), await node.room()
    commit = node.store.commit

    async def done_and_lost(change: Commit) -> None:
        node.rooms.broker.losing = True
        await commit(change)
        node.rooms.broker.losing = False
        del node.store.rooms[change.code]

    socket = Socket(node.gateway)
    with monkeypatch.context() as patch:
        patch.setattr(node.store, "commit", done_and_lost)
        socket.say("join", room_code=code)
        refusal = await socket.gets("server_error")
    assert refusal["payload"]["retry_after"] > 0
    socket.say("join", room_code=other)
    await socket.gets("room_joined")


@pytest.mark.parametrize("how", ["closed", "emptied"])
async def test_whoever_leaves_a_room_that_has_ended_unheard_is_told_of_the_end(
    monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    """Nothing is left to be done, so no news of it will come."""
    monkeypatch.setattr(service_module, "_LATE", 0.0)
    node = Node(grace_seconds=20, shared=True)
    code = await node.room()
    socket = await node.joined(code)
    if how == "closed":
        node.store.elsewhere(code, commands.Close(), node.rooms.clock())
    else:
        del node.store.rooms[code]
    socket.say("leave")
    answer = await socket.gets("room_left")
    assert (answer["payload"]["reason"], answer["request_id"]) == ("room_closed", "r")
    assert socket.closed == 4505
    assert "error" not in [frame["type"] for frame in socket.frames]


async def test_what_a_seat_sent_elsewhere_does_not_come_after_what_it_sends_here_since() -> None:
    """It was elsewhere and back before this node heard of it, and a frame was still on its way."""
    node = Node(grace_seconds=20, shared=True)
    code = await node.room()
    sender, receiver = await node.joined(code), await node.joined(code)
    name = sender.session.socket_id
    sender.session.lost(None)
    await receiver.gets("participant_reconnecting")
    seat = node.store.rooms[code].seats[name]
    there = commands.Resume(socket_id=name, generation=seat.generation, node="node-b")
    node.store.elsewhere(code, there, node.rooms.clock())
    generation = node.store.rooms[code].seats[name].generation
    back = Socket(node.gateway)
    back.say("resume", resume_token=node.gateway.tokens.sign(SeatClaim(code, name, generation)), received=1)
    await back.gets("resumed")
    back.say("ice_candidate", to=receiver.session.socket_id, candidate={"candidate": "since"})
    await receiver.gets("ice_candidate")
    late = Carry(code, receiver.session.socket_id, name, (generation, 1), b"too late")
    node.gateway.exchange._take("node-b", late)
    await until(lambda: receiver.closed is not None)
    assert receiver.closed == CloseCode.SERVER_ERROR
