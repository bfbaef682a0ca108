"""Litestar's ordinary way and the short one answer alike, whatever is asked."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from msgspec import Struct
from structlog.testing import capture_logs

from signaling.web import short_way
from support.in_process import InProcess, running

KEY = "in-process-key-0123456789"

PLAIN = ((b"host", b"localhost"), (b"x-api-key", KEY.encode()))

Headers = Sequence[tuple[bytes, bytes]]


class Asked(Struct, frozen=True, kw_only=True):
    """A request. In its path, `CODE` stands for a room's code, `CAPITALS` for the same in capitals."""

    method: str = "GET"
    path: str = "/api/rooms/CODE"
    query: bytes = b""
    headers: Headers = PLAIN
    body: tuple[bytes, ...] = (b"",)
    """In the parts in which it arrives; None of them: the line ends first."""
    waiting: bool = False
    """Whether the client sends no body before it is answered: to wait for one is a fault."""
    short: bool = False
    """Whether the short way is to answer it."""


def post(*body: bytes, short: bool = False, more: Headers = ()) -> Asked:
    return Asked(method="POST", path="/api/rooms", headers=[*PLAIN, *more], body=body, short=short)


def keyed(*keys: bytes, body: bytes = b"{}", short: bool = False) -> Asked:
    return post(body, more=[(b"idempotency-key", key) for key in keys], short=short)


ASKED = {
    "read": Asked(short=True),
    "read, code in capitals": Asked(path="/api/rooms/CAPITALS", short=True),
    "read, slash at the end": Asked(path="/api/rooms/CODE/", short=True),
    "read, from a page": Asked(headers=[*PLAIN, (b"origin", b"https://school.example")], short=True),
    "read, from a page elsewhere": Asked(headers=[*PLAIN, (b"origin", b"https://other.example")], short=True),
    "read, unknown": Asked(path="/api/rooms/zzzzzz"),
    "read, code too long": Asked(path="/api/rooms/abcdefg"),
    "read, line end in the code": Asked(path="/api/rooms/abcde\n"),
    "read, code not in ASCII": Asked(path="/api/rooms/äbcdef"),
    "read, with a query": Asked(query=b"limit=0&room_code=zzzzzz"),
    "read, with a body": Asked(body=(b"{", b"}"), short=True),
    "read, bad host": Asked(headers=[(b"host", b"a/b"), PLAIN[1]]),
    "read, no key": Asked(headers=PLAIN[:1]),
    "read, empty key": Asked(headers=[(b"x-api-key", b"")]),
    "read, wrong key": Asked(headers=[(b"x-api-key", b"wrong")]),
    "read, key not in ASCII": Asked(headers=[(b"x-api-key", b"\xff\x00")]),
    "read, two keys, right first": Asked(headers=[*PLAIN, (b"x-api-key", b"wrong")]),
    "read, two keys, wrong first": Asked(headers=[(b"x-api-key", b"wrong"), *PLAIN]),
    "read, a header twice": Asked(headers=[*PLAIN, (b"accept", b"a"), (b"accept", b"b")]),
    "head": Asked(method="HEAD", short=True),
    "options": Asked(method="OPTIONS"),
    "options, from a page": Asked(method="OPTIONS", headers=[(b"origin", b"https://school.example")]),
    "put": Asked(method="PUT"),
    "list": Asked(path="/api/rooms", short=True),
    "list, limited": Asked(path="/api/rooms", query=b"limit=1&state=open"),
    "list, badly": Asked(path="/api/rooms", query=b"limit=0&state=shut"),
    "statistics": Asked(path="/api/statistics", short=True),
    "nothing there": Asked(path="/api/nothing"),
    "create": post(b'{"owner_id":"teacher","ttl_hours":2,"max_participants":30}', short=True),
    "create, no body": post(b"", short=True),
    "create, whole float": post(b'{"ttl_hours":2.0}', short=True),
    "create, in parts": post(b'{"ttl_', b'hours":2}'),
    "create, in parts, badly": post(b'{"ttl_', b'hours":"2"}'),
    "create, text for a number": post(b'{"ttl_hours":"2"}'),
    "create, out of range": post(b'{"ttl_hours":0,"max_participants":1}'),
    "create, unknown field": post(b'{"owner":"teacher"}'),
    "create, null": post(b"null"),
    "create, array": post(b"[]"),
    "create, no JSON": post(b"{"),
    "create, no UTF-8": post(b'{"owner_id":"\xff"}'),
    "create, deep": post(b"[" * 5000),
    "create, large": post(b'{"owner_id":"' + b"a" * 70_000 + b'"}'),
    "create, said to be large": post(b"{", b"}", more=[(b"content-length", b"70000")]),
    "create, said to be large, and waiting": Asked(
        method="POST", path="/api/rooms", headers=[*PLAIN, (b"content-length", b"65537")], waiting=True
    ),
    "create, said to be endless": post(b"{}", more=[(b"content-length", b"9" * 5000)]),
    "create, as large as can be": post(
        b"{}" + b" " * 65_534, more=[(b"content-length", b"65536")], short=True
    ),
    "create, line ended": Asked(method="POST", path="/api/rooms", body=()),
    "create, no key": Asked(method="POST", path="/api/rooms", headers=PLAIN[:1], body=(b"{",)),
    "create, with a query": Asked(method="POST", path="/api/rooms", query=b"a=b", body=(b"{}",)),
    "create, key for repeating": keyed(b"same", short=True),
    "create, repeated": keyed(b"same", short=True),
    "create, repeated otherwise": keyed(b"same", body=b'{"ttl_hours":3}'),
    "create, empty key for repeating": keyed(b""),
    "create, space in the key for repeating": keyed(b"a b"),
    "create, two keys for repeating": keyed(b"one", b"two"),
    "create, both wrong": keyed(b"a b", body=b'{"ttl_hours":0}'),
    "delete": Asked(method="DELETE", short=True),
    "delete, unknown": Asked(method="DELETE", path="/api/rooms/zzzzzz"),
}  # fmt: skip


async def ask(service: InProcess, asked: Asked, code: str) -> tuple[Any, ...]:
    """What is answered and logged, but for what is never twice the same."""
    messages = [
        {"type": "http.request", "body": part, "more_body": number < len(asked.body)}
        for number, part in enumerate(asked.body, 1)
    ]
    messages.append({"type": "http.disconnect"})
    if asked.waiting:
        messages.clear()
    path = asked.path.replace("CODE", code).replace("CAPITALS", code.upper())
    sent: list[Any] = []

    async def receive() -> Any:
        return messages.pop(0)

    async def send(message: Any) -> None:
        sent.append(message)

    with capture_logs() as logs:
        scope = {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.3"},
            "http_version": "1.1",
            "scheme": "http",
            "server": ("127.0.0.1", 8000),
            "client": ("127.0.0.1", 50_000),
            "root_path": "",
            "method": asked.method,
            "path": path,
            "raw_path": path.encode(),
            "query_string": asked.query,
            "headers": list(asked.headers),
            "state": {},
        }
        await service.application(scope, receive, send)
    start, *bodies = sent
    headers = [
        (name, b"ID" if name == b"x-request-id" else _steady(value, code)) for name, value in start["headers"]
    ]
    for entry in logs:
        entry.pop("milliseconds", None)
    body = _steady(b"".join(message["body"] for message in bodies), code)
    return start["status"], headers, body, logs


def _steady(text: bytes, code: str) -> bytes:
    text = re.sub(rb"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", b"TIME", text.replace(code.encode(), b"CODE"))
    return re.sub(rb'(room_code":"|/api/rooms/)(?!zzzzzz)\w{6}\b', rb"\1CODE", text)


async def answers(directory: Path) -> tuple[dict[str, Any], set[str]]:
    """The answers of a new service to all of it, and which of them the short way gave."""
    short: set[str] = set()
    found: dict[str, Any] = {}
    with pytest.MonkeyPatch.context() as patch:
        answer = short_way._Call.answer

        async def noted(call: Any, result: Any, send: Any) -> None:
            short.add(what)
            await answer(call, result, send)

        patch.setattr(short_way._Call, "answer", noted)
        async with running(directory, ALLOWED_ORIGINS="https://school.example") as service:
            code = await service.room()
            for what, asked in ASKED.items():
                found[what] = await ask(service, asked, code)
    return found, short


async def test_both_ways_answer_alike(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    here, short = await answers(tmp_path / "short")
    assert short == {what for what, asked in ASKED.items() if asked.short}

    async def pass_on(way: Any, scope: Any, receive: Any, send: Any) -> None:
        await way._app(scope, receive, send)

    monkeypatch.setattr(short_way.ShortWay, "__call__", pass_on)
    there, short = await answers(tmp_path / "ordinary")
    assert not short
    for what, answer in there.items():
        assert here[what] == answer, what
    # They do not agree about nothing.
    assert {status for status, *_ in here.values()} == {200, 201, 204, 400, 401, 404, 405, 409, 413}


async def test_what_fails_in_a_handler_is_told_as_ever(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running(tmp_path) as service:

        async def fail(_code: str) -> None:
            raise RuntimeError("a fault of ours")

        monkeypatch.setattr(service.node.rooms, "get", fail)
        status, _, body, logs = await ask(service, Asked(), "abc234")
    assert (status, body) == (500, b'{"detail":"Internal server error","code":"server_error"}')
    assert [entry["event"] for entry in logs] == ["request_failed", "request"]
