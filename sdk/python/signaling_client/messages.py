"""The WebSocket messages, as the Structs generated from their schema: match on them.

    match message:
        case OfferRelay(payload=OfferRelayPayload(from_=peer, description=offer)):
            ...
        case ParticipantJoined(payload=participant):
            ...

`Event` is what a session yields.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from signaling_client._generated.messages import (
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
    LeavePayload,
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
)


@dataclass(frozen=True, slots=True)
class Reconnecting:
    """The line has broken; the session is coming back by itself, and says so with `Reconnected`.

    Leave peer connections alone: media may well flow on. ``close_code``: how the line ended (RFC 6455, 7.4);
    1006: without a word.
    """

    close_code: int


@dataclass(frozen=True, slots=True)
class Reconnected:
    """The session is in its room again.

    ``recovered`` is true: it has its seat again, and every message that was missed follows, in order: go on
    as if nothing had happened. Else some are lost, and ``participants`` says who is in the room now. If
    ``socket_id`` is the ``previous_socket_id``, the seat was kept: have the peer connections that stay
    restart ICE. If it is another, the session has joined anew and is a new participant to the others: drop
    all peer connections; those who are there will send offers.
    """

    socket_id: str
    previous_socket_id: str
    participants: tuple[Participant, ...]
    recovered: bool


Event: TypeAlias = ServerMessage | Reconnecting | Reconnected
"""What `async for` over a session gives."""

__all__ = [
    "Answer",
    "AnswerDescription",
    "AnswerPayload",
    "AnswerRelay",
    "AnswerRelayPayload",
    "ClientMessage",
    "Connected",
    "ConnectedPayload",
    "ErrorMessage",
    "ErrorPayload",
    "Event",
    "IceCandidate",
    "IceCandidateMessage",
    "IceCandidatePayload",
    "IceCandidateRelay",
    "IceCandidateRelayPayload",
    "Join",
    "JoinPayload",
    "Leave",
    "LeavePayload",
    "Offer",
    "OfferDescription",
    "OfferPayload",
    "OfferRelay",
    "OfferRelayPayload",
    "Participant",
    "ParticipantJoined",
    "ParticipantLeft",
    "ParticipantLeftPayload",
    "ParticipantReconnected",
    "ParticipantReconnectedPayload",
    "ParticipantReconnecting",
    "ParticipantReconnectingPayload",
    "Ping",
    "PingPayload",
    "Pong",
    "PongPayload",
    "Reconnected",
    "Reconnecting",
    "Resume",
    "ResumePayload",
    "Resumed",
    "ResumedPayload",
    "RoomJoined",
    "RoomJoinedPayload",
    "RoomLeft",
    "RoomLeftPayload",
    "ServerMessage",
]
