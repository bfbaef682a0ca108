"""What REST answers must be: checks and tools that the REST tests share."""

from __future__ import annotations

import contextlib
import re
import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import httpx
import msgspec

from signaling.contract.rest import ErrorBody

DATABASE: Final = "signaling.sqlite3"
HOUR: Final = 3_600_000

_TIME: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")


def refused(answer: httpx.Response, status: int, code: str, detail: str | None = None) -> str:
    """An error answer of exactly this kind; its `detail`."""
    assert answer.status_code == status, (answer.status_code, answer.text)
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["x-request-id"]
    body = answer.json()
    assert set(body) == {"detail", "code"}, body
    assert body["code"] == code, body
    msgspec.convert(body, ErrorBody)
    text = str(body["detail"])
    assert text
    if detail is not None:
        assert text == detail
    return text


def moment(text: Any) -> datetime:
    """A time of the wire: UTC with `Z`, whole seconds."""
    assert isinstance(text, str)
    assert _TIME.fullmatch(text), text
    return datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)


@contextlib.contextmanager
def database(data_dir: Path) -> Iterator[sqlite3.Connection]:
    """The store's file, opened by an operator."""
    connection = sqlite3.connect(data_dir / DATABASE, isolation_level=None, timeout=20)
    try:
        yield connection
    finally:
        connection.close()


def turn_back(data_dir: Path, code: str, milliseconds: int) -> None:
    """Move all of a room's times into the past. For a store whose server is stopped."""
    with database(data_dir) as connection:
        (body,) = connection.execute("SELECT body FROM rooms WHERE code = ?", (code,)).fetchone()
        room = msgspec.json.decode(body)
        for name in ("created_at", "expires_at", "ended_at"):
            if room[name] is not None:
                room[name] -= milliseconds
        connection.execute(
            "UPDATE rooms SET body = ?, created_at = created_at - ?, expires_at = expires_at - ?, "
            "due_at = due_at - ? WHERE code = ?",
            (msgspec.json.encode(room).decode(), milliseconds, milliseconds, milliseconds, code),
        )
