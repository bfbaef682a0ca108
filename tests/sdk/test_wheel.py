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


def test_the_wheel_works_alone(wheel: Path, tmp_path: Path, server: ServerProcess) -> None:
    python, packages = environment(tmp_path / "alone")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(packages)
    (about,) = packages.glob("webrtc_signaling_client-*.dist-info")
    for name in requirements(about):
        link(metadata.distribution(name), packages)
    with tapped(server) as url:
        done = subprocess.run(
            [str(python), "-W", "error", "-c", USE, url, server.api_key],
            cwd=tmp_path,
            env={name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ},
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["ParticipantJoined", "OfferRelay"]


def environment(folder: Path) -> tuple[Path, Path]:
    """A new virtual environment with nothing in it: its Python, and where its packages go."""
    venv.create(folder, with_pip=False, symlinks=True)
    (packages,) = folder.glob("lib/python*/site-packages")
    return folder / "bin" / "python", packages


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
