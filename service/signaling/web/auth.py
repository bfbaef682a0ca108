"""The API key: who may call the REST API."""

from __future__ import annotations

import hashlib
import hmac
from typing import Any

from litestar.connection import ASGIConnection
from litestar.handlers import BaseRouteHandler

from signaling.contract.errors import ErrorCode, SignalingError

HEADER = "x-api-key"


class ApiKeys:
    """The keys that are accepted: several, so that one can be replaced without downtime."""

    def __init__(self, keys: tuple[str, ...]) -> None:
        """``keys``: at least one."""
        self._digests = [_digest(key) for key in keys]
        self._seen: set[str] = set()
        """Those that were right. How long a look-up takes does not tell how much of a key is right: Python
        compares only what has the same hash, which is keyed with a secret."""

    def accepts(self, key: str | None) -> bool:
        """Whether ``key`` is one of them, in a time that does not tell how much of it is right."""
        if key in self._seen:
            return True
        if key is None:
            return False
        digest = _digest(key)
        # All are compared, so that the time does not tell which one it was.
        right = sum(hmac.compare_digest(digest, known) for known in self._digests) > 0
        if right:
            self._seen.add(key)
        return right

    async def guard(self, connection: ASGIConnection[Any, Any, Any, Any], _handler: BaseRouteHandler) -> None:
        """Let only callers with a key pass. Raises SignalingError `unauthorized`."""
        if not self.accepts(connection.headers.get(HEADER)):
            raise SignalingError(ErrorCode.UNAUTHORIZED, "Invalid or missing API key")


def _digest(key: str) -> bytes:
    return hashlib.sha256(key.encode("utf-8", "surrogateescape")).digest()
