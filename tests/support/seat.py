"""A client that keeps its seat over lost lines, and counts as the contract says."""

from __future__ import annotations

from support.client import Client, Frame
from support.service import Service


def seat_frames(client: Client) -> list[Frame]:
    """The frames that count towards `received`."""
    joined = next(
        number for number, frame in enumerate(client.frames) if frame["type"] in ("room_joined", "resumed")
    )
    return [frame for frame in client.frames[joined:] if frame["type"] != "resumed"]


class Seat:
    """One seat, over all the sockets it has had, on whichever nodes."""

    def __init__(self, service: Service, client: Client, token: str) -> None:
        self.service = service
        self.client = client
        self.token = token
        self.socket_id = client.socket_id
        self.earlier: list[Frame] = []
        self.recovered: list[bool] = []

    @classmethod
    async def take(cls, service: Service, code: str) -> Seat:
        client = await service.connect()
        joined = await client.join(code)
        return cls(service, client, joined["resume_token"])

    @property
    def frames(self) -> list[Frame]:
        """Every frame of the seat that arrived, over all its sockets."""
        return self.earlier + seat_frames(self.client)

    async def lose(self, keep: int | None = None) -> None:
        """Break the line. ``keep``: of the frames of this socket the application has read only so many."""
        self.client.abort()
        await self.client.closed()
        self.earlier += seat_frames(self.client)[:keep]

    async def resume(self) -> Frame:
        """Come back; the payload of `resumed`."""
        self.client = await self.service.connect()
        payload = {"resume_token": self.token, "received": len(self.earlier)}
        answer = await self.client.ask("resume", payload)
        assert answer["type"] == "resumed", answer
        resumed: Frame = answer["payload"]
        assert resumed["socket_id"] == self.socket_id
        assert resumed["resume_token"] != self.token
        self.token = resumed["resume_token"]
        self.recovered.append(resumed["recovered"])
        return resumed


def candidates(frames: list[Frame]) -> list[str]:
    return [
        frame["payload"]["candidate"]["candidate"] for frame in frames if frame["type"] == "ice_candidate"
    ]


async def send_candidate(sender: Client, to: str, text: str) -> None:
    await sender.send("ice_candidate", {"to": to, "candidate": {"candidate": text}})
