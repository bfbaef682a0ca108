"""Every client message in every state a client can see: what is allowed works, the rest changes nothing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from signaling.contract.codec import CLIENT_TYPES
from signaling.domain.session import TRANSITIONS, Input, SessionState
from support.service import Service

NOBODY = "nobody-here"
OFFER = {"to": NOBODY, "description": {"type": "offer", "sdp": ""}}
ANSWER = {"to": NOBODY, "description": {"type": "answer", "sdp": ""}}
CANDIDATE = {"to": NOBODY, "candidate": None}
RESUME = {"resume_token": "not.atoken", "received": 1}

IN_LOBBY: dict[str, tuple[Mapping[str, Any] | None, str]] = {
    "join": ({"room_code": "zzzzzz"}, "room_not_found"),
    "offer": (OFFER, "not_in_room"),
    "answer": (ANSWER, "not_in_room"),
    "ice_candidate": (CANDIDATE, "not_in_room"),
    "leave": (None, "not_in_room"),
    "resume": (RESUME, "resume_failed"),
    "ping": (None, "pong"),
}
"""Message to its payload and its answer where the socket is in no room."""

IN_ROOM: dict[str, tuple[Mapping[str, Any] | None, str]] = {
    "join": ({"room_code": "zzzzzz"}, "already_in_room"),
    "offer": (OFFER, "peer_not_found"),
    "answer": (ANSWER, "peer_not_found"),
    "ice_candidate": (CANDIDATE, "peer_not_found"),
    "leave": ({}, "room_left"),
    "resume": (RESUME, "already_in_room"),
    "ping": ({"received": 3}, "pong"),
}
"""Message to its payload and its answer where the socket is in a room."""


def test_the_tables_here_have_every_message() -> None:
    """The tables walk every (state, message) pair that the service knows."""
    assert set(IN_LOBBY) == set(IN_ROOM) == set(CLIENT_TYPES)
    assert TRANSITIONS[SessionState.ENDED] == {}
    for table, state in ((IN_LOBBY, SessionState.LOBBY), (IN_ROOM, SessionState.SEATED)):
        refused = {
            kind for kind, (_, answer) in table.items() if answer in ("not_in_room", "already_in_room")
        }
        assert refused == {kind for kind in table if Input(kind) not in TRANSITIONS[state]}


def answer_of(frame: Mapping[str, Any]) -> str:
    return str(frame["payload"]["code"] if frame["type"] == "error" else frame["type"])


@pytest.mark.parametrize("kind", IN_LOBBY)
async def test_in_no_room(service: Service, kind: str) -> None:
    """Contract 2 and 3: outside a room only join, resume and ping do anything; the rest is `not_in_room`."""
    payload, answer = IN_LOBBY[kind]
    code = await service.room()
    client = await service.connect()
    assert answer_of(await client.ask(kind, payload)) == answer
    # Nothing changed: the socket can still join, and sees the room as it is.
    assert (await client.join(code))["participants"] == []
    assert (await service.view(code))["participant_count"] == 1


@pytest.mark.parametrize("kind", IN_ROOM)
async def test_in_a_room(service: Service, kind: str) -> None:
    """Contract 2 and 3: in a room, join and resume are `already_in_room`; nothing changes by a refusal."""
    payload, answer = IN_ROOM[kind]
    first, second = await service.couple()
    code = first.of_type("room_joined")[0]["payload"]["room_code"]
    before = await service.view(code)
    assert answer_of(await second.ask(kind, payload)) == answer
    await first.settle()
    if answer == "room_left":
        assert first.of_type("participant_left")[0]["payload"] == {
            "socket_id": second.socket_id,
            "reason": "left",
        }
        return
    assert await service.view(code) == before
    assert [frame["type"] for frame in first.frames] == [
        "connected",
        "room_joined",
        "participant_joined",
        "pong",
    ]
    await second.send("ice_candidate", {"to": first.socket_id, "candidate": None})
    assert (await first.expect("ice_candidate"))["payload"]["from"] == second.socket_id


@pytest.mark.parametrize("kind", IN_LOBBY)
async def test_after_leaving(service: Service, kind: str) -> None:
    """Contract 4: who has left is in no room; every message means what it means there."""
    payload, answer = IN_LOBBY[kind]
    code = await service.room()
    client = await service.joined(code)
    await client.send("leave")
    await client.expect("room_left")
    assert answer_of(await client.ask(kind, payload)) == answer
    assert (await service.view(code))["participant_count"] == 0


async def test_messages_sent_while_a_join_is_decided_wait_for_it(service: Service) -> None:
    """Contract 2: what is sent right behind a join is taken as sent in the room, in order."""
    code = await service.room()
    first = await service.joined(code)
    client = await service.connect()
    await client.send("join", {"room_code": code}, request_id="1")
    await client.send("ice_candidate", {"to": first.socket_id, "candidate": None}, request_id="2")
    await client.send("join", {"room_code": code}, request_id="3")
    await client.send("leave", request_id="4")
    await client.send("offer", OFFER, request_id="5")
    await client.send("join", {"room_code": code}, request_id="6")
    await client.send("ping", request_id="7")
    await client.until(lambda frame: frame.get("request_id") == "7")
    answers = [(frame.get("request_id"), answer_of(frame)) for frame in client.frames[1:]]
    assert answers == [
        ("1", "room_joined"),
        ("3", "already_in_room"),
        ("4", "room_left"),
        ("5", "not_in_room"),
        ("6", "room_joined"),
        ("7", "pong"),
    ]
    await first.until("participant_left")
    kinds = [frame["type"] for frame in first.frames[2:]]
    assert kinds[:3] == ["participant_joined", "ice_candidate", "participant_left"]
