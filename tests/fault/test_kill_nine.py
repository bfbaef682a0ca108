"""kill -9 against a real server under load, again and again: what it acknowledged is kept, and done once.

Acknowledged is what a client was told: 201 with the room, 200 of a delete, `room_joined`, `room_left`.
"""

from __future__ import annotations

import asyncio
import json
import random
import sqlite3
import time
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import httpx
import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, WebSocketException

from signaling.backends.sqlite.files import DATABASE_NAME
from signaling.backends.sqlite.store import SqliteStore
from signaling.contract.errors import CloseCode
from signaling.contract.types import LeftReason
from signaling.domain.events import ParticipantJoined, ParticipantLeft, RoomClosed, RoomCreated, RoomEvent
from signaling.domain.room import evolve_all
from support.server import ServerProcess

ROUNDS = 8
CREATORS = 6
CLOSERS = 2
MEMBERS = 16
DEADLINE_SECONDS = 20.0

pytestmark = [pytest.mark.fault, pytest.mark.timeout(300)]

LOST = (OSError, httpx.TransportError, WebSocketException, asyncio.IncompleteReadError)
"""What a client sees when the server dies."""


class Ledger:
    """What was asked of the service, and what it acknowledged."""

    def __init__(self) -> None:
        self.asked: dict[str, dict[str, Any]] = {}
        """Bodies of creates, by idempotency key."""
        self.created: dict[str, dict[str, Any]] = {}
        """Answers to them, by idempotency key."""
        self.closing: set[str] = set()
        """Rooms that somebody asked to close."""
        self.closed: set[str] = set()
        self.joined: list[tuple[str, str]] = []
        """(room code, socket_id) of every `room_joined`."""
        self.leaving: set[str] = set()
        """socket_ids that asked to leave."""
        self.left: set[str] = set()

    def acknowledged(self) -> int:
        return len(self.created) + len(self.closed) + len(self.joined) + len(self.left)

    def open_codes(self) -> list[str]:
        codes = (room["room_code"] for room in self.created.values())
        return [code for code in codes if code not in self.closing]


class Load:
    """Clients that keep a server busy until it dies, and write down what they were told."""

    def __init__(self, server: ServerProcess, ledger: Ledger, chance: random.Random) -> None:
        self.server = server
        self.ledger = ledger
        self.chance = chance
        self.killed = False
        limits = httpx.Limits(max_connections=CREATORS + CLOSERS)
        self.http = httpx.AsyncClient(
            base_url=server.base_url, headers=server.headers, timeout=DEADLINE_SECONDS, limits=limits
        )

    async def run_until_killed(self, acknowledgements: int) -> None:
        """Kill the server when it has acknowledged so much; return when every client has noticed."""
        enough = self.ledger.acknowledged() + acknowledgements
        tasks = [
            asyncio.create_task(self._until_lost(client))
            for client, count in ((self._create, CREATORS), (self._close, CLOSERS), (self._visit, MEMBERS))
            for _ in range(count)
        ]
        await _until(lambda: self.ledger.acknowledged() >= enough or any(task.done() for task in tasks))
        self.killed = True
        self.server.kill9()
        async with asyncio.timeout(DEADLINE_SECONDS):
            await asyncio.gather(*tasks)
        await self.http.aclose()

    async def _until_lost(self, client: Callable[[], Coroutine[Any, Any, None]]) -> None:
        while not self.killed:
            try:
                await client()
            except ConnectionClosed as closed:
                # Told in `room_left` too, but a client that is about to send meets the close first.
                ended = closed.rcvd is not None and closed.rcvd.code == CloseCode.ROOM_CLOSED
                if not (ended or self.killed):
                    raise
            except LOST:
                if not self.killed:
                    raise

    async def _create(self) -> None:
        key = f"key-{len(self.ledger.asked)}"
        self.ledger.asked[key] = {
            "owner_id": self.chance.choice(("ada", "grace", None)),
            "ttl_hours": self.chance.randint(1, 168),
            "max_participants": self.chance.randint(2, 8),
        }
        self.ledger.created[key] = await create(self.http, key, self.ledger.asked[key])

    async def _close(self) -> None:
        codes = self.ledger.open_codes()
        if len(codes) < MEMBERS:
            await asyncio.sleep(0.001)
            return
        code = self.chance.choice(codes)
        self.ledger.closing.add(code)
        answer = await self.http.delete(f"/api/rooms/{code}")
        assert answer.status_code == 200, answer.text
        self.ledger.closed.add(code)

    async def _visit(self) -> None:
        """Join a room; leave it again, or stay until it ends or the server dies, or go without a word."""
        codes = self.ledger.open_codes()
        if not codes:
            await asyncio.sleep(0.001)
            return
        code = self.chance.choice(codes)
        async with connect(
            self.server.ws_url, proxy=None, compression=None, open_timeout=DEADLINE_SECONDS
        ) as socket:
            await _expect(socket, "connected")
            await socket.send(json.dumps({"type": "join", "payload": {"room_code": code}}))
            frame = await _expect(socket, "room_joined", "error")
            if frame["type"] == "error":
                assert frame["payload"]["code"] in ("room_full", "room_closed"), frame
                return
            socket_id = frame["payload"]["socket_id"]
            self.ledger.joined.append((code, socket_id))
            match self.chance.choice(("leave", "stay", "go")):
                case "leave":
                    self.ledger.leaving.add(socket_id)
                    await socket.send(json.dumps({"type": "leave"}))
                    if (await _expect(socket, "room_left"))["payload"]["reason"] == "left":
                        self.ledger.left.add(socket_id)
                case "stay":
                    await _expect(socket, "room_left")


async def create(http: httpx.AsyncClient, key: str, body: dict[str, Any]) -> dict[str, Any]:
    """Make a room under an idempotency key."""
    answer = await http.post("/api/rooms", json=body, headers={"Idempotency-Key": key})
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.json()
    return made


async def _expect(socket: ClientConnection, *types: str) -> dict[str, Any]:
    """The next frame of one of these types; what is told of others passes."""
    while True:
        frame: dict[str, Any] = json.loads(await socket.recv())
        if frame["type"] in types:
            return frame
        assert frame["type"] in ("participant_joined", "participant_left", "room_left"), frame


async def _until(condition: Callable[[], bool]) -> None:
    ends = time.monotonic() + DEADLINE_SECONDS
    while not condition():
        assert time.monotonic() < ends
        await asyncio.sleep(0.001)


async def _check_over_rest(server: ServerProcess, ledger: Ledger) -> None:
    """What a platform sees of a server that came back."""
    limits = httpx.Limits(max_connections=8)
    async with httpx.AsyncClient(
        base_url=server.base_url, headers=server.headers, timeout=DEADLINE_SECONDS, limits=limits
    ) as http:
        # A platform repeats every request it has no answer to; what was made before must be answered again.
        for key, body in ledger.asked.items():
            if key not in ledger.created:
                ledger.created[key] = await create(http, key, body)
                assert await create(http, key, body) == ledger.created[key]
        # Seats of the dead process are kept for the grace period, and must end then.
        ends = time.monotonic() + DEADLINE_SECONDS
        while (await _counts(http))["active_participants"]:
            assert time.monotonic() < ends, "a seat of a dead process is still taken"
            await asyncio.sleep(0.05)
        rooms = await _all_rooms(http)
        assert len(rooms) == len(ledger.created), "a create was done twice, or lost"
        for key, made in ledger.created.items():
            room = rooms[made["room_code"]]
            assert {name: room[name] for name in made} == made
            assert room["max_participants"] == ledger.asked[key]["max_participants"]
            assert room["participant_count"] == 0
            if made["room_code"] in ledger.closed:
                assert room["state"] == "closed"
            elif made["room_code"] not in ledger.closing:
                assert room["state"] == "open"
        counts = await _counts(http)
        assert counts["total_rooms"] == len(rooms)
        assert counts["open_rooms"] == sum(room["state"] == "open" for room in rooms.values())
        assert counts["total_participants"] >= len(ledger.joined)
        assert counts["active_participants"] == 0
        for key in random.Random(0).sample(sorted(ledger.created), 5):
            assert await create(http, key, ledger.asked[key]) == ledger.created[key]


async def _counts(http: httpx.AsyncClient) -> dict[str, int]:
    counts: dict[str, int] = (await http.get("/api/statistics")).json()["statistics"]
    return counts


async def _all_rooms(http: httpx.AsyncClient) -> dict[str, dict[str, Any]]:
    rooms: list[dict[str, Any]] = []
    cursor: str | None = None
    while True:
        params = {"limit": "200"} | ({} if cursor is None else {"cursor": cursor})
        page = (await http.get("/api/rooms", params=params)).json()
        rooms += page["rooms"]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert page["total"] == len(rooms)
    by_code = {room["room_code"]: room for room in rooms}
    assert len(by_code) == len(rooms), "a room is listed twice"
    return by_code


async def _check_logs(data_dir: Path, ledger: Ledger) -> None:
    """What attendance is read off: of every seat one beginning and one end."""
    database = sqlite3.connect(data_dir / DATABASE_NAME)
    assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    codes = [code for (code,) in database.execute("SELECT code FROM rooms")]
    database.close()
    store = await SqliteStore.open(data_dir, lambda _code, _events: None)
    logs = {code: list(await store.log(code)) for code in codes}
    for code, log in logs.items():
        assert evolve_all(None, log) == await store.load(code), "the log does not make the room"
    await store.close()

    assert set(logs) == {made["room_code"] for made in ledger.created.values()}
    for code, log in logs.items():
        _check_log(log, closed=code in ledger.closed)
    joins = {
        event.seat.socket_id: code
        for code, log in logs.items()
        for event in log
        if isinstance(event, ParticipantJoined)
    }
    ends = {
        event.socket_id: event.reason
        for log in logs.values()
        for event in log
        if isinstance(event, ParticipantLeft)
    }
    assert {socket_id: joins.get(socket_id) for _, socket_id in ledger.joined} == {
        socket_id: code for code, socket_id in ledger.joined
    }, "an acknowledged join is not in the log of its room"
    for socket_id in ledger.left:
        assert ends[socket_id] is LeftReason.LEFT
    # The dead processes left seats behind: somebody has ended them.
    assert LeftReason.CONNECTION_LOST in ends.values()


def _check_log(log: list[RoomEvent], *, closed: bool) -> None:
    assert [event.version for event in log] == list(range(1, len(log) + 1))
    assert isinstance(log[0], RoomCreated)
    seated: set[str] = set()
    seen: set[str] = set()
    for position, event in enumerate(log):
        match event:
            case ParticipantJoined(seat=seat):
                assert seat.socket_id not in seen, "one socket sat down twice"
                seen.add(seat.socket_id)
                seated.add(seat.socket_id)
            case ParticipantLeft(socket_id=socket_id):
                assert socket_id in seated, "a seat ended twice, or that nobody had"
                seated.remove(socket_id)
            case RoomClosed():
                assert position == len(log) - 1, "something happened in a closed room"
                seated.clear()
    assert not seated, "a seat without an end"
    assert not closed or isinstance(log[-1], RoomClosed)


async def test_a_server_killed_again_and_again_keeps_its_word(tmp_path: Path) -> None:
    chance = random.Random(9)
    ledger = Ledger()
    server = ServerProcess(data_dir=tmp_path, UNKNOWN_CODES_PER_MINUTE="100000", RECONNECT_GRACE_SECONDS="1")
    with server:
        for _ in range(ROUNDS):
            await Load(server, ledger, chance).run_until_killed(chance.randint(20, 200))
            await asyncio.to_thread(server.start)
            await _check_over_rest(server, ledger)
            assert not [line for line in server.lines if "Traceback" in line]
    await _check_logs(tmp_path, ledger)
    assert len(ledger.closed) > ROUNDS
    assert len(ledger.joined) > 10 * ROUNDS
    assert ledger.left
