"""Two bots meet in a room and talk over a WebRTC data channel; the service only introduces them.

    python data_channel.py http://127.0.0.1:8000            with the API key in SIGNALING_API_KEY: makes a
    room python data_channel.py http://127.0.0.1:8000 --room a7x9k2

Needs aiortc: pip install 'webrtc-signaling-client[examples]'
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys

from signaling_client import AsyncSignalingClient, Session, SignalingError, connect
from signaling_client.messages import (
    AnswerRelay,
    AnswerRelayPayload,
    OfferRelay,
    OfferRelayPayload,
    ParticipantJoined,
)

try:
    from aiortc import RTCConfiguration, RTCDataChannel, RTCPeerConnection, RTCSessionDescription
except ImportError:
    sys.exit("This example needs aiortc: pip install 'webrtc-signaling-client[examples]'")


class Bot:
    """Somebody in the room. It offers to whoever comes after it, and answers whoever was there before."""

    def __init__(self, name: str, session: Session) -> None:
        self.name = name
        self.session = session
        self.heard: asyncio.Queue[str] = asyncio.Queue()
        self._connections: dict[str, RTCPeerConnection] = {}

    async def run(self) -> None:
        """Take part until the room ends."""
        async for message in self.session:
            match message:
                case ParticipantJoined(payload=newcomer):
                    connection = self._connection(newcomer.socket_id)
                    self._listen(connection.createDataChannel("chat"))
                    await connection.setLocalDescription(await connection.createOffer())
                    await self.session.offer(newcomer.socket_id, connection.localDescription)
                case OfferRelay(payload=OfferRelayPayload(from_=peer, description=offer)):
                    connection = self._connection(peer)
                    connection.on("datachannel", self._greet)
                    await connection.setRemoteDescription(RTCSessionDescription(offer.sdp, offer.type))
                    await connection.setLocalDescription(await connection.createAnswer())
                    await self.session.answer(peer, connection.localDescription)
                case AnswerRelay(payload=AnswerRelayPayload(from_=peer, description=answer)):
                    description = RTCSessionDescription(answer.sdp, answer.type)
                    await self._connections[peer].setRemoteDescription(description)
                case _:
                    # Candidates need no handling here: aiortc puts all of its own into the description.
                    pass

    async def close(self) -> None:
        """End the peer connections."""
        for connection in self._connections.values():
            await connection.close()

    def _connection(self, peer: str) -> RTCPeerConnection:
        # No STUN server: both bots are on this machine. Name yours here for peers that are not.
        self._connections[peer] = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        return self._connections[peer]

    def _greet(self, channel: RTCDataChannel) -> None:
        self._listen(channel)
        channel.send(f"Hello from {self.name}")

    def _listen(self, channel: RTCDataChannel) -> None:
        @channel.on("message")
        def on_message(text: str) -> None:
            print(f"{self.name} heard: {text}", flush=True)
            self.heard.put_nowait(text)
            if text.startswith("Hello"):
                channel.send(f"Welcome, says {self.name}")


async def meet(url: str, room_code: str) -> None:
    """Bring two bots together; returns when each has heard the other."""
    async with (
        connect(url, room_code=room_code, display_name="Ann") as first,
        connect(url, room_code=room_code, display_name="Ben") as second,
    ):
        ann, ben = Bot("Ann", first), Bot("Ben", second)
        async with asyncio.TaskGroup() as tasks:
            running = [tasks.create_task(bot.run()) for bot in (ann, ben)]
            await ann.heard.get()
            await ben.heard.get()
            for task in running:
                task.cancel()
        await ann.close()
        await ben.close()


async def main() -> int:
    """The program; its exit status."""
    arguments = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    arguments.add_argument("url", help="the service's address")
    arguments.add_argument("--room", help="the room's code; left out, a room is made for an hour")
    arguments.add_argument("--timeout", type=float, default=30.0, help="seconds (%(default)s)")
    given = arguments.parse_args()
    try:
        room_code = given.room
        if room_code is None:
            key = os.environ.get("SIGNALING_API_KEY", "")
            async with AsyncSignalingClient(given.url, api_key=key) as client:
                room_code = (await client.create_room(ttl_hours=1, max_participants=2)).room_code
        async with asyncio.timeout(given.timeout):
            await meet(given.url, room_code)
    except (SignalingError, TimeoutError, ValueError) as error:
        print(f"Failed: {error!r}", file=sys.stderr)
        return 1
    print("The data channel works both ways")
    return 0


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
