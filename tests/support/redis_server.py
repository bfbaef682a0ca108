"""Real Redis (or Valkey) servers for tests: processes on free ports of this machine."""

from __future__ import annotations

import contextlib
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import pytest
from redis import Redis
from redis.exceptions import RedisError

DEADLINE: Final = 30.0
"""Seconds a server may take to start, to stop or to form a cluster, on a busy machine."""

_STARTS: Final = 5
"""Ports that are tried: another process may take one between its choice and its use."""


def server_path() -> str:
    """Where the server is. Without it nothing is checked, so its absence fails the test."""
    for name in ("redis-server", "valkey-server"):
        if path := shutil.which(name):
            return path
    pytest.fail("no Redis found: install it with `apt-get install redis-server` (or valkey-server)")


class RedisServer:
    """One server process, which keeps its data over `kill9` and `restart` as its settings say."""

    def __init__(self, *settings: str) -> None:
        """``settings`` are added to the command line."""
        self._temporary = tempfile.TemporaryDirectory(prefix="signaling-redis-")
        self.directory = Path(self._temporary.name)
        self.settings = settings
        self.port = 0
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self._temporary.cleanup()
            raise
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        try:
            self.kill9()
        finally:
            self._temporary.cleanup()

    def start(self) -> None:
        """Start it, on the same port as before if there was one, and wait until it answers."""
        for attempt in range(_STARTS):
            port = self.port or _free_port()
            self.process = subprocess.Popen(
                [
                    *(
                        server_path(),
                        "--port",
                        str(port),
                        "--bind",
                        "127.0.0.1",
                        "--dir",
                        str(self.directory),
                    ),
                    *("--save", "", "--appendonly", "yes", "--logfile", "server.log", *self.settings),
                ],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
            if self._answers(port):
                self.port = port
                return
            self.kill9()
            if self.port and attempt + 1 < _STARTS:
                time.sleep(0.2)
        pytest.fail(f"Redis did not start:\n{(self.directory / 'server.log').read_text()}")

    def _answers(self, port: int) -> bool:
        assert self.process is not None
        deadline = time.monotonic() + DEADLINE
        with Redis(port=port, socket_timeout=1.0) as client:
            while self.process.poll() is None and time.monotonic() < deadline:
                with contextlib.suppress(RedisError):
                    info: Any = client.info("server")
                    # Not somebody else's, who took the port first.
                    if info["process_id"] == self.process.pid:
                        return True
                time.sleep(0.02)
        return False

    def kill9(self) -> None:
        """SIGKILL: no time for anything."""
        if self.process is not None:
            self.process.kill()
            self.process.wait(DEADLINE)
            self.process = None

    def stop(self) -> None:
        """SIGTERM: it writes what it has to write."""
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(DEADLINE)
        self.process = None

    def restart(self) -> None:
        """End it in order and start it again on the same data."""
        self.stop()
        self.start()

    def freeze(self) -> None:
        """SIGSTOP: it does not answer, and its connections stay."""
        assert self.process is not None
        self.process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """SIGCONT."""
        assert self.process is not None
        self.process.send_signal(signal.SIGCONT)

    def client(self) -> Redis:
        """To look into it, and to do to it what an operator might do."""
        return Redis(port=self.port, socket_timeout=DEADLINE)


class RedisCluster:
    """Three masters that share the slots."""

    def __init__(self, masters: int = 3) -> None:
        self.servers = [
            RedisServer("--cluster-enabled", "yes", "--cluster-node-timeout", "2000") for _ in range(masters)
        ]
        self._stack = contextlib.ExitStack()

    @property
    def url(self) -> str:
        return self.servers[0].url

    def __enter__(self) -> Self:
        with self._stack:
            for server in self.servers:
                self._stack.enter_context(server)
            self._form()
            self._stack = self._stack.pop_all()
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def _form(self) -> None:
        share = -(-16384 // len(self.servers))
        for number, server in enumerate(self.servers):
            with server.client() as client:
                last = min(16384, (number + 1) * share) - 1
                client.execute_command("CLUSTER ADDSLOTSRANGE", number * share, last)
                client.execute_command("CLUSTER SET-CONFIG-EPOCH", number + 1)
                client.execute_command("CLUSTER MEET", "127.0.0.1", self.servers[0].port)
        deadline = time.monotonic() + DEADLINE
        while not all(self._knows_all(server) for server in self.servers):
            assert time.monotonic() < deadline, "the cluster was not formed"
            time.sleep(0.05)

    def _knows_all(self, server: RedisServer) -> bool:
        with server.client() as client:
            info: Any = client.execute_command("CLUSTER INFO")
            text = info if isinstance(info, dict) else _parsed(info)
            return text["cluster_state"] == "ok" and int(text["cluster_known_nodes"]) == len(self.servers)


def _parsed(info: bytes) -> dict[str, str]:
    lines: Sequence[str] = info.decode().splitlines()
    return dict(line.split(":", 1) for line in lines if ":" in line)


def _free_port() -> int:
    """A port whose cluster bus port (10,000 above) exists as well."""
    while True:
        with socket.socket() as listening:
            listening.bind(("127.0.0.1", 0))
            port = int(listening.getsockname()[1])
        if port < 55_000:
            return port
