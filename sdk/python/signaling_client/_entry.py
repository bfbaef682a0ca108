"""Into the room: a line, and a seat taken on it."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Final, TypeVar

from signaling_client._line import Address, Line, LineClosed
from signaling_client._requests import error_of_message
from signaling_client.errors import ConnectionFailed, ResumeFailed, RoomFull, SignalingError
from signaling_client.messages import (
    ErrorMessage,
    Join,
    JoinPayload,
    Resume,
    Resumed,
    ResumedPayload,
    ResumePayload,
    RoomJoined,
    RoomJoinedPayload,
)
from signaling_client.retry import RetryPolicy, is_passing

_ENTRY_ID: Final = "entry"

Answer = TypeVar("Answer", RoomJoined, Resumed)


@dataclass(slots=True)
class Seat:
    """What it takes to have a seat again: its token, None for none, and how many of its frames arrived."""

    token: str | None = None
    received: int = 0


class Entry:
    """Takes a seat in one room, the old one where that goes, on a new line each time."""

    def __init__(self, address: Address, join: JoinPayload) -> None:
        self._address = address
        self._join = join

    async def first(self, policy: RetryPolicy) -> tuple[Line, RoomJoinedPayload]:
        """The first seat. Raises the SignalingError of the last try."""
        failures = 0
        while True:
            try:
                line, joined = await self._enter(Seat())
                assert isinstance(joined, RoomJoinedPayload)
                return line, joined
            except SignalingError as error:
                failures += 1
                wait = policy.wait(failures, error.retry_after) if is_passing(error) else None
                if wait is None:
                    raise
            await asyncio.sleep(wait)

    async def again(
        self, policy: RetryPolicy, failures: int, seat: Seat
    ) -> tuple[Line, RoomJoinedPayload | ResumedPayload, int]:
        """The seat again after its line was lost, for the ``failures``-th time in short succession.

        A new one (RoomJoinedPayload) where the old one has ended. Answers how many failures there are now,
        too.
        Raises the SignalingError of the last try, ConnectionFailed if there is none left.
        """
        lost: SignalingError = ConnectionFailed("The line was lost too often")
        while True:
            wait = policy.wait(failures, lost.retry_after)
            if wait is None:
                raise lost
            await asyncio.sleep(wait)
            try:
                return *await self._enter(seat), failures
            except SignalingError as error:
                # Full is the room also while the service still holds the seat of the lost line.
                if not (is_passing(error) or isinstance(error, RoomFull)):
                    raise
                failures += 1
                lost = error

    async def _enter(self, seat: Seat) -> tuple[Line, RoomJoinedPayload | ResumedPayload]:
        line = await Line.open(self._address)
        try:
            async with asyncio.timeout(self._address.timeout):
                return line, await self._resume(line, seat) or await self._join_anew(line)
        except TimeoutError:
            line.abort()
            raise ConnectionFailed(f"No answer to `join` within {self._address.timeout} s") from None
        except LineClosed as closed:
            raise ConnectionFailed(
                "The line broke before the room was joined", close_code=closed.code
            ) from closed
        except BaseException:
            line.abort()
            raise

    async def _resume(self, line: Line, seat: Seat) -> ResumedPayload | None:
        """Take the seat again; None if there is none, or it has ended."""
        if seat.token is None:
            return None
        payload = ResumePayload(resume_token=seat.token, received=seat.received)
        await line.send(Resume(payload=payload, request_id=_ENTRY_ID))
        try:
            answer = await _answer(line, Resumed)
        except ResumeFailed:
            seat.token = None
            return None
        line.count = seat.received
        return answer.payload

    async def _join_anew(self, line: Line) -> RoomJoinedPayload:
        await line.send(Join(payload=self._join, request_id=_ENTRY_ID))
        answer = await _answer(line, RoomJoined)
        line.count = 1
        return answer.payload


async def _answer(line: Line, kind: type[Answer]) -> Answer:
    """The answer to what was sent last. Raises the SignalingError with which it was refused."""
    while True:
        message = await line.receive()
        if isinstance(message, kind):
            return message
        if isinstance(message, ErrorMessage):
            raise error_of_message(message.payload)
