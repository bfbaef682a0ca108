"""The Chromium of the browser tests: where it is, and how it is started."""

from __future__ import annotations

import shutil
from typing import Final

import pytest

QUIET: Final = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
"""Nothing of its own over the network; also as root, and without a screen."""

OFFLINE: Final = (*QUIET, "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1")
"""Nobody but this machine can be asked."""


def chromium_path() -> str:
    """Where Chromium is. Without it nothing is checked, so its absence fails the test."""
    for name in ("chromium", "chromium-browser", "google-chrome"):
        if path := shutil.which(name):
            return path
    pytest.fail("no Chromium found: install it with `apt-get install chromium` (or any Chrome on the PATH)")
