"""What the use cases need of the outside: a store of rooms, and news of their logs.

A store loads and commits and knows no rules. Its commit is the only place where a room
changes, so two stores cannot disagree about what is allowed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, Protocol

from msgspec import Struct

from signaling.contract.types import RoomState
from signaling.domain.events import RoomEvent
from signaling.domain.room import Room

LOG_LIMIT: Final = 20_000
"""Events of a room that a store keeps (some 5 MB); it may drop older ones. Nobody can fill the disk by
joining and leaving; a class of 30 that all come and go once a lesson needs 60 a lesson."""


class VersionConflict(Exception):
    """The room is not at the expected version any more. Nothing was changed: load and decide again."""


class ClaimTaken(Exception):
    """The idempotency key of the commit is in use. Nothing was changed."""

    def __init__(self, claimed: Claimed) -> None:
        """See the class; ``claimed`` is what holds the key."""
        super().__init__(claimed.code)
        self.claimed = claimed


class StoreUnavailable(Exception):
    """The store cannot serve now (disk full, overloaded, closed). Nothing was acknowledged: try again."""


class CommitUnknown(StoreUnavailable):
    """The store was lost while it committed: all of it may have been done, or nothing. Load to find out."""


class Claim(Struct, frozen=True, kw_only=True):
    """An idempotency key to be taken together with a commit."""

    key: str
    fingerprint: str
    """Tells one request from another; compared when the key is used again."""
    expires_at: int
    """The key is free again from this time on (milliseconds)."""


class Claimed(Struct, frozen=True, kw_only=True):
    """What an idempotency key was used for."""

    code: str
    fingerprint: str


class Commit(Struct, frozen=True, kw_only=True):
    """One atomic change of one room."""

    code: str
    expected_version: int
    """Version the events were decided on; 0: the room does not exist."""
    room: Room | None
    """The room after the events; None after its purge."""
    events: tuple[RoomEvent, ...]
    """At least one, numbered from ``expected_version + 1``."""
    at: int
    """Time of the commit, milliseconds: claims that expired before it are free."""
    claim: Claim | None = None

    def check(self) -> None:
        """Raises ValueError for no events, a gap in them, or a room that is not theirs."""
        versions = [event.version for event in self.events]
        last = self.expected_version + len(versions)
        if not versions or versions != list(range(self.expected_version + 1, last + 1)):
            raise ValueError(f"events {versions} do not follow version {self.expected_version}")
        room = self.room
        if room is not None and (room.code, room.version) != (self.code, last):
            raise ValueError(f"room {room.code} at {room.version} is not {self.code} at {last}")


class RoomQuery(Struct, frozen=True, kw_only=True):
    """Which rooms to list, newest first."""

    now: int
    """An open room is listed as expired once this reaches its ``expires_at``."""
    limit: int
    state: RoomState | None = None
    owner_id: str | None = None
    after: tuple[int, str] | None = None
    """(created_at, code) of the last room of the page before."""


class RoomPage(Struct, frozen=True, kw_only=True):
    """Rooms of one page, and how many match in all."""

    rooms: Sequence[Room]
    total: int
    more: bool
    """Whether rooms follow this page."""


class Statistics(Struct, frozen=True, kw_only=True):
    """Counts over all rooms of the store."""

    open_rooms: int
    closed_rooms: int
    expired_rooms: int
    total_participants: int
    active_participants: int


class RoomStore(Protocol):
    """Rooms and their logs, kept safe.

    Every method may raise StoreUnavailable. No method blocks the event loop.
    """

    async def load(self, code: str) -> Room | None:
        """The room at its latest committed version; None if there is none (or it was purged)."""

    async def commit(self, commit: Commit) -> None:
        """Store the room, append the events to its log and announce them: all of it, or nothing.

        Returns when the change is durable. Announcements of one room are made in version
        order, and before this returns. Raises VersionConflict if the room's version is not
        ``expected_version``, ClaimTaken if the claim's key is held and not expired, CommitUnknown if
        a store on the network cannot be asked what became of it. A commit whose room is None removes
        the room and its log.
        """

    async def log(self, code: str) -> Sequence[RoomEvent]:
        """The room's events in version order, the last LOG_LIMIT of them; empty if there is no room."""

    async def claimed(self, key: str, now: int) -> Claimed | None:
        """What the idempotency key was used for, if it is held at ``now``."""

    async def find(self, query: RoomQuery) -> RoomPage:
        """Rooms that match, newest first (by created_at, then code, both descending)."""

    async def statistics(self, now: int) -> Statistics:
        """Counts at ``now``; open rooms past their time count as expired, their seats as empty."""

    async def due(self, now: int, limit: int) -> Sequence[str]:
        """Codes of rooms whose ``due_at`` is at or before ``now``, longest due first."""

    async def occupied(self) -> Sequence[str]:
        """Codes of the rooms in which somebody is seated."""

    def open_rooms(self) -> int:
        """How many rooms are open. Known at once, without asking the disk or the network."""

    async def probe(self) -> None:
        """Returns if the store can commit now; raises StoreUnavailable if not."""


Listener = Callable[[Sequence[RoomEvent]], None]
"""Called in the event loop with consecutive events of one room."""

ResetListener = Callable[[Sequence[str]], None]
"""Called in the event loop with the codes of rooms."""


class Broker(Protocol):
    """News of room logs, at most once: events may be missing, but never out of order or twice.

    Whoever listens detects a gap by the version numbers and loads the room again.
    """

    async def subscribe(self, code: str, listener: Listener) -> None:
        """Call ``listener`` with every event of the room announced after this returns.

        One listener a room: a second subscription replaces the first.
        """

    async def unsubscribe(self, code: str) -> None:
        """Stop calling. Does nothing when there is no subscription."""

    def on_reset(self, listener: ResetListener) -> None:
        """Call ``listener`` when events of subscribed rooms may have been missed, or were taken back.

        That is when the line to the broker was lost for a while, or a store that failed over came back
        without its last commits: no later event need ever reveal it. The rooms named must be loaded
        again, whatever their versions; their events are heard again before this is called.
        One listener; to be set before anything is subscribed.
        """


class Post(Protocol):
    """Messages from node to node: in order for each pair, at most once, and what is lost is noticed."""

    def listen(
        self,
        receive: Callable[[str, bytes], None],
        *,
        lost: Callable[[str], None],
        undelivered: Callable[[str, list[bytes]], None],
    ) -> None:
        """Call ``receive`` with sender and message of what comes in.

        ``lost`` is called with a sender some of whose messages never came; ``undelivered`` with a node at
        which nobody listens for a while now, and what was sent there and did not come in, in order. To be
        called before anything is sent.
        """

    async def start(self) -> None:
        """Hear what comes in, from when this returns. Raises StoreUnavailable."""

    def send(self, node: str, message: bytes) -> bool:
        """Send to a node, soon; False if it cannot be taken, as too much waits. Never blocks."""


class Nodes(Protocol):
    """Which nodes there are. Every method may raise StoreUnavailable."""

    async def renew(self) -> bool:
        """This node lives: it counts as alive for LEASE_SECONDS from now.

        False if it was not known: it is new, was forgotten, or the store has lost what it knew.
        """

    async def census(self) -> Census:
        """Which nodes are alive, and which were but are no longer."""

    async def forget(self, node: str) -> None:
        """A lapsed node was dealt with; also this one, as it stops."""


LEASE_SECONDS: Final = 6
"""How long a node counts as alive after it last said so."""


class Census(Struct, frozen=True, kw_only=True):
    """The nodes at a time."""

    alive: frozenset[str]
    lapsed: frozenset[str]
    """Their leases are over, and nobody has forgotten them yet."""
