"""The example bot: two peers of aiortc that open a data channel through the service."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

from support.server import ServerProcess
from support.tap import tapped

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "sdk" / "python" / "examples" / "data_channel.py"


def run(*arguments: str, key: str = "") -> subprocess.CompletedProcess[str]:
    path = os.pathsep.join(filter(None, [str(ROOT / "sdk" / "python"), os.environ.get("PYTHONPATH")]))
    return subprocess.run(
        [sys.executable, str(EXAMPLE), *arguments],
        env={**os.environ, "PYTHONPATH": path, "SIGNALING_API_KEY": key},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def test_two_bots_open_a_data_channel(server: ServerProcess) -> None:
    with tapped(server) as url:
        done = run(url, key=server.api_key)
    if importlib.util.find_spec("aiortc") is None:
        assert done.returncode == 1
        assert done.stderr == "This example needs aiortc: pip install 'webrtc-signaling-client[examples]'\n"
        return
    assert done.returncode == 0, done.stderr
    assert sorted(done.stdout.splitlines()) == [
        "Ann heard: Hello from Ben",
        "Ben heard: Welcome, says Ann",
        "The data channel works both ways",
    ]


def test_a_failure_is_told_in_a_line(server: ServerProcess) -> None:
    with tapped(server) as url:
        done = run(url, "--room", "zzzzzz")
    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 1
