"""Runs the application under uvicorn, and ends it without losing anything."""

from __future__ import annotations

import asyncio
import contextlib
import resource
import signal
import socket
from collections.abc import Callable, Iterator
from typing import Any, Final

import structlog
import uvicorn

from signaling import __version__
from signaling.asgi import Application, RunningNode
from signaling.settings import SHORT_KEY, Settings
from signaling.telemetry.logging import configure_logging
from signaling.web.http_protocol import BoundedHttpProtocol
from signaling.web.socket_protocol import SignalingWebSocketProtocol

FLUSH_SHARE: Final = 0.25
"""Share of DRAIN_SECONDS kept for requests in flight and the store, after the sockets have been told."""

_log = structlog.stdlib.get_logger("signaling.server")


def serve(settings: Settings, on_started: Callable[[Settings, int, RunningNode], Any] | None = None) -> int:
    """Serve until SIGTERM or SIGINT; the exit code: 0 after a clean stop.

    ``on_started`` is awaited once the port is open; it gets the port. Raises DataDirectoryError where the
    data directory cannot be used.
    """
    configure_logging(log_format=settings.log_format, level=settings.log_level)
    for number, key in enumerate(settings.api_keys, 1):
        if len(key) < SHORT_KEY:
            _log.warning("short_api_key", number=number, advice=f"use at least {SHORT_KEY} characters")
    _raise_file_limit()
    application = Application(settings)
    flush = max(1, round(FLUSH_SHARE * settings.drain_seconds))
    config = uvicorn.Config(
        application,
        host=settings.host,
        port=settings.port,
        loop="uvloop",
        http=BoundedHttpProtocol,
        ws=SignalingWebSocketProtocol,
        ws_max_size=settings.max_frame_bytes,
        ws_ping_interval=settings.ping_interval_seconds,
        ws_ping_timeout=settings.ping_timeout_seconds,
        ws_per_message_deflate=False,
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=bool(settings.trusted_proxies),
        forwarded_allow_ips=list(settings.trusted_proxies),
        timeout_graceful_shutdown=flush,
        backlog=4096,
    )
    server = _Server(config, application, max(0.5, settings.drain_seconds - flush - 0.5), on_started)
    with asyncio.Runner(loop_factory=config.get_loop_factory()) as runner:
        return runner.run(server.serve_application())


class _Server(uvicorn.Server):
    """uvicorn, but told to stop it first drains the sockets."""

    def __init__(
        self,
        config: uvicorn.Config,
        application: Application,
        drain_seconds: float,
        on_started: Callable[[Settings, int, RunningNode], Any] | None,
    ) -> None:
        super().__init__(config)
        self._application = application
        self._drain_seconds = drain_seconds
        self._on_started = on_started
        self._draining: asyncio.Task[None] | None = None
        self._node: RunningNode | None = None

    async def serve_application(self) -> int:
        """The whole life of the process; its exit code."""
        async with self._application.running() as self._node:
            try:
                await self.serve()
            except SystemExit:
                # The port could not be opened; uvicorn has logged why.
                return 1
            _log.info("stopped")
        return 0

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Open the port."""
        await super().startup(sockets)
        port = self.servers[0].sockets[0].getsockname()[1]
        _log.info("listening", host=self.config.host, port=port, version=__version__)
        if self._on_started is not None and self._node is not None:
            await self._on_started(self._application.settings, port, self._node)

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Signals begin the draining; unlike uvicorn's own way, the process then exits with 0."""
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
            # Asked again from a terminal: do not wait for anyone.
            self.force_exit = self.should_exit = number == signal.SIGINT
            return
        _log.info("draining", signal=signal.Signals(number).name)
        self._draining = asyncio.get_running_loop().create_task(self._drain())

    async def _drain(self) -> None:
        assert self._node is not None
        try:
            async with asyncio.timeout(self._drain_seconds):
                await self._node.gateway.drain()
        except TimeoutError:
            _log.warning("drain_incomplete", seconds=self._drain_seconds)
        finally:
            self.should_exit = True


def _raise_file_limit() -> None:
    """Every socket is a file: use what the operating system allows this process."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
