"""A node: all that the service is made of above the store, in a process that can stand still or die."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Final

from signaling.asgi import Backing, RunningNode
from signaling.backends.local import LocalBroker, LocalPost
from signaling.backends.redis.broker import RedisBroker
from signaling.backends.redis.post import RedisPost
from signaling.realtime.exchange import MOVED_SECONDS
from signaling.rooms.codes import new_node_id
from signaling.rooms.ports import LEASE_SECONDS, StoreUnavailable
from signaling.settings import Settings
from signaling.telemetry.metrics import Metrics
from simulation.clock import Process
from simulation.redis import Server
from simulation.store import NodesClient, StoreClient
from simulation.world import Link, World

if TYPE_CHECKING:
    from simulation.socket import Socket

DRAIN_SECONDS: Final = 4.0

METRICS: Final = Metrics()
"""Of all nodes: making them takes longer than most simulations."""


class Node:
    """One life of one process."""

    def __init__(self, world: World, name: str, settings: Settings, *, alone: bool) -> None:
        """Starts. ``alone``: with a store of its own."""
        self.world = world
        self.name = name
        self.process = Process(name, world.outside)
        self.link = Link(world)
        self.id = new_node_id()
        self.running: RunningNode | None = None
        """While it serves."""
        self.broker: RedisBroker | LocalBroker
        self.post: RedisPost | LocalPost
        self.sockets: dict[Socket, None] = {}
        self.dead = False
        self.killed = False
        self.ended_at: float | None = None
        self.draining = False
        self._settings = settings
        self._alone = alone
        self._stop = asyncio.Event()
        self._trouble: list[tuple[float, float]] = []
        self._trouble_since: float | None = None
        self.task = world.loop.create_task(self._live(), context=self.process.context)
        world.nodes.append(self)
        world.note(name, f"starts as {self.id}")

    def __str__(self) -> str:
        return self.name

    # Life

    @asynccontextmanager
    async def _backing(self) -> AsyncIterator[Backing]:
        world = self.world
        if self._alone:
            local = self.broker = LocalBroker()
            world.truth.publish = local.publish
            self.post = LocalPost()
            store = StoreClient(world, self.link, local)
            yield Backing(node=self.id, store=store, broker=local, post=self.post, nodes=None)
            return
        server: Any = Server(world, self.link)
        store = StoreClient(world, self.link)
        self.broker = RedisBroker(server)
        self.post = RedisPost(server, self.id)
        nodes = NodesClient(store, world, self.id)
        try:
            yield Backing(node=self.id, store=store, broker=self.broker, post=self.post, nodes=nodes)
        finally:
            await self.post.close()
            await self.broker.close()

    async def _live(self) -> None:
        try:
            async with self._backing() as backing:
                node = RunningNode(self._settings, backing, METRICS)
                async with node.run():
                    self.running = node
                    self.world.note(self, "serves")
                    await self._stop.wait()
                    with contextlib.suppress(TimeoutError):
                        async with asyncio.timeout(DRAIN_SECONDS):
                            await node.drain()
                    self.running = None
                    for socket in list(self.sockets):
                        socket.stopped()
        except StoreUnavailable as error:
            self.world.note(self, f"cannot start: {error}")
        finally:
            # As the end of a process: what still runs does not any more.
            self._end()

    def drain(self) -> None:
        """SIGTERM."""
        self.world.note(self, "drains")
        self.draining = True
        self._stop.set()

    def kill(self) -> None:
        """SIGKILL, or the machine is gone: whether the other ends of its lines are told, differs."""
        self.world.note(self, "is killed")
        self.killed = True
        self._end()

    def _end(self) -> None:
        if self.dead:
            return
        self.world.note(self, "is no more")
        self.dead = self.process.stopped = True
        self.running = None
        self.ended_at = self.world.now
        for socket in list(self.sockets):
            socket.server_gone(self.world.random.choice((0.01, 0.5, 3.0)))
        for connection in list(self.link.connections):
            connection.break_(noticed_there=self.world.random.choice((0.0, 0.0, 2.0)))

    def pause(self, seconds: float) -> None:
        """SIGSTOP, and SIGCONT after a while."""
        if self.process.stopped:
            return
        self.world.note(self, f"stands still for {seconds:.2f} s")
        self.process.stopped = True
        self.trouble(begins=True)
        self.world.later(seconds, self.go_on)

    def go_on(self) -> None:
        """SIGCONT."""
        if self.process.stopped and not self.dead:
            self.world.note(self, "goes on")
            self.trouble(begins=False)
            self.world.loop.thaw(self.process)

    # What is wrong with it

    def trouble(self, *, begins: bool) -> None:
        """Its link to the store, or itself, fails from now on, or works again."""
        if begins and self._trouble_since is None:
            self._trouble_since = self.world.now
        elif not begins and self._trouble_since is not None:
            self._trouble.append((self._trouble_since, self.world.now))
            self._trouble_since = None

    def was_well(self, seconds: float) -> bool:
        """Whether for so long it was never in trouble for long enough to lose its lease, and its seats."""
        now = self.world.now
        spans = [*self._trouble]
        if self._trouble_since is not None:
            spans.append((self._trouble_since, now))
        ill = sum(end - max(start, now - seconds) for start, end in spans if end > now - seconds)
        return not self.dead and ill <= max(2.0, LEASE_SECONDS + self.world.grace - 4.0)

    def heal(self) -> None:
        """All that is wrong with it is over."""
        if not self.dead:
            self.go_on()
            self.trouble(begins=False)
            self.link.heal()

    # What is left

    def leftovers(self) -> Iterator[str]:
        """What is kept for sockets or rooms although there are none."""
        node = self.running
        if node is None:
            return
        rooms: Any = node.rooms
        gateway: Any = node.gateway
        hub, exchange, broker, post = gateway._hub, gateway.exchange, self.broker, self.post
        kept: dict[str, Any] = {
            "sessions": gateway._sessions,
            "tasks": gateway._tasks,
            "rooms of the hub": hub._local,
            "turns of the hub": hub._turns._waiting,
            "turns of addresses": gateway._tries._waiting,
            "writers": rooms._writers,
            "replicas": rooms._replicas,
            "resyncs": rooms._resyncs,
            "seats that moved": [
                key
                for key, moved in exchange._moved.items()
                if self.world.now - moved.owed_until > MOVED_SECONDS
            ],
            "questions": exchange._asked,
            "awaited answers": exchange._awaited,
            "marks": exchange._marked,
        }
        if isinstance(broker, LocalBroker):
            kept["listeners"] = broker._listeners
        else:
            kept["subscriptions"] = broker._subscriptions
            for line in broker._lines.values():
                kept["channels"] = [*line._channels, *line._joining, *line._leaving, *line._gap]
        if isinstance(post, RedisPost):
            kept["outbound post"] = [
                (node, out.bytes, out.messages, out.underway)
                for node, out in post._outbound.items()
                if out.messages or out.underway or out.bytes
            ]
        for what, them in kept.items():
            if them:
                yield f"{self} keeps {what}: {list(them)}"
