"""A connection until it has asked for something: then it is HTTP's, or a WebSocket.

What most connections ask first is `/ws`, in one piece, as every browser and library words it. To read that
takes neither uvicorn's HTTP class nor a parser: they would be an eighth of what a short visit costs. All else
goes to the HTTP class (`web.http_protocol`), from its first byte on, and what is read here is read no
differently there.
"""

from __future__ import annotations

import asyncio
from typing import Any, Final

import structlog
from uvicorn.config import Config
from uvicorn.server import ServerState

from signaling.realtime.deadlines import Deadlines
from signaling.web.handshake import read_plain
from signaling.web.http_protocol import BoundedHttpProtocol
from signaling.web.short_way import ShortWay

SILENCE: Final = 20.0
"""Seconds until the first byte must have come."""

_TELL_EVERY: Final = 10.0
"""Seconds between log lines about refused connections."""

_log = structlog.stdlib.get_logger("signaling.http")


class Arrivals:
    """Where uvicorn has its HTTP class: gives each new connection a protocol."""

    def __init__(self, short_way: ShortWay | None = None) -> None:
        """May be made outside the event loop. ``short_way`` answers plain calls, if there is one."""
        self._short_way = short_way
        self._server: _Server | None = None

    def __call__(
        self,
        *,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> Arrival:
        """As uvicorn calls its HTTP class."""
        server = self._server
        if server is None or server.state is not server_state:
            server = self._server = _Server(config, server_state, app_state, _loop, self._short_way)
        return Arrival(server)


class _Server:
    """What the connections of a server have in common."""

    def __init__(
        self,
        config: Config,
        state: ServerState,
        app_state: dict[str, Any],
        loop: asyncio.AbstractEventLoop | None,
        short_way: ShortWay | None,
    ) -> None:
        self.config = config
        self.state = state
        self.acceptor: Any = config.ws_protocol_class
        self.silent: Deadlines[Arrival] = Deadlines(SILENCE, Arrival.abort)
        self._app_state = app_state
        self._short_way = short_way
        self._loop = loop or asyncio.get_running_loop()
        self._told_full_at = float("-inf")

    def http_protocol(self) -> BoundedHttpProtocol:
        """For a connection that asks for something else."""
        return BoundedHttpProtocol(
            config=self.config,
            server_state=self.state,
            app_state=self._app_state,
            _loop=self._loop,
            short_way=self._short_way,
        )

    def is_full(self) -> bool:
        """Whether there are more connections than can be held. Logged, but not each time."""
        limit = self.config.limit_concurrency
        if limit is None or len(self.state.connections) <= limit:
            return False
        now = self._loop.time()
        if now >= self._told_full_at + _TELL_EVERY:
            self._told_full_at = now
            _log.warning("connections_refused", limit=limit)
        return True


class Arrival(asyncio.Protocol):
    """A connection that has not asked for anything yet."""

    __slots__ = ("_server", "_transport")

    def __init__(self, server: _Server) -> None:
        self._server = server
        self._transport: asyncio.Transport

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """It is held from now on, if there is room; for a while, if it never asks for anything."""
        self._transport = transport
        server = self._server
        connections: set[Any] = server.state.connections
        connections.add(self)
        if server.is_full():
            transport.abort()
            return
        server.silent.start(self)

    def data_received(self, data: bytes) -> None:
        """The first bytes."""
        server, transport = self._server, self._transport
        asked = read_plain(data)
        if asked is None:
            self._forget()
            protocol = server.http_protocol()
            transport.set_protocol(protocol)
            protocol.connection_made(transport)
            protocol.data_received(data)
        elif server.acceptor.accept(asked, transport, transport.get_extra_info("peername"), server.state):
            self._forget()
        # Else it was refused, and ends when that is read; if it is not, with its deadline.

    def connection_lost(self, _error: Exception | None) -> None:
        """It has gone."""
        self._forget()

    def shutdown(self) -> None:
        """The process stops (uvicorn)."""
        self._transport.close()

    def abort(self) -> None:
        """Its time is over."""
        self._transport.abort()

    def _forget(self) -> None:
        connections: set[Any] = self._server.state.connections
        connections.discard(self)
        self._server.silent.stop(self)
