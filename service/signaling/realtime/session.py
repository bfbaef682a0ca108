"""One socket's conversation: what each message means, by the table of `domain.session`."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import TYPE_CHECKING, Any, Final

import structlog
from msgspec import UNSET

from signaling.contract.codec import (
    BadFrame,
    RawAnswer,
    RawIceCandidate,
    RawOffer,
    Relay,
    decode,
    encode,
    encode_relay,
)
from signaling.contract.errors import CloseCode, ErrorCode, SignalingError
from signaling.contract.messages import (
    PROTOCOL_VERSION,
    Connected,
    ConnectedPayload,
    Join,
    Leave,
    Ping,
    Resume,
    tag_of,
)
from signaling.contract.types import LeftReason, RoomLeftReason
from signaling.domain.room import Room
from signaling.domain.session import MESSAGES, Input, SessionState, transition
from signaling.realtime import views
from signaling.realtime.connection import Connection, Transport
from signaling.realtime.hub import END_CLOSES, LocalRoom, Member
from signaling.rooms.resume_token import SeatClaim
from signaling.rooms.writer import unavailable

if TYPE_CHECKING:
    from signaling.realtime.gateway import Gateway

MAX_BAD_FRAMES: Final = 10
"""Bad frames in a row that a socket may send before it is closed."""

_INPUTS: Final = {
    kind: MESSAGES[tag_of(kind)] for kind in (Join, RawOffer, RawAnswer, RawIceCandidate, Leave, Resume, Ping)
}

_DECIDING: Final = frozenset((SessionState.JOINING, SessionState.RESUMING, SessionState.LEAVING))

LEAVING_CLOSES: Final = frozenset({1000, 1001, 1005})
"""Close codes by which a client leaves for good; 1005 is a close frame without a code (RFC 6455, 7.4)."""


_BINARY: Final = b"a binary frame"
"""Stands for a binary frame among the text frames; told by its identity."""

LINE_LOST: Final = 1006
"""Stands for a connection that ended without a close frame (RFC 6455, 7.1.5)."""

_log = structlog.stdlib.get_logger("signaling.session")


class Session:
    """A socket of this node. The transport calls `lost`, and `..._received` for what came in."""

    __slots__ = (
        "_bad_frames",
        "_gateway",
        "_goodbye",
        "_ping_mark",
        "_reply_to",
        "_sent_elsewhere",
        "address",
        "connection",
        "frame_received",
        "handover",
        "keeps_seat",
        "left_reason",
        "local",
        "member",
        "opened_at",
        "other_received",
        "recovered",
        "resuming_from",
        "resuming_generation",
        "socket_id",
        "state",
    )

    def __init__(self, gateway: Gateway, socket_id: str, transport: Transport, address: str) -> None:
        """Opens the conversation: starts the join deadline. The client is to be sent the `greeting`."""
        self._gateway = gateway
        self.socket_id = socket_id
        self.address = address
        self.state = SessionState.LOBBY
        self.local: LocalRoom | None = None
        self.member: Member | None = None
        """Its seat, while it has one; `local` is the room of it."""
        self.left_reason = LeftReason.CONNECTION_LOST
        """Once ended: how the others are told of it."""
        self.keeps_seat = True
        """Once ended: whether its seat waits for a resume, where seats are kept."""
        self.resuming_from: int | None = None
        """How many frames of the seat the client has that resumes it; None: it joins."""
        self.resuming_generation = 0
        """While resuming: of the seat as the client had it."""
        self.handover: asyncio.Future[None] | None = None
        """While resuming: what was missed is being fetched from another node."""
        self.recovered = False
        """Once resumed: whether nothing was lost."""
        self._ping_mark: tuple[Member, int] | None = None
        self._reply_to: views.RequestId = UNSET
        self._goodbye = False
        self._sent_elsewhere = 0
        """How many frames went to seats on other nodes."""
        self._bad_frames = 0
        self.connection = Connection(
            transport, gateway.limits, self._on_frame, self._overflowed, gateway.metrics, gateway.flushes
        )
        self.frame_received = self.connection.frame_received
        self.other_received = self.connection.other_received
        self.opened_at = gateway.loop.time()
        self._start_deadline()

    def greeting(self) -> bytes:
        """The first frame, `connected`. Whoever opened this sends it: with the answer to the handshake."""
        payload = ConnectedPayload(
            socket_id=self.socket_id,
            protocol_version=PROTOCOL_VERSION,
            join_timeout_seconds=self._gateway.join_timeout_seconds,
            max_frame_bytes=self._gateway.max_frame_bytes,
        )
        return encode(Connected(payload=payload))

    # What the transport calls

    def binary_received(self) -> None:
        """A binary frame came in; messages are text. It is refused in its turn."""
        self.connection.frame_received(_BINARY)

    def lost(self, close_code: int | None) -> None:
        """The socket is gone: closed by the client with ``close_code``, or None if the line broke."""
        self.connection.lost()
        if self._goodbye and not self.being_decided:
            # It answers the goodbye, with whichever code: some libraries always say 1000 (RFC 6455, 5.5.1).
            close_code = CloseCode.SERVER_SHUTDOWN
        self._end(LINE_LOST if close_code is None else close_code, by_client=True)
        # The connection has methods of this, and this has methods of it: without them both go at once.
        del self.frame_received, self.other_received

    def ping_sent(self) -> None:
        """The transport sends a ping now: its pong will say that all before it arrived (RFC 6455, 5.5.2)."""
        self.connection.flush()
        self._ping_mark = None if self.member is None else (self.member, self.member.replay.sent)

    def pong_received(self) -> None:
        """The pong to that ping came: what was sent before it need not be kept."""
        if self._ping_mark is not None:
            member, sent = self._ping_mark
            if member is self.member:
                member.replay.acknowledge(sent)

    # What the hub calls

    def send(self, frame: bytes) -> None:
        """Send a frame; on a seat it is counted, and kept for a resume."""
        if self.member is None:
            self.connection.send(frame)
        else:
            self.member.send(frame)

    def seated(self, local: LocalRoom, room: Room, member: Member) -> None:
        """The join is in the log."""
        if self.state is SessionState.ENDED:
            self._gateway.give_up(local, member, self.left_reason)
            return
        self._become(Input.JOINED)
        self._take(local, member)
        window = self._gateway.resume_window_seconds
        token, reply_to = self._token(), self._take_reply_to()
        self.send(views.room_joined(room, member.seat, local.shown, token, window, reply_to))

    def resumed(self, local: LocalRoom, room: Room, member: Member) -> None:
        """The resume is in the log: `resumed`, then what was missed, then the rest."""
        if self.state is SessionState.ENDED:
            # Nobody ever gets the token with which the seat could be resumed from here on.
            self._gateway.give_up(local, member, self.left_reason)
            return
        self._become(Input.RESUMED)
        self.socket_id = member.seat.socket_id
        assert self.resuming_from is not None
        missed = member.replay.since(self.resuming_from)
        self.recovered = missed is not None
        if missed is None:
            missed = []
            member.replay.restart(self.resuming_from)
        self._take(local, member)
        # Past the replay: neither this nor what follows is new on the seat.
        self.connection.send(
            views.resumed(
                room,
                member.seat,
                local.shown,
                self._token(),
                self._take_reply_to(),
                recovered=self.recovered,
                replayed=len(missed),
            )
        )
        for frame in missed:
            self.connection.send(frame)

    def _take(self, local: LocalRoom, member: Member) -> None:
        self.local = local
        self.member = member
        member.occupy(self)
        self._gateway.metrics.seated.count += 1
        self._stop_deadline()

    def _token(self) -> str:
        """Proof of the seat as it is now."""
        assert self.local is not None
        assert self.member is not None
        seat = self.member.seat
        return self._gateway.tokens.sign(SeatClaim(self.local.code, seat.socket_id, seat.generation))

    def replaced(self) -> None:
        """The seat was resumed on another socket."""
        if self.state is SessionState.ENDED:
            return
        self.local = self.member = None
        self._gateway.metrics.seated.count -= 1
        self.close(CloseCode.REPLACED_BY_RESUME)

    def missed_something(self) -> None:
        """Frames for this seat were lost between nodes."""
        self.close(CloseCode.SERVER_ERROR)

    def unseated(self, code: str, reason: RoomLeftReason) -> None:
        """The seat has ended; unless by this socket's own `leave`, so has the socket."""
        if self.state is SessionState.ENDED:
            return
        self.local = self.member = None
        self._gateway.metrics.seated.count -= 1
        self.send(views.room_left(code, reason, self._take_reply_to()))
        if self.state is SessionState.LEAVING and reason is RoomLeftReason.LEFT:
            self._become(Input.LEFT)
            self._start_deadline()
        else:
            self.close(END_CLOSES.get(reason, CloseCode.SERVER_ERROR))

    # Ending

    def close(self, code: CloseCode) -> None:
        """Close the socket after what was sent to it. Its seat, if any, is one that lost its line."""
        self.connection.close(code)
        self._end(code)

    def say_goodbye(self) -> None:
        """The node stops: the client is to come back to another, and takes its seat along.

        What it says until it hears of that counts. A join or a resume that is being decided is answered
        first: else the seat would end.
        """
        self._goodbye = True
        if self.member is not None:
            self.connection.close(CloseCode.SERVER_SHUTDOWN, listening=True)
        elif not self.being_decided:
            self.close(CloseCode.SERVER_SHUTDOWN)

    @property
    def being_decided(self) -> bool:
        """Whether its join or resume is."""
        return self.state in (SessionState.JOINING, SessionState.RESUMING)

    def _overflowed(self) -> None:
        # The connection is closing already; a peer that does not read may not let it be closed for long.
        self._end(CloseCode.SLOW_CONSUMER)

    def failed(self) -> None:
        """Something unforeseen went wrong at this socket: it alone ends."""
        self._reply_error(SignalingError(ErrorCode.SERVER_ERROR), self._take_reply_to())
        self.close(CloseCode.SERVER_ERROR)

    def _end(self, code: int, *, by_client: bool = False) -> None:
        if self.state is SessionState.ENDED:
            return
        leaving = self.state is SessionState.LEAVING
        self._become(Input.CLOSED)
        self._stop_deadline()
        if leaving:
            # It asked for it; whether the store has done it yet or not.
            self.left_reason = LeftReason.LEFT
            self.keeps_seat = False
        elif by_client:
            if code in LEAVING_CLOSES:
                self.left_reason = LeftReason.LEFT
                self.keeps_seat = False
        else:
            # Whoever was told not to connect again will not come back for the seat.
            self.keeps_seat = CloseCode(code).reconnect
        self._gateway.ended(self, code)

    # Messages

    def _on_frame(self, data: bytes) -> None:
        request_id: views.RequestId = UNSET
        try:
            if data is _BINARY:
                raise BadFrame(ErrorCode.INVALID_JSON, "Binary frames are not used: send JSON as text frames")
            frame = decode(data)
            request_id = frame.request_id
            self._bad_frames = 0
            self.state = transition(self.state, _INPUTS[type(frame)])
            if isinstance(frame, Relay):
                self._relay(frame)
            else:
                self._dispatch(frame)
        except BadFrame as error:
            self._refuse(error)
        except SignalingError as error:
            self._reply_error(error, request_id)
        except Exception:  # noqa: BLE001 - logged whole
            # Here, as a frame that had to wait has nobody else who would.
            _log.exception("frame_failed")
            self.failed()

    def _dispatch(self, frame: Join | Resume | Leave | Ping) -> None:
        match frame:
            case Join(payload=who):
                self._decide(
                    frame.request_id,
                    self._gateway.join(self, who.room_code, who.name, who.user_id),
                )
            case Resume(payload=seat):
                # That of an earlier resume on this socket says nothing about this one.
                self.handover = None
                self._decide(frame.request_id, self._gateway.resume(self, seat.resume_token, seat.received))
            case Leave():
                assert self.local is not None
                assert self.member is not None
                self._decide(frame.request_id, self._gateway.leave(self.local, self.member.seat))
            case Ping(payload=payload):
                if self.member is not None and payload and payload.received is not None:
                    self.member.replay.acknowledge(payload.received)
                self.send(views.pong(self._gateway.rooms.now(), frame.request_id))

    def _relay(self, frame: Relay) -> None:
        local, member, to = self.local, self.member, frame.payload.to
        assert local is not None
        assert member is not None
        target = local.members.get(to)
        if target is None or (local.routes and to in local.routes):
            try:
                self._sent_elsewhere += 1
                relayed = encode_relay(frame, self.socket_id)
                self._gateway.exchange.relay(local, to, member.seat, self._sent_elsewhere, relayed)
            except SignalingError as error:
                self._reply_error(error, frame.request_id)
                return
        elif target is member:
            self._reply_error(SignalingError(ErrorCode.PEER_NOT_FOUND), frame.request_id)
            return
        else:
            target.send(encode_relay(frame, self.socket_id))
        self._gateway.relayed[type(frame)].count += 1

    def _decide(self, request_id: views.RequestId, work: Coroutine[Any, Any, None]) -> None:
        """Let no more frames in until the join, the resume or the leave is decided."""
        self._reply_to = request_id
        self.connection.hold()
        self._gateway.start(self._decided(work))

    async def _decided(self, work: Coroutine[Any, Any, None]) -> None:
        # The socket may be gone by the end of it. If it had asked to leave, that is what the others are told.
        try:
            await work
            if self.state in _DECIDING:
                # It was done, and this node was never told: the store has lost it again.
                raise unavailable("The store has lost what was done")
        except SignalingError as error:
            # A store that was lost while it committed may have done it: then the log has decided already.
            if self.state in _DECIDING:
                self._become(Input.REFUSED)
                self._reply_error(error, self._take_reply_to())
                self.check_deadline()
        except Exception:
            self.failed()
            raise
        self.connection.release()
        if self._goodbye and self.state is not SessionState.ENDED:
            self.say_goodbye()

    # Refusals

    def _refuse(self, error: BadFrame) -> None:
        """A frame that is no valid message: ten in a row end the socket."""
        self._bad_frames += 1
        self._reply_error(error, error.request_id)
        if self._bad_frames >= MAX_BAD_FRAMES:
            self.close(CloseCode.BAD_REQUEST)

    def _reply_error(self, error: SignalingError, request_id: views.RequestId) -> None:
        self._gateway.count_error(error.code)
        self.send(views.error(error, request_id))

    def _take_reply_to(self) -> views.RequestId:
        request_id, self._reply_to = self._reply_to, UNSET
        return request_id

    def _become(self, input_: Input) -> None:
        self.state = transition(self.state, input_)

    # The deadline for being in a room

    def _start_deadline(self) -> None:
        self._gateway.join_deadlines.start(self)

    def _stop_deadline(self) -> None:
        self._gateway.join_deadlines.stop(self)

    def check_deadline(self) -> None:
        """Close the socket if its time to be in a room is over."""
        # A join that is being decided may still succeed; it is looked at again when refused.
        if self.state is SessionState.LOBBY and self not in self._gateway.join_deadlines:
            self.close(CloseCode.JOIN_TIMEOUT)
