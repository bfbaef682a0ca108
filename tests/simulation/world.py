"""What everything in a simulation shares: time, chance, the truth, and a record of what happened."""

from __future__ import annotations

import contextvars
import random
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from signaling.domain.events import ParticipantLeft
from simulation.clock import VirtualLoop
from simulation.redis import Channels, Connection
from simulation.store import Truth

if TYPE_CHECKING:
    from simulation.client import Client
    from simulation.node import Node

EPOCH: Final = 1_760_000_000_000
"""Milliseconds of the wall clock at the beginning."""


class Link:
    """A node's way to the store, and what is wrong with it now."""

    def __init__(self, world: World) -> None:
        """Nothing is."""
        self._world = world
        self._held: deque[tuple[Callable[..., Any], tuple[Any, ...]]] = deque()
        self.cut = False
        """Nothing comes through, and nobody says so."""
        self.errors = 0.0
        """The part of the calls that fail."""
        self.slowness = 1.0
        self.connections: dict[Connection, None] = {}

    @property
    def refused(self) -> bool:
        """The store is down, for everybody."""
        return self._world.store_down

    def hold(self, callback: Callable[..., Any], *args: Any) -> None:
        """What is on its way while the link is cut: it comes through afterwards, if the line stands."""
        self._held.append((callback, args))

    def heal(self) -> None:
        """Nothing is wrong any more."""
        self.errors, self.slowness, self.cut = 0.0, 1.0, False
        while self._held:
            callback, args = self._held.popleft()
            callback(*args)


class World:
    """One simulation, made by its seed alone."""

    def __init__(self, seed: int, loop: VirtualLoop) -> None:
        """Nothing has happened yet."""
        self.seed = seed
        self.loop = loop
        self.random = random.Random(seed)
        self.outside = contextvars.copy_context()
        """The context of no process."""
        self.grace = 0
        self.store_down = False
        self.calm = False
        """Faults are over: what goes wrong from now on must mend."""
        self.flawless = False
        """Whether all nodes, lines and the store do as they should."""
        self.over = False
        """All is over: what ends now touches nothing."""
        self.channels = Channels()
        self.truth = Truth(self)
        self.nodes: list[Node] = []
        """Those that ever ran, by when they started."""
        self.clients: list[Client] = []
        self.room_of: dict[str, str] = {}
        """Where each seat is, or was."""
        self.faults: list[str] = []
        self.trace: list[tuple[float, object, object]] = []

    @property
    def now(self) -> float:
        """Seconds since the beginning."""
        return self.loop.time()

    def wall_clock(self) -> int:
        """Milliseconds since the epoch."""
        return EPOCH + round(1000 * self.now)

    def at(self, when: float, callback: Callable[..., Any], *args: Any) -> None:
        """Have something happen that belongs to no process."""
        self.loop.call_at(when, callback, *args, context=self.outside)

    def later(self, seconds: float, callback: Callable[..., Any], *args: Any) -> None:
        """The same, from now."""
        self.loop.call_at(self.now + seconds, callback, *args, context=self.outside)

    def chance(self, part: float) -> bool:
        """Whether what happens in this part of all cases happens now."""
        return part > 0 and self.random.random() < part

    def latency(self, slowness: float = 1.0) -> float:
        """Seconds that one way takes; some take much longer."""
        draw = self.random.random()
        return min(1.0, slowness * (0.0002 + 0.004 * draw if draw < 0.95 else 0.1 * draw))

    def behind(self, last: float, slowness: float = 1.0) -> float:
        """When what is sent now arrives, on a way on which what was sent before arrives at ``last``."""
        return max(last + 1e-6, self.now + self.latency(slowness))

    def note(self, who: object, what: object) -> None:
        """For the record."""
        self.trace.append((self.now, who, what))

    def fault(self, what: str) -> None:
        """Something is not as it must be."""
        if not self.over:
            self.note("FAULT", what)
            self.faults.append(what)

    def left(self, event: ParticipantLeft) -> None:
        """A seat ends: whoever sits on it must have asked for it, or been away for long enough."""
        for client in self.clients:
            if client.seat_id == event.socket_id:
                client.check_left(event)

    def record(self) -> str:
        """What happened, line by line."""
        return "\n".join(f"{when:9.4f}  {who!s:<24} {what}" for when, who, what in self.trace)
