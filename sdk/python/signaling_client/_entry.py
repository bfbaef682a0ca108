"""Into the room: a line, and a seat taken on it."""

from __future__ import annotations

import asyncio
from typing import Final

from signaling_client._line import Address, Line, LineClosed
from signaling_client._requests import error_of_message
from signaling_client.errors import ConnectionFailed, RoomFull, SignalingError
from signaling_client.messages import ErrorMessage, Join, JoinPayload, RoomJoined, RoomJoinedPayload
from signaling_client.retry import RetryPolicy, is_passing

_JOIN_ID: Final = "join"


class Entry:
    """Takes a seat in one room, on a new line each time."""

    def __init__(self, address: Address, join: JoinPayload) -> None:
        self._address = address
        self._join = join

    async def first(self, policy: RetryPolicy) -> tuple[Line, RoomJoinedPayload]:
        """The first seat. Raises the SignalingError of the last try."""
        failures = 0
        while True:
            try:
                return await self._enter()
            except SignalingError as error:
                failures += 1
                wait = policy.wait(failures, error.retry_after) if is_passing(error) else None
                if wait is None:
                    raise
            await asyncio.sleep(wait)

    async def again(self, policy: RetryPolicy, failures: int) -> tuple[Line, RoomJoinedPayload, int]:
        """A seat after the line was lost, for the ``failures``-th time in short succession.

        Answers how many failures there are now, too.
        Raises the SignalingError of the last try, ConnectionFailed if there is none left.
        """
        lost: SignalingError = ConnectionFailed("The line was lost too often")
        while True:
            wait = policy.wait(failures, lost.retry_after)
            if wait is None:
                raise lost
            await asyncio.sleep(wait)
            try:
                return *await self._enter(), failures
            except SignalingError as error:
                # Full is the room also while the service still holds the seat of the lost line.
                if not (is_passing(error) or isinstance(error, RoomFull)):
                    raise
                failures += 1
                lost = error

    async def _enter(self) -> tuple[Line, RoomJoinedPayload]:
        line = await Line.open(self._address)
        try:
            async with asyncio.timeout(self._address.timeout):
                return line, await self._seat(line)
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

    async def _seat(self, line: Line) -> RoomJoinedPayload:
        """Join. Taking back the seat of a lost line, once the service keeps seats, has its place here."""
        await line.send(Join(payload=self._join, request_id=_JOIN_ID))
        while True:
            match await line.receive():
                case RoomJoined(payload=joined):
                    return joined
                case ErrorMessage(payload=refusal):
                    raise error_of_message(refusal)
                case _:
                    pass
