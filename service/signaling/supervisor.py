"""Several processes that serve on one port: starts them, starts those anew that die, and ends them together.

All accept from the same listening sockets, which this process opens and never reads: whoever is free takes
the next connection. With a socket for each process (SO_REUSEPORT) the kernel would share them out beforehand.
Then what waits at a process that hangs or dies is lost with it, and macOS sends everything to one of them.
"""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import signal
import socket
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import structlog

from signaling.server import listen
from signaling.settings import Settings, SettingsError
from signaling.telemetry.logging import configure_logging
from signaling.telemetry.metrics import SHARED_IN, forget_metrics
from signaling.worker import ANNOUNCE, BEAT_SECONDS

FIRST_DELAY: Final = 0.5
LAST_DELAY: Final = 30.0
"""Seconds until a worker that died is started again: twice as many each time it dies young."""

STEADY_SECONDS: Final = 60.0
"""A worker that lived as long was sound: the next begins with the first delay again."""

CHECK_SECONDS: Final = 5 * BEAT_SECONDS
MAX_SILENT: Final = 3
"""How often it is looked whether a worker has said anything, and how many looks in a row may say no. Then its
event loop hangs, and it is killed: nobody else would find out, as the others answer for it."""

UNSERVED_SECONDS: Final = 30.0
"""How long no worker may serve until all is given up, for the process manager to start it afresh."""

KILL_SECONDS: Final = 2.0
"""How long after DRAIN_SECONDS a worker that does not end is killed."""

PROGRAM: Final = (sys.executable, "-m", "signaling.worker")

_CLEAN: Final = (0, -signal.SIGTERM)
"""How workers end that were told to; the second, one that had not begun."""

_log = structlog.stdlib.get_logger("signaling.supervisor")


def supervise(settings: Settings, environment: Mapping[str, str], *, announce: bool = False) -> int:
    """Serve with WEB_CONCURRENCY workers until SIGTERM or SIGINT; the exit code.

    ``environment`` is what ``settings`` were read from. Raises ListenError, or SettingsError where there is
    no folder for what the workers count. Where no worker can start, the first one has told why.
    """
    configure_logging(log_format=settings.log_format, level=settings.log_level)
    try:
        metrics = Path(tempfile.mkdtemp(prefix="signaling-metrics-"))
    except OSError as error:
        raise SettingsError(
            [f"WEB_CONCURRENCY: workers need a folder for temporary files ({error}). Set TMPDIR to one"]
        ) from error
    try:
        listeners = listen(settings.host, settings.port)
        supervisor = _Supervisor(settings, {**environment, SHARED_IN: str(metrics)}, listeners, metrics)
        return asyncio.run(supervisor.run(announce=announce))
    finally:
        shutil.rmtree(metrics, ignore_errors=True)


class _Worker:
    """One place among the workers, and the process that has it now."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.process: asyncio.subprocess.Process | None = None
        self.serves = False
        self.beats = 0

    def signal(self, number: int) -> None:
        if self.process is not None:
            with contextlib.suppress(ProcessLookupError):
                self.process.send_signal(number)


class _Supervisor:
    def __init__(
        self,
        settings: Settings,
        environment: Mapping[str, str],
        listeners: list[socket.socket],
        metrics: Path,
    ) -> None:
        self._environment = environment
        self._listeners = listeners
        self._metrics = metrics
        self._patience = settings.drain_seconds + KILL_SECONDS
        self._workers = [_Worker(number) for number in range(1, settings.web_concurrency + 1)]
        self._served = asyncio.Event()
        """Set once a worker has served."""
        self._stopping = asyncio.Event()
        self._unserved: asyncio.TimerHandle | None = None
        self._code = 0

    async def run(self, *, announce: bool) -> int:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self._told, number)
        try:
            await self._serve(announce=announce)
        finally:
            for number in (signal.SIGINT, signal.SIGTERM):
                loop.remove_signal_handler(number)
        if not self._code:
            _log.info("stopped")
        return self._code

    async def _serve(self, *, announce: bool) -> None:
        first, *others = self._workers
        keepers = [asyncio.create_task(self._keep_first(first, announce=announce))]
        # Where none can start, one of them is enough to say why.
        waits = [asyncio.create_task(event.wait()) for event in (self._served, self._stopping)]
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        keepers += [asyncio.create_task(self._keep(worker)) for worker in others]
        await self._stopping.wait()
        for wait in waits:
            wait.cancel()
        _, late = await asyncio.wait(keepers, timeout=self._patience)
        if late:
            _log.error("workers_killed", workers=len(late))
            for worker in self._workers:
                worker.signal(signal.SIGKILL)
        await asyncio.gather(*keepers)

    def _told(self, number: int) -> None:
        """Pass a signal on. The second SIGINT means: wait for nobody."""
        again = self._stopping.is_set()
        if not again:
            _log.info("draining", signal=signal.Signals(number).name)
        # A terminal has sent SIGINT to the workers, too, who take the second for impatience.
        self._stop(number if again else signal.SIGTERM)

    def _stop(self, number: int) -> None:
        self._stopping.set()
        for worker in self._workers:
            worker.signal(number)

    async def _keep_first(self, worker: _Worker, *, announce: bool) -> None:
        code = await self._live(worker, announce=announce)
        if self._served.is_set():
            await self._keep(worker, code)
        elif not self._stopping.is_set():
            # It has said why.
            self._code = code if code > 0 else 1
            self._stop(signal.SIGTERM)

    async def _keep(self, worker: _Worker, ended: int | None = None) -> None:
        """See that the place is taken, until all is to stop.

        ``ended``: the exit code of a process that had it before.
        """
        delay = FIRST_DELAY
        while not self._stopping.is_set():
            if ended is not None:
                _log.warning("worker_ended", number=worker.number, exit_code=ended, again_in=delay)
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._stopping.wait(), delay)
                    return
                delay = min(2 * delay, LAST_DELAY)
            began = time.monotonic()
            ended = await self._live(worker)
            if time.monotonic() - began >= STEADY_SECONDS:
                delay = FIRST_DELAY
        if ended not in (None, *_CLEAN):
            self._code = 1

    async def _live(self, worker: _Worker, *, announce: bool = False) -> int:
        """Start a process, and wait for its end; its exit code."""
        ours, theirs = socket.socketpair()
        # Kept until the process has ended: to it, the end of this socket is the end of its supervisor.
        with ours:
            ours.setblocking(False)
            files = [theirs.fileno(), *(listener.fileno() for listener in self._listeners)]
            arguments = [*([ANNOUNCE] if announce else []), str(worker.number), *map(str, files)]
            with theirs:
                try:
                    worker.process = await asyncio.create_subprocess_exec(
                        *PROGRAM,
                        *arguments,
                        stdin=asyncio.subprocess.DEVNULL,
                        env=self._environment,
                        pass_fds=files,
                    )
                except OSError as error:
                    _log.error("worker_not_started", number=worker.number, error=str(error))
                    return 1
            if self._stopping.is_set():
                worker.signal(signal.SIGTERM)
            await self._hear(worker, ours)
            code = await worker.process.wait()
        self._ended(worker)
        return code

    async def _hear(self, worker: _Worker, link: socket.socket) -> None:
        """Follow what a worker says until it has ended, and end one that says nothing any more."""
        listening = asyncio.create_task(self._listen(worker, link))
        silent = 0
        while not listening.done():
            before = worker.beats
            await asyncio.wait((listening,), timeout=CHECK_SECONDS)
            # Not by the clock: this process may have stood still itself.
            silent = silent + 1 if worker.serves and worker.beats == before else 0
            if silent == MAX_SILENT:
                _log.error("worker_hung", number=worker.number)
                worker.signal(signal.SIGKILL)

    async def _listen(self, worker: _Worker, link: socket.socket) -> None:
        while await asyncio.get_running_loop().sock_recv(link, 64):
            worker.beats += 1
            if not worker.serves:
                self._serves(worker)

    def _serves(self, worker: _Worker) -> None:
        worker.serves = True
        self._served.set()
        if self._unserved is not None:
            self._unserved.cancel()
            self._unserved = None

    def _ended(self, worker: _Worker) -> None:
        worker.process = None
        worker.serves = False
        forget_metrics(self._metrics, worker.number)
        if self._served.is_set() and not any(worker.serves for worker in self._workers):
            loop = asyncio.get_running_loop()
            self._unserved = self._unserved or loop.call_later(UNSERVED_SECONDS, self._give_up)

    def _give_up(self) -> None:
        if not self._stopping.is_set():
            _log.error("workers_failed", seconds=UNSERVED_SECONDS)
            self._code = 1
            self._stop(signal.SIGTERM)
