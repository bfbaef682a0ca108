"""The end of a room, by the platform or by the clock, and what everyone in it is told."""

from __future__ import annotations

import asyncio
import contextlib
import json
import sqlite3
import time

from support.client import Client
from support.service import Service, eventually

AT_ONCE = 2.0
"""Contract 2: closing or expiring a room reaches everyone in it within 2 s."""


async def test_a_closed_room_lets_everyone_go(service: Service) -> None:
    """Contract 2 and 3: room_left `room_closed` within 2 s, then a close with 4505."""
    code = await service.room()
    clients = [await service.joined(code) for _ in range(12)]
    await service.close_room(code)
    async with asyncio.timeout(AT_ONCE):
        assert [await client.closed() for client in clients] == [4505] * 12
    for client in clients:
        assert client.frames[-1] == {
            "type": "room_left",
            "payload": {"room_code": code, "reason": "room_closed"},
        }
        assert len(client.of_type("room_left")) == 1
        assert not client.of_type("participant_left")
    room = await service.view(code)
    assert (room["state"], room["participant_count"]) == ("closed", 0)


async def test_a_room_closed_while_people_join(service: Service) -> None:
    """Contract 4: who joins as the room closes is either let in and then let go, or refused; never
    forgotten.
    """
    for _ in range(5):
        code = await service.room()
        clients = [await service.connect() for _ in range(10)]
        for client in clients[:5]:
            await client.send("join", {"room_code": code})
        closing = asyncio.create_task(service.close_room(code))
        for client in clients[5:]:
            await client.send("join", {"room_code": code})
        await closing
        for client in clients:
            first = await client.until(lambda frame: frame["type"] in ("room_joined", "error"))
            if first["type"] == "error":
                assert first["payload"]["code"] == "room_closed"
                await client.settle()
            else:
                assert await client.closed() == 4505
                assert client.frames[-1]["payload"]["reason"] == "room_closed"
        assert (await service.view(code))["participant_count"] == 0


async def test_closing_again_says_nothing_again(service: Service) -> None:
    """Contract 1: deleting a room that has ended changes nothing."""
    code = await service.room()
    client = await service.joined(code)
    await service.close_room(code)
    await service.close_room(code)
    assert await client.closed() == 4505
    assert len(client.of_type("room_left")) == 1


def set_expiry(service: Service, code: str, expires_at: int) -> None:
    """Move the end of a room that nobody is in, where it is stored: over REST a room lives an hour at least.
    Move the end of a room that nobody is in, where it is stored: over REST a room lives an hour at least.
    """
    [file] = service.server.data_dir.glob("*.sqlite3")
    with contextlib.closing(sqlite3.connect(file, timeout=10)) as store, store:
        [[body]] = store.execute("SELECT body FROM rooms WHERE code = ?", (code,))
        moved = json.dumps(json.loads(body) | {"expires_at": expires_at})
        store.execute(
            "UPDATE rooms SET body = ?, expires_at = ?, due_at = ? WHERE code = ?",
            (moved, expires_at, expires_at, code),
        )


async def test_an_expired_room_lets_everyone_go(service: Service) -> None:
    """Contract 2 and 3: room_left `room_expired` within 2 s of its time, then 4506; joins are room_expired
    from then on.
    """
    code, gone = await service.room(), await service.room()
    clients = [await service.connect() for _ in range(3)]
    expires_at = int(time.time() * 1000) + 2500
    set_expiry(service, code, expires_at)
    set_expiry(service, gone, expires_at - 60_000)
    await service.edited()
    for client in clients:
        await client.join(code)
    assert (await service.view(code))["state"] == "open"
    late = await service.connect()
    await late.send("join", {"room_code": gone})
    await late.expect_error("room_expired")
    for client in clients:
        assert await client.closed() == 4506
    assert expires_at <= time.time() * 1000 < expires_at + AT_ONCE * 1000
    for client in clients:
        assert client.frames[-1]["payload"] == {"room_code": code, "reason": "room_expired"}
        assert not client.of_type("participant_left")
    await late.send("join", {"room_code": code}, request_id="late")
    assert (await late.expect_error("room_expired"))["request_id"] == "late"
    assert (await service.view(code))["state"] == "expired"
    await late.join(await service.room())


async def test_the_end_of_a_room_forgets_it(service: Service) -> None:
    """Contract 1: a closed room stays readable, and joins meet `room_closed` also when all its sockets are
    gone.
    """
    code = await service.room()
    client: Client = await service.joined(code)
    await service.close_room(code)
    await client.closed()

    async def refused() -> bool:
        late = await service.connect()
        await late.send("join", {"room_code": code})
        return bool((await late.expect("error"))["payload"]["code"] == "room_closed")

    await eventually(refused, "room_closed")
