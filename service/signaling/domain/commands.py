"""What can be asked of a room. All that is random, and the time, comes from outside."""

from __future__ import annotations

from msgspec import Struct

from signaling.contract.types import LeftReason


class Create(Struct, frozen=True, kw_only=True):
    """Make the room. Durations are in milliseconds."""

    code: str
    owner_id: str | None
    ttl: int
    max_participants: int
    retention: int


class Join(Struct, frozen=True, kw_only=True):
    """Take a seat."""

    socket_id: str
    display_name: str
    user_id: str | None
    node: str


class Leave(Struct, frozen=True, kw_only=True):
    """Give up a seat. Does nothing when there is none."""

    socket_id: str
    reason: LeftReason


class Close(Struct, frozen=True):
    """End the room. Does nothing when it has ended."""


class NodeLost(Struct, frozen=True, kw_only=True):
    """End the seats whose sockets were held by a process that is no more."""

    node: str


class Tick(Struct, frozen=True):
    """Do what the clock says is due: expire an open room, purge one that ended long ago."""


Command = Create | Join | Leave | Close | NodeLost | Tick
