"""The ordinary way of requests and the short one answer alike, whatever is asked, and however it comes."""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path
from typing import Any, cast

import pytest
import structlog
from msgspec import Struct
from structlog.testing import capture_logs

from signaling.rooms.ports import StoreUnavailable
from signaling.web import http_protocol, short_way
from support.in_process import KEY, InProcess, Line, running, settle, until

PLAIN = ((b"Host", b"localhost"), (b"X-API-Key", KEY.encode()))

CHUNKED = (b"Transfer-Encoding", b"chunked")

Headers = Sequence[tuple[bytes, bytes]]


class Asked(Struct, frozen=True, kw_only=True):
    """A request. In its target, `CODE` stands for a room's code, `CAPITALS` for the same in capitals."""

    method: str = "GET"
    target: str = "/api/rooms/CODE"
    version: str = "1.1"
    headers: Headers = PLAIN
    body: tuple[bytes, ...] = ()
    """In the parts in which it arrives."""
    length: int | None = None
    """What the request says of it, where that is not so."""
    goes: bool = False
    """Whether the client goes away when it has sent all this."""
    short: bool = False
    """Whether the short way is to answer it."""

    def bytes(self, code: str) -> list[bytes]:
        target = self.target.replace("CODE", code).replace("CAPITALS", code.upper())
        headers = list(self.headers)
        if self.length is not None or (self.body and CHUNKED not in headers):
            size = sum(map(len, self.body)) if self.length is None else self.length
            headers.append((b"Content-Length", b"%d" % size))
        lines = b"".join(b"%b: %b\r\n" % header for header in headers)
        head = f"{self.method} {target} HTTP/{self.version}\r\n".encode() + lines + b"\r\n"
        return [head + (self.body[0] if self.body else b""), *self.body[1:]]


def post(*body: bytes, short: bool = False, more: Headers = (), length: int | None = None) -> Asked:
    return Asked(
        method="POST", target="/api/rooms", headers=[*PLAIN, *more], body=body, short=short, length=length
    )


def keyed(*keys: bytes, body: bytes = b"{}", short: bool = False) -> Asked:
    return post(body, more=[(b"Idempotency-Key", key) for key in keys], short=short)


def read(*more: tuple[bytes, bytes], target: str = "/api/rooms/CODE", short: bool = False) -> Asked:
    return Asked(target=target, headers=[*PLAIN, *more], short=short)


ASKED = {
    "read": read(short=True),
    "read, code in capitals": read(target="/api/rooms/CAPITALS", short=True),
    "read, slash at the end": read(target="/api/rooms/CODE/"),
    "read, two slashes": read(target="/api//rooms/CODE"),
    "read, escaped": read(target="/api/rooms/%41BCDEF", short=True),
    "read, escaped slash": read(target="/api%2Frooms/CODE", short=True),
    "read, from a page": read((b"Origin", b"https://school.example")),
    "read, from a page elsewhere": read((b"Origin", b"https://other.example")),
    "read, with an id": read((b"X-Request-Id", b"class-1.2_3"), short=True),
    "read, with an odd id": read((b"X-Request-Id", b"class 1"), short=True),
    "read, and close": read((b"Connection", b"close"), short=True),
    "read, and keep": read((b"Connection", b"keep-alive"), short=True),
    "read, and change": read((b"Connection", b"upgrade"), (b"Upgrade", b"h2c")),
    "read, HTTP/1.0": Asked(version="1.0"),
    "read, HTTP/1.0, and keep": Asked(version="1.0", headers=[*PLAIN, (b"Connection", b"keep-alive")]),
    "read, unknown": read(target="/api/rooms/zzzzzz", short=True),
    "read, code too long": read(target="/api/rooms/abcdefg"),
    "read, line end in the code": read(target="/api/rooms/abcde%0a"),
    "read, code not in ASCII": read(target="/api/rooms/%C3%A4bcdef"),
    "read, with a query": read(target="/api/rooms/CODE?limit=0&room_code=zzzzzz"),
    "read, with an empty query": read(target="/api/rooms/CODE?", short=True),
    "read, whole address": read(target="http://localhost/api/rooms/CODE", short=True),
    "read, with a body": Asked(body=(b"{", b"}")),
    "read, with an empty body": Asked(length=0, short=True),
    "read, bad host": Asked(headers=[(b"Host", b"a/b"), PLAIN[1]]),
    "read, IPv6 host": Asked(headers=[(b"Host", b"[::1]:8000"), PLAIN[1]]),
    "read, no host": Asked(headers=PLAIN[1:], short=True),
    "read, no key": Asked(headers=PLAIN[:1]),
    "read, empty key": Asked(headers=[(b"X-API-Key", b"")]),
    "read, wrong key": Asked(headers=[(b"X-API-Key", b"wrong")]),
    "read, key not in ASCII": Asked(headers=[(b"X-API-Key", b"\xff\x80")]),
    "read, two keys, right first": read((b"X-API-Key", b"wrong")),
    "read, two keys, wrong first": Asked(headers=[(b"X-API-Key", b"wrong"), *PLAIN]),
    "read, a header twice": read((b"Accept", b"a"), (b"Accept", b"b")),
    "head": Asked(method="HEAD", short=True),
    "head, unknown": Asked(method="HEAD", target="/api/rooms/zzzzzz", short=True),
    "head, list": Asked(method="HEAD", target="/api/rooms", short=True),
    "options": Asked(method="OPTIONS"),
    "options, from a page": Asked(method="OPTIONS", headers=[(b"Origin", b"https://school.example")]),
    "put": Asked(method="PUT"),
    "put, to nothing": Asked(method="PUT", target="/api/rooms/"),
    "list": read(target="/api/rooms", short=True),
    "list, slash at the end": read(target="/api/rooms/"),
    "list, limited": read(target="/api/rooms?limit=1&state=open"),
    "list, badly": read(target="/api/rooms?limit=0&state=shut"),
    "statistics": read(target="/api/statistics", short=True),
    "health": read(target="/health"),
    "metrics, no key": Asked(target="/metrics", headers=PLAIN[:1]),
    "nothing there": read(target="/api/nothing"),
    "create": post(b'{"owner_id":"teacher","ttl_hours":2,"max_participants":30}', short=True),
    "create, no body": post(short=True),
    "create, no body, said": post(length=0, short=True),
    "create, whole float": post(b'{"ttl_hours":2.0}', short=True),
    "create, in parts": post(b'{"ttl_', b'hours":2}', short=True),
    "create, in parts, badly": post(b'{"ttl_', b'hours":"2"}'),
    "create, body later": post(b"", b"{}", short=True),
    "create, chunked": post(b"2\r\n{}\r\n0\r\n\r\n", more=[CHUNKED]),
    "create, chunked badly": post(b"2\r\n{}\r\nx\r\n\r\n", more=[CHUNKED]),
    "create, first asking": post(b"{}", more=[(b"Expect", b"100-continue")]),
    "create, text for a number": post(b'{"ttl_hours":"2"}'),
    "create, out of range": post(b'{"ttl_hours":0,"max_participants":1}'),
    "create, unknown field": post(b'{"owner":"teacher"}'),
    "create, null": post(b"null"),
    "create, array": post(b"[]"),
    "create, no JSON": post(b"{"),
    "create, no UTF-8": post(b'{"owner_id":"\xff"}'),
    "create, deep": post(b"[" * 5000),
    "create, large": post(b'{"owner_id":"' + b"a" * 70_000 + b'"}'),
    "create, said to be large": post(b"{", b"}", length=70_000),
    "create, said to be large, and waiting": post(length=65_537),
    "create, as large as can be": post(b"{}" + b" " * 65_534, short=True),
    "create, line ended": Asked(
        method="POST", target="/api/rooms", body=(b"{",), length=2, goes=True
    ),
    "create, gone at once": Asked(method="POST", target="/api/rooms", body=(b"{}",), goes=True, short=True),
    "list, gone at once": Asked(target="/api/rooms", goes=True, short=True),
    "create, no key": Asked(method="POST", target="/api/rooms", headers=PLAIN[:1], body=(b"{",)),
    "create, with a query": Asked(method="POST", target="/api/rooms?a=b", body=(b"{}",)),
    "create, key for repeating": keyed(b"same", short=True),
    "create, repeated": keyed(b"same", short=True),
    "create, repeated otherwise": keyed(b"same", body=b'{"ttl_hours":3}', short=True),
    "create, empty key for repeating": keyed(b""),
    "create, space in the key for repeating": keyed(b"a b"),
    "create, two keys for repeating": keyed(b"one", b"two"),
    "create, both wrong": keyed(b"a b", body=b'{"ttl_hours":0}'),
    "delete": Asked(method="DELETE", short=True),
    "delete, unknown": Asked(method="DELETE", target="/api/rooms/zzzzzz", short=True),
}  # fmt: skip


class Way:
    """A service, asked on one of the ways."""

    def __init__(self, service: InProcess, code: str) -> None:
        self.service = service
        self.code = code

    def connect(self) -> Line:
        return self.service.arrive()

    async def idle(self) -> None:
        """Until nothing is being answered."""
        await settle()
        await until(lambda: not self.service.state.tasks, "the answers")
        await settle()

    async def ask(self, asked: Asked) -> Any:
        """What is answered and logged, and what becomes of the line."""
        line = self.connect()
        with capture_logs() as logs:
            *parts, last = asked.bytes(self.code)
            for part in parts:
                line.protocol.data_received(part)
                await settle()
            line.protocol.data_received(last)
            protocol = line.protocol
            if asked.goes:
                line.close()
            await self.idle()
            state = line.closing, protocol.timeout_keep_alive_task is not None
            line.close()
            await self.idle()
        return self.steady(line), _steady_logs(logs), state

    def steady(self, line: Line) -> list[tuple[bytes, list[bytes], bytes]]:
        """The answers, but for what is never twice the same."""
        out = bytes(line.out)
        out = re.sub(rb"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", b"TIME", out.replace(self.code.encode(), b"CODE"))
        out = re.sub(rb'(room_code":"|/api/rooms/|Room )(?!zzzzzz)\w{6}\b', rb"\1CODE", out)
        out = re.sub(rb"x-request-id: [0-9a-f]{16}\r", b"x-request-id: NEW\r", out)
        answers = []
        while out:
            head, _, out = out.partition(b"\r\n\r\n")
            status, *headers = head.split(b"\r\n")
            # The next answer begins where a body (JSON, the metrics) ends.
            body, mark, rest = out.partition(b"HTTP/1.1 ")
            answers.append((status, sorted(headers), body))
            out = mark + rest
        return answers


def _steady_logs(logs: Any) -> Any:
    for entry in logs:
        entry.pop("milliseconds", None)
        if not re.fullmatch(r"class-1.2_3", entry.get("request_id", "")):
            entry.pop("request_id", None)
    return logs


@contextlib.asynccontextmanager
async def way(directory: Path, *, short: bool) -> AsyncIterator[Way]:
    async with running(directory, short_way=short, ALLOWED_ORIGINS="https://school.example") as service:
        yield Way(service, await service.room())


async def on_both_ways(
    directory: Path, scenario: Callable[[Way], Any], monkeypatch: pytest.MonkeyPatch
) -> tuple[Any, Any, int]:
    """What a scenario gives on the short way and on the ordinary one, and how often the short one wrote."""
    written = 0
    write = short_way._Given.write

    def noted(*arguments: Any) -> None:
        nonlocal written
        written += 1
        write(*arguments)

    monkeypatch.setattr(short_way._Given, "write", noted)
    async with way(directory / "short", short=True) as one:
        here = await scenario(one)
    count = written
    async with way(directory / "ordinary", short=False) as other:
        there = await scenario(other)
    assert written == count
    return here, there, count


def counted(service: InProcess) -> list[str]:
    """The requests and errors that were counted."""
    text = service.application.metrics.render().decode()
    # By label, in the order in which they were first counted.
    return sorted(
        re.findall(r"^signaling_(?:http_requests|errors|rooms_created)_total.*$", text, re.MULTILINE)
    )


async def test_both_ways_answer_alike(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    short: set[str] = set()
    what = ""
    write = short_way._Given.write

    def noted(*arguments: Any) -> None:
        short.add(what)
        write(*arguments)

    monkeypatch.setattr(short_way._Given, "write", noted)

    async def all_of_it(one: Way) -> tuple[dict[str, Any], list[str], int]:
        nonlocal what
        found = {}
        for what, asked in ASKED.items():
            found[what] = await one.ask(asked)
        return found, counted(one.service), one.service.state.total_requests

    async with way(tmp_path / "short", short=True) as one:
        here = await all_of_it(one)
    assert short == {what for what, asked in ASKED.items() if asked.short}
    short.clear()
    async with way(tmp_path / "ordinary", short=False) as other:
        there = await all_of_it(other)
    assert not short
    for what, answer in there[0].items():
        assert here[0][what] == answer, what
    assert here[1:] == there[1:]
    # They do not agree about nothing.
    statuses = {answer[0].split()[1] for answers, *_ in here[0].values() for answer in answers}
    assert statuses == {b"100", b"200", b"201", b"204", b"400", b"401", b"404", b"405", b"409", b"413"}


PIPELINED = [
    "read",
    "read, unknown",
    "create",
    "head",
    "list",
    "create, out of range",
    "read, from a page",
    "create, in parts",
    "statistics",
    "read, no key",
    "create, as large as can be",
    "read",
    "delete",
    "read",
]


@pytest.mark.parametrize("size", [1 << 20, 4096, 61])
async def test_requests_that_come_at_once_are_answered_in_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    async def scenario(one: Way) -> Any:
        line = one.connect()
        data = b"".join(b"".join(ASKED[what].bytes(one.code)) for what in PIPELINED)
        with capture_logs() as logs:
            for at in range(0, len(data), size):
                line.protocol.data_received(data[at : at + size])
                # As uvicorn asks: no more is read than can be answered.
                await until(lambda: line.reading, "the answers before")
            await until(lambda: len(one.steady(line)) == len(PIPELINED), "the answers")
            await one.idle()
        assert line.protocol.timeout_keep_alive_task is not None
        line.close()
        return one.steady(line), _steady_logs(logs), counted(one.service)

    here, there, shortly = await on_both_ways(tmp_path, scenario, monkeypatch)
    assert here == there
    assert [answer[0].split()[1] for answer in here[0]] == (
        b"200 404 201 200 200 400 200 201 200 401 201 200 200 200".split()
    )
    assert shortly == 11


async def test_no_more_is_read_while_requests_wait(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Else a client that asks faster than it reads would fill the memory. A body that is awaited is read."""

    async def scenario(one: Way) -> Any:
        line, read_on = one.connect(), []
        resume = line.resume_reading

        def noted() -> None:
            read_on.append(line.out.count(b"HTTP/1.1 "))
            resume()

        monkeypatch.setattr(line, "resume_reading", noted)
        for whats in (("read", "create", "list", "read, no key"), ("create", "create, in parts")):
            line.out.clear()
            parts = [ASKED[what].bytes(one.code) for what in whats]
            line.protocol.data_received(b"".join(first for first, *_ in parts))
            assert not line.reading
            for part in parts[-1][1:]:
                await until(lambda: line.reading, "reading on")
                line.protocol.data_received(part)
            await until(lambda: line.out.count(b"HTTP/1.1 ") == len(whats), "the answers")  # noqa: B023
            await one.idle()
            assert line.reading
        line.close()
        return read_on

    here, there, shortly = await on_both_ways(tmp_path, scenario, monkeypatch)
    assert here == there == [4, 1]
    assert shortly == 5


async def test_a_request_has_time_only_while_it_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While those before it are answered, the rest of it cannot come."""

    async def scenario(one: Way) -> Any:
        line, going_on = one.connect(), asyncio.Event()
        find = one.service.node.rooms.find

        async def wait(query: Any) -> Any:
            await going_on.wait()
            return await find(query)

        monkeypatch.setattr(one.service.node.rooms, "find", wait)
        monkeypatch.setattr(http_protocol, "REQUEST_TIMEOUT", 0.01)
        first, rest = ASKED["create, in parts"].bytes(one.code)
        line.protocol.data_received(ASKED["list"].bytes(one.code)[0] + first)
        protocol = line.protocol
        await until(lambda: line.closing or protocol._deadline.when() > protocol._due, "the deadline")
        monkeypatch.setattr(http_protocol, "REQUEST_TIMEOUT", 20.0)
        assert not line.closing
        going_on.set()
        await until(lambda: line.reading, "reading on")
        # It begins when it can come.
        await until(lambda: line.closing or protocol._deadline.when() > protocol._due + 10, "the deadline")
        line.protocol.data_received(rest)
        await one.idle()
        answers = one.steady(line)
        line.close()
        return answers

    here, there, shortly = await on_both_ways(tmp_path, scenario, monkeypatch)
    assert here == there
    assert [status for status, *_ in here] == [b"HTTP/1.1 200 OK", b"HTTP/1.1 201 Created"]
    assert shortly == 2


async def test_many_reads_at_once_do_not_hold_up_others(tmp_path: Path) -> None:
    """Each is answered in turns of its own."""
    async with way(tmp_path, short=True) as one:
        line = one.connect()
        line.protocol.data_received(2000 * ASKED["read"].bytes(one.code)[0])
        assert line.writes == 0
        for turns in range(1, 20):
            await asyncio.sleep(0)
            assert line.writes <= turns
        assert line.writes > 5
        await until(lambda: line.writes == 2000, "the answers")
        line.close()


async def test_a_line_is_kept_while_an_answer_is_awaited(tmp_path: Path) -> None:
    """The timer of an idle line, set by the first answer, must not run while the second request is served."""
    async with way(tmp_path, short=True) as one:
        line = one.connect()
        read, create = (ASKED[what].bytes(one.code)[0] for what in ("read", "create"))
        line.protocol.data_received(read + create)
        protocol = line.protocol
        await until(lambda: line.writes == 1, "the first answer")
        assert (line.writes, protocol.timeout_keep_alive_task, protocol._due) == (1, None, None)
        await until(lambda: line.writes == 2, "the second answer")
        assert protocol.timeout_keep_alive_task is not None
        protocol.data_received(read)
        await until(lambda: line.writes == 3, "the third answer")
        # What has no more to come needs no deadline.
        assert protocol._due is None
        line.close()


async def test_a_stopping_service_answers_what_it_has_begun(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def stopped(one: Way, what: str) -> Any:
        line = one.connect()
        first, *rest = ASKED[what].bytes(one.code)
        line.protocol.data_received(first)
        line.protocol.shutdown()
        for part in rest:
            line.protocol.data_received(part)
        line.protocol.data_received(ASKED["create"].bytes(one.code)[0])
        await until(lambda: line.closing, "the end")
        await one.idle()
        return one.steady(line), counted(one.service), one.service.state.total_requests

    async def scenario(one: Way) -> Any:
        return [await stopped(one, what) for what in ("create", "list", "create, in parts")]

    here, there, shortly = await on_both_ways(tmp_path, scenario, monkeypatch)
    assert here == there
    assert shortly == 3
    for answers, *_ in here:
        ((_, headers, _),) = answers
        assert b"connection: close" in headers


async def test_an_answer_waits_for_a_client_that_does_not_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whats = ("read", "list", "create", "read, unknown", "head")

    async def scenario(one: Way) -> Any:
        lines = [one.connect() for _ in whats]
        for line, what in zip(lines, whats, strict=True):
            request = ASKED[what].bytes(one.code)[0]
            line.protocol.data_received(request[:1])
            line.protocol.pause_writing()
            line.protocol.data_received(request[1:])
        await until(lambda: one.service.node.rooms.open_rooms() == 2, "the room")
        await settle()
        assert not any(line.out for line in lines)
        for line in lines:
            line.protocol.resume_writing()
        await one.idle()
        for line in lines:
            line.close()
        return [one.steady(line) for line in lines], counted(one.service)

    here, there, shortly = await on_both_ways(tmp_path, scenario, monkeypatch)
    # How many rooms the list had is a matter of chance.
    for answers, _ in (here, there):
        del answers[1][0]
    assert here == there
    assert shortly == len(whats)


async def test_who_says_no_more_is_answered_what_was_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Some clients shut their half of the line once they have asked. Half a request is not answered."""
    asked = (("read",), ("list",), ("create",), ("create", "read", "list"), ("create, line ended",), ())

    async def scenario(one: Way) -> Any:
        found = []
        for whats in asked:
            line = one.connect()
            line.protocol.data_received(b"".join(ASKED[what].bytes(one.code)[0] for what in whats) or b"GET ")
            if not line.protocol.eof_received():
                line.close()
            await until(lambda: line.closing, "the end")  # noqa: B023 - called here
            await one.idle()
            found.append(one.steady(line))
        return found, counted(one.service)

    here, there, shortly = await on_both_ways(tmp_path, scenario, monkeypatch)
    # How many rooms the lists had is a matter of chance.
    assert [[answer[:2] for answer in answers] for answers in here[0]] == [
        [answer[:2] for answer in answers] for answers in there[0]
    ]
    assert here[1] == there[1]
    assert shortly == 6
    for answers, whats in zip(here[0], asked, strict=True):
        assert [b"connection: close" in answer[1] for answer in answers] == (
            [] if whats in asked[-2:] else [False] * (len(whats) - 1) + [True]
        )


FAILING = {"read": "get", "head": "get", "create": "create", "list": "find"}


async def test_what_fails_in_a_handler_is_told_as_ever(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail_at_once(*_: Any) -> None:
        raise RuntimeError("a fault of ours")

    async def fail_late(*_: Any) -> None:
        await asyncio.sleep(0)
        raise RuntimeError("a fault of ours")

    async def scenario(one: Way) -> Any:
        found = []
        for what, method in FAILING.items():
            for fail in (fail_at_once, fail_late):
                monkeypatch.setattr(one.service.node.rooms, method, fail)
                answers, logs, state = await one.ask(ASKED[what])
                assert [isinstance(entry.pop("exc_info", None), RuntimeError) for entry in logs] == [1, 0]
                found.append((answers, logs, state, counted(one.service)))
        return found

    here, there, shortly = await on_both_ways(tmp_path, scenario, monkeypatch)
    assert here == there
    assert shortly == 2 * len(FAILING)
    for answers, logs, *_ in here:
        ((status, _, body),) = answers
        assert status == b"HTTP/1.1 500 Internal Server Error"
        assert body in (b"", b'{"detail":"Internal server error","code":"server_error"}')
        assert [entry["event"] for entry in logs] == ["request_failed", "request"]


async def test_a_store_that_is_away_is_told_as_ever(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whats = ("create", "list", "statistics", "read", "delete")

    async def scenario(one: Way) -> Any:
        store: Any = one.service.node.store
        await store.load.__self__.close()
        return [await one.ask(ASKED[what]) for what in whats]

    here, there, shortly = await on_both_ways(tmp_path, scenario, monkeypatch)
    assert here == there
    assert shortly == len(whats)
    for answers, logs, _ in here:
        ((status, headers, _),) = answers
        assert status == b"HTTP/1.1 503 Service Unavailable"
        assert b"retry-after: 1" in headers
        assert [entry["event"] for entry in logs] == ["store_unavailable", "request"]


async def test_a_store_that_fails_while_it_is_waited_for_is_told_as_ever(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A handler that was begun outside a task hears of it, and may go on from there."""
    whats = {"read": "load", "head": "load", "list": "find", "statistics": "statistics"}

    async def fail(*_arguments: Any) -> None:
        for _ in range(2):
            with contextlib.suppress(LookupError):
                await _failing(LookupError())
        await asyncio.sleep(0)
        await _failing(StoreUnavailable("away"))

    async def scenario(one: Way) -> Any:
        found = []
        for what, method in whats.items():
            monkeypatch.setattr(one.service.node.rooms._store, method, fail)
            found.append((*await one.ask(ASKED[what]), counted(one.service)))
        return found

    here, there, shortly = await on_both_ways(tmp_path, scenario, monkeypatch)
    assert here == there
    assert shortly == len(whats)
    for answers, logs, *_ in here:
        ((status, headers, _),) = answers
        assert status == b"HTTP/1.1 503 Service Unavailable"
        assert b"retry-after: 1" in headers
        assert [entry["event"] for entry in logs] == ["store_unavailable", "request"]


def _failing(error: Exception) -> asyncio.Future[None]:
    """What fails in a later turn."""
    future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    asyncio.get_running_loop().call_soon(future.set_exception, error)
    return future


async def test_what_cannot_be_encoded_is_a_fault_of_ours(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_arguments: Any) -> None:
        raise TypeError("no JSON")

    monkeypatch.setattr(short_way._Call, "render", fail)
    async with way(tmp_path, short=True) as one:
        for what in ("read", "create"):
            answers, logs, _ = await one.ask(ASKED[what])
            assert answers[0][0] == b"HTTP/1.1 500 Internal Server Error"
            assert [entry["event"] for entry in logs] == ["request_failed", "request"]


async def test_what_is_given_up_at_the_end_is_told_as_ever(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """uvicorn cancels what takes too long when it is to end."""

    async def wait(*_: Any) -> None:
        await asyncio.get_running_loop().create_future()

    async def given_up(one: Way, what: str) -> Any:
        monkeypatch.setattr(one.service.node.rooms, FAILING[what], wait)
        line = one.connect()
        with capture_logs() as logs:
            line.protocol.data_received(ASKED[what].bytes(one.code)[0])
            await settle()
            (task,) = one.service.state.tasks
            task.cancel()
            await one.idle()
        return one.steady(line), _steady_logs(logs), counted(one.service), line.closing

    async def scenario(one: Way) -> Any:
        return [await given_up(one, what) for what in ("list", "create")]

    here, there, _ = await on_both_ways(tmp_path, scenario, monkeypatch)
    assert here == there
    for answers, logs, *_ in here:
        status, headers, body = answers[0]
        assert status == b"HTTP/1.1 503 Service Unavailable"
        assert b"retry-after: 1" in headers
        assert json.loads(body)["code"] == "server_error"
        assert [(entry["status"], entry["error"]) for entry in logs] == [(503, "server_error")]


async def test_an_answer_that_cannot_be_written_does_not_hurt_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with way(tmp_path, short=True) as one:
        lines = [one.connect() for _ in range(3)]

        def fail(_data: bytes) -> None:
            raise OSError("broken")

        monkeypatch.setattr(lines[1], "write", fail)
        told: list[Any] = []
        asyncio.get_running_loop().set_exception_handler(lambda _, context: told.append(context["exception"]))
        for line in lines:
            line.protocol.data_received(ASKED["read"].bytes(one.code)[0])
        await settle()
        asyncio.get_running_loop().set_exception_handler(None)
        assert [bool(line.out) for line in lines] == [True, False, True]
        assert [line.closing for line in lines] == [False, True, False]
        assert [str(error) for error in told] == ["broken"]


async def test_lines_of_a_request_have_its_id(tmp_path: Path) -> None:
    """And those of others on the same line have not."""
    ids: list[Any] = []

    async with way(tmp_path, short=True) as one:
        rooms = cast("Any", one.service.node.rooms)
        get = rooms.get

        async def noted(code: str) -> Any:
            ids.append(structlog.contextvars.get_contextvars().get("request_id"))
            return await get(code)

        rooms.get = noted
        line = one.connect()
        with capture_logs() as logs:
            for number, name in enumerate((b"first", b"second"), 1):
                line.protocol.data_received(read((b"X-Request-Id", name)).bytes(one.code)[0])
                await until(lambda: line.writes == number, "the answer")  # noqa: B023 - called here
                assert structlog.contextvars.get_contextvars().get("request_id") is None
            await settle()
        line.close()
    assert ids == [entry["request_id"] for entry in logs] == ["first", "second"]
