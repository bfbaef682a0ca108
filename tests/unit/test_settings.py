"""Settings: read from the environment, checked together, every fault told with how to mend it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from signaling.settings import KEY_RECIPE, Settings, SettingsError

KEY = "a-key-that-is-long-enough"


def read(**environment: str) -> Settings:
    return Settings.from_environment({"API_KEY": KEY, **environment})


def faults(**environment: str) -> list[str]:
    with pytest.raises(SettingsError) as caught:
        read(**environment)
    assert str(caught.value)
    return caught.value.faults


def test_the_guides_defaults() -> None:
    settings = read()
    assert settings.api_keys == (KEY,)
    assert settings.allowed_origins == ("*",)
    assert settings.room_ttl_hours == 24
    assert settings.max_participants_per_room == 50
    assert settings.room_retention_hours == 168
    assert settings.port == 8000
    assert settings.host == "0.0.0.0"
    assert settings.data_dir == Path("data")
    assert settings.metrics_public is False
    assert settings.trusted_proxies == ()
    assert settings.ice_servers == ()
    assert settings.max_frame_bytes == 65_536
    assert settings.outbox_bytes == 1_048_576
    assert settings.join_timeout_seconds == 60
    assert settings.unknown_codes_per_minute == 60


def test_empty_is_unset() -> None:
    names = ("ALLOWED_ORIGINS", "ROOM_TTL_HOURS", "PORT", "HOST", "DATA_DIR", "LOG_LEVEL", "METRICS_PUBLIC")
    assert read(**dict.fromkeys(names, " ")) == read()


@pytest.mark.parametrize("key", ["", " ", ",", " , ,"])
def test_no_key(key: str) -> None:
    (fault,) = faults(API_KEY=key)
    assert fault == f"API_KEY: is required. Make a key with: {KEY_RECIPE}"
    with pytest.raises(SettingsError):
        Settings.from_environment({})


def test_several_keys() -> None:
    assert read(API_KEY=" one-key , another-key,").api_keys == ("one-key", "another-key")


@pytest.mark.parametrize("key", ["with space", "schlüssel", "tab\there", "nul\0", "\x7f"])
def test_keys_that_no_header_can_carry(key: str) -> None:
    (fault,) = faults(API_KEY=f"good-key,{key},good-too,{key}")
    assert fault.startswith("API_KEY: key 2, 4 of 4 must be printable ASCII")
    assert key not in fault


NUMBERS = [
    ("ROOM_TTL_HOURS", "room_ttl_hours", 1, 168),
    ("MAX_PARTICIPANTS_PER_ROOM", "max_participants_per_room", 2, 100),
    ("ROOM_RETENTION_HOURS", "room_retention_hours", 1, 8760),
    ("PORT", "port", 0, 65535),
    ("DRAIN_SECONDS", "drain_seconds", 1, 600),
    ("MAX_FRAME_BYTES", "max_frame_bytes", 4096, 1_048_576),
    ("OUTBOX_BYTES", "outbox_bytes", 131_072, 67_108_864),
    ("JOIN_TIMEOUT_SECONDS", "join_timeout_seconds", 1, 3600),
    ("FRAMES_PER_SECOND", "frames_per_second", 1, 1_000_000),
    ("BURST_FRAMES", "burst_frames", 1, 1_000_000),
    ("UNKNOWN_CODES_PER_MINUTE", "unknown_codes_per_minute", 1, 100_000),
    ("MAX_CONNECTIONS", "max_connections", 1, 1_000_000),
    ("PING_INTERVAL_SECONDS", "ping_interval_seconds", 1, 3600),
    ("PING_TIMEOUT_SECONDS", "ping_timeout_seconds", 1, 3600),
]


@pytest.mark.parametrize(("name", "field", "low", "high"), NUMBERS)
def test_numbers(name: str, field: str, low: int, high: int) -> None:
    for value in (low, high, (low + high) // 2):
        assert getattr(read(**{name: f" {value} "}), field) == value
    for bad in (str(low - 1), str(high + 1), "x", "1.5", "1e3", "0x10", "1_0", "٣", "--1", "9" * 5000):
        (fault,) = faults(**{name: bad})
        assert fault.startswith(f"{name}: must be a whole number from {low} to {high}, not '")
        assert len(fault) < 200


@pytest.mark.parametrize(
    ("name", "value", "field", "read_as"),
    [
        ("LOG_FORMAT", "JSON", "log_format", "json"),
        ("LOG_FORMAT", "console", "log_format", "console"),
        ("LOG_LEVEL", "debug", "log_level", "DEBUG"),
        ("LOG_LEVEL", "Error", "log_level", "ERROR"),
        ("METRICS_PUBLIC", "1", "metrics_public", True),
        ("METRICS_PUBLIC", "0", "metrics_public", False),
        ("DATA_DIR", "/var/lib/signaling", "data_dir", Path("/var/lib/signaling")),
        ("HOST", "::1", "host", "::1"),
        ("REDIS_URL", "", "redis_url", ""),
        ("REDIS_URL", "redis://redis", "redis_url", "redis://redis"),
        ("REDIS_URL", "rediss://u:p%40@[::1]:6380/2", "redis_url", "rediss://u:p%40@[::1]:6380/2"),
        ("REDIS_URL", "unix:///run/redis.sock", "redis_url", "unix:///run/redis.sock"),
        ("REDIS_URL", "unix:///redis.sock?db=1", "redis_url", "unix:///redis.sock?db=1"),
        ("REDIS_URL", "rediss://r/?ssl_ca_certs=/ca", "redis_url", "rediss://r/?ssl_ca_certs=/ca"),
        ("TRUSTED_PROXIES", "*", "trusted_proxies", ("*",)),
        ("TRUSTED_PROXIES", "none", "trusted_proxies", ()),
        ("TRUSTED_PROXIES", "10.0.0.0/8, ::1", "trusted_proxies", ("10.0.0.0/8", "::1")),
        ("ALLOWED_ORIGINS", "*", "allowed_origins", ("*",)),
        (
            "ALLOWED_ORIGINS",
            "https://a.example, http://localhost:3000,",
            "allowed_origins",
            ("https://a.example", "http://localhost:3000"),
        ),
        ("ALLOWED_ORIGINS", "https://[::1]:8443", "allowed_origins", ("https://[::1]:8443",)),
        ("ICE_SERVERS", "[]", "ice_servers", ()),
        (
            "ICE_SERVERS",
            '[{"urls": ["turn:t.example"], "username": "u", "credential": "c"}]',
            "ice_servers",
            ({"urls": ["turn:t.example"], "username": "u", "credential": "c"},),
        ),
    ],
)
def test_values(name: str, value: str, field: str, read_as: Any) -> None:
    assert getattr(read(**{name: value}), field) == read_as


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("LOG_FORMAT", "xml"),
        ("LOG_LEVEL", "loud"),
        ("METRICS_PUBLIC", "yes"),
        ("TRUSTED_PROXIES", "proxy.example"),
        ("TRUSTED_PROXIES", "10.0.0.1/8"),
        ("ALLOWED_ORIGINS", "school.example"),
        ("ALLOWED_ORIGINS", "https://school.example/"),
        ("ALLOWED_ORIGINS", "https://school.example/path"),
        ("ALLOWED_ORIGINS", "https://School.example"),
        ("ALLOWED_ORIGINS", "https://school.example:443"),
        ("ALLOWED_ORIGINS", "https://user@school.example"),
        ("ALLOWED_ORIGINS", "https://"),
        ("ALLOWED_ORIGINS", "https://[::1"),
        ("ALLOWED_ORIGINS", "https://school.example:port"),
        ("ALLOWED_ORIGINS", "ftp://school.example"),
        ("ALLOWED_ORIGINS", "null"),
        ("ALLOWED_ORIGINS", "https://*.school.example/"),
        ("ICE_SERVERS", "stun:stun.example"),
        ("ICE_SERVERS", "{}"),
        ("ICE_SERVERS", '["stun:stun.example"]'),
        ("ICE_SERVERS", '[{"url": "stun:stun.example"}]'),
        ("ALLOWED_ORIGINS", "https://*.school.example"),
        ("TRUSTED_PROXIES", "none,10.0.0.0/8"),
        ("ICE_SERVERS", '[{"urls": 5}]'),
        ("ICE_SERVERS", '[{"urls": []}]'),
        ("ICE_SERVERS", "[" * 100),
        ("ICE_SERVERS", "[" * 50_000),
    ],
)
def test_values_that_are_refused(name: str, value: str) -> None:
    (fault,) = faults(**{name: value})
    assert fault.startswith(f"{name}: ")
    assert "\n" not in fault
    assert "must be" in fault or "Write" in fault, "how to mend it"


@pytest.mark.parametrize(
    "url",
    [
        "secret-host:6379",
        "http://user:secret@host:6379",
        "redis://",
        "redis://:secret@",
        "redis://:secret@:6379",
        "redis://:secret@host:port",
        "redis://:secret@host:0",
        "redis://:sec/ret@host:6379",
        "redis://:secret@[::1",
        "redis://:secret@host/one",
        "redis://:secret@host/1/2",
        "redis://:secret@host#1",
        "redis://:sec?ret@host",
        "redis://:secret@host?decode_responses=1",
        "redis://:secret@host?protocol=3",
        "unix://",
        "unix:///redis.sock?password=secret",
        "secret",
    ],
)
def test_a_redis_that_is_none_is_refused_without_repeating_its_password(url: str) -> None:
    (fault,) = faults(REDIS_URL=url)
    assert fault.startswith("REDIS_URL: is no address of a Redis. Write redis://host:6379")
    assert "sec" not in fault


def test_several_workers() -> None:
    assert read().web_concurrency == 1
    for count in (1, 2, 64):
        assert read(WEB_CONCURRENCY=str(count), REDIS_URL="redis://redis").web_concurrency == count
    for bad in ("0", "65", "two"):
        (fault,) = faults(WEB_CONCURRENCY=bad, REDIS_URL="redis://redis")
        assert fault.startswith("WEB_CONCURRENCY: must be a whole number from 1 to 64, not '")


def test_several_workers_share_their_rooms_in_redis() -> None:
    assert read(WEB_CONCURRENCY="1").redis_url == ""
    (fault,) = faults(WEB_CONCURRENCY="2")
    assert fault == (
        "WEB_CONCURRENCY: several processes need REDIS_URL, as the database in DATA_DIR is for one. "
        "Set REDIS_URL, or WEB_CONCURRENCY to 1"
    )
    # Told together with what else is wrong; a Redis that is wrong is told of once.
    assert [fault.partition(":")[0] for fault in faults(WEB_CONCURRENCY="2", PORT="x")] == [
        "PORT",
        "WEB_CONCURRENCY",
    ]
    assert [fault.partition(":")[0] for fault in faults(WEB_CONCURRENCY="2", REDIS_URL="x")] == ["REDIS_URL"]


def test_all_faults_at_once() -> None:
    found = faults(
        API_KEY="",
        ROOM_TTL_HOURS="0",
        MAX_PARTICIPANTS_PER_ROOM="1",
        PORT="http",
        ALLOWED_ORIGINS="x",
        LOG_LEVEL="y",
    )
    assert [fault.partition(":")[0] for fault in found] == [
        "API_KEY",
        "ALLOWED_ORIGINS",
        "ROOM_TTL_HOURS",
        "MAX_PARTICIPANTS_PER_ROOM",
        "PORT",
        "LOG_LEVEL",
    ]


def test_a_log_is_for_people_on_a_terminal_only(monkeypatch: pytest.MonkeyPatch) -> None:
    for terminal, log_format in ((True, "console"), (False, "json")):
        monkeypatch.setattr("sys.stderr.isatty", lambda terminal=terminal: terminal, raising=False)
        assert read().log_format == log_format
    # Where standard error was closed, Python has none.
    monkeypatch.setattr("sys.stderr", None)
    assert read().log_format == "json"
