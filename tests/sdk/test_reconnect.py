"""Lines that break: who comes back, who does not, and what the application hears of it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from signaling.contract.errors import CloseCode
from signaling_client import (
    AsyncSignalingClient,
    BadRequest,
    ConnectionFailed,
    PayloadTooLarge,
    Reconnected,
    RetryPolicy,
    RoomClosed,
    RoomExpired,
    RoomFull,
    Session,
    SignalingError,
    connect,
)
from signaling_client._closes import may_reconnect
from signaling_client.messages import Event, OfferRelay, ParticipantJoined, ParticipantLeft, RoomLeft
from support.server import ServerProcess

from .conftest import DEADLINE, NO_TLS
from .stubs import Cable, Peer, participant, socket_stub

PATIENT = RetryPolicy(attempts=200, first=0.05, longest=0.3)
BRIEF = RetryPolicy(attempts=4, first=0.01, longest=0.05)


@pytest.fixture
async def cable(server: ServerProcess) -> AsyncIterator[Cable]:
    async with Cable(server.port) as cable:
        yield cable


async def until(session: Session, kind: type[Any]) -> list[Event]:
    """What comes up to and with the first event of this kind."""
    events: list[Event] = []
    async with asyncio.timeout(DEADLINE):
        async for event in session:
            events.append(event)
            if isinstance(event, kind):
                return events
    raise AssertionError(f"ended before {kind.__name__}: {events}")


async def failure(session: Session) -> SignalingError:
    """The exception with which the session ends."""
    async with asyncio.timeout(DEADLINE):
        with pytest.raises(SignalingError) as caught:
            async for _ in session:
                pass
    return caught.value


# The real service


async def test_a_cut_line_is_joined_anew(server: ServerProcess, cable: Cable, room_code: str) -> None:
    async with (
        connect(server.base_url, room_code=room_code, display_name="Ben") as ben,
        connect(cable.url, room_code=room_code, display_name="Ann", user_id="u", reconnect=PATIENT) as ann,
    ):
        before = ann.socket_id
        view = ann.participants
        cable.cut()
        *_, back = await until(ann, Reconnected)
        assert isinstance(back, Reconnected)
        assert (back.previous_socket_id, back.socket_id) == (before, ann.socket_id)
        assert ann.socket_id != before
        assert ben.socket_id in {one.socket_id for one in back.participants}
        assert view is ann.participants
        assert ben.socket_id in view
        assert ann.connected

        # To the others it is a newcomer with the same name, and whoever was before is gone.
        *_, joined = await until(ben, ParticipantJoined)
        assert isinstance(joined, ParticipantJoined)
        *_, left = await until(ben, ParticipantLeft)
        assert isinstance(left, ParticipantLeft)
        assert (left.payload.socket_id, left.payload.reason) == (before, "connection_lost")
        await ben.offer(ann.socket_id, "v=0")
        *_, offer = await until(ann, OfferRelay)
        assert isinstance(offer, OfferRelay)
        assert ben.participants[ann.socket_id].display_name == "Ann"
        assert ben.participants[ann.socket_id].user_id == "u"


async def test_a_restart_of_the_service_is_outlived(tmp_path: Path) -> None:
    with ServerProcess(data_dir=tmp_path) as server:
        async with (
            AsyncSignalingClient(server.base_url, api_key=server.api_key, tls=NO_TLS) as client,
            Cable(server.port) as cable,
        ):
            code = (await client.create_room()).room_code
            async with (
                connect(cable.url, room_code=code, reconnect=PATIENT) as ann,
                connect(cable.url, room_code=code, reconnect=PATIENT) as ben,
            ):
                # Until it is back, nobody gets through: it would ask each to wait five seconds.
                cable.plugged = False
                await asyncio.to_thread(server.restart)
                cable.target, cable.plugged = server.port, True
                await asyncio.gather(until(ann, Reconnected), until(ben, Reconnected))
                await ann.offer(ben.socket_id, "after the restart")
                *_, offer = await until(ben, OfferRelay)
                assert isinstance(offer, OfferRelay)
                assert offer.payload.from_ == ann.socket_id
                assert offer.payload.description.sdp == "after the restart"


async def test_a_room_that_is_closed_meanwhile(server: ServerProcess, cable: Cable, room_code: str) -> None:
    async with (
        connect(cable.url, room_code=room_code, reconnect=PATIENT) as ann,
        AsyncSignalingClient(server.base_url, api_key=server.api_key, tls=NO_TLS) as client,
    ):
        cable.plugged = False
        cable.cut()
        await client.delete_room(room_code)
        cable.plugged = True
        assert isinstance(await failure(ann), RoomClosed)
        assert not ann.connected
        assert dict(ann.participants) == {}
        with pytest.raises(RoomClosed):
            await ann.ping()


async def test_a_closed_room_is_not_joined_anew(server: ServerProcess, cable: Cable, room_code: str) -> None:
    async with (
        connect(cable.url, room_code=room_code, reconnect=PATIENT) as ann,
        AsyncSignalingClient(server.base_url, api_key=server.api_key, tls=NO_TLS) as client,
    ):
        await client.delete_room(room_code)
        async with asyncio.timeout(DEADLINE):
            events = [event async for event in ann]
        assert [type(event) for event in events] == [RoomLeft]
        assert cable.opened == 1


async def test_while_the_line_is_lost(cable: Cable, room_code: str) -> None:
    async with connect(cable.url, room_code=room_code, reconnect=PATIENT) as ann:
        cable.plugged = False
        cable.cut()
        async with asyncio.timeout(DEADLINE):
            while ann.connected:  # noqa: ASYNC110 - what is waited for is no event of the session's
                await asyncio.sleep(0.01)
        for call in (ann.ping(), ann.offer("x", "v=0"), ann.answer("x", "v=0"), ann.ice_candidate("x", None)):
            with pytest.raises(ConnectionFailed, match="reconnecting"):
                await call
        cable.plugged = True
        await until(ann, Reconnected)
        await ann.ping()


async def test_nobody_is_left_waiting_for_an_answer() -> None:
    async def talk(peer: Peer) -> None:
        await peer.seat()
        await peer.take()
        peer.socket.transport.abort()

    async with socket_stub(talk) as url, connect(url, room_code="a7x9k2", reconnect=PATIENT) as session:
        with pytest.raises(ConnectionFailed):
            await session.ping()


@pytest.mark.parametrize("way", ["leave", "aclose"])
async def test_leaving_while_the_line_is_lost(cable: Cable, room_code: str, way: str) -> None:
    async with connect(cable.url, room_code=room_code, reconnect=PATIENT) as ann:
        cable.plugged = False
        cable.cut()
        async with asyncio.timeout(DEADLINE):
            while cable.opened < 3:  # noqa: ASYNC110 - as above
                await asyncio.sleep(0.01)
            await getattr(ann, way)()
            assert [event async for event in ann] == []
        opened = cable.opened
    assert cable.opened == opened


# Services on a string


class Room:
    """Leads the sockets of a stub: the first is closed as told, those after it stand."""

    def __init__(self, code: int, *, closes: int = 1) -> None:
        self.code = code
        self.closes = closes
        self.seats = 0

    async def talk(self, peer: Peer) -> None:
        self.seats += 1
        seat = self.seats
        await peer.seat([participant("ben")], socket_id=f"seat-{seat}")
        if seat <= self.closes:
            await peer.socket.close(self.code, "why")
        else:
            await peer.answer_pings()


@pytest.mark.parametrize("code", [4000, 4001, 4003, 4004, 4005, 4499, 1000, 1001, 1011, 1012, 1013, 3000])
async def test_closes_that_invite_back(code: int) -> None:
    room = Room(code)
    async with socket_stub(room.talk) as url:
        async with connect(url, room_code="a7x9k2", reconnect=BRIEF) as session:
            (back,) = await until(session, Reconnected)
            assert back == Reconnected(
                socket_id="seat-2",
                previous_socket_id="seat-1",
                participants=tuple(session.participants.values()),
            )
            await session.ping()
        assert room.seats == 2


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (4500, ConnectionFailed),
        (4501, BadRequest),
        (4502, ConnectionFailed),
        (4505, RoomClosed),
        (4506, RoomExpired),
        (4999, ConnectionFailed),
        (1002, ConnectionFailed),
        (1003, ConnectionFailed),
        (1007, ConnectionFailed),
        (1008, ConnectionFailed),
        (1009, PayloadTooLarge),
    ],
)
async def test_closes_for_good(code: int, kind: type[SignalingError]) -> None:
    room = Room(code)
    async with (
        socket_stub(room.talk) as url,
        connect(url, room_code="a7x9k2", reconnect=BRIEF) as session,
    ):
        error = await failure(session)
        assert type(error) is kind
        assert f"{code}: why" in error.detail
        assert getattr(error, "close_code", code) == code
        assert room.seats == 1


def test_the_services_close_codes_are_understood() -> None:
    for code in CloseCode:
        assert may_reconnect(code) is code.reconnect


async def test_no_reconnection_where_none_is_wanted() -> None:
    room = Room(4001)
    async with socket_stub(room.talk) as url, connect(url, room_code="a7x9k2", reconnect=None) as session:
        error = await failure(session)
        assert isinstance(error, ConnectionFailed)
        assert error.close_code == 4001
        assert room.seats == 1


async def test_attempts_are_bounded(cable: Cable, room_code: str) -> None:
    async with connect(cable.url, room_code=room_code, reconnect=BRIEF) as session:
        cable.plugged = False
        cable.cut()
        assert isinstance(await failure(session), ConnectionFailed)
        assert cable.opened == 1 + BRIEF.attempts - 1


async def test_a_line_that_never_holds_is_given_up() -> None:
    """Each seat is granted, and lost at once."""
    room = Room(4001, closes=1000)
    policy = RetryPolicy(attempts=5, first=0.01, longest=5)
    async with (
        socket_stub(room.talk) as url,
        connect(url, room_code="a7x9k2", reconnect=policy) as session,
    ):
        assert isinstance(await failure(session), ConnectionFailed)
        assert room.seats == policy.attempts


async def test_a_seat_that_the_service_still_holds_is_waited_for() -> None:
    seats = 0

    async def talk(peer: Peer) -> None:
        nonlocal seats
        seats += 1
        if seats == 1:
            await peer.seat()
            peer.socket.transport.abort()
        elif seats < 4:
            await peer.send(
                {
                    "type": "connected",
                    "payload": {
                        "socket_id": "x",
                        "protocol_version": 1,
                        "join_timeout_seconds": 9,
                        "max_frame_bytes": 9999,
                    },
                }
            )
            join = await peer.take()
            payload = {"code": "room_full", "message": "full"}
            await peer.send({"type": "error", "request_id": join["request_id"], "payload": payload})
            await peer.socket.wait_closed()
        else:
            await peer.seat(socket_id="again")
            await peer.answer_pings()

    async with socket_stub(talk) as url:
        async with connect(url, room_code="a7x9k2", reconnect=PATIENT) as session:
            await until(session, Reconnected)
            assert session.socket_id == "again"
        seats = 0
        brief = RetryPolicy(attempts=2, first=0.01)
        async with connect(url, room_code="a7x9k2", reconnect=brief) as session:
            assert isinstance(await failure(session), RoomFull)


async def test_what_came_before_the_cut_comes_before_the_news_of_it() -> None:
    seats = 0

    async def talk(peer: Peer) -> None:
        nonlocal seats
        seats += 1
        await peer.seat()
        if seats == 1:
            for name in ("ben", "cat"):
                await peer.send({"type": "participant_joined", "payload": participant(name)})
            await peer.socket.close(4001)
        else:
            await peer.send({"type": "participant_joined", "payload": participant("dan")})
            await peer.answer_pings()

    async with socket_stub(talk) as url, connect(url, room_code="a7x9k2", reconnect=BRIEF) as session:
        events = await until(session, Reconnected) + await until(session, ParticipantJoined)
        names = [
            event.payload.socket_id if isinstance(event, ParticipantJoined) else "Reconnected"
            for event in events
        ]
        assert names == ["ben", "cat", "Reconnected", "dan"]
        assert set(session.participants) == {"dan"}
