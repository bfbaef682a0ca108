"""The message catalog: every message with who sends it, when, what answers it, and examples.

The unions in `messages` say what exists; this says what it is for. Documents print both.
Examples are instances of the contract's own types, so the codec accepts them by construction.
"""

from __future__ import annotations

import enum
from datetime import UTC, datetime
from typing import Final

from msgspec import Struct

from signaling.contract.errors import ErrorCode
from signaling.contract.messages import (
    PROTOCOL_VERSION,
    Answer,
    AnswerDescription,
    AnswerPayload,
    AnswerRelay,
    AnswerRelayPayload,
    ClientMessage,
    Connected,
    ConnectedPayload,
    ErrorMessage,
    ErrorPayload,
    IceCandidate,
    IceCandidateMessage,
    IceCandidatePayload,
    IceCandidateRelay,
    IceCandidateRelayPayload,
    Join,
    JoinPayload,
    Leave,
    Offer,
    OfferDescription,
    OfferPayload,
    OfferRelay,
    OfferRelayPayload,
    Participant,
    ParticipantJoined,
    ParticipantLeft,
    ParticipantLeftPayload,
    ParticipantReconnected,
    ParticipantReconnectedPayload,
    ParticipantReconnecting,
    ParticipantReconnectingPayload,
    Ping,
    PingPayload,
    Pong,
    PongPayload,
    Resume,
    Resumed,
    ResumedPayload,
    ResumePayload,
    RoomJoined,
    RoomJoinedPayload,
    RoomLeft,
    RoomLeftPayload,
    ServerMessage,
    tag_of,
)
from signaling.contract.types import ConnectionState, LeftReason, RoomLeftReason


class Direction(enum.Enum):
    """Who sends a message."""

    CLIENT_TO_SERVER = "client_to_server"
    SERVER_TO_CLIENT = "server_to_client"


class MessageInfo(Struct, frozen=True, kw_only=True):
    """What the documents say of one message."""

    message: type[ClientMessage | ServerMessage]
    direction: Direction
    when: str
    """When it is sent, in a sentence."""
    replies: tuple[type[ServerMessage], ...] = ()
    """What may answer it directly, repeating its `request_id`."""
    errors: tuple[ErrorCode, ...] = ()
    """The codes with which it may be refused, besides those of any bad frame."""
    examples: tuple[ClientMessage | ServerMessage, ...]

    @property
    def type(self) -> str:
        """Its `type` on the wire."""
        return tag_of(self.message)

    @property
    def summary(self) -> str:
        """What it means, in a sentence: the first line of its docstring."""
        return (self.message.__doc__ or "").strip().partition("\n")[0]


BAD_FRAME_ERRORS: Final = (ErrorCode.INVALID_JSON, ErrorCode.INVALID_MESSAGE, ErrorCode.UNKNOWN_TYPE)
"""With these any frame may be refused."""

_ANN: Final = "k3v9q2mx-7fh2kd8s5wpc4nrt"
_BEN: Final = "k3v9q2mx-q4m8z2v6x9c3b7hj"
_TOKEN: Final = "WyJhN3g5azIiLCJrM3Y5cTJteC03ZmgyIiwwXQ.3q2-7wRxT0b1mJk8vYdQ"  # noqa: S105 - an example
_JOINED: Final = datetime(2025, 12, 18, 10, 31, tzinfo=UTC)
_EXPIRES: Final = datetime(2025, 12, 18, 12, 30, tzinfo=UTC)
_SDP: Final = "v=0\r\no=- 4611731400430051336 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\n"
_CANDIDATE: Final = IceCandidate(
    candidate="candidate:1 1 udp 2122260223 192.0.2.7 53165 typ host",
    sdp_mid="0",
    sdp_m_line_index=0,
    username_fragment="4aFb",
)


def _participant(socket_id: str, name: str, user_id: str | None, *, polite: bool) -> Participant:
    return Participant(
        socket_id=socket_id,
        display_name=name,
        user_id=user_id,
        joined_at=_JOINED,
        connection=ConnectionState.CONNECTED,
        polite=polite,
    )


CLIENT_CATALOG: Final = (
    MessageInfo(
        direction=Direction.CLIENT_TO_SERVER,
        message=Join,
        when="Once `connected` has arrived, and again after `leave`; within `join_timeout_seconds`.",
        replies=(RoomJoined, ErrorMessage),
        errors=(
            ErrorCode.ALREADY_IN_ROOM,
            ErrorCode.ROOM_NOT_FOUND,
            ErrorCode.ROOM_CLOSED,
            ErrorCode.ROOM_EXPIRED,
            ErrorCode.ROOM_FULL,
            ErrorCode.RATE_LIMITED,
            ErrorCode.SERVER_ERROR,
        ),
        examples=(
            Join(
                payload=JoinPayload(room_code="a7x9k2", display_name="John Doe", user_id="student_456"),
                request_id="join-1",
            ),
        ),
    ),
    MessageInfo(
        direction=Direction.CLIENT_TO_SERVER,
        message=Offer,
        when="To each newcomer, when `participant_joined` tells of it; and to renegotiate.",
        replies=(ErrorMessage,),
        errors=(ErrorCode.NOT_IN_ROOM, ErrorCode.PEER_NOT_FOUND),
        examples=(
            Offer(payload=OfferPayload(to=_BEN, description=OfferDescription(type="offer", sdp=_SDP))),
        ),
    ),
    MessageInfo(
        direction=Direction.CLIENT_TO_SERVER,
        message=Answer,
        when="To whoever sent an `offer`.",
        replies=(ErrorMessage,),
        errors=(ErrorCode.NOT_IN_ROOM, ErrorCode.PEER_NOT_FOUND),
        examples=(
            Answer(payload=AnswerPayload(to=_ANN, description=AnswerDescription(type="answer", sdp=_SDP))),
        ),
    ),
    MessageInfo(
        direction=Direction.CLIENT_TO_SERVER,
        message=IceCandidateMessage,
        when="For each `icecandidate` event of the peer connection, as it comes.",
        replies=(ErrorMessage,),
        errors=(ErrorCode.NOT_IN_ROOM, ErrorCode.PEER_NOT_FOUND),
        examples=(
            IceCandidateMessage(payload=IceCandidatePayload(to=_BEN, candidate=_CANDIDATE)),
            IceCandidateMessage(payload=IceCandidatePayload(to=_BEN, candidate=None)),
        ),
    ),
    MessageInfo(
        direction=Direction.CLIENT_TO_SERVER,
        message=Leave,
        when="To be out of the room but keep the socket. Closing the socket leaves as well.",
        replies=(RoomLeft, ErrorMessage),
        errors=(ErrorCode.NOT_IN_ROOM, ErrorCode.SERVER_ERROR),
        examples=(Leave(request_id="leave-1"),),
    ),
    MessageInfo(
        direction=Direction.CLIENT_TO_SERVER,
        message=Resume,
        when="On a new socket after a lost line, to take the old seat again.",
        replies=(Resumed, ErrorMessage),
        errors=(ErrorCode.ALREADY_IN_ROOM, ErrorCode.RESUME_FAILED, ErrorCode.SERVER_ERROR),
        examples=(Resume(payload=ResumePayload(resume_token=_TOKEN, received=17), request_id="resume-1"),),
    ),
    MessageInfo(
        direction=Direction.CLIENT_TO_SERVER,
        message=Ping,
        when="At any time, to see that the service still answers.",
        replies=(Pong, ErrorMessage),
        examples=(Ping(request_id="ping-1"), Ping(payload=PingPayload(received=17))),
    ),
)
"""What a client may send."""

SERVER_CATALOG: Final = (
    MessageInfo(
        direction=Direction.SERVER_TO_CLIENT,
        message=Connected,
        when="First of all, on every new socket.",
        examples=(
            Connected(
                payload=ConnectedPayload(
                    socket_id=_ANN,
                    protocol_version=PROTOCOL_VERSION,
                    join_timeout_seconds=60,
                    max_frame_bytes=65_536,
                )
            ),
        ),
    ),
    MessageInfo(
        direction=Direction.SERVER_TO_CLIENT,
        message=RoomJoined,
        when="In answer to `join`; from then on the room's events follow, none missing.",
        examples=(
            RoomJoined(
                payload=RoomJoinedPayload(
                    room_code="a7x9k2",
                    socket_id=_BEN,
                    participants=[_participant(_ANN, "Ann", "teacher_123", polite=True)],
                    expires_at=_EXPIRES,
                    max_participants=30,
                    resume_token=_TOKEN,
                    resume_window_seconds=20,
                ),
                request_id="join-1",
            ),
        ),
    ),
    MessageInfo(
        direction=Direction.SERVER_TO_CLIENT,
        message=ParticipantJoined,
        when="To everyone in the room, when somebody joins it.",
        examples=(ParticipantJoined(payload=_participant(_BEN, "Ben", None, polite=False)),),
    ),
    MessageInfo(
        direction=Direction.SERVER_TO_CLIENT,
        message=ParticipantLeft,
        when="To everyone who stays, once for each `participant_joined` (or entry of `participants`).",
        examples=(
            ParticipantLeft(payload=ParticipantLeftPayload(socket_id=_BEN, reason=LeftReason.LEFT)),
            ParticipantLeft(
                payload=ParticipantLeftPayload(socket_id=_BEN, reason=LeftReason.CONNECTION_LOST)
            ),
        ),
    ),
    MessageInfo(
        direction=Direction.SERVER_TO_CLIENT,
        message=ParticipantReconnecting,
        when="To everyone else in the room, when a participant's line is lost and its seat is kept.",
        examples=(ParticipantReconnecting(payload=ParticipantReconnectingPayload(socket_id=_BEN)),),
    ),
    MessageInfo(
        direction=Direction.SERVER_TO_CLIENT,
        message=ParticipantReconnected,
        when="To everyone else in the room, when a participant that was reconnecting has resumed its seat.",
        examples=(ParticipantReconnected(payload=ParticipantReconnectedPayload(socket_id=_BEN)),),
    ),
    MessageInfo(
        direction=Direction.SERVER_TO_CLIENT,
        message=OfferRelay,
        when="When a participant of the room sends you an offer.",
        examples=(
            OfferRelay(
                payload=OfferRelayPayload(sender=_ANN, description=OfferDescription(type="offer", sdp=_SDP))
            ),
        ),
    ),
    MessageInfo(
        direction=Direction.SERVER_TO_CLIENT,
        message=AnswerRelay,
        when="When a participant of the room answers your offer.",
        examples=(
            AnswerRelay(
                payload=AnswerRelayPayload(
                    sender=_BEN, description=AnswerDescription(type="answer", sdp=_SDP)
                )
            ),
        ),
    ),
    MessageInfo(
        direction=Direction.SERVER_TO_CLIENT,
        message=IceCandidateRelay,
        when="When a participant of the room sends you a candidate.",
        examples=(
            IceCandidateRelay(payload=IceCandidateRelayPayload(sender=_ANN, candidate=_CANDIDATE)),
            IceCandidateRelay(payload=IceCandidateRelayPayload(sender=_ANN, candidate=None)),
        ),
    ),
    MessageInfo(
        direction=Direction.SERVER_TO_CLIENT,
        message=RoomLeft,
        when="In answer to `leave`, or when the room ends.",
        examples=(
            RoomLeft(
                payload=RoomLeftPayload(room_code="a7x9k2", reason=RoomLeftReason.LEFT),
                request_id="leave-1",
            ),
            RoomLeft(payload=RoomLeftPayload(room_code="a7x9k2", reason=RoomLeftReason.ROOM_CLOSED)),
        ),
    ),
    MessageInfo(
        direction=Direction.SERVER_TO_CLIENT,
        message=Resumed,
        when="In answer to `resume`; what was missed follows.",
        examples=(
            Resumed(
                payload=ResumedPayload(
                    room_code="a7x9k2",
                    socket_id=_BEN,
                    participants=[_participant(_ANN, "Ann", "teacher_123", polite=True)],
                    recovered=True,
                    replayed=3,
                    resume_token=_TOKEN,
                ),
                request_id="resume-1",
            ),
        ),
    ),
    MessageInfo(
        direction=Direction.SERVER_TO_CLIENT,
        message=Pong,
        when="In answer to `ping`.",
        examples=(Pong(payload=PongPayload(server_time=_JOINED), request_id="ping-1"),),
    ),
    MessageInfo(
        direction=Direction.SERVER_TO_CLIENT,
        message=ErrorMessage,
        when="In answer to a message that was refused.",
        examples=(
            ErrorMessage(
                payload=ErrorPayload(
                    code=ErrorCode.INVALID_MESSAGE,
                    message="Object missing required field `room_code` - at `$.payload`",
                ),
                request_id="join-1",
            ),
            ErrorMessage(
                payload=ErrorPayload(
                    code=ErrorCode.RATE_LIMITED,
                    message="Too many unknown room codes from this address",
                    retry_after=12.5,
                )
            ),
        ),
    ),
)
"""What the service may send."""

CATALOG: Final = (*CLIENT_CATALOG, *SERVER_CATALOG)
