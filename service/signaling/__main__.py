"""The one way to start the service.

``python -m signaling`` serves, as in production. ``python -m signaling dev`` serves on this
machine only, with an API key made up once, and prints what to open.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import NoReturn

from signaling import __version__, dev
from signaling.backends.redis.errors import RedisUnusable
from signaling.backends.sqlite.errors import DataDirectoryError
from signaling.rooms.ports import StoreUnavailable
from signaling.server import ListenError, serve
from signaling.settings import Settings, SettingsError


def main(arguments: list[str] | None = None) -> None:
    """Run the command line. Exits 0 after a clean stop, 1 when it could not start, 2 on wrong usage."""
    parser = argparse.ArgumentParser(
        prog="python -m signaling",
        description="WebRTC signaling and rooms. Settings are environment variables: docs/configuration.md.",
    )
    parser.add_argument("--version", action="version", version=f"signaling {__version__}")
    parser.add_argument(
        "command",
        nargs="?",
        choices=("serve", "dev"),
        default="serve",
        help="serve (default), or dev: on this machine, with a key made up once",
    )
    command = parser.parse_args(arguments).command
    environment = dict(os.environ)
    try:
        if command == "dev":
            environment = dev.environment(environment, Path.cwd())
        settings = Settings.from_environment(environment)
        serve(settings, dev.announce if command == "dev" else None)
    except SettingsError as error:
        _fail("The service cannot start with these settings:", error.faults)
    except (DataDirectoryError, RedisUnusable, StoreUnavailable, ListenError) as error:
        _fail("The service cannot start:", [str(error)])


def _fail(heading: str, faults: list[str]) -> NoReturn:
    lines = [heading, *(f"  - {fault}" for fault in faults), "All settings: docs/configuration.md"]
    print("\n".join(lines), file=sys.stderr)
    sys.exit(1)


if __name__ == "__main__":
    main()
