"""What nodes say to each other about their sockets: frames for seats elsewhere, and seats that move.

A frame goes to the node that holds the seat, which is known from the room's log. When a seat is resumed on
another node, that one asks the former for what the client has missed; the former hands it over and sends on
what still comes in. Whoever had sent to the former node before lets a mark follow its last frame there, and
waits until the mark has come through to the new one: so a frame never overtakes those sent before it.

What is sent to a node that is no more comes back: a frame then waits for its seat to be resumed. The client
is told that something was lost, but whoever is back already calls it, and that call must not be.
"""

from __future__ import annotations

import asyncio
from typing import Final

import msgspec
import structlog
from msgspec import Struct

from signaling.contract.errors import ErrorCode, SignalingError
from signaling.domain.events import Seat
from signaling.domain.room import Room
from signaling.realtime.hub import Hub, LocalRoom, Member, Occupant, Route
from signaling.rooms.ports import Post
from signaling.rooms.writer import unavailable
from signaling.telemetry.metrics import Metrics

HANDOVER_SECONDS: Final = 3.0
"""How long a seat's former node is waited for; it answers within milliseconds if it lives."""

HEARD_SECONDS: Final = 1.0
"""How long a seat's former node, when it was asked, stays for those who have not heard yet that it moved."""

MARK_SECONDS: Final = 10.0
"""How long a mark is waited for; should its node have died, it comes back sooner."""

AGAIN_SECONDS: Final = 1.0
"""How long a frame waits that could not be delivered, until it is tried again: its node may hear by then."""

MOVED_SECONDS: Final = 60.0
"""How long a node knows where its former seats went: until all others have long heard of it."""

_log = structlog.stdlib.get_logger("signaling.exchange")


class _Note(Struct, frozen=True, array_like=True, tag=True):
    code: str
    socket_id: str


class Carry(_Note, frozen=True, array_like=True, tag="c"):
    """A frame for a seat."""

    sender: str
    """The seat it comes from."""
    place: tuple[int, int]
    """Its place among what that one sends: the generation of its seat, and a number that grows."""
    frame: bytes


class Ask(_Note, frozen=True, array_like=True, tag="a"):
    """What has the seat missed, which is mine since ``version``?"""

    generation: int
    version: int
    received: int


class HandOver(_Note, frozen=True, array_like=True, tag="h"):
    """That; None: it is not known any more."""

    generation: int
    missed: list[bytes] | None


class Mark(_Note, frozen=True, array_like=True, tag="m"):
    """To the former node: this follows the last frame that I sent you for the seat, which has moved."""

    origin: str
    generation: int
    """Of the seat since then."""


class Passed(_Note, frozen=True, array_like=True, tag="p"):
    """From a former node to the one after it: the mark of ``origin``, behind what came before it."""

    origin: str


class Arrived(_Note, frozen=True, array_like=True, tag="d"):
    """To the origin: the mark has come through."""


Note = Carry | Ask | HandOver | Mark | Passed | Arrived

_encode: Final = msgspec.msgpack.Encoder().encode
_decode: Final = msgspec.msgpack.Decoder(Note).decode

_Key = tuple[str, str]


class _Moved:
    """A seat that was here."""

    __slots__ = ("generation", "handed", "heard", "marks", "node", "owed_until", "replay", "version")

    def __init__(self, node: str, generation: int, version: int, member: Member, owed_until: float) -> None:
        self.node = node
        self.generation = generation
        self.version = version
        self.replay = member.replay
        self.heard = member.heard
        self.owed_until = owed_until
        self.handed = False
        self.marks: list[str] = []


class _Awaited(Struct):
    """A seat that was resumed here, until its former node has answered."""

    local: LocalRoom
    member: Member
    arrived: Occupant
    room: Room
    """As it was when the seat was resumed: what happened since waits behind."""
    generation: int
    received: int
    done: asyncio.Future[None]
    timer: asyncio.TimerHandle


class Exchange:
    """This node's side of it."""

    def __init__(self, hub: Hub, post: Post, metrics: Metrics) -> None:
        """Listens from now on."""
        self._hub = hub
        self._handovers = metrics.handovers
        self._post = post
        self._loop = asyncio.get_running_loop()
        self._moved: dict[_Key, _Moved] = {}
        self._asked: dict[_Key, tuple[str, Ask]] = {}
        self._awaited: dict[_Key, _Awaited] = {}
        self._marked: dict[_Key, list[str]] = {}
        """Marks that came before this node heard that the seat moved."""
        post.listen(self._receive, lost=self._lost, undelivered=self._undelivered)

    # Frames

    def relay(self, local: LocalRoom, socket_id: str, sender: Seat, number: int, frame: bytes) -> None:
        """Send a frame to a seat that is on another node, or was while frames are still on their way there.

        ``number`` grows with each that ``sender`` sends as long as it is on one socket.
        Raises SignalingError `peer_not_found` if there is no such seat, `server_error` if too much waits
        for it.
        """
        route = local.routes.get(socket_id)
        if route is None:
            seat = local.seat(socket_id)
            if seat is None or seat.node == self._hub.node:
                raise SignalingError(ErrorCode.PEER_NOT_FOUND)
            route = local.routes[socket_id] = Route(seat.node)
        note = Carry(local.code, socket_id, sender.socket_id, (sender.generation, number), frame)
        if route.waiting is not None:
            limits = self._hub.limits
            if len(route.waiting) >= limits.frames or route.bytes + len(frame) > limits.total_bytes:
                raise unavailable("Too much waits for this participant, who cannot be reached now")
            route.keep(note)
        elif not self._say(route.node, note):
            raise unavailable("Too much waits for the node of this participant")

    def _carry(self, note: Carry) -> None:
        local = self._hub.room(note.code)
        if local is not None:
            member = local.members.get(note.socket_id)
            if member is not None:
                self._deliver(local, member, note)
                return
            if local.keep_early(note.socket_id, note.frame):
                return
        moved = self._moved.get((note.code, note.socket_id))
        if moved is None:
            return  # Its seat has ended; the sender is being told so.
        if moved.handed:
            self._say(moved.node, note)
        elif _is_next(note, moved.heard):
            moved.replay.add(note.frame)
        else:
            moved.replay.lose()

    def _deliver(self, local: LocalRoom, member: Member, note: Carry) -> None:
        """Give a frame to its seat. One that was overtaken by later ones of its sender is lost instead.

        That happens where the sender came back to another node while the former could reach nobody.
        """
        former = local.members.get(note.sender)
        if former is not None and former.seat.generation < note.place[0]:
            # This is that former node, and hears of it here first: the old socket has no more say.
            former.replaced()
        if _is_next(note, member.heard):
            member.send(note.frame)
        else:
            _lose(member)

    # Seats that move away

    def moved(self, local: LocalRoom, member: Member, node: str, generation: int, version: int) -> None:
        """A seat of this node was resumed on another."""
        key = (local.code, member.seat.socket_id)
        moved = self._moved[key] = _Moved(
            node, generation, version, member, self._loop.time() + HANDOVER_SECONDS
        )
        self._loop.call_later(MOVED_SECONDS, self._forget, key, moved)
        moved.marks += self._marked.pop(key, ())
        asked = self._asked.pop(key, None)
        if asked is not None:
            self._hand_over(*asked, moved)
        else:
            self._loop.call_later(HANDOVER_SECONDS, self._unasked, key, moved)

    def _unasked(self, key: _Key, moved: _Moved) -> None:
        """Its new node asked in vain, and waits no more; what came for the seat since is to be told of."""
        if self._moved.get(key) is moved and not moved.handed:
            self._hand_over(moved.node, Ask(*key, moved.generation, 0, 0), moved)

    def stayed(self, local: LocalRoom, socket_id: str) -> None:
        """A seat of this node has ended, or is back already: it does not move from here."""
        key = (local.code, socket_id)
        asked = self._asked.pop(key, None)
        if asked is not None:
            sender, note = asked
            self._say(sender, HandOver(*key, note.generation, None))
        for origin in self._marked.pop(key, ()):
            self._say(origin, Arrived(*key))

    def owes_seats(self) -> bool:
        """Whether other nodes may still ask for what they took over from here, or send by the former way."""
        now = self._loop.time()
        return any(now < moved.owed_until for moved in self._moved.values())

    def _forget(self, key: _Key, moved: _Moved) -> None:
        if self._moved.get(key) is moved:
            del self._moved[key]

    def _ask(self, sender: str, note: Ask) -> None:
        key = (note.code, note.socket_id)
        moved = self._moved.get(key)
        if moved is not None and moved.generation == note.generation:
            self._hand_over(sender, note, moved)
            return
        local = self._hub.room(note.code)
        member = None if local is None else local.members.get(note.socket_id)
        if member is not None and member.seat.generation < note.generation:
            # Answered when this node hears of it, in its place in the log.
            self._asked[key] = (sender, note)
        else:
            self._say(sender, HandOver(note.code, note.socket_id, note.generation, None))

    def _hand_over(self, sender: str, note: Ask, moved: _Moved) -> None:
        # Told of the room up to the same version there and here, or else something would be missing or twice.
        exact = 0 != note.version == moved.version and sender == moved.node and not moved.handed
        missed = moved.replay.since(note.received) if exact else None
        self._say(sender, HandOver(note.code, note.socket_id, note.generation, missed))
        moved.handed = True
        moved.owed_until = self._loop.time() + HEARD_SECONDS
        for origin in moved.marks:
            self._say(moved.node, Passed(note.code, note.socket_id, origin))
        moved.marks = []

    # Seats that come

    def fetch(
        self, local: LocalRoom, member: Member, former: str, room: Room, version: int, arrived: Occupant
    ) -> asyncio.Future[None]:
        """Get what a seat has missed from its former node, and let its socket have it.

        ``room`` is as it was right after the resume; for ``version`` see `Elsewhere.moved`. The result raises
        SignalingError if the seat ended meanwhile.
        """
        seat = member.seat
        key = (local.code, seat.socket_id)
        self._moved.pop(key, None)
        received = arrived.resuming_from
        assert received is not None
        done: asyncio.Future[None] = self._loop.create_future()
        timer = self._loop.call_later(HANDOVER_SECONDS, self._fetched, key, seat.generation, None)
        self._awaited[key] = _Awaited(local, member, arrived, room, seat.generation, received, done, timer)
        ask = Ask(*key, seat.generation, version, received)
        if not self._say(former, ask):
            self._fetched(key, seat.generation, None)
        return done

    def _fetched(self, key: _Key, generation: int, missed: list[bytes] | None) -> None:
        awaited = self._awaited.get(key)
        if awaited is None or awaited.generation != generation:
            self._fetched_late(key, generation, missed)
            return
        del self._awaited[key]
        awaited.timer.cancel()
        member, local = awaited.member, awaited.local
        if local.members.get(key[1]) is not member or local.room is None:
            awaited.done.set_exception(SignalingError(ErrorCode.RESUME_FAILED))
            return
        room = awaited.room
        later = member.replay.kept
        if len(later) <= member.replay.sent:
            # Some of it is lost already: the room as it is now is the truth, and nothing else is.
            missed, later, room = None, [], local.room
        self._handovers.labels("not_recovered" if missed is None else "recovered").inc()
        if missed is None:
            # So that the socket is told that something is missing.
            member.replay.restart(-1)
        else:
            # All of it is replayed, what was told since the resume included.
            member.replay.follow(awaited.received, missed)
            later, room = [], local.room
        local.overtake(member.seat)
        awaited.arrived.resumed(local, room, member)
        for frame in later:
            member.send(frame)
        seat = local.seat(key[1])
        if seat is not None and seat.held_until is not None and member.occupant is not None:
            # This node was taken for dead meanwhile.
            self._hub.regain(local, member)
        awaited.done.set_result(None)

    def _fetched_late(self, key: _Key, generation: int, missed: list[bytes] | None) -> None:
        """The socket was told already that it missed something; its former node may have got more since."""
        local = self._hub.room(key[0])
        member = None if local is None else local.members.get(key[1])
        if member is not None and member.seat.generation == generation and missed != []:
            _lose(member)

    # Those who send to a seat that moved

    def reroute(self, local: LocalRoom, seat: Seat) -> None:
        """A seat to which frames were sent from here is on another node now, or on this one."""
        socket_id = seat.socket_id
        route = local.routes.get(socket_id)
        if route is None or route.node == seat.node:
            return
        former, route.node = route.node, seat.node
        if route.marking:
            return  # The mark that is under way goes where the seat went.
        if route.waiting is not None:
            # They came back from the former node: nothing is on its way there.
            self._release(local, socket_id, route)
            return
        self._wait(local, socket_id, route, MARK_SECONDS)
        route.marking = True
        if not self._say(former, Mark(local.code, socket_id, self._hub.node, seat.generation)):
            self._release(local, socket_id, route)

    def ended(self, local: LocalRoom, socket_id: str) -> None:
        """A seat has ended: nothing need wait for it."""
        route = local.routes.pop(socket_id, None)
        if route is not None and route.let_go() is not None:
            self._hub.release(local)

    def _mark(self, note: Mark) -> None:
        key = (note.code, note.socket_id)
        local = self._hub.room(note.code)
        member = None if local is None else local.members.get(note.socket_id)
        if member is not None and member.seat.generation < note.generation:
            self._marked.setdefault(key, []).append(note.origin)
        elif member is not None:
            # The seat is back. What was sent on after it came with it.
            self._say(note.origin, Arrived(*key))
        else:
            self._passed(Passed(*key, note.origin))

    def _passed(self, note: Passed) -> None:
        moved = self._moved.get((note.code, note.socket_id))
        if moved is None:
            self._say(note.origin, Arrived(note.code, note.socket_id))
        elif moved.handed:
            self._say(moved.node, note)
        else:
            moved.marks.append(note.origin)

    def _marked_through(self, code: str, socket_id: str) -> None:
        local = self._hub.room(code)
        route = None if local is None else local.routes.get(socket_id)
        if local is not None and route is not None and route.marking:
            self._release(local, socket_id, route)

    def _wait(self, local: LocalRoom, socket_id: str, route: Route, seconds: float) -> None:
        """From now on frames for the seat wait, but no longer than this."""
        route.waiting = []
        route.timer = self._loop.call_later(seconds, self._release, local, socket_id, route)
        # The room is not let go meanwhile, whoever leaves.
        local.visitors += 1

    def _release(self, local: LocalRoom, socket_id: str, route: Route) -> None:
        """What waits goes: what was before it is there, or never will be."""
        notes = route.let_go()
        if notes is None:
            return
        if local.routes.get(socket_id) is route:
            if route.node == self._hub.node:
                del local.routes[socket_id]
            for number, note in enumerate(notes):
                if not self._forward(local, route.node, note):
                    # Too much waits for the node.
                    self._wait(local, socket_id, route, AGAIN_SECONDS)
                    for later in notes[number:]:
                        route.keep(later)
                    break
        # Else the seat has ended.
        self._hub.release(local)

    def _forward(self, local: LocalRoom, node: str, note: Carry) -> bool:
        if node != self._hub.node:
            return self._say(node, note)
        if (member := local.members.get(note.socket_id)) is not None:
            self._deliver(local, member, note)
        return True

    def _came_back(self, note: Carry, node: str) -> None:
        """A frame did not reach a node, at which nobody listens."""
        local = self._hub.room(note.code)
        seat = None if local is None else local.seat(note.socket_id)
        if local is None or seat is None:
            return
        route = local.routes.get(note.socket_id)
        if seat.node != node and self._forward(local, seat.node, note):
            # What was sent since the seat moved waits for the mark, which comes back after this.
            return
        if route is None:
            route = local.routes[note.socket_id] = Route(seat.node)
        if route.waiting is None:
            self._wait(local, note.socket_id, route, AGAIN_SECONDS)
        route.keep(note, first=route.marking)

    # The post

    def _say(self, node: str, note: Note) -> bool:
        if node == self._hub.node:
            self._loop.call_soon(self._take, node, note)
            return True
        return self._post.send(node, _encode(note))

    def _receive(self, sender: str, message: bytes) -> None:
        try:
            note = _decode(message)
        except msgspec.DecodeError as error:
            # As a newer version of the service may say while an update is under way.
            _log.warning("note_not_understood", sender=sender, error=str(error))
            return
        self._take(sender, note)

    def _take(self, sender: str, note: Note) -> None:
        match note:
            case Carry():
                self._carry(note)
            case Ask():
                self._ask(sender, note)
            case HandOver():
                self._fetched((note.code, note.socket_id), note.generation, note.missed)
            case Mark():
                self._mark(note)
            case Passed():
                self._passed(note)
            case Arrived():
                self._marked_through(note.code, note.socket_id)

    def _undelivered(self, node: str, messages: list[bytes]) -> None:
        """Nobody listens at a node: as a rule it is no more, and what it had is gone."""
        for message in messages:
            match _decode(message):
                case Carry() as note:
                    self._came_back(note, node)
                case Ask(code=code, socket_id=socket_id, generation=generation):
                    if (code, socket_id) in self._awaited:
                        self._fetched((code, socket_id), generation, None)
                case Mark(code=code, socket_id=socket_id):
                    self._marked_through(code, socket_id)
                case HandOver() as note:
                    self._loop.call_later(AGAIN_SECONDS, self._hand_over_again, node, note)
                case _:
                    pass  # It need not be waited for longer than MARK_SECONDS.

    def _hand_over_again(self, node: str, note: HandOver) -> None:
        """Whoever asked is no more, as a rule; if it is, it must not believe that nothing was missed."""
        local = self._hub.room(note.code)
        seat = None if local is None else local.seat(note.socket_id)
        if seat is not None and seat.node == node and seat.generation == note.generation:
            self._say(node, note)

    def _lost(self, sender: str) -> None:
        """Messages of a node were lost; whose is not known. All are told who may have missed one."""
        for (code, socket_id), moved in list(self._moved.items()):
            followed = self._hub.room(code)
            if followed is not None and not followed.has_seats_of(sender):
                continue
            moved.replay.lose()
            if moved.handed:
                self._say(moved.node, HandOver(code, socket_id, moved.generation, None))
        for local in self._hub.rooms():
            if local.has_seats_of(sender):
                for member in list(local.members.values()):
                    _lose(member)


def _is_next(note: Carry, heard: dict[str, tuple[int, int]]) -> bool:
    """Whether it comes after all that was heard of its sender, which it then counts to."""
    if note.place <= heard.get(note.sender, (0, 0)):
        return False
    heard[note.sender] = note.place
    return True


def _lose(member: Member) -> None:
    """Something was lost on its way to a member: it is told so, now or when it comes back."""
    member.replay.lose()
    if member.occupant is not None:
        member.occupant.missed_something()
