from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import Any, TypeVar, cast

from attrs import define as _attrs_define
from attrs import field as _attrs_field

T = TypeVar("T", bound="RoomCreated")


@_attrs_define
class RoomCreated:
    """The new room. Hand `room_code` to those who may join."""

    room_code: str
    """ Code of a room: 6 characters of `23456789abcdefghjkmnpqrstuvwxyz`. Accepted in any case, always answered in
    lower case. """
    created_at: datetime.datetime
    """ When the room was made: UTC, RFC 3339, whole seconds. """
    expires_at: datetime.datetime
    """ When the room ends by itself, if nobody deletes it before: UTC, RFC 3339, whole seconds. """
    owner_id: None | str
    """ The platform's own identifier of whoever the room belongs to (teacher, host). """
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        room_code = self.room_code

        created_at = self.created_at.isoformat()

        expires_at = self.expires_at.isoformat()

        owner_id: None | str
        owner_id = self.owner_id

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "room_code": room_code,
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

        created_at = datetime.datetime.fromisoformat(d.pop("created_at"))

        expires_at = datetime.datetime.fromisoformat(d.pop("expires_at"))

        def _parse_owner_id(data: object) -> None | str:
            if data is None:
                return data
            return cast(None | str, data)

        owner_id = _parse_owner_id(d.pop("owner_id"))

        room_created = cls(
            room_code=room_code,
            created_at=created_at,
            expires_at=expires_at,
            owner_id=owner_id,
        )

        room_created.additional_properties = d
        return room_created

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
