"""Every environment variable, read and checked together at start.

`Settings.from_environment` reports all faults at once, each with how to mend it. Nothing else
reads the environment.
"""

from __future__ import annotations

import ipaddress
import json
import re
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final, Literal
from urllib.parse import parse_qsl, urlsplit

from msgspec import Struct

from signaling.contract.types import (
    MAX_PARTICIPANTS,
    MAX_TTL_HOURS,
    MIN_PARTICIPANTS,
    MIN_TTL_HOURS,
)

KEY_RECIPE: Final = 'python -c "import secrets; print(secrets.token_urlsafe(32))"'
SHORT_KEY: Final = 16
"""Keys shorter than this could be found by trying; the service warns of them at start."""

_MAX_QUOTED: Final = 80
"""Characters of a setting's text that a fault repeats."""

_KEY: Final = re.compile(r"[!-~]+")
_DATABASE: Final = re.compile(r"(/[0-9]{0,5})?")
_INTEGER: Final = re.compile(r"-?[0-9]{1,18}")

_LEVELS: Final = ("DEBUG", "INFO", "WARNING", "ERROR")


class SettingsError(Exception):
    """One or more settings are wrong; ``faults`` has a sentence for each."""

    def __init__(self, faults: list[str]) -> None:
        """See the class."""
        self.faults = faults
        super().__init__("; ".join(faults))


class Settings(Struct, frozen=True, kw_only=True):
    """The service's configuration, valid as a whole. docs/configuration.md says what each is for."""

    api_keys: tuple[str, ...]
    allowed_origins: tuple[str, ...]
    room_ttl_hours: int
    max_participants_per_room: int
    room_retention_hours: int
    host: str
    port: int
    data_dir: Path
    redis_url: str
    """Where rooms are shared with other nodes; empty: they are kept in ``data_dir``, for one process."""
    web_concurrency: int
    """Processes that serve on the port."""
    trusted_proxies: tuple[str, ...]
    ice_servers: tuple[dict[str, Any], ...]
    log_format: Literal["json", "console"]
    log_level: str
    metrics_public: bool
    drain_seconds: int
    max_frame_bytes: int
    outbox_bytes: int
    replay_bytes: int
    replay_frames: int
    reconnect_grace_seconds: int
    join_timeout_seconds: int
    frames_per_second: int
    burst_frames: int
    unknown_codes_per_minute: int
    max_connections: int
    ping_interval_seconds: int
    ping_timeout_seconds: int

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> Settings:
        """Read the settings. Raises SettingsError with every fault at once."""
        read = _Reader(environment)
        settings = {
            "api_keys": read.parsed("API_KEY", "", _api_keys),
            "allowed_origins": read.parsed("ALLOWED_ORIGINS", "*", _origins),
            "room_ttl_hours": read.integer("ROOM_TTL_HOURS", 24, MIN_TTL_HOURS, MAX_TTL_HOURS),
            "max_participants_per_room": read.integer(
                "MAX_PARTICIPANTS_PER_ROOM", 50, MIN_PARTICIPANTS, MAX_PARTICIPANTS
            ),
            "room_retention_hours": read.integer("ROOM_RETENTION_HOURS", 168, 1, 8760),
            "host": read.parsed("HOST", "0.0.0.0", str.strip),  # noqa: S104 - a server's default, behind a proxy
            "port": read.integer("PORT", 8000, 0, 65535),
            "data_dir": read.parsed("DATA_DIR", "data", Path),
            "redis_url": read.parsed("REDIS_URL", "", _redis_url),
            "web_concurrency": read.integer("WEB_CONCURRENCY", 1, 1, 64),
            "trusted_proxies": read.parsed("TRUSTED_PROXIES", "none", _proxies),
            "ice_servers": read.parsed("ICE_SERVERS", "[]", _ice_servers),
            "log_format": read.choice(
                # There is none where the process was started with standard error closed.
                "LOG_FORMAT",
                "console" if sys.stderr is not None and sys.stderr.isatty() else "json",
                ("json", "console"),
            ),
            "log_level": read.choice("LOG_LEVEL", "INFO", _LEVELS),
            "metrics_public": read.choice("METRICS_PUBLIC", "0", ("0", "1")) == "1",
            "drain_seconds": read.integer("DRAIN_SECONDS", 20, 1, 600),
            "max_frame_bytes": read.integer("MAX_FRAME_BYTES", 65_536, 4096, 1_048_576),
            "outbox_bytes": read.integer("OUTBOX_BYTES", 1_048_576, 131_072, 67_108_864),
            "replay_bytes": read.integer("REPLAY_BYTES", 262_144, 4096, 16_777_216),
            "replay_frames": read.integer("REPLAY_FRAMES", 1024, 1, 65_536),
            "reconnect_grace_seconds": read.integer("RECONNECT_GRACE_SECONDS", 20, 0, 300),
            "join_timeout_seconds": read.integer("JOIN_TIMEOUT_SECONDS", 60, 1, 3600),
            "frames_per_second": read.integer("FRAMES_PER_SECOND", 2000, 1, 1_000_000),
            "burst_frames": read.integer("BURST_FRAMES", 4000, 1, 1_000_000),
            "unknown_codes_per_minute": read.integer("UNKNOWN_CODES_PER_MINUTE", 60, 1, 100_000),
            "max_connections": read.integer("MAX_CONNECTIONS", 20_000, 1, 1_000_000),
            "ping_interval_seconds": read.integer("PING_INTERVAL_SECONDS", 20, 1, 3600),
            "ping_timeout_seconds": read.integer("PING_TIMEOUT_SECONDS", 20, 1, 3600),
        }
        if settings["web_concurrency"] > 1 and settings["redis_url"] == "":
            read.faults.append(
                "WEB_CONCURRENCY: several processes need REDIS_URL, as the database in DATA_DIR is for one. "
                "Set REDIS_URL, or WEB_CONCURRENCY to 1"
            )
        if read.faults:
            raise SettingsError(read.faults)
        # A resume writes all of it at once, and must not overflow the very socket that it is for.
        settings["replay_bytes"] = min(settings["replay_bytes"], settings["outbox_bytes"] // 2)
        return cls(**settings)


class _Reader:
    """Reads variables and gathers faults. An empty variable counts as unset."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = environment
        self.faults: list[str] = []

    def parsed(self, name: str, default: str, parse: Callable[[str], Any]) -> Any:
        try:
            return parse(self._environment.get(name, "").strip() or default)
        except ValueError as error:
            self.faults.append(f"{name}: {error}")
            return None

    def integer(self, name: str, default: int, low: int, high: int) -> int:
        def parse(text: str) -> int:
            # Not all that int() takes: 1_000 or Arabic digits are more likely a slip.
            if not _INTEGER.fullmatch(text) or not low <= int(text) <= high:
                raise ValueError(f"must be a whole number from {low} to {high}, not {_quoted(text)}")
            return int(text)

        return int(self.parsed(name, str(default), parse) or 0)

    def choice(self, name: str, default: str, allowed: tuple[str, ...]) -> Any:
        def parse(text: str) -> str:
            for value in allowed:
                if text.lower() == value.lower():
                    return value
            raise ValueError(f"must be one of {', '.join(allowed)}, not {_quoted(text)}")

        return self.parsed(name, default, parse)


def _api_keys(text: str) -> tuple[str, ...]:
    keys = tuple(key.strip() for key in text.split(",") if key.strip())
    if not keys:
        raise ValueError(f"is required. Make a key with: {KEY_RECIPE}")
    # Told by their numbers, never by the keys themselves: this goes into logs.
    bad = [str(number) for number, key in enumerate(keys, 1) if not _KEY.fullmatch(key)]
    if bad:
        raise ValueError(
            f"key {', '.join(bad)} of {len(keys)} must be printable ASCII without spaces, for it travels in "
            f"a header. Make a key with: {KEY_RECIPE}"
        )
    return keys


def _origins(text: str) -> tuple[str, ...]:
    origins = tuple(origin.strip() for origin in text.split(",") if origin.strip())
    for origin in origins:
        if origin != "*" and not _is_origin(origin):
            raise ValueError(
                f"{_quoted(origin)} is not an origin. Write scheme and host in lower case and without a path "
                "such as https://school.example, several separated by commas, or `*` for all"
            )
    return origins or ("*",)


def _is_origin(text: str) -> bool:
    """Whether browsers send it so: compared as text, anything else would never match."""
    try:
        parts = urlsplit(text)
        default_port = {"http": 80, "https": 443}.get(parts.scheme)
        return (
            default_port is not None
            and bool(parts.hostname)
            and "@" not in parts.netloc
            and "*" not in parts.netloc
            and parts.port != default_port
            and text == f"{parts.scheme}://{parts.netloc}".lower()
        )
    except ValueError:
        return False


def _redis_url(text: str) -> str:
    """A URL that the client library takes, or nothing."""
    if text and not _is_redis_url(text):
        # Not repeated: there may be a password in it.
        raise ValueError(
            "is no address of a Redis. Write redis://host:6379, rediss://user:password@host:6379 with TLS, "
            "or unix:///path/to/socket; then perhaps /1 for another database, and options of TLS such as "
            "?ssl_ca_certs=/path. In a password, write `/`, `?`, `#` and `@` as %2F, %3F, %23 and %40. "
            "Leave it unset to keep rooms in DATA_DIR"
        )
    return text


def _is_redis_url(text: str) -> bool:
    try:
        parts = urlsplit(text)
        # Others would change what the service relies on.
        options = {name for name, _ in parse_qsl(parts.query, keep_blank_values=True)}
    except ValueError:
        return False
    if parts.fragment or not all(name == "db" or name.startswith("ssl_") for name in options):
        return False
    if parts.scheme == "unix":
        return bool(parts.path)
    try:
        # Reading the port raises where it is none, and so it is where a password has a `/` of its own.
        return (
            parts.scheme in ("redis", "rediss")
            and bool(parts.hostname)
            and parts.port != 0
            and _DATABASE.fullmatch(parts.path) is not None
        )
    except ValueError:
        return False


def _proxies(text: str) -> tuple[str, ...]:
    proxies = tuple(proxy.strip() for proxy in text.split(",") if proxy.strip())
    if proxies == ("none",):
        return ()
    for proxy in proxies:
        if proxy != "*":
            try:
                ipaddress.ip_network(proxy)
            except ValueError:
                raise ValueError(
                    f"{_quoted(proxy)} is no address or network. Write addresses or networks such as "
                    "10.0.0.0/8, `*` to trust whoever connects, or `none`"
                ) from None
    return proxies


def _ice_servers(text: str) -> tuple[dict[str, Any], ...]:
    example = 'such as [{"urls": "stun:stun.example.org:3478"}]'
    try:
        servers = json.loads(text)
    except (ValueError, RecursionError):
        raise ValueError(f"must be a JSON array of RTCIceServer objects, {example}") from None
    if not isinstance(servers, list) or not all(
        isinstance(server, dict) and _are_urls(server.get("urls")) for server in servers
    ):
        raise ValueError(f"must be a JSON array of RTCIceServer objects with `urls`, {example}")
    return tuple(servers)


def _are_urls(value: object) -> bool:
    """One URL, or an array of some. Their scheme is for the browser to judge."""
    urls = value if isinstance(value, list) else [value]
    return bool(urls) and all(isinstance(url, str) for url in urls)


def _quoted(text: str) -> str:
    """The operator's text in a message: on one line, and not endless."""
    return repr(text if len(text) <= _MAX_QUOTED else text[:_MAX_QUOTED] + "...")
