"""Sockets without a wire, on a gateway whose store is in memory: brought to what a real server cannot be."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from typing import Any

from signaling.backends.local import LocalPost
from signaling.domain.events import ParticipantJoined, ParticipantLeft
from signaling.realtime.connection import Limits
from signaling.realtime.gateway import Gateway, GatewaySettings
from signaling.realtime.replay import ReplayLimits
from signaling.realtime.session import Session
from signaling.rooms.resume_token import ResumeTokens
from signaling.rooms.service import NewRoom
from signaling.telemetry.metrics import Metrics
from support.memory import Rooms, until
from support.wire import check_server_frame


class Socket:
    """A Transport and the session on it."""

    def __init__(self, gateway: Gateway, address: str = "192.0.2.1") -> None:
        self.frames: list[dict[str, Any]] = []
        self.closed: int | None = None
        self.received = 0
        """Frames on a seat, as the contract counts them."""
        self.session: Session = gateway.open(self, address)
        self.write([self.session.greeting()])

    def write(self, frames: Sequence[bytes]) -> None:
        news = [check_server_frame(frame) for frame in frames]
        self.frames += news
        self.received += sum(frame["type"] not in ("connected", "resumed") for frame in news)

    def buffered(self) -> int:
        return 0

    def pause_reading(self) -> None:
        """Nothing is read here."""

    def resume_reading(self) -> None:
        """Nothing is read here."""

    def close(self, code: int, reason: str) -> None:
        self.closed = code

    def say(self, type_: str, **payload: Any) -> None:
        self.session.frame_received(
            json.dumps({"type": type_, "payload": payload, "request_id": "r"}).encode()
        )

    def types(self) -> list[str]:
        return [frame["payload"].get("code", frame["type"]) for frame in self.frames]

    async def hears(self, type_: str) -> None:
        """Wait for a frame that comes by the clock."""
        while type_ not in self.types():  # noqa: ASYNC110 - a retry is timed
            await asyncio.sleep(0.002)

    async def hears_of(self, type_: str, times: int) -> None:
        """Wait until so many frames of this type have come."""
        await until(lambda: self.types().count(type_) == times)

    async def gets(self, type_: str) -> dict[str, Any]:
        await until(lambda: type_ in self.types())
        return self.frames[self.types().index(type_)]


class Node:
    """A gateway on a store in memory."""

    def __init__(self, *, grace_seconds: int = 0, replay_bytes: int = 262_144, shared: bool = False) -> None:
        self.rooms = Rooms(grace_seconds=grace_seconds)
        self.store = self.rooms.store
        limits = Limits(outbox_bytes=1_000_000, frames_per_second=1000, burst_frames=1000)
        settings = GatewaySettings(
            limits=limits,
            replay=ReplayLimits(frames=1024, total_bytes=replay_bytes),
            resume_window_seconds=grace_seconds,
            shared=shared,
            max_frame_bytes=65_536,
            join_timeout_seconds=60,
            unknown_codes_per_minute=60,
            max_connections=100,
        )
        self.gateway = Gateway(self.rooms.service, ResumeTokens(["key"]), settings, Metrics(), LocalPost())

    async def room(self, seats: int = 50) -> str:
        room, _ = await self.rooms.service.create(NewRoom(max_participants=seats))
        return room.code

    async def joined(self, code: str) -> Socket:
        socket = Socket(self.gateway)
        socket.say("join", room_code=code)
        await socket.gets("room_joined")
        # Frames wait until the join has been dealt with to its end.
        socket.say("ping")
        await socket.gets("pong")
        socket.frames.pop()
        return socket

    def balance(self, code: str) -> dict[str, list[str]]:
        """Events of each socket in the room's log."""
        told: dict[str, list[str]] = {}
        for event in self.store.logs[code]:
            if isinstance(event, ParticipantJoined):
                told.setdefault(event.seat.socket_id, []).append("joined")
            elif isinstance(event, ParticipantLeft):
                told.setdefault(event.socket_id, []).append(event.reason.value)
        return told

    async def idle(self) -> None:
        """Nothing is under way any more, and nothing is remembered of rooms without sockets."""
        await until(lambda: not self.gateway._tasks)
        if not self.gateway.connections:
            await until(lambda: not self.gateway._hub._local and not self.rooms.broker._listeners)
            assert not self.rooms.service._replicas
            assert not self.gateway._hub._turns._waiting
            assert not self.gateway._tries._waiting
