"""What changed in where the JSON Schemas are, from two indexes of them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from openapi.compat import verdicts
from openapi.compat.changes import Change, Side
from openapi.compat.shape import Json


def address_changes(old: Json, new: Json) -> Iterator[Change]:
    """Changes of the folder first, which carries the protocol version, then of files within it."""
    before, after = _entries(old), _entries(new)
    was, now = _folder(before), _folder(after)
    if was != now:
        yield Change(Side.MESSAGES, "JSON Schemas", f"are under {now}, were under {was}", verdicts.MOVED)
    for key, address in before.items():
        side = Side.REST if key[0] == "bodies" else Side.MESSAGES
        path = address.removeprefix(was)
        if key in after:
            moved = after[key].removeprefix(now)
            if moved != path:
                yield Change(side, f"JSON Schema {path}", f"is {moved} now", verdicts.MOVED)
        elif key[0] != "messages":
            # That of a message goes with the message, which is told already.
            yield Change(side, f"JSON Schema {path}", "is gone", verdicts.MISSED)


def _entries(index: Json) -> dict[tuple[Any, ...], str]:
    """Addresses by what the schema is of."""
    return {
        (group, entry.get("direction"), entry.get("type", entry["title"])): entry["$id"]
        for group in ("unions", "bodies", "messages")
        for entry in index.get(group, ())
    }


def _folder(entries: dict[tuple[Any, ...], str]) -> str:
    """What all addresses begin with: the folder of the unions, which are at its top."""
    return next((address.rpartition("/")[0] + "/" for address in entries.values()), "")
