"""Commits as the room service would make them: decided by the domain, one line each."""

from __future__ import annotations

from signaling.contract.types import LeftReason
from signaling.domain import commands
from signaling.domain.commands import Command
from signaling.domain.room import Room, decide, evolve_all
from signaling.rooms.ports import Claim, Commit

NOW = 1_700_000_000_000
HOUR = 3_600_000


def change(room: Room | None, command: Command, now: int = NOW, *, claim: Claim | None = None) -> Commit:
    """The commit that ``command`` leads to."""
    events = tuple(decide(room, command, now))
    code = command.code if isinstance(command, commands.Create) else room.code if room is not None else ""
    return Commit(
        code=code,
        expected_version=0 if room is None else room.version,
        room=evolve_all(room, events),
        events=events,
        at=now,
        claim=claim,
    )


def create(
    code: str = "aaaaaa",
    now: int = NOW,
    *,
    owner_id: str | None = None,
    ttl: int = HOUR,
    max_participants: int = 10,
    retention: int = 2 * HOUR,
    claim: Claim | None = None,
) -> Commit:
    """Make a room."""
    command = commands.Create(
        code=code, owner_id=owner_id, ttl=ttl, max_participants=max_participants, retention=retention
    )
    return change(None, command, now, claim=claim)


def join(room: Room | None, socket_id: str = "socket-1", now: int = NOW, *, node: str = "node-1") -> Commit:
    """Take a seat."""
    return change(
        room, commands.Join(socket_id=socket_id, display_name="Ada Lovelace", user_id="ada", node=node), now
    )


def leave(room: Room | None, socket_id: str = "socket-1", now: int = NOW) -> Commit:
    """Give a seat up."""
    seat = None if room is None else room.seats.get(socket_id)
    generation = 0 if seat is None else seat.generation
    return change(
        room, commands.Leave(socket_id=socket_id, generation=generation, reason=LeftReason.LEFT), now
    )


def close(room: Room | None, now: int = NOW) -> Commit:
    """End the room."""
    return change(room, commands.Close(), now)


def tick(room: Room | None, now: int) -> Commit:
    """Do what is due."""
    return change(room, commands.Tick(), now)


def purge(room: Room | None) -> Commit:
    """Forget a room that ended, as soon as that may be."""
    assert room is not None
    return tick(room, room.due_at)


def claim(key: str = "key-1", fingerprint: str = "print-1", expires_at: int = NOW + HOUR) -> Claim:
    """An idempotency key."""
    return Claim(key=key, fingerprint=fingerprint, expires_at=expires_at)


def after(commit: Commit) -> Room:
    """The room that a commit leaves."""
    assert commit.room is not None
    return commit.room
