"""A change, and where it is."""

from __future__ import annotations

import enum
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from openapi.compat.verdicts import Verdict


class Side(enum.Enum):
    """Which of the two interfaces a change is in. Each has a version of its own to raise."""

    REST = "REST"
    MESSAGES = "Messages"


@dataclass(frozen=True, slots=True)
class Change:
    """One thing that changed on the wire."""

    side: Side
    where: str
    """The call or message, and the part of it: `GET /api/rooms, query`."""
    what: str
    verdict: Verdict
    field: str = ""
    """Dotted path of the field inside of `where`, if it is one."""
    shared: str = ""
    """The same field as seen from the definition that declares it: `ErrorBody.code`."""

    @property
    def place(self) -> str:
        """The whole place, for people."""
        return f"{self.where} `{self.field}`" if self.field else self.where


SHOWN_PLACES = 3
"""So many places of a change to a shared definition are named."""


def merged(changes: Iterable[Change]) -> Iterator[Change]:
    """The changes with those of one shared definition told once, however many calls or messages use it."""
    groups: dict[tuple[object, ...], list[Change]] = {}
    for number, change in enumerate(changes):
        own = change.shared or number
        groups.setdefault((change.side, own, change.what, change.verdict), []).append(change)
    for first, *others in groups.values():
        if not others:
            yield first
            continue
        places = list(dict.fromkeys(change.where for change in (first, *others)))
        more = len(places) - SHOWN_PLACES
        told = "; ".join(places[:SHOWN_PLACES]) + (f"; and {more} more" if more > 0 else "")
        yield replace(first, where=f"`{first.shared}` in {told}", field="")
