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
    Ping,
    PingPayload,
    Pong,
    PongPayload,
    Resume,
    ResumePayload,
    RoomJoined,
    RoomJoinedPayload,
    RoomLeft,
    RoomLeftPayload,
    ServerMessage,
)


@dataclass(frozen=True, slots=True)
class Reconnected:
    """The line had broken, and the session has joined its room anew.

    To the others it is a new participant: ``socket_id`` is its new name, and those of before
    (``previous_socket_id`` and what was said to it) are gone. ``participants`` are those in the room now.
    Drop all peer connections; those who are there will send offers. What was sent to the session in between
    is lost.
    """

    socket_id: str
    previous_socket_id: str
    participants: tuple[Participant, ...]


Event: TypeAlias = ServerMessage | Reconnected
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
    "Ping",
    "PingPayload",
    "Pong",
    "PongPayload",
    "Reconnected",
    "Resume",
    "ResumePayload",
    "RoomJoined",
    "RoomJoinedPayload",
    "RoomLeft",
    "RoomLeftPayload",
    "ServerMessage",
]
