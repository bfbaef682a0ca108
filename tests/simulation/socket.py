"""A WebSocket between a client and a node: slow, stalled, cut, or dead at one end only."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Final

from signaling.realtime.session import Session
from simulation.node import Node
from simulation.world import World

if TYPE_CHECKING:
    from simulation.client import Client

PING_SECONDS: Final = 2.0
PONG_SECONDS: Final = 2.0
CLOSE_SECONDS: Final = 2.0
"""The keepalive of the node's end, and how long it waits for an answer to its close."""

GOING_AWAY: Final = 1012


class Socket:
    """The node's end is a `Transport`; the client's calls `say`, `close` and `cut`."""

    def __init__(self, world: World, client: Client, node: Node) -> None:
        """The client begins to connect."""
        self._world = world
        self.client = client
        self.node = node
        self.session: Session | None = None
        self.line = True
        """Whether what one end says reaches the other."""
        self.open_there = False
        """Whether the node takes this for an open socket."""
        self._outruns = False
        """Whether what the client had said before the line was cut arrives all the same."""
        self._closing = False
        self._reading = True
        self._read = True
        """Whether the node reads, and whether the client does."""
        self._up: deque[bytes] = deque()
        self._down: deque[tuple[Callable[..., None], int, tuple[Any, ...]]] = deque()
        self._up_at = self._down_at = world.now
        self._unread = 0
        self._pong_awaited = False
        self._to_node(self._accept)

    def _to_node(self, callback: Callable[..., None], *args: Any) -> None:
        """Something goes from the client's end to the node's process, behind what went before."""
        self._up_at = self._world.behind(self._up_at)
        self._world.loop.call_at(self._up_at, self._arrive, callback, args, context=self.node.process.context)

    def _arrive(self, callback: Callable[..., None], args: tuple[Any, ...]) -> None:
        if self.line or self._outruns:
            callback(*args)

    def _at_node(self, seconds: float, callback: Callable[..., None]) -> None:
        self._world.loop.call_later(seconds, callback, context=self.node.process.context)

    def _accept(self) -> None:
        node = self.node.running
        if node is None or node.gateway.full:
            self._to_client(self._refused)
            return
        self.open_there = True
        self.node.sockets[self] = None
        self.session = node.gateway.open(self, self.client.address)
        self.write([self.session.greeting()])
        self._at_node(PING_SECONDS, self._ping)

    def _refused(self) -> None:
        self.line = False
        self.client.lost_line(self)

    @property
    def stands(self) -> bool:
        """Whether both ends take it for open."""
        return self.line and self.open_there and not self._closing

    # The node's end

    def write(self, frames: Sequence[bytes]) -> None:
        for frame in frames:
            self._to_client(self.client.hears, self, frame, size=len(frame))

    def buffered(self) -> int:
        return self._unread

    def pause_reading(self) -> None:
        self._reading = False

    def resume_reading(self) -> None:
        self._reading = True
        while self._up and self._reading:
            self._frame(self._up.popleft())

    def close(self, code: int, reason: str) -> None:
        if not self._closing:
            self._closing = True
            self._to_client(self._closed_by_node, int(code))
            self._at_node(CLOSE_SECONDS, self._abort)

    def _frame(self, data: bytes) -> None:
        if not self._reading:
            self._up.append(data)
        elif self.open_there and not self._closing and self.session is not None:
            self.session.frame_received(data)

    def _lost(self, code: int | None) -> None:
        """The node finds that the socket is gone."""
        if self.open_there:
            self.open_there = False
            self.node.sockets.pop(self, None)
            assert self.session is not None
            self.session.lost(code)

    def _abort(self) -> None:
        if self.open_there:
            self._lost(None)
            self._world.later(self._world.latency(), self._tell_client)

    def _ping(self) -> None:
        if self.open_there and not self._closing and self.session is not None:
            self.session.ping_sent()
            self._pong_awaited = True
            self._to_client(self._to_node, self._pong)
            self._at_node(PONG_SECONDS, self._keepalive_timeout)

    def _pong(self) -> None:
        if self.open_there and self.session is not None:
            self._pong_awaited = False
            self.session.pong_received()

    def _keepalive_timeout(self) -> None:
        if self._pong_awaited and self._reading:
            self._abort()
        else:
            self._ping()

    def stopped(self) -> None:
        """The process ends its sockets."""
        if self.open_there:
            self.close(GOING_AWAY, "")

    def server_gone(self, seconds: float) -> None:
        """The process is no more. The client finds out, sooner or later."""
        self.open_there = False
        self._world.later(seconds, self._tell_client)

    # On the way to the client

    def _to_client(self, callback: Callable[..., None], *args: Any, size: int = 0) -> None:
        self._unread += size
        if self.line:
            self._down.append((callback, size, args))
            self._down_at = self._world.behind(self._down_at)
            self._world.at(self._down_at, self._deliver)

    def _deliver(self) -> None:
        if self._read and self.line and self._down:
            callback, size, args = self._down.popleft()
            self._unread -= size
            callback(*args)

    def _closed_by_node(self, code: int) -> None:
        self._to_node(self._lost, code)
        self.client.closed(self, code)

    def _tell_client(self) -> None:
        if self.line:
            self.line = False
            self.client.lost_line(self)

    # The client's end

    def say(self, data: bytes) -> None:
        self._to_node(self._frame, data)

    def close_by_client(self, code: int) -> None:
        """The closing handshake."""
        self._to_node(self._lost, code)

    def cut(self, noticed: float | None) -> None:
        """The line is gone. The node notices after so many seconds, or finds out by itself."""
        self.line = False
        self._outruns = self._world.chance(0.5)
        if noticed is not None:
            self._at_node(noticed, self._gone)

    def _gone(self) -> None:
        self._lost(None)

    def stall(self) -> None:
        """The client reads no more for a while."""
        self._read = False

    def read_on(self) -> None:
        """It does again."""
        self._read = True
        while self._down and self._read and self.line:
            self._deliver()
