"""Resume tokens: signed proof of one seat.

A token is ``payload.signature``, both base64url without padding: the payload names the seat,
the signature is HMAC-SHA256 (RFC 2104) under a key derived from an API key, so that every
node of a deployment makes and accepts the same ones and rotating the keys rotates them, too.
"""

from __future__ import annotations

import base64
import binascii
import hmac
from collections.abc import Sequence
from typing import Final

import msgspec
from msgspec import Struct

_CONTEXT: Final = b"signaling resume token v1"
_MAX_LENGTH: Final = 1024


class InvalidResumeToken(Exception):
    """The token is not one of ours, or was tampered with."""


class SeatClaim(Struct, frozen=True, array_like=True):
    """What a token proves."""

    room_code: str
    socket_id: str
    generation: int
    """How many times the seat was resumed when the token was made."""


class ResumeTokens:
    """Signs with the first key, accepts those of all keys."""

    def __init__(self, keys: Sequence[str]) -> None:
        """``keys``: the API keys, at least one, newest first."""
        # Prepared, to be copied: half of the work of a signature is to read in the key.
        self._keys = [hmac.new(hmac.digest(key.encode(), _CONTEXT, "sha256"), None, "sha256") for key in keys]

    def sign(self, claim: SeatClaim) -> str:
        """A token for the seat."""
        payload = msgspec.json.encode(claim)
        return f"{_text(payload)}.{_text(_signature(self._keys[0], payload))}"

    def verify(self, token: str) -> SeatClaim:
        """What the token proves. Raises InvalidResumeToken."""
        payload_text, dot, signature_text = token.partition(".")
        if not dot or len(token) > _MAX_LENGTH:
            raise InvalidResumeToken("not a resume token")
        try:
            payload, signature = _bytes(payload_text), _bytes(signature_text)
        except (binascii.Error, ValueError):
            raise InvalidResumeToken("not base64url") from None
        # All keys are tried, so that the time taken does not tell which one signed.
        matches = [hmac.compare_digest(_signature(key, payload), signature) for key in self._keys]
        if not any(matches):
            raise InvalidResumeToken("wrong signature")
        return msgspec.json.decode(payload, type=SeatClaim)


def _signature(key: hmac.HMAC, payload: bytes) -> bytes:
    made = key.copy()
    made.update(payload)
    return made.digest()


def _text(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _bytes(text: str) -> bytes:
    return base64.b64decode(text.encode("ascii") + b"=" * (-len(text) % 4), altchars=b"-_", validate=True)
