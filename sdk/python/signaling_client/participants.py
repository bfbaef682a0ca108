"""Who is in the room with you."""

from __future__ import annotations

from collections.abc import ItemsView, Iterable, Iterator, KeysView, Mapping, ValuesView

from msgspec.structs import replace

from signaling_client.messages import (
    Participant,
    ParticipantJoined,
    ParticipantLeft,
    ParticipantReconnected,
    ParticipantReconnecting,
    RoomLeft,
    ServerMessage,
)


class Participants(Mapping[str, Participant]):
    """The others in the room, by `socket_id`: always as the service told last. It cannot be changed from
    outside.

    Walking through it is safe while the room goes on: a walk sees those who were there when it began.
    """

    def __init__(self) -> None:
        # Replaced, never changed: that is what makes walks safe.
        self._present: dict[str, Participant] = {}

    def __getitem__(self, socket_id: str) -> Participant:
        return self._present[socket_id]

    def __iter__(self) -> Iterator[str]:
        return iter(self._present)

    def keys(self) -> KeysView[str]:
        return self._present.keys()

    def values(self) -> ValuesView[Participant]:
        return self._present.values()

    def items(self) -> ItemsView[str, Participant]:
        return self._present.items()

    def __len__(self) -> int:
        return len(self._present)

    def __repr__(self) -> str:
        return f"Participants({self._present!r})"

    def _replace(self, participants: Iterable[Participant]) -> None:
        self._present = {participant.socket_id: participant for participant in participants}

    def _apply(self, message: ServerMessage) -> None:
        match message:
            case ParticipantJoined(payload=participant):
                self._present = {**self._present, participant.socket_id: participant}
            case ParticipantLeft(payload=gone):
                self._present = {key: one for key, one in self._present.items() if key != gone.socket_id}
            case ParticipantReconnecting(payload=one):
                self._set_connection(one.socket_id, "reconnecting")
            case ParticipantReconnected(payload=one):
                self._set_connection(one.socket_id, "connected")
            case RoomLeft():
                self._present = {}
            case _:
                pass

    def _set_connection(self, socket_id: str, connection: str) -> None:
        known = self._present.get(socket_id)
        if known is not None:
            self._present = {**self._present, socket_id: replace(known, connection=connection)}
