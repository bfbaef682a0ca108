"""Sockets and rooms where a real server cannot be brought: the store away, sockets lost and rooms closed
midway.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from typing import Any

import pytest

from signaling.contract.errors import CloseCode, SignalingError
from signaling.contract.types import LeftReason
from signaling.domain import commands
from signaling.domain.events import ParticipantJoined, ParticipantLeft
from signaling.domain.session import SessionState
from signaling.realtime import gateway as module
from signaling.realtime.connection import Limits
from signaling.realtime.gateway import Gateway, GatewaySettings
from signaling.realtime.session import Session
from signaling.rooms.resume_token import ResumeTokens
from signaling.rooms.service import NewRoom
from signaling.telemetry.metrics import Metrics
from support.memory import Rooms, until
from support.wire import check_server_frame


class Socket:
    """A Transport and the session on it."""

    def __init__(self, gateway: Gateway, address: str = "192.0.2.1") -> None:
        self.frames: list[dict[str, Any]] = []
        self.closed: int | None = None
        self.session: Session = gateway.open(self, address)

    def write(self, frames: Sequence[bytes]) -> None:
        self.frames += [check_server_frame(frame) for frame in frames]

    def buffered(self) -> int:
        return 0

    def pause_reading(self) -> None:
        """Nothing is read here."""

    def resume_reading(self) -> None:
        """Nothing is read here."""

    def close(self, code: int, reason: str) -> None:
        self.closed = code

    def say(self, type_: str, **payload: Any) -> None:
        self.session.frame_received(
            json.dumps({"type": type_, "payload": payload, "request_id": "r"}).encode()
        )

    def types(self) -> list[str]:
        return [frame["payload"].get("code", frame["type"]) for frame in self.frames]

    async def hears(self, type_: str) -> None:
        """Wait for a frame that comes by the clock."""
        while type_ not in self.types():  # noqa: ASYNC110 - a retry is timed
            await asyncio.sleep(0.002)

    async def gets(self, type_: str) -> dict[str, Any]:
        await until(lambda: type_ in self.types())
        return self.frames[self.types().index(type_)]


class Node:
    """A gateway on a store in memory."""

    def __init__(self) -> None:
        self.rooms = Rooms()
        self.store = self.rooms.store
        limits = Limits(outbox_bytes=1_000_000, frames_per_second=1000, burst_frames=1000)
        settings = GatewaySettings(
            limits=limits,
            max_frame_bytes=65_536,
            join_timeout_seconds=60,
            unknown_codes_per_minute=60,
            max_connections=100,
        )
        self.gateway = Gateway(self.rooms.service, ResumeTokens(["key"]), settings, Metrics())

    async def room(self, seats: int = 50) -> str:
        room, _ = await self.rooms.service.create(NewRoom(max_participants=seats))
        return room.code

    async def joined(self, code: str) -> Socket:
        socket = Socket(self.gateway)
        socket.say("join", room_code=code)
        await socket.gets("room_joined")
        # Frames wait until the join has been dealt with to its end.
        socket.say("ping")
        await socket.gets("pong")
        socket.frames.pop()
        return socket

    def balance(self, code: str) -> dict[str, list[str]]:
        """Events of each socket in the room's log."""
        told: dict[str, list[str]] = {}
        for event in self.store.logs[code]:
            if isinstance(event, ParticipantJoined):
                told.setdefault(event.seat.socket_id, []).append("joined")
            elif isinstance(event, ParticipantLeft):
                told.setdefault(event.socket_id, []).append(event.reason.value)
        return told

    async def idle(self) -> None:
        """Nothing is under way any more, and nothing is remembered of rooms without sockets."""
        await until(lambda: not self.gateway._tasks)
        if not self.gateway.connections:
            await until(lambda: not self.gateway._hub._local and not self.rooms.broker._listeners)
            assert not self.rooms.service._replicas
            assert not self.gateway._hub._turns._turns
            assert not self.gateway._tries._turns


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
    """Contract 4: the seat that is taken for a socket that is gone is given back at once, and told as such.
    Contract 4: the seat that is taken for a socket that is gone is given back at once, and told as such.
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
    """Contract 4: `leave` with the end of the line right behind it is one `left`, and nothing fails over it.
    Contract 4: `leave` with the end of the line right behind it is one `left`, and nothing fails over it.
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
    await node.rooms.service.leave(code, second.session.socket_id, LeftReason.CONNECTION_LOST)
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


async def test_a_member_of_another_node_is_seen(node: Node) -> None:
    """Architecture 5: events of other nodes are told like the node's own."""
    code = await node.room()
    first = await node.joined(code)
    command = commands.Join(socket_id="elsewhere", display_name="x", user_id=None, node="other")
    node.rooms.broker.publish(code, node.store.elsewhere(code, command, node.rooms.clock()))
    await until(lambda: "participant_joined" in first.types())
    first.say("offer", to="elsewhere", description={"type": "offer"})
    await first.gets("peer_not_found")


async def test_refused_joins_are_counted_as_such(node: Node) -> None:
    """A refusal is an error of one code, and costs no seat."""
    code = await node.room(seats=2)
    await node.joined(code)
    await node.joined(code)
    socket = Socket(node.gateway)
    with pytest.raises(SignalingError):
        await node.gateway.join(socket.session, code, "x", None)
    assert len(node.store.rooms[code].seats) == 2
