"""The servers that are compared: how each is started, and what the operating system says that it uses."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from msgspec import Struct, field

from bench.dialects import Dialect, Guide, PeerJs
from bench.sockets import DEADLINE

API_KEY: Final = "key-of-the-benchmark-0123456789abcdef"
ROOT: Final = Path(__file__).resolve().parents[2]
PEERS: Final = ROOT / "tests/bench/peers"
BUILD: Final = ROOT / "build/bench"

STORED: Final = BUILD / f"stored-{os.getpid()}"
"""A data directory with rooms in it."""

_TICK: Final = os.sysconf("SC_CLK_TCK")
_PAGE: Final = os.sysconf("SC_PAGE_SIZE")


class Kind(Struct, frozen=True, kw_only=True):
    """One of the compared servers."""

    name: str
    title: str
    command: tuple[str, ...]
    """`PORT` stands for the port."""
    dialect: Dialect = field(default_factory=Guide)
    rest: bool = True
    """Whether rooms are made by REST. The limit makes rooms when they are joined."""
    environment: dict[str, str] = field(default_factory=dict)
    stored_rooms: int = 0
    """Rooms that are in its store when it starts."""


OURS: Final = Kind(
    name="ours",
    title="this service",
    command=(sys.executable, "-m", "signaling"),
    environment={"API_KEY": API_KEY, "HOST": "127.0.0.1", "LOG_FORMAT": "json", "DRAIN_SECONDS": "2"},
)
MANY_ROOMS: Final = Kind(
    name="ours_many_rooms",
    title="this service, 10,000 rooms stored",
    command=OURS.command,
    environment=OURS.environment,
    stored_rooms=10_000,
)
FASTAPI: Final = Kind(
    name="fastapi",
    title="FastAPI relay",
    command=(str(BUILD / "fastapi/bin/python"), str(PEERS / "fastapi/relay.py"), "PORT"),
)
PEERJS: Final = Kind(
    name="peerjs",
    title="PeerJS server",
    command=("node", str(PEERS / "node/peerjs.js"), "PORT"),
    dialect=PeerJs(),
    rest=False,
)
WS: Final = Kind(name="ws", title="`ws` relay (Node)", command=("node", str(PEERS / "node/relay.js"), "PORT"))
LIMIT: Final = Kind(
    name="c", title="epoll relay in C (the limit)", command=(str(BUILD / "relay"), "PORT"), rest=False
)


def build_limit() -> None:
    """Compile the relay in C."""
    compiler = shutil.which("cc")
    if compiler is None:
        sys.exit("There is no C compiler here, and the limit is written in C: apt-get install gcc libc6-dev")
    source = PEERS / "c/relay.c"
    BUILD.mkdir(parents=True, exist_ok=True)
    subprocess.run([compiler, "-O2", "-o", str(BUILD / "relay"), str(source)], check=True)


class Cores(Struct, frozen=True):
    """Who runs where: servers on one core, the load generator on another."""

    server: int
    generator: int

    @classmethod
    def choose(cls, *, least: int = 2) -> Self:
        """The first and the last that this process may use. Raises SystemExit where there are too few."""
        cores = sorted(os.sched_getaffinity(0))
        if len(cores) < least:
            sys.exit("The benchmark needs two cores: one for the server, one for the load generator")
        return cls(server=cores[0], generator=cores[-1])


@contextlib.contextmanager
def on_core(core: int) -> Iterator[None]:
    """Processes started in here run on this core."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {core})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def temporary_directory() -> tempfile.TemporaryDirectory[str]:
    """On the disk that the project is on: where temporary files go may be memory, which needs no syncing."""
    BUILD.mkdir(parents=True, exist_ok=True)
    return tempfile.TemporaryDirectory(prefix="run-", dir=BUILD)


class Process:
    """A server process on a free port of this machine, ended with the block."""

    def __init__(self, command: tuple[str, ...], core: int, environment: Mapping[str, str] = {}) -> None:
        """In the command, `PORT` and `DIRECTORY` stand for the port and a directory of its own."""
        self.port = _free_port()
        self._directory = temporary_directory()
        self.directory = Path(self._directory.name)
        self._command = [
            {"PORT": str(self.port), "DIRECTORY": str(self.directory)}.get(part, part) for part in command
        ]
        self._environment = {
            "PATH": os.environ.get("PATH", ""),
            "PORT": str(self.port),
            "DATA_DIR": str(self.directory),
            **environment,
        }
        self._core = core
        self._process: subprocess.Popen[bytes]

    def __enter__(self) -> Self:
        with on_core(self._core), (self.directory / "output").open("wb") as output:
            self._process = subprocess.Popen(
                self._command, env=self._environment, stdin=subprocess.DEVNULL, stdout=output, stderr=output
            )
        try:
            self._wait_until_it_listens()
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        # Nothing of what it would do at a stop is measured.
        self._process.kill()
        self._process.wait()
        self._directory.cleanup()

    def _wait_until_it_listens(self) -> None:
        ends = time.monotonic() + DEADLINE
        while time.monotonic() < ends:
            if self._process.poll() is not None:
                break
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port)):
                return
            time.sleep(0.02)
        sys.exit(f"{' '.join(self._command)} does not serve:\n{(self.directory / 'output').read_text()}")

    @property
    def pid(self) -> int:
        """Its id."""
        return self._process.pid

    def stop(self) -> None:
        """SIGTERM, and wait for it."""
        self._process.terminate()
        self._process.wait(DEADLINE)

    def cpu_seconds(self) -> float:
        """CPU time of the process so far, its threads and its children included."""
        return sum(_cpu_seconds(pid) for pid in _family(self._process.pid))

    def resident_bytes(self) -> int:
        """Memory of the process and its children."""
        pages = 0
        for pid in _family(self._process.pid):
            pages += int(Path(f"/proc/{pid}/statm").read_text().split()[1])
        return pages * _PAGE


class Server(Process):
    """A compared server."""

    def __init__(self, kind: Kind, core: int, environment: Mapping[str, str] = {}) -> None:
        """``environment`` adds to what the kind needs."""
        super().__init__(kind.command, core, {**kind.environment, **environment})
        self.kind = kind
        self.dialect = kind.dialect
        if kind.stored_rooms:
            shutil.copytree(STORED, self.directory, dirs_exist_ok=True)


def _family(pid: int) -> list[int]:
    """The process and all below it."""
    family = [pid]
    for task in Path(f"/proc/{pid}/task").iterdir():
        with contextlib.suppress(OSError):
            for child in (task / "children").read_text().split():
                family += _family(int(child))
    return family


def _cpu_seconds(pid: int) -> float:
    """To the nanosecond where the kernel keeps it so (Linux, CONFIG_SCHED_INFO), or else in ticks."""
    try:
        tasks = list(Path(f"/proc/{pid}/task").iterdir())
        return sum(int((task / "schedstat").read_text().split()[0]) for task in tasks) / 1e9
    except OSError:
        # User and system time, of the process and of children that have ended (proc(5)).
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return sum(map(int, fields[11:15])) / _TICK


def _free_port() -> int:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        return int(listening.getsockname()[1])
