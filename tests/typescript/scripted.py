"""A service whose every word is the test's: for what the real one is not easily brought to say."""

from __future__ import annotations

import contextlib
import json
import queue
import socket
from threading import Event, Thread
from types import TracebackType
from typing import Any, Final, Self

from websockets.exceptions import ConnectionClosed
from websockets.sync.server import ServerConnection, serve

from support.wire import WIRE

Json = dict[str, Any]

DEADLINE: Final = 30.0
"""Seconds until something must have happened, on a busy machine."""


class Line:
    """One socket of a client, as the service sees it. It stays open until the test ends it."""

    def __init__(self, connection: ServerConnection) -> None:
        self._connection = connection
        self.over = Event()

    def take(self, type: str) -> Json:
        """The client's next message, which must be of this type."""
        frame = self.take_any()
        assert frame["type"] == type, frame
        return frame

    def take_any(self) -> Json:
        frame: Json = json.loads(self._connection.recv(timeout=DEADLINE))
        return frame

    def say(self, type: str, payload: Json, *, to: Json | None = None) -> None:
        """Send a message; as the answer to a request of the client if there is one."""
        frame = {"type": type, "payload": payload}
        if to is not None:
            frame["request_id"] = to["request_id"]
        self.say_text(json.dumps(frame))

    def say_text(self, text: str) -> None:
        self._connection.send(text)

    def refuse(self, request: Json, code: str, **more: Any) -> None:
        self.say("error", {"code": code, "message": f"no: {code}", **more}, to=request)

    def close(self, code: int) -> None:
        self._connection.close(code)
        self.over.set()

    def cut(self) -> None:
        """No close frame, no more bytes: the line is gone."""
        with contextlib.suppress(OSError):
            self._connection.socket.shutdown(socket.SHUT_RDWR)
        self.over.set()

    def closed_with(self, *, quiet: bool = False) -> int | None:
        """How the client closed the socket, once it has. Messages before are passed over, or ``quiet``."""
        try:
            while True:
                frame = self._connection.recv(timeout=DEADLINE)
                assert not quiet, frame
        except ConnectionClosed as closed:
            return closed.rcvd.code if closed.rcvd else None

    # What most conversations have in common

    def greet(self) -> Self:
        self.say(
            "connected",
            {"socket_id": "s", "protocol_version": 1, "join_timeout_seconds": 60, "max_frame_bytes": 65536},
        )
        return self

    def seat(self, socket_id: str, *others: Json, window: int = 20, token: str = "t1") -> Self:
        """Take the client's join and give it a seat."""
        request = self.take("join")
        self.say(
            "room_joined",
            {
                "room_code": "a7x9k2",
                "socket_id": socket_id,
                "participants": list(others),
                "expires_at": "2099-01-01T00:00:00Z",
                "max_participants": 30,
                "resume_token": token,
                "resume_window_seconds": window,
            },
            to=request,
        )
        return self

    def seat_again(
        self,
        *others: Json,
        recovered: bool = True,
        replayed: int = 0,
        token: str = "t2",
        socket_id: str = "ada",
    ) -> Json:
        """Take the client's resume and grant it; its payload."""
        request = self.take("resume")
        self.say(
            "resumed",
            {
                "room_code": "a7x9k2",
                "socket_id": socket_id,
                "participants": list(others),
                "recovered": recovered,
                "replayed": replayed,
                "resume_token": token,
            },
            to=request,
        )
        payload: Json = request["payload"]
        return payload

    def seat_gone(self) -> Self:
        """Take the client's resume and refuse it: the seat has ended."""
        self.refuse(self.take("resume"), "resume_failed")
        return self


def participant(socket_id: str, *, polite: bool = False, **more: Any) -> Json:
    """Somebody in the room; by default one who came after us, so that we call them."""
    return {
        "socket_id": socket_id,
        "display_name": socket_id.title(),
        "user_id": None,
        "joined_at": "2029-12-31T23:00:00Z",
        "connection": "connected",
        "polite": polite,
        **more,
    }


class ScriptedService:
    """Takes connections; the test takes them from here, one by one."""

    def __init__(self) -> None:
        self._lines: queue.Queue[Line] = queue.Queue()
        self._all: list[Line] = []
        self._server = serve(self._hold, "127.0.0.1", 0, ping_interval=None, compression=None)
        self._thread = Thread(target=self._server.serve_forever, daemon=True)
        # What is said here is no word of the service, and may be wrong on purpose.
        WIRE.stubs.add(self._server.socket.getsockname()[1])

    @property
    def url(self) -> str:
        return f"ws://127.0.0.1:{self._server.socket.getsockname()[1]}/ws"

    @property
    def connections(self) -> int:
        """How many there have been."""
        return len(self._all)

    def accept(self) -> Line:
        """The next connection of a client."""
        return self._lines.get(timeout=DEADLINE)

    def _hold(self, connection: ServerConnection) -> None:
        line = Line(connection)
        self._all.append(line)
        self._lines.put(line)
        line.over.wait()

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        for line in self._all:
            line.over.set()
        self._server.shutdown()
        self._thread.join(DEADLINE)
