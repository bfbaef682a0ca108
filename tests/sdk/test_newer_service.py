"""The SDK's messages are the service's, byte for byte; and a newer service does not break an older SDK."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest

from signaling.contract import codec
from signaling.contract.catalog import CATALOG, CLIENT_CATALOG, SERVER_CATALOG, Direction, MessageInfo
from signaling.web.docs import openapi_document
from signaling_client import _wire, connect, models
from signaling_client._generated import messages as generated
from signaling_client.messages import ParticipantJoined, ParticipantLeft, RoomLeft

from .conftest import Clients
from .stubs import Answer, Json, Peer, http_stub, participant, socket_stub

EXAMPLES = [
    pytest.param(info, example, id=f"{info.message.__name__}-{number}")
    for info in CATALOG
    for number, example in enumerate(info.examples)
]


@pytest.mark.parametrize(("info", "example"), EXAMPLES)
def test_messages_round_trip_byte_for_byte(info: MessageInfo, example: Any) -> None:
    frame = msgspec.json.encode(example)
    union: Any = (
        generated.ServerMessage if info.direction is Direction.SERVER_TO_CLIENT else generated.ClientMessage
    )
    message = msgspec.json.decode(frame, type=union)
    assert type(message).__name__ == info.message.__name__
    assert msgspec.json.encode(message) == frame
    if info.direction is Direction.SERVER_TO_CLIENT:
        assert _wire.decode(frame) == message
    else:
        assert _wire.encode(message) == frame
        codec.decode(_wire.encode(message))


def test_no_message_is_missing_and_none_is_too_many() -> None:
    for union, catalog in (
        (generated.ClientMessage, CLIENT_CATALOG),
        (generated.ServerMessage, SERVER_CATALOG),
    ):
        info = msgspec.inspect.type_info(union)
        while isinstance(info, msgspec.inspect.Metadata):
            info = info.type
        assert isinstance(info, msgspec.inspect.UnionType)
        tags = [member.tag for member in info.types if isinstance(member, msgspec.inspect.StructType)]
        assert sorted(map(str, tags)) == sorted(message.type for message in catalog)


def answers() -> dict[str, list[Json]]:
    """The bodies that the service's document shows as its answers, by the name of their schema."""
    found: dict[str, list[Json]] = {}
    for path in openapi_document()["paths"].values():
        for operation in path.values():
            for response in operation["responses"].values():
                for content in response.get("content", {}).values():
                    name = content["schema"]["$ref"].rpartition("/")[2]
                    found.setdefault(name, []).extend(one["value"] for one in content["examples"].values())
    return found


@pytest.mark.parametrize(
    "name", ["RoomCreated", "RoomDetails", "RoomList", "RoomDeleted", "StatisticsResponse", "HealthResponse"]
)
def test_rest_models_read_the_services_examples(name: str) -> None:
    model: Any = getattr(models, name)
    bodies = answers()[name]
    assert bodies
    for body in bodies:
        read = model.from_dict(body)
        assert json.loads(json.dumps(read.to_dict()).replace("+00:00", "Z")) == body
        assert read.additional_properties == {}


# A newer service


NEWS = {"chalk": {"colour": ["white", None, 1.5]}}


@pytest.mark.parametrize("info", SERVER_CATALOG, ids=lambda info: info.message.__name__)
def test_unknown_fields_are_ignored(info: MessageInfo) -> None:
    for example in info.examples:
        frame = msgspec.json.encode(example)
        assert _wire.decode(json.dumps(_with_news(json.loads(frame)))) == _wire.decode(frame)


def _with_news(value: Any) -> Any:
    if isinstance(value, dict):
        return {**{key: _with_news(one) for key, one in value.items()}, **NEWS}
    return [_with_news(one) for one in value] if isinstance(value, list) else value


def test_unknown_messages_are_no_message() -> None:
    assert _wire.decode(json.dumps({"type": "homework", "payload": NEWS})) is None
    assert _wire.decode(json.dumps({"type": "homework", "payload": 5, "request_id": 7})) is None


@pytest.mark.odd_frames("server")
async def test_a_session_with_a_newer_service() -> None:
    """Unknown messages, fields, reasons, states; larger rooms, longer names."""

    async def talk(peer: Peer) -> None:
        await peer.send({"type": "weather", "payload": {}})
        await peer.send(
            {
                "type": "connected",
                "payload": {
                    "socket_id": "x" * 1000,
                    "protocol_version": 7,
                    "join_timeout_seconds": 0,
                    "max_frame_bytes": 1_000_000,
                    **NEWS,
                },
            }
        )
        join = await peer.take()
        await peer.send({"type": "waiting_for_teacher", "request_id": join["request_id"], "payload": {}})
        ben = participant("ben", connection="asleep", display_name="n" * 500, role="teacher")
        await peer.send(
            {
                "type": "room_joined",
                "request_id": join["request_id"],
                "payload": {
                    "room_code": "a7x9k2-b",
                    "socket_id": "me",
                    "participants": [ben],
                    "expires_at": "2035-12-18T12:30:00.123+01:00",
                    "max_participants": 100_000,
                    "resume_token": "t" * 5000,
                    "resume_window_seconds": -1,
                },
            }
        )
        await peer.send({"type": "hand_raised", "payload": {"socket_id": "ben"}})
        await peer.send(
            {"type": "participant_joined", "payload": participant("cat", connection="asleep"), **NEWS}
        )
        await peer.send(
            {"type": "participant_left", "payload": {"socket_id": "cat", "reason": "asked_to_leave"}}
        )
        await peer.send(
            {"type": "room_left", "payload": {"room_code": "a7x9k2-b", "reason": "school_is_out"}}
        )
        await peer.socket.close(4777)

    async with socket_stub(talk) as url, connect(url, room_code="a7x9k2") as session:
        assert session.room_code == "a7x9k2-b"
        assert session.participants["ben"].connection == "asleep"
        assert session.max_participants == 100_000
        joined, left, out = [event async for event in session]
        assert isinstance(joined, ParticipantJoined)
        assert isinstance(left, ParticipantLeft)
        assert left.payload.reason == "asked_to_leave"
        assert isinstance(out, RoomLeft)
        assert out.payload.reason == "school_is_out"


async def test_rest_with_a_newer_service(clients: Clients) -> None:
    room = {
        "room_code": "a7x9k2-b",
        "state": "paused",
        "participant_count": 1,
        "max_participants": 100_000,
        "created_at": "2025-12-18T10:30:00.5Z",
        "expires_at": "2025-12-18T13:30:00+01:00",
        "owner_id": "o" * 1000,
        **NEWS,
    }
    who = participant("ben", connection="asleep")
    del who["polite"]
    with http_stub(Answer(200, {**room, "participants": [who]})) as stub:
        details = await (await clients(stub.url))("get_room", "a7x9k2")
        assert (details.state, details.participants[0].connection) == ("paused", "asleep")
        assert details.additional_properties == NEWS
    with http_stub(Answer(200, {"rooms": [room], "total": 1, "next_cursor": None})) as stub:
        assert (await (await clients(stub.url))("list_rooms")).rooms[0].state == "paused"
    health = {
        "status": "busy",
        "timestamp": "2025-12-18T10:30:00Z",
        "metrics": {"active_websocket_connections": 0, "active_rooms": 0, "api_authentication": "optional"},
    }
    with http_stub(Answer(200, health)) as stub:
        assert (await (await clients(stub.url))("health")).status == "busy"
