"""The end of a room, by the platform or by the clock, and what everyone in it is told."""

from __future__ import annotations

import asyncio
import json
import sqlite3
import time
from pathlib import Path

import msgspec
from conftest import Serve
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
        assert client.frames[-1] == {"type": "room_left", "payload": {"room_code": code, "reason": "room_closed"}}
        assert len(client.of_type("room_left")) == 1
        assert not client.of_type("participant_left")
    room = await service.view(code)
    assert (room["state"], room["participant_count"]) == ("closed", 0)


async def test_a_room_closed_while_people_join(service: Service) -> None:
    """Contract 4: who joins as the room closes is either let in and then let go, or refused; never forgotten."""
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


def set_expiry(data_dir: Path, code: str, expires_at: int) -> None:
    """Move the end of a room, in a store that no process has open: a room's time over REST is an hour at least."""
    [path] = data_dir.glob("*.db")
    with sqlite3.connect(path) as store:
        columns = [row[1] for row in store.execute("PRAGMA table_info(rooms)")]
        [row] = store.execute("SELECT * FROM rooms WHERE code = ?", (code,))
        values = dict(zip(columns, row, strict=True))
        for name, value in values.items():
            if name in ("expires_at", "due_at"):
                values[name] = expires_at
            elif isinstance(value, bytes | str) and name != "code":
                with_expiry = moved(value, expires_at)
                if with_expiry is not None:
                    values[name] = with_expiry
        assignments = ", ".join(f"{name} = ?" for name in columns)
        store.execute(f"UPDATE rooms SET {assignments} WHERE code = ?", (*values.values(), code))
    store.close()


def moved(value: bytes | str, expires_at: int) -> bytes | str | None:
    """The stored room with another end, if this is where it is stored."""
    try:
        room = json.loads(value)
    except ValueError:
        return None
    if not isinstance(room, dict) or "expires_at" not in room:
        return None
    changed = msgspec.json.encode(room | {"expires_at": expires_at})
    return changed if isinstance(value, bytes) else changed.decode()


async def test_an_expired_room_lets_everyone_go(serve: Serve, tmp_path: Path) -> None:
    """Contract 2 and 3: room_left `room_expired` within 2 s of its time, then 4506; joins are room_expired from then on."""
    async with serve(data_dir=tmp_path) as service:
        code = await service.room()
        gone = await service.room()
    expires_at = int(time.time() * 1000) + 4000
    set_expiry(tmp_path, code, expires_at)
    set_expiry(tmp_path, gone, expires_at - 60_000)
    async with serve(data_dir=tmp_path) as service:
        clients = [await service.joined(code) for _ in range(3)]
        assert (await service.view(code))["state"] == "open"
        late = await service.connect()
        await late.send("join", {"room_code": gone})
        await late.expect_error("room_expired")
        for client in clients:
            assert await client.closed(deadline=30) == 4506
        assert time.time() * 1000 < expires_at + AT_ONCE * 1000
        assert time.time() * 1000 >= expires_at
        for client in clients:
            assert client.frames[-1]["payload"] == {"room_code": code, "reason": "room_expired"}
            assert not client.of_type("participant_left")
        await late.send("join", {"room_code": code}, request_id="late")
        assert (await late.expect_error("room_expired"))["request_id"] == "late"
        assert (await service.view(code))["state"] == "expired"
        await late.join(await service.room())


async def test_the_end_of_a_room_forgets_it(service: Service) -> None:
    """Contract 1: a closed room stays readable, and joins meet `room_closed` also when all its sockets are gone."""
    code = await service.room()
    client: Client = await service.joined(code)
    await service.close_room(code)
    await client.closed()

    async def refused() -> bool:
        late = await service.connect()
        await late.send("join", {"room_code": code})
        return bool((await late.expect("error"))["payload"]["code"] == "room_closed")

    await eventually(refused, "room_closed")
