"""Creating a room with an `Idempotency-Key`: however often it is asked, there is one room."""

from __future__ import annotations

import asyncio
import uuid
from typing import Any

import httpx
import pytest

from support.rest import HOUR, database, refused, turn_back
from support.service import Service, eventually

BODY = {"owner_id": "teacher_123", "ttl_hours": 2, "max_participants": 30}


async def create(service: Service, key: str, body: Any = BODY) -> httpx.Response:
    return await service.rest.post("/api/rooms", json=body, headers={"Idempotency-Key": key})


def fresh() -> str:
    return str(uuid.uuid4())


def replayed(answer: httpx.Response, first: httpx.Response) -> None:
    assert answer.status_code == first.status_code == 201
    assert answer.json() == first.json()
    assert answer.headers["location"] == first.headers["location"]
    assert answer.headers["idempotency-replayed"] == "true"


async def test_the_same_call_again(service: Service) -> None:
    key = fresh()
    first = await create(service, key)
    assert first.status_code == 201
    assert "idempotency-replayed" not in first.headers
    for _ in range(3):
        replayed(await create(service, key), first)


async def test_what_counts_is_what_was_asked_for(service: Service) -> None:
    """Not how it was written: left out is the same as null, and the order of fields means nothing."""
    key = fresh()
    first = await create(service, key, {"owner_id": "a"})
    replayed(
        await create(service, key, {"ttl_hours": None, "owner_id": "a", "max_participants": None}), first
    )


@pytest.mark.parametrize(
    "other",
    [{}, BODY | {"owner_id": "teacher_124"}, BODY | {"ttl_hours": 3}, BODY | {"max_participants": 31}],
)
async def test_another_call_with_the_key(service: Service, other: dict[str, Any]) -> None:
    key = fresh()
    first = await create(service, key)
    refused(
        await create(service, key, other),
        409,
        "idempotency_conflict",
        "This `Idempotency-Key` was used within 24 hours for a different request.",
    )
    replayed(await create(service, key), first)


async def test_keys_are_compared_exactly(service: Service) -> None:
    key = f"Key-{fresh()}"
    codes = {
        (await create(service, spelling)).json()["room_code"] for spelling in (key, key.lower(), f"{key}-")
    }
    assert len(codes) == 3


async def test_a_refused_call_takes_no_key(service: Service) -> None:
    key = fresh()
    refused(await create(service, key, {"ttl_hours": 0}), 400, "bad_request")
    first = await create(service, key)
    assert "idempotency-replayed" not in first.headers


async def test_twenty_at_once_make_one_room(service: Service) -> None:
    owner = fresh()
    key = fresh()
    answers = await asyncio.gather(*(create(service, key, {"owner_id": owner}) for _ in range(20)))
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.text for answer in answers}) == 1
    assert sum("idempotency-replayed" not in answer.headers for answer in answers) == 1
    found = await service.rest.get("/api/rooms", params={"owner_id": owner})
    assert found.json()["total"] == 1


async def test_the_room_may_have_changed_meanwhile(service: Service) -> None:
    key = fresh()
    first = await create(service, key)
    await service.close_room(first.json()["room_code"])
    replayed(await create(service, key), first)


async def test_after_a_restart(serve: Any, tmp_path: Any) -> None:
    key = fresh()
    async with serve(data_dir=tmp_path) as service:
        first = await create(service, key)
        # As if the answer had been lost with the process.
        service.server.kill9()
    async with serve(data_dir=tmp_path) as service:
        replayed(await create(service, key), first)
        refused(await create(service, key, {}), 409, "idempotency_conflict")


async def test_after_a_day_the_key_is_free(serve: Any, tmp_path: Any) -> None:
    key = fresh()
    async with serve(data_dir=tmp_path) as service:
        first = await create(service, key)
    with database(tmp_path) as connection:
        connection.execute("UPDATE claims SET expires_at = expires_at - ?", (24 * HOUR,))
    async with serve(data_dir=tmp_path) as service:
        again = await create(service, key, {})
        assert again.status_code == 201
        assert "idempotency-replayed" not in again.headers
        assert again.json()["room_code"] != first.json()["room_code"]


async def test_a_room_that_was_purged_first(serve: Any, tmp_path: Any) -> None:
    """With a retention shorter than a day the room can go before its key; its answer is gone with it."""
    key = fresh()
    async with serve(data_dir=tmp_path, ROOM_RETENTION_HOURS="1") as service:
        code = (await create(service, key)).json()["room_code"]
        await service.close_room(code)
    turn_back(tmp_path, code, 2 * HOUR)
    async with serve(data_dir=tmp_path) as service:

        async def purged() -> bool:
            return bool((await service.rest.get(f"/api/rooms/{code}")).status_code == 404)

        await eventually(purged, "the room is purged")
        refused(await create(service, key), 409, "idempotency_conflict")


@pytest.mark.parametrize("key", ["x", "!" * 255, "~", '{"json":1}', "a,b"])
async def test_keys_that_are_taken(service: Service, key: str) -> None:
    answer = await create(service, key, {"owner_id": fresh()})
    assert answer.status_code in (201, 409)


@pytest.mark.parametrize(
    "key", [b"", b"x" * 256, b"a b", b"a\tb", "ü".encode(), "ü".encode("latin-1"), b"\xff"]
)
async def test_keys_that_are_not(service: Service, key: bytes) -> None:
    answer = await service.rest.post("/api/rooms", headers={b"Idempotency-Key": key})
    refused(
        answer,
        400,
        "bad_request",
        "Idempotency-Key: must be 1 to 255 printable ASCII characters without spaces",
    )
