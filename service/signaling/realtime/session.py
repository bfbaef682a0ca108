"""One socket's conversation: what each message means, by the table of `domain.session`."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from msgspec import UNSET

from signaling.contract.codec import (
    BadFrame,
    Frame,
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
from signaling.domain.events import Seat
from signaling.domain.room import Room
from signaling.domain.session import MESSAGES, Input, SessionState, transition
from signaling.realtime import views
from signaling.realtime.connection import Connection, Transport
from signaling.realtime.hub import END_CLOSES, LocalRoom
from signaling.rooms.resume_token import SeatClaim

if TYPE_CHECKING:
    from signaling.realtime.gateway import Gateway

MAX_BAD_FRAMES: Final = 10
"""Bad frames in a row that a socket may send before it is closed."""

_INPUTS: Final = {
    kind: MESSAGES[tag_of(kind)] for kind in (Join, RawOffer, RawAnswer, RawIceCandidate, Leave, Resume, Ping)
}

LEAVING_CLOSES: Final = frozenset({1000, 1001, 1005})
"""Close codes by which a client leaves for good; 1005 is a close frame without a code (RFC 6455, 7.4)."""


_BINARY: Final = b"a binary frame"
"""Stands for a binary frame among the text frames; told by its identity."""

LINE_LOST: Final = 1006
"""Stands for a connection that ended without a close frame (RFC 6455, 7.1.5)."""


class Session:
    """A socket of this node. The transport calls `lost`, and `..._received` for what came in."""

    __slots__ = (
        "_bad_frames",
        "_connection",
        "_deadline",
        "_gateway",
        "_reply_to",
        "address",
        "frame_received",
        "left_reason",
        "local",
        "opened_at",
        "other_received",
        "socket_id",
        "state",
    )

    def __init__(self, gateway: Gateway, socket_id: str, transport: Transport, address: str) -> None:
        """Opens the conversation: says `connected` and starts the join deadline."""
        self._gateway = gateway
        self.socket_id = socket_id
        self.address = address
        self.state = SessionState.LOBBY
        self.local: LocalRoom | None = None
        self.left_reason = LeftReason.CONNECTION_LOST
        """Once ended: how the others are told of it."""
        self._reply_to: views.RequestId = UNSET
        self._bad_frames = 0
        self._connection = Connection(
            transport, gateway.limits, self._on_frame, self._overflowed, gateway.metrics
        )
        self.frame_received = self._connection.frame_received
        self.other_received = self._connection.other_received
        self.opened_at = gateway.loop.time()
        self._deadline: asyncio.TimerHandle | None = None
        self._start_deadline()
        payload = ConnectedPayload(
            socket_id=socket_id,
            protocol_version=PROTOCOL_VERSION,
            join_timeout_seconds=gateway.join_timeout_seconds,
            max_frame_bytes=gateway.max_frame_bytes,
        )
        self.send(encode(Connected(payload=payload)))

    # What the transport calls

    def binary_received(self) -> None:
        """A binary frame came in; messages are text. It is refused in its turn."""
        self._connection.frame_received(_BINARY)

    def lost(self, close_code: int | None) -> None:
        """The socket is gone: closed by the client with ``close_code``, or None if the line broke."""
        self._connection.lost()
        self._end(LINE_LOST if close_code is None else close_code, by_client=True)

    # What the hub calls

    def send(self, frame: bytes) -> None:
        """Send a frame."""
        self._connection.send(frame)

    def seated(self, local: LocalRoom, room: Room, seat: Seat) -> None:
        """The join is in the log."""
        if self.state is SessionState.ENDED:
            return  # The join's own task gives the seat back.
        self._become(Input.JOINED)
        self.local = local
        self._gateway.metrics.seated.inc()
        self._stop_deadline()
        token = self._gateway.tokens.sign(SeatClaim(room.code, self.socket_id, 0))
        self.send(views.room_joined(room, seat, token, self._take_reply_to()))

    def unseated(self, code: str, reason: RoomLeftReason) -> None:
        """The seat has ended; unless by this socket's own `leave`, so has the socket."""
        if self.state is SessionState.ENDED:
            return
        self.local = None
        self._gateway.metrics.seated.dec()
        self.send(views.room_left(code, reason, self._take_reply_to()))
        if self.state is SessionState.LEAVING and reason is RoomLeftReason.LEFT:
            self._become(Input.LEFT)
            self._start_deadline()
        else:
            self.close(END_CLOSES.get(reason, CloseCode.SERVER_ERROR))

    # Ending

    def close(self, code: CloseCode) -> None:
        """Close the socket after what was sent to it. Its seat, if any, ends as a lost line."""
        self._connection.close(code)
        self._end(code)

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
        self._become(Input.CLOSED)
        self._stop_deadline()
        if by_client and code in LEAVING_CLOSES:
            self.left_reason = LeftReason.LEFT
        self._gateway.ended(self, code)

    # Messages

    def _on_frame(self, data: bytes) -> None:
        try:
            if data is _BINARY:
                raise BadFrame(ErrorCode.INVALID_JSON, "Binary frames are not used: send JSON as text frames")
            frame = decode(data)
        except BadFrame as error:
            self._refuse(error)
            return
        self._bad_frames = 0
        try:
            after = transition(self.state, _INPUTS[type(frame)])
        except SignalingError as error:
            self._reply_error(error, frame.request_id)
            return
        self.state = after
        self._dispatch(frame)

    def _dispatch(self, frame: Frame) -> None:
        match frame:
            case RawIceCandidate() | RawOffer() | RawAnswer():
                self._relay(frame)
            case Join():
                self._reply_to = frame.request_id
                self._connection.hold()
                self._gateway.start(self._join(frame))
            case Leave():
                self._reply_to = frame.request_id
                self._connection.hold()
                assert self.local is not None
                self._gateway.start(self._leave(self.local))
            case Ping():
                self.send(views.pong(self._gateway.rooms.now(), frame.request_id))
            case Resume():
                self._reply_error(SignalingError(ErrorCode.RESUME_FAILED), frame.request_id)

    def _relay(self, frame: Relay) -> None:
        assert self.local is not None
        target = self.local.members.get(frame.payload.to)
        if target is None or target is self:
            self._reply_error(SignalingError(ErrorCode.PEER_NOT_FOUND), frame.request_id)
            return
        target.send(encode_relay(frame, self.socket_id))
        self._gateway.relayed[type(frame)].inc()

    async def _join(self, frame: Join) -> None:
        payload = frame.payload
        try:
            await self._gateway.join(self, payload.room_code, payload.name, payload.user_id)
        except SignalingError as error:
            if self.state is SessionState.JOINING:
                self._become(Input.REFUSED)
                self._reply_error(error, self._take_reply_to())
                self._check_deadline()
        except Exception:
            self.failed()
            raise
        self._connection.release()

    async def _leave(self, local: LocalRoom) -> None:
        # The socket may be gone by now; it had asked to leave, and that is what the others are told.
        try:
            await self._gateway.leave(self, local)
        except SignalingError as error:
            if self.state is SessionState.LEAVING:
                self._become(Input.REFUSED)
                self._reply_error(error, self._take_reply_to())
        except Exception:
            self.failed()
            raise
        self._connection.release()

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
        self._deadline = self._gateway.loop.call_later(self._gateway.join_timeout_seconds, self._on_deadline)

    def _stop_deadline(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _on_deadline(self) -> None:
        self._deadline = None
        self._check_deadline()

    def _check_deadline(self) -> None:
        # A join that is being decided may still succeed; it is looked at again when refused.
        if self._deadline is None and self.state is SessionState.LOBBY:
            self.close(CloseCode.JOIN_TIMEOUT)
