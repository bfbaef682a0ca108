from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import Any, TypeVar, cast

from attrs import define as _attrs_define
from attrs import field as _attrs_field

T = TypeVar("T", bound="RoomSummary")


@_attrs_define
class RoomSummary:
    """A room, as the list shows it."""

    room_code: str
    """ Code of a room: 6 characters of `23456789abcdefghjkmnpqrstuvwxyz`. Accepted in any case, always answered in
    lower case. """
    state: str
    """ Where the room is in its life: `open` takes participants; `closed` (it was deleted) and `expired` (its time
    is over) have ended. Known values: `open`, `closed`, `expired`. """
    participant_count: int
    """ Participants in the room now. """
    max_participants: int
    """ How many participants the room holds at once. """
    created_at: datetime.datetime
    """ When the room was made: UTC, RFC 3339, whole seconds. """
    expires_at: datetime.datetime
    """ When the room ends by itself, if nobody deletes it before: UTC, RFC 3339, whole seconds. """
    owner_id: None | str
    """ The platform's own identifier of whoever the room belongs to (teacher, host). """
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        room_code = self.room_code

        state = self.state

        participant_count = self.participant_count

        max_participants = self.max_participants

        created_at = self.created_at.isoformat()

        expires_at = self.expires_at.isoformat()

        owner_id: None | str
        owner_id = self.owner_id

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "room_code": room_code,
                "state": state,
                "participant_count": participant_count,
                "max_participants": max_participants,
                "created_at": created_at,
                "expires_at": expires_at,
                "owner_id": owner_id,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)
        room_code = d.pop("room_code")

        state = d.pop("state")

        participant_count = d.pop("participant_count")

        max_participants = d.pop("max_participants")

        created_at = datetime.datetime.fromisoformat(d.pop("created_at"))

        expires_at = datetime.datetime.fromisoformat(d.pop("expires_at"))

        def _parse_owner_id(data: object) -> None | str:
            if data is None:
                return data
            return cast(None | str, data)

        owner_id = _parse_owner_id(d.pop("owner_id"))

        room_summary = cls(
            room_code=room_code,
            state=state,
            participant_count=participant_count,
            max_participants=max_participants,
            created_at=created_at,
            expires_at=expires_at,
            owner_id=owner_id,
        )

        room_summary.additional_properties = d
        return room_summary

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
