"""Frames to messages and back.

What is only carried from one browser to another (descriptions, candidates) is checked and
then carried as the bytes it came in, never taken apart and put together again.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any, Final, Literal

import msgspec
from msgspec import UNSET, Raw, Struct, UnsetType, field

from signaling.contract.errors import ErrorCode, SignalingError
from signaling.contract.messages import (
    AnswerDescription,
    ClientBase,
    ClientMessage,
    IceCandidate,
    Join,
    Leave,
    OfferDescription,
    Ping,
    RequestId,
    Resume,
    ServerMessage,
    tag_of,
)
from signaling.contract.types import DISPLAY_NAME_PATTERN, MAX_SDP_LENGTH, SocketId

_MAX_QUOTED: Final = 64
"""Characters of the client's own text that an error message repeats."""


class _DescriptionPayload(Struct, frozen=True, gc=False):
    to: SocketId
    carried: Raw = field(name="description")


class _CandidatePayload(Struct, frozen=True, gc=False):
    to: SocketId
    carried: Raw = field(name="candidate")


class Relay(ClientBase, frozen=True, kw_only=True, gc=False):
    """What goes from socket to socket."""

    payload: _DescriptionPayload | _CandidatePayload


class RawOffer(Relay, frozen=True, kw_only=True, tag="offer"):
    """Twin of `messages.Offer` for decoding: the description stays bytes."""

    payload: _DescriptionPayload


class RawAnswer(Relay, frozen=True, kw_only=True, tag="answer"):
    """Twin of `messages.Answer` for decoding: the description stays bytes."""

    payload: _DescriptionPayload


class RawIceCandidate(Relay, frozen=True, kw_only=True, tag="ice_candidate"):
    """Twin of `messages.IceCandidateMessage` for decoding: the candidate stays bytes."""

    payload: _CandidatePayload


Frame = Join | RawOffer | RawAnswer | RawIceCandidate | Leave | Resume | Ping
"""What `decode` gives."""


class _Envelope(Struct, frozen=True):
    """What can be told of a frame that is no valid message."""

    type: Any = UNSET
    request_id: Any = UNSET


CLIENT_TYPES: Final = tuple(tag_of(message) for message in ClientMessage.__args__)
SERVER_TYPES: Final = tuple(tag_of(message) for message in ServerMessage.__args__)

_decode_frame = msgspec.json.Decoder(Frame).decode
_decode_envelope = msgspec.json.Decoder(_Envelope).decode
_encode = msgspec.json.Encoder().encode


class _OfferLook(Struct, frozen=True, gc=False):
    type: Literal["offer"]
    sdp: Raw = Raw(b'""')


class _AnswerLook(Struct, frozen=True, gc=False):
    type: Literal["answer", "pranswer"]
    sdp: Raw = Raw(b'""')


def _description_check(look: type[Any], model: type[Any]) -> Callable[[Raw], None]:
    """A check of what ``model`` documents, by ``look``, for which no text is made of the SDP."""
    decode_look = msgspec.json.Decoder(look).decode
    decode_model = msgspec.json.Decoder(model).decode

    def check(carried: Raw) -> None:
        sdp = memoryview(decode_look(carried).sdp)
        size = len(sdp)
        if sdp[0] != _QUOTE or size > MAX_SDP_LENGTH or len(memoryview(carried)) - size >= _TWO_SDPS:
            # No text, or perhaps too long: its JSON has at least a byte for each character. Or there may be
            # another, before it, which the receiver's decoder would look at.
            decode_model(carried)

    return check


_CARRIED: Final[dict[type[Any], tuple[str, Callable[[Raw], Any]]]] = {
    RawOffer: ("description", _description_check(_OfferLook, OfferDescription)),
    RawAnswer: ("description", _description_check(_AnswerLook, AnswerDescription)),
    RawIceCandidate: ("candidate", msgspec.json.Decoder(IceCandidate | None).decode),
}
"""What each relay carries, and its check."""

_AROUND: Final = {
    kind: (b'{"type":"%b","payload":{"from":"' % tag_of(kind).encode(), b'","%b":' % name.encode(), b"}}")
    for kind, (name, _) in _CARRIED.items()
}
"""The frame that a receiver gets, around the sender and what is carried."""

_QUOTE: Final = ord('"')
_TWO_SDPS: Final = len('{"type":"offer","sdp":0,"sdp":}')
"""Bytes beside the SDP from which on there may be two of them. What browsers make has fewer."""

_NOT_JSON: Final = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


class BadFrame(SignalingError):
    """A frame that is no valid message; ``request_id`` is its own, where it could be read."""

    def __init__(self, code: ErrorCode, detail: str, request_id: str | UnsetType = UNSET) -> None:
        """See the class."""
        super().__init__(code, detail)
        self.request_id = request_id


def decode(frame: bytes | str) -> Frame:
    """The message in a text frame. Bytes must be UTF-8, checked by the caller (RFC 6455, 8.1).

    Raises BadFrame: `invalid_json`, `unknown_type`, or `invalid_message` naming the JSON path.
    """
    try:
        message: Frame = _decode_frame(frame)
    except msgspec.ValidationError as error:
        raise _refuse(frame, str(error)) from None
    except _NOT_JSON as error:
        raise _not_json(error) from None
    if isinstance(message, Relay):
        name, check = _CARRIED[type(message)]
        try:
            check(message.payload.carried)
        except msgspec.ValidationError as error:
            fault = _below(f"$.payload.{name}", str(error))
            raise BadFrame(ErrorCode.INVALID_MESSAGE, fault, message.request_id) from None
        except _NOT_JSON as error:
            raise _not_json(error, message.request_id) from None
    return message


def encode(message: ServerMessage) -> bytes:
    """The frame of a message to a client."""
    return _encode(message)


def encode_part(part: Struct) -> Raw:
    """What several messages have in common: stands in them for the part itself, encoded already."""
    return Raw(_encode(part))


def encode_relay(relay: Relay, sender: str) -> bytes:
    """The frame its receiver gets: `to` replaced by `from`, the rest byte for byte.

    ``sender`` is a socket_id, in which there is nothing that JSON would have to escape.
    """
    before, between, after = _AROUND[type(relay)]
    return b"".join((before, sender.encode(), between, relay.payload.carried, after))


def _refuse(frame: bytes | str, fault: str) -> BadFrame:
    """The error for a frame that is no valid message, as far as it was read."""
    try:
        envelope = _decode_envelope(frame)
    except _NOT_JSON:
        try:
            # It may be no JSON at all, behind the first fault.
            msgspec.json.decode(frame)
        except _NOT_JSON as error:
            return _not_json(error)
        return BadFrame(ErrorCode.INVALID_MESSAGE, _readable(fault))
    request_id: str | UnsetType = UNSET
    with contextlib.suppress(msgspec.ValidationError):
        request_id = msgspec.convert(envelope.request_id, RequestId)
    kind = envelope.type
    if isinstance(kind, str) and kind not in CLIENT_TYPES:
        quoted = kind if len(kind) <= _MAX_QUOTED else kind[:_MAX_QUOTED] + "..."
        known = ", ".join(CLIENT_TYPES)
        return BadFrame(
            ErrorCode.UNKNOWN_TYPE,
            f"Unknown message type {quoted!r} - at `$.type`; known are {known}",
            request_id,
        )
    return BadFrame(ErrorCode.INVALID_MESSAGE, _readable(fault), request_id)


def _not_json(error: Exception, request_id: str | UnsetType = UNSET) -> BadFrame:
    reason = "nested too deeply" if isinstance(error, RecursionError) else f"not valid JSON: {error}"
    return BadFrame(ErrorCode.INVALID_JSON, f"The frame is {reason}", request_id)


def _below(path: str, fault: str) -> str:
    """A fault found in a part of the message, told with the path from the message's root."""
    if " - at `$" in fault:
        return fault.replace(" - at `$", f" - at `{path}", 1)
    return f"{fault} - at `{path}`"


def _readable(fault: str) -> str:
    """The fault with a JSON path (msgspec leaves out the root's) and without the name's long pattern."""
    fault = fault.replace(
        f"matching regex {DISPLAY_NAME_PATTERN!r}", "of 1 to 80 characters, not only white space"
    )
    return fault if " - at `" in fault else f"{fault} - at `$`"
