"""Structured logs: JSON lines in production, readable on a terminal.

Loggers of the libraries (uvicorn, litestar) go the same way. Never logged: keys, tokens,
session descriptions, candidates, display names.
"""

from __future__ import annotations

import logging
import logging.config
from typing import Any, Literal

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
        final = [structlog.processors.format_exc_info, _in_order, structlog.processors.JSONRenderer()]
    else:
        # The plain form of tracebacks: richer ones show local variables, and with them keys and names.
        final = [structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)]
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
            "handlers": {
                "stderr": {
                    "class": "logging.StreamHandler",
                    "formatter": "structured",
                    "stream": "ext://sys.stderr",
                }
            },
            "root": {"handlers": ["stderr"], "level": level},
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
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.PositionalArgumentsFormatter(),
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )


def _in_order(_logger: Any, _method: str, entry: dict[str, Any]) -> dict[str, Any]:
    """When, how bad, where, what; then the rest."""
    return {key: entry[key] for key in _FIRST if key in entry} | entry
