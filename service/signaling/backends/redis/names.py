"""What things are called in Redis. No text of a client is ever part of a name."""

from __future__ import annotations

import hashlib
import zlib
from typing import Final

from msgspec import Struct

FORMAT: Final = 1
"""Part of every name: versions of the service that store things differently do not see each other's."""

PARTITIONS: Final = 16
"""Hash slots the rooms are spread over: as many masters of a cluster can share the work. Part of FORMAT."""


class Names(Struct, frozen=True):
    """Names of one deployment: its prefix keeps it apart from others on the same server."""

    prefix: str
    database: int
    """Channels are not kept apart by the database, so its number is in their names."""

    def base(self, partition: int) -> str:
        """What the names of all keys of a partition begin with."""
        return f"{self.prefix}:{FORMAT}:{{{partition:x}}}:"

    def room(self, code: str) -> str:
        """Hash: version, state, owner, seats, joined (as the indexes have them), and body."""
        return f"{self.base(partition_of(code))}room:{code}"

    def log(self, code: str) -> str:
        """List of events, each after the id of the commit that made it."""
        return f"{self.base(partition_of(code))}log:{code}"

    def claim(self, key: str) -> str:
        """Hash: an idempotency key's code, fingerprint, expires, id, and while unsettled the commit."""
        key_digest = digest(key)
        return f"{self.base(partition_of(key_digest))}claim:{key_digest}"

    def channel(self, code: str) -> str:
        """Where the events of a room are announced."""
        return f"{self.base(partition_of(code))}events:{self.database}:{code}"

    def post(self, node: str) -> str:
        """Where messages for a node are announced."""
        return f"{self.base(partition_of(node))}post:{self.database}:{node}"

    def nodes(self) -> str:
        """Sorted set: the nodes, by when their leases are over (milliseconds of the server's clock)."""
        return f"{self.base(0)}nodes"


def partition_of(code: str) -> int:
    """The partition of a room (or of a claim, by its digest)."""
    return zlib.crc32(code.encode()) % PARTITIONS


def digest(text: str) -> str:
    """Stands in names for a client's text (an owner, an idempotency key), which may contain anything."""
    return hashlib.sha256(text.encode()).hexdigest()
