"""Two contracts compared."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from openapi.compat.addresses import address_changes
from openapi.compat.changes import Change, Side, merged
from openapi.compat.codes import code_changes
from openapi.compat.messages import message_changes
from openapi.compat.rest import rest_changes
from openapi.compat.shape import Json
from openapi.compat.wording import wording_changes

OPENAPI: Final = "openapi.json"
ASYNCAPI: Final = "asyncapi.json"
INDEX: Final = "schemas/index.json"

FILES: Final = (OPENAPI, ASYNCAPI, INDEX)
"""The documents that a contract is read from; all others are printed from the same declarations."""


@dataclass(frozen=True, slots=True)
class Contract:
    """The documents of one state of the code; None where a state had none yet."""

    openapi: Json | None
    asyncapi: Json | None
    index: Json | None = None

    @property
    def protocol(self) -> int | None:
        """The version of the messages: `PROTOCOL_VERSION`. Raises ValueError if it is none."""
        if self.asyncapi is None:
            return None
        version: int | None = self.asyncapi["info"].get("x-protocol-version")
        if not isinstance(version, int | None):
            raise ValueError(f"no protocol version: {version!r}")
        return version

    @property
    def service(self) -> str | None:
        """The version of the service, which is that of the REST API."""
        if self.openapi is None:
            return None
        version: str = self.openapi["info"]["version"]
        return version


@dataclass(frozen=True, slots=True)
class Comparison:
    """What changed from one contract to another."""

    old: Contract
    new: Contract
    changes: tuple[Change, ...]
    """Of sides that both have."""
    wording: int
    """How many texts for people changed; they are not among the changes."""

    def breaking(self, side: Side) -> list[Change]:
        """The changes of a side that break old clients."""
        return [change for change in self.changes if change.side is side and change.verdict.breaks]

    def is_new(self, side: Side) -> bool:
        """Whether the old contract has no document of the side: then there are no old clients of it."""
        return (self.old.openapi if side is Side.REST else self.old.asyncapi) is None

    def raised(self, side: Side) -> bool:
        """Whether the version of the side rose by as much as a break asks for."""
        if side is Side.REST:
            return _breaking_part(self.new.service) > _breaking_part(self.old.service)
        return (self.new.protocol or 0) > (self.old.protocol or 0)

    @property
    def unannounced(self) -> list[Side]:
        """The sides that break old clients and whose version does not say so."""
        return [side for side in Side if self.breaking(side) and not self.raised(side)]


def compare(old: Contract, new: Contract) -> Comparison:
    """All that changed, merged and in the order of the documents."""
    return Comparison(old, new, tuple(merged(_changes(old, new))), _wording(old, new))


def _changes(old: Contract, new: Contract) -> Iterator[Change]:
    if old.openapi is not None and new.openapi is not None:
        yield from rest_changes(old.openapi, new.openapi)
    if old.asyncapi is not None and new.asyncapi is not None:
        yield from message_changes(old.asyncapi, new.asyncapi)
        yield from code_changes(old.asyncapi, new.asyncapi)
    if old.index is not None and new.index is not None:
        yield from address_changes(old.index, new.index)


def _wording(old: Contract, new: Contract) -> int:
    # The index repeats what the others say.
    pairs = ((old.openapi, new.openapi), (old.asyncapi, new.asyncapi))
    return sum(wording_changes(before, after) for before, after in pairs)


def _breaking_part(version: str | None) -> tuple[int, int]:
    """What Semantic Versioning raises for a break: the first number, or the second while the first is 0."""
    numbers = re.match(r"(\d+)\.(\d+)", version or "0.0")
    if numbers is None:
        raise ValueError(f"no version: {version!r}")
    major, minor = map(int, numbers.groups())
    return (major, 0) if major else (0, minor)
