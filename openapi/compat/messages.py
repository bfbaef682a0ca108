"""What changed in the messages of the WebSocket, from two AsyncAPI documents."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from openapi.compat import verdicts
from openapi.compat.changes import Change, Side
from openapi.compat.schema import Schemas
from openapi.compat.shape import WORDING, Document, Json, Schema
from openapi.compat.values import Direction
from openapi.compat.verdicts import Verdict

_DIRECTIONS: Final = {"receive": Direction.SENT, "send": Direction.RECEIVED}
"""AsyncAPI is written from the service's side."""

_WHO: Final = {Direction.SENT: "from clients", Direction.RECEIVED: "to clients"}

_ANY_REFUSAL: Final = "error"


@dataclass(frozen=True, slots=True)
class _Message:
    type: str
    direction: Direction
    payload: Schema
    content: str
    """Its media type."""
    replies: frozenset[str]
    correlation: str
    """Where the identifier is that an answer repeats; empty if none is."""
    errors: frozenset[str]
    """Codes with which it may be refused."""

    @property
    def name(self) -> str:
        return f"`{self.type}` {_WHO[self.direction]}"


def message_changes(old: Json, new: Json) -> Iterator[Change]:
    """All changes, the address of the socket first, then message by message."""
    before, after = Document(old), Document(new)
    was, now = _addresses(old), _addresses(new)
    if was != now:
        yield _told("the WebSocket", f"is at {' and '.join(now)}, was at {' and '.join(was)}", verdicts.MOVED)
    if _handshake(before) != _handshake(after):
        what = "is connected to otherwise: its bindings or its security are not what they were"
        yield _told("the WebSocket", what, verdicts.OPENED_OTHERWISE)
    then, today = _messages(before), _messages(after)
    for key in dict.fromkeys([*then, *today]):
        if key not in today:
            sent = key[0] is Direction.SENT
            yield _told(then[key].name, "is gone", verdicts.MESSAGE_GONE if sent else verdicts.WAITS)
        elif key not in then:
            sent = key[0] is Direction.SENT
            yield _told(today[key].name, "is new", verdicts.NEED_NOT_SEND if sent else verdicts.PASSED_OVER)
        else:
            yield from _changes((before, then[key]), (after, today[key]))


def _changes(old: tuple[Document, _Message], new: tuple[Document, _Message]) -> Iterator[Change]:
    (before, was), (after, now) = old, new
    for found in Schemas(before, after, now.direction).changes(was.payload, now.payload):
        yield Change(Side.MESSAGES, now.name, found.what, found.verdict, found.field, found.shared)
    if was.content != now.content:
        verdict = verdicts.REFUSED if now.direction is Direction.SENT else verdicts.UNREADABLE
        yield _told(now.name, f"is {now.content}, was {was.content}", verdict)
    for reply in sorted(was.replies - now.replies):
        yield _told(now.name, f"is never answered by `{reply}` now", verdicts.WAITS)
    for reply in sorted(now.replies - was.replies):
        # A client waits only for answers that say more than that the message was refused.
        waits = was.replies - {_ANY_REFUSAL} and reply != _ANY_REFUSAL
        verdict = verdicts.OTHER_ANSWER if waits else verdicts.PASSED_OVER
        yield _told(now.name, f"may be answered by `{reply}`, too", verdict)
    if was.correlation != now.correlation:
        yield _told(now.name, *_correlation(was.correlation, now.correlation))
    gone, added = sorted(was.errors - now.errors), sorted(now.errors - was.errors)
    for code in gone:
        verdict = verdicts.RENAMED_ERROR if added else verdicts.NO_MORE
        yield _told(now.name, f"is never refused with `{code}` now", verdict)
    for code in added:
        yield _told(now.name, f"may be refused with `{code}`, too", verdicts.UNKNOWN_ERROR)


def _correlation(was: str, now: str) -> tuple[str, Verdict]:
    if not now:
        return f"`{was}` is no longer repeated in an answer", verdicts.WAITS
    if not was:
        return f"`{now}` is repeated in an answer now", verdicts.PASSED_OVER
    return f"answers repeat `{now}`, repeated `{was}`", verdicts.WAITS


def _messages(document: Document) -> Mapping[tuple[Direction, str], _Message]:
    found = {}
    for operation in document.content["operations"].values():
        direction = _DIRECTIONS[operation["action"]]
        for reference in operation["messages"]:
            message = document.followed(reference)
            replies = operation.get("reply", {}).get("messages", ())
            correlation = document.followed(message.get("correlationId", {}))
            found[direction, message["name"]] = _Message(
                type=message["name"],
                direction=direction,
                payload=message["payload"],
                content=message.get("contentType") or document.content.get("defaultContentType") or "",
                replies=frozenset(document.followed(reply)["name"] for reply in replies),
                correlation=correlation.get("location", "").rpartition("#/")[2],
                errors=frozenset(message.get("x-error-codes", ())),
            )
    return found


def _addresses(document: Json) -> list[str]:
    """Paths of the sockets on all servers, wherever these are."""
    servers = document.get("servers", {}).values()
    bases = dict.fromkeys(server.get("pathname", "").rstrip("/") for server in servers) or [""]
    return [base + channel["address"] for base in bases for channel in document["channels"].values()]


def _handshake(document: Document) -> Json:
    """All that is said of what a client must send to connect, by what it is said of."""
    content = document.content
    found: Json = {}
    for name, channel in content["channels"].items():
        bindings = document.followed(channel.get("bindings", {})).get("ws", {})
        found[name] = {key: value for key, value in bindings.items() if key != "bindingVersion"}
    secured = [*content.get("servers", {}).values(), *content["operations"].values()]
    schemes = [document.followed(scheme) for part in secured for scheme in part.get("security", ())]
    found["security"] = sorted({_plain(scheme) for scheme in schemes})
    return found


def _plain(scheme: Json) -> str:
    return json.dumps({key: value for key, value in scheme.items() if key not in WORDING}, sort_keys=True)


def _told(where: str, what: str, verdict: Verdict) -> Change:
    return Change(Side.MESSAGES, where, what, verdict)
