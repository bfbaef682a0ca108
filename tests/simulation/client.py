"""A participant: joins, calls the others, loses its line, comes back; and checks all that it hears."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

import msgspec
from msgspec import Struct

from signaling.contract import messages
from signaling.contract.errors import CloseCode, ErrorCode
from signaling.contract.messages import Participant, ServerMessage
from signaling.contract.types import ConnectionState, LeftReason, RoomLeftReason
from signaling.domain.events import ParticipantLeft
from simulation.socket import Socket
from simulation.world import World

if TYPE_CHECKING:
    from simulation.node import Node
    from simulation.schedule import Schedule

PATIENCE: Final = 5.0
"""Seconds for which a client waits for an answer."""

_decode: Final = msgspec.json.Decoder(ServerMessage).decode

RETRY: Final = (ErrorCode.SERVER_ERROR, ErrorCode.RATE_LIMITED, ErrorCode.ROOM_FULL)


class Sent(Struct, eq=False):
    """A frame that was sent to another participant."""

    sender: str
    target: str
    number: int
    at: float
    node: Node
    accepted: bool | None = None
    """Whether the service took it; None: nobody knows."""


class Client:
    """One browser tab."""

    def __init__(self, world: World, schedule: Schedule, name: str, room_code: str) -> None:
        """Will be wanting to join the room, once told to `connect`."""
        self.world = world
        self.schedule = schedule
        self.name = name
        self.room_code = room_code
        self.address = f"192.0.2.{len(world.clients) + 1}"
        self.wants_in = True
        self.socket: Socket | None = None
        self.seat_id: str | None = None
        """The seat it has, or will try to take again."""
        self.token = ""
        self.old_tokens: list[str] = []
        self.received = 0
        self.seated = False
        """Whether it sits on the seat, on this socket."""
        self.standing_since = 0.0
        """Since when it does."""
        self.leaving = False
        self.view: dict[str, ConnectionState] = {}
        self.joined_at = 0.0
        self.unrecovered_at = -1.0
        """When it last heard that frames were lost."""
        self.heard: dict[str, int] = {}
        """The last number heard, by sender."""
        self.got: set[tuple[str, int]] = set()
        self.sent: list[Sent] = []
        self._unanswered: dict[str, Sent] = {}
        self._replaying = 0
        self._truth: dict[str, ConnectionState] | None = None
        """The room as `resumed` told it, until what was missed has come."""
        self._asked = 0
        self._reconnecting = False
        world.clients.append(self)

    def __str__(self) -> str:
        return self.name

    def fault(self, what: str) -> None:
        self.world.fault(f"{self}: {what}")

    # Coming and going

    def connect(self, node: Node | None = None) -> None:
        """Open a socket, to come in or to come back."""
        self._reconnecting = False
        if self.socket is not None or not self.wants_in:
            return
        node = node or self.schedule.some_node()
        if node is None:
            self._again()
            return
        self.world.note(self, f"connects to {node}")
        self.socket = Socket(self.world, self, node)
        self._expect_answer()

    def _expect_answer(self) -> None:
        self._asked += 1
        self.world.later(PATIENCE, self._answer_missing, self._asked)

    def _answer_missing(self, asked: int) -> None:
        if asked == self._asked and self.socket is not None and not self.seated:
            self.world.note(self, "has waited for long enough")
            self.lose_line(noticed=self.world.random.choice((None, 0.1)))

    def _again(self) -> None:
        if self.wants_in and not self._reconnecting:
            self._reconnecting = True
            self.world.later(self.world.random.uniform(0.05, 1.0), self.connect)

    def lose_line(self, *, noticed: float | None = 0.0, again: bool = True) -> None:
        """The line breaks; the client knows, the node may not."""
        if self.socket is None:
            return
        self.world.note(self, f"loses its line, noticed {noticed}")
        socket = self.socket
        self._off()
        socket.cut(noticed)
        if again:
            self._again()

    def vanish(self) -> None:
        """The tab is gone, for ever and without a word."""
        self.wants_in = False
        self.lose_line(noticed=self.world.random.choice((None, 0.0, 0.3)), again=False)

    def _off(self) -> None:
        self.socket = None
        self.seated = False
        self._truth = None
        self._asked += 1
        self._unanswered.clear()

    def lost_line(self, socket: Socket) -> None:
        """The line broke from the other side."""
        if socket is self.socket:
            self.world.note(self, "has lost its line")
            self._off()
            self._again()

    def closed(self, socket: Socket, code: int) -> None:
        """The node closed the socket."""
        if socket is not self.socket:
            return
        self.world.note(self, f"is closed with {code}")
        if code not in (4001, 4003, 4004, 4502, 4505, 4506, 1012):
            self.fault(f"closed with {code}")
        if code == CloseCode.SERVER_ERROR and self.world.flawless:
            self.fault("told of a loss where nothing fails but clients")
        self._off()
        if code in (CloseCode.ROOM_CLOSED, CloseCode.ROOM_EXPIRED):
            self.wants_in = False
        self._again()

    def leave(self) -> None:
        """By message."""
        if self.seated and self.socket is not None:
            self.world.note(self, "leaves")
            self.leaving = True
            self._say("leave", "leave", {})

    def close(self) -> None:
        """By closing the socket."""
        self.wants_in = False
        if self.socket is not None:
            self.world.note(self, "closes")
            self.leaving = True
            socket = self.socket
            self._off()
            socket.close_by_client(1000)

    def leave_for_good(self) -> None:
        """By message, and not to come again."""
        self.wants_in = False
        if self.seated:
            self.leave()
        else:
            self.close()

    def stall(self, seconds: float) -> None:
        """Read nothing for a while."""
        if self.socket is not None:
            self.world.note(self, f"reads nothing for {seconds:.2f} s")
            self.standing_since = self.world.now + seconds
            self.socket.stall()
            self.world.later(seconds, self.socket.read_on)

    # Saying

    def _say(self, kind: str, request_id: str, payload: dict[str, Any]) -> None:
        assert self.socket is not None
        frame = {"type": kind, "payload": payload, "request_id": request_id}
        self.socket.say(json.dumps(frame).encode())

    def call(self, target: str) -> None:
        """Send a candidate to somebody."""
        if not self.seated or self.socket is None or self.leaving or self.seat_id is None:
            return
        number = len(self.sent) + 1
        sent = Sent(self.seat_id, target, number, self.world.now, self.socket.node)
        self.sent.append(sent)
        request_id = f"r{number}"
        self._unanswered[request_id] = sent
        self._say("ice_candidate", request_id, {"to": target, "candidate": {"candidate": str(number)}})

    def ping(self, *, acknowledge: bool = True) -> None:
        """Ask for a pong, which tells what became of all that was sent before."""
        if self.seated and self.socket is not None and not self.leaving:
            payload = {"received": self.received} if acknowledge else {}
            last = len(self.sent)
            self._say("ping", f"p{last}", payload)

    def try_old_token(self) -> None:
        """Somebody found a token in an old log."""
        node = self.schedule.some_node()
        if self.old_tokens and node is not None:
            Thief(self.world, self, node, self.world.random.choice(self.old_tokens))

    # Hearing

    def hears(self, socket: Socket, data: bytes) -> None:
        """A frame came in."""
        if socket is not self.socket:
            return
        message = _decode(data)
        self.world.note(self, data.decode())
        if self.seated and not isinstance(message, messages.Resumed | messages.Connected):
            self.received += 1
        match message:
            case messages.Connected():
                self._enter()
            case messages.RoomJoined(payload=payload):
                self._sit(payload.socket_id, payload.resume_token)
                self.room_code = payload.room_code
                self.received = 1
                self.joined_at = self.world.now
                self.view = self._seen(payload.participants)
            case messages.Resumed(payload=payload):
                self._resumed(payload)
            case messages.RoomLeft(payload=payload):
                self._out(payload.reason)
            case messages.ErrorMessage():
                self._refused(message)
            case messages.Pong(request_id=request_id):
                self._answered(int(str(request_id)[1:]))
            case _:
                self._news(message)
        if self._truth is not None and not isinstance(message, messages.Resumed):
            self._replaying -= 1
            self._compare()

    def _enter(self) -> None:
        if self.seat_id is None:
            self._say("join", "join", {"room_code": self.room_code, "display_name": self.name})
        else:
            self._say("resume", "resume", {"resume_token": self.token, "received": self.received})

    def _sit(self, seat_id: str, token: str) -> None:
        if self.seated:
            self.fault("was seated twice")
        self.seat_id, self.token, self.seated = seat_id, token, True
        self.leaving = False
        self.standing_since = self.world.now

    def _seen(self, participants: list[Participant]) -> dict[str, ConnectionState]:
        view = {one.socket_id: one.connection for one in participants}
        if len(view) < len(participants) or self.seat_id in view:
            self.fault(f"sees {[one.socket_id for one in participants]}")
        return view

    def _resumed(self, payload: messages.ResumedPayload) -> None:
        if payload.socket_id != self.seat_id:
            self.fault(f"resumed as {payload.socket_id}, not {self.seat_id}")
        self.old_tokens.append(self.token)
        self._sit(payload.socket_id, payload.resume_token)
        truth = self._seen(payload.participants)
        if payload.recovered:
            self._truth, self._replaying = truth, payload.replayed
            self._compare()
        else:
            self.view = truth
            self.unrecovered_at = self.world.now

    def _compare(self) -> None:
        if self._replaying == 0:
            if self.view != self._truth:
                self.fault(f"recovered, and sees {_words(self.view)} where there is {_words(self._truth)}")
            self._truth = None

    def _out(self, reason: RoomLeftReason) -> None:
        if not self.seated:
            self.fault("was out, and is told again")
        if reason is RoomLeftReason.LEFT and not self.leaving:
            self.world.note(self, "was put out")
        self._lose_seat()
        if reason is not RoomLeftReason.LEFT:
            self.wants_in = False
        elif self.leaving:
            self.leaving = False
            if self.wants_in and self.world.chance(0.5):
                self._enter()
                self._expect_answer()
            else:
                self.wants_in = False
                assert self.socket is not None
                self.socket.close_by_client(1000)
                self._off()

    def _lose_seat(self) -> None:
        self.seat_id, self.seated = None, False
        self._truth = None
        self._unanswered.clear()

    def _refused(self, message: messages.ErrorMessage) -> None:
        request_id, code = message.request_id, message.payload.code
        if request_id == "resume" and code is ErrorCode.RESUME_FAILED:
            self._lose_seat()
            self._enter()
        elif request_id in ("join", "resume"):
            if code in RETRY:
                self.world.later(0.5, self._retry, self.socket)
            else:
                if code not in (ErrorCode.ROOM_CLOSED, ErrorCode.ROOM_EXPIRED, ErrorCode.ROOM_NOT_FOUND):
                    self.fault(f"{request_id} is refused with {code.value}")
                self.close()
        elif request_id == "leave":
            self.world.later(0.5, self.leave)
        elif isinstance(request_id, str) and request_id in self._unanswered:
            self._unanswered.pop(request_id).accepted = False
        elif not (isinstance(request_id, str) and request_id.startswith("r")):
            self.fault(f"an error out of nowhere: {code.value}")

    def _retry(self, socket: Socket | None) -> None:
        if socket is not None and socket is self.socket and not self.seated:
            self._enter()
            self._expect_answer()

    def _answered(self, last: int) -> None:
        for request_id, sent in list(self._unanswered.items()):
            if int(request_id[1:]) <= last:
                sent.accepted = True
                del self._unanswered[request_id]

    def _news(self, message: Any) -> None:
        if not self.seated:
            self.fault(f"is in no room, and hears {type(message).__name__}")
            return
        match message:
            case messages.ParticipantJoined(payload=participant):
                self._meet(participant)
            case messages.ParticipantLeft(payload=payload):
                if self.view.pop(payload.socket_id, None) is None:
                    self.fault(f"{payload.socket_id} left, who was not there")
            case messages.ParticipantReconnecting(payload=payload):
                self._change(payload.socket_id, ConnectionState.RECONNECTING)
            case messages.ParticipantReconnected(payload=payload):
                self._change(payload.socket_id, ConnectionState.CONNECTED)
            case messages.IceCandidateRelay(payload=payload) if payload.candidate is not None:
                self._called(payload.sender, int(payload.candidate.candidate))
            case _:
                self.fault(f"hears {type(message).__name__}")

    def _meet(self, participant: Participant) -> None:
        if participant.socket_id in self.view or participant.socket_id == self.seat_id:
            self.fault(f"{participant.socket_id} joined, who was there")
        self.view[participant.socket_id] = participant.connection

    def _change(self, socket_id: str, state: ConnectionState) -> None:
        if self.view.get(socket_id) in (None, state):
            self.fault(f"{socket_id} is {state.value}, who was {self.view.get(socket_id)}")
        self.view[socket_id] = state

    def _called(self, sender: str, number: int) -> None:
        if number <= self.heard.get(sender, 0):
            self.fault(f"hears number {number} of {sender} after number {self.heard[sender]}")
        self.heard[sender] = number
        self.got.add((sender, number))
        if self.world.room_of.get(sender) != self.room_code:
            self.fault(f"hears {sender}, who never was in {self.room_code}")

    # Judging

    def check_left(self, event: ParticipantLeft) -> None:
        """Its seat ends in the log."""
        if not self.seated or self.leaving or self.socket is None or not self.socket.stands:
            return
        if event.reason is LeftReason.LEFT:
            self.fault("is said to have left")
            return
        away = self.world.grace + 1.0
        if self.world.now - self.standing_since > away and self.socket.node.was_well(away + 15.0):
            self.fault("lost its seat, though its line stood")


class Thief:
    """Somebody with a token of another's seat, which is out of date."""

    def __init__(self, world: World, victim: Client, node: Node, token: str) -> None:
        """Tries it."""
        self.address = "198.51.100.1"
        self._victim = victim
        self._token = token
        self._socket = Socket(world, self, node)  # type: ignore[arg-type]
        world.later(PATIENCE, self._socket.cut, 0.0)

    def hears(self, socket: Socket, data: bytes) -> None:
        match _decode(data):
            case messages.Connected():
                payload = {"resume_token": self._token, "received": 1}
                socket.say(json.dumps({"type": "resume", "payload": payload}).encode())
            case messages.ErrorMessage(payload=payload):
                if payload.code not in (ErrorCode.RESUME_FAILED, ErrorCode.SERVER_ERROR):
                    self._victim.fault(f"an old token is answered with {payload.code.value}")
                socket.close_by_client(1000)
            case message:
                self._victim.fault(f"an old token brings {type(message).__name__}")

    def lost_line(self, socket: Socket) -> None:
        """So be it."""

    def closed(self, socket: Socket, code: int) -> None:
        """So be it."""


def _words(view: dict[str, ConnectionState] | None) -> dict[str, str]:
    return {socket_id: state.value for socket_id, state in (view or {}).items()}
