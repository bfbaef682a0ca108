"""Messages to frames and back."""

from __future__ import annotations

import logging
from typing import Final, get_args

import msgspec

from signaling_client.errors import UnexpectedAnswer
from signaling_client.messages import ClientMessage, ServerMessage

_log = logging.getLogger("signaling_client")


class _Envelope(msgspec.Struct):
    type: str


def _types(union: object) -> frozenset[str]:
    (members, *_) = get_args(union)
    return frozenset(str(msgspec.inspect.type_info(member).tag) for member in get_args(members))  # type: ignore[attr-defined]


_KNOWN: Final = _types(ServerMessage)

_encode = msgspec.json.Encoder().encode
_decoder: Final[msgspec.json.Decoder[ServerMessage]] = msgspec.json.Decoder(ServerMessage)
_decode_envelope = msgspec.json.Decoder(_Envelope).decode


def encode(message: ClientMessage) -> bytes:
    """The frame of a message. Raises UnicodeEncodeError for text that is not Unicode."""
    return _encode(message)


def decode(frame: str | bytes) -> ServerMessage | None:
    """The message in a frame; None for a type that this version does not know: the service is newer.

    Raises UnexpectedAnswer for what no version of the service sends.
    """
    try:
        return _decoder.decode(frame)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        try:
            kind = _decode_envelope(frame).type
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            kind = None
        if kind is None or kind in _KNOWN:
            raise UnexpectedAnswer(f"Not a message of the service: {error}") from error
        _log.debug("ignored a message of unknown type %r", kind)
        return None
