from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from attrs import define as _attrs_define
from attrs import field as _attrs_field

T = TypeVar("T", bound="HealthMetrics")


@_attrs_define
class HealthMetrics:
    """Figures that cost nothing to take."""

    active_websocket_connections: int
    """ Open WebSocket connections of this process. """
    active_rooms: int
    """ Open rooms. """
    api_authentication: str
    """ Whether REST calls need a key. They always do. Known values: `enabled`. """
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        active_websocket_connections = self.active_websocket_connections

        active_rooms = self.active_rooms

        api_authentication = self.api_authentication

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "active_websocket_connections": active_websocket_connections,
                "active_rooms": active_rooms,
                "api_authentication": api_authentication,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)
        active_websocket_connections = d.pop("active_websocket_connections")

        active_rooms = d.pop("active_rooms")

        api_authentication = d.pop("api_authentication")

        health_metrics = cls(
            active_websocket_connections=active_websocket_connections,
            active_rooms=active_rooms,
            api_authentication=api_authentication,
        )

        health_metrics.additional_properties = d
        return health_metrics

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
