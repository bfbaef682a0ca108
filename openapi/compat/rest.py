"""What changed in the REST API, from two OpenAPI documents."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Final

from openapi.compat import verdicts
from openapi.compat.calls import Call, calls
from openapi.compat.changes import Change, Side
from openapi.compat.schema import Schemas
from openapi.compat.security import security_changes
from openapi.compat.shape import Document, Json, Schema
from openapi.compat.values import Direction
from openapi.compat.verdicts import Verdict

_PARAMETERS: Final = ("path", "query", "header", "cookie")


def rest_changes(old: Json, new: Json) -> Iterator[Change]:
    """All changes, call by call, in the order of the documents."""
    before, after = Document(old), Document(new)
    was, now = _bases(old), _bases(new)
    if set(was) - set(now):
        yield _told(
            "REST", f"is under {' and '.join(now)}, was under {' and '.join(was)}", verdicts.CALL_GONE
        )
    old_calls, new_calls = calls(before), calls(after)
    for key in dict.fromkeys([*old_calls, *new_calls]):
        if key not in new_calls:
            yield _told(old_calls[key].name, "is gone", verdicts.CALL_GONE)
        elif key not in old_calls:
            yield _told(new_calls[key].name, "is new", verdicts.NOT_CALLED)
        else:
            yield from _ThenAndNow(old_calls[key], new_calls[key]).changes()


def _bases(document: Json) -> list[str]:
    """What the paths of all calls begin with on the servers, wherever these are."""
    urls = [server["url"] for server in document.get("servers", ())] or ["/"]
    return list(dict.fromkeys(re.sub("^([^/]*//[^/]*)", "", url).rstrip("/") + "/" for url in urls))


class _ThenAndNow:
    """One call in the two documents."""

    def __init__(self, old: Call, new: Call) -> None:
        self._old, self._new = old, new
        self._name = new.name
        self._sent = Schemas(old.document, new.document, Direction.SENT)
        self._received = Schemas(old.document, new.document, Direction.RECEIVED)

    def changes(self) -> Iterator[Change]:
        old, new = self._old.operation, self._new.operation
        was, now = old.get("operationId"), new.get("operationId")
        if was != now:
            yield _told(self._name, f"its operationId is `{now}`, was `{was}`", verdicts.NAME_IN_CODE)
        if bool(old.get("deprecated")) != bool(new.get("deprecated")):
            what = "is deprecated now" if new.get("deprecated") else "is no longer deprecated"
            yield _told(self._name, what, verdicts.AS_BEFORE)
        for what, verdict in security_changes((self._old.document, old), (self._new.document, new)):
            yield _told(self._name, what, verdict)
        yield from self._parameters()
        yield from self._body()
        yield from self._answers()

    def _parameters(self) -> Iterator[Change]:
        """Those of one place are compared like the fields of an object that is sent."""
        for key, parameter in self._new.parameters.items():
            before = self._old.parameters.get(key)
            if key[0] == "path" and before is not None and before["name"] != parameter["name"]:
                what = f"`{parameter['name']}` was called `{before['name']}`"
                yield _told(f"{self._name}, path", what, verdicts.NAME_IN_CODE)
        names = {
            key: parameter["name"]
            for call in (self._old, self._new)
            for key, parameter in call.parameters.items()
        }
        for place in _PARAMETERS:
            before_and_after = (
                {names[key]: item for key, item in call.parameters.items() if key[0] == place}
                for call in (self._old, self._new)
            )
            then, now = map(_as_fields, before_and_after)
            yield from self._fields(f"{self._name}, {place}", then, now, self._sent)

    def _body(self) -> Iterator[Change]:
        where = f"{self._name}, body"
        before, after = self._old.body, self._new.body
        required = bool(after.get("required"))
        if before and not after:
            yield _told(where, "is no longer read", verdicts.NO_EFFECT)
        elif after and not before:
            what = "is new and must be sent" if required else "is new and may be left out"
            yield _told(where, what, verdicts.MUST_SEND if required else verdicts.NEED_NOT_SEND)
        else:
            if required is not bool(before.get("required")):
                what = "must be sent now" if required else "may be left out now"
                yield _told(where, what, verdicts.MUST_SEND if required else verdicts.STILL_TAKEN)
            for kind in _missing(before, after):
                yield _told(where, f"is refused as {kind} now", verdicts.REFUSED)
            for kind in _missing(after, before):
                yield _told(where, f"is taken as {kind}, too", verdicts.STILL_TAKEN)
            yield from self._content(where, before, after, self._sent)

    def _answers(self) -> Iterator[Change]:
        before, after = self._old.answers, self._new.answers
        added = [status for status in after if status not in before]
        for status in dict.fromkeys([*before, *after]):
            where = f"{self._name}, answer {status}"
            if status not in after:
                yield _told(where, "is never given now", _gone_answer(status, added))
            elif status not in before:
                error = status.startswith(("4", "5"))
                yield _told(where, "is new", verdicts.UNKNOWN_ERROR if error else verdicts.OTHER_ANSWER)
            else:
                yield from self._answer(where, before[status], after[status])

    def _answer(self, where: str, before: Json, after: Json) -> Iterator[Change]:
        then = self._old.headers(before)
        now = self._new.headers(after)
        names = {key: header["name"] for key, header in {**then, **now}.items()}
        yield from self._fields(
            f"{where}, header",
            _as_fields({names[key]: header for key, header in then.items()}),
            _as_fields({names[key]: header for key, header in now.items()}),
            self._received,
        )
        for kind in _missing(before, after):
            yield _told(where, f"never comes as {kind} now", verdicts.MISSED)
        for kind in _missing(after, before):
            yield _told(where, f"may come as {kind} now", verdicts.UNREADABLE)
        yield from self._content(where, before, after, self._received)

    def _content(self, where: str, before: Json, after: Json, schemas: Schemas) -> Iterator[Change]:
        old, new = before.get("content", {}), after.get("content", {})
        for kind in old:
            if kind in new:
                yield from self._fields(where, _schema(old[kind]), _schema(new[kind]), schemas)

    def _fields(self, where: str, before: Schema, after: Schema, schemas: Schemas) -> Iterator[Change]:
        for found in schemas.changes(before, after):
            yield Change(Side.REST, where, found.what, found.verdict, found.field, found.shared)


def _told(where: str, what: str, verdict: Verdict) -> Change:
    return Change(Side.REST, where, what, verdict)


def _schema(holder: Json) -> Schema:
    schema: Schema = holder.get("schema", True)
    return schema


def _missing(content: Json, other: Json) -> list[str]:
    """Media types of the one that the other does not have."""
    return [kind for kind in content.get("content", {}) if kind not in other.get("content", {})]


_ABOUT: Final = frozenset({"name", "in", "required", "schema", "description", "example", "examples"})


def _as_fields(items: Mapping[str, Json]) -> Schema:
    """Parameters or headers as the fields of an object. How they are written counts as part of the schema."""
    return {
        "type": "object",
        "properties": {
            name: {
                **{key: value for key, value in item.items() if key not in _ABOUT},
                **({} if item.get("schema") is True else item.get("schema", {})),
            }
            for name, item in items.items()
        },
        "required": [name for name, item in items.items() if item.get("required")],
    }


def _gone_answer(status: str, added: list[str]) -> Verdict:
    """Failures may become fewer. What a client tells apart must not get another status."""
    if re.match("[45]", status) is None:
        return verdicts.WAITS
    replaced = status.startswith("4") and any(re.match("[45]", other) for other in added)
    return verdicts.RENAMED_ERROR if replaced else verdicts.NO_MORE
