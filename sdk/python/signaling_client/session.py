"""A member's session: a seat in a room, kept over lost lines, and the messages that come in on it."""

from __future__ import annotations

import asyncio
import contextlib
import math
from collections.abc import Callable
from datetime import datetime
from typing import Self

from signaling_client import _webrtc
from signaling_client._closes import error_of_close, may_reconnect
from signaling_client._entry import Entry, Seat
from signaling_client._inbox import Inbox
from signaling_client._line import Line, LineClosed
from signaling_client._requests import Requests
from signaling_client._webrtc import Candidate, Description
from signaling_client.errors import (
    ConnectionFailed,
    NotInRoom,
    RoomClosed,
    RoomExpired,
    SignalingError,
    UnexpectedAnswer,
    error_of,
)
from signaling_client.messages import (
    Answer,
    AnswerPayload,
    ClientMessage,
    Event,
    IceCandidateMessage,
    IceCandidatePayload,
    Leave,
    Offer,
    OfferPayload,
    Ping,
    PingPayload,
    Pong,
    Reconnected,
    Reconnecting,
    ResumedPayload,
    RoomJoinedPayload,
    RoomLeft,
    ServerMessage,
)
from signaling_client.participants import Participants
from signaling_client.retry import RetryPolicy

_ENDS = {kind.default_code: kind for kind in (RoomClosed, RoomExpired)}
"""Why the service ends a seat, and what is raised to whoever still uses it."""


class Session:
    """A seat in a room. `connect` makes it.

    ``async for message in session`` gives what comes in (see `messages.Event`): who joins and leaves, offers,
    answers and candidates, `Reconnecting` and `Reconnected` when the line is lost, `RoomLeft` when the room
    ends, and an `ErrorMessage` that no call of yours waits for any more. It ends when you have left or the
    room has ended; it raises the error with which the session could not go on.

    Read it steadily: see `connect` for what happens when you do not.
    """

    def __init__(
        self,
        entry: Entry,
        line: Line,
        joined: RoomJoinedPayload,
        *,
        timeout: float,
        reconnect: RetryPolicy | None,
        queue_size: int,
    ) -> None:
        self._entry = entry
        self._line: Line | None = line
        self._joined = joined
        self._socket_id = joined.socket_id
        self._seat = _seat_of(joined)
        self._timeout = timeout
        self._reconnect = reconnect
        self._participants = Participants()
        self._participants._replace(joined.participants)
        self._inbox = Inbox(queue_size)
        self._requests = Requests()
        self._leaving = False
        self._ended: SignalingError | None = None
        self._task = asyncio.create_task(self._run(line), name="signaling-session")

    # What is known

    @property
    def socket_id(self) -> str:
        """Your own name in the room. It stays over a lost line, unless the seat could not be kept."""
        return self._socket_id

    @property
    def room_code(self) -> str:
        """The room's code, in lower case."""
        return self._joined.room_code

    @property
    def expires_at(self) -> datetime:
        """When the room ends by itself, UTC."""
        return self._joined.expires_at

    @property
    def max_participants(self) -> int:
        """How many participants the room holds."""
        return self._joined.max_participants

    @property
    def participants(self) -> Participants:
        """The others in the room, by `socket_id`: always as the service told last.

        It may be ahead of what you have read. While the line is lost, it shows those of before. The
        `connection` of a participant is `reconnecting` while that one's line is lost.
        """
        return self._participants

    @property
    def connected(self) -> bool:
        """Whether the session is in its room now: not while it reconnects, nor after its end."""
        return self._line is not None

    # What can be done. Each raises ConnectionFailed while the line is lost or when there is no answer in time
    # (whether it was done is then unknown), and the reason of the end (RoomClosed, NotInRoom, ...) after it.

    async def offer(self, to: str, description: Description) -> None:
        """Send an offer to a participant; returns when the service has passed it on.

        ``to``: a `socket_id`. ``description``: SDP text, or anything with `type` and `sdp`. Raises
        PeerNotFound, PayloadTooLarge, ValueError for what is no offer, and what every call of a session
        raises.
        """
        payload = OfferPayload(to=to, description=_webrtc.offer_description(description))
        await self._relay(lambda request_id: Offer(payload=payload, request_id=request_id))

    async def answer(self, to: str, description: Description) -> None:
        """Send an answer to a participant; as `offer`."""
        payload = AnswerPayload(to=to, description=_webrtc.answer_description(description))
        await self._relay(lambda request_id: Answer(payload=payload, request_id=request_id))

    async def ice_candidate(self, to: str, candidate: Candidate) -> None:
        """Send an ICE candidate to a participant; as `offer`.

        ``candidate``: W3C's RTCIceCandidateInit; None: end of candidates.
        """
        payload = IceCandidatePayload(to=to, candidate=_webrtc.ice_candidate(candidate))
        await self._relay(lambda request_id: IceCandidateMessage(payload=payload, request_id=request_id))

    async def ping(self) -> datetime:
        """A round trip to the service: its clock, UTC. Raises what every call of a session raises."""
        answer = await self._ask(lambda ids: [self._ping(ids[0])], 1)
        if not isinstance(answer, Pong):
            raise UnexpectedAnswer(f"The answer to `ping` was {type(answer).__name__}")
        return answer.payload.server_time

    async def leave(self) -> None:
        """Leave the room, for good: the others are told, the session ends. Leaving twice is no error."""
        self._leaving = True
        if self._line is not None:
            # Refused or not: the seat ends with the line.
            with contextlib.suppress(SignalingError):
                await self._ask(lambda ids: [Leave(request_id=ids[0])], 1)
        await self.aclose()

    async def aclose(self) -> None:
        """End the session: it leaves the room. What came in and was not read can still be read."""
        self._leaving = True
        self._inbox.look_again()
        try:
            if self._line is not None:
                await self._line.close()
        finally:
            # Cut off in the middle of the goodbye or not: nothing of the session goes on.
            if self._line is not None:
                self._line.abort()
            self._task.cancel()
            await asyncio.wait([self._task])

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Event:
        return await self._inbox.get()

    # Asking

    async def _relay(self, message_of: Callable[[str], ClientMessage]) -> None:
        """Send what has no answer but a refusal.

        The service answers in order: a pong to a ping behind it says that it was taken.
        """
        await self._ask(lambda ids: [message_of(ids[0]), self._ping(ids[1])], 2)

    def _ping(self, request_id: str) -> Ping:
        """A ping that says what arrived: the service need not keep that for a resume."""
        assert self._line is not None
        return Ping(request_id=request_id, payload=PingPayload(received=self._line.count))

    async def _ask(
        self, messages_of: Callable[[list[str]], list[ClientMessage]], count: int
    ) -> ServerMessage:
        line = self._line
        if line is None:
            raise self._refusal()
        with self._requests.asking(count) as (ids, answer):
            self._inbox.look_again()
            try:
                async with asyncio.timeout(self._timeout):
                    for message in messages_of(ids):
                        await line.send(message)
                    return await answer
            except TimeoutError:
                raise ConnectionFailed(f"No answer within {self._timeout} s") from None

    def _refusal(self) -> SignalingError:
        if not self._task.done():
            return ConnectionFailed("The line is lost; the session is reconnecting")
        return self._ended or NotInRoom("The session has ended")

    # Receiving

    async def _run(self, line: Line) -> None:
        """The life of the session, in a task of its own."""
        end: SignalingError | None = None
        try:
            await self._live(line)
        except SignalingError as error:
            end = self._ended = error
        except Exception as error:
            end = self._ended = UnexpectedAnswer(f"The session failed: {error!r}")
            raise
        finally:
            if self._line is not None:
                self._line.abort()
            self._line = None
            self._participants._replace(())
            self._inbox.end(end)
            self._requests.fail(self._ended or NotInRoom("The session has ended"))

    async def _live(self, line: Line) -> None:
        clock = asyncio.get_running_loop().time
        failures = 0
        while True:
            since = clock()
            closed = await self._read(line)
            self._line = None
            if self._leaving or self._ended is not None:
                return
            self._seat.received = line.count
            self._requests.fail(ConnectionFailed("The line broke", close_code=closed.code))
            policy = self._reconnect
            if policy is None or not may_reconnect(closed.code):
                raise error_of_close(closed.code, closed.reason)
            await self._give(Reconnecting(closed.code))
            # A line that always breaks shortly after it stands is no better than one that never stands.
            failures = 1 if clock() - since > policy.longest else failures + 1
            line, answer, failures = await self._entry.again(policy, failures, self._seat)
            await self._returned(line, answer)

    async def _read(self, line: Line) -> LineClosed:
        """Take in what comes until the line ends; how it did."""
        while True:
            try:
                message = await line.receive()
            except LineClosed as closed:
                return closed
            self._participants._apply(message)
            if self._requests.settle(message):
                continue
            if isinstance(message, Pong):
                continue  # To a ping that nobody waits for any more: its line broke meanwhile.
            if isinstance(message, RoomLeft):
                self._ended = self._end_of(message)
            await self._give(message)

    async def _returned(self, line: Line, answer: RoomJoinedPayload | ResumedPayload) -> None:
        before = self._socket_id
        recovered = isinstance(answer, ResumedPayload) and answer.recovered
        self._socket_id = answer.socket_id
        if isinstance(answer, ResumedPayload):
            self._seat.token = answer.resume_token
        else:
            self._joined = answer
            self._seat = _seat_of(answer)
        if not recovered:
            # Else what was missed follows, and is applied to the picture of before.
            self._participants._replace(answer.participants)
        self._line = line
        await self._give(
            Reconnected(
                socket_id=answer.socket_id,
                previous_socket_id=before,
                participants=tuple(answer.participants),
                recovered=recovered,
            )
        )

    async def _give(self, event: Event) -> None:
        await self._inbox.put(event, stretch=self._stretch)

    def _stretch(self) -> float:
        """How much more than its limit the inbox may hold: an answer comes behind what was not read."""
        if self._leaving:
            return math.inf
        return 2 if self._requests else 1

    @staticmethod
    def _end_of(message: RoomLeft) -> SignalingError:
        reason = message.payload.reason
        kind = _ENDS.get(reason)
        detail = f"The seat has ended: {reason}"
        return error_of(reason, detail) if kind is None else kind(detail)


def _seat_of(joined: RoomJoinedPayload) -> Seat:
    """What it takes to have this seat again; a service that keeps none is not asked."""
    return Seat(joined.resume_token if joined.resume_window_seconds > 0 else None)
