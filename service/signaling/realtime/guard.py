"""Room codes must not be found by trying: a limit on unknown codes per client address."""

from __future__ import annotations

import functools
import ipaddress
from collections import OrderedDict, deque
from typing import Final

WINDOW: Final = 60.0
"""Seconds over which unknown codes are counted."""

MAX_ADDRESSES: Final = 65_536
"""Addresses remembered (some 30 MB at worst); then the one longest without a wrong code is forgotten."""

REMEMBERED_SUBSCRIBERS: Final = 4096
"""Addresses that need not be taken apart again: many sockets come from one school."""

_IPV6_NETWORK: Final = 64
"""One subscriber holds a /64 and can use any address of it (RFC 6177)."""


class GuessGuard:
    """A sliding window of unknown codes per address.

    Only unknown codes count, so a whole school behind one address joins freely. Once an address
    has used up its tries it is refused before its code is looked up, right or wrong: otherwise
    trying would go on to pay.
    """

    def __init__(self, limit: int) -> None:
        """``limit``: unknown codes per address within WINDOW."""
        self._limit = limit
        self._misses: OrderedDict[str, deque[float]] = OrderedDict()

    def wait(self, address: str, now: float) -> float | None:
        """Seconds until the address may try again; None if it may now. ``now`` is monotonic."""
        misses = self._misses.get(subscriber(address))
        if misses is None:
            return None
        while misses and misses[0] <= now - WINDOW:
            misses.popleft()
        if len(misses) < self._limit:
            return None
        return misses[0] + WINDOW - now

    def missed(self, address: str, now: float) -> None:
        """The address tried a code that no room has."""
        key = subscriber(address)
        misses = self._misses.get(key)
        if misses is None:
            if len(self._misses) >= MAX_ADDRESSES:
                self._misses.popitem(last=False)
            misses = self._misses[key] = deque(maxlen=self._limit)
        misses.append(now)
        self._misses.move_to_end(key)
        # What lies at the front is oldest; forget a little more than is added.
        for _ in range(2):
            oldest, times = next(iter(self._misses.items()))
            if times[-1] > now - WINDOW:
                break
            del self._misses[oldest]


@functools.lru_cache(REMEMBERED_SUBSCRIBERS)
def subscriber(address: str) -> str:
    """The part of an address that one subscriber cannot change: all of IPv4, the /64 of IPv6.

    What is no address (a proxy may forward any text) is all one: it must not buy tries, or memory.
    """
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return ""
    if isinstance(parsed, ipaddress.IPv4Address):
        return address
    if parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    return str(ipaddress.ip_network((parsed, _IPV6_NETWORK), strict=False))
