"""Trying again: what is repeated, how often, after how long, and what is not."""

from __future__ import annotations

import asyncio
import secrets
import time
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from signaling_client import (
    NO_RETRY,
    AsyncSignalingClient,
    BadRequest,
    ConnectionFailed,
    RateLimited,
    RetryPolicy,
    ServerError,
    SignalingError,
)
from support.server import ServerProcess

from .conftest import QUICK, Clients
from .stubs import Answer, Drop, Forward, Request, Step, error, http_stub

CALLS = [
    ("create_room", (), "POST"),
    ("get_room", ("a7x9k2",), "GET"),
    ("list_rooms", (), "GET"),
    ("delete_room", ("a7x9k2",), "DELETE"),
    ("statistics", (), "GET"),
    ("health", (), "GET"),
]


def header(request: Request, name: str) -> str | None:
    return {key.lower(): value for key, value in request.headers.items()}.get(name)


@pytest.mark.parametrize(("method", "arguments", "verb"), CALLS)
async def test_every_call_outlives_three_failures(
    clients: Clients,
    server: ServerProcess,
    method: str,
    arguments: tuple[str, ...],
    verb: str,
    room_code: str,
) -> None:
    steps: list[Step] = [
        Drop(),
        error("server_error", 503),
        Answer(502, b"bad gateway"),
        Forward(server.port),
    ]
    with http_stub(*steps) as stub:
        rest = await clients(stub.url, server.api_key)
        await rest(method, *(room_code for _ in arguments))
        assert [request.method for request in stub.requests] == [verb] * 4
        if verb == "POST":
            keys = {header(request, "idempotency-key") for request in stub.requests}
            assert len(keys) == 1
            assert None not in keys


@pytest.mark.parametrize(
    ("step", "kind"),
    [
        (Drop(), ConnectionFailed),
        (error("server_error", 500), ServerError),
        (error("rate_limited", 429), RateLimited),
    ],
)
async def test_the_last_failure_is_raised(clients: Clients, step: Step, kind: type[SignalingError]) -> None:
    with http_stub(step) as stub:
        rest = await clients(stub.url)
        with pytest.raises(kind):
            await rest("create_room")
        assert len(stub.requests) == QUICK.attempts


async def test_what_was_refused_is_not_repeated(clients: Clients) -> None:
    with http_stub(error("bad_request", 400)) as stub:
        rest = await clients(stub.url)
        with pytest.raises(BadRequest):
            await rest("create_room")
        assert len(stub.requests) == 1


async def test_no_repetition_where_none_is_wanted(clients: Clients) -> None:
    with http_stub(error("server_error", 503)) as stub:
        rest = await clients(stub.url, retry=NO_RETRY)
        with pytest.raises(ServerError):
            await rest("get_room", "a7x9k2")
        assert len(stub.requests) == 1


@pytest.mark.parametrize("lost", [1, 3])
async def test_lost_answers_make_no_second_room(clients: Clients, server: ServerProcess, lost: int) -> None:
    owner = secrets.token_hex(8)
    steps = [*(Forward(server.port, lose_answer=True) for _ in range(lost)), Forward(server.port)]
    with http_stub(*steps) as stub:
        rest = await clients(stub.url, server.api_key)
        room = await rest("create_room", owner_id=owner)
        assert len(stub.requests) == lost + 1
        page = await rest("list_rooms", owner_id=owner)
    assert [one.room_code for one in page.rooms] == [room.room_code]


async def test_two_calls_have_two_keys(clients: Clients, server: ServerProcess) -> None:
    with http_stub(Forward(server.port)) as stub:
        rest = await clients(stub.url, server.api_key)
        await rest("create_room")
        await rest("create_room")
        keys = [header(request, "idempotency-key") for request in stub.requests]
        assert len(set(keys)) == 2


async def test_the_service_says_how_long_to_wait(clients: Clients, server: ServerProcess) -> None:
    with http_stub(error("server_error", 503, Retry_After="1"), Forward(server.port)) as stub:
        rest = await clients(stub.url, server.api_key)
        begun = time.monotonic()
        await rest("statistics")
        assert time.monotonic() - begun >= 1


async def test_a_time_of_day_to_wait_for(clients: Clients) -> None:
    late = format_datetime(datetime.now(UTC) + timedelta(hours=1), usegmt=True)
    with http_stub(error("rate_limited", 429, Retry_After=late)) as stub:
        rest = await clients(stub.url)
        with pytest.raises(RateLimited) as caught:
            await rest("statistics")
        assert caught.value.retry_after == pytest.approx(3600, abs=60)
        assert len(stub.requests) == 1


@pytest.mark.parametrize("value", ["soon", "-5", "1e9999", "Mon, 99 Foo 2025", "\u0661"])
async def test_what_is_no_time_to_wait(clients: Clients, value: str) -> None:
    with http_stub(Answer(503, b"", {"Retry-After": value.encode().decode("latin-1")})) as stub:
        rest = await clients(stub.url)
        with pytest.raises(ServerError) as caught:
            await rest("health")
        assert caught.value.retry_after is None
        assert len(stub.requests) == QUICK.attempts


async def test_cancelled_while_it_waits() -> None:
    policy = RetryPolicy(attempts=2, first=0, longest=3600)
    with http_stub(error("server_error", 503, Retry_After="3600")) as stub:
        async with AsyncSignalingClient(stub.url, api_key="k", retry=policy) as client:
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.2):
                    await client.health()


# The policy itself


def test_waits_are_drawn_from_the_whole_range_and_grow_to_their_bound() -> None:
    policy = RetryPolicy(attempts=100, first=1, longest=8)
    for failures, most in ((1, 1), (2, 2), (3, 4), (4, 8), (5, 8), (99, 8)):
        waits = [wait for _ in range(500) if (wait := policy.wait(failures)) is not None]
        assert len(waits) == 500
        assert 0 <= min(waits) < 0.2 * most
        assert 0.8 * most < max(waits) <= most


def test_attempts_are_bounded() -> None:
    policy = RetryPolicy(attempts=3)
    assert [policy.wait(failures) is None for failures in (1, 2, 3, 4)] == [False, False, True, True]
    assert NO_RETRY.wait(1) is None


def test_what_the_service_asks_for_is_waited_or_given_up() -> None:
    policy = RetryPolicy(attempts=5, first=0.5, longest=10)
    waits = [policy.wait(1, retry_after=3) for _ in range(200)]
    assert all(wait is not None and 3 <= wait <= 3.5 for wait in waits)
    assert len(set(waits)) > 100
    assert policy.wait(1, retry_after=10.1) is None
    assert policy.wait(1, retry_after=float("nan")) is None
    assert policy.wait(5, retry_after=0) is None


@pytest.mark.parametrize(
    "options", [{"attempts": 0}, {"first": -1}, {"longest": -1}, {"first": float("nan")}]
)
def test_what_is_no_policy(options: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=r"attempts|first"):
        RetryPolicy(**options)  # type: ignore[arg-type]
