"""Structured logs: JSON lines in production, readable on a terminal.

The service's own lines take a short way: no record of the standard library's is made for them, and JSON is
put together in one step. What libraries (uvicorn, litestar) log through it comes out alike, in the same
stream. Never logged: keys, tokens, session descriptions, candidates, display names.
"""

from __future__ import annotations

import json
import logging
import logging.config
import math
import os
import sys
import threading
import time
from collections.abc import Sequence
from json.encoder import encode_basestring_ascii as _text
from typing import Any, Final, Literal, TextIO

import structlog

LogFormat = Literal["json", "console"]

_SHARED: list[Any] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_logger_name,
    structlog.stdlib.add_log_level,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
]

_FIRST: Final = ("timestamp", "level", "logger", "event", "worker", "request_id")
_AFTER_EVENT: Final = _FIRST[_FIRST.index("event") + 1 :]


def configure_logging(*, log_format: LogFormat, level: str, worker: int | None = None) -> None:
    """Set up logging for the process. ``level`` is a name of the standard library's levels.

    Every line of a ``worker`` has its number.
    """

    def numbered(_logger: Any, _method: str, entry: dict[str, Any]) -> dict[str, Any]:
        return {**entry, "worker": worker}

    shared = _SHARED if worker is None else [*_SHARED, numbered]
    final: list[Any]
    if log_format == "json":
        final = [structlog.processors.format_exc_info, _in_order, _json]
        own = [_OneStep(worker, [*shared, *final])]
    else:
        # The plain form of tracebacks: richer ones show local variables, and with them keys and names.
        final = [structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)]
        own = [*shared, *final]
    lines = Lines(sys.stderr)
    logging.config.dictConfig(
        {
            "version": 1,
            "disable_existing_loggers": False,
            "formatters": {
                "structured": {
                    "()": structlog.stdlib.ProcessorFormatter,
                    "foreign_pre_chain": [*shared, structlog.stdlib.ExtraAdder()],
                    "processors": [structlog.stdlib.ProcessorFormatter.remove_processors_meta, *final],
                }
            },
            "handlers": {"lines": {"()": _Foreign, "lines": lines, "formatter": "structured"}},
            "root": {"handlers": ["lines"], "level": level},
            "loggers": {
                # One line a request or socket is written by the service itself, with its ids.
                "uvicorn.access": {"level": "WARNING"},
                "uvicorn.error": {"level": "WARNING"},
                "websockets": {"level": "WARNING"},
                # Every refused request is an exception to Litestar; the service logs what matters.
                "litestar": {"level": "CRITICAL"},
            },
        }
    )
    structlog.configure(
        processors=own,
        logger_factory=lambda *name: _Named(lines, *name),
        wrapper_class=structlog.make_filtering_bound_logger(level),
        cache_logger_on_first_use=True,
    )


class Lines:
    """Where lines go, each in one write. If the stream is broken or gone, so is whoever could be told."""

    def __init__(self, stream: TextIO | None) -> None:
        """``stream`` is None where the process has none."""
        self._stream = stream
        self._file = _file_of(stream)
        self._encoding = (stream and stream.encoding) or "utf-8"
        self._errors = (stream and stream.errors) or "backslashreplace"
        self._left = b""
        """The rest of a line that was begun, and has to be ended before the next."""
        # A signal's handler may log in the middle of a line of its own thread.
        self._lock = threading.RLock()

    def write(self, line: str) -> None:
        """Write ``line`` and its end."""
        stream = self._stream
        if stream is None or stream.closed:
            return
        with self._lock:
            try:
                if self._file is None:
                    stream.write(line + "\n")
                    stream.flush()
                    return
                if self._left:
                    self._left = self._push(self._left)
                if not self._left:
                    data = f"{line}\n".encode(self._encoding, self._errors)
                    left = self._push(data)
                    self._left = left if len(left) < len(data) else b""
            except Exception:  # noqa: BLE001, S110 - nobody is to fail because of the log
                pass

    def _push(self, data: bytes) -> bytes:
        """Write to the file without the stream's layers: they cost more than the line. What is left."""
        assert self._file is not None
        try:
            while data:
                data = data[os.write(self._file, data) :]
        except OSError:
            pass  # Whoever reads does not keep up, or the disk is full: what was begun is ended later.
        return data


def _file_of(stream: TextIO | None) -> int | None:
    try:
        return None if stream is None else stream.fileno()
    except (OSError, ValueError):
        return None


class _Named:
    """What structlog hands a rendered line to."""

    __slots__ = ("critical", "debug", "error", "info", "name", "warning")

    def __init__(self, lines: Lines, name: str | None = None) -> None:
        self.name = name
        self.debug = self.info = self.warning = self.error = self.critical = lines.write


class _Foreign(logging.Handler):
    """Writes what libraries log."""

    def __init__(self, lines: Lines) -> None:
        super().__init__()
        self._lines = lines

    def emit(self, record: logging.LogRecord) -> None:
        """Write a record."""
        try:
            line = self.format(record)
        except Exception:  # noqa: BLE001 - as every handler of the standard library does
            self.handleError(record)
        else:
            self._lines.write(line)


class _OneStep:
    """Renders a line as the chain of processors would, byte for byte, at less than half the cost."""

    def __init__(self, worker: int | None, chain: Sequence[Any]) -> None:
        """``chain`` is for lines that are not plain."""
        self._worker = worker
        self._chain = chain
        self._second = (-1, "")
        """The last second that was told, and how."""

    def __call__(self, logger: Any, method: str, entry: Any) -> str:
        """A structlog processor, the only one."""
        _merge(logger, method, entry)
        if method not in _PLAIN_METHODS or "event" not in entry or "exc_info" in entry or "_record" in entry:
            return self._by_chain(logger, method, entry)
        if self._worker is not None:
            entry["worker"] = self._worker
        try:
            line = (
                f'{{"timestamp": "{self._now()}", "level": "{method}", "logger": {_text(logger.name)}, '
                f'"event": {_value(entry["event"])}'
            )
            for key in _AFTER_EVENT:
                if key in entry:
                    line += f', "{key}": {_value(entry[key])}'
            for key, value in entry.items():
                if key not in _PLACED:
                    line += f", {_text(key)}: {_value(value)}"
        except Exception:  # noqa: BLE001 - something in it is no JSON
            return self._by_chain(logger, method, entry)
        return line + "}"

    def _by_chain(self, logger: Any, method: str, entry: Any) -> str:
        for processor in self._chain:
            entry = processor(logger, method, entry)
        return str(entry)

    def _now(self) -> str:
        """The time as `datetime.isoformat` has it; most lines share their second with the one before."""
        second, micro = divmod(time.time_ns() // 1000, 1_000_000)
        known, text = self._second
        if second != known:
            text = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(second))
            self._second = (second, text)
        return f"{text}.{micro:06d}Z" if micro else f"{text}Z"


_merge: Final = structlog.contextvars.merge_contextvars

_PLACED: Final = frozenset(_FIRST)

_PLAIN_METHODS: Final = frozenset(("debug", "info", "warning", "error", "critical"))


def _value(value: Any) -> str:
    kind = type(value)
    if kind is str:
        return _text(value)
    if kind is int or (kind is float and math.isfinite(value)):
        return repr(value)
    return _encode(value)


def _in_order(_logger: Any, _method: str, entry: dict[str, Any]) -> dict[str, Any]:
    """When, how bad, where, what; then the rest."""
    return {key: entry[key] for key in _FIRST if key in entry} | entry


def _json(_logger: Any, _method: str, entry: dict[str, Any]) -> str:
    """One line, in ASCII: nothing in it ends the line, or speaks to a terminal."""
    try:
        return _encode(entry)
    except Exception:  # noqa: BLE001 - whatever it is, a line about it is better than none
        return _encode({key: _told(value) for key, value in entry.items()})


def _told(value: Any) -> Any:
    if value is None or isinstance(value, bool | int | float | str):
        return value
    try:
        return repr(value)
    except Exception:  # noqa: BLE001 - its author's fault, which must not hide what was to be said
        return f"<{type(value).__name__} without repr>"


_encode: Final = json.JSONEncoder(default=_told).encode
