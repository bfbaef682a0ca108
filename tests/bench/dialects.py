"""How each server is spoken to. What is carried is the same for all, in frames of the same size."""

from __future__ import annotations

import json
import secrets
from typing import Any, Literal, Protocol

from bench.frames import candidate, compact, description, of_size
from bench.sockets import Socket

Kind = Literal["offer", "answer", "ice_candidate"]


class Dialect(Protocol):
    """The messages of a server."""

    rooms: bool
    """Whether peers find each other in rooms, and hear of each other."""

    async def open(self, port: int) -> Socket:
        """A socket that the server has greeted; its id is known."""

    async def enter(self, socket: Socket, room: str) -> None:
        """Be in a room, or wherever others can reach the socket."""

    def relay(self, kind: Kind, sender: str, to: str, size: int) -> tuple[bytes, dict[str, Any]]:
        """A text of this size that carries something to a peer, and what must arrive there."""


class Guide:
    """The messages of docs/integration.md, which the relays for comparison speak as well."""

    rooms = True

    async def open(self, port: int) -> Socket:
        """A socket that was told its id."""
        socket = await Socket.open(port, "/ws")
        socket.id = json.loads(await socket.text_with(b'"connected"'))["payload"]["socket_id"]
        return socket

    async def enter(self, socket: Socket, room: str) -> None:
        """Join."""
        socket.send(self.join(room))
        await socket.text_with(b'"room_joined"')

    def join(self, room: str) -> bytes:
        """The message to join with."""
        return compact({"type": "join", "payload": {"room_code": room, "display_name": "Ada Lovelace"}})

    def relay(self, kind: Kind, sender: str, to: str, size: int) -> tuple[bytes, dict[str, Any]]:
        """An `offer`, `answer` or `ice_candidate`."""

        def text(padding: int) -> bytes:
            return compact({"type": kind, "payload": {"to": to, **carried(kind, padding)}})

        made = of_size(size, text)
        payload = json.loads(made)["payload"]
        del payload["to"]
        return made, {"type": kind, "payload": {"from": sender, **payload}}


class PeerJs:
    """The messages of PeerJS: ids are chosen by the clients, and there are no rooms."""

    rooms = False

    async def open(self, port: int) -> Socket:
        """A socket that was let in under an id of its own."""
        chosen = secrets.token_hex(8)
        socket = await Socket.open(port, f"/peerjs?key=peerjs&id={chosen}&token=token&version=1.5.5")
        socket.id = chosen
        await socket.text_with(b'"OPEN"')
        return socket

    async def enter(self, socket: Socket, room: str) -> None:
        """Whoever is connected can be reached."""

    def relay(self, kind: Kind, sender: str, to: str, size: int) -> tuple[bytes, dict[str, Any]]:
        """An `OFFER`, `ANSWER` or `CANDIDATE`, as PeerJS clients send them."""
        name = "CANDIDATE" if kind == "ice_candidate" else kind.upper()
        (key, _), *_ = carried(kind, 0).items()

        def text(padding: int) -> bytes:
            payload = {
                "candidate" if key == "candidate" else "sdp": carried(kind, padding)[key],
                "type": "media",
                "connectionId": "mc_4x7k2q",
            }
            return compact({"type": name, "payload": payload, "dst": to})

        made = of_size(size, text)
        return made, {"type": name, "src": sender, "dst": to, "payload": json.loads(made)["payload"]}


def carried(kind: Kind, padding: int) -> dict[str, Any]:
    """What a relay carries for the browsers."""
    if kind == "ice_candidate":
        return {"candidate": candidate(padding)}
    return {"description": description(kind, padding)}
