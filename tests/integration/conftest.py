"""A real server process for every test here. Whatever a test does, the server's log must stay free of
errors.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from support.server import ServerProcess
from support.service import LogWatch, Serve, Service
from support.spread import Spread, three_nodes


@pytest.fixture(scope="session")
def shared_server() -> Iterator[ServerProcess]:
    """One process for all tests that need no settings of their own."""
    # Every test comes from one address; the limit on guesses has a test and a server of its own.
    # Seats of lost lines are kept shortly: their end is part of many tests.
    with ServerProcess(UNKNOWN_CODES_PER_MINUTE="100000", RECONNECT_GRACE_SECONDS="1") as server:
        yield server
    assert not [line for line in server.lines if "Traceback" in line]


@asynccontextmanager
async def shared_service(server: ServerProcess) -> AsyncIterator[Service]:
    watch = LogWatch(server)
    async with Service(server) as service:
        yield service
    await watch.caught_up()
    assert not watch.faults()


@pytest.fixture
async def service(shared_server: ServerProcess) -> AsyncIterator[Service]:
    """The shared process; fails the test that makes it log an error."""
    async with shared_service(shared_server) as service:
        yield service


@pytest.fixture(scope="session")
def three_servers() -> Iterator[list[ServerProcess]]:
    """Three nodes for all tests that run on several as well."""
    with three_nodes(RECONNECT_GRACE_SECONDS="1") as servers:
        yield servers


@pytest.fixture(params=["one", "three"])
async def anywhere(request: pytest.FixtureRequest) -> AsyncIterator[Service]:
    """The service on one node, and then on three: whatever happens must be the same."""
    if request.param == "one":
        async with shared_service(request.getfixturevalue("shared_server")) as service:
            yield service
    else:
        async with Spread(request.getfixturevalue("three_servers")) as service:
            yield service


@pytest.fixture
def serve() -> Serve:
    """For tests that need settings of their own; the log is checked when the server has stopped."""

    @asynccontextmanager
    async def run(*, data_dir: Path | None = None, **env: str) -> AsyncIterator[Service]:
        with ServerProcess(data_dir=data_dir, **env) as server:
            watch = LogWatch(server)
            async with Service(server) as service:
                yield service
        assert not watch.faults()

    return run
