"""Opening a Redis: what the operator is told when it cannot be used, and of settings that lose rooms."""

from __future__ import annotations

import asyncio
import socket

import pytest
from redis.asyncio import Redis
from structlog.testing import capture_logs

from signaling.backends.redis import server as module
from signaling.backends.redis.broker import RedisBroker
from signaling.backends.redis.errors import RedisTooOld, RedisUnreachable
from signaling.backends.redis.store import RedisStore
from support.redis_server import RedisServer

from .nodes import suite_server


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "OPEN_SECONDS", 0.1)


@pytest.mark.usefixtures("hasty")
async def test_a_server_that_is_not_there_is_named_without_its_password() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
        for opening in (RedisStore.open, RedisBroker.open):
            with pytest.raises(RedisUnreachable) as caught:
                await opening(f"redis://user:hunter2@127.0.0.1:{port}/3")
            assert f"127.0.0.1:{port}" in str(caught.value)
            assert "hunter2" not in str(caught.value)
            assert "hunter2" not in repr(caught.value.__cause__)


@pytest.mark.usefixtures("hasty")
async def test_a_password_is_asked_for_and_used() -> None:
    with RedisServer() as server:
        with server.client() as client:
            client.config_set("requirepass", "secret")
        with pytest.raises(RedisUnreachable, match=r"[Aa]uthentication"):
            await RedisStore.open(server.url)
        with pytest.raises(RedisUnreachable, match="password"):
            await RedisStore.open(server.url.replace("//", "//:wrong@"))
        store = await RedisStore.open(server.url.replace("//", "//:secret@"))
        await store.probe()
        await store.close()


async def test_a_server_that_is_too_old_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "OLDEST", (99, 0))
    with pytest.raises(RedisTooOld, match=r"version \d+\.\d+.* needs Redis 7"):
        await RedisStore.open(suite_server().url)


async def test_a_server_that_is_starting_is_waited_for() -> None:
    with RedisServer() as server:
        server.freeze()
        opening = asyncio.create_task(RedisStore.open(server.url))
        done, _ = await asyncio.wait((opening,), timeout=0.2)
        assert not done
        server.thaw()
        store = await opening
        await store.close()


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        (["--appendonly", "yes", "--appendfsync", "always"], []),
        (["--appendonly", "yes"], [("info", "redis_may_lose_last_commits")]),
        (["--appendonly", "no"], [("warning", "redis_forgets_at_restart")]),
        (
            ["--appendfsync", "always", "--maxmemory-policy", "allkeys-lru"],
            [("warning", "redis_may_evict_rooms")],
        ),
        (
            ["--appendfsync", "always", "--rename-command", "CONFIG", ""],
            [("info", "redis_settings_unknown")],
        ),
    ],
)
async def test_settings_that_lose_rooms_are_told_of(
    settings: list[str], expected: list[tuple[str, str]]
) -> None:
    with RedisServer(*settings) as server, capture_logs() as logs:
        store = await RedisStore.open(server.url)
        await store.close()
    assert [(entry["log_level"], entry["event"]) for entry in logs] == expected


async def test_a_server_whose_info_lacks_its_settings_is_not_accused(monkeypatch: pytest.MonkeyPatch) -> None:
    """As of some managed services: nothing is known, which is not the same as wrong."""
    asked = Redis.info

    async def told(client: Redis, section: str) -> dict[str, object]:
        info: dict[str, object] = await asked(client, section)
        return {
            name: value for name, value in info.items() if name not in ("maxmemory_policy", "aof_enabled")
        }

    with RedisServer("--appendonly", "no") as server, capture_logs() as logs:
        monkeypatch.setattr(Redis, "info", told)
        store = await RedisStore.open(server.url)
        await store.close()
    assert [entry["event"] for entry in logs] == ["redis_settings_unknown"]


async def test_a_server_that_does_not_tell_its_settings_is_used_all_the_same() -> None:
    with RedisServer() as server:
        with server.client() as client:
            client.execute_command(
                "ACL", "SETUSER", "app", "on", ">secret", "~sig:*", "&sig:*", "+@all", "-config", "-info",
                "+info|server",
            )  # fmt: skip
        with capture_logs() as logs:
            store = await RedisStore.open(server.url.replace("//", "//app:secret@"))
        await store.probe()
        await store.close()
    assert [entry["event"] for entry in logs] == ["redis_settings_unknown"]
