"""The Lua scripts, each in its own file in `lua/`, whose first comment says what it takes and returns."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Final

_DIRECTORY: Final = Path(__file__).with_name("lua")


class Script:
    """A script, to be called by its digest; a server that does not know it yet is given the source."""

    __slots__ = ("by_digest", "by_source", "name")

    def __init__(self, name: str) -> None:
        """Read it."""
        source = (_DIRECTORY / f"{name}.lua").read_bytes()
        self.name = name
        self.by_digest = ("EVALSHA", hashlib.sha1(source, usedforsecurity=False).hexdigest())
        self.by_source = ("EVAL", source)


COMMIT: Final = Script("commit")
PURGE: Final = Script("purge")
CLAIM: Final = Script("claim")
SETTLE: Final = Script("settle")
FIND: Final = Script("find")
STATISTICS: Final = Script("statistics")
RENEW: Final = Script("renew")
CENSUS: Final = Script("census")
