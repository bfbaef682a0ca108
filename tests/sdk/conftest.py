"""A real server process, and the SDK's clients towards it. No test leaves a fault in the server's log."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from typing import Any, Final

import pytest

from signaling_client import AsyncSignalingClient, RetryPolicy, SignalingClient
from support.server import ServerProcess

DEADLINE: Final = 20.0
"""Seconds any single wait may take on a busy machine."""

NO_TLS: Final = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
"""Spares each client the reading of all the certificates of the world."""

QUICK: Final = RetryPolicy(attempts=4, first=0.01, longest=2.0)


@pytest.fixture(scope="session")
def server() -> Iterator[ServerProcess]:
    # All tests come from one address; the limit on guesses has a test and a server of its own.
    with ServerProcess(UNKNOWN_CODES_PER_MINUTE="100000") as running:
        yield running
    assert not [line for line in running.lines if "Traceback" in line]


class Rest:
    """Either of the two clients, called in one way, so that every test is made with both."""

    def __init__(self, client: SignalingClient | AsyncSignalingClient) -> None:
        self.client = client

    async def __call__(self, method: str, *arguments: Any, **options: Any) -> Any:
        bound = getattr(self.client, method)
        if isinstance(self.client, SignalingClient):
            if method == "iter_rooms":
                return await asyncio.to_thread(lambda: list(bound(*arguments, **options)))
            return await asyncio.to_thread(bound, *arguments, **options)
        if method == "iter_rooms":
            return [room async for room in bound(*arguments, **options)]
        return await bound(*arguments, **options)


class Clients:
    """Makes clients of the kind under test, and closes them at the end."""

    def __init__(self, kind: str, stack: AsyncExitStack) -> None:
        self.kind = kind
        self._stack = stack

    async def __call__(self, url: str, api_key: str = "a-key", **options: Any) -> Rest:
        options = {"retry": QUICK, "timeout": DEADLINE, "tls": NO_TLS, **options}
        if self.kind == "sync":
            return Rest(self._stack.enter_context(SignalingClient(url, api_key=api_key, **options)))
        client = AsyncSignalingClient(url, api_key=api_key, **options)
        return Rest(await self._stack.enter_async_context(client))


@pytest.fixture(params=["sync", "async"])
async def clients(request: pytest.FixtureRequest) -> AsyncIterator[Clients]:
    async with AsyncExitStack() as stack:
        yield Clients(request.param, stack)


@pytest.fixture
async def rest(clients: Clients, server: ServerProcess) -> Rest:
    """A client of the real service."""
    return await clients(server.base_url, server.api_key)


@pytest.fixture
async def room_code(server: ServerProcess) -> str:
    """A fresh room of the real service."""
    async with AsyncSignalingClient(server.base_url, api_key=server.api_key, tls=NO_TLS) as client:
        return (await client.create_room()).room_code
