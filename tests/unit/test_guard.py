"""The limit on unknown room codes per client address (contract 5)."""

from __future__ import annotations

import pytest

from signaling.realtime import guard as module
from signaling.realtime.guard import WINDOW, GuessGuard, subscriber

A, B, C, D = (f"192.0.2.{number}" for number in range(4))


def test_the_limit_and_its_end() -> None:
    """So many in a minute; then refused until the oldest is a minute old."""
    guard = GuessGuard(3)
    for number in range(3):
        assert guard.wait(A, number) is None
        guard.missed(A, number)
    assert guard.wait(A, 10) == pytest.approx(WINDOW - 10)
    assert guard.wait(A, 59.9) == pytest.approx(0.1)
    assert guard.wait(A, 60) is None
    guard.missed(A, 60)
    assert guard.wait(A, 60) == pytest.approx(1)


def test_addresses_are_counted_apart() -> None:
    guard = GuessGuard(1)
    guard.missed(A, 0)
    assert guard.wait(A, 1) is not None
    assert guard.wait(B, 1) is None


def test_old_addresses_are_forgotten() -> None:
    """What is remembered is bounded by time: an address without a miss for a minute takes no memory."""
    guard = GuessGuard(5)
    for number in range(1000):
        guard.missed(f"2001:db8:0:{number:x}::1", 0)
    for number in range(1000):
        guard.missed(A, 100 + number / 1000)
    assert len(guard._misses) == 1


def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is remembered is bounded in number: the one longest without a miss goes first."""
    monkeypatch.setattr(module, "MAX_ADDRESSES", 3)
    guard = GuessGuard(1)
    for address in (A, B, C, A, D):
        guard.missed(address, 1)
    assert len(guard._misses) == 3
    assert guard.wait(B, 2) is None
    assert guard.wait(A, 2) is not None


def test_misses_beyond_the_limit_take_no_more_memory() -> None:
    guard = GuessGuard(4)
    for number in range(100):
        guard.missed(A, number / 100)
    assert len(guard._misses[A]) == 4


@pytest.mark.parametrize(
    ("address", "counted_as"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::9", "2001:db8:1:2::/64"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("", ""),
        ("unix", ""),
        ("x" * 8000, ""),
        ("fe80::1%eth0", "fe80::/64"),
    ],
)
def test_what_one_subscriber_cannot_change(address: str, counted_as: str) -> None:
    """All of an IPv4 address, the /64 of an IPv6 one."""
    assert subscriber(address) == counted_as
