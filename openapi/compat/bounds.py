"""Bounds of a value: which got tighter, which looser."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from openapi.compat.shape import Shape


@dataclass(frozen=True, slots=True)
class BoundChange:
    """A bound that is not what it was."""

    what: str
    tighter: bool
    """Whether there may be values inside the old bound and outside the new one."""


_KINDS: Final = (
    ("", "minimum", "maximum"),
    (" characters", "minLength", "maxLength"),
    (" items", "minItems", "maxItems"),
    (" fields", "minProperties", "maxProperties"),
)

_Bound = tuple[float, bool]
"""The bound, and whether the value itself is outside."""


def bound_changes(old: Shape, new: Shape) -> Iterator[BoundChange]:
    """All bounds that differ, `format` apart, which says more than a bound."""
    if old.bounds == new.bounds:
        return
    whole = "number" not in old.types
    for unit, lower, upper in _KINDS:
        before, after = _least(old.bounds, lower, whole), _least(new.bounds, lower, whole)
        if before != after:
            tighter = after is not None and (before is None or after > before)
            yield BoundChange(_words(before, after, ("at least", "more than"), unit), tighter)
        before, after = _most(old.bounds, upper, whole), _most(new.bounds, upper, whole)
        if before != after:
            tighter = after is not None and (before is None or _room(after) < _room(before))
            yield BoundChange(_words(before, after, ("at most", "less than"), unit), tighter)
    for keyword, noun in (("pattern", "pattern"), ("multipleOf", "step")):
        was, now = old.bounds.get(keyword), new.bounds.get(keyword)
        if was == now:
            continue
        if now is None:
            yield BoundChange(f"no longer has the {noun} `{was}`", False)
        elif was is None:
            yield BoundChange(f"has the {noun} `{now}` now", True)
        else:
            # Whether one pattern takes all that another took cannot be told in general.
            wider = keyword == "multipleOf" and math.fmod(was, now) == 0
            yield BoundChange(f"has the {noun} `{now}`, had `{was}`", not wider)


def _least(bounds: Mapping[str, Any], keyword: str, whole: bool) -> _Bound | None:
    found: list[_Bound] = []
    if (value := bounds.get(keyword)) is not None:
        found.append((math.ceil(value) if whole else value, False))
    if keyword == "minimum" and (value := bounds.get("exclusiveMinimum")) is not None:
        found.append((math.floor(value) + 1, False) if whole else (value, True))
    if keyword != "minimum" and max(found, default=(0, False))[0] <= 0:
        # Nothing is shorter than nothing.
        return None
    return max(found, default=None)


def _most(bounds: Mapping[str, Any], keyword: str, whole: bool) -> _Bound | None:
    found: list[_Bound] = []
    if (value := bounds.get(keyword)) is not None:
        found.append((math.floor(value) if whole else value, False))
    if keyword == "maximum" and (value := bounds.get("exclusiveMaximum")) is not None:
        found.append((math.ceil(value) - 1, False) if whole else (value, True))
    return min(found, key=_room, default=None)


def _room(bound: _Bound) -> tuple[float, bool]:
    """How much an upper bound lets in: without its own value less than with it."""
    value, outside = bound
    return value, not outside


def _words(before: _Bound | None, after: _Bound | None, terms: tuple[str, str], unit: str) -> str:
    def told(bound: _Bound) -> str:
        value, outside = bound
        number = int(value) if value == int(value) else value
        singular = unit.removesuffix("s") if number == 1 else unit
        return f"{terms[outside]} {number}{singular}"

    if after is None:
        assert before is not None
        return f"no longer {told(before)}"
    if before is None:
        return f"{told(after)} now"
    if before[1] == after[1]:
        return f"{told(after)}, was {told(before).removeprefix(terms[before[1]]).split()[0]}"
    return f"{told(after)}, was {told(before)}"
