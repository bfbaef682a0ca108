"""Every WebSocket message, both directions, as the codec decodes and encodes it.

A message is ``{"type": ..., "payload": {...}}``; ``type`` selects the Struct. The two
unions at the end are the whole protocol. What the browser's WebRTC API makes
(`RTCSessionDescriptionInit`, `RTCIceCandidateInit`) is carried verbatim, camelCase included.
"""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

from msgspec import UNSET, Meta, UnsetType, field

from signaling.contract.errors import ErrorCode
from signaling.contract.types import (
    GUEST_NAME,
    MAX_ID_LENGTH,
    MAX_SDP_LENGTH,
    ConnectionState,
    DisplayName,
    LeftReason,
    RoomCode,
    RoomLeftReason,
    SocketId,
    Timestamp,
    UserId,
    WireStruct,
)

PROTOCOL_VERSION: Final = 1
"""Rises when an old client could no longer work."""

RequestId = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=64,
        description="Chosen by the client; the direct answer to the message repeats it.",
        examples=["req-1"],
    ),
]
Received = Annotated[
    int,
    Meta(
        ge=0,
        le=2**53 - 1,
        description=(
            "How many frames arrived on this seat, counting `room_joined` as 1; `connected` and `resumed` do "
            "not count. Frames up to there are not kept for you any more."
        ),
        examples=[17],
    ),
]
ResumeToken = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=1024,
        description="Signed proof of a seat. Keep it secret; it is of use to nobody but the seat's owner.",
        examples=["eyJyIjoiYTd4OWsyIn0.3q2-7w"],
    ),
]
Sdp = Annotated[
    str,
    Meta(
        max_length=MAX_SDP_LENGTH,
        description="The session description (RFC 8866).",
        examples=["v=0\r\no=- 46117 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\n"],
    ),
]


class Message(WireStruct, frozen=True, kw_only=True, tag_field="type"):
    """Base of all messages: `type` selects the message, `payload` holds its fields."""


class ClientBase(Message, frozen=True, kw_only=True):
    """A message from a client to the service."""

    request_id: RequestId | UnsetType = UNSET


class ServerBase(Message, frozen=True, kw_only=True):
    """A message from the service to a client."""

    request_id: RequestId | UnsetType = UNSET


# What the browser's WebRTC API makes


class OfferDescription(WireStruct, frozen=True, kw_only=True):
    """An offer as `RTCPeerConnection.createOffer` makes it (W3C WebRTC, RTCSessionDescriptionInit)."""

    type: Annotated[Literal["offer"], Meta(description="Always `offer`.")]
    sdp: Sdp = ""


class AnswerDescription(WireStruct, frozen=True, kw_only=True):
    """An answer as `RTCPeerConnection.createAnswer` makes it (W3C WebRTC, RTCSessionDescriptionInit)."""

    type: Annotated[Literal["answer", "pranswer"], Meta(description="`answer`, or `pranswer` (provisional).")]
    sdp: Sdp = ""


class IceCandidate(WireStruct, frozen=True, kw_only=True, rename="camel"):
    """A candidate as `RTCIceCandidate.toJSON` makes it (W3C WebRTC, RTCIceCandidateInit)."""

    candidate: Annotated[
        str,
        Meta(
            description="The candidate-attribute (RFC 8839, 5.1); empty: the last of its generation.",
            examples=["candidate:1 1 udp 2122260223 192.0.2.7 53165 typ host"],
        ),
    ] = ""
    sdp_mid: (
        Annotated[str, Meta(description="Media stream identification tag of its section.", examples=["0"])]
        | None
    ) = None
    sdp_m_line_index: (
        Annotated[int, Meta(ge=0, le=65535, description="Index of its media section, from 0.", examples=[0])]
        | None
    ) = field(default=None, name="sdpMLineIndex")
    username_fragment: (
        Annotated[str, Meta(description="ICE user name fragment of its generation.", examples=["4aFb"])]
        | None
    ) = None


# Client to server


class JoinPayload(WireStruct, frozen=True, kw_only=True):
    """Who joins which room."""

    room_code: RoomCode
    display_name: DisplayName | None = None
    user_id: UserId | None = None

    @property
    def name(self) -> str:
        """The name to show: trimmed, ``Guest`` where none was given."""
        return self.display_name.strip() if self.display_name is not None else GUEST_NAME


class Join(ClientBase, frozen=True, kw_only=True, tag="join"):
    """Join a room. Answered by `room_joined`, or by `error`."""

    payload: JoinPayload


class OfferPayload(WireStruct, frozen=True, kw_only=True):
    """An offer, and for whom."""

    to: SocketId
    description: OfferDescription


class Offer(ClientBase, frozen=True, kw_only=True, tag="offer"):
    """Send an offer to one participant of your room."""

    payload: OfferPayload


class AnswerPayload(WireStruct, frozen=True, kw_only=True):
    """An answer, and for whom."""

    to: SocketId
    description: AnswerDescription


class Answer(ClientBase, frozen=True, kw_only=True, tag="answer"):
    """Send an answer to one participant of your room."""

    payload: AnswerPayload


class IceCandidatePayload(WireStruct, frozen=True, kw_only=True):
    """A candidate, and for whom."""

    to: SocketId
    candidate: Annotated[IceCandidate | None, Meta(description="The candidate; null: end of candidates.")]


class IceCandidateMessage(ClientBase, frozen=True, kw_only=True, tag="ice_candidate"):
    """Send an ICE candidate to one participant of your room."""

    payload: IceCandidatePayload


class LeavePayload(WireStruct, frozen=True, kw_only=True):
    """Nothing is needed to leave."""


class Leave(ClientBase, frozen=True, kw_only=True, tag="leave"):
    """Leave the room. Answered by `room_left`; the socket stays open and may join again."""

    payload: LeavePayload | UnsetType | None = UNSET


class ResumePayload(WireStruct, frozen=True, kw_only=True):
    """Which seat to take again, and what of it arrived."""

    resume_token: ResumeToken
    received: Received


class Resume(ClientBase, frozen=True, kw_only=True, tag="resume"):
    """Take your seat again on a new socket. Answered by `resumed`, or by `error`.

    `resume_failed`: join anew. A token works once: `resumed` brings the next one. A seat whose old socket
    still hangs is taken from it, and that socket is closed with 4005.
    """

    payload: ResumePayload


class PingPayload(WireStruct, frozen=True, kw_only=True):
    """What arrived so far: it need not be kept for a resume any more."""

    received: Received | None = None


class Ping(ClientBase, frozen=True, kw_only=True, tag="ping"):
    """Ask for a `pong`: a round trip that a page can make (it has no access to WebSocket pings)."""

    payload: PingPayload | UnsetType | None = UNSET


# Server to client


class ConnectedPayload(WireStruct, frozen=True, kw_only=True):
    """Who you are, and the limits of this socket."""

    socket_id: SocketId
    protocol_version: Annotated[
        int,
        Meta(
            ge=1,
            description="Version of this protocol; rises on a change old clients cannot bear.",
            examples=[1],
        ),
    ]
    join_timeout_seconds: Annotated[
        int,
        Meta(
            ge=1, description="The socket is closed with 4502 if it is in no room for so long.", examples=[60]
        ),
    ]
    max_frame_bytes: Annotated[
        int, Meta(ge=1, description="A larger message closes the socket with 1009.", examples=[65536])
    ]


class Connected(ServerBase, frozen=True, kw_only=True, tag="connected"):
    """The first message on every socket: the connection stands."""

    payload: ConnectedPayload


class Participant(WireStruct, frozen=True, kw_only=True):
    """A participant of your room, as you see it."""

    socket_id: SocketId
    display_name: DisplayName
    user_id: UserId | None
    joined_at: Timestamp
    connection: Annotated[ConnectionState, Meta(description="State of the participant's line.")]
    polite: Annotated[
        bool,
        Meta(
            description=(
                "Your `polite` flag towards this participant in the W3C perfect negotiation pattern: "
                "true when it was here before you. Never changes."
            ),
            examples=[True],
        ),
    ]


class RoomJoinedPayload(WireStruct, frozen=True, kw_only=True):
    """The room you are in now."""

    room_code: RoomCode
    socket_id: SocketId
    participants: Annotated[
        list[Participant], Meta(description="Everyone already there, without you. They will send you offers.")
    ]
    expires_at: Timestamp
    max_participants: Annotated[int, Meta(ge=2, le=100, description="Seats of the room.", examples=[30])]
    resume_token: ResumeToken
    resume_window_seconds: Annotated[
        int,
        Meta(
            ge=0,
            description="How long your seat is kept after a lost line; 0: it is not kept.",
            examples=[20],
        ),
    ]


class RoomJoined(ServerBase, frozen=True, kw_only=True, tag="room_joined"):
    """You are in the room. Answers `join`."""

    payload: RoomJoinedPayload


class ParticipantJoined(ServerBase, frozen=True, kw_only=True, tag="participant_joined"):
    """Somebody joined your room: create a peer connection and send it an offer."""

    payload: Participant


class ParticipantLeftPayload(WireStruct, frozen=True, kw_only=True):
    """Who is gone, and why."""

    socket_id: SocketId
    reason: Annotated[LeftReason, Meta(description="Why the participant is gone.")]


class ParticipantLeft(ServerBase, frozen=True, kw_only=True, tag="participant_left"):
    """Somebody is gone from your room: close the peer connection to it."""

    payload: ParticipantLeftPayload


class ParticipantReconnectingPayload(WireStruct, frozen=True, kw_only=True):
    """Whose line is lost."""

    socket_id: SocketId


class ParticipantReconnecting(ServerBase, frozen=True, kw_only=True, tag="participant_reconnecting"):
    """Somebody's line is lost: its seat is kept for a while, and what you send to it waits there.

    Keep the peer connection: media may well flow on. Either `participant_reconnected` or `participant_left`
    follows, unless the room ends.
    """

    payload: ParticipantReconnectingPayload


class ParticipantReconnectedPayload(WireStruct, frozen=True, kw_only=True):
    """Who is back."""

    socket_id: SocketId


class ParticipantReconnected(ServerBase, frozen=True, kw_only=True, tag="participant_reconnected"):
    """Somebody is back in its seat, under the same `socket_id`."""

    payload: ParticipantReconnectedPayload


class OfferRelayPayload(WireStruct, frozen=True, kw_only=True):
    """An offer, and from whom."""

    sender: SocketId = field(name="from")
    description: OfferDescription


class OfferRelay(ServerBase, frozen=True, kw_only=True, tag="offer"):
    """An offer from a participant of your room: answer it."""

    payload: OfferRelayPayload


class AnswerRelayPayload(WireStruct, frozen=True, kw_only=True):
    """An answer, and from whom."""

    sender: SocketId = field(name="from")
    description: AnswerDescription


class AnswerRelay(ServerBase, frozen=True, kw_only=True, tag="answer"):
    """An answer from a participant of your room, to your offer."""

    payload: AnswerRelayPayload


class IceCandidateRelayPayload(WireStruct, frozen=True, kw_only=True):
    """A candidate, and from whom."""

    sender: SocketId = field(name="from")
    candidate: Annotated[IceCandidate | None, Meta(description="The candidate; null: end of candidates.")]


class IceCandidateRelay(ServerBase, frozen=True, kw_only=True, tag="ice_candidate"):
    """An ICE candidate from a participant of your room."""

    payload: IceCandidateRelayPayload


class RoomLeftPayload(WireStruct, frozen=True, kw_only=True):
    """Which room you are out of, and why."""

    room_code: RoomCode
    reason: Annotated[RoomLeftReason, Meta(description="Why you are out of the room.")]


class RoomLeft(ServerBase, frozen=True, kw_only=True, tag="room_left"):
    """You are out of the room. For any reason but `left`, the socket is closed right after."""

    payload: RoomLeftPayload


class ResumedPayload(WireStruct, frozen=True, kw_only=True):
    """The seat that is yours again."""

    room_code: RoomCode
    socket_id: Annotated[
        str,
        Meta(
            min_length=1,
            max_length=MAX_ID_LENGTH,
            description="Your socket_id of before: it is that of the seat. The one in `connected` is void.",
            examples=["k3v9q2mx-7fh2kd8s5wpc4nrt"],
        ),
    ]
    participants: Annotated[list[Participant], Meta(description="Everyone in the room now, without you.")]
    recovered: Annotated[
        bool,
        Meta(
            description=(
                "True: every frame you missed follows, in order, none twice. False: some are lost; "
                "`participants` is the truth now, and your peer connections should restart ICE."
            ),
            examples=[True],
        ),
    ]
    replayed: Annotated[
        int, Meta(ge=0, description="How many frames follow that you had missed.", examples=[3])
    ]
    resume_token: ResumeToken


class Resumed(ServerBase, frozen=True, kw_only=True, tag="resumed"):
    """You have your seat again. Answers `resume`.

    This message is not counted in `received`; what follows is, on from the number that you sent.
    """

    payload: ResumedPayload


class PongPayload(WireStruct, frozen=True, kw_only=True):
    """The service's clock."""

    server_time: Timestamp


class Pong(ServerBase, frozen=True, kw_only=True, tag="pong"):
    """Answers `ping`."""

    payload: PongPayload


class ErrorPayload(WireStruct, frozen=True, kw_only=True):
    """What went wrong."""

    code: Annotated[ErrorCode, Meta(description="The error, for programs.")]
    message: Annotated[
        str,
        Meta(
            description="The error, for people. Names the JSON path of a bad field.",
            examples=["Object missing required field `room_code` - at `$.payload`"],
        ),
    ]
    retry_after: (
        Annotated[float, Meta(ge=0, description="Seconds to wait before trying again.", examples=[12.5])]
        | UnsetType
    ) = UNSET


class ErrorMessage(ServerBase, frozen=True, kw_only=True, tag="error"):
    """A message of yours was refused, and changed nothing."""

    payload: ErrorPayload


ClientMessage = Join | Offer | Answer | IceCandidateMessage | Leave | Resume | Ping
ServerMessage = (
    Connected
    | RoomJoined
    | ParticipantJoined
    | ParticipantLeft
    | ParticipantReconnecting
    | ParticipantReconnected
    | OfferRelay
    | AnswerRelay
    | IceCandidateRelay
    | RoomLeft
    | Resumed
    | Pong
    | ErrorMessage
)


def tag_of(message: type[Any] | Any) -> str:
    """The ``type`` a message has on the wire."""
    return str(message.__struct_config__.tag)
