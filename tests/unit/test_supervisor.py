"""The supervisor, over small programs in place of workers: starts, deaths, backoff, giving up, stopping."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
import tempfile
import textwrap
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from signaling import supervisor as module
from signaling import worker as worker_module
from signaling.server import ListenError
from signaling.settings import Settings, SettingsError
from signaling.supervisor import _Supervisor

SERVE = """
import os, signal, socket, sys, time
number, link = sys.argv[1:3]
signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
open(number, "a").write(f"{os.getpid()}\\n")
link = socket.socket(fileno=int(link))
link.send(b"+")
"""
"""Says that it serves, as a worker does, and notes its process in a file with its number."""

FOREVER = SERVE + "\nwhile True: time.sleep(60)"
DEAF = FOREVER.replace("link.send", "signal.signal(signal.SIGTERM, signal.SIG_IGN)\nlink.send")
ONCE = "import os, sys\nif os.path.exists(sys.argv[1]): sys.exit(3)\n" + SERVE + "\nsys.exit(4)"
NEVER = "import sys\nsys.exit(5)"
SLOW = "import sys, time\nopen(sys.argv[1], 'w').close()\nwhile True: time.sleep(60)"


class Run:
    """A supervisor at work in ``folder``."""

    def __init__(self, folder: Path, count: int) -> None:
        self.folder = folder
        settings = Settings.from_environment(
            {
                "API_KEY": "k" * 32,
                "DRAIN_SECONDS": "1",
                "REDIS_URL": "redis://redis",
                "WEB_CONCURRENCY": str(count),
            }
        )
        self.supervisor = _Supervisor(settings, os.environ, [], folder)
        self.code: asyncio.Task[int] = asyncio.create_task(self.supervisor.run(announce=False))

    def processes(self, number: int) -> list[int]:
        """All that have had this place so far."""
        file = self.folder / str(number)
        return [int(line) for line in file.read_text().splitlines()] if file.exists() else []

    async def until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(20):
            while not condition():
                assert not self.code.done()
                await asyncio.sleep(0.01)


@asynccontextmanager
async def running(
    folder: Path, program: str, monkeypatch: pytest.MonkeyPatch, *, count: int = 2
) -> AsyncIterator[Run]:
    monkeypatch.chdir(folder)
    monkeypatch.setattr(module, "PROGRAM", (sys.executable, "-S", "-c", program))
    monkeypatch.setattr(module, "FIRST_DELAY", 0.01)
    monkeypatch.setattr(module, "KILL_SECONDS", 0.0)
    run = Run(folder, count)
    try:
        yield run
    finally:
        if not run.code.done():
            run.supervisor._told(signal.SIGTERM)
            await run.code


async def test_each_place_is_taken_and_given_up_together(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running(tmp_path, FOREVER, monkeypatch, count=3) as run:
        await run.until(lambda: all(run.processes(number) for number in (1, 2, 3)))
        run.supervisor._told(signal.SIGTERM)
        assert await run.code == 0
    for number in (1, 2, 3):
        (pid,) = run.processes(number)
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
async def test_a_place_is_taken_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: signal.Signals
) -> None:
    async with running(tmp_path, FOREVER, monkeypatch) as run:
        with capture_logs() as logs:
            await run.until(lambda: bool(run.processes(2)))
            for died in range(1, 4):
                os.kill(run.processes(2)[-1], number)
                await run.until(lambda died=died: len(run.processes(2)) > died)  # type: ignore[misc]
        assert len(run.processes(1)) == 1
        ended = [entry for entry in logs if entry["event"] == "worker_ended"]
        code = 0 if number == signal.SIGTERM else -number
        assert [(entry["number"], entry["exit_code"]) for entry in ended] == [(2, code)] * 3
        # Each time it waits twice as long.
        assert [entry["again_in"] for entry in ended] == [0.01, 0.02, 0.04]
        run.supervisor._told(signal.SIGTERM)
        # That some died on the way does not make the end a bad one.
        assert await run.code == 0


async def test_one_that_lived_long_is_started_again_soon(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "STEADY_SECONDS", 0.0)
    async with running(tmp_path, FOREVER, monkeypatch) as run:
        with capture_logs() as logs:
            await run.until(lambda: bool(run.processes(2)))
            for died in range(1, 4):
                os.kill(run.processes(2)[-1], signal.SIGKILL)
                await run.until(lambda died=died: len(run.processes(2)) > died)  # type: ignore[misc]
        assert [entry["again_in"] for entry in logs if entry["event"] == "worker_ended"] == [0.01] * 3


async def test_where_the_first_cannot_start_no_other_is_tried(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with capture_logs() as logs:
        async with running(tmp_path, NEVER, monkeypatch) as run:
            assert await run.code == 5
    assert logs == []


async def test_where_none_can_serve_any_more_it_gives_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "UNSERVED_SECONDS", 0.3)
    with capture_logs() as logs:
        async with running(tmp_path, ONCE, monkeypatch) as run:
            assert await run.code == 1
    events = [(entry["event"], entry.get("exit_code")) for entry in logs]
    assert events[-1] == ("workers_failed", None)
    assert {("worker_ended", 4), ("worker_ended", 3)} <= set(events)


async def test_while_one_serves_it_does_not_give_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "UNSERVED_SECONDS", 0.0)
    second_dies = f"import sys\nif sys.argv[1] == '2': sys.exit(6)\n{FOREVER}"
    with capture_logs() as logs:
        async with running(tmp_path, second_dies, monkeypatch) as run:
            await run.until(lambda: sum(entry["event"] == "worker_ended" for entry in logs) == 4)
            assert len(run.processes(1)) == 1


async def test_one_that_does_not_end_is_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with running(tmp_path, DEAF, monkeypatch) as run:
        await run.until(lambda: bool(run.processes(1) and run.processes(2)))
        await run.until(lambda: all(worker.serves for worker in run.supervisor._workers))
        with capture_logs() as logs:
            run.supervisor._told(signal.SIGTERM)
            assert await run.code == 1
    killed: dict[str, Any] = {"event": "workers_killed", "log_level": "error", "workers": 2}
    assert killed in logs
    assert not any(entry["event"] == "stopped" for entry in logs)


BEATING = FOREVER.replace("while True: time.sleep(60)", "while True: link.send(b'+'); time.sleep(0.01)")
FALLS_SILENT = f"""
if __import__('sys').argv[1] == '2':
{textwrap.indent(FOREVER, "    ")}
{BEATING}
"""


async def test_one_that_says_nothing_any_more_is_killed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "CHECK_SECONDS", 0.2)
    with capture_logs() as logs:
        async with running(tmp_path, FALLS_SILENT, monkeypatch) as run:
            await run.until(lambda: len(run.processes(2)) == 2)
            assert len(run.processes(1)) == 1
    hung = [entry for entry in logs if entry["event"] == "worker_hung"]
    assert hung[0] == {"event": "worker_hung", "log_level": "error", "number": 2}
    assert {entry["number"] for entry in hung} == {2}
    ended = [entry for entry in logs if entry["event"] == "worker_ended"]
    assert (ended[0]["number"], ended[0]["exit_code"]) == (2, -signal.SIGKILL)


async def test_a_worker_beats_until_its_supervisor_is_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker_module, "BEAT_SECONDS", 0.0)
    supervisor, link = socket.socketpair()
    with supervisor, link:
        supervisor.setblocking(False)
        beating = asyncio.create_task(worker_module.beat(link))
        for _ in range(10):
            async with asyncio.timeout(20):
                assert await asyncio.get_running_loop().sock_recv(supervisor, 1) == worker_module.BEAT
        supervisor.close()
        async with asyncio.timeout(20):
            await beating


async def test_a_worker_goes_on_while_its_supervisor_stands_still(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody reads its beats: it must not wait for that, which would stop its event loop."""
    monkeypatch.setattr(worker_module, "BEAT_SECONDS", 0.0)
    supervisor, link = socket.socketpair()
    with supervisor, link:
        # Should it wait all the same, this gives it up.
        watchdog = threading.Timer(10, supervisor.close)
        watchdog.start()
        beating = asyncio.create_task(worker_module.beat(link))
        with suppress(BlockingIOError):
            # Until no more goes in.
            while True:
                link.send(worker_module.BEAT, socket.MSG_DONTWAIT)
        for _ in range(10):
            await asyncio.sleep(0)
        assert watchdog.is_alive()
        watchdog.cancel()
        supervisor.setblocking(False)
        with suppress(BlockingIOError):
            while True:
                supervisor.recv(4096)
        async with asyncio.timeout(20):
            assert await asyncio.get_running_loop().sock_recv(supervisor, 1) == worker_module.BEAT
        beating.cancel()
        await asyncio.gather(beating, return_exceptions=True)


async def test_an_impatient_stop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second SIGINT is passed on as it is: a worker that drains then waits for nobody."""
    deaf_to_term = DEAF.replace("link.send", "signal.signal(signal.SIGINT, signal.SIG_DFL)\nlink.send")
    async with running(tmp_path, deaf_to_term, monkeypatch) as run:
        await run.until(lambda: all(worker.serves for worker in run.supervisor._workers))
        with capture_logs() as logs:
            run.supervisor._told(signal.SIGINT)
            run.supervisor._told(signal.SIGINT)
            # That is no clean end.
            assert await run.code == 1
    assert [entry["event"] for entry in logs] == ["draining"]


async def test_a_stop_while_the_first_starts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with running(tmp_path, SLOW, monkeypatch) as run:
        await run.until(lambda: (tmp_path / "1").exists())
        run.supervisor._told(signal.SIGTERM)
        assert await run.code == 0
    assert not (tmp_path / "2").exists()


async def test_a_stop_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with running(tmp_path, SLOW, monkeypatch) as run:
        run.supervisor._told(signal.SIGTERM)
        assert await run.code == 0


async def test_a_system_that_starts_no_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with running(tmp_path, FOREVER, monkeypatch) as run:
        await run.until(lambda: all(worker.serves for worker in run.supervisor._workers))
        monkeypatch.setattr(module, "PROGRAM", (str(tmp_path / "none"),))
        with capture_logs() as logs:
            os.kill(run.processes(1)[-1], signal.SIGKILL)
            await run.until(lambda: any(entry["event"] == "worker_not_started" for entry in logs))
        monkeypatch.setattr(module, "PROGRAM", (sys.executable, "-S", "-c", FOREVER))
        await run.until(lambda: len(run.processes(1)) == 2)


@pytest.fixture
def quiet(monkeypatch: pytest.MonkeyPatch) -> None:
    """The logging of the tests stays as it is."""
    monkeypatch.setattr(module, "configure_logging", lambda **_: None)


def several(**env: str) -> tuple[Settings, dict[str, str]]:
    environment = {"API_KEY": "k" * 32, "REDIS_URL": "redis://redis", "WEB_CONCURRENCY": "2", **env}
    return Settings.from_environment(environment), environment


@pytest.mark.usefixtures("quiet")
def test_without_a_folder_for_temporary_files(monkeypatch: pytest.MonkeyPatch) -> None:
    def none(prefix: str) -> str:
        raise FileNotFoundError("none is writable")

    monkeypatch.setattr(tempfile, "mkdtemp", none)
    with pytest.raises(SettingsError, match=r"WEB_CONCURRENCY: .* \(none is writable\)\. Set TMPDIR to one"):
        module.supervise(*several())


@pytest.mark.usefixtures("quiet")
def test_a_port_that_is_taken_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        with pytest.raises(ListenError):
            module.supervise(*several(HOST="127.0.0.1", PORT=str(other.getsockname()[1])))
    assert list(tmp_path.iterdir()) == []
