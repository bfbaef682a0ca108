"""A WebSocket client for tests. Every wait has a deadline; `support.wire` checks every frame."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Any, Final, Self

from websockets.asyncio.client import ClientConnection
from websockets.asyncio.client import connect as open_socket
from websockets.exceptions import ConnectionClosed
from websockets.typing import Origin

DEADLINE: Final = 20.0
"""Seconds any single wait of a test may take on a busy machine. What must be fast says so itself."""

Frame = dict[str, Any]


class Closed(AssertionError):
    """The socket was closed while the test waited for a frame."""


class Client:
    """One socket. Frames are read as they come: `frames` keeps them all, waits go through them in order."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket
        self.frames: list[Frame] = []
        self.socket_id = ""
        self._position = 0
        self._news = asyncio.Condition()
        self._over = False
        self._reader = asyncio.create_task(self._read())

    @classmethod
    async def connect(
        cls, url: str, *, origin: str | None = None, headers: Mapping[str, str] | None = None, **options: Any
    ) -> Self:
        """Open a socket and take its `connected`."""
        options = {"compression": None, "max_size": None, "ping_interval": None, "proxy": None, **options}
        socket = await open_socket(
            url,
            origin=None if origin is None else Origin(origin),
            additional_headers=headers,
            open_timeout=DEADLINE,
            **options,
        )
        client = cls(socket)
        client.socket_id = (await client.expect("connected"))["payload"]["socket_id"]
        return client

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        await self.aclose()

    # Out

    async def send(
        self, type_: str, payload: Mapping[str, Any] | None = None, *, request_id: str | None = None
    ) -> None:
        """Send a message; None leaves `payload` out."""
        frame: Frame = {"type": type_}
        if payload is not None:
            frame["payload"] = payload
        if request_id is not None:
            frame["request_id"] = request_id
        await self.send_raw(json.dumps(frame, ensure_ascii=False))

    async def send_raw(self, data: str | bytes) -> None:
        """Send a text frame (str) or a binary frame (bytes), whatever is in it."""
        await self.socket.send(data)

    async def join(self, room_code: str, **fields: Any) -> Frame:
        """Join and return the payload of `room_joined`; for one who has nothing else to expect."""
        await self.send("join", {"room_code": room_code, **fields})
        payload: Frame = (await self.expect("room_joined"))["payload"]
        return payload

    async def ask(self, type_: str, payload: Mapping[str, Any] | None = None, **options: Any) -> Frame:
        """Send with a request id of its own and return the frame that repeats it; frames before it are
        passed.
        """
        request_id = f"ask-{len(self.frames)}"
        await self.send(type_, payload, request_id=request_id)
        return await self.until(lambda frame: frame.get("request_id") == request_id, **options)

    async def settle(self) -> None:
        """Return when all that this socket caused, or was told, until now has arrived."""
        await self.ask("ping")

    # In

    async def expect(self, type_: str, *, deadline: float = DEADLINE) -> Frame:
        """The next frame, which must be of this type."""
        frame = await self.until(lambda frame: True, deadline=deadline, what=type_)
        assert frame["type"] == type_, f"expected {type_}, got {frame}"
        return frame

    async def expect_error(self, code: str, *, deadline: float = DEADLINE) -> Frame:
        """The next frame, which must be an error with this code."""
        frame = await self.expect("error", deadline=deadline)
        assert frame["payload"]["code"] == code, frame
        return frame

    async def until(
        self, wanted: str | Callable[[Frame], bool], *, deadline: float = DEADLINE, what: str = ""
    ) -> Frame:
        """The next frame that is ``wanted`` (a type or a condition); those before it are passed over."""
        if isinstance(wanted, str):
            what = kind = wanted

            def wanted(frame: Frame) -> bool:
                return bool(frame["type"] == kind)

        def found() -> Frame | None:
            while self._position < len(self.frames):
                frame = self.frames[self._position]
                self._position += 1
                if wanted(frame):
                    return frame
            return None

        async with self._news:
            try:
                async with asyncio.timeout(deadline):
                    while (frame := found()) is None:
                        if self._over:
                            raise Closed(f"closed with {self.close_code} before {what or 'the frame'} came")
                        await self._news.wait()
                    return frame
            except TimeoutError:
                raise AssertionError(
                    f"no {what or 'such frame'} within {deadline} s; last: {self.frames[-3:]}"
                ) from None

    async def reaches(self, condition: Callable[[list[Frame]], bool], *, deadline: float = DEADLINE) -> None:
        """Wait until all frames so far fulfil a condition."""
        async with self._news:
            try:
                async with asyncio.timeout(deadline):
                    while not condition(self.frames):
                        if self._over:
                            raise Closed(f"closed with {self.close_code} before the condition was met")
                        await self._news.wait()
            except TimeoutError:
                raise AssertionError(
                    f"condition not met within {deadline} s; last: {self.frames[-3:]}"
                ) from None

    def of_type(self, *types: str) -> list[Frame]:
        """All frames of these types so far, in order."""
        return [frame for frame in self.frames if frame["type"] in types]

    @property
    def unread(self) -> list[Frame]:
        """Frames that no wait has taken yet."""
        return self.frames[self._position :]

    async def told_of_loss(self, socket_id: str, *, deadline: float = DEADLINE) -> None:
        """Wait until this client was told that the other's line is lost, and later that nobody came back."""
        about = {
            "participant_reconnecting": {"socket_id": socket_id},
            "participant_left": {"socket_id": socket_id, "reason": "connection_lost"},
        }
        for type_, payload in about.items():
            told = await self.until(type_, deadline=deadline)
            assert told["payload"] == payload

    # The end

    @property
    def close_code(self) -> int | None:
        """The code the socket was closed with; 1006 when the line broke; None while it is open."""
        return self.socket.close_code

    async def closed(self, *, deadline: float = DEADLINE) -> int:
        """Wait for the end of the socket; its close code."""
        try:
            async with asyncio.timeout(deadline):
                await self.socket.wait_closed()
                await self._reader
        except TimeoutError:
            raise AssertionError(f"still open after {deadline} s") from None
        assert self.close_code is not None
        return self.close_code

    async def close(self, code: int = 1000, reason: str = "") -> None:
        """Close with a close frame and wait for the end."""
        await self.socket.close(code, reason)
        await self._reader

    def abort(self) -> None:
        """Cut the line without a close frame."""
        self.socket.transport.abort()

    async def aclose(self) -> None:
        """Be gone, whatever state the socket is in."""
        self.abort()
        await self.socket.wait_closed()
        await self._reader

    async def _read(self) -> None:
        try:
            while True:
                frame = json.loads(await self.socket.recv(decode=None))
                async with self._news:
                    self.frames.append(frame)
                    self._news.notify_all()
        except ConnectionClosed:
            pass
        finally:
            async with self._news:
                self._over = True
                self._news.notify_all()
