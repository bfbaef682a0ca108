"""The end of the process, asked for or not, and what it leaves behind."""

from __future__ import annotations

import asyncio
import signal
import sqlite3
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest
from websockets.exceptions import InvalidStatus

from support.server import ServerProcess
from support.service import LogWatch, Serve, Service, eventually

DRAIN = 8


def terminate(service: Service) -> None:
    process = service.server.process
    assert process is not None
    process.send_signal(signal.SIGTERM)


async def exit_code(service: Service) -> int:
    process = service.server.process
    assert process is not None
    return await asyncio.to_thread(process.wait, 60)


async def test_sigterm_lets_everyone_go(serve: Serve, tmp_path: Path) -> None:
    """Contract 3 and 4: members get 4001 (reconnect); exit code 0; their seats wait in the next process, and
    end there when nobody comes.
    """
    async with serve(data_dir=tmp_path, DRAIN_SECONDS=str(DRAIN)) as service:
        code = await service.room()
        clients = [await service.joined(code) for _ in range(20)]
        lobby = await service.connect()
        began = time.monotonic()
        terminate(service)
        assert [await client.closed() for client in [*clients, lobby]] == [4001] * 21
        assert await exit_code(service) == 0
        assert time.monotonic() - began < DRAIN + 5
    async with serve(data_dir=tmp_path, RECONNECT_GRACE_SECONDS="2") as service:
        room = await service.view(code)
        assert (room["state"], room["participant_count"]) == ("open", 20)
        assert {seat["connection"] for seat in room["participants"]} == {"reconnecting"}
        await service.seats(code, 0)
        assert (await service.rest.get("/api/statistics")).json()["statistics"]["total_participants"] == 20
        await service.joined(code)


async def test_sigterm_with_a_peer_that_never_reads(serve: Serve) -> None:
    """Contract 5: nobody can keep the process from stopping in time."""
    async with serve(DRAIN_SECONDS=str(DRAIN)) as service:
        code = await service.room()
        sender = await service.joined(code)
        deaf = await service.raw_joined(code, receive_buffer=4096)
        half = await service.tcp()
        await half.send(b"POST /api/rooms HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n")
        await sender.expect("participant_joined")
        for _ in range(50):
            await sender.send(
                "offer", {"to": deaf.socket_id, "description": {"type": "offer", "sdp": "x" * 60_000}}
            )
        await sender.settle()
        began = time.monotonic()
        terminate(service)
        assert await sender.closed() == 4001
        assert await exit_code(service) == 0
        assert time.monotonic() - began < DRAIN + 5


async def test_a_node_that_drains_says_so_and_takes_nobody(serve: Serve, tmp_path: Path) -> None:
    """Contract 1: readiness is 503 while draining; a new socket is refused with 503, not with a close."""
    async with serve(data_dir=tmp_path, DRAIN_SECONDS="20", RECONNECT_GRACE_SECONDS="0") as service:
        code = await service.room()
        member = await service.joined(code)
        # While somebody else holds the database, the seat cannot be ended, and the draining lasts.
        holder = sqlite3.connect(tmp_path / "signaling.sqlite3", isolation_level=None)
        holder.execute("BEGIN IMMEDIATE")
        try:
            terminate(service)
            assert await member.closed() == 4001
            readiness = await service.rest.get("/readiness")
            assert (readiness.status_code, readiness.json()) == (503, {"status": "draining"})
            # Whoever is still here is served to the end.
            assert (await service.rest.get("/health")).status_code == 200
            assert (await service.view(code))["room_code"] == code
            with pytest.raises(InvalidStatus) as refused:
                await service.connect()
            assert refused.value.response.status_code == 503
            assert msgspec.json.decode(refused.value.response.body or b"")["code"] == "server_error"
            assert "Retry-After" in refused.value.response.headers
        finally:
            holder.execute("ROLLBACK")
            holder.close()
        assert await exit_code(service) == 0


async def test_requests_in_flight_are_answered(serve: Serve) -> None:
    """Contract 1: a request that was taken is answered, also while the service stops."""
    async with serve(DRAIN_SECONDS=str(DRAIN)) as service:
        requests = [asyncio.create_task(service.rest.post("/api/rooms", json={})) for _ in range(20)]
        await eventually(lambda: _any_done(requests), "the first answer")
        terminate(service)
        answers = await asyncio.gather(*requests, return_exceptions=True)
        statuses = [answer.status_code for answer in answers if not isinstance(answer, BaseException)]
        assert statuses
        assert set(statuses) == {201}
        assert await exit_code(service) == 0


async def _any_done(tasks: Sequence[asyncio.Task[Any]]) -> bool:
    return any(task.done() for task in tasks)


async def test_seats_of_a_killed_process_end_when_nobody_comes_back(tmp_path: Path) -> None:
    """Contract 4: whatever crashes: after kill -9 and a new start the seats of the old process are kept for
    the grace period, and end.
    """
    server = ServerProcess(data_dir=tmp_path, RECONNECT_GRACE_SECONDS="2")
    server.start()
    async with Service(server) as service:
        codes = [await service.room(max_participants=2) for _ in range(3)]
        for code in codes:
            await service.couple(code)
        await asyncio.to_thread(server.kill9)
    server.start()
    try:
        watch = LogWatch(server)
        async with Service(server) as service:
            for code in codes:
                room = await service.view(code)
                assert (room["state"], room["participant_count"]) == ("open", 2)
                assert {seat["connection"] for seat in room["participants"]} == {"reconnecting"}
            for code in codes:
                await service.seats(code, 0)
            await service.couple(codes[0])
        await watch.caught_up()
        assert not watch.faults()
    finally:
        assert server.stop() == 0
