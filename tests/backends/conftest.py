"""Fixtures of the store suite: each test that asks for `node` or `backend` runs on every kind of store."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from .nodes import BACKENDS, Backend, Node, SqliteBackend, SqliteNode, stop_suite_servers


@pytest.fixture(scope="session", autouse=True)
def suite_servers_are_stopped() -> Iterator[None]:
    """Whatever was started for the suite ends with it."""
    yield
    stop_suite_servers()


@pytest.fixture(params=BACKENDS)
def backend(request: pytest.FixtureRequest, tmp_path: Path) -> Backend:
    """One kind of store, with no rooms."""
    return BACKENDS[request.param](tmp_path)


@pytest.fixture
async def node(backend: Backend) -> AsyncIterator[Node]:
    """An open node of one kind of store, with no rooms."""
    opened = await backend.open()
    yield opened
    await opened.close()


@pytest.fixture
async def sqlite_node(tmp_path: Path) -> AsyncIterator[SqliteNode]:
    """For what only the embedded store has."""
    opened = await SqliteBackend(tmp_path).open()
    yield opened
    await opened.close()
