from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar, cast

from attrs import define as _attrs_define
from attrs import field as _attrs_field

if TYPE_CHECKING:
    from ..models.room_participant import RoomParticipant


T = TypeVar("T", bound="RoomDetails")


@_attrs_define
class RoomDetails:
    """A room, and who is in it."""

    room_code: str
    """ Code of a room: 6 characters of `23456789abcdefghjkmnpqrstuvwxyz`. Accepted in any case, always answered in
    lower case. """
    created_at: datetime.datetime
    """ When the room was made: UTC, RFC 3339, whole seconds. """
    expires_at: datetime.datetime
    """ When the room ends by itself, if nobody deletes it before: UTC, RFC 3339, whole seconds. """
    state: str
    """ Where the room is in its life: `open` takes participants; `closed` (it was deleted) and `expired` (its time
    is over) have ended. Known values: `open`, `closed`, `expired`. """
    participant_count: int
    """ Participants in the room now. """
    max_participants: int
    """ How many participants the room holds at once. """
    participants: list[RoomParticipant]
    """ Everyone in the room, first come first. """
    owner_id: None | str
    """ The platform's own identifier of whoever the room belongs to (teacher, host). """
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        room_code = self.room_code

        created_at = self.created_at.isoformat()

        expires_at = self.expires_at.isoformat()

        state = self.state

        participant_count = self.participant_count

        max_participants = self.max_participants

        participants = []
        for participants_item_data in self.participants:
            participants_item = participants_item_data.to_dict()
            participants.append(participants_item)

        owner_id: None | str
        owner_id = self.owner_id

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "room_code": room_code,
                "created_at": created_at,
                "expires_at": expires_at,
                "state": state,
                "participant_count": participant_count,
                "max_participants": max_participants,
                "participants": participants,
                "owner_id": owner_id,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from ..models.room_participant import RoomParticipant  # noqa: PLC0415

        d = dict(src_dict)
        room_code = d.pop("room_code")

        created_at = datetime.datetime.fromisoformat(d.pop("created_at"))

        expires_at = datetime.datetime.fromisoformat(d.pop("expires_at"))

        state = d.pop("state")

        participant_count = d.pop("participant_count")

        max_participants = d.pop("max_participants")

        participants = []
        _participants = d.pop("participants")
        for participants_item_data in _participants:
            participants_item = RoomParticipant.from_dict(participants_item_data)

            participants.append(participants_item)

        def _parse_owner_id(data: object) -> None | str:
            if data is None:
                return data
            return cast(None | str, data)

        owner_id = _parse_owner_id(d.pop("owner_id"))

        room_details = cls(
            room_code=room_code,
            created_at=created_at,
            expires_at=expires_at,
            state=state,
            participant_count=participant_count,
            max_participants=max_participants,
            participants=participants,
            owner_id=owner_id,
        )

        room_details.additional_properties = d
        return room_details

    @property
    def additional_keys(self) -> list[str]:
        return list(self.additional_properties.keys())

    def __getitem__(self, key: str) -> Any:
        return self.additional_properties[key]

    def __setitem__(self, key: str, value: Any) -> None:
        self.additional_properties[key] = value

    def __delitem__(self, key: str) -> None:
        del self.additional_properties[key]

    def __contains__(self, key: str) -> bool:
        return key in self.additional_properties
