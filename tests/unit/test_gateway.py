"""Sockets and rooms where a real server cannot be brought: the store away, sockets lost and rooms closed
midway.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from signaling.contract.errors import CloseCode, SignalingError
from signaling.contract.types import LeftReason
from signaling.domain import commands
from signaling.domain.session import SessionState
from signaling.realtime import gateway as module
from support.memory import until
from support.sockets import Node, Socket


@pytest.fixture
async def node(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Node]:
    monkeypatch.setattr(module, "_FIRST_RETRY", 0.001)
    node = Node()
    yield node
    for session in list(node.gateway._sessions):
        session.lost(None)
    node.store.away = False
    node.store.gate.set()
    await node.idle()


async def test_a_join_while_the_store_is_away(node: Node) -> None:
    """Contract 3: server_error with retry_after; nothing has changed, and the same socket can try again."""
    code = await node.room()
    socket = Socket(node.gateway)
    node.store.away = True
    socket.say("join", room_code=code)
    error = await socket.gets("server_error")
    assert error["request_id"] == "r"
    assert error["payload"]["retry_after"] > 0
    node.store.away = False
    socket.say("join", room_code=code)
    await socket.gets("room_joined")
    assert socket.closed is None


async def test_a_leave_while_the_store_is_away(node: Node) -> None:
    """Contract 3: server_error, and still in the room: relays go on, and leaving can be tried again."""
    code = await node.room()
    first, second = await node.joined(code), await node.joined(code)
    node.store.away = True
    second.say("leave")
    await second.gets("server_error")
    first.say("ice_candidate", to=second.session.socket_id, candidate=None)
    await second.gets("ice_candidate")
    node.store.away = False
    second.say("leave")
    await second.gets("room_left")
    assert node.balance(code)[second.session.socket_id] == ["joined", "left"]


async def test_a_socket_lost_while_the_store_is_away(node: Node) -> None:
    """Contract 4: exactly one participant_left, however long the store takes to take it down."""
    code = await node.room()
    first, second = await node.joined(code), await node.joined(code)
    node.store.away = True
    second.session.lost(1000)
    first.say("ice_candidate", to=second.session.socket_id, candidate=None)
    await first.gets("peer_not_found")
    await asyncio.sleep(0.02)
    assert "participant_left" not in first.types()
    node.store.away = False
    async with asyncio.timeout(20):
        await first.hears("participant_left")
    assert node.balance(code)[second.session.socket_id] == ["joined", "left"]


@pytest.mark.parametrize("close_code", [None, 1000, 4000])
async def test_a_socket_lost_while_its_join_is_decided(node: Node, close_code: int | None) -> None:
    """Contract 4: the seat that is taken for a socket that is gone is given back at once, and told as
    such.
    """
    code = await node.room()
    first = await node.joined(code)
    socket = Socket(node.gateway)
    node.store.gate.clear()
    loads = node.store.loads
    socket.say("join", room_code=code)
    await asyncio.sleep(0.005)
    socket.session.lost(close_code)
    assert socket.session.state is SessionState.ENDED
    node.store.gate.set()
    await until(lambda: len(node.balance(code).get(socket.session.socket_id, [])) == 2)
    reason = "left" if close_code == 1000 else "connection_lost"
    assert node.balance(code)[socket.session.socket_id] == ["joined", reason]
    await until(lambda: "participant_left" in first.types())
    assert first.types()[-2:] == ["participant_joined", "participant_left"]
    assert node.store.loads >= loads


async def test_leave_and_gone_in_the_same_turn(node: Node) -> None:
    """Contract 4: `leave` with the end of the line right behind it is one `left`, and nothing fails over
    it.
    """
    code = await node.room()
    first, second = await node.joined(code), await node.joined(code)
    failures: list[Any] = []
    asyncio.get_running_loop().set_exception_handler(lambda _loop, context: failures.append(context))
    second.say("leave")
    second.session.lost(None)
    await until(lambda: "participant_left" in first.types())
    await node.idle()
    assert node.balance(code)[second.session.socket_id] == ["joined", "left"]
    assert not failures


async def test_a_room_closed_while_joins_wait(node: Node) -> None:
    """Contract 2: a join that lost against the end of the room is refused with its reason."""
    code = await node.room()
    sockets = [Socket(node.gateway) for _ in range(3)]
    node.store.gate.clear()
    for socket in sockets:
        socket.say("join", room_code=code)
    closing = asyncio.create_task(node.rooms.service.close(code))
    await asyncio.sleep(0.005)
    node.store.gate.set()
    await closing
    for socket in sockets:
        await until(lambda socket=socket: len(socket.frames) > 1)  # type: ignore[misc]
        if "room_joined" in socket.types():
            await until(lambda socket=socket: socket.closed is not None)  # type: ignore[misc]
            assert socket.types() == ["connected", "room_joined", "room_left"]
            assert socket.closed == CloseCode.ROOM_CLOSED
        else:
            assert socket.types() == ["connected", "room_closed"]


async def test_a_room_closed_while_a_leave_is_decided(node: Node) -> None:
    """Contract 2: one room_left; its reason is what the log says came first."""
    code = await node.room()
    socket = await node.joined(code)
    node.store.gate.clear()
    closing = asyncio.create_task(node.rooms.service.close(code))
    await asyncio.sleep(0.005)
    socket.say("leave")
    await asyncio.sleep(0.005)
    node.store.gate.set()
    await closing
    await until(lambda: socket.closed is not None)
    assert socket.types() == ["connected", "room_joined", "room_left"]
    assert socket.frames[-1]["payload"]["reason"] == "room_closed"
    assert socket.frames[-1]["request_id"] == "r"


async def test_a_seat_ended_by_others_lets_the_socket_go(node: Node) -> None:
    """Contract 4: when the log ends a seat that its socket did not give up, the socket learns it and is
    closed.
    """
    code = await node.room()
    first, second = await node.joined(code), await node.joined(code)
    await node.rooms.service.leave(
        code, node.store.rooms[code].seats[second.session.socket_id], LeftReason.CONNECTION_LOST
    )
    await until(lambda: second.closed is not None)
    assert second.types()[-1] == "room_left"
    assert 4000 <= (second.closed or 0) < 4500
    await until(lambda: "participant_left" in first.types())


async def test_rooms_without_sockets_are_forgotten(node: Node) -> None:
    """Architecture 5: a node follows the rooms that have sockets here, and no others, however they end."""
    closed, emptied, unknown = await node.room(), await node.room(), "zzzzzz"
    members = [await node.joined(closed), await node.joined(emptied)]
    stray = Socket(node.gateway)
    stray.say("join", room_code=unknown)
    await stray.gets("room_not_found")
    await node.rooms.service.close(closed)
    members[1].say("leave")
    await members[1].gets("room_left")
    await until(lambda: not node.gateway._hub._local)
    await until(lambda: not node.rooms.broker._listeners)
    assert not node.rooms.service._replicas


async def test_visits_of_one_room_take_turns(node: Node) -> None:
    """Follow and unfollow of one room never overlap: nobody is left without news."""
    code = await node.room()
    for _ in range(10):
        sockets = [Socket(node.gateway) for _ in range(4)]
        for socket in sockets:
            socket.say("join", room_code=code)
            await asyncio.sleep(0)
        for socket in sockets:
            await socket.gets("room_joined")
        sockets[0].say("ping")
        for socket in sockets[1:]:
            socket.session.lost(None)
        await until(lambda sockets=sockets: sockets[0].types().count("participant_left") == 3)  # type: ignore[misc]
        sockets[0].session.lost(1000)
    await node.idle()
    told = node.balance(code)
    assert len(told) == 40
    assert all(len(events) == 2 for events in told.values())


async def test_draining_waits_for_the_seats(node: Node) -> None:
    """Contract 3: 4001 for everyone; done when the log has every seat's end; no more sockets are taken."""
    code = await node.room()
    sockets = [await node.joined(code) for _ in range(5)]
    full_before = node.gateway.full
    await node.gateway.drain()
    assert (full_before, node.gateway.full) == (False, True)
    assert [socket.closed for socket in sockets] == [4001] * 5
    assert not node.store.rooms[code].seats
    assert node.gateway.connections == 0


async def test_a_defect_ends_one_socket_only(node: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    """Contract 3: server_error and 4004 for the socket at which something unforeseen happens; the others go
    on.
    """
    code = await node.room()
    first = await node.joined(code)
    socket = Socket(node.gateway)

    async def broken(*_: Any, **__: Any) -> None:
        raise ZeroDivisionError

    with monkeypatch.context() as patch:
        patch.setattr(node.rooms.service, "join", broken)
        socket.say("join", room_code=code)
        await until(lambda: socket.closed is not None)
    assert socket.types() == ["connected", "server_error"]
    assert socket.closed == CloseCode.SERVER_ERROR
    first.say("ping")
    await first.gets("pong")
    await node.joined(code)


async def test_a_defect_at_a_frame_that_had_to_wait(node: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same: the socket would else be read no more, and nobody would end it."""
    code = await node.room()
    first = await node.joined(code)
    socket = Socket(node.gateway)

    def broken() -> int:
        raise ZeroDivisionError

    with monkeypatch.context() as patch:
        socket.say("join", room_code=code)
        socket.say("ping")
        patch.setattr(node.rooms.service, "now", broken)
        await until(lambda: socket.closed is not None)
    assert socket.types() == ["connected", "room_joined", "server_error"]
    assert socket.closed == CloseCode.SERVER_ERROR
    await first.gets("participant_left")


async def test_a_member_of_another_node_is_seen(node: Node) -> None:
    """Architecture 5: events of other nodes are told like the node's own."""
    code = await node.room()
    first = await node.joined(code)
    command = commands.Join(socket_id="elsewhere", display_name="x", user_id=None, node="other")
    node.rooms.broker.publish(code, node.store.elsewhere(code, command, node.rooms.clock()))
    await until(lambda: "participant_joined" in first.types())
    frame = first.frames[-1]["payload"]
    assert (frame["socket_id"], frame["connection"]) == ("elsewhere", "connected")


async def test_refused_joins_are_counted_as_such(node: Node) -> None:
    """A refusal is an error of one code, and costs no seat."""
    code = await node.room(seats=2)
    await node.joined(code)
    await node.joined(code)
    socket = Socket(node.gateway)
    with pytest.raises(SignalingError):
        await node.gateway.join(socket.session, code, "x", None)
    assert len(node.store.rooms[code].seats) == 2
