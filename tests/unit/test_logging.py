"""Log lines, byte for byte: what is collected and searched by machines must not change unseen."""

from __future__ import annotations

import io
import json
import logging
import os
import re
import resource
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import structlog
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from signaling.telemetry import logging as own_logging
from signaling.telemetry.logging import LogFormat, configure_logging

CONFIGURED = ("uvicorn.access", "uvicorn.error", "websockets", "litestar")

Capture = pytest.CaptureFixture[str]

TIMESTAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{6})?Z")


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    config = structlog.get_config()
    loggers = [logging.getLogger(name) for name in (None, *CONFIGURED)]
    before = [(logger, logger.level, list(logger.handlers)) for logger in loggers]
    yield
    structlog.configure(**config)
    structlog.contextvars.clear_contextvars()
    for logger, level, handlers in before:
        logger.setLevel(level)
        logger.handlers[:] = handlers


def configured(log_format: LogFormat = "json", level: str = "INFO", worker: int | None = None) -> Any:
    configure_logging(log_format=log_format, level=level, worker=worker)
    return structlog.stdlib.get_logger("signaling.test")


def written(capsys: Capture) -> str:
    """What was written, its timestamps (which must be there) as `T`."""
    text = capsys.readouterr().err
    assert TIMESTAMP.search(text)
    return TIMESTAMP.sub("T", text)


class Odd:
    def __repr__(self) -> str:
        return "<Odd \x1b[31m\n>"


class Broken:
    def __repr__(self) -> str:
        raise RuntimeError("no repr")


def test_a_line_names_when_how_bad_where_and_what_before_the_rest(capsys: Capture) -> None:
    log = configured(worker=3)
    structlog.contextvars.bind_contextvars(request_id="id-1")
    log.info("request", route="/api/rooms/{room_code}", status=200, milliseconds=0.5, error=None)
    assert written(capsys) == (
        '{"timestamp": "T", "level": "info", "logger": "signaling.test", "event": "request", "worker": 3, '
        '"request_id": "id-1", "route": "/api/rooms/{room_code}", "status": 200, "milliseconds": 0.5, '
        '"error": null}\n'
    )


def test_a_line_has_no_fields_that_are_not_known(capsys: Capture) -> None:
    configured().warning("draining")
    assert (
        written(capsys)
        == '{"timestamp": "T", "level": "warning", "logger": "signaling.test", "event": "draining"}\n'
    )


def test_nothing_in_a_line_ends_it_or_speaks_to_a_terminal(capsys: Capture) -> None:
    configured().error("odd", text='\n\r\u2028"\\é😀\ud800', ansi="\x1b[31m\x7f", odd=Odd(), pair=(1, b"\n"))
    assert written(capsys) == (
        '{"timestamp": "T", "level": "error", "logger": "signaling.test", "event": "odd", '
        r'"text": "\n\r\u2028\"\\\u00e9\ud83d\ude00\ud800", "ansi": "\u001b[31m\u007f", '
        r'"odd": "<Odd \u001b[31m\n>", "pair": [1, "b'
        "'\\\\n'\"]}\n"
    )


def test_what_cannot_be_written_as_it_is_does_not_cost_the_line(capsys: Capture) -> None:
    ring: list[Any] = []
    ring.append(ring)
    configured().info("odd", broken=Broken(), ring=ring, keys={(1, 2): 3}, fine=[1])
    assert written(capsys) == (
        '{"timestamp": "T", "level": "info", "logger": "signaling.test", "event": "odd", '
        '"broken": "<Broken without repr>", "ring": "[[...]]", "keys": "{(1, 2): 3}", "fine": "[1]"}\n'
    )


@pytest.mark.parametrize("how", ["exception", "exc_info"])
def test_an_exception_is_told_whole_in_one_line(capsys: Capture, how: str) -> None:
    log = configured()
    try:
        raise ValueError("at fault: é")
    except ValueError as error:
        if how == "exception":
            log.exception("failed", code="x")
        else:
            log.error("failed", code="x", exc_info=error)
    line = written(capsys)
    assert line.startswith(
        '{"timestamp": "T", "level": "error", "logger": "signaling.test", "event": "failed", "code": "x", '
        r'"exception": "Traceback (most recent call last):\n  File \"'
    )
    assert line.endswith('\\nValueError: at fault: \\u00e9"}\n')
    assert line.count("\n") == 1


@pytest.mark.parametrize("level", ["DEBUG", "INFO", "WARNING", "ERROR"])
def test_lines_below_the_level_are_left_out(capsys: Capture, level: str) -> None:
    log = configured(level=level)
    foreign = logging.getLogger("some.library")
    names = ["debug", "info", "warning", "error", "critical"]
    for name in names:
        getattr(log, name)("ours")
        getattr(foreign, name)("foreign")
    loud = names[names.index(level.lower()) :]
    heard = re.findall(r'"level": "(\w+)"', written(capsys))
    assert heard == [name for name in loud for _ in range(2)]


def test_libraries_come_out_alike(capsys: Capture) -> None:
    configured(worker=1)
    structlog.contextvars.bind_contextvars(request_id="id-2")
    foreign = logging.getLogger("uvicorn.error")
    foreign.info("not told")
    foreign.warning("%s connections\n", 7, extra={"limit": 5})
    assert written(capsys) == (
        '{"timestamp": "T", "level": "warning", "logger": "uvicorn.error", "event": "7 connections\\n", '
        '"worker": 1, "request_id": "id-2", "limit": 5}\n'
    )


def test_a_wrong_call_of_a_library_raises_nothing(capsys: Capture) -> None:
    configured()
    logging.getLogger("some.library").warning("%d", "no number")
    assert "no number" in capsys.readouterr().err


def test_the_console_shows_the_same_lines_for_people(capsys: Capture) -> None:
    log = configured("console")
    log.info("joined", room_code="abc234", text="\x1b[31m\n")
    logging.getLogger("some.library").warning("told")
    plain = re.sub(r"\x1b\[\d+m", "", written(capsys))
    assert plain == (
        "T [info     ] joined                         [signaling.test] room_code=abc234 text='\\x1b[31m\\n'\n"
        "T [warning  ] told                           [some.library]\n"
    )


def test_each_line_is_one_write(monkeypatch: pytest.MonkeyPatch) -> None:
    writes = []

    class Stream(io.StringIO):
        def write(self, text: str) -> int:
            writes.append(text)
            return len(text)

    monkeypatch.setattr(sys, "stderr", Stream())
    log = configured()
    log.info("first", text="\n")
    logging.getLogger("some.library").warning("second")
    assert [text.count("\n") for text in writes] == [1, 1]
    assert all(text.endswith("}\n") for text in writes)


class Named:
    name = "signaling.\u00e9"


texts = st.text(st.characters(), max_size=8)
scalars = st.none() | st.booleans() | st.integers() | st.floats() | texts
values = st.recursive(
    scalars | st.binary(max_size=3) | st.sampled_from([Odd(), {(1, 2): 3}, LogFormat]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=6,
)
# `_record` is the chain's own: a logging.LogRecord.
names = texts.filter(lambda name: name != "_record") | st.sampled_from(
    ["timestamp", "level", "logger", "event", "worker", "request_id", "exc_info", "route", "status"]
)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    entry=st.dictionaries(names, values, max_size=6),
    bound=st.dictionaries(st.sampled_from(["request_id", "status", "worker"]), values, max_size=2),
    worker=st.none() | st.integers(0, 9),
    method=st.sampled_from(["debug", "info", "warning", "error", "critical", "exception", "warn"]),
)
def test_one_step_says_what_the_chain_of_processors_says(
    monkeypatch: pytest.MonkeyPatch, entry: Any, bound: Any, worker: int | None, method: str
) -> None:
    configured(worker=worker)
    (one_step,) = structlog.get_config()["processors"]
    taken: list[str] = []
    with monkeypatch.context() as patch, structlog.contextvars.bound_contextvars(**bound):
        patch.setattr(one_step, "_by_chain", lambda *_: taken.append("chain"))
        line = one_step(Named, method, dict(entry))
        patch.undo()
        chain = own_logging._OneStep._by_chain(one_step, Named, method, dict(entry))
    if not taken:
        assert TIMESTAMP.sub("T", line, count=1) == TIMESTAMP.sub("T", chain, count=1)
        assert method not in ("exception", "warn")
        assert "event" in entry
    else:
        # Not for nothing: what is ordinary goes in one step.
        plain = all(type(value) in (str, int, float, bool, type(None)) for value in entry.values())
        unusual = method in ("exception", "warn") or "event" not in entry or "exc_info" in entry
        assert unusual or not plain or bound


@pytest.mark.parametrize(
    ("nanoseconds", "told"),
    [
        (1_795_000_000_123_456_789, "2026-11-18T11:06:40.123456Z"),
        (1_795_000_000_000_000_999, "2026-11-18T11:06:40Z"),
        (1_795_000_000_000_001_000, "2026-11-18T11:06:40.000001Z"),
        (1_795_000_000_999_999_999, "2026-11-18T11:06:40.999999Z"),
        (1_795_000_001_000_000_000, "2026-11-18T11:06:41Z"),
    ],
)
def test_a_timestamp_is_that_of_isoformat(
    capsys: Capture, monkeypatch: pytest.MonkeyPatch, nanoseconds: int, told: str
) -> None:
    log = configured()
    monkeypatch.setattr(time, "time_ns", lambda: nanoseconds)
    log.info("told")
    assert capsys.readouterr().err.startswith(f'{{"timestamp": "{told}", ')
    seconds, micro = divmod(nanoseconds // 1000, 1_000_000)
    moment = datetime.fromtimestamp(seconds, UTC).replace(microsecond=micro)
    assert moment.isoformat().replace("+00:00", "Z") == told


def test_lines_reach_the_file_at_once_and_in_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "log"
    with path.open("w", encoding="ascii", errors="backslashreplace") as stream:
        monkeypatch.setattr(sys, "stderr", stream)
        log = configured("console")
        log.info("first")
        assert path.read_text().count("\n") == 1
        logging.getLogger("some.library").warning("second")
        log.warning("third \u00e9")
        lines = path.read_text().splitlines()
    assert len(lines) == 3
    for line, event in zip(lines, ("first", "second", "third \\xe9"), strict=True):
        assert event in line


def test_a_line_that_was_begun_is_ended_before_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    """A pipe that is full takes a part. Lines for which there is no room at all are left out whole."""
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    os.set_blocking(reader, False)
    with open(writer, "w") as stream, open(reader, "rb") as read:
        monkeypatch.setattr(sys, "stderr", stream)
        log = configured()
        log.info("begun", text="x" * 100_000)
        log.info("left out")
        written = read.read(1 << 20)
        assert 0 < len(written) < 100_000
        log.info("after")
        written += read.read(1 << 20)
    begun, after, end = written.split(b"\n")
    assert json.loads(begun)["text"] == "x" * 100_000
    assert json.loads(after)["event"] == "after"
    assert end == b""


def test_a_disk_that_was_full_hurts_no_line_after(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It, too, takes a part; then it refuses."""
    path = tmp_path / "log"
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    with path.open("w") as stream:
        monkeypatch.setattr(sys, "stderr", stream)
        log = configured()
        log.info("begun", text="x" * 1000)
        size = path.stat().st_size
        try:
            for more in (100, 200):
                resource.setrlimit(resource.RLIMIT_FSIZE, (size + more, limits[1]))
                log.info("ended later", text="x" * 1000)
                assert path.stat().st_size == size + more
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        log.info("after")
    told = [json.loads(line) for line in path.read_text().splitlines()]
    assert [line["event"] for line in told] == ["begun", "ended later", "after"]


@pytest.mark.parametrize("end", ["closed", "broken", "full", "none"])
def test_nobody_fails_because_the_log_cannot_be_written(monkeypatch: pytest.MonkeyPatch, end: str) -> None:
    reader, writer = os.pipe()
    os.set_blocking(writer, end != "full")
    stream = open(writer, "w", closefd=end == "closed", buffering=1)  # noqa: SIM115
    monkeypatch.setattr(sys, "stderr", None if end == "none" else stream)
    log = configured()
    if end == "closed":
        stream.close()
    elif end == "broken":
        os.close(reader)
    for _ in range(2):
        log.info("told", text="x" * 100_000)
        logging.getLogger("some.library").warning("told")
    if end == "full":
        # What was there is not hurt, and once it is read lines come again.
        assert os.read(reader, 1 << 20).startswith(b'{"timestamp": "')
        log.info("again")
        assert b'"event": "again"' in os.read(reader, 1 << 20)
    if end != "broken":
        os.close(reader)
    if end != "closed":
        os.close(writer)
