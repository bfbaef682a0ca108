from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from attrs import define as _attrs_define
from attrs import field as _attrs_field

T = TypeVar("T", bound="StatisticsCounts")


@_attrs_define
class StatisticsCounts:
    """Counts over the rooms not yet purged."""

    total_rooms: int
    """ Rooms of any state. """
    open_rooms: int
    """ Rooms that take participants. """
    closed_rooms: int
    """ Rooms that were closed. """
    expired_rooms: int
    """ Rooms whose time ran out. """
    total_participants: int
    """ Everyone who ever joined one of these rooms. """
    active_participants: int
    """ Those in a room now. """
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        total_rooms = self.total_rooms

        open_rooms = self.open_rooms

        closed_rooms = self.closed_rooms

        expired_rooms = self.expired_rooms

        total_participants = self.total_participants

        active_participants = self.active_participants

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "total_rooms": total_rooms,
                "open_rooms": open_rooms,
                "closed_rooms": closed_rooms,
                "expired_rooms": expired_rooms,
                "total_participants": total_participants,
                "active_participants": active_participants,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)
        total_rooms = d.pop("total_rooms")

        open_rooms = d.pop("open_rooms")

        closed_rooms = d.pop("closed_rooms")

        expired_rooms = d.pop("expired_rooms")

        total_participants = d.pop("total_participants")

        active_participants = d.pop("active_participants")

        statistics_counts = cls(
            total_rooms=total_rooms,
            open_rooms=open_rooms,
            closed_rooms=closed_rooms,
            expired_rooms=expired_rooms,
            total_participants=total_participants,
            active_participants=active_participants,
        )

        statistics_counts.additional_properties = d
        return statistics_counts

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
