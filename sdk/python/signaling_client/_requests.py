"""Which answer belongs to which message: by the `request_id` that the service repeats."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Iterator
from contextlib import contextmanager

from msgspec import UNSET

from signaling_client.errors import SignalingError, error_of
from signaling_client.messages import ErrorMessage, ErrorPayload, ServerMessage


class Requests:
    """The messages that wait for an answer."""

    def __init__(self) -> None:
        self._ids = itertools.count(1)
        self._waiting: dict[str, asyncio.Future[ServerMessage]] = {}

    def __bool__(self) -> bool:
        return bool(self._waiting)

    @contextmanager
    def asking(self, count: int) -> Iterator[tuple[list[str], asyncio.Future[ServerMessage]]]:
        """So many fresh ids, and the first answer to any of them; an error is raised from it."""
        answer: asyncio.Future[ServerMessage] = asyncio.get_running_loop().create_future()
        ids = [f"{next(self._ids)}" for _ in range(count)]
        self._waiting |= dict.fromkeys(ids, answer)
        try:
            yield ids, answer
        finally:
            for one in ids:
                self._waiting.pop(one, None)
            if not answer.cancel() and not answer.cancelled():
                # Nobody may be left to look at it; asyncio would complain of an error that was never seen.
                answer.exception()

    def settle(self, message: ServerMessage) -> bool:
        """Whether the message answers somebody who waits."""
        if message.request_id is UNSET:
            return False
        answer = self._waiting.get(message.request_id)
        if answer is None:
            return False
        if not answer.done():
            if isinstance(message, ErrorMessage):
                answer.set_exception(error_of_message(message.payload))
            else:
                answer.set_result(message)
        return True

    def fail(self, error: SignalingError) -> None:
        """Nobody will be answered any more."""
        for answer in self._waiting.values():
            if not answer.done():
                answer.set_exception(error)


def error_of_message(payload: ErrorPayload) -> SignalingError:
    """The exception for an `error` message."""
    retry_after = None if payload.retry_after is UNSET else payload.retry_after
    return error_of(payload.code, payload.message, retry_after=retry_after)
