"""A comparison told to people, or to programs."""

from __future__ import annotations

import json
from collections.abc import Iterator

from openapi.compat.changes import Change, Side
from openapi.compat.contract import Comparison, Contract

PAGE = "docs/compatibility.md"


def told(comparison: Comparison, since: str) -> str:
    """The changes by side, one line each, and the verdict at the end. ``since``: name of the old state."""
    return "\n".join(_lines(comparison, since)) + "\n"


def as_json(comparison: Comparison, since: str) -> str:
    """The same for programs."""
    found = {
        "since": since,
        "protocol_version": {"old": comparison.old.protocol, "new": comparison.new.protocol},
        "service_version": {"old": comparison.old.service, "new": comparison.new.service},
        "ok": not comparison.unannounced,
        "changes": [
            {
                "side": change.side.value,
                "where": change.place,
                "what": change.what,
                "breaks": change.verdict.breaks,
                "why": change.verdict.why,
            }
            for change in comparison.changes
        ],
        "wording": comparison.wording,
    }
    return json.dumps(found, indent=2, ensure_ascii=False) + "\n"


def _lines(comparison: Comparison, since: str) -> Iterator[str]:
    yield f"The wire since {since} ({_versions(comparison.old)}), now ({_versions(comparison.new)})"
    for side in Side:
        lines = list(_side(comparison, side, since))
        if lines:
            yield from ["", side.value, *lines]
    if comparison.wording:
        texts = _number(comparison.wording, "text")
        yield from ["", f"Wording only: {texts} (descriptions, examples, titles)."]
    yield from ["", *_verdict(comparison)]


def _versions(contract: Contract) -> str:
    if contract.protocol is None and contract.service is None:
        return "no documents"
    return f"protocol version {contract.protocol or 'none'}, service {contract.service or 'none'}"


def _side(comparison: Comparison, side: Side, since: str) -> Iterator[str]:
    if comparison.is_new(side):
        yield f"  ok      everything is new: {since} has no document of it"
    for change in comparison.changes:
        if change.side is side:
            yield _line(change)


def _line(change: Change) -> str:
    mark = "BREAKS" if change.verdict.breaks else "ok    "
    return f"  {mark}  {change.place}: {change.what} ({change.verdict.why})"


def _verdict(comparison: Comparison) -> Iterator[str]:
    count = len(comparison.changes)
    breaking = {side: len(comparison.breaking(side)) for side in Side}
    if not count:
        new = any(comparison.is_new(side) for side in Side)
        yield "OK: there are no old clients to break." if new else "OK: nothing changed on the wire."
        return
    if not any(breaking.values()):
        yield f"OK: {_number(count, 'change')}, and old clients go on working."
        return
    refused = comparison.unannounced
    total = sum(breaking.values())
    verdict, verb = "REFUSED" if refused else "OK", "breaks" if total == 1 else "break"
    yield f"{verdict}: {total} of {_number(count, 'change')} {verb} old clients."
    for side in Side:
        if breaking[side]:
            yield f"  {side.value}: {_version(comparison, side)}"
    if refused:
        yield f"  Or find a way that breaks nobody: {PAGE}."


def _version(comparison: Comparison, side: Side) -> str:
    old, new = comparison.old, comparison.new
    if side is Side.REST:
        if comparison.raised(side):
            return f"the service's version says so, {new.service} after {old.service}."
        part = "second" if (old.service or "").startswith("0.") else "first"
        return (
            f"the service's version must say so: raise its {part} number ({new.service}, was {old.service})."
        )
    if comparison.raised(side):
        return f"the protocol version says so, {new.protocol} after {old.protocol}."
    return f"the protocol version must say so: raise PROTOCOL_VERSION ({new.protocol}, was {old.protocol})."


def _number(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
