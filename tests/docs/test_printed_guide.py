"""The promises of the integration guide that users already have: each holds as it was given.

The guide names paths, fields, statuses, messages and variables. What was decided later only adds to it, so
these tests ask that what was promised is there, never that nothing else is.
"""

from __future__ import annotations

import asyncio
import json
import re
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import datetime, timedelta
from typing import Any, Final

import httpx
import pytest
from websockets.asyncio.client import ClientConnection, connect

from signaling.contract.codec import CLIENT_TYPES, SERVER_TYPES
from support.server import ServerProcess

DEADLINE: Final = 10.0


@pytest.fixture(scope="module")
def server() -> Iterator[ServerProcess]:
    with ServerProcess() as server:
        yield server


@pytest.fixture
def api(server: ServerProcess) -> Iterator[httpx.Client]:
    """What a platform's backend has."""
    with httpx.Client(base_url=server.base_url, headers=server.headers, timeout=DEADLINE) as client:
        yield client


def make_room(api: httpx.Client, **body: Any) -> str:
    answer = api.post("/api/rooms", json=body)
    assert answer.status_code == 201
    return str(answer.json()["room_code"])


def end_room(api: httpx.Client, code: str) -> None:
    answer = api.delete(f"/api/rooms/{code}")
    assert answer.status_code == 200
    assert answer.json() == {"message": f"Room {code} deleted successfully"}


def read(api: httpx.Client, path: str) -> Any:
    """The body of a 200."""
    answer = api.get(path)
    assert answer.status_code == 200, answer.text
    return answer.json()


class Tab:
    """A client of the guide: sends and receives JSON text."""

    def __init__(self, socket: ClientConnection) -> None:
        self._socket = socket
        self.socket_id = ""

    async def send(self, kind: str, payload: dict[str, Any] | None = None) -> None:
        await self._socket.send(
            json.dumps({"type": kind} | ({} if payload is None else {"payload": payload}))
        )

    async def next(self, kind: str) -> dict[str, Any]:
        """The payload of the next message, which must be of this type."""
        async with asyncio.timeout(DEADLINE):
            message = json.loads(await self._socket.recv())
        assert message["type"] == kind, message
        payload: dict[str, Any] = message["payload"]
        return payload

    async def join(self, room: str, **more: str) -> dict[str, Any]:
        await self.send("join", {"room_code": room, **more})
        return await self.next("room_joined")

    async def leave_by_closing(self) -> None:
        await self._socket.close()


@asynccontextmanager
async def tab(server: ServerProcess) -> AsyncIterator[Tab]:
    async with connect(server.ws_url) as socket:
        tab = Tab(socket)
        tab.socket_id = (await tab.next("connected"))["socket_id"]
        yield tab


@pytest.fixture
async def tabs(server: ServerProcess) -> AsyncIterator[tuple[Tab, Tab]]:
    """Two open tabs, in no room."""
    async with AsyncExitStack() as stack:
        yield await stack.enter_async_context(tab(server)), await stack.enter_async_context(tab(server))


def time_of(text: str) -> datetime:
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", text), text
    return datetime.fromisoformat(text)


# Authentication


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/api/rooms"),
        ("GET", "/api/rooms"),
        ("GET", "/api/rooms/a7x9k2"),
        ("DELETE", "/api/rooms/a7x9k2"),
        ("GET", "/api/statistics"),
    ],
)
@pytest.mark.parametrize("headers", [{}, {"X-API-Key": "wrong"}], ids=["no key", "wrong key"])
def test_rest_needs_the_key(server: ServerProcess, method: str, path: str, headers: dict[str, str]) -> None:
    answer = httpx.request(method, server.base_url + path, headers=headers)
    assert answer.status_code == 401
    assert answer.json()["detail"] == "Invalid or missing API key"


# Rooms


def test_create_a_room(api: httpx.Client) -> None:
    answer = api.post("/api/rooms", json={"owner_id": "teacher_123", "ttl_hours": 2, "max_participants": 30})
    assert answer.status_code == 201
    assert answer.headers["content-type"].startswith("application/json")
    room = answer.json()
    assert room.keys() >= {"room_code", "created_at", "expires_at", "owner_id"}
    assert re.fullmatch(r"[a-z0-9]{6}", room["room_code"])
    assert room["owner_id"] == "teacher_123"
    assert time_of(room["expires_at"]) - time_of(room["created_at"]) == timedelta(hours=2)
    assert api.get(f"/api/rooms/{room['room_code']}").json()["max_participants"] == 30


def test_create_a_room_with_the_documented_defaults(api: httpx.Client) -> None:
    room = api.get(f"/api/rooms/{make_room(api)}").json()
    assert time_of(room["expires_at"]) - time_of(room["created_at"]) == timedelta(hours=24)
    assert room["max_participants"] == 50


@pytest.mark.parametrize(("field", "low", "high"), [("ttl_hours", 1, 168), ("max_participants", 2, 100)])
def test_parameters_take_the_documented_range(api: httpx.Client, field: str, low: int, high: int) -> None:
    for value in (low, high):
        make_room(api, **{field: value})
    for wrong in (low - 1, high + 1, "many"):
        answer = api.post("/api/rooms", json={field: wrong})
        assert answer.status_code == 400
        assert isinstance(answer.json()["detail"], str)


async def test_get_a_room_with_somebody_in_it(
    server: ServerProcess, api: httpx.Client, tabs: tuple[Tab, Tab]
) -> None:
    code = make_room(api, max_participants=30)
    await tabs[0].join(code, display_name="John Doe", user_id="student_456")
    room = read(api, f"/api/rooms/{code}")
    assert room["room_code"] == code
    assert room["state"] == "open"
    assert room["participant_count"] == 1
    assert room["max_participants"] == 30
    assert time_of(room["created_at"]) < time_of(room["expires_at"])
    (participant,) = room["participants"]
    assert participant["socket_id"] == tabs[0].socket_id
    assert participant["display_name"] == "John Doe"
    assert time_of(participant["joined_at"]) >= time_of(room["created_at"])


def test_get_a_room_that_is_not_there(api: httpx.Client) -> None:
    answer = api.get("/api/rooms/222222")
    assert answer.status_code == 404
    assert isinstance(answer.json()["detail"], str)


def test_list_rooms_by_state(api: httpx.Client) -> None:
    still_open, closed = make_room(api), make_room(api)
    end_room(api, closed)
    answer = api.get("/api/rooms", params={"state": "open"})
    assert answer.status_code == 200
    listed = {room["room_code"]: room for room in answer.json()["rooms"]}
    assert answer.json()["total"] == len(listed)
    assert still_open in listed
    assert closed not in listed
    assert listed[still_open].keys() >= {
        "room_code",
        "state",
        "participant_count",
        "max_participants",
        "created_at",
        "expires_at",
    }
    for state in ("open", "closed", "expired"):
        rooms = api.get("/api/rooms", params={"state": state}).json()["rooms"]
        assert {room["state"] for room in rooms} <= {state}
    everything = {room["room_code"] for room in api.get("/api/rooms").json()["rooms"]}
    assert {still_open, closed} <= everything


def test_delete_a_room(api: httpx.Client) -> None:
    code = make_room(api)
    end_room(api, code)
    assert api.get(f"/api/rooms/{code}").json()["state"] == "closed"


async def test_statistics(api: httpx.Client, tabs: tuple[Tab, Tab]) -> None:
    before = read(api, "/api/statistics")["statistics"]
    code, other = make_room(api), make_room(api)
    end_room(api, other)
    await tabs[0].join(code)
    after = read(api, "/api/statistics")["statistics"]
    assert {name: after[name] - before[name] for name in before} == {
        "total_rooms": 2,
        "open_rooms": 1,
        "closed_rooms": 1,
        "expired_rooms": 0,
        "total_participants": 1,
        "active_participants": 1,
    }


def test_health_needs_no_key(server: ServerProcess) -> None:
    answer = httpx.get(f"{server.base_url}/health")
    assert answer.status_code == 200
    health = answer.json()
    assert health["status"] == "healthy"
    time_of(health["timestamp"])
    assert health["metrics"]["api_authentication"] == "enabled"
    assert isinstance(health["metrics"]["active_rooms"], int)
    assert isinstance(health["metrics"]["active_websocket_connections"], int)


async def test_health_counts_connections(api: httpx.Client, tabs: tuple[Tab, Tab]) -> None:
    assert read(api, "/health")["metrics"]["active_websocket_connections"] >= 2


@pytest.mark.parametrize("path", ["/api/docs", "/api/redoc", "/health"])
def test_the_addresses_for_support_answer_without_a_key(server: ServerProcess, path: str) -> None:
    assert httpx.get(server.base_url + path).status_code == 200


@pytest.mark.parametrize("body", ["{", "[]", '{"ttl_hours": "two"}', '{"max_participants": 1}'])
def test_a_bad_request_is_a_400_with_a_detail(api: httpx.Client, body: str) -> None:
    answer = api.post("/api/rooms", content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code == 400
    assert isinstance(answer.json()["detail"], str)


# WebSocket


def test_the_message_types_are_those_of_the_guide() -> None:
    assert set(CLIENT_TYPES) >= {"join", "offer", "answer", "ice_candidate", "leave"}
    assert set(SERVER_TYPES) >= {
        "connected",
        "room_joined",
        "participant_joined",
        "participant_left",
        "offer",
        "answer",
        "ice_candidate",
        "error",
    }


async def test_the_connection_flow(server: ServerProcess, api: httpx.Client) -> None:
    code = make_room(api)
    async with connect(server.ws_url) as socket:
        # The guide's page sends its join as soon as the socket is open, whatever came in by then.
        client = Tab(socket)
        await client.send("join", {"room_code": code, "display_name": "John Doe", "user_id": "student_456"})
        assert isinstance((await client.next("connected"))["socket_id"], str)
        joined = await client.next("room_joined")
        assert joined["room_code"] == code
        assert joined["participants"] == []


async def test_a_newcomer_is_told_of_those_there_and_they_of_it(
    api: httpx.Client, tabs: tuple[Tab, Tab]
) -> None:
    ada, bo = tabs
    code = make_room(api)
    await ada.join(code, display_name="Ada")
    joined = await bo.join(code, display_name="Bo", user_id="student_2")
    assert [person["socket_id"] for person in joined["participants"]] == [ada.socket_id]
    assert joined["participants"][0]["display_name"] == "Ada"
    newcomer = await ada.next("participant_joined")
    assert newcomer["socket_id"] == bo.socket_id
    assert newcomer["display_name"] == "Bo"
    assert newcomer["user_id"] == "student_2"


async def test_offers_answers_and_candidates_reach_the_other(
    api: httpx.Client, tabs: tuple[Tab, Tab]
) -> None:
    ada, bo = tabs
    code = make_room(api)
    await ada.join(code)
    await bo.join(code)
    await ada.next("participant_joined")
    offer, answer = {"type": "offer", "sdp": "v=0\r\n"}, {"type": "answer", "sdp": "v=0\r\n"}
    candidate = {
        "candidate": "candidate:1 1 udp 1 192.0.2.7 5000 typ host",
        "sdpMid": "0",
        "sdpMLineIndex": 0,
    }
    await ada.send("offer", {"to": bo.socket_id, "description": offer})
    assert await bo.next("offer") == {"from": ada.socket_id, "description": offer}
    await bo.send("answer", {"to": ada.socket_id, "description": answer})
    assert await ada.next("answer") == {"from": bo.socket_id, "description": answer}
    await bo.send("ice_candidate", {"to": ada.socket_id, "candidate": candidate})
    assert await ada.next("ice_candidate") == {"from": bo.socket_id, "candidate": candidate}


@pytest.mark.parametrize("way", ["message", "close"])
async def test_leaving_is_told_to_the_others(api: httpx.Client, tabs: tuple[Tab, Tab], way: str) -> None:
    ada, bo = tabs
    code = make_room(api)
    await ada.join(code)
    await bo.join(code)
    await ada.next("participant_joined")
    if way == "message":
        await bo.send("leave")
    else:
        await bo.leave_by_closing()
    assert (await ada.next("participant_left"))["socket_id"] == bo.socket_id
    assert read(api, f"/api/rooms/{code}")["participant_count"] == 1


async def test_a_wrong_code_is_an_error_message(tabs: tuple[Tab, Tab]) -> None:
    await tabs[0].send("join", {"room_code": "222222", "display_name": "John Doe"})
    assert (await tabs[0].next("error"))["code"] == "room_not_found"


async def test_a_room_takes_no_more_than_its_participants(
    server: ServerProcess, api: httpx.Client, tabs: tuple[Tab, Tab]
) -> None:
    code = make_room(api, max_participants=2)
    for client in tabs:
        await client.join(code)
    async with tab(server) as late:
        await late.send("join", {"room_code": code})
        assert (await late.next("error"))["code"] == "room_full"


# Environment


def test_the_key_is_required() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "signaling"],
        env={"PYTHONPATH": ":".join(sys.path)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 1
    assert "API_KEY" in done.stderr


@pytest.fixture(scope="module")
def configured() -> Iterator[ServerProcess]:
    """A service with every variable of the guide set."""
    with ServerProcess(
        API_KEY="staging-key-0123456789",
        ALLOWED_ORIGINS="https://yourdomain.com,https://www.yourdomain.com",
        ROOM_TTL_HOURS="3",
        MAX_PARTICIPANTS_PER_ROOM="7",
    ) as server:
        yield server


def test_the_variables_of_the_guide_are_obeyed(configured: ServerProcess) -> None:
    url, headers = f"{configured.base_url}/api/rooms", {"X-API-Key": "staging-key-0123456789"}
    code = httpx.post(url, headers=headers).json()["room_code"]
    room = httpx.get(f"{url}/{code}", headers=headers).json()
    assert time_of(room["expires_at"]) - time_of(room["created_at"]) == timedelta(hours=3)
    assert room["max_participants"] == 7


@pytest.mark.parametrize("origin", ["https://yourdomain.com", "https://www.yourdomain.com"])
async def test_an_allowed_origin_may_call_and_connect(configured: ServerProcess, origin: str) -> None:
    assert _allowed_origin(configured, origin) == origin
    async with connect(configured.ws_url, origin=origin) as socket:  # type: ignore[arg-type]
        await Tab(socket).next("connected")


async def test_another_origin_may_not(configured: ServerProcess) -> None:
    assert _allowed_origin(configured, "https://elsewhere.example") is None
    with pytest.raises(Exception, match="403"):
        async with connect(configured.ws_url, origin="https://elsewhere.example"):  # type: ignore[arg-type]
            pass


async def test_all_origins_may_by_default(server: ServerProcess) -> None:
    assert _allowed_origin(server, "https://anywhere.example") in ("*", "https://anywhere.example")
    async with connect(server.ws_url, origin="https://anywhere.example") as socket:  # type: ignore[arg-type]
        await Tab(socket).next("connected")


def _allowed_origin(server: ServerProcess, origin: str) -> str | None:
    """What a browser is told when a page of ``origin`` wants to make a room."""
    answer = httpx.options(
        f"{server.base_url}/api/rooms",
        headers={
            "Origin": origin,
            "Access-Control-Request-Method": "POST",
            "Access-Control-Request-Headers": "content-type,x-api-key",
        },
    )
    return answer.headers.get("access-control-allow-origin") if answer.status_code < 300 else None
