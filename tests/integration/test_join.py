"""Joining: what the fields may be, and what becomes of a join that cannot be."""

from __future__ import annotations

from typing import Any

import pytest

from support.service import Service


@pytest.mark.parametrize("form", [str.upper, str.lower, str.swapcase, str.title])
async def test_code_in_any_case(service: Service, form: Any) -> None:
    """Contract 1: a room code is accepted in any case, answered in lower case."""
    code = await service.room()
    client = await service.connect()
    assert (await client.join(form(code)))["room_code"] == code
    await client.send("leave")
    assert (await client.expect("room_left"))["payload"] == {"room_code": code, "reason": "left"}


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ({}, "Guest"),
        ({"display_name": None}, "Guest"),
        ({"display_name": "Ada"}, "Ada"),
        ({"display_name": "  Ada L. \n\t"}, "Ada L."),
        ({"display_name": "x"}, "x"),
        ({"display_name": "é" * 80}, "é" * 80),
        ({"display_name": "😀" * 80}, "😀" * 80),
        ({"display_name": "   " + "n" * 80 + "   "}, "n" * 80),
        ({"display_name": "<script>alert(1)</script>"}, "<script>alert(1)</script>"),
        ({"display_name": "a\u0000b\u2028c\u202e"}, "a\u0000b\u2028c\u202e"),
        ({"display_name": "O'Neil\"; DROP TABLE rooms; --"}, "O'Neil\"; DROP TABLE rooms; --"),
        ({"display_name": "شمس \u3000 太陽"}, "شمس \u3000 太陽"),
    ],
)
async def test_display_names(service: Service, given: dict[str, Any], shown: str) -> None:
    """Contract 2: 1..80 after trimming; left out or null: Guest. Text is data and comes out as it went in."""
    code = await service.room()
    first = await service.joined(code)
    second = await service.connect()
    await second.join(code, **given)
    assert (await first.expect("participant_joined"))["payload"]["display_name"] == shown
    shown_by_rest = (await service.view(code))["participants"][1]["display_name"]
    assert shown_by_rest == shown


@pytest.mark.odd_frames("client")
@pytest.mark.parametrize(
    "fields",
    [
        {"display_name": "x" * 81},
        {"display_name": "😀" * 81},
        {"display_name": " " + "x" * 81 + " "},
        {"display_name": ""},
        {"display_name": "   "},
        {"display_name": "\u3000\n\u2003"},
        {"display_name": 5},
        {"display_name": ["x"]},
        {"display_name": "a" + " " * 2000},
        {"user_id": ""},
        {"user_id": "u" * 129},
        {"user_id": 123},
    ],
)
async def test_fields_out_of_bounds(service: Service, fields: dict[str, Any]) -> None:
    """Contract 2: 81 characters, only white space, an empty or too long user_id: invalid_message, and not
    joined.
    """
    code = await service.room()
    client = await service.connect()
    await client.send("join", {"room_code": code, **fields})
    error = await client.expect_error("invalid_message")
    assert f"`$.payload.{next(iter(fields))}`" in error["payload"]["message"]
    assert (await service.view(code))["participant_count"] == 0
    await client.join(code)


@pytest.mark.parametrize("user_id", [None, "u", "u" * 128, " ü ", "😀" * 128])
async def test_user_ids(service: Service, user_id: str | None) -> None:
    """Contract 2: user_id is 1..128 and only carried."""
    code = await service.room()
    first = await service.joined(code)
    second = await service.connect()
    await second.join(code, user_id=user_id)
    assert (await first.expect("participant_joined"))["payload"]["user_id"] == user_id
    assert (await service.view(code))["participants"][1]["user_id"] == user_id


async def test_one_user_on_two_sockets(service: Service) -> None:
    """Contract 2: user_id is only carried: two tabs of one user are two participants."""
    code = await service.room()
    await service.joined(code, user_id="same")
    await service.joined(code, user_id="same")
    assert (await service.view(code))["participant_count"] == 2


async def test_an_unknown_code(service: Service) -> None:
    """Contract 3: room_not_found; the socket can go on."""
    client = await service.connect()
    await client.send("join", {"room_code": "zzzzzz"}, request_id="j")
    assert (await client.expect_error("room_not_found"))["request_id"] == "j"
    await client.join(await service.room())


async def test_a_closed_room(service: Service) -> None:
    """Contract 1: nobody can join a closed room again."""
    code = await service.room()
    await service.close_room(code)
    client = await service.connect()
    for _ in range(2):
        await client.send("join", {"room_code": code}, request_id="j")
        assert (await client.expect_error("room_closed"))["request_id"] == "j"
    await client.join(await service.room())


async def test_a_full_room(anywhere: Service) -> None:
    """Contract 3: room_full; a seat given up can be taken at once."""
    service = anywhere
    code = await service.room(max_participants=2)
    first, _second = await service.couple(code)
    third = await service.connect()
    await third.send("join", {"room_code": code}, request_id="j")
    assert (await third.expect_error("room_full"))["request_id"] == "j"
    await first.send("leave")
    await first.expect("room_left")
    await third.join(code)


async def test_exactly_as_many_seats_as_the_room_has(anywhere: Service) -> None:
    """Contract 2: max_participants holds when 60 join 20 seats at once, and everyone's view is the room's."""
    service = anywhere
    code = await service.room(max_participants=20)
    clients = [await service.connect() for _ in range(60)]
    for client in clients:
        await client.send("join", {"room_code": code})
    answers = [
        await client.until(lambda frame: frame["type"] in ("room_joined", "error")) for client in clients
    ]
    inside = [
        client for client, answer in zip(clients, answers, strict=True) if answer["type"] == "room_joined"
    ]
    refused = [answer["payload"]["code"] for answer in answers if answer["type"] == "error"]
    assert len(inside) == 20
    assert refused == ["room_full"] * 40
    room = await service.view(code)
    assert room["participant_count"] == 20
    order = [participant["socket_id"] for participant in room["participants"]]
    for client in inside:
        await client.reaches(lambda frames: seen(frames) == order)


def seen(frames: list[dict[str, Any]]) -> list[str]:
    """The room as a member sees it, itself included: its list, itself, then who came, in the order it was
    told.
    """
    members: list[str] = []
    for frame in frames:
        payload = frame["payload"]
        if frame["type"] == "room_joined":
            members = [participant["socket_id"] for participant in payload["participants"]]
            members.append(payload["socket_id"])
        elif frame["type"] == "participant_joined":
            members.append(payload["socket_id"])
    return members
