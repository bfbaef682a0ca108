"""The WebSocket protocol class that uvicorn runs: frames take the short way.

uvicorn's own class parses (with websockets' sans-I/O core) and does the handshake and the
keepalive. This subclass hands every text frame straight to the session instead of through an
ASGI queue and a task, writes what falls due together, and tells a lost line from a close
frame, which ASGI cannot. Its ASGI `receive`/`send` stay as they are for the handshake.

Whole messages in one masked text frame, which is nearly all that browsers send, are taken out of the bytes
here; the parser gets everything else, from the first byte of a frame to its last, and judges it.

Constructor and attributes of uvicorn's class are no documented interface: uvicorn is pinned,
and what is overridden here is covered by the integration tests.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any, Final, Protocol

import structlog
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.frames import Frame
from websockets.protocol import State

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

SCOPE_KEY: Final = "signaling.transport"
"""Where the protocol is found in the ASGI scope's extensions."""

_log = structlog.stdlib.get_logger("signaling.socket")

_TEXT: Final = 0x81
_LENGTH_16: Final = 126
_LENGTH_64: Final = 127
_MASKED: Final = 0x80
_SHORT: Final = 8
"""The size of a header with a length of 16 bits, mask included."""


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


class SignalingWebSocketProtocol(WebSocketsSansIOProtocol):
    """A socket whose frames go to a Receiver once one is attached."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        """As uvicorn makes it."""
        super().__init__(*args, **kwargs)
        self._receiver: Receiver | None = None
        self._told_lost = False
        self._paused = False
        self._unparsed = b""
        self._parsing = False
        self._begun = bytearray()
        self._wanted = 0
        self._parsers = 0
        self._max_size = self.config.ws_max_size
        self._owed = b""
        self._heard = False
        self._abort_timer: asyncio.TimerHandle | None = None

    # For the route

    def attach(self, receiver: Receiver) -> None:
        """Hand frames to ``receiver`` from now on. To be called right after the accept, in the same turn.

        What came in after the handshake has waited unparsed; it goes first. (A client may not send before
        it has the handshake's answer, RFC 6455, 4.1; what it sends in one packet with it, uvicorn drops.)
        """
        self._receiver = receiver
        if self.disconnected:
            self._tell_lost()
        else:
            self.resume_reading()

    # Transport of the connection

    def write(self, frames: Sequence[bytes]) -> None:
        """Send text messages, in one write."""
        if self.close_sent or self.transport.is_closing():
            return
        parts: list[bytes] = []
        for payload in frames:
            parts.append(text_header(len(payload)))
            parts.append(payload)
        self.transport.write(b"".join(parts))

    def buffered(self) -> int:
        """Bytes written that the operating system has not taken yet."""
        return 0 if self.transport.is_closing() else self.transport.get_write_buffer_size()

    def pause_reading(self) -> None:
        """Stop taking frames from the peer, once the piece in hand is parsed."""
        if not self._paused:
            self._paused = True
            if not self.transport.is_closing():
                self.transport.pause_reading()

    def resume_reading(self) -> None:
        """Take frames again, those first that were read already."""
        if not self._paused:
            return
        self._paused = False
        self._parse()
        if not self._paused and not self.transport.is_closing():
            self.transport.resume_reading()

    def close(self, code: int, reason: str) -> None:
        """Begin the closing handshake; cut the line if the peer does not finish it in time."""
        if self.close_sent or self.transport.is_closing():
            return
        if self.conn.state is not State.OPEN:
            # The peer's own close frame came in the same packet; it is answered next.
            return
        self.conn.send_close(code, reason)
        self.transport.write(b"".join(self.conn.data_to_send()))
        self.close_sent = True
        self.stop_keepalive()
        # The peer's close frame must be read, even if its other frames were not.
        self.resume_reading()
        self._abort_soon()

    # What uvicorn's class does, bounded and told to the receiver

    def data_received(self, data: bytes) -> None:
        """Bytes came in: whatever they are, the peer is alive."""
        self._heard = True
        if self._receiver is None:
            self._before_attach(data)
        elif self._paused or self.close_sent or len(data) > PIECE:
            self._unparsed += data
            self._parse()
        else:
            self._take(data)

    def _before_attach(self, data: bytes) -> None:
        if self.handshake_initiated:
            # Nobody is there yet to take frames, or to say that they are too many.
            self._unparsed += data
            self.pause_reading()
            return
        super().data_received(data)
        if not self.handshake_initiated:
            # The HTTP parser let it pass, the handshake's did not: too long a header, or too many.
            self.handshake_initiated = self.handshake_complete = self.close_sent = True
            self.transport.write(b"HTTP/1.1 431 Request Header Fields Too Large\r\nconnection: close\r\n\r\n")
            self.transport.close()

    def _parse(self) -> None:
        """Parse what was read, piece by piece, for as long as the receiver takes it."""
        if self._parsing:
            return
        self._parsing = True
        try:
            while self._unparsed and not self._paused and not self.transport.is_closing():
                piece, self._unparsed = self._unparsed[:PIECE], self._unparsed[PIECE:]
                self._take(piece)
                if self.close_sent and not self.transport.is_closing():
                    self.pause_reading()
                    self.loop.call_later(CLOSING_PAUSE, self.resume_reading)
        finally:
            self._parsing = False

    def _take(self, data: bytes) -> None:
        """Hand over what is in these bytes. Where ``_parsers`` is 0, the parser stands between two frames."""
        if self._begun:
            self._begun += data
            if len(self._begun) < self._wanted:
                return
            data, self._begun = bytes(self._begun), bytearray()
        at, end = 0, len(data)
        while at < end:
            if self._parsers:
                part = data[at : at + self._parsers]
                self._parsers -= len(part)
                at += len(part)
                super().data_received(part)
                continue
            if self.close_sent or self._told_lost:
                # Only a close frame is of interest now, and the parser knows what is left of that.
                super().data_received(data[at:])
                return
            if end - at > _SHORT and data[at] == _TEXT and _MASKED <= data[at + 1] < _MASKED | _LENGTH_64:
                # As below, for nearly every frame.
                start, length = 6, data[at + 1] - _MASKED
                if length == _LENGTH_16:
                    start, length = 8, data[at + 2] << 8 | data[at + 3]
            else:
                head = _head(data, at)
                if head is None:
                    # It breaks the protocol, and whatever follows is nothing any more.
                    super().data_received(data[at:])
                    return
                start, length = head
                if length < 0:
                    self._begin(data, at, start)
                    return
            if data[at] != _TEXT or length > self._max_size or self.conn.current_size is not None:
                self._parsers = start + length
                continue
            start += at
            if start + length > end:
                self._begin(data, at, start + length - at)
                return
            at = start + length
            self._text_received(apply_mask(data[start:at], data[start - 4 : start]))

    def _begin(self, data: bytes, at: int, wanted: int) -> None:
        """Keep the beginning of a frame until so many bytes of it are here, at most all of the frame's."""
        self._begun += data[at:]
        self._wanted = wanted

    def handle_connect(self, event: Any) -> None:
        """The handshake: the route finds this object in its scope."""
        super().handle_connect(event)
        if hasattr(self, "scope"):
            extensions: Any = self.scope["extensions"]
            extensions[SCOPE_KEY] = self

    async def send(self, message: Any) -> None:
        """ASGI's way out, used until the handshake is done."""
        await super().send(message)
        if self.initial_response is not None and self.close_sent:
            # Refused with a whole HTTP answer: uvicorn would log an error for want of a handshake.
            self.handshake_complete = True

    def handle_cont(self, event: Frame) -> None:
        """A fragment: their number is bounded as well as their size."""
        if len(self.frames) >= MAX_FRAGMENTS:
            self.conn.fail(1009, "too many fragments")
            self.handle_parser_exception()
            return
        if self._receiver is not None:
            self._receiver.other_received()
        super().handle_cont(event)

    def send_receive_event_to_app(self) -> None:
        """A message is whole: it goes to the receiver."""
        receiver = self._receiver
        if receiver is None:
            super().send_receive_event_to_app()
            return
        data = self.frames[0] if len(self.frames) == 1 else b"".join(self.frames)
        self.frames = []
        if self.curr_msg_data_type == "text":
            self._text_received(bytes(data))
        elif not self._told_lost:
            try:
                receiver.binary_received()
            except Exception:  # noqa: BLE001 - logged whole
                _log.exception("frame_failed")
                receiver.failed()

    def _text_received(self, data: bytes) -> None:
        """A text message is whole."""
        receiver = self._receiver
        if receiver is None or self._told_lost:
            return
        try:
            # Carried on to other browsers, which would close on bad UTF-8 (RFC 6455, 8.1).
            if not data.isascii():
                data.decode()
            receiver.frame_received(data)
        except UnicodeDecodeError:
            self.conn.fail(1007, "invalid UTF-8")
            self.handle_parser_exception()
        except Exception:  # noqa: BLE001 - logged whole
            _log.exception("frame_failed")
            receiver.failed()

    def handle_ping(self) -> None:
        """Answer a ping; where the peer does not read, only the last ones (RFC 6455, 5.5.3)."""
        answers = self.conn.data_to_send()
        if self.close_sent:
            return
        if self.writable.is_set():
            self.transport.write(b"".join(answers))
        elif answers:
            # All answers of a piece come with its first ping; the last may be the answer to a close frame.
            self._owed = b"".join(answers[-2:])
        if self._receiver is not None:
            self._receiver.other_received()

    def handle_pong(self, event: Frame) -> None:
        """A pong, asked for or not."""
        awaited = self.pending_ping_payload
        super().handle_pong(event)
        if self._receiver is not None:
            if awaited is not None and self.pending_ping_payload is not awaited:
                self._receiver.pong_received()
            self._receiver.other_received()

    def resume_writing(self) -> None:
        """The peer reads again."""
        super().resume_writing()
        self._pay_owed()

    def _pay_owed(self) -> None:
        owed, self._owed = self._owed, b""
        if owed and not self.close_sent and not self.transport.is_closing():
            self.transport.write(owed)

    def handle_close(self, event: Frame) -> None:
        """The peer's close frame."""
        self._pay_owed()
        super().handle_close(event)
        # Where it answers ours, the handshake is done and the server ends the line (RFC 6455, 7.1.1).
        self.transport.close()
        self._tell_lost()
        self._abort_soon()

    def handle_parser_exception(self) -> None:
        """The peer broke the protocol (1002, 1007, 1009): a close frame, and the end."""
        super().handle_parser_exception()
        self._tell_lost()
        self._abort_soon()

    def keepalive_timeout(self) -> None:
        """No pong in time. Not fatal while we do not read, or when something else came in."""
        if self._heard or self._paused:
            self.pong_timer = None
            self.pending_ping_payload = None
            self.schedule_ping()
            return
        super().keepalive_timeout()
        self._tell_lost()
        self._abort_soon()

    def send_keepalive_ping(self) -> None:
        """Ask whether the peer is there."""
        self._heard = False
        if self._receiver is not None:
            self._receiver.ping_sent()
        super().send_keepalive_ping()

    def shutdown(self) -> None:
        """The process stops, after the sockets were told: who does not read is not waited for."""
        super().shutdown()
        self.loop.call_later(STOP_TIMEOUT, self.transport.abort)

    def connection_lost(self, exc: Exception | None) -> None:
        """The line is gone."""
        if self._abort_timer is not None:
            self._abort_timer.cancel()
            self._abort_timer = None
        super().connection_lost(exc)
        self._tell_lost()

    def _tell_lost(self) -> None:
        if self._receiver is not None and not self._told_lost:
            self._told_lost = True
            received = self.conn.close_rcvd
            self._receiver.lost(None if received is None else int(received.code))

    def _abort_soon(self) -> None:
        """A peer that does not read would keep a closing socket for ever."""
        if self._abort_timer is None and self.transport is not None:
            self._abort_timer = self.loop.call_later(CLOSE_TIMEOUT, self.transport.abort)


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
    if length < 1 << 16:
        return bytes((_TEXT, _LENGTH_16, length >> 8, length & 0xFF))
    return bytes((_TEXT, _LENGTH_64)) + length.to_bytes(8, "big")
