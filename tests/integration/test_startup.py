"""Starting and stopping: whoever starts it wrong is told what to do, in words, and never by a traceback."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import stat
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from signaling import __version__
from signaling.settings import KEY_RECIPE
from support.redis_server import RedisServer
from support.server import ServerProcess

KEY = "a-key-that-is-long-enough"
DEADLINE = 60.0


def environment(**given: str) -> dict[str, str]:
    inherited = {
        name: os.environ[name] for name in ("PATH", "HOME", "LANG", "PYTHONPATH") if name in os.environ
    }
    return inherited | {"HOST": "127.0.0.1", "PORT": "0"} | given


def run(*arguments: str, cwd: Path, **given: str) -> subprocess.CompletedProcess[str]:
    """The command, which is expected to end by itself."""
    return subprocess.run(
        [sys.executable, "-m", "signaling", *arguments],
        env=environment(**given),
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=DEADLINE,
        check=False,
    )


def refused(ended: subprocess.CompletedProcess[str]) -> list[str]:
    """A start that was refused in words; the faults."""
    assert ended.returncode == 1, ended.stderr
    assert ended.stdout == ""
    assert "Traceback" not in ended.stderr
    heading, *faults, last = [line for line in ended.stderr.splitlines() if not line.startswith("{")]
    assert heading.startswith("The service cannot start")
    assert heading.endswith(":")
    assert last == "All settings: docs/configuration.md"
    assert all(fault.startswith("  - ") for fault in faults)
    return [fault.removeprefix("  - ") for fault in faults]


def test_help(tmp_path: Path) -> None:
    ended = run("--help", cwd=tmp_path)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert "python -m signaling" in ended.stdout
    assert "dev" in ended.stdout


def test_version(tmp_path: Path) -> None:
    ended = run("--version", cwd=tmp_path)
    assert (ended.returncode, ended.stdout) == (0, f"signaling {__version__}\n")


@pytest.mark.parametrize("arguments", [["nonsense"], ["--nonsense"], ["serve", "dev"]])
def test_wrong_usage(tmp_path: Path, arguments: list[str]) -> None:
    ended = run(*arguments, cwd=tmp_path)
    assert ended.returncode == 2
    assert "usage:" in ended.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("given", [{}, {"API_KEY": ""}, {"API_KEY": " , "}])
def test_without_a_key(tmp_path: Path, given: dict[str, str]) -> None:
    (fault,) = refused(run(cwd=tmp_path, **given))
    assert fault == f"API_KEY: is required. Make a key with: {KEY_RECIPE}"
    assert list(tmp_path.iterdir()) == []


def test_the_recipe_for_a_key_works() -> None:
    made = subprocess.run(
        KEY_RECIPE.replace("python", sys.executable, 1),
        shell=True,
        capture_output=True,
        text=True,
        check=True,
    )
    assert re.fullmatch(r"[\w-]{43}\n", made.stdout)


def test_all_faults_at_once(tmp_path: Path) -> None:
    faults = refused(
        run(cwd=tmp_path, API_KEY="", ROOM_TTL_HOURS="169", MAX_PARTICIPANTS_PER_ROOM="1", PORT="eighty")
    )
    assert [fault.partition(":")[0] for fault in faults] == [
        "API_KEY",
        "ROOM_TTL_HOURS",
        "MAX_PARTICIPANTS_PER_ROOM",
        "PORT",
    ]
    assert "from 1 to 168, not '169'" in faults[1]
    assert "from 2 to 100, not '1'" in faults[2]


def test_a_redis_that_is_not_there(tmp_path: Path) -> None:
    """Told once, however many workers there were to be."""
    with socket.socket() as unused, ThreadPoolExecutor() as pool:
        unused.bind(("127.0.0.1", 0))
        url = f"redis://:hunter2@127.0.0.1:{unused.getsockname()[1]}"
        starts = [
            pool.submit(run, cwd=tmp_path, API_KEY=KEY, REDIS_URL=url, WEB_CONCURRENCY=workers)
            for workers in ("1", "3")
        ]
        for start in starts:
            (fault,) = refused(start.result())
            assert fault.startswith(f"The Redis at {url.partition('@')[2]} cannot be reached: ")
            assert "hunter2" not in fault
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "options", ["rediss://127.0.0.1:1?ssl_cert_reqs=maybe", "redis://127.0.0.1:1?ssl_cert_reqs=none"]
)
def test_a_redis_whose_options_are_wrong(tmp_path: Path, options: str) -> None:
    (fault,) = refused(run(cwd=tmp_path, API_KEY=KEY, REDIS_URL=options))
    assert fault.startswith("REDIS_URL has a wrong option after the `?` (for the Redis at 127.0.0.1:1): ")


def test_several_workers_without_a_redis(tmp_path: Path) -> None:
    (fault,) = refused(run(cwd=tmp_path, API_KEY=KEY, WEB_CONCURRENCY="2"))
    assert fault.startswith("WEB_CONCURRENCY: several processes need REDIS_URL")
    assert list(tmp_path.iterdir()) == []


def test_a_data_directory_in_use(tmp_path: Path) -> None:
    with ServerProcess(data_dir=tmp_path / "data"):
        (fault,) = refused(run(cwd=tmp_path, API_KEY=KEY, DATA_DIR=str(tmp_path / "data")))
        assert "in use by another process" in fault
    # Given up with the process.
    with ServerProcess(data_dir=tmp_path / "data"):
        pass


def test_a_data_directory_that_cannot_be(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a directory")
    (fault,) = refused(run(cwd=tmp_path, API_KEY=KEY, DATA_DIR=str(tmp_path / "file")))
    assert str(tmp_path / "file") in fault
    (fault,) = refused(run(cwd=tmp_path, API_KEY=KEY, DATA_DIR="/proc/signaling"))
    assert "/proc/signaling" in fault


def test_a_database_that_is_none(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "signaling.sqlite3").write_text("not a database " * 100)
    (fault,) = refused(run(cwd=tmp_path, API_KEY=KEY, DATA_DIR=str(tmp_path / "data")))
    assert "cannot be read" in fault


@pytest.mark.parametrize("listening", [True, False])
def test_a_port_in_use(tmp_path: Path, listening: bool) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        if listening:
            other.listen()
        port = str(other.getsockname()[1])
        (fault,) = refused(run(cwd=tmp_path, API_KEY=KEY, PORT=port))
        assert fault.startswith(f"HOST=127.0.0.1 PORT={port}: the port is in use.")
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize("host", ["192.0.2.1", "256.0.0.1", "no such host", "x" * 300])
def test_a_host_that_is_not_here(tmp_path: Path, host: str) -> None:
    (fault,) = refused(run(cwd=tmp_path, API_KEY=KEY, HOST=host))
    assert fault.startswith(f"HOST={host} PORT=0: HOST is no address of this machine.")


def test_a_short_key_is_warned_of_and_not_shown() -> None:
    with ServerProcess(API_KEY="short,long-enough-to-be-a-key") as server:
        warnings = [entry for entry in server.log if entry["level"] == "warning"]
        assert [(entry["event"], entry["number"]) for entry in warnings] == [("short_api_key", 1)]
    assert "long-enough" not in "\n".join(server.lines)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_clean_stop(number: signal.Signals) -> None:
    with ServerProcess() as server:
        process = server.process
        assert process is not None
        process.send_signal(number)
        assert process.wait(DEADLINE) == 0
        server.stop()
        # How many files may be open is the machine's affair.
        events = [entry["event"] for entry in server.log if entry["event"] != "file_limit_low"]
        assert events == ["listening", "draining", "stopped"]
        assert not any("Traceback" in line for line in server.lines)


def test_a_stop_that_is_asked_for_twice() -> None:
    with ServerProcess() as server:
        process = server.process
        assert process is not None
        for _ in range(2):
            process.send_signal(signal.SIGTERM)
        assert process.wait(DEADLINE) == 0


# dev


class Developer:
    """`python -m signaling dev`, and what it printed."""

    def __init__(self, directory: Path, **given: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "signaling", "dev"],
            env=environment(**given),
            cwd=directory,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout is not None
        self.lines: list[str] = []
        ends = time.monotonic() + DEADLINE
        while not any("Ctrl+C" in line for line in self.lines):
            line = self.process.stdout.readline()
            assert line, f"ended early: {self.process.communicate()}"
            assert time.monotonic() < ends, self.lines
            self.lines.append(line.rstrip("\n"))

    def told(self, label: str) -> str:
        (line,) = [line for line in self.lines if line.strip().startswith(f"{label}  ")]
        return line.strip().removeprefix(label).strip()


@contextmanager
def developer(directory: Path, **given: str) -> Iterator[Developer]:
    running = Developer(directory, **given)
    try:
        yield running
    finally:
        running.process.send_signal(signal.SIGINT)
        out, err = running.process.communicate(timeout=DEADLINE)
        assert (running.process.returncode, out.strip(), err) == (0, "", "")


def get(url: str, **headers: str) -> Any:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(urllib.request.Request(url, headers=headers), timeout=DEADLINE) as answer:
        return answer.read().decode()


def test_dev_prints_what_works(tmp_path: Path) -> None:
    with developer(tmp_path) as running:
        key = running.told("API key")
        assert (tmp_path / ".env").read_text() == f"API_KEY={key}\n"
        assert stat.S_IMODE((tmp_path / ".env").stat().st_mode) == 0o600
        docs = running.told("API docs")
        assert docs.startswith("http://127.0.0.1:")
        assert "swagger" in get(docs)
        called = subprocess.run(
            f"{running.told('Try it')} -sS --noproxy '*' --max-time 30",
            shell=True,
            capture_output=True,
            text=True,
            check=False,
        )
        assert (called.returncode, called.stderr) == (0, "")
        assert json.loads(called.stdout)["owner_id"] == "teacher_123"
        page, _, code = running.told("Classroom").partition("?room=")
        assert "<html" in get(page)
        base = docs.removesuffix("/api/docs")
        room = json.loads(get(f"{base}/api/rooms/{code}", **{"X-API-Key": key}))
        assert (room["state"], room["owner_id"]) == ("open", "developer")
    with developer(tmp_path) as again:
        assert again.told("API key") == key
        assert again.told("Classroom").partition("?room=")[2] != code
        # The rooms of the day before are still there.
        base = again.told("API docs").removesuffix("/api/docs")
        assert json.loads(get(f"{base}/api/rooms", **{"X-API-Key": key}))["total"] == 3


def test_dev_with_several_workers_prints_it_once(tmp_path: Path) -> None:
    with RedisServer() as redis, developer(tmp_path, REDIS_URL=redis.url, WEB_CONCURRENCY="2") as running:
        base = running.told("API docs").removesuffix("/api/docs")
        _, _, code = running.told("Classroom").partition("?room=")
        room = json.loads(get(f"{base}/api/rooms/{code}", **{"X-API-Key": running.told("API key")}))
        assert room["state"] == "open"


def test_dev_takes_a_key_that_is_given(tmp_path: Path) -> None:
    with developer(tmp_path, API_KEY=KEY) as running:
        assert running.told("API key") == KEY
        assert not (tmp_path / ".env").exists()


def test_dev_tells_faults_as_well(tmp_path: Path) -> None:
    (fault,) = refused(run("dev", cwd=tmp_path, ROOM_TTL_HOURS="0"))
    assert fault.startswith("ROOM_TTL_HOURS")
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        (fault,) = refused(run("dev", cwd=tmp_path, PORT=str(other.getsockname()[1])))
        assert "in use" in fault
