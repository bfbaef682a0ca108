"""Why a Redis cannot be used: met at start, and `str()` of each is a sentence for the operator.

- RedisUnusable
- RedisUnusable > RedisNotUnderstood: its URL has options that do not go together, or are none
- RedisUnusable > RedisUnreachable: nobody answers there, or it does not let us in
- RedisUnusable > RedisTooOld: it cannot run what the store needs
"""

from __future__ import annotations

from urllib.parse import urlsplit


class RedisUnusable(Exception):
    """The server cannot be used."""


class RedisNotUnderstood(RedisUnusable):
    """The URL has an option that is wrong."""

    def __init__(self, url: str, cause: object) -> None:
        """See the class; ``cause`` is what the client library said."""
        super().__init__(
            f"REDIS_URL has a wrong option after the `?` (for the Redis at {address_of(url)}): {cause}"
        )


class RedisUnreachable(RedisUnusable):
    """Nobody answers, or not to us."""

    def __init__(self, url: str, cause: object) -> None:
        """See the class; ``cause`` is what was said."""
        super().__init__(f"The Redis at {address_of(url)} cannot be reached: {cause}")


class RedisTooOld(RedisUnusable):
    """Its version is older than what is needed."""

    def __init__(self, url: str, version: str) -> None:
        """See the class; ``version`` is its own word."""
        super().__init__(
            f"The Redis at {address_of(url)} is version {version}. "
            "This service needs Redis 7.0 or newer, or Valkey."
        )


def address_of(url: str) -> str:
    """Host and port of a URL, without what is secret in it."""
    parts = urlsplit(url)
    return parts.path if parts.scheme == "unix" else parts.netloc.rpartition("@")[2]
