"""What changed between two schemas, as seen by a client that sends, or one that receives."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from openapi.compat import verdicts
from openapi.compat.shape import Document, Schema, Shape
from openapi.compat.values import Direction, default_change, value_changes
from openapi.compat.verdicts import Verdict


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that is not the same in two schemas."""

    field: str
    """Dotted path from the schema's root; empty at the root itself."""
    shared: str
    """The same from the definition that declares it; empty if none does."""
    what: str
    verdict: Verdict


@dataclass(frozen=True, slots=True)
class _Place:
    field: str = ""
    shared: str = ""
    left_out: bool = False
    """Whether it may be left out, then and now."""
    inside: frozenset[tuple[str, str]] = frozenset()
    """Pairs of definitions that it is within, so that one which contains itself comes to an end."""

    def inner(self, name: str, *, left_out: bool = False) -> _Place:
        field = f"{self.field}.{name}" if self.field else name
        shared = f"{self.shared}.{name}" if self.shared else name
        return replace(self, field=field, shared=shared, left_out=left_out)

    def items(self) -> _Place:
        return replace(self, field=f"{self.field}[]", shared=f"{self.shared}[]", left_out=False)

    def told(self, what: str, verdict: Verdict) -> Difference:
        return Difference(self.field, self.shared, what, verdict)


class Schemas:
    """Two documents whose schemas are compared."""

    def __init__(self, old: Document, new: Document, direction: Direction) -> None:
        """``direction``: which way the described values go."""
        self._old, self._new, self._direction = old, new, direction
        self._sent = direction is Direction.SENT

    def changes(self, before: Schema, after: Schema) -> Iterator[Difference]:
        """All that differs between a schema of the old document and one of the new, wording apart."""
        return self._compare(before, after, _Place())

    def _compare(self, before: Schema, after: Schema, place: _Place) -> Iterator[Difference]:
        old, new = self._old.shape(before), self._new.shape(after)
        if name := new.name or old.name:
            pair = (old.name, new.name)
            if pair in place.inside:
                return
            place = replace(place, shared=name, inside=place.inside | {pair})
        selects = place.field.rpartition(".")[2] == "type"
        for what, verdict in value_changes(old, new, self._direction, selects=selects):
            yield place.told(what, verdict)
        if place.left_out:
            for what, verdict in default_change(old, new):
                yield place.told(what, verdict)
        if "object" in old.types & new.types:
            yield from self._fields(old, new, place)
            yield from self._extra(old, new, place)
        anything = old.items is True and new.items is True
        if "array" in old.types & new.types and not anything:
            yield from self._compare(old.items, new.items, place.items())

    def _fields(self, old: Shape, new: Shape, place: _Place) -> Iterator[Difference]:
        for name in dict.fromkeys([*old.fields, *new.fields]):
            required = name in new.required
            if name not in new.fields:
                yield place.inner(name).told(*self._gone(closed=new.extra is False))
            elif name not in old.fields:
                yield place.inner(name).told(*self._added(required=required))
            else:
                if required is not (name in old.required):
                    yield place.inner(name).told(*self._required(required=required))
                left_out = not required and name not in old.required
                field = place.inner(name, left_out=left_out)
                yield from self._compare(old.fields[name], new.fields[name], field)

    def _gone(self, *, closed: bool) -> tuple[str, Verdict]:
        if not self._sent:
            return "is gone", verdicts.MISSED
        if closed:
            return "is refused now", verdicts.REFUSED
        return "is no longer read", verdicts.NO_EFFECT

    def _added(self, *, required: bool) -> tuple[str, Verdict]:
        if not self._sent:
            return "is new", verdicts.PASSED_OVER
        if required:
            return "is new and must be there", verdicts.MUST_SEND
        return "is new and may be left out", verdicts.NEED_NOT_SEND

    def _required(self, *, required: bool) -> tuple[str, Verdict]:
        if required:
            what = "must be there now" if self._sent else "is always there now"
            return what, verdicts.MUST_SEND if self._sent else verdicts.EXPECTED
        return "may be left out now", verdicts.STILL_TAKEN if self._sent else verdicts.COUNTED_ON

    def _extra(self, old: Shape, new: Shape, place: _Place) -> Iterator[Difference]:
        """Fields that are not declared: taken (as a rule), refused, or of one schema as in a map."""
        before, after = (True if extra == {} else extra for extra in (old.extra, new.extra))
        if isinstance(before, dict) and isinstance(after, dict):
            yield from self._compare(before, after, place.inner("*"))
            return
        if before == after:
            return
        if self._sent:
            narrower = before is True or after is False
            verdict = verdicts.REFUSED if narrower else verdicts.STILL_TAKEN
        elif isinstance(before, dict):
            # A map of values by name: clients read them.
            verdict = verdicts.MISSED if after is False else verdicts.UNREADABLE
        else:
            verdict = verdicts.PASSED_OVER
        terms = {True: "may be anything", False: "are not allowed"}
        now = terms[after] if isinstance(after, bool) else "must fit a schema"
        yield place.told(f"fields that are not declared {now} now", verdict)
