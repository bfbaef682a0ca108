from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import Any, TypeVar, cast

from attrs import define as _attrs_define
from attrs import field as _attrs_field

T = TypeVar("T", bound="RoomParticipant")


@_attrs_define
class RoomParticipant:
    """Somebody in the room now."""

    socket_id: str
    """ Identifier of one participant's connection, made by the service. Do not parse it. """
    display_name: str
    """ Name shown to the other participants: 1 to 80 characters, white space around it not counted and removed. """
    user_id: None | str
    """ The platform's own identifier of the user. The service only carries it. """
    joined_at: datetime.datetime
    """ When the participant joined: UTC, RFC 3339, whole seconds. """
    connection: str
    """ The participant's line: `connected`, or `reconnecting` while its seat is kept after a lost line. Known
    values: `connected`, `reconnecting`. """
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        socket_id = self.socket_id

        display_name = self.display_name

        user_id: None | str
        user_id = self.user_id

        joined_at = self.joined_at.isoformat()

        connection = self.connection

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "socket_id": socket_id,
                "display_name": display_name,
                "user_id": user_id,
                "joined_at": joined_at,
                "connection": connection,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)
        socket_id = d.pop("socket_id")

        display_name = d.pop("display_name")

        def _parse_user_id(data: object) -> None | str:
            if data is None:
                return data
            return cast(None | str, data)

        user_id = _parse_user_id(d.pop("user_id"))

        joined_at = datetime.datetime.fromisoformat(d.pop("joined_at"))

        connection = d.pop("connection")

        room_participant = cls(
            socket_id=socket_id,
            display_name=display_name,
            user_id=user_id,
            joined_at=joined_at,
            connection=connection,
        )

        room_participant.additional_properties = d
        return room_participant

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
