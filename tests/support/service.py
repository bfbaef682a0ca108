"""The service as a test meets it: a server process, its REST API, and the sockets the test opened."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol, Self

import httpx

from support.client import DEADLINE, Client, Frame
from support.raw import RawPeer
from support.server import ServerProcess


class Service:
    """Talks to one server process. Closes at its end whatever the test left open."""

    def __init__(self, server: ServerProcess) -> None:
        self.server = server
        self.rest = httpx.AsyncClient(
            base_url=server.base_url, headers=server.headers, trust_env=False, verify=False, timeout=DEADLINE
        )
        self._clients: list[Client] = []
        self._peers: list[RawPeer] = []

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        for peer in self._peers:
            peer.socket.close()
        outcomes = await asyncio.gather(
            *(client.aclose() for client in self._clients), return_exceptions=True
        )
        await self.rest.aclose()
        for outcome in outcomes:
            if isinstance(outcome, BaseException):
                raise outcome

    async def connect(self, **options: Any) -> Client:
        """A client's socket, `connected` taken."""
        client = await Client.connect(self.server.ws_url, **options)
        self._clients.append(client)
        return client

    async def raw(self, **options: Any) -> RawPeer:
        """A socket by hand, `connected` read."""
        peer = await RawPeer.connect(self.server.port, **options)
        self._peers.append(peer)
        return peer

    async def raw_joined(self, code: str, **options: Any) -> RawPeer:
        """A socket by hand that is in the room."""
        peer = await RawPeer.join(self.server.port, code, **options)
        self._peers.append(peer)
        return peer

    async def tcp(self) -> RawPeer:
        """A TCP connection, nothing said yet."""
        peer = await RawPeer.open(self.server.port)
        self._peers.append(peer)
        return peer

    async def joined(self, code: str, **fields: Any) -> Client:
        """A client that is in the room."""
        client = await self.connect()
        await client.join(code, **fields)
        return client

    async def couple(self, code: str | None = None) -> tuple[Client, Client]:
        """Two clients in one room, each of whom has been told of the other."""
        code = code or await self.room()
        first = await self.joined(code)
        second = await self.joined(code)
        await first.expect("participant_joined")
        return first, second

    async def room(self, **body: Any) -> str:
        """A new room's code."""
        answer = await self.rest.post("/api/rooms", json=body)
        assert answer.status_code == 201, answer.text
        return str(answer.json()["room_code"])

    async def view(self, code: str) -> Frame:
        """The room as REST shows it."""
        answer = await self.rest.get(f"/api/rooms/{code}")
        assert answer.status_code == 200, answer.text
        view: Frame = answer.json()
        return view

    async def edited(self) -> None:
        """Its database was edited by hand: the service finds that out when it next writes, as now."""
        answer = await self.rest.get("/readiness")
        assert answer.status_code == 200, answer.text

    async def close_room(self, code: str) -> None:
        """End the room."""
        answer = await self.rest.delete(f"/api/rooms/{code}")
        assert answer.status_code == 200, answer.text

    async def seats(self, code: str, count: int, *, deadline: float = DEADLINE) -> None:
        """Wait until so many are in the room."""
        await eventually(lambda: self._has_seats(code, count), f"{count} participants in {code}", deadline)

    async def healthy(self) -> None:
        """The service still does its work: somebody can join a new room and is heard."""
        first, second = await self.couple()
        await first.send("ice_candidate", {"to": second.socket_id, "candidate": None})
        assert (await second.expect("ice_candidate"))["payload"]["from"] == first.socket_id

    def resident(self) -> int:
        """Bytes of memory the server process holds."""
        process = self.server.process
        assert process is not None
        pages = int(Path(f"/proc/{process.pid}/statm").read_text(encoding="ascii").split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE")

    async def _has_seats(self, code: str, count: int) -> bool:
        return bool((await self.view(code))["participant_count"] == count)


async def eventually(condition: Callable[[], Awaitable[bool]], what: str, deadline: float = DEADLINE) -> None:
    """Ask until the condition holds; fails at the deadline."""
    try:
        async with asyncio.timeout(deadline):
            while not await condition():  # noqa: ASYNC110 - another process has no event to wait for
                await asyncio.sleep(0.02)
    except TimeoutError:
        raise AssertionError(f"not within {deadline} s: {what}") from None


class LogWatch:
    """The part of a server's log that one test caused."""

    def __init__(self, server: ServerProcess) -> None:
        self._server = server
        self._start = len(server.lines)

    async def caught_up(self) -> None:
        """Return when all that the server did until now is in `lines`."""
        last = await Client.connect(self._server.ws_url)
        await last.close()
        await eventually(lambda: self._has(last.socket_id), "the log entry of a socket")

    async def _has(self, text: str) -> bool:
        return any(text in line for line in self.lines)

    @property
    def lines(self) -> list[str]:
        return self._server.lines[self._start :]

    def faults(self) -> list[str]:
        """Lines that no sound service writes: errors and tracebacks."""
        return [
            line
            for line in self.lines
            if '"level": "error"' in line or "Traceback" in line or "critical" in line
        ]


class Serve(Protocol):
    """Starts a server with settings of the test's own: ``async with serve(MAX_CONNECTIONS="3") as
    service``.
    """

    def __call__(
        self, *, data_dir: Path | None = None, **env: str
    ) -> AbstractAsyncContextManager[Service]: ...
