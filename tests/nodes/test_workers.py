"""Several workers on one port: one service to its clients, to whoever scrapes it, and to whoever stops it."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from support.client import Client
from support.redis_server import RedisServer
from support.seat import Seat, candidates, send_candidate
from support.server import ServerProcess
from support.service import Service, eventually

COUNT = 2

SETTINGS = {
    "WEB_CONCURRENCY": str(COUNT),
    "RECONNECT_GRACE_SECONDS": "60",
    "DRAIN_SECONDS": "2",
    "METRICS_PUBLIC": "1",
}


class Workers(Service):
    """The service with its workers."""

    def listening(self) -> list[dict[str, Any]]:
        """The log line of each worker that has begun to serve, in their order."""
        return [entry for entry in self.server.log if entry["event"] == "listening"]

    def nodes(self) -> dict[int, str]:
        """The node of each worker, by its number."""
        return {entry["worker"]: entry["node"] for entry in self.listening()}

    async def all_serve(self, lines: int = COUNT) -> None:
        await eventually(_when(lambda: len(self.listening()) == lines), f"{lines} times listening")

    def processes(self) -> dict[int, int]:
        """The process of each worker, by its number."""
        assert self.server.process is not None
        pid = self.server.process.pid
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()
        return {_number(int(child)): int(child) for child in children}

    async def at(self, *numbers: int) -> list[Client]:
        """A client at each of these workers: whoever takes a connection, some go to each."""
        found: dict[str, Client] = {}
        wanted = [self.nodes()[number] for number in numbers]
        async with asyncio.timeout(20):
            while not found.keys() >= set(wanted):
                for client in await asyncio.gather(*(self.connect() for _ in range(5))):
                    found.setdefault(_node(client), client)
        return [found[node] for node in wanted]

    async def figures(self) -> dict[str, float]:
        """What a scrape sees. Each comes over a connection of its own, to whichever worker."""
        async with httpx.AsyncClient(base_url=self.server.base_url, trust_env=False) as scraper:
            text = (await scraper.get("/metrics")).text
        return {
            sample.name + "".join(f" {value}" for value in sample.labels.values()): sample.value
            for family in text_string_to_metric_families(text)
            for sample in family.samples
        }


def _node(client: Client) -> str:
    return client.socket_id.partition("-")[0]


def _number(pid: int) -> int:
    arguments = Path(f"/proc/{pid}/cmdline").read_text(encoding="utf-8").split("\0")
    return int(arguments[arguments.index("signaling.worker") + 1])


def _when(condition: Callable[[], bool]) -> Any:
    async def ask() -> bool:
        return condition()

    return ask


def _ended(pid: int) -> bool:
    """Whether a process is no more; one whose parent is gone may wait for a while to be forgotten."""
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()[0] in "ZX"
    except FileNotFoundError:
        return True


async def leave(*clients: Client) -> None:
    """Give up all seats: no worker has to keep one for as long as it may when it stops."""
    for client in clients:
        assert (await client.ask("leave"))["type"] == "room_left"


@pytest.fixture
def redis() -> Iterator[RedisServer]:
    """Of this test alone: what is counted is exact."""
    with RedisServer() as server:
        yield server


@contextlib.asynccontextmanager
async def running(redis: RedisServer, **env: str) -> AsyncIterator[Workers]:
    settings: dict[str, Any] = {**SETTINGS, "REDIS_URL": redis.url, **env}
    with ServerProcess(**settings) as server:
        async with Workers(server) as service:
            await service.all_serve()
            yield service
        if server.process is not None:
            assert server.stop() == 0


async def test_workers_are_one_service_also_when_one_is_killed(redis: RedisServer) -> None:
    """Members at different workers of one port see each other; whoever is asked has the figures of all."""
    async with running(redis) as service:
        assert {entry["port"] for entry in service.listening()} == {service.server.port}
        assert sorted(service.nodes()) == [1, 2]
        code = await service.room()
        clients = await service.at(1, 2)
        tokens = [(await client.join(code))["resume_token"] for client in clients]
        for number, client in enumerate(clients):
            for _ in clients[number + 1 :]:
                await client.until("participant_joined")
        for sender in clients:
            for target in clients:
                if sender is not target:
                    await send_candidate(sender, target.socket_id, sender.socket_id)
        for client in clients:
            await client.reaches(lambda frames: len(candidates(frames)) == COUNT - 1)
            assert set(candidates(client.frames)) == {one.socket_id for one in clients} - {client.socket_id}

        async def known() -> bool:
            seen = [await service.figures() for _ in range(5)]
            relayed = COUNT * (COUNT - 1)
            return all(
                (one["signaling_open_rooms"], one["signaling_nodes"]) == (1, COUNT)
                and one["signaling_relayed_frames_total ice_candidate"] == relayed
                for one in seen
            )

        # What is asked for, or written down, each second or so, whichever worker answers.
        await eventually(known, "the room and the nodes known everywhere")
        open_sockets = len(service._clients)
        for figures in [await service.figures() for _ in range(10)]:
            assert figures["signaling_websocket_connections"] == open_sockets
            assert figures["signaling_participants"] == COUNT
            assert figures["signaling_joins_total joined"] == COUNT
            assert figures["signaling_rooms_created_total"] == 1
            assert figures["signaling_workers"] == COUNT
            assert figures["signaling_node_messages_total received"] >= COUNT * (COUNT - 1)
            assert figures["signaling_node_messages_total refused"] == 0
            assert figures["signaling_redis_round_trip_seconds_count"] >= COUNT
        assert not [entry for entry in service.server.log if entry["level"] in ("error", "critical")]

        # One is killed: its client takes its seat again at another, what was counted stays counted, and the
        # worker is started again.
        ours, theirs = clients
        seat = Seat(service, theirs, tokens[1])
        doomed = service.processes()[2]
        os.kill(doomed, signal.SIGKILL)
        await theirs.closed()
        seat.earlier = seat.frames
        resumed = await seat.resume()
        # What its worker kept for it went with it.
        assert resumed["recovered"] is False
        await send_candidate(ours, seat.socket_id, "again")
        await seat.client.reaches(lambda _: candidates(seat.client.frames) == ["again"])

        await service.all_serve(COUNT + 1)
        (ended,) = [entry for entry in service.server.log if entry["event"] == "worker_ended"]
        assert (ended["number"], ended["exit_code"], ended["level"]) == (2, -signal.SIGKILL, "warning")
        again = service.listening()[-1]
        assert (again["worker"], again["port"]) == (2, service.server.port)
        assert sorted(service.processes()) == [1, 2]
        assert service.processes()[2] != doomed
        await service.at(2)

        figures = await service.figures()
        assert figures["signaling_joins_total joined"] == 2
        assert figures["signaling_workers"] == COUNT
        assert figures["signaling_participants"] == 2
        assert figures["signaling_handovers_total not_recovered"] == 1
        await leave(ours, seat.client)


async def test_a_worker_that_is_told_to_stop_is_replaced(redis: RedisServer) -> None:
    """SIGTERM to one worker: its clients are told to come back, and find their seats with all they missed."""
    async with running(redis, DRAIN_SECONDS="6") as service:
        code = await service.room()
        ours, theirs = await service.at(1, 2)
        await ours.join(code)
        seat = Seat(service, theirs, (await theirs.join(code))["resume_token"])
        await ours.until("participant_joined")
        os.kill(service.processes()[2], signal.SIGTERM)
        assert await theirs.closed() == 4001
        for number in range(3):
            await send_candidate(ours, seat.socket_id, str(number))
        await ours.settle()
        seat.earlier = seat.frames
        # The worker that stops still takes connections, and refuses them.
        async with asyncio.timeout(20):
            while not seat.recovered:
                with contextlib.suppress(Exception):
                    await seat.resume()
        assert seat.recovered == [True]
        await seat.client.reaches(lambda _: candidates(seat.frames) == ["0", "1", "2"])
        await service.all_serve(COUNT + 1)
        (ended,) = [entry for entry in service.server.log if entry["event"] == "worker_ended"]
        assert (ended["number"], ended["exit_code"]) == (2, 0)
        await leave(ours, seat.client)


async def test_all_workers_stop_together(redis: RedisServer) -> None:
    """Ctrl+C, which a terminal sends to all: clients are told to come back, nobody is left, exit code 0."""
    async with running(redis, RECONNECT_GRACE_SECONDS="0") as service:
        clients = await service.at(1, 2)
        await clients[0].join(await service.room())
        pids = list(service.processes().values())
        process = service.server.process
        assert process is not None
        for pid in [process.pid, *pids]:
            os.kill(pid, signal.SIGINT)
        assert [await client.closed() for client in clients] == [4001] * COUNT
        assert await asyncio.to_thread(process.wait, 30) == 0
        assert all(_ended(pid) for pid in pids)
        service.server.stop()
        stopped = [entry for entry in service.server.log if entry["event"] == "stopped"]
        assert {entry.get("worker") for entry in stopped} == {1, 2, None}
        assert "Traceback" not in "\n".join(service.server.lines)


async def test_no_worker_outlives_its_supervisor(redis: RedisServer, tmp_path: Path) -> None:
    """kill -9 of the supervisor: the workers stop in order."""
    # Nobody is left to remove what it had put there.
    async with running(redis, RECONNECT_GRACE_SECONDS="0", TMPDIR=str(tmp_path)) as service:
        clients = await service.at(1, 2)
        pids = list(service.processes().values())
        process = service.server.process
        assert process is not None
        os.kill(process.pid, signal.SIGKILL)
        assert [await client.closed() for client in clients] == [4001] * COUNT
        await eventually(_when(lambda: all(_ended(pid) for pid in pids)), "the workers' end")
        service.server.kill9()
        stopped = [entry for entry in service.server.log if entry["event"] == "stopped"]
        assert {entry["worker"] for entry in stopped} == {1, 2}
