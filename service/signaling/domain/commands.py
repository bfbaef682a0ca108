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
    spared_since: int | None = None
    """As for Tick."""


class Leave(Struct, frozen=True, kw_only=True):
    """Give up a seat. Does nothing when there is none, or it was resumed since: it is another's."""

    socket_id: str
    generation: int
    reason: LeftReason


class LoseLine(Struct, frozen=True, kw_only=True):
    """The socket of a seat is gone: keep the seat for ``grace`` milliseconds, or end it if that is 0.

    Does nothing when there is no such seat, when it was resumed since, or when it is being kept already.
    """

    socket_id: str
    generation: int
    grace: int


class Resume(Struct, frozen=True, kw_only=True):
    """Take a seat again, on a new socket of this node."""

    socket_id: str
    generation: int
    """That of the seat as the asker knows it: no earlier one will do."""
    node: str
    spared_since: int | None = None
    """As for Tick."""


class Regain(Struct, frozen=True, kw_only=True):
    """The line of a seat stands after all: its node was taken for dead, and is not.

    Does nothing unless the seat is being kept, by that node, and was not resumed since.
    """

    socket_id: str
    generation: int
    node: str


class Close(Struct, frozen=True):
    """End the room. Does nothing when it has ended."""


class NodeLost(Struct, frozen=True, kw_only=True):
    """The lines of all seats whose sockets were held by a process that is no more are lost.

    Seats that it was keeping are kept anew: while it was away, nobody could come back.
    """

    node: str
    grace: int
    """As for LoseLine."""


class Tick(Struct, frozen=True, kw_only=True):
    """Do what the clock says is due: end seats kept long enough, expire an open room, purge an ended one."""

    spared_since: int | None = None
    """Seats that were to end at this time or later are kept for now: nobody could come back for them."""


Command = Create | Join | Leave | LoseLine | Resume | Regain | Close | NodeLost | Tick
