"""What members see of a room: frames made from what happened in it."""

from __future__ import annotations

from typing import cast

from msgspec import UNSET, UnsetType

from signaling.contract.codec import encode, encode_part
from signaling.contract.errors import SignalingError
from signaling.contract.messages import (
    ErrorMessage,
    ErrorPayload,
    Participant,
    ParticipantJoined,
    ParticipantLeft,
    ParticipantLeftPayload,
    ParticipantReconnected,
    ParticipantReconnectedPayload,
    ParticipantReconnecting,
    ParticipantReconnectingPayload,
    Pong,
    PongPayload,
    Resumed,
    ResumedPayload,
    RoomJoined,
    RoomJoinedPayload,
    RoomLeft,
    RoomLeftPayload,
)
from signaling.contract.types import LeftReason, RoomLeftReason, wire_time
from signaling.domain.events import Seat
from signaling.domain.room import Room

RequestId = str | UnsetType

Shown = dict[str, tuple[Seat, Participant]]
"""By socket_id, participants of a room as those who come later see them (JSON already), and the seats they
were made of: in a class that comes in, each is shown to all who follow."""


def participant(seat: Seat, *, polite: bool) -> Participant:
    """A participant as somebody else in the room sees it."""
    return Participant(
        socket_id=seat.socket_id,
        display_name=seat.display_name,
        user_id=seat.user_id,
        joined_at=wire_time(seat.joined_at),
        connection=seat.connection,
        polite=polite,
    )


def participant_joined(seat: Seat) -> bytes:
    """For those who were there before: towards a newcomer they are impolite, all alike."""
    return encode(ParticipantJoined(payload=participant(seat, polite=False)))


def participant_left(socket_id: str, reason: LeftReason) -> bytes:
    """For those who stay."""
    return encode(ParticipantLeft(payload=ParticipantLeftPayload(socket_id=socket_id, reason=reason)))


def participant_reconnecting(socket_id: str) -> bytes:
    """For the others, while a seat is kept."""
    return encode(ParticipantReconnecting(payload=ParticipantReconnectingPayload(socket_id=socket_id)))


def participant_reconnected(socket_id: str) -> bytes:
    """For the others, when it was resumed."""
    return encode(ParticipantReconnected(payload=ParticipantReconnectedPayload(socket_id=socket_id)))


def others(room: Room, own: Seat, shown: Shown) -> list[Participant]:
    """Everyone in the room but ``own``, who is polite towards those there before. ``shown`` is added to."""
    found = []
    for socket_id, seat in room.seats.items():
        if socket_id == own.socket_id:
            continue
        if seat.number > own.number:
            found.append(participant(seat, polite=False))
            continue
        made = shown.get(socket_id)
        if made is None or made[0] is not seat:
            part = encode_part(participant(seat, polite=True))
            made = shown[socket_id] = (seat, cast("Participant", part))
        found.append(made[1])
    return found


def room_joined(
    room: Room, own: Seat, shown: Shown, resume_token: str, resume_window_seconds: int, request_id: RequestId
) -> bytes:
    """For the newcomer. ``shown`` as for `others`."""
    payload = RoomJoinedPayload(
        room_code=room.code,
        socket_id=own.socket_id,
        participants=others(room, own, shown),
        expires_at=wire_time(room.expires_at),
        max_participants=room.max_participants,
        resume_token=resume_token,
        resume_window_seconds=resume_window_seconds,
    )
    return encode(RoomJoined(payload=payload, request_id=request_id))


def resumed(
    room: Room,
    own: Seat,
    shown: Shown,
    resume_token: str,
    request_id: RequestId,
    *,
    recovered: bool,
    replayed: int,
) -> bytes:
    """For whoever has its seat again. ``shown`` as for `others`."""
    payload = ResumedPayload(
        room_code=room.code,
        socket_id=own.socket_id,
        participants=others(room, own, shown),
        recovered=recovered,
        replayed=replayed,
        resume_token=resume_token,
    )
    return encode(Resumed(payload=payload, request_id=request_id))


def room_left(code: str, reason: RoomLeftReason, request_id: RequestId = UNSET) -> bytes:
    """For whoever is out of the room."""
    return encode(RoomLeft(payload=RoomLeftPayload(room_code=code, reason=reason), request_id=request_id))


def pong(now: int, request_id: RequestId) -> bytes:
    """The answer to a ping; ``now`` in milliseconds."""
    return encode(Pong(payload=PongPayload(server_time=wire_time(now)), request_id=request_id))


def error(fault: SignalingError, request_id: RequestId) -> bytes:
    """The error frame of what was refused."""
    payload = ErrorPayload(
        code=fault.code,
        message=fault.detail,
        retry_after=UNSET if fault.retry_after is None else round(fault.retry_after, 3),
    )
    return encode(ErrorMessage(payload=payload, request_id=request_id))
