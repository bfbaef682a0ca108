"""How much changed in what only people read."""

from __future__ import annotations

from typing import Any, Final

from openapi.compat.shape import WORDING

_NAMES: Final = frozenset({"properties", "paths", "schemas", "messages", "headers", "responses"})
"""Keywords whose value is a map by names of the contract's own: a field may be called `description`."""


def wording_changes(old: Any, new: Any, *, names: bool = False) -> int:
    """How many descriptions, examples and the like are not what they were, at places that are in both."""
    if isinstance(old, dict) and isinstance(new, dict):
        count = 0
        for key in dict.fromkeys([*old, *new]):
            if key in WORDING and not names:
                count += old.get(key) != new.get(key)
            elif key in old and key in new:
                count += wording_changes(old[key], new[key], names=key in _NAMES and not names)
        return count
    if isinstance(old, list) and isinstance(new, list):
        return sum(wording_changes(one, other) for one, other in zip(old, new, strict=False))
    return 0
