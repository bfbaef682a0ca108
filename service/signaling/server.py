"""Runs the application under uvicorn, and ends it without losing anything."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import gc
import resource
import signal
import socket
from collections.abc import Awaitable, Callable, Iterator
from typing import Any, Final, cast

import structlog
import uvicorn

from signaling import __version__
from signaling.asgi import Application, RunningNode
from signaling.settings import SHORT_KEY, Settings
from signaling.telemetry.logging import configure_logging
from signaling.web.arrivals import Arrivals

FLUSH_SHARE: Final = 0.25
"""Share of DRAIN_SECONDS kept for requests in flight and the store, after the sockets have been told."""

_log = structlog.stdlib.get_logger("signaling.server")

BACKLOG: Final = 4096
"""Connections that may wait to be accepted: a whole school that comes back at once after a restart."""

REQUESTS_BESIDE: Final = 1000
"""HTTP connections that may be open beside MAX_CONNECTIONS sockets."""

FILES_BESIDE: Final = 64
"""Files that the process needs for other things: the database, the log, its listeners."""

COLLECT_AFTER: Final = (10_000, 10, 2)
"""How seldom the garbage collector runs (`gc.set_threshold`). An open socket is dozens of objects, and a full
collection looks at all of them: a tenth of a second for a few thousand sockets. Python's own thresholds (700,
10, 10) would have one each time a few classes come in. These let some ten megabytes of what sockets leave
behind wait, at worst."""

OnStarted = Callable[[Settings, int, RunningNode], Awaitable[None]]
"""Awaited once the service can be reached; gets the port."""


class ListenError(Exception):
    """The service cannot listen at its address. Its text says why, and what to do."""


def serve(
    settings: Settings,
    on_started: OnStarted | None = None,
    sockets: list[socket.socket] | None = None,
    worker: int | None = None,
) -> None:
    """Serve until SIGTERM or SIGINT; a ``worker``, which has a number, on ``sockets`` that others serve, too.

    Raises ListenError where the port cannot be opened, DataDirectoryError where the data directory cannot
    be used, RedisUnusable or StoreUnavailable where Redis cannot; nothing was served then.
    """
    configure_logging(log_format=settings.log_format, level=settings.log_level, worker=worker)
    for number, key in enumerate(settings.api_keys, 1):
        if len(key) < SHORT_KEY:
            _log.warning("short_api_key", number=number, advice=f"use at least {SHORT_KEY} characters")
    _raise_file_limit()
    if sockets is None:
        sockets = listen(settings.host, settings.port)
    application = Application(settings)
    flush = max(1, round(FLUSH_SHARE * settings.drain_seconds))
    config = uvicorn.Config(
        application,
        # Else uvicorn reads WEB_CONCURRENCY by itself.
        workers=1,
        loop="uvloop",
        http=cast("Any", Arrivals(application.short_way)),
        ws=cast("Any", application.acceptor),
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=bool(settings.trusted_proxies),
        forwarded_allow_ips=list(settings.trusted_proxies),
        timeout_graceful_shutdown=flush,
        limit_concurrency=_connection_limit(settings),
        backlog=BACKLOG,
    )
    server = _Server(config, application, max(0.5, settings.drain_seconds - flush - 0.5), on_started)
    with asyncio.Runner(loop_factory=config.get_loop_factory()) as runner:
        runner.run(server.serve_application(sockets))


def listen(host: str, port: int) -> list[socket.socket]:
    """The sockets at which the service can be reached: one for each address that ``host`` stands for.

    Raises ListenError.
    """
    sockets: list[socket.socket] = []
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        for family, kind, protocol, _, address in dict.fromkeys(found):
            listener = socket.socket(family, kind, protocol)
            sockets.append(listener)
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family == socket.AF_INET6:
                # Else `::` would take what `0.0.0.0` has.
                listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            listener.bind(address)
            listener.listen(BACKLOG)
    except (OSError, UnicodeError) as error:
        for listener in sockets:
            listener.close()
        raise ListenError(f"HOST={host} PORT={port}: {_advice(error)}") from error
    return sockets


def _advice(error: OSError | UnicodeError) -> str:
    if isinstance(error, UnicodeError | socket.gaierror):
        return (
            "HOST is no address of this machine. Use 0.0.0.0 for all of them, 127.0.0.1 for this machine only"
        )
    if error.errno == errno.EADDRINUSE:
        return (
            "the port is in use. Stop the program that uses it, or set PORT to another (0: any that is free)"
        )
    if error.errno == errno.EADDRNOTAVAIL:
        return (
            "HOST is no address of this machine. Use 0.0.0.0 for all of them, 127.0.0.1 for this machine only"
        )
    if error.errno in (errno.EACCES, errno.EPERM):
        return "this user may not open the port. Set PORT to 1024 or above"
    return f"{error.strerror or error}"


class _Server(uvicorn.Server):
    """uvicorn, but told to stop it first drains the sockets."""

    def __init__(
        self,
        config: uvicorn.Config,
        application: Application,
        drain_seconds: float,
        on_started: OnStarted | None,
    ) -> None:
        super().__init__(config)
        self._application = application
        self._drain_seconds = drain_seconds
        self._on_started = on_started
        self._draining: asyncio.Task[None] | None = None
        self._node: RunningNode | None = None

    async def serve_application(self, sockets: list[socket.socket]) -> None:
        """The whole life of the process."""
        with self._signals():
            async with self._application.running() as self._node:
                await self.serve(sockets)
        _log.info("stopped")

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to accept connections."""
        await super().startup(sockets)
        _spare_collector()
        host, port = self.servers[0].sockets[0].getsockname()[:2]
        assert self._node is not None
        _log.info("listening", host=host, port=port, node=self._node.rooms.node, version=__version__)
        if self._on_started is not None:
            await self._on_started(self._application.settings, port, self._node)

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Not uvicorn's way, which would kill the process with the signal at the end: see `_signals`."""
        yield

    @contextlib.contextmanager
    def _signals(self) -> Iterator[None]:
        """Signals begin the draining, from before the store is opened until it is closed."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self._stop, number)
        try:
            yield
        finally:
            for number in (signal.SIGINT, signal.SIGTERM):
                loop.remove_signal_handler(number)

    def _stop(self, number: int) -> None:
        if self._draining is not None:
            if number == signal.SIGINT:
                # Asked again from a terminal: do not wait for anyone.
                self.force_exit = self.should_exit = True
            return
        if self._node is None:
            # Not serving yet: nobody to say goodbye to.
            self.should_exit = True
            return
        _log.info("draining", signal=signal.Signals(number).name)
        self._draining = asyncio.get_running_loop().create_task(self._drain())

    async def _drain(self) -> None:
        assert self._node is not None
        try:
            async with asyncio.timeout(self._drain_seconds):
                await self._node.drain()
        except TimeoutError:
            _log.warning("drain_incomplete", seconds=self._drain_seconds)
        finally:
            self.should_exit = True


def _spare_collector() -> None:
    """What is here now stays: the garbage collector need not look at it, and at the rest less often."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*COLLECT_AFTER)


def _connection_limit(settings: Settings) -> int:
    """Connections of any kind that are taken: the sockets allowed, and requests beside them."""
    files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = settings.max_connections + REQUESTS_BESIDE
    possible = wanted if files == resource.RLIM_INFINITY else files - FILES_BESIDE
    if possible < wanted // 2:
        _log.info("file_limit_low", connections=possible, wanted=wanted, advice="raise ulimit -n")
    return max(1, min(wanted, possible))


def _raise_file_limit() -> None:
    """Every socket is a file: use what the operating system allows this process."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
