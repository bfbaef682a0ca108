"""A process that works on the embedded store until it is killed, and says on stdout what it was promised.

    python store_driver.py DIRECTORY SEED

Lines are ``open``, then ``told CODE VERSION`` for every event announced, ``done COMMIT`` (JSON) for every
commit acknowledged, and ``purging CODE`` before a purge is asked for. Each is written as a whole before
anything else is done: what was promised was said.
"""

from __future__ import annotations

import asyncio
import os
import random
import sys
from collections.abc import Sequence
from pathlib import Path

import msgspec

from signaling.backends.sqlite.store import SqliteStore
from signaling.contract.types import LeftReason
from signaling.domain.commands import Close, Command, Create, Join, Leave, Tick
from signaling.domain.events import RoomEvent
from signaling.domain.room import Room, decide, evolve_all
from signaling.rooms.ports import Claim, Commit

WORKERS = 24
NOW = 1_700_000_000_000
HOUR = 3_600_000


def say(line: bytes) -> None:
    os.write(1, line + b"\n")


def announced(code: str, events: Sequence[RoomEvent]) -> None:
    for event in events:
        say(f"told {code} {event.version}".encode())


async def work(store: SqliteStore, name: str, chance: random.Random) -> None:
    """Live the lives of rooms, one after another, at random."""
    for number in range(1_000_000):
        code = f"{name}-{number}"
        room: Room | None = None
        command: Command = Create(
            code=code, owner_id=name, ttl=HOUR, max_participants=4, retention=chance.choice((0, HOUR))
        )
        while True:
            events = tuple(decide(room, command, NOW))
            if events:
                before, room = room, evolve_all(room, events)
                claim = Claim(key=code, fingerprint=name, expires_at=NOW + HOUR) if before is None else None
                commit = Commit(
                    code=code,
                    expected_version=0 if before is None else before.version,
                    room=room,
                    events=events,
                    at=NOW,
                    claim=claim,
                )
                if room is None:
                    say(b"purging " + code.encode())
                await store.commit(commit)
                say(b"done " + msgspec.json.encode(commit))
            if room is None or (room.ended_at is not None and room.due_at > NOW):
                break
            command = next_command(room, chance)


def next_command(room: Room, chance: random.Random) -> Command:
    if room.ended_at is not None:
        return Tick()
    socket_id = f"socket-{chance.randrange(4)}"
    if (seat := room.seats.get(socket_id)) is not None:
        return Leave(socket_id=socket_id, generation=seat.generation, reason=LeftReason.LEFT)
    if chance.random() < 0.2:
        return Close()
    return Join(socket_id=socket_id, display_name="x" * chance.choice((1, 80)), user_id=None, node="node")


async def main(directory: Path, seed: str) -> None:
    store = await SqliteStore.open(directory, announced)
    say(b"open")
    await asyncio.gather(
        *(work(store, f"{seed}-{number}", random.Random(f"{seed} {number}")) for number in range(WORKERS))
    )


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), sys.argv[2]))
