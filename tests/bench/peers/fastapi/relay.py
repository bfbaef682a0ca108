"""A signaling relay on FastAPI as commonly written: rooms in memory, JSON with dicts, no limits.

It speaks the messages of the guide, so that one client can try it and the service.
"""

import secrets
import sys
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import uvicorn
from fastapi import FastAPI, HTTPException, WebSocket, WebSocketDisconnect
from pydantic import BaseModel, Field

app = FastAPI()


class NewRoom(BaseModel):
    """The body of `POST /api/rooms`."""

    owner_id: str | None = None
    ttl_hours: int = Field(default=24, ge=1, le=168)
    max_participants: int = Field(default=50, ge=2, le=100)


class Room:
    """A room and who is in it."""

    def __init__(self, code: str, new: NewRoom) -> None:
        self.code = code
        self.new = new
        self.created_at = datetime.now(UTC)
        self.sockets: dict[str, WebSocket] = {}
        self.participants: dict[str, dict[str, Any]] = {}


rooms: dict[str, Room] = {}


@app.get("/health")
async def health() -> dict[str, str]:
    """Whether it is there."""
    return {"status": "healthy"}


@app.post("/api/rooms", status_code=201)
async def create(new: NewRoom) -> dict[str, Any]:
    """Make a room."""
    room = Room(secrets.token_hex(4), new)
    rooms[room.code] = room
    return {"room_code": room.code, "created_at": room.created_at, "owner_id": new.owner_id}


@app.get("/api/rooms/{code}")
async def read(code: str) -> dict[str, Any]:
    """What is known of a room."""
    room = rooms.get(code)
    if room is None:
        raise HTTPException(404, "Room not found")
    return {
        "room_code": room.code,
        "created_at": room.created_at,
        "owner_id": room.new.owner_id,
        "max_participants": room.new.max_participants,
        "participant_count": len(room.participants),
        "participants": list(room.participants.values()),
    }


@app.websocket("/ws")
async def signaling(websocket: WebSocket) -> None:
    """One socket."""
    await websocket.accept()
    socket_id = uuid4().hex
    room: Room | None = None
    await websocket.send_json({"type": "connected", "payload": {"socket_id": socket_id}})
    try:
        while True:
            message = await websocket.receive_json()
            payload = message.get("payload", {})
            if message["type"] == "join":
                room = rooms.get(payload["room_code"])
                if room is None:
                    await error(websocket, "room_not_found")
                else:
                    await join(room, socket_id, websocket, payload)
            elif message["type"] == "leave":
                if room is not None:
                    await leave(room, socket_id)
                    room = None
            else:
                target = None if room is None else room.sockets.get(payload.pop("to"))
                if target is None:
                    await error(websocket, "peer_not_found")
                else:
                    payload["from"] = socket_id
                    await target.send_json({"type": message["type"], "payload": payload})
    except WebSocketDisconnect:
        pass
    finally:
        if room is not None:
            await leave(room, socket_id)


async def join(room: Room, socket_id: str, websocket: WebSocket, payload: dict[str, Any]) -> None:
    """Let a socket in, and tell everybody."""
    participant = {
        "socket_id": socket_id,
        "display_name": payload.get("display_name", "Guest"),
        "joined_at": datetime.now(UTC).isoformat(),
    }
    others = list(room.sockets.values())
    known = list(room.participants.values())
    room.sockets[socket_id] = websocket
    room.participants[socket_id] = participant
    answer = {"room_code": room.code, "socket_id": socket_id, "participants": known}
    await websocket.send_json({"type": "room_joined", "payload": answer})
    for other in others:
        await other.send_json({"type": "participant_joined", "payload": participant})


async def leave(room: Room, socket_id: str) -> None:
    """Let a socket out, and tell the others."""
    room.sockets.pop(socket_id, None)
    room.participants.pop(socket_id, None)
    for other in list(room.sockets.values()):
        with suppress(RuntimeError, WebSocketDisconnect):  # It may be going as well.
            await other.send_json({"type": "participant_left", "payload": {"socket_id": socket_id}})


async def error(websocket: WebSocket, code: str) -> None:
    """Say what was wrong."""
    await websocket.send_json({"type": "error", "payload": {"code": code, "message": code}})


if __name__ == "__main__":
    uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[1]), access_log=False, log_level="warning")
