"""Every method of the REST clients, sync and async, against the real service."""

from __future__ import annotations

import inspect
import secrets
from datetime import UTC, datetime, timedelta

import pytest

from signaling_client import AsyncSignalingClient, SignalingClient, __version__, connect
from signaling_client.models import (
    HealthResponse,
    RoomCreated,
    RoomDeleted,
    RoomDetails,
    RoomList,
    RoomState,
    RoomSummary,
    StatisticsCounts,
)
from support.server import ServerProcess

from .conftest import Clients, Rest
from .stubs import Answer, http_stub

HEALTHY = {
    "status": "healthy",
    "timestamp": "2025-12-18T10:30:00Z",
    "metrics": {"active_websocket_connections": 0, "active_rooms": 0, "api_authentication": "enabled"},
}


async def test_create_room(rest: Rest) -> None:
    room = await rest("create_room", owner_id="teacher_123", ttl_hours=2, max_participants=30)
    assert isinstance(room, RoomCreated)
    assert room.owner_id == "teacher_123"
    assert len(room.room_code) == 6
    assert room.expires_at - room.created_at == timedelta(hours=2)
    assert abs(datetime.now(UTC) - room.created_at) < timedelta(minutes=1)


async def test_create_room_with_the_operators_defaults(rest: Rest) -> None:
    room = await rest("create_room")
    assert room.owner_id is None
    assert room.expires_at - room.created_at == timedelta(hours=24)
    assert (await rest("get_room", room.room_code)).max_participants == 50


async def test_create_room_twice_makes_two_rooms(rest: Rest) -> None:
    first, second = [await rest("create_room", owner_id="same") for _ in range(2)]
    assert first.room_code != second.room_code


async def test_create_room_with_the_same_key_makes_one_room(rest: Rest) -> None:
    key = secrets.token_urlsafe()
    first, second = [await rest("create_room", ttl_hours=3, idempotency_key=key) for _ in range(2)]
    assert first == second


async def test_get_room(rest: Rest, server: ServerProcess) -> None:
    created = await rest("create_room", owner_id="o", max_participants=7)
    async with connect(
        server.base_url, room_code=created.room_code, display_name="Ann", user_id="student_456"
    ) as session:
        room = await rest("get_room", created.room_code.upper())
        assert isinstance(room, RoomDetails)
        assert (room.room_code, room.state, room.max_participants) == (created.room_code, "open", 7)
        assert room.participant_count == 1
        (participant,) = room.participants
        assert participant.socket_id == session.socket_id
        assert (participant.display_name, participant.user_id) == ("Ann", "student_456")
        assert participant.connection == "connected"
        assert participant.joined_at.tzinfo is not None


async def test_list_rooms_filters_and_counts(rest: Rest) -> None:
    owner = secrets.token_hex(8)
    codes = [(await rest("create_room", owner_id=owner)).room_code for _ in range(3)]
    await rest("delete_room", codes[0])
    page = await rest("list_rooms", owner_id=owner)
    assert isinstance(page, RoomList)
    assert page.total == 3
    assert page.next_cursor is None
    assert [room.room_code for room in page.rooms] == codes[::-1]
    open_rooms = await rest("list_rooms", owner_id=owner, state=RoomState.OPEN)
    assert [room.room_code for room in open_rooms.rooms] == [codes[2], codes[1]]
    closed = await rest("list_rooms", owner_id=owner, state="closed")
    assert [(room.room_code, room.state) for room in closed.rooms] == [(codes[0], RoomState.CLOSED)]


async def test_list_rooms_in_pages(rest: Rest) -> None:
    owner = secrets.token_hex(8)
    codes = [(await rest("create_room", owner_id=owner)).room_code for _ in range(3)]
    first = await rest("list_rooms", owner_id=owner, limit=2)
    assert (len(first.rooms), first.total) == (2, 3)
    second = await rest("list_rooms", owner_id=owner, limit=2, cursor=first.next_cursor)
    assert [room.room_code for room in first.rooms + second.rooms] == codes[::-1]
    assert second.next_cursor is None


async def test_iter_rooms_walks_all_pages(rest: Rest) -> None:
    owner = secrets.token_hex(8)
    codes = [(await rest("create_room", owner_id=owner)).room_code for _ in range(5)]
    rooms = await rest("iter_rooms", owner_id=owner, state="open", page_size=2)
    assert all(isinstance(room, RoomSummary) for room in rooms)
    assert [room.room_code for room in rooms] == codes[::-1]
    assert await rest("iter_rooms", owner_id="nobody") == []


async def test_iter_rooms_asks_only_for_pages_that_are_needed() -> None:
    page = {
        "rooms": [
            {
                "room_code": "a7x9k2",
                "state": "open",
                "participant_count": 0,
                "max_participants": 2,
                "created_at": "2025-12-18T10:30:00Z",
                "expires_at": "2025-12-18T12:30:00Z",
                "owner_id": None,
            }
        ],
        "total": 100,
        "next_cursor": "more",
    }
    with http_stub(Answer(200, page)) as stub, SignalingClient(stub.url, api_key="k") as client:
        rooms = client.iter_rooms(page_size=1)
        assert stub.requests == []
        next(rooms)
        assert len(stub.requests) == 1
        next(rooms)
        assert [request.path for request in stub.requests] == [
            "/api/rooms?limit=1",
            "/api/rooms?limit=1&cursor=more",
        ]


async def test_delete_room(rest: Rest, room_code: str) -> None:
    for _ in range(2):
        assert isinstance(await rest("delete_room", room_code), RoomDeleted)
    assert (await rest("get_room", room_code)).state == "closed"


async def test_statistics(rest: Rest) -> None:
    before = await rest("statistics")
    assert isinstance(before, StatisticsCounts)
    await rest("create_room")
    after = await rest("statistics")
    assert after.total_rooms == before.total_rooms + 1
    assert after.open_rooms == before.open_rooms + 1


async def test_health(rest: Rest) -> None:
    health = await rest("health")
    assert isinstance(health, HealthResponse)
    assert health.status == "healthy"
    assert health.metrics.active_rooms >= 0


async def test_health_needs_no_valid_key(clients: Clients, server: ServerProcess) -> None:
    stranger = await clients(server.base_url, "not-a-key")
    assert (await stranger("health")).status == "healthy"


async def test_headers_and_one_connection_for_all_requests(clients: Clients) -> None:
    with http_stub(Answer(200, HEALTHY)) as stub:
        rest = await clients(stub.url + "/", "the-key")
        for _ in range(3):
            await rest("health")
        assert stub.connections == 1
        for request in stub.requests:
            assert (request.method, request.path) == ("GET", "/health")
            headers = {name.lower(): value for name, value in request.headers.items()}
            assert headers["x-api-key"] == "the-key"
            assert headers["user-agent"] == f"webrtc-signaling-client/{__version__}"


async def test_a_service_below_a_path(clients: Clients) -> None:
    with http_stub(Answer(200, HEALTHY)) as stub:
        rest = await clients(stub.url + "/signaling/")
        await rest("health")
        assert stub.requests[0].path == "/signaling/health"


async def test_a_proxy_is_used_only_where_one_is_given(
    clients: Clients, monkeypatch: pytest.MonkeyPatch
) -> None:
    with http_stub(Answer(200, HEALTHY)) as proxy, http_stub(Answer(200, HEALTHY)) as service:
        for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, proxy.url)
        await (await clients(service.url))("health")
        assert (len(service.requests), len(proxy.requests)) == (1, 0)
        await (await clients("http://service.example", proxy=proxy.url))("health")
        assert proxy.requests[0].path == "http://service.example/health"


async def test_the_key_is_not_shown(clients: Clients) -> None:
    rest = await clients("http://127.0.0.1:1", "very-secret-key")
    assert "very-secret-key" not in repr(rest.client)


@pytest.mark.parametrize(
    "url", ["", "127.0.0.1:8000", "ftp://host", "http://", "http://host:0", "http://host:x"]
)
async def test_what_is_no_address(clients: Clients, url: str) -> None:
    with pytest.raises(ValueError, match=r"base_url|[Pp]ort"):
        await clients(url)


@pytest.mark.parametrize("key", ["", "with space", "line\nbreak", "schlüssel"])
async def test_what_is_no_key(clients: Clients, key: str) -> None:
    with pytest.raises(ValueError, match="api_key"):
        await clients("http://127.0.0.1:1", key)
    rest = await clients("http://127.0.0.1:1")
    with pytest.raises(ValueError, match="idempotency_key"):
        await rest("create_room", idempotency_key=key)


async def test_values_that_cannot_be_sent(rest: Rest) -> None:
    with pytest.raises(ValueError, match="bogus"):
        await rest("list_rooms", state="bogus")
    with pytest.raises(TypeError):
        await rest("create_room", ttl_hours=object())


def test_both_clients_offer_the_same() -> None:
    def offer(client: type) -> dict[str, list[str]]:
        return {
            name: list(inspect.signature(method).parameters)
            for name, method in inspect.getmembers(client, inspect.isfunction)
            if not name.startswith("_") and name not in ("close", "aclose")
        }

    assert offer(SignalingClient) == offer(AsyncSignalingClient)
    constructors = [inspect.signature(client) for client in (SignalingClient, AsyncSignalingClient)]
    assert constructors[0] == constructors[1]
