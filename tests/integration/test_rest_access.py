"""Who may call: API keys, and what pages of other origins are told."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from support.rest import refused
from support.server import ServerProcess
from support.service import Service

GUARDED = [
    ("POST", "/api/rooms"),
    ("GET", "/api/rooms"),
    ("GET", "/api/rooms/abcdef"),
    ("DELETE", "/api/rooms/abcdef"),
    ("GET", "/api/statistics"),
    ("GET", "/metrics"),
]
OPEN = ["/", "/health", "/readiness", "/api/docs", "/api/redoc", "/api/openapi.json", "/classroom"]

FIRST, SECOND = "first-key-0123456789", "second-key-9876543210"
PAGE, OTHER = "https://school.example", "https://elsewhere.example"


@pytest.fixture
async def bare(service: Service) -> Any:
    """The same service for a caller without a key."""
    async with httpx.AsyncClient(base_url=service.server.base_url, trust_env=False) as client:
        yield client


def unauthorized(answer: httpx.Response) -> None:
    refused(answer, 401, "unauthorized", "Invalid or missing API key")
    assert answer.headers["www-authenticate"] == "ApiKey"


@pytest.mark.parametrize(("method", "path"), GUARDED)
async def test_no_key(bare: httpx.AsyncClient, method: str, path: str) -> None:
    unauthorized(await bare.request(method, path))


@pytest.mark.parametrize(("method", "path"), GUARDED)
@pytest.mark.parametrize(
    "key",
    [
        b"",
        b"x",
        b"test-key-of-the-suite-012345678",
        b"test-key-of-the-suite-0123456789x",
        b"TEST-KEY-OF-THE-SUITE-0123456789",
        b"test-key-of-the-suite-0123456789, other",
        "schlüssel".encode(),
        "schlüssel".encode("latin-1"),
        b"\xff\xfe\x80",
        b"k" * 8000,
    ],
)
async def test_wrong_keys(bare: httpx.AsyncClient, method: str, path: str, key: bytes) -> None:
    unauthorized(await bare.request(method, path, headers={b"X-API-Key": key}))


async def test_where_the_key_does_not_belong(bare: httpx.AsyncClient, service: Service) -> None:
    key = service.server.api_key
    unauthorized(await bare.get("/api/rooms", params={"X-API-Key": key, "api_key": key}))
    unauthorized(await bare.get("/api/rooms", headers={"Authorization": f"Bearer {key}"}))
    unauthorized(await bare.get("/api/rooms", headers={"Cookie": f"X-API-Key={key}"}))


async def test_the_headers_name_in_any_case(bare: httpx.AsyncClient, service: Service) -> None:
    for name in ("x-api-key", "X-API-KEY", "X-Api-Key"):
        assert (await bare.get("/api/rooms", headers={name: service.server.api_key})).status_code == 200


async def test_the_key_comes_before_everything_else(bare: httpx.AsyncClient) -> None:
    """Who has no key learns nothing of what else would be wrong."""
    unauthorized(await bare.post("/api/rooms", content=b"{"))
    unauthorized(await bare.post("/api/rooms", json={"ttl_hours": 0}, headers={"Idempotency-Key": "a b"}))
    unauthorized(await bare.post("/api/rooms", content=b" " * 100_000))
    unauthorized(await bare.get("/api/rooms?state=x&limit=0&cursor="))
    unauthorized(await bare.get("/api/rooms/toolongcode"))


@pytest.mark.parametrize("path", OPEN)
async def test_what_needs_no_key(bare: httpx.AsyncClient, path: str) -> None:
    assert (await bare.get(path, headers={"X-API-Key": "wrong"})).status_code == 200


async def test_rotation(serve: Any, tmp_path: Any) -> None:
    """Old and new key side by side; then the old one is gone, and the rooms are still there."""
    async with serve(data_dir=tmp_path, API_KEY=f"{FIRST}, {SECOND} ,") as service:
        code = await service.room()
        for key in (FIRST, SECOND):
            answer = await service.rest.get(f"/api/rooms/{code}", headers={"X-API-Key": key})
            assert answer.status_code == 200
        for key in (f"{FIRST},{SECOND}", FIRST + SECOND, ","):
            unauthorized(await service.rest.get("/api/rooms", headers={"X-API-Key": key}))
    async with serve(data_dir=tmp_path, API_KEY=SECOND) as service:
        assert (await service.view(code))["state"] == "open"
        unauthorized(await service.rest.get(f"/api/rooms/{code}", headers={"X-API-Key": FIRST}))


# Pages of other origins


async def preflight(
    client: httpx.AsyncClient, path: str, method: str, origin: str, headers: str
) -> httpx.Response:
    return await client.options(
        path,
        headers={
            "Origin": origin,
            "Access-Control-Request-Method": method,
            "Access-Control-Request-Headers": headers,
        },
    )


def words(header: str) -> set[str]:
    return {word.strip().lower() for word in header.split(",")}


@pytest.mark.parametrize(("method", "path"), GUARDED[:5])
async def test_every_origin_may_ask_by_default(bare: httpx.AsyncClient, method: str, path: str) -> None:
    headers = "content-type, idempotency-key, x-api-key, x-request-id"
    answer = await preflight(bare, path, method, OTHER, headers)
    assert answer.status_code == 204
    assert answer.headers["access-control-allow-origin"] == "*"
    assert method.lower() in words(answer.headers["access-control-allow-methods"])
    assert words(headers) <= words(answer.headers["access-control-allow-headers"])
    assert int(answer.headers["access-control-max-age"]) > 0
    assert "access-control-allow-credentials" not in answer.headers


async def test_answers_and_errors_can_be_read_by_pages(bare: httpx.AsyncClient, service: Service) -> None:
    key = service.server.headers
    origin = {"Origin": OTHER}
    answers = [
        await bare.get("/health", headers=origin),
        await bare.get("/readiness", headers=origin),
        await bare.post("/api/rooms", headers=origin | key),
        await bare.get("/api/rooms", headers=origin),
        await bare.get("/api/rooms?limit=0", headers=origin | key),
        await bare.get("/api/rooms/A0O1il", headers=origin | key),
        await bare.put("/api/rooms", headers=origin | key),
        await bare.post("/api/rooms", headers=origin | key, content=b" " * 70_000),
        await bare.get("/nothing", headers=origin),
    ]
    assert [answer.status_code for answer in answers] == [200, 200, 201, 401, 400, 404, 405, 413, 404]
    for answer in answers:
        assert answer.headers["access-control-allow-origin"] == "*"
        exposed = words(answer.headers["access-control-expose-headers"])
        assert {"x-request-id", "location", "retry-after", "idempotency-replayed"} <= exposed


async def test_only_the_listed_origins(serve: Any) -> None:
    async with serve(ALLOWED_ORIGINS=f"{PAGE}, http://localhost:3000") as service:
        for origin in (PAGE, "http://localhost:3000"):
            answer = await preflight(service.rest, "/api/rooms", "POST", origin, "x-api-key, idempotency-key")
            assert answer.status_code == 204
            assert answer.headers["access-control-allow-origin"] == origin
            assert "origin" in words(answer.headers["vary"])
            for path, status in (("/api/rooms", 200), ("/api/rooms?limit=0", 400), ("/nothing", 404)):
                answer = await service.rest.get(path, headers={"Origin": origin})
                assert answer.status_code == status
                assert answer.headers["access-control-allow-origin"] == origin
                assert "origin" in words(answer.headers["vary"])
        for origin in (OTHER, "http://school.example", f"{PAGE}:8443", f"{PAGE}.elsewhere.example", "null"):
            answer = await preflight(service.rest, "/api/rooms", "POST", origin, "x-api-key")
            assert answer.status_code >= 400
            assert "access-control-allow-origin" not in answer.headers
            answer = await service.rest.get("/api/rooms", headers={"Origin": origin})
            assert "access-control-allow-origin" not in answer.headers


async def test_only_methods_that_there_are(bare: httpx.AsyncClient) -> None:
    answer = await preflight(bare, "/api/rooms", "PUT", OTHER, "x-api-key")
    assert answer.status_code >= 400


# Paths and methods that are not there


@pytest.mark.parametrize(
    "path",
    [
        "/nothing",
        "/api",
        "/api/",
        "/api/nothing",
        "/api/nothing.json",
        "/api/rooms/abcdef/x",
        "/Health",
        "/api/room",
        "/api/assets/nothing.js",
        "/api/assets/%2e%2e/auth.py",
        "/classroom/nothing",
        "/.env",
        "/docs",
        "/schema",
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
async def test_unknown_paths(service: Service, method: str, path: str) -> None:
    answer = await service.rest.request(method, f"{service.server.base_url}{path}")
    if method == "GET" or "assets" not in path:
        refused(answer, 404, "not_found", "There is nothing at this path")
    else:
        refused(answer, 405, "method_not_allowed")


METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "TRACE")
ALLOWED = {
    "/api/rooms": ("GET", "HEAD", "POST"),
    "/api/rooms/": ("GET", "HEAD", "POST"),
    "/api/rooms/abcdef": ("GET", "HEAD", "DELETE"),
    "/api/statistics": ("GET", "HEAD"),
    "/api/docs": ("GET", "HEAD"),
    "/api/openapi.json": ("GET", "HEAD"),
    "/api/assets/swagger-ui.css": ("GET", "HEAD"),
    "/health": ("GET", "HEAD"),
    "/readiness": ("GET", "HEAD"),
    "/metrics": ("GET", "HEAD"),
    "/classroom": ("GET", "HEAD"),
    "/": ("GET", "HEAD"),
}


@pytest.mark.parametrize("path", ALLOWED)
async def test_methods_that_a_path_does_not_have(service: Service, path: str) -> None:
    allowed = ALLOWED[path]
    for method in METHODS:
        answer = await service.rest.request(method, path)
        if method in allowed:
            assert answer.status_code != 405
        else:
            names = ", ".join(sorted([*allowed, "OPTIONS"]))
            refused(answer, 405, "method_not_allowed", f"{method} is not allowed here; allowed: {names}")
            assert answer.headers["allow"] == names


async def test_the_sockets_path_without_a_handshake(bare: httpx.AsyncClient) -> None:
    for method in ("GET", "POST"):
        refused(
            await bare.request(method, "/ws"),
            400,
            "bad_request",
            "Only a WebSocket can be opened at this path",
        )


async def test_a_websocket_where_there_is_none(shared_server: ServerProcess) -> None:
    handshake = {
        "Connection": "Upgrade",
        "Upgrade": "websocket",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
    }
    async with httpx.AsyncClient(base_url=shared_server.base_url, trust_env=False) as client:
        for path in ("/api/rooms", "/health", "/nothing"):
            answer = await client.get(path, headers=handshake)
            assert 400 <= answer.status_code < 500
