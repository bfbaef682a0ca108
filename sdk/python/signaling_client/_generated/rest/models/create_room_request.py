from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar, cast

from attrs import define as _attrs_define

from ..types import UNSET, Unset

T = TypeVar("T", bound="CreateRoomRequest")


@_attrs_define
class CreateRoomRequest:
    """What the room shall be like. Every field may be left out or null; others are refused."""

    owner_id: None | str | Unset = UNSET
    """ The platform's own identifier of whoever the room belongs to (teacher, host). """
    ttl_hours: int | None | Unset = UNSET
    """ Lifetime in hours. Left out or null: what the operator set as `ROOM_TTL_HOURS`, else 24. """
    max_participants: int | None | Unset = UNSET
    """ How many participants the room holds at once. Left out or null: what the operator set as
    `MAX_PARTICIPANTS_PER_ROOM`, else 50. """

    def to_dict(self) -> dict[str, Any]:
        owner_id: None | str | Unset
        if isinstance(self.owner_id, Unset):
            owner_id = UNSET
        else:
            owner_id = self.owner_id

        ttl_hours: int | None | Unset
        if isinstance(self.ttl_hours, Unset):
            ttl_hours = UNSET
        else:
            ttl_hours = self.ttl_hours

        max_participants: int | None | Unset
        if isinstance(self.max_participants, Unset):
            max_participants = UNSET
        else:
            max_participants = self.max_participants

        field_dict: dict[str, Any] = {}

        field_dict.update({})
        if owner_id is not UNSET:
            field_dict["owner_id"] = owner_id
        if ttl_hours is not UNSET:
            field_dict["ttl_hours"] = ttl_hours
        if max_participants is not UNSET:
            field_dict["max_participants"] = max_participants

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)

        def _parse_owner_id(data: object) -> None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(None | str | Unset, data)

        owner_id = _parse_owner_id(d.pop("owner_id", UNSET))

        def _parse_ttl_hours(data: object) -> int | None | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(int | None | Unset, data)

        ttl_hours = _parse_ttl_hours(d.pop("ttl_hours", UNSET))

        def _parse_max_participants(data: object) -> int | None | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(int | None | Unset, data)

        max_participants = _parse_max_participants(d.pop("max_participants", UNSET))

        create_room_request = cls(
            owner_id=owner_id,
            ttl_hours=ttl_hours,
            max_participants=max_participants,
        )

        return create_room_request
