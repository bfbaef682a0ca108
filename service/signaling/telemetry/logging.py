"""Structured logs: JSON lines in production, readable on a terminal.

The service's own lines take a short way: no record of the standard library's is made for them. What
libraries (uvicorn, litestar) log through it comes out alike, in the same stream. Never logged: keys,
tokens, session descriptions, candidates, display names.
"""

from __future__ import annotations

import contextlib
import json
import logging
import logging.config
import sys
import threading
from typing import Any, Final, Literal, TextIO

import structlog

LogFormat = Literal["json", "console"]

_SHARED: list[Any] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_logger_name,
    structlog.stdlib.add_log_level,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
]

_FIRST = ("timestamp", "level", "logger", "event", "worker", "request_id")


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
    else:
        # The plain form of tracebacks: richer ones show local variables, and with them keys and names.
        final = [structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)]
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
        processors=[*shared, *final],
        logger_factory=lambda *name: _Named(lines, *name),
        wrapper_class=structlog.make_filtering_bound_logger(level),
        cache_logger_on_first_use=True,
    )


class Lines:
    """Where lines go, each in one write. If the stream is broken or gone, so is whoever could be told."""

    def __init__(self, stream: TextIO | None) -> None:
        """``stream`` is None where the process has none."""
        self._stream = stream
        # A signal's handler may log in the middle of a line of its own thread.
        self._lock = threading.RLock()

    def write(self, line: str) -> None:
        """Write ``line`` and its end."""
        if self._stream is not None:
            with self._lock, contextlib.suppress(Exception):
                self._stream.write(line + "\n")
                self._stream.flush()


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
