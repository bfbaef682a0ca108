"""For those who run the service: health, readiness, statistics, metrics, logs, request ids."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from support.client import Client
from support.rest import HOUR, database, moment, refused, turn_back
from support.service import Service, eventually

# Health


async def health(service: Service) -> dict[str, Any]:
    answer = await service.rest.get("/health")
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-store"
    body = answer.json()
    assert list(body) == ["status", "timestamp", "metrics"]
    assert body["status"] == "healthy"
    moment(body["timestamp"])
    assert list(body["metrics"]) == ["active_websocket_connections", "active_rooms", "api_authentication"]
    assert body["metrics"]["api_authentication"] == "enabled"
    return dict(body["metrics"])


async def test_health_counts_at_once(serve: Any, tmp_path: Path) -> None:
    async with serve(data_dir=tmp_path) as service:
        assert (await health(service))["active_rooms"] == 0
        codes = []
        for count in range(1, 4):
            codes.append(await service.room())
            assert (await health(service))["active_rooms"] == count
        await service.close_room(codes[0])
        assert (await health(service))["active_rooms"] == 2
        await service.close_room(codes[0])
        assert (await health(service))["active_rooms"] == 2

        clients = [await service.connect() for _ in range(3)]
        assert (await health(service))["active_websocket_connections"] == 3
        await clients[0].join(codes[1])
        assert (await health(service))["active_websocket_connections"] == 3
        for client in clients:
            await client.aclose()

        async def none_left() -> bool:
            return bool((await health(service))["active_websocket_connections"] == 0)

        await eventually(none_left, "no connections")
    turn_back(tmp_path, codes[2], 200 * HOUR)
    async with serve(data_dir=tmp_path) as service:

        async def expired() -> bool:
            return bool((await health(service))["active_rooms"] == 1)

        await eventually(expired, "the expired room is not counted")


async def test_readiness(service: Service) -> None:
    answer = await service.rest.get("/readiness")
    assert (answer.status_code, answer.json()) == (200, {"status": "ready"})
    assert answer.headers["cache-control"] == "no-store"


async def test_a_store_that_cannot_be_written_to(serve: Any, tmp_path: Path) -> None:
    """While somebody else holds the file's write lock: not ready, changes refused for now, reads done."""
    async with serve(data_dir=tmp_path) as service:
        code = await service.room()
        with database(tmp_path) as connection:
            connection.execute("BEGIN IMMEDIATE")
            unready, created, deleted, read, listed, alive = await asyncio.gather(
                service.rest.get("/readiness"),
                service.rest.post("/api/rooms"),
                service.rest.delete(f"/api/rooms/{code}"),
                service.rest.get(f"/api/rooms/{code}"),
                service.rest.get("/api/rooms"),
                service.rest.get("/health"),
            )
            assert (unready.status_code, unready.json()) == (503, {"status": "store_unavailable"})
            for answer in (created, deleted):
                refused(answer, 503, "server_error", "The store cannot serve now. Nothing was changed")
                assert int(answer.headers["retry-after"]) >= 1
            assert [answer.status_code for answer in (read, listed, alive)] == [200, 200, 200]
            connection.execute("ROLLBACK")

        async def ready() -> bool:
            return bool((await service.rest.get("/readiness")).status_code == 200)

        await eventually(ready, "the store can be written to again")
        assert (await service.view(code))["state"] == "open"
        assert (await service.rest.get("/api/rooms")).json()["total"] == 1
        await service.room()


# Statistics


async def statistics(service: Service) -> list[int]:
    answer = await service.rest.get("/api/statistics")
    assert answer.status_code == 200
    counts = answer.json()
    assert list(counts) == ["statistics"]
    assert list(counts["statistics"]) == [
        "total_rooms",
        "open_rooms",
        "closed_rooms",
        "expired_rooms",
        "total_participants",
        "active_participants",
    ]
    return list(counts["statistics"].values())


async def test_statistics(serve: Any, tmp_path: Path) -> None:
    """Rooms by state; everyone who ever joined, over restarts, as long as their rooms are kept."""
    async with serve(data_dir=tmp_path, ROOM_RETENTION_HOURS="24") as service:
        assert await statistics(service) == [0, 0, 0, 0, 0, 0]
        open_room, closed_room, expired_room = [await service.room(ttl_hours=1) for _ in range(3)]
        assert await statistics(service) == [3, 3, 0, 0, 0, 0]
        first = await service.joined(open_room)
        await service.joined(open_room)
        await service.joined(closed_room)
        last = await service.joined(expired_room)
        assert await statistics(service) == [3, 3, 0, 0, 4, 4]
        await first.ask("leave")
        assert await statistics(service) == [3, 3, 0, 0, 4, 3]
        await first.join(open_room)
        assert await statistics(service) == [3, 3, 0, 0, 5, 4]
        await service.close_room(closed_room)
        assert await statistics(service) == [3, 2, 1, 0, 5, 3]
        await last.ask("leave")
        assert await statistics(service) == [3, 2, 1, 0, 5, 2]
    turn_back(tmp_path, expired_room, 2 * HOUR)
    async with serve(data_dir=tmp_path, ROOM_RETENTION_HOURS="24", RECONNECT_GRACE_SECONDS="1") as service:
        # The sockets did not survive the restart; those who had joined still count.
        await eventually(
            lambda: _equals(statistics(service), [3, 1, 1, 1, 5, 0]), "the seats of the old process are empty"
        )
        await service.joined(open_room)
        assert await statistics(service) == [3, 1, 1, 1, 6, 1]
    turn_back(tmp_path, closed_room, 30 * HOUR)
    async with serve(data_dir=tmp_path, RECONNECT_GRACE_SECONDS="1") as service:
        await eventually(
            lambda: _equals(statistics(service), [2, 1, 0, 1, 5, 0]), "the closed room is purged"
        )


async def _equals(found: Any, wanted: Any) -> bool:
    return bool(await found == wanted)


async def test_purge_after_the_retention(serve: Any, tmp_path: Path) -> None:
    async with serve(data_dir=tmp_path, ROOM_RETENTION_HOURS="2") as service:
        early, late, never = [await service.room() for _ in range(3)]
        await service.close_room(early)
        await service.close_room(late)
    turn_back(tmp_path, early, 2 * HOUR)
    turn_back(tmp_path, late, HOUR)
    async with serve(data_dir=tmp_path) as service:
        await eventually(
            lambda: _equals(_status(service, early), 404), "the room is gone once its retention is over"
        )
        refused(await service.rest.get(f"/api/rooms/{early}"), 404, "room_not_found")
        refused(await service.rest.delete(f"/api/rooms/{early}"), 404, "room_not_found")
        assert (await service.view(late))["state"] == "closed"
        assert (await service.view(never))["state"] == "open"
        assert {room["room_code"] for room in (await service.rest.get("/api/rooms")).json()["rooms"]} == {
            late,
            never,
        }
    with database(tmp_path) as connection:
        for table in ("events", "new_events"):
            left = connection.execute(f"SELECT count(*) FROM {table} WHERE code = ?", (early,))
            assert left.fetchone() == (0,)


async def _status(service: Service, code: str) -> int:
    return (await service.rest.get(f"/api/rooms/{code}")).status_code


# Metrics


def samples(text: str) -> dict[str, dict[str, float]]:
    """Family to sample (with its labels) to value."""
    families: dict[str, dict[str, float]] = {}
    for family in text_string_to_metric_families(text):
        assert family.documentation, family.name
        families[family.name] = {
            _named(sample.name, sample.labels): sample.value for sample in family.samples
        }
    return families


def _named(name: str, labels: Mapping[str, str]) -> str:
    return name + "".join(f" {key}={value}" for key, value in sorted(labels.items()))


FAMILIES = {
    "signaling_websocket_connections",
    "signaling_participants",
    "signaling_open_rooms",
    "signaling_rooms_created",
    "signaling_joins",
    "signaling_relayed_frames",
    "signaling_errors",
    "signaling_socket_closes",
    "signaling_outbox_overflows",
    "signaling_throttled_reads",
    "signaling_http_requests",
    "signaling_commit_seconds",
    "signaling_event_loop_lag_seconds",
}


async def test_metrics_of_a_session(serve: Any) -> None:
    async with serve(METRICS_PUBLIC="1") as service:
        key = {"Idempotency-Key": "k"}
        code = (await service.rest.post("/api/rooms", headers=key)).json()["room_code"]
        await service.rest.post("/api/rooms", headers=key)
        await service.close_room(await service.room())
        first, second = await service.couple(code)
        lonely: Client = await service.connect()
        await lonely.ask("join", {"room_code": "A0O1il"})
        await lonely.ask("leave")
        await first.send("offer", {"to": second.socket_id, "description": {"type": "offer", "sdp": "v=0"}})
        await second.expect("offer")
        for _ in range(3):
            await second.send("ice_candidate", {"to": first.socket_id, "candidate": None})
            await first.expect("ice_candidate")
        await service.rest.get("/api/rooms/A0O1il")
        await service.rest.put("/api/rooms")
        await service.rest.request("PROPFIND", "/nothing")
        await service.rest.head("/health")

        async with httpx.AsyncClient(base_url=service.server.base_url, trust_env=False) as anyone:
            answer = await anyone.get("/metrics")
        assert answer.status_code == 200
        assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
        assert answer.headers["cache-control"] == "no-store"
        found = samples(answer.text)
        assert set(found) >= FAMILIES | {"process_resident_memory_bytes", "process_open_fds"}
        gauges = {name: found[name][name] for name in found if name in found[name]}
        assert gauges["signaling_websocket_connections"] == 3
        assert gauges["signaling_participants"] == 2
        assert gauges["signaling_open_rooms"] == 1
        assert gauges["signaling_event_loop_lag_seconds"] >= 0
        assert found["signaling_rooms_created"]["signaling_rooms_created_total"] == 2
        joins = found["signaling_joins"]
        assert joins["signaling_joins_total result=joined"] == 2
        assert joins["signaling_joins_total result=room_not_found"] == 1
        relayed = found["signaling_relayed_frames"]
        assert relayed["signaling_relayed_frames_total type=offer"] == 1
        assert relayed["signaling_relayed_frames_total type=ice_candidate"] == 3
        errors = found["signaling_errors"]
        assert errors["signaling_errors_total code=room_not_found interface=websocket"] == 1
        assert errors["signaling_errors_total code=not_in_room interface=websocket"] == 1
        assert errors["signaling_errors_total code=room_not_found interface=rest"] == 1
        assert errors["signaling_errors_total code=method_not_allowed interface=rest"] == 1
        requests = found["signaling_http_requests"]
        total = "signaling_http_requests_total"
        assert requests[f"{total} method=POST route=/api/rooms status=201"] == 3
        assert requests[f"{total} method=DELETE route=/api/rooms/{{room_code}} status=200"] == 1
        assert requests[f"{total} method=GET route=/api/rooms/{{room_code}} status=404"] == 1
        assert requests[f"{total} method=HEAD route=/health status=200"] == 1
        assert requests[f"{total} method=other route=unmatched status=404"] == 1
        commits = found["signaling_commit_seconds"]
        # Two rooms, one ended, two joins; the second join may have shared a commit with nothing.
        assert commits["signaling_commit_seconds_count"] >= 5
        assert commits["signaling_commit_seconds_bucket le=+Inf"] == commits["signaling_commit_seconds_count"]

        await service.rest.delete(f"/api/rooms/{code}")
        await first.expect("room_left")

        async def all_gone() -> bool:
            found = samples((await service.rest.get("/metrics")).text)
            closes = found["signaling_socket_closes"]
            return (
                found["signaling_participants"]["signaling_participants"] == 0
                and found["signaling_websocket_connections"]["signaling_websocket_connections"] == 1
                and closes.get("signaling_socket_closes_total code=4505") == 2
            )

        await eventually(all_gone, "the members of the room are gone")


async def test_metrics_need_a_key(service: Service) -> None:
    refused(await service.rest.get("/metrics", headers={"X-API-Key": "wrong"}), 401, "unauthorized")
    assert set(samples((await service.rest.get("/metrics")).text)) >= FAMILIES


async def test_labels_are_not_made_by_clients(service: Service) -> None:
    for path in ("/x1", "/x2/y", "/api/rooms/zzzzzz", "/api/rooms/yyyyyy", "/api/assets/x3.js"):
        await service.rest.get(path)
    text = (await service.rest.get("/metrics")).text
    assert not any(word in text for word in ("x1", "x2", "x3", "zzzzzz", "yyyyyy"))


# Request ids


async def request_id(service: Service, *given: str | bytes) -> str:
    headers = [("X-Request-Id", value) for value in given]
    answer = await service.rest.get("/health", headers=headers)  # type: ignore[arg-type]
    assert len(answer.headers.get_list("x-request-id")) == 1
    return str(answer.headers["x-request-id"])


async def test_a_request_id_is_made(service: Service) -> None:
    ids = {await request_id(service) for _ in range(20)}
    assert len(ids) == 20
    assert all(len(made) >= 16 and made.isalnum() for made in ids)


@pytest.mark.parametrize("given", ["1", "a" * 64, "550e8400-e29b-41d4-a716-446655440000", "A.b_c-9"])
async def test_a_sane_request_id_is_repeated(service: Service, given: str) -> None:
    assert await request_id(service, given) == given


@pytest.mark.parametrize(
    "given", [b"", b"a" * 65, b"a b", b"a,b", b"<b>", b'"', b"a/b", b"\xff", "é".encode(), b"a\tb", b"%0A"]
)
async def test_any_other_request_id_is_replaced(service: Service, given: bytes) -> None:
    made = await request_id(service, given)
    assert made.isalnum()
    assert made.encode() != given


async def test_every_answer_has_one(service: Service) -> None:
    for method, path in [("GET", "/"), ("GET", "/nothing"), ("PUT", "/health"), ("OPTIONS", "/api/rooms")]:
        answer = await service.rest.request(method, path, headers={"X-Request-Id": "mine"})
        assert answer.headers["x-request-id"] == "mine"
        assert answer.headers["x-content-type-options"] == "nosniff"


# HEAD, and the front page


@pytest.mark.parametrize(
    "path", ["/", "/health", "/readiness", "/api/rooms", "/api/statistics", "/api/docs", "/nothing"]
)
async def test_head_is_get_without_the_body(service: Service, path: str) -> None:
    got, head = await service.rest.get(path), await service.rest.head(path)
    assert head.status_code == got.status_code
    assert head.content == b""
    assert head.headers["content-type"] == got.headers["content-type"]
    assert int(head.headers["content-length"]) > 0


async def test_the_front_page(service: Service) -> None:
    page = await service.rest.get("/", headers={"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"})
    assert page.status_code == 200
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert "accept" in page.headers["vary"].lower()
    policy = page.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "script-src" not in policy
    assert "unsafe" not in policy
    index = await service.rest.get("/")
    for accept in ("*/*", "application/json", ""):
        index = await service.rest.get("/", headers={"Accept": accept})
        assert index.headers["content-type"] == "application/json"
        assert index.json()["service"] == "webrtc-signaling"
    links = [link for link in index.json().values() if link.startswith("/")]
    assert len(links) == 6
    for link in links:
        assert (await service.rest.get(link)).status_code == 200
        assert link == "/classroom" or f'href="{link}"' in page.text


# Logs


def requests_in(log: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    return [dict(entry) for entry in log if entry.get("event") == "request"]


async def test_one_line_a_request(serve: Any) -> None:
    async with serve() as service:
        await service.rest.post("/api/rooms", headers={"X-Request-Id": "create-1"})
        await service.rest.get("/api/rooms/A0O1il", headers={"X-Request-Id": "read-1"})
        await service.rest.head("/nothing", headers={"X-Request-Id": "head-1"})
        for path in ("/health", "/readiness", "/metrics"):
            await service.rest.get(path)
        await service.rest.put("/health", headers={"X-Request-Id": "put-1"})
        server = service.server
    lines = [json.loads(line) for line in server.lines]
    assert all({"timestamp", "level", "event"} <= set(line) for line in lines)
    assert [line["event"] for line in lines if line["event"] not in ("request", "file_limit_low")] == [
        "listening",
        "draining",
        "stopped",
    ]
    found = requests_in(lines)
    assert all(entry.pop("milliseconds") >= 0 for entry in found)
    shared = {"event": "request", "level": "info", "logger": "signaling.http"}
    assert [{key: entry[key] for key in entry if key != "timestamp"} for entry in found] == [
        shared | {"request_id": "create-1", "method": "POST", "route": "/api/rooms", "status": 201},
        shared
        | {
            "request_id": "read-1",
            "method": "GET",
            "route": "/api/rooms/{room_code}",
            "status": 404,
            "error": "room_not_found",
        },
        shared
        | {
            "request_id": "head-1",
            "method": "HEAD",
            "route": "unmatched",
            "status": 404,
            "error": "not_found",
        },
        shared
        | {
            "request_id": "put-1",
            "method": "PUT",
            "route": "unmatched",
            "status": 405,
            "error": "method_not_allowed",
        },
    ]


@pytest.mark.odd_frames("client")
async def test_what_is_never_in_the_log(serve: Any) -> None:
    key, wrong = "valid-key-0123456789abcdef", "mistyped-key-0123456789"
    secrets = [
        "Secret Name",
        "secret-user",
        "secret-sdp",
        "candidate:secret",
        "secret-owner",
        wrong,
        key,
        "[31m",
    ]
    async with serve(API_KEY=key, LOG_LEVEL="DEBUG") as service:
        code = await service.room(owner_id="secret-owner")
        first = await service.joined(code, display_name="Secret Name", user_id="secret-user")
        second: Client = await service.connect()
        joined = await second.join(code, display_name="Secret Name")
        await first.expect("participant_joined")
        description = {"type": "offer", "sdp": "v=0 secret-sdp"}
        await second.send("offer", {"to": first.socket_id, "description": description})
        await first.expect("offer")
        candidate = {"candidate": "candidate:secret"}
        await first.send("ice_candidate", {"to": second.socket_id, "candidate": candidate})
        await second.expect("ice_candidate")
        await second.send_raw('{"type": "secret-sdp"')
        await second.expect("error")
        await service.rest.get("/api/rooms?owner_id=secret-owner", headers={"X-API-Key": wrong})
        await service.rest.get("/%1b[31m", headers={"X-Request-Id": "secret-owner!"})
        await service.rest.post("/api/rooms", content=b'{"owner_id": "secret-owner", "x": 1}')
        server = service.server
    text = "\n".join(server.lines)
    assert len(requests_in(server.log)) == 4
    for secret in [*secrets, joined["resume_token"]]:
        assert secret not in text, secret
