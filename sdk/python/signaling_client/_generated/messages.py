"""Every WebSocket message, both directions, as msgspec Structs. Generated: never edited.

Values that a newer service may add to (reasons, states, codes) are plain strings here; their
descriptions name those known today.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal, TypeAlias

from msgspec import UNSET, Meta, Struct, UnsetType, field


class AnswerDescription(Struct, kw_only=True):
    """
    An answer as `RTCPeerConnection.createAnswer` makes it (W3C WebRTC, RTCSessionDescriptionInit).
    """

    type: Annotated[
        Literal["answer", "pranswer"],
        Meta(description="`answer`, or `pranswer` (provisional)."),
    ]
    """
    `answer`, or `pranswer` (provisional).
    """
    sdp: Annotated[
        str,
        Meta(
            description="The session description (RFC 8866).",
            examples=["v=0\r\no=- 46117 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\n"],
        ),
    ] = ""
    """
    The session description (RFC 8866).
    """


class AnswerRelayPayload(Struct, kw_only=True):
    """
    An answer, and from whom.
    """

    from_: Annotated[
        str,
        Meta(
            description="Identifier of one participant's connection, made by the service. Do not parse it.",
            examples=["k3v9q2mx-7fh2kd8s5wpc4nrt"],
        ),
    ] = field(name="from")
    """
    Identifier of one participant's connection, made by the service. Do not parse it.
    """
    description: AnswerDescription


class ConnectedPayload(Struct, kw_only=True):
    """
    Who you are, and the limits of this socket.
    """

    socket_id: Annotated[
        str,
        Meta(
            description="Identifier of one participant's connection, made by the service. Do not parse it.",
            examples=["k3v9q2mx-7fh2kd8s5wpc4nrt"],
        ),
    ]
    """
    Identifier of one participant's connection, made by the service. Do not parse it.
    """
    protocol_version: Annotated[
        int,
        Meta(
            description="Version of this protocol; rises on a change old clients cannot bear.",
            examples=[1],
        ),
    ]
    """
    Version of this protocol; rises on a change old clients cannot bear.
    """
    join_timeout_seconds: Annotated[
        int,
        Meta(
            description="The socket is closed with 4502 if it is in no room for so long.",
            examples=[60],
        ),
    ]
    """
    The socket is closed with 4502 if it is in no room for so long.
    """
    max_frame_bytes: Annotated[
        int,
        Meta(
            description="A larger message closes the socket with 1009.",
            examples=[65536],
        ),
    ]
    """
    A larger message closes the socket with 1009.
    """


ConnectionState: TypeAlias = Annotated[
    Literal["connected", "reconnecting"],
    Meta(
        description="A participant's line: `connected`, or `reconnecting` while its seat is kept after a lost line.",
        title="ConnectionState",
    ),
]
"""
A participant's line: `connected`, or `reconnecting` while its seat is kept after a lost line.
"""


ErrorCode: TypeAlias = Annotated[
    Literal[
        "invalid_json",
        "invalid_message",
        "unknown_type",
        "not_in_room",
        "already_in_room",
        "room_not_found",
        "room_closed",
        "room_expired",
        "room_full",
        "peer_not_found",
        "resume_failed",
        "rate_limited",
        "server_error",
    ],
    Meta(
        description="What went wrong, for programs. The sentence beside it (`detail`, `message`) is for people.",
        title="ErrorCode",
    ),
]
"""
What went wrong, for programs. The sentence beside it (`detail`, `message`) is for people.
"""


class ErrorPayload(Struct, kw_only=True):
    """
    What went wrong.
    """

    code: Annotated[
        str,
        Meta(
            description="The error, for programs. Known values: `invalid_json`, `invalid_message`, `unknown_type`, `not_in_room`, `already_in_room`, `room_not_found`, `room_closed`, `room_expired`, `room_full`, `peer_not_found`, `resume_failed`, `rate_limited`, `server_error`."
        ),
    ]
    """
    The error, for programs. Known values: `invalid_json`, `invalid_message`, `unknown_type`, `not_in_room`, `already_in_room`, `room_not_found`, `room_closed`, `room_expired`, `room_full`, `peer_not_found`, `resume_failed`, `rate_limited`, `server_error`.
    """
    message: Annotated[
        str,
        Meta(
            description="The error, for people. Names the JSON path of a bad field.",
            examples=["Object missing required field `room_code` - at `$.payload`"],
        ),
    ]
    """
    The error, for people. Names the JSON path of a bad field.
    """
    retry_after: (
        Annotated[
            float,
            Meta(description="Seconds to wait before trying again.", examples=[12.5]),
        ]
        | UnsetType
    ) = UNSET
    """
    Seconds to wait before trying again.
    """


class IceCandidate(Struct, kw_only=True):
    """
    A candidate as `RTCIceCandidate.toJSON` makes it (W3C WebRTC, RTCIceCandidateInit).
    """

    candidate: Annotated[
        str,
        Meta(
            description="The candidate-attribute (RFC 8839, 5.1); empty: the last of its generation.",
            examples=["candidate:1 1 udp 2122260223 192.0.2.7 53165 typ host"],
        ),
    ] = ""
    """
    The candidate-attribute (RFC 8839, 5.1); empty: the last of its generation.
    """
    sdp_mid: (
        Annotated[
            str,
            Meta(
                description="Media stream identification tag of its section.",
                examples=["0"],
            ),
        ]
        | None
        | UnsetType
    ) = field(name="sdpMid", default=UNSET)
    """
    Media stream identification tag of its section.
    """
    sdp_m_line_index: (
        Annotated[
            int, Meta(description="Index of its media section, from 0.", examples=[0])
        ]
        | None
        | UnsetType
    ) = field(name="sdpMLineIndex", default=UNSET)
    """
    Index of its media section, from 0.
    """
    username_fragment: (
        Annotated[
            str,
            Meta(
                description="ICE user name fragment of its generation.",
                examples=["4aFb"],
            ),
        ]
        | None
        | UnsetType
    ) = field(name="usernameFragment", default=UNSET)
    """
    ICE user name fragment of its generation.
    """


class IceCandidateRelayPayload(Struct, kw_only=True):
    """
    A candidate, and from whom.
    """

    from_: Annotated[
        str,
        Meta(
            description="Identifier of one participant's connection, made by the service. Do not parse it.",
            examples=["k3v9q2mx-7fh2kd8s5wpc4nrt"],
        ),
    ] = field(name="from")
    """
    Identifier of one participant's connection, made by the service. Do not parse it.
    """
    candidate: (
        Annotated[
            IceCandidate, Meta(description="The candidate; null: end of candidates.")
        ]
        | None
    )
    """
    The candidate; null: end of candidates.
    """


LeftReason: TypeAlias = Annotated[
    Literal["left", "connection_lost"],
    Meta(
        description="Why a participant is gone: it `left`, or its line broke (`connection_lost`).",
        title="LeftReason",
    ),
]
"""
Why a participant is gone: it `left`, or its line broke (`connection_lost`).
"""


class OfferDescription(Struct, kw_only=True):
    """
    An offer as `RTCPeerConnection.createOffer` makes it (W3C WebRTC, RTCSessionDescriptionInit).
    """

    type: Annotated[Literal["offer"], Meta(description="Always `offer`.")]
    """
    Always `offer`.
    """
    sdp: Annotated[
        str,
        Meta(
            description="The session description (RFC 8866).",
            examples=["v=0\r\no=- 46117 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\n"],
        ),
    ] = ""
    """
    The session description (RFC 8866).
    """


class OfferRelayPayload(Struct, kw_only=True):
    """
    An offer, and from whom.
    """

    from_: Annotated[
        str,
        Meta(
            description="Identifier of one participant's connection, made by the service. Do not parse it.",
            examples=["k3v9q2mx-7fh2kd8s5wpc4nrt"],
        ),
    ] = field(name="from")
    """
    Identifier of one participant's connection, made by the service. Do not parse it.
    """
    description: OfferDescription


class Participant(Struct, kw_only=True):
    """
    A participant of your room, as you see it.
    """

    socket_id: Annotated[
        str,
        Meta(
            description="Identifier of one participant's connection, made by the service. Do not parse it.",
            examples=["k3v9q2mx-7fh2kd8s5wpc4nrt"],
        ),
    ]
    """
    Identifier of one participant's connection, made by the service. Do not parse it.
    """
    display_name: Annotated[
        str,
        Meta(
            description="Name shown to the other participants: 1 to 80 characters, white space around it not counted and removed.",
            examples=["John Doe"],
        ),
    ]
    """
    Name shown to the other participants: 1 to 80 characters, white space around it not counted and removed.
    """
    user_id: (
        Annotated[
            str,
            Meta(
                description="The platform's own identifier of the user. The service only carries it.",
                examples=["student_456"],
            ),
        ]
        | None
    )
    """
    The platform's own identifier of the user. The service only carries it.
    """
    joined_at: Annotated[
        datetime,
        Meta(
            description="A time in UTC, RFC 3339, with a `Z`.",
            examples=["2025-12-18T10:30:00Z"],
        ),
    ]
    """
    A time in UTC, RFC 3339, with a `Z`.
    """
    connection: Annotated[
        str,
        Meta(
            description="State of the participant's line. Known values: `connected`, `reconnecting`."
        ),
    ]
    """
    State of the participant's line. Known values: `connected`, `reconnecting`.
    """
    polite: Annotated[
        bool,
        Meta(
            description="Your `polite` flag towards this participant in the W3C perfect negotiation pattern: true when it was here before you. Never changes.",
            examples=[True],
        ),
    ]
    """
    Your `polite` flag towards this participant in the W3C perfect negotiation pattern: true when it was here before you. Never changes.
    """


class ParticipantLeftPayload(Struct, kw_only=True):
    """
    Who is gone, and why.
    """

    socket_id: Annotated[
        str,
        Meta(
            description="Identifier of one participant's connection, made by the service. Do not parse it.",
            examples=["k3v9q2mx-7fh2kd8s5wpc4nrt"],
        ),
    ]
    """
    Identifier of one participant's connection, made by the service. Do not parse it.
    """
    reason: Annotated[
        str,
        Meta(
            description="Why the participant is gone. Known values: `left`, `connection_lost`."
        ),
    ]
    """
    Why the participant is gone. Known values: `left`, `connection_lost`.
    """


class ParticipantReconnectedPayload(Struct, kw_only=True):
    """
    Who is back.
    """

    socket_id: Annotated[
        str,
        Meta(
            description="Identifier of one participant's connection, made by the service. Do not parse it.",
            examples=["k3v9q2mx-7fh2kd8s5wpc4nrt"],
        ),
    ]
    """
    Identifier of one participant's connection, made by the service. Do not parse it.
    """


class ParticipantReconnectingPayload(Struct, kw_only=True):
    """
    Whose line is lost.
    """

    socket_id: Annotated[
        str,
        Meta(
            description="Identifier of one participant's connection, made by the service. Do not parse it.",
            examples=["k3v9q2mx-7fh2kd8s5wpc4nrt"],
        ),
    ]
    """
    Identifier of one participant's connection, made by the service. Do not parse it.
    """


class PongPayload(Struct, kw_only=True):
    """
    The service's clock.
    """

    server_time: Annotated[
        datetime,
        Meta(
            description="A time in UTC, RFC 3339, with a `Z`.",
            examples=["2025-12-18T10:30:00Z"],
        ),
    ]
    """
    A time in UTC, RFC 3339, with a `Z`.
    """


class ResumedPayload(Struct, kw_only=True):
    """
    The seat that is yours again.
    """

    room_code: Annotated[
        str,
        Meta(
            description="Code of a room: 6 characters of `23456789abcdefghjkmnpqrstuvwxyz`. Accepted in any case, always answered in lower case.",
            examples=["a7x9k2"],
        ),
    ]
    """
    Code of a room: 6 characters of `23456789abcdefghjkmnpqrstuvwxyz`. Accepted in any case, always answered in lower case.
    """
    socket_id: Annotated[
        str,
        Meta(
            description="Your socket_id of before: it is that of the seat. The one in `connected` is void.",
            examples=["k3v9q2mx-7fh2kd8s5wpc4nrt"],
        ),
    ]
    """
    Your socket_id of before: it is that of the seat. The one in `connected` is void.
    """
    participants: Annotated[
        list[Participant], Meta(description="Everyone in the room now, without you.")
    ]
    """
    Everyone in the room now, without you.
    """
    recovered: Annotated[
        bool,
        Meta(
            description="True: every frame you missed follows, in order, none twice. False: some are lost; `participants` is the truth now, and your peer connections should restart ICE.",
            examples=[True],
        ),
    ]
    """
    True: every frame you missed follows, in order, none twice. False: some are lost; `participants` is the truth now, and your peer connections should restart ICE.
    """
    replayed: Annotated[
        int,
        Meta(description="How many frames follow that you had missed.", examples=[3]),
    ]
    """
    How many frames follow that you had missed.
    """
    resume_token: Annotated[
        str,
        Meta(
            description="Signed proof of a seat. Keep it secret; it is of use to nobody but the seat's owner.",
            examples=["eyJyIjoiYTd4OWsyIn0.3q2-7w"],
        ),
    ]
    """
    Signed proof of a seat. Keep it secret; it is of use to nobody but the seat's owner.
    """


class RoomJoinedPayload(Struct, kw_only=True):
    """
    The room you are in now.
    """

    room_code: Annotated[
        str,
        Meta(
            description="Code of a room: 6 characters of `23456789abcdefghjkmnpqrstuvwxyz`. Accepted in any case, always answered in lower case.",
            examples=["a7x9k2"],
        ),
    ]
    """
    Code of a room: 6 characters of `23456789abcdefghjkmnpqrstuvwxyz`. Accepted in any case, always answered in lower case.
    """
    socket_id: Annotated[
        str,
        Meta(
            description="Identifier of one participant's connection, made by the service. Do not parse it.",
            examples=["k3v9q2mx-7fh2kd8s5wpc4nrt"],
        ),
    ]
    """
    Identifier of one participant's connection, made by the service. Do not parse it.
    """
    participants: Annotated[
        list[Participant],
        Meta(
            description="Everyone already there, without you. They will send you offers."
        ),
    ]
    """
    Everyone already there, without you. They will send you offers.
    """
    expires_at: Annotated[
        datetime,
        Meta(
            description="A time in UTC, RFC 3339, with a `Z`.",
            examples=["2025-12-18T10:30:00Z"],
        ),
    ]
    """
    A time in UTC, RFC 3339, with a `Z`.
    """
    max_participants: Annotated[
        int, Meta(description="Seats of the room.", examples=[30])
    ]
    """
    Seats of the room.
    """
    resume_token: Annotated[
        str,
        Meta(
            description="Signed proof of a seat. Keep it secret; it is of use to nobody but the seat's owner.",
            examples=["eyJyIjoiYTd4OWsyIn0.3q2-7w"],
        ),
    ]
    """
    Signed proof of a seat. Keep it secret; it is of use to nobody but the seat's owner.
    """
    resume_window_seconds: Annotated[
        int,
        Meta(
            description="How long your seat is kept after a lost line; 0: it is not kept.",
            examples=[20],
        ),
    ]
    """
    How long your seat is kept after a lost line; 0: it is not kept.
    """


class RoomLeftPayload(Struct, kw_only=True):
    """
    Which room you are out of, and why.
    """

    room_code: Annotated[
        str,
        Meta(
            description="Code of a room: 6 characters of `23456789abcdefghjkmnpqrstuvwxyz`. Accepted in any case, always answered in lower case.",
            examples=["a7x9k2"],
        ),
    ]
    """
    Code of a room: 6 characters of `23456789abcdefghjkmnpqrstuvwxyz`. Accepted in any case, always answered in lower case.
    """
    reason: Annotated[
        str,
        Meta(
            description="Why you are out of the room. Known values: `left`, `room_closed`, `room_expired`."
        ),
    ]
    """
    Why you are out of the room. Known values: `left`, `room_closed`, `room_expired`.
    """


RoomLeftReason: TypeAlias = Annotated[
    Literal["left", "room_closed", "room_expired"],
    Meta(
        description="Why you are out of the room: you `left`, or the room ended (`room_closed`, `room_expired`).",
        title="RoomLeftReason",
    ),
]
"""
Why you are out of the room: you `left`, or the room ended (`room_closed`, `room_expired`).
"""


class AnswerPayload(Struct, kw_only=True):
    """
    An answer, and for whom.
    """

    to: Annotated[
        str,
        Meta(
            description="Identifier of one participant's connection, made by the service. Do not parse it.",
            examples=["k3v9q2mx-7fh2kd8s5wpc4nrt"],
            max_length=128,
            min_length=1,
        ),
    ]
    """
    Identifier of one participant's connection, made by the service. Do not parse it.
    """
    description: AnswerDescription


class IceCandidatePayload(Struct, kw_only=True):
    """
    A candidate, and for whom.
    """

    to: Annotated[
        str,
        Meta(
            description="Identifier of one participant's connection, made by the service. Do not parse it.",
            examples=["k3v9q2mx-7fh2kd8s5wpc4nrt"],
            max_length=128,
            min_length=1,
        ),
    ]
    """
    Identifier of one participant's connection, made by the service. Do not parse it.
    """
    candidate: (
        Annotated[
            IceCandidate, Meta(description="The candidate; null: end of candidates.")
        ]
        | None
    )
    """
    The candidate; null: end of candidates.
    """


class JoinPayload(Struct, kw_only=True):
    """
    Who joins which room.
    """

    room_code: Annotated[
        str,
        Meta(
            description="Code of a room: 6 characters of `23456789abcdefghjkmnpqrstuvwxyz`. Accepted in any case, always answered in lower case.",
            examples=["a7x9k2"],
            max_length=6,
            pattern="^[0-9A-Za-z]{6}$",
        ),
    ]
    """
    Code of a room: 6 characters of `23456789abcdefghjkmnpqrstuvwxyz`. Accepted in any case, always answered in lower case.
    """
    display_name: (
        Annotated[
            str,
            Meta(
                description="Name shown to the other participants: 1 to 80 characters, white space around it not counted and removed.",
                examples=["John Doe"],
                max_length=1024,
                pattern="^\\s*\\S(?:[\\s\\S]{0,78}\\S)?\\s*$",
            ),
        ]
        | None
        | UnsetType
    ) = UNSET
    """
    Name shown to the other participants: 1 to 80 characters, white space around it not counted and removed.
    """
    user_id: (
        Annotated[
            str,
            Meta(
                description="The platform's own identifier of the user. The service only carries it.",
                examples=["student_456"],
                max_length=128,
                min_length=1,
            ),
        ]
        | None
        | UnsetType
    ) = UNSET
    """
    The platform's own identifier of the user. The service only carries it.
    """


class LeavePayload(Struct, kw_only=True):
    """
    Nothing is needed to leave.
    """


class OfferPayload(Struct, kw_only=True):
    """
    An offer, and for whom.
    """

    to: Annotated[
        str,
        Meta(
            description="Identifier of one participant's connection, made by the service. Do not parse it.",
            examples=["k3v9q2mx-7fh2kd8s5wpc4nrt"],
            max_length=128,
            min_length=1,
        ),
    ]
    """
    Identifier of one participant's connection, made by the service. Do not parse it.
    """
    description: OfferDescription


class PingPayload(Struct, kw_only=True):
    """
    What arrived so far: it need not be kept for a resume any more.
    """

    received: (
        Annotated[
            int,
            Meta(
                description="How many frames arrived on this seat, counting `room_joined` as 1; `connected` and `resumed` do not count. Frames up to there are not kept for you any more.",
                examples=[17],
                ge=0,
                le=9007199254740991,
            ),
        ]
        | None
        | UnsetType
    ) = UNSET
    """
    How many frames arrived on this seat, counting `room_joined` as 1; `connected` and `resumed` do not count. Frames up to there are not kept for you any more.
    """


class ResumePayload(Struct, kw_only=True):
    """
    Which seat to take again, and what of it arrived.
    """

    resume_token: Annotated[
        str,
        Meta(
            description="Signed proof of a seat. Keep it secret; it is of use to nobody but the seat's owner.",
            examples=["eyJyIjoiYTd4OWsyIn0.3q2-7w"],
            max_length=1024,
            min_length=1,
        ),
    ]
    """
    Signed proof of a seat. Keep it secret; it is of use to nobody but the seat's owner.
    """
    received: Annotated[
        int,
        Meta(
            description="How many frames arrived on this seat, counting `room_joined` as 1; `connected` and `resumed` do not count. Frames up to there are not kept for you any more.",
            examples=[17],
            ge=0,
            le=9007199254740991,
        ),
    ]
    """
    How many frames arrived on this seat, counting `room_joined` as 1; `connected` and `resumed` do not count. Frames up to there are not kept for you any more.
    """


class Connected(Struct, kw_only=True, tag_field="type", tag="connected"):
    """
    The first message on every socket: the connection stands.
    """

    request_id: (
        Annotated[
            str,
            Meta(
                description="Chosen by the client; the direct answer to the message repeats it.",
                examples=["req-1"],
            ),
        ]
        | UnsetType
    ) = UNSET
    """
    Chosen by the client; the direct answer to the message repeats it.
    """
    payload: ConnectedPayload


class RoomJoined(Struct, kw_only=True, tag_field="type", tag="room_joined"):
    """
    You are in the room. Answers `join`.
    """

    request_id: (
        Annotated[
            str,
            Meta(
                description="Chosen by the client; the direct answer to the message repeats it.",
                examples=["req-1"],
            ),
        ]
        | UnsetType
    ) = UNSET
    """
    Chosen by the client; the direct answer to the message repeats it.
    """
    payload: RoomJoinedPayload


class ParticipantJoined(
    Struct, kw_only=True, tag_field="type", tag="participant_joined"
):
    """
    Somebody joined your room: create a peer connection and send it an offer.
    """

    request_id: (
        Annotated[
            str,
            Meta(
                description="Chosen by the client; the direct answer to the message repeats it.",
                examples=["req-1"],
            ),
        ]
        | UnsetType
    ) = UNSET
    """
    Chosen by the client; the direct answer to the message repeats it.
    """
    payload: Participant


class ParticipantLeft(Struct, kw_only=True, tag_field="type", tag="participant_left"):
    """
    Somebody is gone from your room: close the peer connection to it.
    """

    request_id: (
        Annotated[
            str,
            Meta(
                description="Chosen by the client; the direct answer to the message repeats it.",
                examples=["req-1"],
            ),
        ]
        | UnsetType
    ) = UNSET
    """
    Chosen by the client; the direct answer to the message repeats it.
    """
    payload: ParticipantLeftPayload


class ParticipantReconnecting(
    Struct, kw_only=True, tag_field="type", tag="participant_reconnecting"
):
    """
    Somebody's line is lost: its seat is kept for a while, and what you send to it waits there.

    Keep the peer connection: media may well flow on. Either `participant_reconnected` or `participant_left` follows, unless the room ends.
    """

    request_id: (
        Annotated[
            str,
            Meta(
                description="Chosen by the client; the direct answer to the message repeats it.",
                examples=["req-1"],
            ),
        ]
        | UnsetType
    ) = UNSET
    """
    Chosen by the client; the direct answer to the message repeats it.
    """
    payload: ParticipantReconnectingPayload


class ParticipantReconnected(
    Struct, kw_only=True, tag_field="type", tag="participant_reconnected"
):
    """
    Somebody is back in its seat, under the same `socket_id`.
    """

    request_id: (
        Annotated[
            str,
            Meta(
                description="Chosen by the client; the direct answer to the message repeats it.",
                examples=["req-1"],
            ),
        ]
        | UnsetType
    ) = UNSET
    """
    Chosen by the client; the direct answer to the message repeats it.
    """
    payload: ParticipantReconnectedPayload


class OfferRelay(Struct, kw_only=True, tag_field="type", tag="offer"):
    """
    An offer from a participant of your room: answer it.
    """

    request_id: (
        Annotated[
            str,
            Meta(
                description="Chosen by the client; the direct answer to the message repeats it.",
                examples=["req-1"],
            ),
        ]
        | UnsetType
    ) = UNSET
    """
    Chosen by the client; the direct answer to the message repeats it.
    """
    payload: OfferRelayPayload


class AnswerRelay(Struct, kw_only=True, tag_field="type", tag="answer"):
    """
    An answer from a participant of your room, to your offer.
    """

    request_id: (
        Annotated[
            str,
            Meta(
                description="Chosen by the client; the direct answer to the message repeats it.",
                examples=["req-1"],
            ),
        ]
        | UnsetType
    ) = UNSET
    """
    Chosen by the client; the direct answer to the message repeats it.
    """
    payload: AnswerRelayPayload


class IceCandidateRelay(Struct, kw_only=True, tag_field="type", tag="ice_candidate"):
    """
    An ICE candidate from a participant of your room.
    """

    request_id: (
        Annotated[
            str,
            Meta(
                description="Chosen by the client; the direct answer to the message repeats it.",
                examples=["req-1"],
            ),
        ]
        | UnsetType
    ) = UNSET
    """
    Chosen by the client; the direct answer to the message repeats it.
    """
    payload: IceCandidateRelayPayload


class RoomLeft(Struct, kw_only=True, tag_field="type", tag="room_left"):
    """
    You are out of the room. For any reason but `left`, the socket is closed right after.
    """

    request_id: (
        Annotated[
            str,
            Meta(
                description="Chosen by the client; the direct answer to the message repeats it.",
                examples=["req-1"],
            ),
        ]
        | UnsetType
    ) = UNSET
    """
    Chosen by the client; the direct answer to the message repeats it.
    """
    payload: RoomLeftPayload


class Resumed(Struct, kw_only=True, tag_field="type", tag="resumed"):
    """
    You have your seat again. Answers `resume`.

    This message is not counted in `received`; what follows is, on from the number that you sent.
    """

    request_id: (
        Annotated[
            str,
            Meta(
                description="Chosen by the client; the direct answer to the message repeats it.",
                examples=["req-1"],
            ),
        ]
        | UnsetType
    ) = UNSET
    """
    Chosen by the client; the direct answer to the message repeats it.
    """
    payload: ResumedPayload


class Pong(Struct, kw_only=True, tag_field="type", tag="pong"):
    """
    Answers `ping`.
    """

    request_id: (
        Annotated[
            str,
            Meta(
                description="Chosen by the client; the direct answer to the message repeats it.",
                examples=["req-1"],
            ),
        ]
        | UnsetType
    ) = UNSET
    """
    Chosen by the client; the direct answer to the message repeats it.
    """
    payload: PongPayload


class ErrorMessage(Struct, kw_only=True, tag_field="type", tag="error"):
    """
    A message of yours was refused, and changed nothing.
    """

    request_id: (
        Annotated[
            str,
            Meta(
                description="Chosen by the client; the direct answer to the message repeats it.",
                examples=["req-1"],
            ),
        ]
        | UnsetType
    ) = UNSET
    """
    Chosen by the client; the direct answer to the message repeats it.
    """
    payload: ErrorPayload


class Join(Struct, kw_only=True, tag_field="type", tag="join"):
    """
    Join a room. Answered by `room_joined`, or by `error`.
    """

    request_id: (
        Annotated[
            str,
            Meta(
                description="Chosen by the client; the direct answer to the message repeats it.",
                examples=["req-1"],
                max_length=64,
                min_length=1,
            ),
        ]
        | UnsetType
    ) = UNSET
    """
    Chosen by the client; the direct answer to the message repeats it.
    """
    payload: JoinPayload


class Offer(Struct, kw_only=True, tag_field="type", tag="offer"):
    """
    Send an offer to one participant of your room.
    """

    request_id: (
        Annotated[
            str,
            Meta(
                description="Chosen by the client; the direct answer to the message repeats it.",
                examples=["req-1"],
                max_length=64,
                min_length=1,
            ),
        ]
        | UnsetType
    ) = UNSET
    """
    Chosen by the client; the direct answer to the message repeats it.
    """
    payload: OfferPayload


class Answer(Struct, kw_only=True, tag_field="type", tag="answer"):
    """
    Send an answer to one participant of your room.
    """

    request_id: (
        Annotated[
            str,
            Meta(
                description="Chosen by the client; the direct answer to the message repeats it.",
                examples=["req-1"],
                max_length=64,
                min_length=1,
            ),
        ]
        | UnsetType
    ) = UNSET
    """
    Chosen by the client; the direct answer to the message repeats it.
    """
    payload: AnswerPayload


class IceCandidateMessage(Struct, kw_only=True, tag_field="type", tag="ice_candidate"):
    """
    Send an ICE candidate to one participant of your room.
    """

    request_id: (
        Annotated[
            str,
            Meta(
                description="Chosen by the client; the direct answer to the message repeats it.",
                examples=["req-1"],
                max_length=64,
                min_length=1,
            ),
        ]
        | UnsetType
    ) = UNSET
    """
    Chosen by the client; the direct answer to the message repeats it.
    """
    payload: IceCandidatePayload


class Leave(Struct, kw_only=True, tag_field="type", tag="leave"):
    """
    Leave the room. Answered by `room_left`; the socket stays open and may join again.
    """

    request_id: (
        Annotated[
            str,
            Meta(
                description="Chosen by the client; the direct answer to the message repeats it.",
                examples=["req-1"],
                max_length=64,
                min_length=1,
            ),
        ]
        | UnsetType
    ) = UNSET
    """
    Chosen by the client; the direct answer to the message repeats it.
    """
    payload: LeavePayload | None | UnsetType = UNSET


class Resume(Struct, kw_only=True, tag_field="type", tag="resume"):
    """
    Take your seat again on a new socket. Answered by `resumed`, or by `error`.

    `resume_failed`: join anew. A token works once: `resumed` brings the next one. A seat whose old socket still hangs is taken from it, and that socket is closed with 4005.
    """

    request_id: (
        Annotated[
            str,
            Meta(
                description="Chosen by the client; the direct answer to the message repeats it.",
                examples=["req-1"],
                max_length=64,
                min_length=1,
            ),
        ]
        | UnsetType
    ) = UNSET
    """
    Chosen by the client; the direct answer to the message repeats it.
    """
    payload: ResumePayload


class Ping(Struct, kw_only=True, tag_field="type", tag="ping"):
    """
    Ask for a `pong`: a round trip that a page can make (it has no access to WebSocket pings).
    """

    request_id: (
        Annotated[
            str,
            Meta(
                description="Chosen by the client; the direct answer to the message repeats it.",
                examples=["req-1"],
                max_length=64,
                min_length=1,
            ),
        ]
        | UnsetType
    ) = UNSET
    """
    Chosen by the client; the direct answer to the message repeats it.
    """
    payload: PingPayload | None | UnsetType = UNSET


ClientMessage: TypeAlias = Annotated[
    Join | Offer | Answer | IceCandidateMessage | Leave | Resume | Ping,
    Meta(description="Every message that a client may send over the WebSocket `/ws`."),
]
"""
Every message that a client may send over the WebSocket `/ws`.
"""


ServerMessage: TypeAlias = Annotated[
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
    | ErrorMessage,
    Meta(description="Every message that the service sends over the WebSocket `/ws`."),
]
"""
Every message that the service sends over the WebSocket `/ws`.
"""
