"""When to try again: bounded, and spread out at random so that many clients do not come back as one."""

from __future__ import annotations

import random
from dataclasses import dataclass

from signaling_client.errors import ConnectionFailed, RateLimited, ServerError, SignalingError

_MAX_DOUBLINGS = 32


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How often to try, and how long to wait between.

    ``attempts``: tries in all, 1 for no repetition. The wait after a failure is drawn from 0 up to ``first``
    seconds, doubled with each further failure, never above ``longest`` seconds ("full jitter"). Where the
    service says how long to wait, that is waited instead; if it is more than ``longest``, the error is raised
    at once.

    Raises ValueError for fewer than one attempt and for negative times.
    """

    attempts: int = 4
    first: float = 0.25
    longest: float = 10.0

    def __post_init__(self) -> None:
        if self.attempts < 1:
            raise ValueError("attempts must be 1 or more")
        if not (self.first >= 0 and self.longest >= 0):
            raise ValueError("first and longest must be 0 or more seconds")

    def wait(self, failures: int, retry_after: float | None = None) -> float | None:
        """Seconds to wait after so many failures (1 or more); None: give up.

        ``retry_after``: how many seconds the service asked to wait.
        """
        if failures >= self.attempts:
            return None
        if retry_after is not None:
            if not retry_after <= self.longest:
                return None
            # Not before it asked, and not all at that moment.
            return max(0.0, retry_after) + random.uniform(0, self.first)
        return random.uniform(0, min(self.longest, self.first * 2 ** min(failures - 1, _MAX_DOUBLINGS)))


NO_RETRY = RetryPolicy(attempts=1)
"""Try once."""


def is_passing(error: SignalingError) -> bool:
    """Whether the same request may work a little later."""
    return isinstance(error, ConnectionFailed | ServerError | RateLimited)
