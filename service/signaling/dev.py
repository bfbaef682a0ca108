"""The service on a developer's machine: a key made up once, and what to open printed."""

from __future__ import annotations

import os
import secrets
import shlex
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from signaling.asgi import RunningNode
from signaling.rooms.service import NewRoom
from signaling.settings import Settings, SettingsError

ENV_FILE: Final = ".env"

_DEFAULTS: Final = {"HOST": "127.0.0.1", "LOG_LEVEL": "WARNING"}

_BODY: Final = '{"owner_id": "teacher_123", "ttl_hours": 2, "max_participants": 30}'


def environment(given: Mapping[str, str], directory: Path) -> dict[str, str]:
    """The environment with what ``directory/.env`` adds to it; makes that file, with a new key, if need be.

    Variables that are given win; an empty one counts as not given. Serves on this machine only unless HOST
    says otherwise. Raises SettingsError where the file cannot be read or written.
    """
    given = {name: value for name, value in given.items() if value.strip()}
    file = directory / ENV_FILE
    try:
        kept = _read(file)
        if not given.get("API_KEY") and not kept.get("API_KEY"):
            kept["API_KEY"] = secrets.token_urlsafe(32)
            _append(file, f"API_KEY={kept['API_KEY']}\n")
    except (OSError, UnicodeError) as error:
        raise SettingsError(
            [f"{file}: cannot be read or written ({error}). Mend or remove it, or set API_KEY yourself"]
        ) from error
    return _DEFAULTS | kept | given


def _read(file: Path) -> dict[str, str]:
    """The variables of the file: lines of `NAME=value`, with or without `export` and quotes."""
    if not file.exists():
        return {}
    variables = {}
    for line in file.read_text(encoding="utf-8").splitlines():
        name, equals, value = line.strip().removeprefix("export ").partition("=")
        if equals and not name.startswith("#"):
            variables[name.strip()] = value.strip().strip("'\"")
    return variables


def _append(file: Path, line: str) -> None:
    """Add a line to the file, which is its owner's only from its first byte on."""
    with open(file, "a+", encoding="utf-8", opener=lambda path, flags: os.open(path, flags, 0o600)) as stream:
        stream.seek(0)
        before = stream.read()
        stream.write(line if before.endswith("\n") or not before else f"\n{line}")


async def announce(settings: Settings, port: int, node: RunningNode) -> None:
    """Print what to open, with a fresh room to try."""
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(settings.host, settings.host)  # noqa: S104 - compared, not bound
    base = f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
    room, _ = await node.rooms.create(NewRoom(owner_id="developer"))
    key = settings.api_keys[0]
    headers = [f"X-API-Key: {key}", "Content-Type: application/json"]
    call = shlex.join(
        ["curl", "-X", "POST", f"{base}/api/rooms", "-H", headers[0], "-H", headers[1], "-d", _BODY]
    )
    print(
        f"""
WebRTC signaling is running.

  API key      {key}
  API docs     {base}/api/docs
  Try it       {call}
  Classroom    {base}/classroom?room={room.code}
               (a fresh room: open it in two tabs)

Stop with Ctrl+C.
""",
        file=sys.stdout,
        flush=True,
    )
