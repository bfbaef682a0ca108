"""A WebSocket, once its handshake is done: frames take the short way, from the bytes to the receiver.

Whole text messages in one masked frame, which is nearly all that browsers send, and pings and pongs are
taken out of the bytes here. All else is judged by the parser of the `websockets` library: messages in parts,
binary ones, close frames, and whatever breaks RFC 6455. That parser is made when it is needed and lives no
longer, as it takes more memory than all the rest of an idle socket.

uvicorn hands the connection over after the handshake (`web.http_protocol`) and stops it at the end. It is
told no more of it, and no task runs for a socket.
"""

from __future__ import annotations

import asyncio
import random
import struct
from collections.abc import Sequence
from typing import Any, Final, Protocol

import structlog
from msgspec import Struct
from websockets.exceptions import ProtocolError
from websockets.frames import DATA_OPCODES, Close, Frame, Opcode
from websockets.protocol import State
from websockets.server import ServerProtocol

from signaling.realtime.connection import Flushes
from signaling.realtime.deadlines import Deadlines

try:
    from websockets.speedups import apply_mask
except ImportError:  # Where the package was installed without its C part.
    from websockets.utils import apply_mask

CLOSE_TIMEOUT: Final = 5.0
"""Seconds a peer has to finish the closing handshake before the line is cut."""

MAX_FRAGMENTS: Final = 1024
"""Frames one message may come in. Empty fragments escape the size limit; this bounds them."""

PIECE: Final = 16_384
"""Bytes parsed at once. One read may bring 256 KiB, which as frames of six bytes would keep every other
socket waiting; after each piece the receiver may want a pause."""

CLOSING_PAUSE: Final = 0.05
"""Seconds between pieces once the close frame is sent: what the peer had said before is short, if honest."""

STOP_TIMEOUT: Final = 0.8
"""Seconds a peer has to read what was sent to it once the process stops: less than uvicorn waits."""

_log = structlog.stdlib.get_logger("signaling.socket")

_TEXT: Final = 0x81
_PING: Final = 0x89
_PONG: Final = 0x8A
_CLOSE: Final = 0x88
_LENGTH_16: Final = 126
_LENGTH_64: Final = 127
_MOST_OF_16: Final = 65_535
_MASKED: Final = 0x80
_header_16: Final = struct.Struct("!BBH").pack
_header_64: Final = struct.Struct("!BBQ").pack

_SHORT: Final = 8
"""The size of a header with a length of 16 bits, mask included."""

_CONTROL: Final = (_PONG, _PING, _CLOSE)
_MOST_OF_CONTROL: Final = 125
"""Bytes a control frame may carry (RFC 6455, 5.5)."""


class Receiver(Protocol):
    """Whoever the frames are for."""

    def frame_received(self, data: bytes) -> None:
        """A text frame of valid UTF-8."""

    def binary_received(self) -> None:
        """A binary frame."""

    def other_received(self) -> None:
        """A control frame or a fragment: nothing to act on, but it is work."""

    def ping_sent(self) -> None:
        """A ping of the keepalive is being sent: what is to go before it goes now."""

    def pong_received(self) -> None:
        """The pong to the last ping came: the peer has all that went before it."""

    def lost(self, close_code: int | None) -> None:
        """The socket is gone; None: without a close frame from the peer."""

    def failed(self) -> None:
        """One of these calls raised."""


class SocketLimits(Struct, frozen=True, kw_only=True):
    """Bounds of one socket on the wire."""

    max_frame_bytes: int
    """Of a message, in one frame or in parts."""
    ping_interval: float
    """Seconds from one ping's answer to the next ping."""
    ping_timeout: float
    """Seconds a pong may take, if nothing else comes in."""


class Sockets:
    """What the sockets of a process have in common."""

    def __init__(self, flushes: Flushes, connections: set[Any], limits: SocketLimits) -> None:
        """Must be made inside the event loop. ``connections`` is uvicorn's list of those it has to stop."""
        self.loop = asyncio.get_running_loop()
        self.flushes = flushes
        self.connections = connections
        self.max_frame_bytes = limits.max_frame_bytes
        self.pings: Deadlines[SocketProtocol] = Deadlines(limits.ping_interval, SocketProtocol.ping)
        self.pongs: Deadlines[SocketProtocol] = Deadlines(limits.ping_timeout, SocketProtocol.pong_overdue)


class SocketProtocol(asyncio.Protocol):
    """One socket: the `Transport` of its connection, and the protocol of its TCP transport."""

    __slots__ = (
        "_abort_timer",
        "_begun",
        "_close_code",
        "_closing",
        "_fragmented",
        "_heard",
        "_library",
        "_library_bytes",
        "_owed",
        "_parsing",
        "_parts",
        "_paused",
        "_pinged",
        "_receiver",
        "_sockets",
        "_text",
        "_transport",
        "_unparsed",
        "_wanted",
        "_writable",
    )

    def __init__(self, sockets: Sockets, transport: asyncio.Transport) -> None:
        """``transport`` is to call this from now on; then comes `attach`, in the same turn."""
        self._sockets = sockets
        self._transport = transport
        self._receiver: Receiver | None = None
        self._library: ServerProtocol | None = None
        self._library_bytes = 0
        """Bytes of the frame in hand that are still to go to the library."""
        self._fragmented = False
        """Whether a message in parts has begun."""
        self._parts: list[bytes] | None = None
        self._text = False
        """Whether those are text."""
        self._begun: bytearray | None = None
        """The beginning of a frame, of which so many bytes are needed to go on:"""
        self._wanted = 0
        self._unparsed = b""
        self._parsing = False
        self._paused = False
        self._writable = True
        self._owed = b""
        """A pong that waits until the peer reads."""
        self._heard = False
        self._pinged: bytes | None = None
        """What the ping carried whose pong is awaited."""
        self._closing = False
        """Whether a close frame was sent, or the protocol was broken: nothing more is sent."""
        self._close_code: int | None = None
        """Of the peer's close frame."""
        self._abort_timer: asyncio.TimerHandle | None = None

    def attach(self, receiver: Receiver) -> None:
        """Hand frames to ``receiver``, and keep the socket alive."""
        self._receiver = receiver
        self._sockets.connections.add(self)
        self._sockets.pings.start(self)

    # Transport of the connection

    def write(self, frames: Sequence[bytes]) -> None:
        """Send text messages, in one write."""
        if self._closing or self._transport.is_closing():
            return
        parts: list[bytes] = []
        for payload in frames:
            length = len(payload)
            if _LENGTH_16 <= length <= _MOST_OF_16:
                parts.append(_header_16(_TEXT, _LENGTH_16, length))
            else:
                parts.append(text_header(length))
            parts.append(payload)
        self._transport.write(b"".join(parts))

    def buffered(self) -> int:
        """Bytes written that the operating system has not taken yet."""
        return 0 if self._transport.is_closing() else self._transport.get_write_buffer_size()

    def pause_reading(self) -> None:
        """Stop taking frames from the peer, once the piece in hand is parsed."""
        if not self._paused:
            self._paused = True
            if not self._transport.is_closing():
                self._transport.pause_reading()

    def resume_reading(self) -> None:
        """Take frames again, those first that were read already."""
        if not self._paused:
            return
        self._paused = False
        self._parse()
        if not self._paused and not self._transport.is_closing():
            self._transport.resume_reading()

    def close(self, code: int, reason: str) -> None:
        """Begin the closing handshake; cut the line if the peer does not finish it in time."""
        if not self._is_open():
            return
        self._send_close(code, reason)
        # The peer's close frame must be read, even if its other frames were not.
        self.resume_reading()
        self._abort_soon()

    # What the TCP transport calls

    def data_received(self, data: bytes) -> None:
        """Bytes came in: whatever they are, the peer is alive."""
        self._heard = True
        flushes = self._sockets.flushes
        awaited, flushes.awaited = flushes.awaited, True
        try:
            if self._paused or self._closing or len(data) > PIECE:
                self._unparsed += data
                self._parse()
            else:
                self._take(data)
        finally:
            if not awaited:
                # What these frames led to is written without a turn of the loop between.
                flushes.flush()

    def pause_writing(self) -> None:
        """The peer does not read."""
        self._writable = False

    def resume_writing(self) -> None:
        """The peer reads again."""
        self._writable = True
        self._pay_owed()

    def eof_received(self) -> None:
        """The peer will say no more: the transport closes, once what was written has gone."""
        self._abort_soon()

    def connection_lost(self, _error: Exception | None) -> None:
        """The line is gone."""
        if self._abort_timer is not None:
            self._abort_timer.cancel()
            self._abort_timer = None
        self._sockets.connections.discard(self)
        self._end_traffic()
        self._tell_lost()
        self._library = None

    # What uvicorn calls

    def shutdown(self) -> None:
        """The process stops, after the sockets were told: who does not read is not waited for."""
        if self._is_open():
            self._send_close(1012)
        self._transport.close()
        self._sockets.loop.call_later(STOP_TIMEOUT, self._transport.abort)

    # Frames

    def _parse(self) -> None:
        """Parse what was read, piece by piece, for as long as the receiver takes it."""
        if self._parsing:
            return
        self._parsing = True
        try:
            while self._unparsed and not self._paused and not self._transport.is_closing():
                piece, self._unparsed = self._unparsed[:PIECE], self._unparsed[PIECE:]
                self._take(piece)
                if self._closing and not self._transport.is_closing():
                    self.pause_reading()
                    self._sockets.loop.call_later(CLOSING_PAUSE, self.resume_reading)
        finally:
            self._parsing = False

    def _take(self, data: bytes) -> None:
        """Hand over what is in these bytes."""
        if self._begun is not None:
            self._begun += data
            if len(self._begun) < self._wanted:
                return
            data, self._begun = bytes(self._begun), None
        at, end = 0, len(data)
        while at < end:
            if (
                self._library is None
                and end - at > _SHORT
                and data[at] == _TEXT
                and _MASKED <= data[at + 1] < _MASKED | _LENGTH_64
            ):
                # Nearly every frame; what is different is found below as well.
                start, length = at + 6, data[at + 1] - _MASKED
                if length == _LENGTH_16:
                    start, length = at + 8, data[at + 2] << 8 | data[at + 3]
                stop = start + length
                if stop <= end and length <= self._sockets.max_frame_bytes:
                    self._message(apply_mask(data[start:stop], data[start - 4 : start]))
                    at = stop
                    continue
            at = self._take_other(data, at, end)

    def _take_other(self, data: bytes, at: int, end: int) -> int:
        """Take what is not a whole text message between others; up to where it was taken."""
        if self._library_bytes:
            part = data[at : at + self._library_bytes]
            self._library_bytes -= len(part)
            self._judge(part)
            return at + len(part)
        if self._closing or self._receiver is None:
            # The library knows which close frame answers which, and what is left of one.
            self._judge(data[at:])
            return end
        head = _head(data, at)
        if head is None:
            # It breaks the protocol, and whatever follows is nothing any more.
            self._judge(data[at:])
            return end
        start, length = head
        if length < 0:
            self._begin(data, at, start)
            return end
        first = data[at]
        if first == _TEXT:
            own = length <= self._sockets.max_frame_bytes and not self._fragmented
        else:
            # In the middle of a message in parts, a close frame breaks the protocol.
            own = (
                first in _CONTROL
                and length <= _MOST_OF_CONTROL
                and not (first == _CLOSE and self._fragmented)
            )
        if not own:
            self._library_bytes = start + length
            return at
        stop = at + start + length
        if stop > end:
            self._begin(data, at, start + length)
            return end
        start += at
        payload = apply_mask(data[start:stop], data[start - 4 : start])
        if first == _TEXT:
            self._message(payload)
        elif first == _PING:
            self._ping_received(payload)
        elif first == _PONG:
            self._pong_received(payload)
        elif not self._close_received(payload):
            self._judge(data[at:stop])
        return stop

    def _begin(self, data: bytes, at: int, wanted: int) -> None:
        """Keep the beginning of a frame until so many bytes of it are here, at most all of the frame's."""
        self._begun = bytearray(data[at:])
        self._wanted = wanted

    def _message(self, data: bytes) -> None:
        """A text message is whole."""
        receiver = self._receiver
        if receiver is None:
            return
        try:
            # Carried on to other browsers, which would close on bad UTF-8 (RFC 6455, 8.1).
            if not data.isascii():
                data.decode()
            receiver.frame_received(data)
        except UnicodeDecodeError:
            self._fail(1007, "invalid UTF-8")
        except Exception:  # noqa: BLE001 - logged whole
            _log.exception("frame_failed")
            receiver.failed()

    def _ping_received(self, payload: bytes) -> None:
        """Answer; where the peer does not read, only the last one (RFC 6455, 5.5.3)."""
        pong = bytes((_PONG, len(payload))) + payload
        if self._writable:
            self._transport.write(pong)
        else:
            self._owed = pong
        if self._receiver is not None:
            self._receiver.other_received()

    def _pong_received(self, payload: bytes) -> None:
        """A pong, asked for or not."""
        receiver = self._receiver
        if receiver is None:
            return
        if payload == self._pinged:
            self._await_next_ping()
            receiver.pong_received()
        receiver.other_received()

    def _close_received(self, payload: bytes) -> bool:
        """Answer a close frame with the same; False if it breaks the protocol."""
        try:
            close = Close.parse(payload)
        except (ProtocolError, UnicodeDecodeError):
            return False
        self._pay_owed()
        self._close_code = int(close.code)
        if not self._transport.is_closing():
            self._transport.write(bytes((_CLOSE, len(payload))) + payload)
        # The server ends the line (RFC 6455, 7.1.1).
        self._end()
        return True

    def _pay_owed(self) -> None:
        owed, self._owed = self._owed, b""
        if owed and self._is_open():
            self._transport.write(owed)

    # What is the library's

    def _needed_library(self) -> ServerProtocol:
        if self._library is None:
            self._library = ServerProtocol(state=State.OPEN, max_size=self._sockets.max_frame_bytes)
        return self._library

    def _judge(self, data: bytes) -> None:
        """Let the library parse these bytes: of one frame, or of what is none."""
        library = self._needed_library()
        library.receive_data(data)
        if library.parser_exc is not None:
            self._fail_as(library)
            return
        for event in library.events_received():
            assert isinstance(event, Frame)
            if event.opcode is Opcode.CLOSE:
                # It answers the one that was sent.
                assert library.close_rcvd is not None
                self._close_code = int(library.close_rcvd.code)
                self._end()
            elif event.opcode in DATA_OPCODES:
                # Once a close frame was sent as well: the receiver may be listening until the peer has it.
                self._part_received(event)
        self._fragmented = library.current_size is not None
        if not (self._library_bytes or self._fragmented or self._closing or library.state is not State.OPEN):
            self._library = None

    def _part_received(self, frame: Frame) -> None:
        """A part of a message, or a binary one; the number of parts is bounded as well as their size."""
        receiver = self._receiver
        if receiver is None:
            return
        parts = self._parts
        if parts is None:
            parts = self._parts = []
            self._text = frame.opcode is Opcode.TEXT
        else:
            receiver.other_received()
        parts.append(bytes(frame.data))
        if len(parts) > MAX_FRAGMENTS:
            self._fail(1009, "too many fragments")
        elif frame.fin:
            self._parts = None
            if self._text:
                self._message(b"".join(parts))
                return
            try:
                receiver.binary_received()
            except Exception:  # noqa: BLE001 - logged whole
                _log.exception("frame_failed")
                receiver.failed()

    def _fail(self, code: int, reason: str) -> None:
        """The peer broke a rule that the library does not know."""
        library = self._needed_library()
        library.fail(code, reason)
        self._fail_as(library)

    def _fail_as(self, library: ServerProtocol) -> None:
        """Fail the connection with the library's close frame (RFC 6455, 7.1.7)."""
        if not self._transport.is_closing():
            self._transport.write(b"".join(library.data_to_send()))
        self._end()

    # Keepalive

    def ping(self) -> None:
        """It is time to ask whether the peer is there."""
        if self._receiver is None or not self._is_open():
            return
        self._heard = False
        self._receiver.ping_sent()
        if not self._is_open():
            # What was to go before it is too much for a peer that does not read.
            return
        self._pinged = random.randbytes(4)  # noqa: S311 - no secret: it tells the pongs apart
        self._transport.write(bytes((_PING, len(self._pinged))) + self._pinged)
        self._sockets.pongs.start(self)

    def pong_overdue(self) -> None:
        """No pong in time. Not fatal while we do not read, or when something else came in."""
        if self._heard or self._paused:
            self._await_next_ping()
            return
        if self._is_open():
            self._fail(1011, "keepalive ping timeout")

    def _is_open(self) -> bool:
        return not (self._closing or self._transport.is_closing())

    def _await_next_ping(self) -> None:
        self._pinged = None
        self._sockets.pongs.stop(self)
        self._sockets.pings.start(self)

    # The end

    def _end(self) -> None:
        """The conversation is over; the line is, once what was written has gone."""
        self._end_traffic()
        self._transport.close()
        self._tell_lost()
        self._abort_soon()

    def _send_close(self, code: int, reason: str = "") -> None:
        # From here on the library has every byte: what is said until this is heard, and the close frame then.
        library = self._needed_library()
        library.send_close(code, reason)
        self._transport.write(b"".join(library.data_to_send()))
        self._end_traffic()

    def _end_traffic(self) -> None:
        self._closing = True
        self._pinged = None
        self._sockets.pings.stop(self)
        self._sockets.pongs.stop(self)

    def _tell_lost(self) -> None:
        receiver, self._receiver = self._receiver, None
        if receiver is not None:
            receiver.lost(self._close_code)

    def _abort_soon(self) -> None:
        """A peer that does not read would keep a closing socket for ever."""
        if self._abort_timer is None:
            self._abort_timer = self._sockets.loop.call_later(CLOSE_TIMEOUT, self._transport.abort)


def _head(data: bytes, at: int) -> tuple[int, int] | None:
    """Of a client's frame: the size of its header, and of its payload; None if it is not masked.

    Where the payload's is not there yet, the size of the part that it is in, and -1. (RFC 6455, 5.2)
    """
    if len(data) < at + 2:
        return 2, -1
    length = data[at + 1] - _MASKED
    if length < 0:
        return None
    if length < _LENGTH_16:
        return 6, length
    size = 2 if length == _LENGTH_16 else 8
    if len(data) < at + 2 + size:
        return 2 + size, -1
    return 6 + size, int.from_bytes(data[at + 2 : at + 2 + size], "big")


def text_header(length: int) -> bytes:
    """The header of an unmasked, unfragmented text frame (RFC 6455, 5.2)."""
    if length < _LENGTH_16:
        return bytes((_TEXT, length))
    if length <= _MOST_OF_16:
        return _header_16(_TEXT, _LENGTH_16, length)
    return _header_64(_TEXT, _LENGTH_64, length)
