"""The HTTP protocol class: requests have a size and a time, and some become WebSockets.

uvicorn bounds neither the head of a request nor how long one may take to arrive, so that a few
hundred slow or endless requests could hold the process's memory and files. This subclass of its
httptools class adds both bounds, answers what is no HTTP in the API's own error shape, and hands those who
want a WebSocket to the acceptor that is set where uvicorn has its own protocol class for them (`web.socket`).
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from typing import Any, Final

import msgspec
from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from signaling.contract.errors import ErrorCode
from signaling.contract.rest import ErrorBody
from signaling.web.handshake import Asked
from signaling.web.short_way import Plain, ShortWay

MAX_HEAD_BYTES: Final = 32_768
"""Request line and headers together. Browsers and proxies stay below 16 KiB."""

REQUEST_TIMEOUT: Final = 20.0
"""Seconds for a whole request to arrive, from its first byte, and for a client to read on when it has stopped
reading its answer."""


class BoundedHttpProtocol(HttpToolsProtocol):
    """uvicorn's protocol with a bound on each request's head and time. `web.arrivals` makes them."""

    def __init__(self, *args: Any, short_way: ShortWay | None = None, **kwargs: Any) -> None:
        """As uvicorn makes it; plain calls are answered on the ``short_way``, if there is one."""
        super().__init__(*args, **kwargs)
        self._short_way = short_way
        self._plain: Plain | None = None
        """A plain call whose body is not here yet."""
        self._head_bytes = 0
        self._due: float | None = None
        self._deadline: asyncio.TimerHandle | None = None
        self._unread: asyncio.TimerHandle | None = None
        self._upgraded = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """A connection that never asks anything is closed as well."""
        super().connection_made(transport)
        self.flow: _Flow = _Flow(transport, self.pipeline)
        self._start_deadline()

    def connection_lost(self, exc: Exception | None) -> None:
        """Nothing is waited for any more."""
        self._stop_deadline()
        self._stop_unread()
        super().connection_lost(exc)
        if self._plain is not None:
            # That it came in part is found, told and counted on the ordinary way.
            self._plain = None
            self._start_task(self.cycle, self.app)

    def data_received(self, data: bytes) -> None:
        """Bytes that begin no request (stray line ends) do not keep a connection either."""
        super().data_received(data)
        cycle: Any = self.cycle  # None before the first request
        idle = cycle is None or cycle.response_complete
        if idle and self._due is None and not self._upgraded and not self.transport.is_closing():
            self._start_deadline()

    def eof_received(self) -> bool:  # type: ignore[override] # as the event loop has it
        """The client says no more. What it has asked is answered, then the line ends; else it ends now."""
        cycle: Any = self.cycle  # None before the first request
        if cycle is None or cycle.response_complete or cycle.more_body:
            return False
        cycle.keep_alive = False
        return True

    def pause_writing(self) -> None:
        """The client does not read its answer: not for ever."""
        super().pause_writing()
        self._unread = self.loop.call_later(REQUEST_TIMEOUT, self.transport.abort)

    def resume_writing(self) -> None:
        """It reads."""
        self._stop_unread()
        super().resume_writing()

    def on_message_begin(self) -> None:
        """The first byte of a request."""
        self._head_bytes = 0
        if self._due is None:
            self._start_deadline()
        super().on_message_begin()

    def on_url(self, url: bytes) -> None:
        """A part of the request line."""
        self._head_bytes += len(url)
        if self._head_bytes > MAX_HEAD_BYTES:
            raise _HeadTooLarge
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        """A header. There are many: uvicorn's own method is not called, but this does the same."""
        self._head_bytes += len(name) + len(value)
        if self._head_bytes > MAX_HEAD_BYTES:
            raise _HeadTooLarge
        name = name.lower()
        if name == b"expect" and value.lower() == b"100-continue":
            self.expect_100_continue = True
        self.headers.append((name, value))

    def on_message_complete(self) -> None:
        """The request is here, body and all."""
        self._due = None
        super().on_message_complete()
        plain = self._plain
        if plain is not None:
            self._plain = None
            self._answer_soon(self.cycle, plain)

    def handle_websocket_upgrade(self) -> None:
        """The connection becomes a WebSocket, which has bounds of its own; or it ends."""
        cycle: Any = self.cycle  # None before the first request
        if self._unread is not None or not (cycle is None or cycle.response_complete):
            # The answer would get between the frames, and its timers would end the socket.
            self._upgraded = True
            self.send_400_response("A WebSocket can be opened once earlier requests are answered")
            return
        # A parser and its protocol, and all that knows it, keep one another until the collector comes.
        parser = self.parser
        self.parser = None  # type: ignore[assignment] # as uvicorn does at the end
        acceptor: Any = self.ws_protocol_class
        asked = Asked(parser.get_method(), self.url, parser.get_http_version(), self.headers)
        self._upgraded = True
        if acceptor.accept(asked, self.transport, self.client, self.server_state):
            self._stop_deadline()
            self.connections.discard(self)

    def send_400_response(self, msg: str) -> None:
        """Answer what is no HTTP (or too much of it), and close."""
        body = msgspec.json.encode(ErrorBody(detail=msg, code=ErrorCode.BAD_REQUEST))
        head = (
            "HTTP/1.1 400 Bad Request\r\ncontent-type: application/json\r\n"
            f"content-length: {len(body)}\r\nconnection: close\r\n\r\n"
        )
        self.transport.write(head.encode() + body)
        self.transport.close()

    def _start_asgi_task(self, cycle: Any, app: Any) -> None:
        """The one place where uvicorn begins to answer."""
        if cycle.more_body and self.flow.read_paused:
            self.flow.resume_reading()
        short_way = self._short_way
        plain = short_way.plain(cycle.scope) if short_way is not None and app is self.app else None
        if plain is None:
            self._start_task(cycle, app)
        elif cycle.more_body:
            self._plain = plain
        else:
            self._answer_soon(cycle, plain)

    def _answer_soon(self, cycle: Any, plain: Plain) -> None:
        """In the next turn of the event loop, when all that came in this one has been read."""
        assert self._short_way is not None
        self.loop.call_soon(self._short_way.answer, cycle, plain, self._start_task)

    def _start_task(self, cycle: Any, app: Any) -> None:
        # An answer to HEAD is a head alone.
        cycle.transport = _Answer(self.transport, self.loop, held=cycle.scope["method"] != "HEAD")
        super()._start_asgi_task(cycle, app or self.app)

    def _start_deadline(self) -> None:
        """One timer serves all requests of a connection: to set one and stop it for each costs more."""
        self._due = self.loop.time() + REQUEST_TIMEOUT
        if self._deadline is None:
            self._deadline = self.loop.call_later(REQUEST_TIMEOUT, self._look)

    def _stop_deadline(self) -> None:
        self._due = None
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _stop_unread(self) -> None:
        if self._unread is not None:
            self._unread.cancel()
            self._unread = None

    def _look(self) -> None:
        self._deadline = None
        if self._due is None:
            return
        # What is not read, as requests before it are answered, cannot come.
        read_from = self.loop.time() if self.flow.read_paused else self.flow.resumed_at
        left = max(self._due, read_from + REQUEST_TIMEOUT) - self.loop.time()
        if left > 0:
            self._deadline = self.loop.call_later(left, self._look)
        else:
            self.transport.abort()


class _Flow(FlowControl):
    """Reads on only when no request waits for those before it. uvicorn alone reads on at each answer, and at
    each body that is asked for: what a client sends faster than it reads would pile up without end.
    """

    def __init__(self, transport: asyncio.Transport, waiting: Collection[Any]) -> None:
        super().__init__(transport)
        self._waiting = waiting
        self.resumed_at = float("-inf")

    def resume_reading(self) -> None:
        if self.read_paused and not self._waiting:
            self.resumed_at = asyncio.get_running_loop().time()
            super().resume_reading()


class _HeadTooLarge(Exception):
    """httptools makes a parser error of it, and uvicorn a 400."""


class _Answer:
    """The transport as the answer to one request sees it: the head waits for what follows, to go with it.

    Each write is a call to the operating system. If nothing follows in this turn of the event loop, the head
    goes alone. What nobody is there for is dropped: of several requests that came at once, uvicorn tells only
    the last when the client has gone.
    """

    __slots__ = ("_begun", "_held", "_loop", "_transport")

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop, *, held: bool) -> None:
        self._transport = transport
        self._loop = loop
        self._begun = not held
        self._held = b""

    def write(self, data: bytes) -> None:
        if self._held:
            data, self._held = self._held + data, b""
        elif not self._begun:
            self._begun, self._held = True, data
            self._loop.call_soon(self._flush)
            return
        if not self._transport.is_closing():
            self._transport.write(data)

    def close(self) -> None:
        self._flush()
        self._transport.close()

    def is_closing(self) -> bool:
        return self._transport.is_closing()

    def _flush(self) -> None:
        held, self._held = self._held, b""
        if held and not self._transport.is_closing():
            self._transport.write(held)
