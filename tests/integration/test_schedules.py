"""Random lives: whatever ten clients do, in whatever order, every view equals the room's."""

from __future__ import annotations

import asyncio
import random
from typing import Any

import pytest

from support.client import Client, Frame
from support.service import Service


class View:
    """A room as one member has been told of it, from its `room_joined` on."""

    def __init__(self) -> None:
        self.members: list[str] = []
        self.seated = False

    def told(self, frame: dict[str, Any]) -> None:
        """Follow one frame; fails where it cannot be true after those before it."""
        payload = frame["payload"]
        match frame["type"]:
            case "room_joined":
                assert not self.seated
                self.seated = True
                self.members = [participant["socket_id"] for participant in payload["participants"]]
                assert payload["socket_id"] not in self.members
                self.members.append(payload["socket_id"])
                assert len(set(self.members)) == len(self.members)
            case "participant_joined":
                assert self.seated
                assert payload["socket_id"] not in self.members, "a second participant_joined"
                self.members.append(payload["socket_id"])
            case "participant_left":
                assert self.seated
                assert payload["socket_id"] in self.members, "participant_left without participant_joined"
                self.members.remove(payload["socket_id"])
            case "room_left":
                assert self.seated
                self.seated = False
                self.members = []


def view_of(client: Client) -> View:
    view = View()
    for frame in client.frames:
        view.told(frame)
    return view


@pytest.mark.parametrize("seed", range(4))
async def test_every_view_equals_the_room(anywhere: Service, seed: int) -> None:
    """Contract 4: exactly one participant_left per participant_joined; every member's view equals the
    room's, in one order.
    """
    service = anywhere
    dice = random.Random(seed)
    code = await service.room(max_participants=dice.choice([3, 6, 50]))
    clients: list[Client | None] = [None] * 10

    async def live(number: int) -> None:
        for _ in range(12):
            client = clients[number]
            if client is None:
                clients[number] = await service.connect()
                continue
            deed = dice.choices(
                ["join", "leave", "close", "abort", "join+leave", "join+abort"], [6, 3, 1, 1, 2, 1]
            )[0]
            for part in deed.split("+"):
                match part:
                    case "join":
                        await client.send("join", {"room_code": code})
                    case "leave":
                        await client.send("leave")
                    case "close":
                        await client.close()
                        clients[number] = None
                    case "abort":
                        client.abort()
                        clients[number] = None
            await asyncio.sleep(dice.random() * 0.01)

    await asyncio.gather(*(live(number) for number in range(10)))
    alive = [client for client in clients if client is not None]
    for client in alive:
        await client.settle()
    seated = [client for client in alive if view_of(client).seated]
    await service.seats(code, len(seated))
    order = [participant["socket_id"] for participant in (await service.view(code))["participants"]]
    assert set(order) == {client.socket_id for client in seated}
    for client in seated:
        await client.reaches(lambda _, client=client: view_of(client).members == order)  # type: ignore[misc]


async def test_two_rooms_do_not_mix(anywhere: Service) -> None:
    """Contract 4: a member is told of its own room only, also by a socket that changes rooms."""
    service = anywhere
    codes = [await service.room(), await service.room()]
    watchers = [await service.joined(code) for code in codes]
    wanderer = await service.connect()
    for turn in range(6):
        await wanderer.join(codes[turn % 2])
        await wanderer.send("leave")
        await wanderer.expect("room_left")

    def kinds(frames: list[Frame]) -> list[str]:
        return [frame["type"] for frame in frames if frame["type"].startswith("participant")]

    for watcher in watchers:
        # From another node, the last come by a way of their own.
        await watcher.reaches(lambda frames: len(kinds(frames)) == 6)
        await watcher.settle()
        assert kinds(watcher.frames) == ["participant_joined", "participant_left"] * 3
