"""The one way to start the service.

``python -m signaling`` serves, as in production. ``python -m signaling dev`` serves on this
machine only, with an API key made up once, and prints what to open.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from signaling import __version__, dev
from signaling.refusals import told_in_words
from signaling.server import serve
from signaling.settings import Settings
from signaling.supervisor import supervise


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
    developing = parser.parse_args(arguments).command == "dev"
    environment = dict(os.environ)
    with told_in_words():
        if developing:
            environment = dev.environment(environment, Path.cwd())
        settings = Settings.from_environment(environment)
        if settings.web_concurrency > 1:
            sys.exit(supervise(settings, environment, announce=developing))
        serve(settings, dev.announce if developing else None)


if __name__ == "__main__":
    main()
