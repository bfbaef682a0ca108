"""A real server process for tests: `python -m signaling` on a free port of this machine."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from support.wire import WIRE

API_KEY: Final = "test-key-of-the-suite-0123456789"
DEADLINE: Final = 30.0
"""Seconds a process may take to start or to stop, on a busy machine."""


class ServerFailed(AssertionError):
    """The process ended when it should have served; its output says why."""


class ServerProcess:
    """Starts the service, knows its addresses and its log, and ends it.

    ``env`` adds to (or overrides) the settings; ``data_dir`` is kept, so that a second process can
    take up where the first was killed. Without it a fresh directory is used and removed at the end.
    """

    def __init__(self, *, data_dir: Path | None = None, **env: str) -> None:
        self._temporary = tempfile.TemporaryDirectory(prefix="signaling-test-") if data_dir is None else None
        self.data_dir = Path(self._temporary.name) if self._temporary else Path(data_dir or "")
        self.env = {
            "API_KEY": API_KEY,
            "HOST": "127.0.0.1",
            "PORT": "0",
            "LOG_FORMAT": "json",
            "DATA_DIR": str(self.data_dir),
            **env,
        }
        self.api_key = self.env["API_KEY"].split(",")[0]
        self.process: subprocess.Popen[str] | None = None
        self.port = 0
        self.lines: list[str] = []
        self._reader: threading.Thread | None = None
        self._news = threading.Condition()

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def ws_url(self) -> str:
        return f"ws://127.0.0.1:{self.port}/ws"

    @property
    def headers(self) -> dict[str, str]:
        return {"X-API-Key": self.api_key}

    @property
    def log(self) -> list[dict[str, Any]]:
        """The log so far, parsed."""
        entries = []
        for line in list(self.lines):
            with contextlib.suppress(ValueError):
                entries.append(json.loads(line))
        return entries

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            # `with` calls no __exit__ for what could not be entered.
            self._clean_up()
            raise
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        try:
            self.stop()
        finally:
            self._clean_up()

    def start(self) -> None:
        """Start the process and wait until it listens."""
        inherited = {name: os.environ[name] for name in _INHERITED if name in os.environ}
        self.lines = []
        self.process = subprocess.Popen(
            [sys.executable, "-m", "signaling"],
            env=inherited | self.env,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
        )
        self._reader = threading.Thread(target=self._read, args=(self.process,), daemon=True)
        self._reader.start()
        try:
            listening = self.wait_for_log(lambda entry: entry.get("event") == "listening", "listening")
        except BaseException:
            self.kill9()
            raise
        self.port = int(listening["port"])
        WIRE.stubs.discard(self.port)
        WIRE.servers.add(self.port)

    def wait_for_log(
        self, wanted: Callable[[Mapping[str, Any]], bool], what: str, deadline: float = DEADLINE
    ) -> dict[str, Any]:
        """The first log entry that is ``wanted``. Fails when the process ends, or at the deadline."""
        ends = time.monotonic() + deadline
        while True:
            for entry in self.log:
                if wanted(entry):
                    return entry
            process = self.process
            assert process is not None
            if process.poll() is not None and self._reader is not None and not self._reader.is_alive():
                lines = "\n".join(self.lines)
                raise ServerFailed(f"exited with {process.returncode} before {what}:\n{lines}")
            if time.monotonic() > ends:
                raise ServerFailed(f"no {what} within {deadline} s:\n" + "\n".join(self.lines))
            with self._news:
                self._news.wait(0.2)

    def stop(self) -> int:
        """SIGTERM, and the exit code. SIGKILL if it does not stop."""
        process = self.process
        if process is None:
            return 0
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
        try:
            code = process.wait(DEADLINE)
        except subprocess.TimeoutExpired:
            self.kill9()
            raise ServerFailed("did not stop at SIGTERM:\n" + "\n".join(self.lines)) from None
        self._join_reader()
        self.process = None
        closed = [entry for entry in self.log if entry.get("event") == "socket_closed"]
        WIRE.account(self.port, (str(entry["socket_id"]) for entry in closed))
        return code

    def kill9(self) -> None:
        """SIGKILL: no time for anything."""
        process = self.process
        if process is not None:
            process.kill()
            process.wait(DEADLINE)
            self._join_reader()
            self.process = None

    def restart(self) -> None:
        """Start again on the same data; the port is a new one."""
        self.stop()
        self.start()

    def _clean_up(self) -> None:
        if self._temporary is not None:
            self._temporary.cleanup()

    def _read(self, process: subprocess.Popen[str]) -> None:
        assert process.stderr is not None
        for line in process.stderr:
            self.lines.append(line.rstrip("\n"))
            with self._news:
                self._news.notify_all()
        process.stderr.close()
        with self._news:
            self._news.notify_all()

    def _join_reader(self) -> None:
        if self._reader is not None:
            self._reader.join(DEADLINE)


_INHERITED: Final = (
    "PATH",
    "HOME",
    "LANG",
    "TMPDIR",
    "PYTHONPATH",
    "COVERAGE_PROCESS_START",
    "COVERAGE_PROCESS_CONFIG",
)
"""What a server of the tests may see of the environment they run in: no stray settings."""
