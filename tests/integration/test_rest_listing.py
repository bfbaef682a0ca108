"""The list of rooms: filters, totals, and pages that stay in place while rooms come and go."""

from __future__ import annotations

import asyncio
import uuid
from typing import Any

import pytest

from support.rest import HOUR, moment, refused, turn_back
from support.server import ServerProcess
from support.service import Service, eventually


def owner() -> str:
    """One of the test's own: others use the same server."""
    return f"owner-{uuid.uuid4()}"


async def page(service: Service, **query: Any) -> dict[str, Any]:
    answer = await service.rest.get("/api/rooms", params=query)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    assert list(found) == ["rooms", "total", "next_cursor"]
    return found


async def walk(service: Service, **query: Any) -> list[str]:
    """The codes on all pages, in order."""
    codes: list[str] = []
    cursor = None
    while True:
        found = await page(service, **query, **({} if cursor is None else {"cursor": cursor}))
        codes += [room["room_code"] for room in found["rooms"]]
        cursor = found["next_cursor"]
        if cursor is None:
            return codes


async def test_a_listed_room_has_the_guides_fields(service: Service) -> None:
    mine = owner()
    code = await service.room(owner_id=mine, ttl_hours=2, max_participants=30)
    await service.joined(code)
    found = await page(service, owner_id=mine)
    assert (found["total"], found["next_cursor"]) == (1, None)
    (room,) = found["rooms"]
    assert list(room) == [
        "room_code",
        "state",
        "participant_count",
        "max_participants",
        "created_at",
        "expires_at",
        "owner_id",
    ]
    assert moment(room.pop("expires_at")) > moment(room.pop("created_at"))
    assert room == {
        "room_code": code,
        "state": "open",
        "participant_count": 1,
        "max_participants": 30,
        "owner_id": mine,
    }


async def test_newest_first_and_totals(service: Service) -> None:
    mine = owner()
    codes = []
    for _ in range(7):
        codes.append(await service.room(owner_id=mine))
        # Within one millisecond the order is that of the codes.
        await asyncio.sleep(0.002)
    newest_first = codes[::-1]
    assert [room["room_code"] for room in (await page(service, owner_id=mine))["rooms"]] == newest_first
    for limit in (1, 2, 3, 6, 7, 8, 200):
        first = await page(service, owner_id=mine, limit=limit)
        assert [room["room_code"] for room in first["rooms"]] == newest_first[:limit]
        assert first["total"] == 7
        assert (first["next_cursor"] is None) == (limit >= 7)
        assert await walk(service, owner_id=mine, limit=limit) == newest_first


async def test_pages_stay_in_place(service: Service) -> None:
    """Rooms made or ended during a walk neither hide one of the others nor show one twice."""
    mine = owner()
    codes = [await service.room(owner_id=mine) for _ in range(9)]
    seen: list[str] = []
    cursor = None
    while True:
        found = await page(service, owner_id=mine, limit=2, **({} if cursor is None else {"cursor": cursor}))
        seen += [room["room_code"] for room in found["rooms"]]
        cursor = found["next_cursor"]
        if cursor is None:
            break
        await asyncio.sleep(0.002)
        await service.room(owner_id=mine)
        await service.close_room(seen[-1])
    assert sorted(seen) == sorted(codes)
    assert (await page(service, owner_id=mine))["total"] == 9 + 4


async def test_the_default_page_is_of_fifty(service: Service) -> None:
    mine = owner()
    await asyncio.gather(*(service.room(owner_id=mine) for _ in range(51)))
    found = await page(service, owner_id=mine)
    assert (len(found["rooms"]), found["total"]) == (50, 51)
    assert len(set(await walk(service, owner_id=mine))) == 51


async def test_filters(serve: Any, tmp_path: Any) -> None:
    """Every state, alone and with an owner; the expired ones by a clock that was moved on."""
    codes: dict[tuple[str, str], str] = {}
    async with serve(data_dir=tmp_path) as service:
        for state in ("open", "closed", "expired"):
            for name in ("ann", "ben"):
                codes[state, name] = await service.room(owner_id=name, ttl_hours=1)
        for name in ("ann", "ben"):
            await service.close_room(codes["closed", name])
    for name in ("ann", "ben"):
        turn_back(tmp_path, codes["expired", name], 2 * HOUR)
    async with serve(data_dir=tmp_path) as service:
        for state in ("open", "closed", "expired"):
            both = {codes[state, "ann"], codes[state, "ben"]}
            found = await page(service, state=state)
            assert {room["room_code"] for room in found["rooms"]} == both
            assert {room["state"] for room in found["rooms"]} == {state}
            assert found["total"] == 2
            assert set(await walk(service, state=state, limit=1)) == both
            found = await page(service, state=state, owner_id="ann")
            assert [room["room_code"] for room in found["rooms"]] == [codes[state, "ann"]]
            assert found["total"] == 1
            assert (await service.view(codes[state, "ann"]))["state"] == state
        assert (await page(service, owner_id="ben"))["total"] == 3
        assert (await page(service))["total"] == 6
        assert await page(service, owner_id="nobody") == {"rooms": [], "total": 0, "next_cursor": None}
        answer = await service.rest.delete(f"/api/rooms/{codes['expired', 'ann']}")
        assert answer.status_code == 200
        assert (await service.view(codes["expired", "ann"]))["state"] == "expired"


async def test_owners_are_compared_whole(service: Service) -> None:
    mine = owner()
    for name in (mine, "null", mine.upper(), f"{mine} ", f"{mine}%", f"{mine}é", f"{mine}'"):
        code = await service.room(owner_id=name)
        found = await page(service, owner_id=name)
        assert [room["room_code"] for room in found["rooms"]] == [code]


@pytest.mark.parametrize(
    ("query", "detail"),
    [
        ("state=opened", "state: must be open, closed or expired"),
        ("state=OPEN", "state: must be open, closed or expired"),
        ("state=null", "state: must be open, closed or expired"),
        ("state=open%0A", "state: must be open, closed or expired"),
        ("state=", "state: must be open, closed or expired"),
        ("limit=0", "limit: Expected `int` >= 1"),
        ("limit=201", "limit: Expected `int` <= 200"),
        ("limit=-1", "limit: Expected `int` >= 1"),
        ("limit=", None),
        ("limit=ten", None),
        ("limit=1.5", None),
        ("limit=99999999999999999999999", None),
        ("owner_id=", "owner_id: Expected `str` of length >= 1"),
        ("owner_id=" + "x" * 129, "owner_id: Expected `str` of length <= 128"),
        ("state=x&limit=0", "state: must be open, closed or expired; limit: Expected `int` >= 1"),
    ],
)
async def test_queries_that_are_refused(service: Service, query: str, detail: str | None) -> None:
    text = refused(await service.rest.get(f"/api/rooms?{query}"), 400, "bad_request", detail)
    assert text.startswith(query.partition("=")[0])


@pytest.mark.parametrize(
    "cursor",
    [
        "",
        "x",
        "a7x9k2",
        "-",
        "1",
        "1-",
        "-a7x9k2",
        "-1-a7x9k2",
        "1e3-a7x9k2",
        "1766053800000-A7X9K2",
        "1766053800000-a0o1il",
        "1766053800000-a7x9k2x",
        "1766053800000-a7x9k2%0A",
        "1766053800000.a7x9k2",
        "%D9%A1-a7x9k2",
        "99999999999999999-a7x9k2",
        "1766053800000-'%20OR%201",
        "x" * 5000,
        "%00",
        "%FF%FE",
    ],
)
async def test_cursors_of_others(service: Service, cursor: str) -> None:
    answer = await service.rest.get(f"/api/rooms?cursor={cursor}")
    refused(answer, 400, "bad_request", "cursor: not one that this service made")


async def test_a_cursor_outlives_its_room(serve: Any, tmp_path: Any) -> None:
    """The room that a page ended with is purged; the next page begins after its place all the same."""
    async with serve(data_dir=tmp_path, ROOM_RETENTION_HOURS="1") as service:
        codes = []
        for _ in range(3):
            codes.append(await service.room())
            await asyncio.sleep(0.002)
        cursor = (await page(service, limit=2))["next_cursor"]
        await service.close_room(codes[1])
        server: ServerProcess = service.server
    turn_back(server.data_dir, codes[1], 2 * HOUR)
    async with serve(data_dir=tmp_path, ROOM_RETENTION_HOURS="1") as service:

        async def purged() -> bool:
            return bool((await service.rest.get(f"/api/rooms/{codes[1]}")).status_code == 404)

        await eventually(purged, "the room is purged")
        found = await page(service, limit=2, cursor=cursor)
        assert [room["room_code"] for room in found["rooms"]] == [codes[0]]
        assert found["total"] == 2
