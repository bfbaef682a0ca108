"""Lines that break: who comes back, who does not, and what the application hears of it."""

from __future__ import annotations

import asyncio
import json
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
    Reconnecting,
    RetryPolicy,
    RoomClosed,
    RoomExpired,
    RoomFull,
    Session,
    SignalingError,
    connect,
)
from signaling_client._closes import may_reconnect
from signaling_client.messages import (
    Event,
    IceCandidateRelay,
    OfferRelay,
    ParticipantJoined,
    ParticipantLeft,
    ParticipantReconnected,
    ParticipantReconnecting,
    RoomLeft,
)
from support.server import ServerProcess

from .conftest import DEADLINE, NO_TLS
from .stubs import CONNECTED, Cable, Json, Peer, participant, room_joined, socket_stub

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


async def test_a_cut_line_is_resumed(server: ServerProcess, cable: Cable, room_code: str) -> None:
    """Nothing is missing, nothing comes twice, whenever the line is cut; the others see the same one."""
    async with (
        connect(server.base_url, room_code=room_code, display_name="Ben") as ben,
        connect(cable.url, room_code=room_code, display_name="Ann", user_id="u", reconnect=PATIENT) as ann,
    ):
        before = ann.socket_id
        view = ann.participants
        sent = 0
        heard: list[Event] = []
        for _ in range(4):
            for _ in range(10):
                sent += 1
                await ben.ice_candidate(before, {"candidate": f"c{sent}"})
            cable.cut()
            for _ in range(10):
                sent += 1
                await ben.ice_candidate(before, {"candidate": f"c{sent}"})
            heard += await until(ann, Reconnected)
            back = heard[-1]
            assert isinstance(back, Reconnected)
            assert back.recovered
            assert (back.previous_socket_id, back.socket_id, ann.socket_id) == (before,) * 3
            assert ann.connected
        while len(candidates(heard)) < sent:
            heard += await until(ann, IceCandidateRelay)
        assert candidates(heard) == [f"c{number}" for number in range(1, sent + 1)]
        told = [type(event) for event in heard if isinstance(event, Reconnecting | Reconnected)]
        assert told == [Reconnecting, Reconnected] * 4
        assert view is ann.participants
        assert set(view) == {ben.socket_id}

        # What it sends is from the same member, and the others saw it go and come back.
        await ann.offer(ben.socket_id, "v=0")
        seen = await until(ben, OfferRelay)
        assert isinstance(seen[-1], OfferRelay)
        assert seen[-1].payload.from_ == before
        assert not [event for event in seen if isinstance(event, ParticipantLeft)]
        assert ben.participants[before].connection == "connected"
        assert ben.participants[before].display_name == "Ann"


def candidates(events: list[Event]) -> list[str]:
    return [
        event.payload.candidate.candidate
        for event in events
        if isinstance(event, IceCandidateRelay) and event.payload.candidate is not None
    ]


async def test_others_see_who_is_reconnecting(server: ServerProcess, cable: Cable, room_code: str) -> None:
    async with (
        connect(server.base_url, room_code=room_code) as ben,
        connect(cable.url, room_code=room_code, reconnect=PATIENT) as ann,
    ):
        cable.plugged = False
        cable.cut()
        await until(ben, ParticipantReconnecting)
        assert ben.participants[ann.socket_id].connection == "reconnecting"
        cable.plugged = True
        await until(ben, ParticipantReconnected)
        assert ben.participants[ann.socket_id].connection == "connected"


async def test_a_seat_that_ended_is_joined_anew(tmp_path: Path) -> None:
    """Whoever stays away too long is a newcomer with the same name, and whoever was before is gone."""
    with ServerProcess(data_dir=tmp_path, RECONNECT_GRACE_SECONDS="1") as server:
        async with (
            AsyncSignalingClient(server.base_url, api_key=server.api_key, tls=NO_TLS) as client,
            Cable(server.port) as cable,
        ):
            code = (await client.create_room()).room_code
            async with (
                connect(server.base_url, room_code=code) as ben,
                connect(cable.url, room_code=code, display_name="Ann", user_id="u", reconnect=PATIENT) as ann,
            ):
                before = ann.socket_id
                cable.plugged = False
                cable.cut()
                *_, left = await until(ben, ParticipantLeft)
                assert isinstance(left, ParticipantLeft)
                assert (left.payload.socket_id, left.payload.reason) == (before, "connection_lost")
                cable.plugged = True
                *_, back = await until(ann, Reconnected)
                assert isinstance(back, Reconnected)
                assert not back.recovered
                assert (back.previous_socket_id, back.socket_id) == (before, ann.socket_id)
                assert ann.socket_id != before
                assert (
                    {one.socket_id for one in back.participants} == set(ann.participants) == {ben.socket_id}
                )
                await until(ben, ParticipantJoined)
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
                names = (ann.socket_id, ben.socket_id)
                # Until it is back, nobody gets through: it would ask each to wait five seconds.
                cable.plugged = False
                await asyncio.to_thread(server.restart)
                cable.target, cable.plugged = server.port, True
                for events in await asyncio.gather(until(ann, Reconnected), until(ben, Reconnected)):
                    back = events[-1]
                    assert isinstance(back, Reconnected)
                    assert not back.recovered
                    assert back.socket_id == back.previous_socket_id
                assert (ann.socket_id, ben.socket_id) == names
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
            assert [type(event) for event in [event async for event in ann]] == [Reconnecting]
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
            assert await until(session, Reconnected) == [
                Reconnecting(code),
                Reconnected(
                    socket_id="seat-2",
                    previous_socket_id="seat-1",
                    participants=tuple(session.participants.values()),
                    recovered=False,
                ),
            ]
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
            event.payload.socket_id if isinstance(event, ParticipantJoined) else type(event).__name__
            for event in events
        ]
        assert names == ["ben", "cat", "Reconnecting", "Reconnected", "dan"]
        assert set(session.participants) == {"dan"}


# Resuming, by the book


class Seats:
    """Leads the sockets of a stub that keeps seats: what each said to come in is in `entries`."""

    def __init__(self, *answers: Json) -> None:
        self.answers = list(answers)
        self.entries: list[Json] = []
        self.pings: list[Json] = []

    async def talk(self, peer: Peer) -> None:
        if not self.entries:
            self.entries.append({})
            await peer.seat([participant("ben"), participant("cat")], window=20)
            await peer.send({"type": "participant_joined", "payload": participant("dan")})
            await peer.send({"type": "of_a_newer_service", "payload": {}})
            await peer.socket.close(4001)
            return
        await peer.send(CONNECTED)
        while self.answers:
            entry = await peer.take()
            self.entries.append(entry)
            answer = self.answers.pop(0)
            await peer.send({**answer, "request_id": entry["request_id"]})
            if answer["type"] == "resumed":
                for _ in range(answer["payload"]["replayed"]):
                    await peer.send(
                        {"type": "participant_left", "payload": {"socket_id": "ben", "reason": "left"}}
                    )
                break
            if answer["type"] == "room_joined":
                break
        async for text in peer.socket:
            self.pings.append(json.loads(text))
            pong = {"server_time": "2025-12-18T10:31:00Z"}
            await peer.send({"type": "pong", "request_id": self.pings[-1]["request_id"], "payload": pong})


def resumed(*participants: str, recovered: bool, replayed: int = 0) -> Json:
    payload = {
        "room_code": "a7x9k2",
        "socket_id": "me",
        "participants": [participant(name) for name in participants],
        "recovered": recovered,
        "replayed": replayed,
        "resume_token": "token-2",
    }
    return {"type": "resumed", "payload": payload}


RESUME_FAILED: Json = {"type": "error", "payload": {"code": "resume_failed", "message": "no"}}


@pytest.mark.odd_frames("server")
async def test_what_is_said_to_resume() -> None:
    """Contract 4: the token, and the frames that arrived from `room_joined` on, unknown ones included."""
    seats = Seats(resumed("cat", "dan", recovered=True, replayed=1))
    async with (
        socket_stub(seats.talk) as url,
        connect(url, room_code="a7x9k2", reconnect=BRIEF) as session,
    ):
        *_, back, left = await until(session, ParticipantLeft)
        assert isinstance(back, Reconnected)
        assert (back.recovered, back.socket_id, back.previous_socket_id) == (True, "me", "me")
        assert isinstance(left, ParticipantLeft)
        assert set(session.participants) == {"cat", "dan"}
        entry = seats.entries[1]
        assert (entry["type"], entry["payload"]) == ("resume", {"resume_token": "token", "received": 3})
        # Counting goes on: the replayed frame was the fourth.
        await session.ping()
        await session.ping()
        assert [ping["payload"] for ping in seats.pings] == [{"received": 4}, {"received": 5}]


@pytest.mark.odd_frames("server")
async def test_what_was_lost_is_replaced_by_the_truth() -> None:
    seats = Seats(resumed("dan", "eve", recovered=False))
    async with (
        socket_stub(seats.talk) as url,
        connect(url, room_code="a7x9k2", reconnect=BRIEF) as session,
    ):
        *_, back = await until(session, Reconnected)
        assert isinstance(back, Reconnected)
        assert not back.recovered
        assert [one.socket_id for one in back.participants] == ["dan", "eve"]
        assert set(session.participants) == {"dan", "eve"}
        await session.ping()
        assert seats.pings[0]["payload"] == {"received": 3}


@pytest.mark.odd_frames("server")
async def test_a_seat_that_cannot_be_resumed_is_joined_anew_on_the_same_socket() -> None:
    seats = Seats(RESUME_FAILED, room_joined(None, [participant("dan")], "me-again"))
    async with (
        socket_stub(seats.talk) as url,
        connect(url, room_code="a7x9k2", display_name="Ann", reconnect=BRIEF) as session,
    ):
        *_, back = await until(session, Reconnected)
        assert isinstance(back, Reconnected)
        assert (back.recovered, back.socket_id, back.previous_socket_id) == (False, "me-again", "me")
        assert [entry.get("type") for entry in seats.entries[1:]] == ["resume", "join"]
        assert seats.entries[2]["payload"] == {"room_code": "a7x9k2", "display_name": "Ann"}
        await session.ping()
        assert seats.pings[0]["payload"] == {"received": 1}


@pytest.mark.odd_frames("server")
async def test_a_service_that_cannot_now_is_asked_again() -> None:
    """A refusal that may pass does not cost the seat."""
    refusal: Json = {
        "type": "error",
        "payload": {"code": "server_error", "message": "no", "retry_after": 0.01},
    }
    seats = Seats(refusal)
    async with (
        socket_stub(seats.talk) as url,
        connect(url, room_code="a7x9k2", reconnect=PATIENT) as session,
    ):
        async with asyncio.timeout(DEADLINE):
            while len(seats.entries) < 2:  # noqa: ASYNC110 - the stub has no event
                await asyncio.sleep(0.01)
        seats.answers.append(resumed("cat", recovered=True))
        *_, back = await until(session, Reconnected)
        assert isinstance(back, Reconnected)
        assert back.recovered
        assert [entry["payload"]["resume_token"] for entry in seats.entries[1:]] == ["token", "token"]


async def test_a_token_is_replaced_by_each_use() -> None:
    tokens: list[str] = []

    async def talk(peer: Peer) -> None:
        if not tokens:
            tokens.append("")
            await peer.seat(window=20)
            await peer.socket.close(4001)
            return
        await peer.send(CONNECTED)
        entry = await peer.take()
        tokens.append(entry["payload"]["resume_token"])
        answer = resumed(recovered=True)
        answer["payload"]["resume_token"] = f"token-{len(tokens)}"
        await peer.send({**answer, "request_id": entry["request_id"]})
        if len(tokens) < 4:
            await peer.socket.close(4001)
        else:
            await peer.answer_pings()

    async with socket_stub(talk) as url, connect(url, room_code="a7x9k2", reconnect=PATIENT) as session:
        for _ in range(3):
            await until(session, Reconnected)
        await session.ping()
    assert tokens == ["", "token", "token-2", "token-3"]
