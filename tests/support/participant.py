"""A client as an SDK is one: it comes back by itself after a lost line, to whichever node takes it.

It numbers what it sends to each of the others, and keeps what it was told, so that a test can ask at the end
whether anything was lost, came twice or in the wrong order, and whether its view is the room's.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final

from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidMessage

from support.client import Client, Closed, Frame
from support.seat import candidates, seat_frames
from support.service import Service

NOT_THERE: Final = (OSError, TimeoutError, InvalidHandshake, InvalidMessage, ConnectionClosed, Closed)
"""What a client meets where a node is going, gone or not yet there."""

_PAUSE: Final = 0.05


class View:
    """A room as one seat was told of it. Fails where that cannot be true after what it was told before."""

    def __init__(self) -> None:
        self.members: dict[str, bool] = {}
        """Whether their lines stand, in the order of the room."""
        self.told: Counter[tuple[str, str]] = Counter()
        """How often what was told of whom: type of the message, and socket_id."""
        self._story: list[str] = []
        """What changed the view, for whoever reads of a failure."""

    def tell(self, frame: Frame) -> None:
        """Follow one frame."""
        payload: dict[str, Any] = frame["payload"]
        if "candidate" not in payload:
            self._story.append(str(frame))
        try:
            self._follow(frame["type"], payload)
        except (AssertionError, KeyError) as error:
            raise AssertionError("\n".join([f"{error!r} after:", *self._story])) from None
        if "socket_id" in payload:
            self.told[frame["type"], payload["socket_id"]] += 1

    def _follow(self, kind: str, payload: dict[str, Any]) -> None:
        match kind:
            case "room_joined":
                self._see(payload)
            case "resumed" if not payload["recovered"]:
                self._see(payload)
            case "participant_joined":
                assert payload["socket_id"] not in self.members, "joined twice"
                self.members[payload["socket_id"]] = payload["connection"] == "connected"
            case "participant_left":
                assert payload["socket_id"] in self.members, "left without having joined"
                del self.members[payload["socket_id"]]
            case "participant_reconnecting":
                assert self.members[payload["socket_id"]], "lost its line twice"
                self.members[payload["socket_id"]] = False
            case "participant_reconnected":
                assert not self.members[payload["socket_id"]], "never lost its line"
                self.members[payload["socket_id"]] = True
            case "room_left":
                self.members = {}

    def _see(self, payload: dict[str, Any]) -> None:
        self.members = {one["socket_id"]: one["connection"] == "connected" for one in payload["participants"]}
        assert payload["socket_id"] not in self.members
        self.members[payload["socket_id"]] = True


class Participant:
    """One who takes part in a room. `enter` it; `leave` at the end."""

    def __init__(self, nodes: Callable[[], Sequence[Service]], dice: random.Random) -> None:
        """``nodes`` are those that a load balancer would lead to now."""
        self._nodes = nodes
        self._dice = dice
        self._code = ""
        self._token = ""
        self._former: list[Client] = []
        """The sockets that had the seat before."""
        self._seen = (0, 0)
        """Of these and the present one, up to which frame of which `view` has seen."""
        self._view = View()
        self._keeper: asyncio.Task[None] | None = None
        self._speaker: asyncio.Task[None] | None = None
        self.client: Client
        self.socket_id = ""
        self.seated = asyncio.Event()
        """While it has a socket that has the seat."""
        self.sent: dict[str, list[int]] = {}
        """By receiver, the numbers of what went out."""
        self.closes: list[int] = []
        """Close codes of the sockets it lost."""
        self.recovered: list[bool] = []
        """Of each resume."""
        self.refused: list[str] = []
        """Codes of the errors that a resume met."""
        self.lost_seats: list[str] = []
        """Seats it could not resume, and took another instead."""

    async def enter(self, code: str, node: Service) -> None:
        """Join the room at this node, and stay."""
        self._code = code
        await self._join(node)
        self._keeper = asyncio.create_task(self._stay())

    async def leave(self) -> None:
        """Be gone for good. Raises what went wrong meanwhile."""
        await self.hush()
        if self._keeper is not None:
            self._keeper.cancel()
            (outcome,) = await asyncio.gather(self._keeper, return_exceptions=True)
            if isinstance(outcome, Exception):
                raise outcome

    async def _join(self, node: Service) -> None:
        client = await node.connect()
        answer = await client.ask("join", {"room_code": self._code})
        assert answer["type"] == "room_joined", answer
        self.client, self._former, self.sent = client, [], {}
        self._view, self._seen = View(), (0, 0)
        self._token, self.socket_id = answer["payload"]["resume_token"], client.socket_id
        self.seated.set()

    async def _stay(self) -> None:
        while True:
            code = await self.client.closed(deadline=3600)
            self.seated.clear()
            self.closes.append(code)
            if code >= 4500:
                return
            while not self.seated.is_set():
                try:
                    await self._come_back()
                except NOT_THERE:
                    await asyncio.sleep(self._dice.random() * _PAUSE)

    async def _come_back(self) -> None:
        nodes = self._nodes()
        if not nodes:
            await asyncio.sleep(_PAUSE)
            return
        node = self._dice.choice(nodes)
        client = await node.connect()
        received = sum(len(seat_frames(former)) for former in (*self._former, self.client))
        answer = await client.ask("resume", {"resume_token": self._token, "received": received})
        if answer["type"] == "resumed":
            resumed = answer["payload"]
            assert resumed["socket_id"] == self.socket_id
            self._former.append(self.client)
            self.client, self._token = client, resumed["resume_token"]
            self.recovered.append(resumed["recovered"])
            self.seated.set()
            return
        self.refused.append(answer["payload"]["code"])
        await client.close()
        if self.refused[-1] == "resume_failed":
            self.lost_seats.append(self.socket_id)
            await self._join(node)
        else:
            await asyncio.sleep(_PAUSE)

    # What it says

    def speak(self, pause: float = 0.02, burst: int = 3) -> None:
        """Send to all others, again and again, until `hush`."""
        self._speaker = asyncio.create_task(self._speak(pause, burst))

    async def hush(self) -> None:
        """Say no more."""
        if self._speaker is not None:
            self._speaker.cancel()
            (outcome,) = await asyncio.gather(self._speaker, return_exceptions=True)
            self._speaker = None
            if isinstance(outcome, Exception):
                raise outcome

    async def _speak(self, pause: float, burst: int) -> None:
        while True:
            await self.seated.wait()
            for to in [one for one in self.view.members if one != self.socket_id]:
                for _ in range(self._dice.randint(1, burst)):
                    with contextlib.suppress(ConnectionClosed):
                        await self.say(to)
            await asyncio.sleep(self._dice.random() * pause)

    async def say(self, to: str) -> None:
        """Send the next number to a seat. Raises ConnectionClosed where the socket is gone."""
        sent = self.sent.setdefault(to, [])
        number = len(sent) + 1
        candidate = {"candidate": f"{self.socket_id}>{to}/{number}"}
        # Whoever is hushed meanwhile does not know whether it went out: it did, as there is room for it.
        sent.append(number)
        try:
            await self.client.send("ice_candidate", {"to": to, "candidate": candidate})
        except ConnectionClosed:
            sent.remove(number)
            raise

    @property
    def errors(self) -> list[str]:
        """Codes of the errors it was told."""
        return [frame["payload"]["code"] for frame in self.frames if frame["type"] == "error"]

    # What it heard

    @property
    def frames(self) -> list[Frame]:
        """Every frame of the seat, over all its sockets."""
        return [frame for client in (*self._former, self.client) for frame in seat_frames(client)]

    def heard_of(self, sender: str) -> list[int]:
        """The numbers that another sent, in the order they came."""
        beginning = f"{sender}>{self.socket_id}/"
        texts = candidates(self.frames)
        return [int(text.removeprefix(beginning)) for text in texts if text.startswith(beginning)]

    @property
    def view(self) -> View:
        """The room, as it was told of it."""
        for frame in self._news():
            self._view.tell(frame)
        return self._view

    def _news(self) -> Iterator[Frame]:
        clients = (*self._former, self.client)
        number, position = self._seen
        while number < len(clients):
            frames = clients[number].frames
            while position < len(frames):
                position += 1
                self._seen = (number, position)
                yield frames[position - 1]
            if number + 1 == len(clients):
                break
            number, position = number + 1, 0
