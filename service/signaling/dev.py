"""The service on a developer's machine: a key made up once, and what to open printed."""

from __future__ import annotations

import os
import secrets
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from signaling.asgi import RunningNode
from signaling.rooms.service import NewRoom
from signaling.settings import Settings

ENV_FILE: Final = ".env"


def environment(given: Mapping[str, str], directory: Path) -> dict[str, str]:
    """The environment with what ``directory/.env`` adds to it; makes that file, with a new key, if need be.

    Variables that are given win. Serves on this machine only unless HOST says otherwise.
    """
    file = directory / ENV_FILE
    added = _read(file)
    if not given.get("API_KEY", "").strip() and not added.get("API_KEY"):
        added["API_KEY"] = secrets.token_urlsafe(32)
        # Readable by its owner only, from its first byte on.
        with open(
            file, "a", encoding="utf-8", opener=lambda path, flags: os.open(path, flags, 0o600)
        ) as stream:
            stream.write(f"API_KEY={added['API_KEY']}\n")
    merged = {"HOST": "127.0.0.1", "LOG_LEVEL": "WARNING"} | added
    return merged | {name: value for name, value in given.items() if value.strip()}


def _read(file: Path) -> dict[str, str]:
    if not file.exists():
        return {}
    variables = {}
    for line in file.read_text(encoding="utf-8").splitlines():
        name, equals, value = line.partition("=")
        if equals and not line.lstrip().startswith("#"):
            variables[name.strip()] = value.strip().strip("'\"")
    return variables


async def announce(settings: Settings, port: int, node: RunningNode) -> None:
    """Print what to open, with a fresh room to try."""
    host = "127.0.0.1" if settings.host in ("", "0.0.0.0", "::") else settings.host  # noqa: S104 - compared, not bound
    host = f"[{host}]" if ":" in host else host
    base = f"http://{host}:{port}"
    room, _ = await node.rooms.create(NewRoom(owner_id="developer"))
    key = settings.api_keys[0]
    print(
        f"""
WebRTC signaling is running.

  API key        {key}   (kept in {ENV_FILE}, which git ignores)
  API docs       {base}/api/docs
  Try the API    curl -X POST {base}/api/rooms -H 'X-API-Key: {key}' -H 'Content-Type: application/json' -d '{{"owner_id": "teacher_123", "ttl_hours": 2, "max_participants": 30}}'
  Classroom      {base}/classroom?room={room.code}
                 (a fresh room: open it in two tabs)

Stop with Ctrl+C.
""",
        file=sys.stdout,
        flush=True,
    )
