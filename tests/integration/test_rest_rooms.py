"""Rooms over REST: what is answered, to the field, for every thing that can be asked of a room."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from support.rest import moment, refused
from support.service import Service

ALPHABET = set("23456789abcdefghjkmnpqrstuvwxyz")


def now() -> datetime:
    return datetime.now(UTC)


# Create


async def test_the_guides_request_gets_the_guides_answer(service: Service) -> None:
    body = {"owner_id": "teacher_123", "ttl_hours": 2, "max_participants": 30}
    before = now().replace(microsecond=0)
    answer = await service.rest.post("/api/rooms", json=body)
    assert answer.status_code == 201
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["cache-control"] == "no-store"
    room = answer.json()
    assert list(room) == ["room_code", "created_at", "expires_at", "owner_id"]
    assert len(room["room_code"]) == 6
    assert set(room["room_code"]) <= ALPHABET
    assert answer.headers["location"] == f"/api/rooms/{room['room_code']}"
    assert "idempotency-replayed" not in answer.headers
    assert room["owner_id"] == "teacher_123"
    assert before <= moment(room["created_at"]) <= now()
    assert moment(room["expires_at"]) - moment(room["created_at"]) == timedelta(hours=2)


@pytest.mark.parametrize(
    "sent",
    [
        {},
        {"content": b""},
        {"json": {}},
        {"json": {"owner_id": None, "ttl_hours": None, "max_participants": None}},
        {"content": b"{}", "headers": {"Content-Type": "text/plain"}},
        {"content": b" \r\n\t{ } "},
    ],
    ids=["no body", "empty body", "empty object", "nulls", "another content type", "white space"],
)
async def test_defaults(service: Service, sent: dict[str, Any]) -> None:
    answer = await service.rest.post("/api/rooms", **sent)
    assert answer.status_code == 201, answer.text
    room = answer.json()
    assert room["owner_id"] is None
    assert moment(room["expires_at"]) - moment(room["created_at"]) == timedelta(hours=24)
    assert (await service.view(room["room_code"]))["max_participants"] == 50


@pytest.mark.parametrize(
    "body",
    [
        {"ttl_hours": 1},
        {"ttl_hours": 168},
        {"max_participants": 2},
        {"max_participants": 100},
        {"owner_id": "x"},
        {"owner_id": "x" * 128},
        {"owner_id": "é" * 128},
        {"owner_id": "😀" * 128},
        {"owner_id": " "},
        {"owner_id": "a\u0000b\u2028<script>\"'; DROP TABLE rooms; --"},
    ],
)
async def test_values_within_the_bounds(service: Service, body: dict[str, Any]) -> None:
    answer = await service.rest.post("/api/rooms", json=body)
    assert answer.status_code == 201, answer.text
    created = answer.json()
    view = await service.view(created["room_code"])
    assert view["owner_id"] == created["owner_id"] == body.get("owner_id")
    assert view["max_participants"] == body.get("max_participants", 50)
    life = moment(view["expires_at"]) - moment(view["created_at"])
    assert life == timedelta(hours=body.get("ttl_hours", 24))


async def test_settings_are_the_defaults(serve: Any) -> None:
    async with serve(ROOM_TTL_HOURS="3", MAX_PARTICIPANTS_PER_ROOM="7") as service:
        code = await service.room()
        view = await service.view(code)
        assert moment(view["expires_at"]) - moment(view["created_at"]) == timedelta(hours=3)
        assert view["max_participants"] == 7
        assert (await service.view(await service.room(max_participants=9, ttl_hours=1)))[
            "max_participants"
        ] == 9


async def test_codes_differ(service: Service) -> None:
    codes = {await service.room() for _ in range(50)}
    assert len(codes) == 50


# Get


async def test_a_room_nobody_is_in(service: Service) -> None:
    code = await service.room(owner_id="teacher_123", ttl_hours=2, max_participants=30)
    view = await service.view(code)
    created_at, expires_at = moment(view.pop("created_at")), moment(view.pop("expires_at"))
    assert expires_at - created_at == timedelta(hours=2)
    assert view == {
        "room_code": code,
        "state": "open",
        "participant_count": 0,
        "max_participants": 30,
        "participants": [],
        "owner_id": "teacher_123",
    }


async def test_fields_in_the_order_of_the_guide(service: Service) -> None:
    assert list(await service.view(await service.room())) == [
        "room_code",
        "created_at",
        "expires_at",
        "state",
        "participant_count",
        "max_participants",
        "participants",
        "owner_id",
    ]


async def test_participants_first_come_first(service: Service) -> None:
    code = await service.room()
    before = now().replace(microsecond=0)
    first = await service.joined(code, display_name="John Doe", user_id="student_456")
    second = await service.joined(code)
    view = await service.view(code)
    assert view["participant_count"] == 2
    times = [moment(participant.pop("joined_at")) for participant in view["participants"]]
    assert before <= times[0] <= times[1] <= now()
    assert view["participants"] == [
        {
            "socket_id": first.socket_id,
            "display_name": "John Doe",
            "user_id": "student_456",
            "connection": "connected",
        },
        {
            "socket_id": second.socket_id,
            "display_name": "Guest",
            "user_id": None,
            "connection": "connected",
        },
    ]
    await second.ask("leave")
    view = await service.view(code)
    assert [participant["socket_id"] for participant in view["participants"]] == [first.socket_id]
    assert view["participant_count"] == 1


@pytest.mark.parametrize("method", ["GET", "DELETE"])
async def test_codes_in_any_case(service: Service, method: str) -> None:
    code = await service.room()
    answer = await service.rest.request(method, f"/api/rooms/{code.upper()}")
    assert answer.status_code == 200
    assert code in answer.text
    assert code.upper() == code or code.upper() not in answer.text


@pytest.mark.parametrize("method", ["GET", "DELETE"])
async def test_unknown_codes(service: Service, method: str) -> None:
    # With a look-alike that the service never draws: nobody can have this room.
    answer = await service.rest.request(method, "/api/rooms/A0O1il")
    refused(answer, 404, "room_not_found", "No room has the code a0o1il")


@pytest.mark.parametrize("method", ["GET", "DELETE"])
@pytest.mark.parametrize(
    "code",
    [
        "a",
        "abcde",
        "abcdefg",
        "a" * 5000,
        "abc-ef",
        "abcde%0A",
        "%20bcdef",
        "abcd%C3%A9",
        "%FF%FF%FF%FF%FF%FF",
        "%00abcde",
    ],
)
async def test_what_is_no_code(service: Service, method: str, code: str) -> None:
    answer = await service.rest.request(method, f"/api/rooms/{code}")
    refused(answer, 400, "bad_request", "room_code: must be 6 letters or digits")


@pytest.mark.parametrize(
    "path", ["/api/rooms/abc/ef", "/api/rooms/abc%2Fef", "/api/rooms/abcdef/participants"]
)
async def test_deeper_paths_are_not_there(service: Service, path: str) -> None:
    refused(await service.rest.get(path), 404, "not_found", "There is nothing at this path")


# Delete


async def test_delete_ends_the_room(service: Service) -> None:
    code = await service.room(owner_id="teacher_123")
    client = await service.joined(code)
    answer = await service.rest.delete(f"/api/rooms/{code}")
    assert answer.status_code == 200
    assert answer.json() == {"message": f"Room {code} deleted successfully"}
    assert (await client.expect("room_left"))["payload"] == {"room_code": code, "reason": "room_closed"}
    view = await service.view(code)
    assert (view["state"], view["participant_count"], view["participants"]) == ("closed", 0, [])
    assert view["owner_id"] == "teacher_123"


async def test_delete_again_changes_nothing(service: Service) -> None:
    code = await service.room()
    answers = [await service.rest.delete(f"/api/rooms/{code}") for _ in range(2)]
    views = [await service.view(code)]
    answers.append(await service.rest.delete(f"/api/rooms/{code}"))
    views.append(await service.view(code))
    assert {answer.status_code for answer in answers} == {200}
    assert all(answer.json() == {"message": f"Room {code} deleted successfully"} for answer in answers)
    assert views[0] == views[1]
    assert views[0]["state"] == "closed"


async def test_nobody_joins_a_deleted_room(service: Service) -> None:
    code = await service.room()
    await service.close_room(code)
    client = await service.connect()
    error = await client.ask("join", {"room_code": code})
    assert (error["type"], error["payload"]["code"]) == ("error", "room_closed")


# Bodies that are refused


@pytest.mark.parametrize(
    ("body", "detail"),
    [
        ({"ttl_hours": 0}, "Expected `int` >= 1 - at `$.ttl_hours`"),
        ({"ttl_hours": 169}, "Expected `int` <= 168 - at `$.ttl_hours`"),
        ({"ttl_hours": -1}, "Expected `int` >= 1 - at `$.ttl_hours`"),
        ({"ttl_hours": 10**30}, None),
        ({"ttl_hours": 1.5}, "Expected `int | null`, got `float` - at `$.ttl_hours`"),
        ({"ttl_hours": "2"}, "Expected `int | null`, got `str` - at `$.ttl_hours`"),
        ({"ttl_hours": True}, "Expected `int | null`, got `bool` - at `$.ttl_hours`"),
        ({"ttl_hours": [2]}, "Expected `int | null`, got `array` - at `$.ttl_hours`"),
        ({"max_participants": 1}, "Expected `int` >= 2 - at `$.max_participants`"),
        ({"max_participants": 101}, "Expected `int` <= 100 - at `$.max_participants`"),
        ({"max_participants": "30"}, "Expected `int | null`, got `str` - at `$.max_participants`"),
        ({"owner_id": ""}, "Expected `str` of length >= 1 - at `$.owner_id`"),
        ({"owner_id": "x" * 129}, "Expected `str` of length <= 128 - at `$.owner_id`"),
        ({"owner_id": 123}, "Expected `str | null`, got `int` - at `$.owner_id`"),
        ({"owner_id": {"id": "x"}}, "Expected `str | null`, got `object` - at `$.owner_id`"),
        ({"ttl": 2}, "Object contains unknown field `ttl` - at `$`"),
        ({"ttl_hours": 2, "": 1}, "Object contains unknown field `` - at `$`"),
        ([], "Expected `object`, got `array` - at `$`"),
        ("ttl_hours", "Expected `object`, got `str` - at `$`"),
        (2, "Expected `object`, got `int` - at `$`"),
        (None, "Expected `object`, got `null` - at `$`"),
    ],
)
async def test_bodies_that_break_the_schema(service: Service, body: Any, detail: str | None) -> None:
    answer = await service.rest.post("/api/rooms", content=json.dumps(body).encode())
    refused(answer, 400, "bad_request", detail)


@pytest.mark.parametrize(
    "content",
    [
        b"{",
        b"}",
        b"{}{}",
        b"{'ttl_hours': 2}",
        b'{"ttl_hours": 2,}',
        b'{"ttl_hours": 02}',
        b'{"ttl_hours": NaN}',
        b"ttl_hours=2",
        b"\x00",
        b"\xff\xfe{\x00}\x00",
        b"\xef\xbb\xbf{}",
        b'{"owner_id": "\xff"}',
        b'{"owner_id": "\xed\xa0\x80"}',
        b'{"owner_id": "\xc3',
        b'{"owner_id": "\\ud800"}',
        b'{"owner_id": "a\nb"}',
        b"[" * 60_000,
        b'{"a":' * 12_000,
        b'{"owner_id":' + b"[" * 30_000 + b"]" * 30_000 + b"}",
    ],
)
async def test_bodies_that_are_no_json(service: Service, content: bytes) -> None:
    answer = await service.rest.post("/api/rooms", content=content)
    refused(answer, 400, "bad_request")


async def test_a_name_twice_means_the_last(service: Service) -> None:
    answer = await service.rest.post("/api/rooms", content=b'{"owner_id": "a", "owner_id": "b"}')
    assert (answer.status_code, answer.json()["owner_id"]) == (201, "b")


# Size


def padded(size: int) -> bytes:
    return b'{"ttl_hours": 2}'.ljust(size)


@pytest.mark.parametrize("chunked", [False, True], ids=["with a length", "chunked"])
async def test_bodies_up_to_64_kib(service: Service, chunked: bool) -> None:
    async def stream(content: bytes) -> Any:
        for start in range(0, len(content), 10_000):
            yield content[start : start + 10_000]

    async def post(content: bytes) -> Any:
        return await service.rest.post("/api/rooms", content=stream(content) if chunked else content)

    assert (await post(padded(65_536))).status_code == 201
    for size in (65_537, 1_000_000):
        refused(await post(padded(size)), 413, "payload_too_large", "The request body is larger than 64 KiB.")
    assert (await post(padded(100))).status_code == 201
