"""A client's TCP connection, watched by its bytes: the handshake, then frames both ways."""

from __future__ import annotations

from collections.abc import Generator

from websockets.exceptions import PayloadTooBig, ProtocolError
from websockets.frames import Frame
from websockets.streams import StreamReader

from support.wire import HANDSHAKE, WIRE, Conversation, Side


class Line:
    """Is given what goes up to the service and what comes down, in the order it went over the wire."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._heads: dict[Side, bytes | None] = {"client": b"", "server": b""}
        """What came of the handshake; None: it is over."""
        self._request = b""
        self._parsers: dict[Side, _Parser] = {}
        self._early = b""
        self._is_socket: bool | None = None

    def up(self, data: bytes) -> None:
        """Bytes of the client."""
        rest = self._after_head("client", data)
        if self._is_socket:
            self._parsers["client"].feed(rest)
        elif self._is_socket is None:
            self._early += rest

    def down(self, data: bytes) -> None:
        """Bytes of the service."""
        rest = self._after_head("server", data)
        if self._is_socket:
            self._parsers["server"].feed(rest)

    def _after_head(self, side: Side, data: bytes) -> bytes:
        """The part of ``data`` that comes after the side's part of the handshake."""
        head = self._heads[side]
        if head is None or self._is_socket is False:
            return data
        head, end, rest = (head + data).partition(b"\r\n\r\n")
        if not end:
            self._heads[side] = head
            return b""
        self._heads[side] = None
        if side == "client":
            self._request = head
        else:
            self._answered(head, rest)
        return rest

    def _answered(self, head: bytes, body: bytes) -> None:
        status_line, *lines = head.decode("latin-1").split("\r\n")
        words = status_line.split(" ")
        self._is_socket = len(words) > 1 and words[1] == "101"
        if self._is_socket:
            conversation = Conversation(self._port)
            self._parsers = {side: _Parser(conversation, side) for side in ("client", "server")}
            self._parsers["client"].feed(self._early)
            return
        call = self._request.decode("latin-1").split(" ")
        fields = (line.partition(":") for line in lines)
        headers = {name.lower(): value.strip() for name, _, value in fields}
        if len(call) > 1 and len(body) == int(headers.get("content-length", "-1")):
            method = HANDSHAKE if b"\r\nupgrade:" in self._request.lower() else call[0]
            WIRE.answered(self._port, method, call[1], int(words[1]), headers, body)


class _Parser:
    """Makes frames of one side's bytes, until they are none."""

    def __init__(self, conversation: Conversation, side: Side) -> None:
        self._conversation = conversation
        self._side: Side = side
        self._reader = StreamReader()
        self._run: Generator[None] | None = self._frames()
        next(self._run)

    def feed(self, data: bytes) -> None:
        if self._run is None or not data:
            return
        self._reader.feed_data(data)
        try:
            next(self._run)
        except (ProtocolError, PayloadTooBig, StopIteration):
            # Against RFC 6455, on purpose: there are no messages in what follows.
            self._run = None

    def _frames(self) -> Generator[None]:
        while True:
            frame = yield from Frame.parse(
                self._reader.read_exact, mask=self._side == "client", max_size=None, extensions=None
            )
            self._conversation.frame(self._side, frame)
