"""One schedule: who does what when, and what fails, all by one seed; and what must be true in the end."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import logging
import random
import traceback
from collections.abc import Callable, Iterator
from typing import Any, Final

import structlog
from msgspec import Struct
from msgspec.structs import replace

from signaling import asgi
from signaling.backends.redis import post
from signaling.contract.errors import SignalingError
from signaling.contract.types import ConnectionState, RoomState
from signaling.domain import commands
from signaling.domain.room import Room
from signaling.realtime.exchange import MOVED_SECONDS
from signaling.rooms import codes, membership
from signaling.rooms.ports import LEASE_SECONDS
from signaling.rooms.service import NewRoom
from signaling.settings import Settings
from simulation.client import Client, Sent
from simulation.clock import PROCESS, Process, Stuck, VirtualLoop
from simulation.node import Node
from simulation.world import World

SETTLE_SECONDS: Final = 60.0
"""Until when all must be in order again: leases, grace periods, silent lines and retries together."""

SETTINGS: Final = replace(
    Settings.from_environment({"API_KEY": "only-for-the-simulation"}),
    join_timeout_seconds=8,
    outbox_bytes=6000,
    replay_bytes=3000,
    unknown_codes_per_minute=100_000,
)

AUDIT_SECONDS: Final = 12.0
"""Instead of a minute, which few schedules last."""

_CLIENT: Final = {
    "call": 30,
    "converse": 10,
    "cut": 6,
    "half_open": 4,
    "move": 6,
    "leave": 2,
    "close": 2,
    "vanish": 1,
    "stall": 2,
    "thief": 2,
    "ping": 4,
    "newcomer": 4,
}
_NODE: Final = {"kill": 2, "pause": 4, "long_pause": 1, "drain": 3}
_STORE: Final = {"isolate": 3, "break_lines": 6, "outage": 1, "errors": 4, "slow": 3}
_ROOM: Final = {"close_room": 1, "create": 2}

LEASES: Final = {"call": 10, "ping": 2, "move": 1, "outlive_lease": 6, "outage": 2}
"""Nodes are taken for dead, and are not."""

MOODS: Final = (
    LEASES,
    _CLIENT,
    {**_CLIENT, **_NODE},
    {**_CLIENT, **_STORE},
    {**_CLIENT, **_ROOM, **_NODE, **_STORE},
    {**_CLIENT, **_ROOM, **_NODE, **_STORE},
    {"call": 10, "move": 10, "cut": 5, "kill": 2, "drain": 2, "break_lines": 4, "pause": 2, "ping": 2},
)
"""What may happen in a schedule, and how often."""


class Outcome(Struct):
    """What became of a schedule."""

    seed: int
    faults: list[str]
    record: str

    @property
    def digest(self) -> str:
        """Of all that happened."""
        return hashlib.sha256(self.record.encode()).hexdigest()


class Schedule:
    """The nodes and clients of one world, and what happens to them."""

    def __init__(self, world: World) -> None:
        """Decides how large the world is."""
        draw = world.random
        self.world = world
        self.size = draw.choice((1, 2, 3, 3, 3))
        self.alone = self.size == 1 and draw.random() < 0.7
        world.grace = draw.choice((0, 2, 3, 3, 5))
        self.slots: list[Node | None] = [None] * self.size
        self.rooms: list[str] = []
        self.mood = draw.choice(MOODS)
        world.flawless = self.mood is _CLIENT
        self.seconds = draw.uniform(3.0, 12.0)
        if self.mood is LEASES:
            world.grace = draw.choice((0, 6))
            self.seconds = draw.uniform(14.0, 20.0)
        self.settings = replace(
            SETTINGS, reconnect_grace_seconds=world.grace, replay_frames=draw.choice((6, 40, 200, 200))
        )

    async def run(self) -> None:
        """From the beginning to the end."""
        world = self.world
        for slot in range(self.size):
            self._start(slot)
        self._make_rooms()
        for _ in range(world.random.randint(2, 5)):
            world.later(world.random.uniform(0.0, 1.5), self._newcomer)
        for _ in range(world.random.randint(10, 45)):
            world.later(world.random.uniform(0.5, self.seconds), self._act)
        await asyncio.sleep(self.seconds)
        self._heal()
        await self._settled(self._unsettled)
        await self._all_heard()
        world.truth.check_logs()
        world.truth.statistics(world.wall_clock())
        for client in world.clients:
            world.random.choice((client.close, client.leave_for_good))()
        if world.chance(0.03):
            await asyncio.sleep(MOVED_SECONDS + 1.0)
        await self._settled(self._left_over)
        world.truth.check_logs()

    # The world

    def _start(self, slot: int) -> None:
        number = len(self.world.nodes)
        self.slots[slot] = Node(self.world, f"node {slot}.{number}", self.settings, alone=self.alone)

    def _make_rooms(self) -> None:
        draw = self.world.random
        for number in range(draw.choice((1, 1, 2))):
            code = f"rm{number}222"
            short = draw.random() < 0.1
            self.world.truth.do(
                code,
                commands.Create(
                    code=code,
                    owner_id=None,
                    ttl=round(1000 * draw.uniform(3.0, 15.0)) if short else 3_600_000,
                    max_participants=draw.choice((2, 3, 6)),
                    retention=5000 if short else 3_600_000,
                ),
                self.world.wall_clock(),
            )
            self.rooms.append(code)

    def _newcomer(self) -> None:
        client = Client(
            self.world, self, f"client {len(self.world.clients)}", self.world.random.choice(self.rooms)
        )
        client.connect()

    def some_node(self) -> Node | None:
        """One that a balancer may choose: it was started, and was not told to end."""
        nodes = [node for node in self.slots if node is not None and not (node.dead or node.draining)]
        return self.world.random.choice(nodes) if nodes else None

    def _act(self) -> None:
        if self.world.calm:
            return
        kinds, weights = list(self.mood), list(self.mood.values())
        getattr(self, f"_do_{self.world.random.choices(kinds, weights)[0]}")()

    # What clients do

    def _some_client(self) -> Client | None:
        seated = [client for client in self.world.clients if client.seated]
        return self.world.random.choice(seated) if seated else None

    def _do_call(self) -> None:
        draw = self.world.random
        client = self._some_client()
        if client is not None and client.view:
            targets = list(client.view)
            for _ in range(draw.randint(1, 6)):
                client.call(draw.choice(targets))
            if draw.random() < 0.7:
                client.ping(acknowledge=draw.random() < 0.3)

    def _do_converse(self) -> None:
        """Calls over a while, through whatever happens."""
        client = self._some_client()
        if client is None or not client.view:
            return
        target = self.world.random.choice(list(client.view))
        for number in range(self.world.random.randint(4, 12)):
            self.world.later(number * 0.03, self._call, client, target)

    def _call(self, client: Client, target: str) -> None:
        if not self.world.calm:
            client.call(target)

    def _do_cut(self) -> None:
        if client := self._some_client():
            client.lose_line(noticed=self.world.random.choice((0.0, 0.01, 0.3)))

    def _do_half_open(self) -> None:
        if client := self._some_client():
            client.lose_line(noticed=None)

    def _do_move(self) -> None:
        """To another node at once, as after a change of networks."""
        if client := self._some_client():
            client.lose_line(noticed=self.world.random.choice((None, 0.0)), again=False)
            client.connect()

    def _do_leave(self) -> None:
        if client := self._some_client():
            client.leave()

    def _do_close(self) -> None:
        if client := self._some_client():
            client.close()

    def _do_vanish(self) -> None:
        if client := self._some_client():
            client.vanish()

    def _do_stall(self) -> None:
        if client := self._some_client():
            client.stall(self.world.random.uniform(0.1, 3.0))
            for other in self.world.clients:
                for _ in range(40 if other.view.get(client.seat_id or "") else 0):
                    other.call(client.seat_id or "")

    def _do_thief(self) -> None:
        if client := self._some_client():
            client.try_old_token()

    def _do_ping(self) -> None:
        if client := self._some_client():
            client.ping()

    def _do_newcomer(self) -> None:
        if len(self.world.clients) < 9:
            self._newcomer()

    # What fails

    def _some_living(self) -> tuple[int, Node] | None:
        living = [(slot, node) for slot, node in enumerate(self.slots) if node is not None and not node.dead]
        return self.world.random.choice(living) if living else None

    def _do_kill(self) -> None:
        if found := self._some_living():
            found[1].kill()
            self.world.later(self.world.random.uniform(0.1, 4.0), self._restart, *found)

    def _do_drain(self) -> None:
        if found := self._some_living():
            found[1].drain()
            self.world.later(self.world.random.uniform(0.5, 5.0), self._restart, *found)

    def _restart(self, slot: int, node: Node) -> None:
        if self.slots[slot] is node:
            if node.dead:
                self._start(slot)
            else:
                self.world.later(0.3, self._restart, slot, node)

    def _do_pause(self) -> None:
        if found := self._some_living():
            found[1].pause(self.world.random.uniform(0.1, 3.0))

    def _do_long_pause(self) -> None:
        if found := self._some_living():
            found[1].pause(self.world.random.uniform(5.0, 14.0))

    def _do_outlive_lease(self) -> None:
        # Before, nobody would look for lapsed leases.
        found = self._some_living()
        if found is not None and self.world.now > LEASE_SECONDS + 2.5:
            seconds = LEASE_SECONDS + self.world.random.uniform(0.5, 2.0)
            if self.world.chance(0.5):
                found[1].pause(seconds)
            else:
                found[1].link.cut = True
                self.world.note(found[1], f"cannot reach the store for {seconds:.2f} s")
                self._ail(found[1], seconds)

    def _ail(self, node: Node, seconds: float) -> None:
        node.trouble(begins=True)
        self.world.later(seconds, node.heal)

    def _do_isolate(self) -> None:
        if found := self._some_living():
            self.world.note(found[1], "cannot reach the store")
            found[1].link.cut = True
            self._ail(found[1], self.world.random.choice((0.5, 2.0, 4.0, 9.0, 14.0)))

    def _do_errors(self) -> None:
        if found := self._some_living():
            self.world.note(found[1], "has trouble with the store")
            found[1].link.errors = self.world.random.choice((0.1, 0.4))
            self._ail(found[1], self.world.random.uniform(0.5, 4.0))

    def _do_slow(self) -> None:
        if found := self._some_living():
            self.world.note(found[1], "has a slow store")
            found[1].link.slowness = self.world.random.choice((20.0, 60.0))
            self._ail(found[1], self.world.random.uniform(0.5, 4.0))

    def _do_break_lines(self) -> None:
        if found := self._some_living():
            draw = self.world.random
            self.world.note(found[1], "loses lines to the broker")
            for connection in list(found[1].link.connections):
                if draw.random() < 0.7:
                    here, there = draw.choice(((0.0, 0.0), (0.0, 1.0), (0.5, 0.0), (6.0, 2.0)))
                    connection.break_(noticed_here=here, noticed_there=there)

    def _do_outage(self) -> None:
        seconds = self.world.random.choice((0.5, 3.0, 5.5, 8.0, 12.0))
        self.world.note("store", f"is away for {seconds} s")
        self.world.store_down = True
        for node in self.world.nodes:
            for connection in list(node.link.connections):
                connection.break_()
        self.world.later(seconds, self._end_outage)

    def _end_outage(self) -> None:
        if self.world.store_down:
            self.world.note("store", "is back")
            self.world.store_down = False

    # What the platform does

    def _at_some_node(self, work: Callable[[Any], Any]) -> None:
        """A REST call."""
        node = self.some_node()
        if node is not None and node.running is not None and not node.process.stopped:
            rooms = node.running.rooms

            async def call() -> None:
                with contextlib.suppress(SignalingError):
                    await work(rooms)

            self.world.loop.create_task(call(), context=node.process.context)

    def _do_close_room(self) -> None:
        code = self.world.random.choice(self.rooms)
        self.world.note("platform", f"closes {code}")
        self._at_some_node(lambda rooms: rooms.close(code))

    def _do_create(self) -> None:
        key = self.world.random.choice(("a", "b", None))

        async def create(rooms: Any) -> None:
            room, _ = await rooms.create(NewRoom(max_participants=4), key)
            if room.code not in self.world.truth.logs:
                self.world.fault(f"{room.code} was acknowledged, and is not there")
            if room.code not in self.rooms:
                self.rooms.append(room.code)

        self._at_some_node(create)

    # The end

    def _heal(self) -> None:
        self.world.note("world", "FAULTS ARE OVER")
        self.world.calm = True
        self._end_outage()
        for slot, node in enumerate(self.slots):
            if node is not None:
                node.heal()
                if node.dead or node.draining:
                    self._restart(slot, node)

    async def _settled(self, wrong: Callable[[], Iterator[str]]) -> None:
        """Returns when nothing is wrong any more; what still is at the end of time is a fault."""
        deadline = self.world.now + SETTLE_SECONDS
        while (found := next(wrong(), None)) is not None and self.world.now < deadline:
            await asyncio.sleep(0.25)
            for slot, node in enumerate(self.slots):
                if node is None or node.dead:
                    self._start(slot)
        if found is not None:
            for one in wrong():
                self.world.fault(f"never mended: {one}")

    def _unsettled(self) -> Iterator[str]:
        """What is not as the store has it."""
        for node in self.slots:
            if node is None or node.running is None or node.draining:
                yield f"{node} does not serve"
        sitting: dict[str, Client] = {}
        for client in self.world.clients:
            if client.seated and client.seat_id is not None:
                sitting[client.seat_id] = client
            elif client.wants_in and not self._hopeless(client):
                yield f"{client} is not in"
        rooms = [room for room in self.world.truth.rooms.values() if room.state is RoomState.OPEN]
        for room in rooms:
            yield from self._differs(room, sitting)
        for socket_id, client in sitting.items():
            if not any(socket_id in room.seats for room in rooms):
                yield f"{client} sits on {socket_id}, which has ended"

    def _differs(self, room: Room, sitting: dict[str, Client]) -> Iterator[str]:
        """Where those who sit in the room, and what they see of it, are not what is true."""
        for socket_id, seat in room.seats.items():
            client = sitting.get(socket_id)
            if client is None or client.socket is None:
                yield f"nobody sits on {socket_id} in {room.code}"
                continue
            if seat.held_until is not None:
                yield f"{socket_id} is being kept in {room.code}"
            if seat.node != client.socket.node.id:
                yield f"{client} is at {client.socket.node}, not {seat.node}"
            truth = {other.socket_id: other.connection for other in room.seats.values()}
            del truth[socket_id]
            if client.view != truth:
                yield f"{client} sees {sorted(client.view)} where there is {sorted(truth)}"

    def _hopeless(self, client: Client) -> bool:
        room = self.world.truth.rooms.get(client.room_code)
        return room is None or room.state is not RoomState.OPEN or len(room.seats) >= room.max_participants

    async def _all_heard(self) -> None:
        """What was sent in peace arrives, and what was sent before did, unless its receiver knows better."""
        world = self.world
        for client in world.clients:
            for target, connection in client.view.items():
                if connection is ConnectionState.CONNECTED:
                    client.call(target)
            client.ping()
        await self._settled(self._missing)

    def _missing(self) -> Iterator[str]:
        sitting = {client.seat_id: client for client in self.world.clients if client.seated}
        for sender in self.world.clients:
            if sender.seated and sender._unanswered:
                yield f"{sender} has no answer to {list(sender._unanswered)}"
            for sent in sender.sent:
                receiver = sitting.get(sent.target)
                # What is said before leaving may be too late to be heard.
                if not (sender.seated and sender.seat_id == sent.sender and sent.accepted):
                    continue
                if sent.at < sender.joined_at:
                    continue
                # So may be what could not be said for a while, from where its sender has gone.
                if self.mood.keys() & _STORE.keys() and (
                    sender.socket is None or sender.socket.node is not sent.node
                ):
                    continue
                if receiver is not None and self._is_owed(sent, receiver):
                    yield f"{receiver} never hears number {sent.number} of {sent.sender}"

    def _is_owed(self, sent: Sent, receiver: Client) -> bool:
        if (sent.sender, sent.number) in receiver.got:
            return False
        if sent.at < max(receiver.unrecovered_at, receiver.joined_at):
            return False
        # What a node had not said yet when it was killed is lost. So may be what it did not get to say, or to
        # hear, if it ended while its lines were broken.
        if self.mood.keys() & _STORE.keys():
            concerned = self.world.nodes
        else:
            concerned = [sent.node] if sent.node.killed else []
        return not any(
            node.ended_at is not None and sent.at - 2.0 < node.ended_at < sent.at + 20.0 for node in concerned
        )

    def _left_over(self) -> Iterator[str]:
        for code, room in self.world.truth.rooms.items():
            if room.seats and room.state is RoomState.OPEN:
                yield f"{list(room.seats)} in {code}, though all have left"
        for node in self.slots:
            if node is not None:
                yield from node.leftovers()


class _Chance:
    """What `secrets` is to the service."""

    def __init__(self, seed: int) -> None:
        draw = random.Random(seed)
        self.token_bytes = draw.randbytes
        self._bits = draw.getrandbits

    def token_hex(self, count: int) -> str:
        return f"{self._bits(8 * count):0{2 * count}x}"


class _Time:
    """What `time` is to the composition root."""

    def __init__(self, world: World) -> None:
        self.monotonic = world.loop.time
        self.time_ns = lambda: 1_000_000 * world.wall_clock()


@contextlib.contextmanager
def _patched(*patches: tuple[Any, str, Any]) -> Iterator[None]:
    with contextlib.ExitStack() as stack:
        for place, name, value in patches:
            stack.callback(setattr, place, name, getattr(place, name))
            setattr(place, name, value)
        yield


@contextlib.contextmanager
def _heard_logs(world: World, level: int) -> Iterator[None]:
    """What the service logs as an error is one. What else it logs is only for the record."""

    def processor(_logger: Any, method: str, event: Any) -> Any:
        if method in ("error", "exception", "critical"):
            world.fault(f"logged {event}")
        else:
            process = PROCESS.get()
            world.note(process.name if process is not None else "?", f"logs {event}")
        raise structlog.DropEvent

    before = structlog.get_config()
    structlog.configure(
        processors=[processor],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        cache_logger_on_first_use=False,
    )
    try:
        yield
    finally:
        structlog.configure(**before)


def simulate(seed: int, *, level: int = logging.ERROR) -> Outcome:
    """Run the schedule of this seed; what the service logs from ``level`` on is recorded, too."""
    loop = VirtualLoop()
    world = World(seed, loop)

    def unhandled(_loop: Any, context: dict[str, Any]) -> None:
        error = context.get("exception")
        trace = "" if error is None else "".join(traceback.format_exception(error))
        world.fault(f"{context['message']}: {error!r} {trace}")

    loop.set_exception_handler(unhandled)
    chance = _Chance(seed)
    with (
        _patched(
            (membership, "AUDIT_SECONDS", AUDIT_SECONDS),
            (codes, "secrets", chance),
            (codes, "_letters", codes.Letters()),
            (post, "secrets", chance),
            (asgi, "time", _Time(world)),
        ),
        _heard_logs(world, level),
    ):
        try:
            loop.run_until_complete(_whole(world))
        except Stuck as error:
            world.fault(str(error))
        finally:
            world.over = True
            _end(world)
            loop.close()
    return Outcome(seed, world.faults, f"seed {seed}\n{world.record()}")


async def _whole(world: World) -> None:
    await Schedule(world).run()


def _end(world: World) -> None:
    """Let everything end that still runs, where it touches nothing any more."""
    loop = world.loop
    for node in world.nodes:
        process: Process = node.process
        node.dead = True
        loop.thaw(process)
    tasks: list[asyncio.Task[Any]] = []
    for _ in range(20):
        tasks = [task for task in asyncio.all_tasks(loop) if not task.done()]
        if not tasks:
            return
        for task in tasks:
            task.cancel()
        loop.run_until_complete(asyncio.wait(tasks, timeout=1.0))
    raise AssertionError(f"these do not end: {tasks}")
