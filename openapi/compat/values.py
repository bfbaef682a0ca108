"""What changed in the values that a field can have, its inner fields apart: types, known values, bounds."""

from __future__ import annotations

import enum
from collections.abc import Iterable, Iterator
from typing import Final

from openapi.compat import verdicts
from openapi.compat.bounds import bound_changes
from openapi.compat.shape import ALL_TYPES, Shape
from openapi.compat.verdicts import Verdict


class Direction(enum.Enum):
    """Which way the values go that a schema describes, as clients see it."""

    SENT = "sent"
    RECEIVED = "received"


Told = Iterator[tuple[str, Verdict]]
"""What changed, in words, and what it means."""


def value_changes(old: Shape, new: Shape, direction: Direction, *, selects: bool) -> Told:
    """All differences of two shapes in what stands at the place itself.

    ``selects``: the value says how to read what is beside it, as a `type` does.
    """
    if old.rest != new.rest:
        yield "says something else in keywords beyond those compared here", verdicts.NOT_UNDERSTOOD
    yield from _types(old, new, direction)
    if (_kept(old.types, new.types) | _kept(new.types, old.types)) - {"null"}:
        yield from _values(old, new, direction, selects=selects)
        for bound in bound_changes(old, new):
            yield bound.what, _bound(bound.tighter, direction)
        yield from _format(old, new, direction)
    if old.deprecated != new.deprecated:
        yield "is deprecated now" if new.deprecated else "is no longer deprecated", verdicts.AS_BEFORE


def default_change(old: Shape, new: Shape) -> Told:
    """Whether leaving it out means something else. Only for what may be left out, then and now."""
    if old.default == new.default:
        return
    if old.default is None:
        yield f"left out means `{_plain(new.default)}`, which was not said", verdicts.DEFAULT_TOLD
    elif new.default is None:
        yield f"left out no longer means `{_plain(old.default)}`", verdicts.OTHER_DEFAULT
    else:
        yield (
            f"left out means `{_plain(new.default)}`, meant `{_plain(old.default)}`",
            verdicts.OTHER_DEFAULT,
        )


_NOUNS: Final = {
    "null": "null",
    "boolean": "a boolean",
    "object": "an object",
    "array": "a list",
    "integer": "an integer",
    "number": "a number",
    "string": "a string",
}


def _types(old: Shape, new: Shape, direction: Direction) -> Told:
    sent = direction is Direction.SENT
    lost = old.types - _kept(old.types, new.types)
    gained = new.types - _kept(new.types, old.types)
    if "null" in lost:
        yield (
            ("null is refused now", verdicts.REFUSED) if sent else ("is never null now", verdicts.EXPECTED)
        )
    if "null" in gained:
        yield (
            ("null is taken, too", verdicts.STILL_TAKEN) if sent else ("may be null now", verdicts.UNREADABLE)
        )
    lost, gained = lost - {"null"}, gained - {"null"}
    if not lost | gained:
        return
    if sent:
        verdict = verdicts.REFUSED if lost else verdicts.STILL_TAKEN
    else:
        verdict = verdicts.UNREADABLE if gained else verdicts.EXPECTED
    yield f"is {_nouns(new.types)}, was {_nouns(old.types)}", verdict


def _kept(types: frozenset[str], others: frozenset[str]) -> frozenset[str]:
    """Those of ``types`` whose every value is of one of the ``others``."""
    return frozenset(kind for kind in types if kind in others or (kind == "integer" and "number" in others))


def _nouns(types: frozenset[str]) -> str:
    if types - {"null"} == ALL_TYPES - {"null"}:
        return "anything"
    return " or ".join(noun for kind, noun in _NOUNS.items() if kind in types - {"null"}) or "null"


def _values(old: Shape, new: Shape, direction: Direction, *, selects: bool) -> Told:
    before, after = old.values, new.values
    if before is not None and after is not None:
        gone = [value for value in before if value not in after]
        added = [value for value in after if value not in before]
        if direction is Direction.SENT:
            if gone:
                yield f"{_list(gone)} {_are(gone)} refused now", verdicts.REFUSED
            if added:
                yield f"{_list(added)} {_are(added)} taken, too", verdicts.STILL_TAKEN
            return
        if gone:
            yield f"{_list(gone)} never {_comes(gone)} now", verdicts.WAITS
        if added:
            yield f"{_list(added)} may come, too", _unknown(selects=selects)
    elif after is not None:
        only = f"is only {_list(after, 'or')} now"
        yield only, verdicts.REFUSED if direction is Direction.SENT else verdicts.EXPECTED
    elif before is not None:
        free = f"may be more than {_list(before, 'or')} now"
        yield free, verdicts.STILL_TAKEN if direction is Direction.SENT else _unknown(selects=selects)


def _unknown(*, selects: bool) -> Verdict:
    return verdicts.NOT_TO_PASS_OVER if selects else verdicts.UNKNOWN_VALUE


def _bound(tighter: bool, direction: Direction) -> Verdict:
    if direction is Direction.RECEIVED:
        return verdicts.BOUNDS
    return verdicts.REFUSED if tighter else verdicts.STILL_TAKEN


def _format(old: Shape, new: Shape, direction: Direction) -> Told:
    """A format is more than a bound: clients parse by it."""
    was, now = old.bounds.get("format"), new.bounds.get("format")
    if was == now:
        return
    sent = direction is Direction.SENT
    if was is None:
        yield f"has the format `{now}` now", verdicts.REFUSED if sent else verdicts.EXPECTED
    elif now is None:
        yield f"no longer has the format `{was}`", verdicts.STILL_TAKEN if sent else verdicts.UNREADABLE
    else:
        yield f"has the format `{now}`, had `{was}`", verdicts.REFUSED if sent else verdicts.UNREADABLE


def _plain(value: str | None) -> str:
    """JSON text for people: a string without its quotes."""
    return (value or "").removeprefix('"').removesuffix('"') if value != '""' else '""'


def _list(values: Iterable[str], last: str = "and") -> str:
    *others, final = [f"`{_plain(value)}`" for value in values] or ["nothing"]
    return f"{', '.join(others)} {last} {final}" if others else final


def _are(values: list[str]) -> str:
    return "is" if len(values) == 1 else "are"


def _comes(values: list[str]) -> str:
    return "comes" if len(values) == 1 else "come"
