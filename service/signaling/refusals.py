"""What keeps the service from starting, told in words on standard error, with exit code 1."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from typing import NoReturn

from signaling.backends.redis.errors import RedisUnusable
from signaling.backends.sqlite.errors import DataDirectoryError
from signaling.rooms.ports import StoreUnavailable
from signaling.server import ListenError
from signaling.settings import SettingsError


@contextlib.contextmanager
def told_in_words() -> Iterator[None]:
    """Exits with 1 on whatever an operator can mend; anything else is a fault of ours, and goes through."""
    try:
        yield
    except SettingsError as error:
        _exit("The service cannot start with these settings:", error.faults)
    except (DataDirectoryError, RedisUnusable, StoreUnavailable, ListenError) as error:
        _exit("The service cannot start:", [str(error)])


def _exit(heading: str, faults: list[str]) -> NoReturn:
    lines = [heading, *(f"  - {fault}" for fault in faults), "All settings: docs/configuration.md"]
    sys.stderr.write("\n".join(lines) + "\n")
    sys.exit(1)
