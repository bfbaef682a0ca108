"""The wheel: it builds, and works in an environment that has what it declares and nothing else."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import venv
import zipfile
from importlib import metadata
from pathlib import Path
from typing import Final

import pytest

from support.server import ServerProcess
from support.tap import tapped

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "sdk" / "python"

USE = """
import asyncio, importlib, importlib.util, pkgutil, sys
import signaling_client
from signaling_client import *

assert importlib.util.find_spec("signaling") is None, "the service must not be here"
for module in pkgutil.walk_packages(signaling_client.__path__, "signaling_client."):
    importlib.import_module(module.name)
assert "site-packages" in signaling_client.__file__

async def main(url, key):
    async with AsyncSignalingClient(url, api_key=key) as client:
        room = await client.create_room(owner_id="wheel")
    async with connect(url, room_code=room.room_code) as ann, connect(url, room_code=room.room_code) as ben:
        await ben.offer(ann.socket_id, "v=0")
        return [type(await anext(ann)).__name__ for _ in range(2)]

print(*asyncio.run(main(*sys.argv[1:])))
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built by the declared backend, from a copy: building leaves things behind."""
    folder = tmp_path_factory.mktemp("wheel")
    ignored = shutil.ignore_patterns("__pycache__", "*.egg-info", "build")
    copy = shutil.copytree(SOURCE, folder / "source", ignore=ignored)
    build = f"from setuptools import build_meta; print(build_meta.build_wheel({str(folder)!r}))"
    done = subprocess.run(
        [sys.executable, "-c", build], cwd=copy, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return folder / done.stdout.splitlines()[-1]


def test_what_is_in_the_wheel(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
        (about,) = [name for name in names if name.endswith(".dist-info/METADATA")]
        described = archive.read(about).decode()
        (licence,) = [name for name in names if name.endswith("LICENSE")]
        assert archive.read(licence) == (ROOT / "LICENSE").read_bytes()
    folder = about.rpartition("/")[0]
    modules = {
        str(path.relative_to(SOURCE))
        for path in (SOURCE / "signaling_client").rglob("*")
        if path.suffix == ".py" or path.name == "py.typed"
    }
    assert {name for name in names if not name.startswith(folder)} == modules
    assert "signaling_client/py.typed" in names
    assert "License-Expression: Apache-2.0" in described
    assert "Requires-Python: >=3.11" in described
    assert "# webrtc-signaling-client" in described


def test_it_is_pinned_to_the_build_tool_of_the_project() -> None:
    pins = [
        re.findall(r'^requires = \["(.*)"\]$', (folder / "pyproject.toml").read_text(), re.MULTILINE)
        for folder in (ROOT, SOURCE)
    ]
    assert pins[0] == pins[1] != []


@pytest.fixture(scope="module")
def alone(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Python of an environment in which the wheel is installed, with what it needs, and nothing else."""
    folder = tmp_path_factory.mktemp("alone")
    venv.create(folder, with_pip=True, symlinks=True)
    python = folder / "bin" / "python"
    # What it needs is what the tests' own environment has of it: nothing is fetched.
    (packages,) = folder.glob("lib/python*/site-packages")
    pip(python, "install", "--no-index", "--no-deps", str(wheel))
    (about,) = packages.glob("webrtc_signaling_client-*.dist-info")
    for name in requirements(about):
        link(metadata.distribution(name), packages)
    assert "No broken requirements found" in pip(python, "check")
    return python


def pip(python: Path, *arguments: str) -> str:
    done = subprocess.run(
        [str(python), "-m", "pip", "--disable-pip-version-check", "--no-cache-dir", *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_wheel_works_alone(alone: Path, tmp_path: Path, server: ServerProcess) -> None:
    with tapped(server) as url:
        done = subprocess.run(
            [str(alone), "-W", "error", "-c", USE, url, server.api_key],
            cwd=tmp_path,
            env={name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ},
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["ParticipantJoined", "OfferRelay"]


USERS_FILE: Final = """
from collections.abc import Iterator
from datetime import datetime

from signaling_client import (
    NO_RETRY, AsyncSignalingClient, RetryPolicy, RoomFull, Session, SignalingClient, SignalingError, connect
)
from signaling_client.messages import AnswerRelay, OfferRelay, ParticipantJoined, ParticipantLeft, RoomLeft
from signaling_client.models import RoomDetails, RoomSummary, StatisticsCounts


def lessons(url: str, key: str) -> Iterator[tuple[str, int, datetime]]:
    with SignalingClient(url, api_key=key, retry=RetryPolicy(attempts=2), timeout=5) as client:
        code: str = client.create_room(owner_id="t", ttl_hours=2, max_participants=30).room_code
        room: RoomDetails = client.get_room(code)
        summary: RoomSummary
        for summary in client.iter_rooms(state="open"):
            yield summary.room_code, summary.participant_count, room.expires_at
        counts: StatisticsCounts = client.statistics()
        total: int = counts.total_rooms + client.list_rooms(limit=1).total
        healthy: str = client.health().status
        message: str = client.delete_room(code).message
        print(total, healthy, message)


async def visit(url: str, key: str) -> None:
    async with AsyncSignalingClient(url, api_key=key, retry=NO_RETRY) as client:
        code: str = (await client.create_room()).room_code
        async for summary in client.iter_rooms(owner_id="t"):
            print(summary.state)
    session: Session
    try:
        async with connect(url, room_code=code, display_name="Ann") as session:
            async for event in session:
                match event:
                    case ParticipantJoined(payload=participant):
                        joined: datetime = participant.joined_at
                        await session.offer(participant.socket_id, "v=0")
                        print(joined, participant.user_id or "nobody")
                    case OfferRelay(payload=offer):
                        await session.answer(offer.from_, offer.description.sdp or "")
                    case AnswerRelay(payload=answer):
                        print(answer.description.type)
                    case ParticipantLeft(payload=gone):
                        reason: str = gone.reason
                        print(reason)
                    case RoomLeft():
                        break
    except RoomFull as full:
        wait: float | None = full.retry_after
        print(wait)
    except SignalingError as error:
        text: str = error.code + error.detail
        print(text)
"""

MISUSES: Final = (
    ('client.create_room(ttl_hours="2")', "arg-type"),
    ("client.create_room(ttl=2)", "call-arg"),
    ("client.get_room()", "call-arg"),
    ('client.get_room("a7x9k2").participant_count + "1"', "operator"),
    ('client.delete_room("a7x9k2").messages', "attr-defined"),
    ("SignalingClient('https://signaling.example.com')", "call-arg"),
)


def test_a_users_file_is_checked_strictly(alone: Path, tmp_path: Path) -> None:
    """The types are in the wheel: a user's program is good, and each misuse is found."""
    (tmp_path / "user.py").write_text(USERS_FILE)
    head = "from signaling_client import SignalingClient\n\nclient: SignalingClient\n"
    (tmp_path / "misuser.py").write_text(head + "\n".join(line for line, _ in MISUSES) + "\n")
    done = subprocess.run(
        [
            *(sys.executable, "-m", "mypy", "--strict", "--config-file=", "--no-incremental"),
            *("--python-executable", str(alone), "user.py", "misuser.py"),
        ],
        cwd=tmp_path,
        env={"PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        check=False,
        timeout=110,
    )
    told = re.findall(r"^(\w+)\.py:(\d+): error: .*\[([a-z-]+)\]$", done.stdout, re.MULTILINE)
    first = head.count("\n") + 1
    assert told == [("misuser", str(first + at), kind) for at, (_, kind) in enumerate(MISUSES)], done.stdout


def requirements(about: Path) -> set[str]:
    """The names of all that the package declares to need, and of what these need."""
    found: set[str] = set()
    waiting = list(metadata.PathDistribution(about).requires or ())
    while waiting:
        requirement, _, marker = waiting.pop().partition(";")
        name = re.match(r"[A-Za-z0-9._-]+", requirement)
        assert name is not None
        if "extra ==" in marker or name[0] in found:
            continue
        try:
            distribution = metadata.distribution(name[0])
        except metadata.PackageNotFoundError:
            # For another Python or another system.
            assert marker, requirement
            continue
        found.add(name[0])
        waiting += distribution.requires or ()
    return found


def link(distribution: metadata.Distribution, packages: Path) -> None:
    """Put a package of the tests' environment into another one, as installing it would."""
    for top in {file.parts[0] for file in distribution.files or ()}:
        source = Path(str(distribution.locate_file(top)))
        if top != ".." and source.exists() and not (packages / top).exists():
            (packages / top).symlink_to(source)
