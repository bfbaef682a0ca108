"""The way into a room."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

from msgspec import UNSET

from signaling_client._entry import Entry
from signaling_client._line import Address, socket_url
from signaling_client.messages import JoinPayload
from signaling_client.retry import RetryPolicy
from signaling_client.session import Session

FIRST_ENTRY = RetryPolicy(attempts=3, first=0.25, longest=5.0)
"""For the first way in: a wrong address is told soon."""

RECONNECT = RetryPolicy(attempts=10, first=0.5, longest=15.0)
"""For the way back in: about a minute of trying, which a restart of the service takes far less than."""


@asynccontextmanager
async def connect(
    base_url: str,
    *,
    room_code: str,
    display_name: str | None = None,
    user_id: str | None = None,
    timeout: float = 10.0,  # noqa: ASYNC109 - of every step, not of the whole
    retry: RetryPolicy = FIRST_ENTRY,
    reconnect: RetryPolicy | None = RECONNECT,
    queue_size: int = 1024,
    headers: Mapping[str, str] | None = None,
    tls: ssl.SSLContext | None = None,
    proxy: str | None = None,
) -> AsyncIterator[Session]:
    """Join a room: ``async with connect(url, room_code=code) as session``; the end of the block leaves it.

    ``base_url``: the service's address, as ``https://signaling.example.org``; no API key is needed.
    ``display_name``: what the others see, 1 to 80 characters; None: a guest. ``user_id``: your platform's own
    name for the user, up to 128 characters. ``timeout``: seconds for connecting, for joining, and for each
    answer.

    ``retry``: what is done when the service is not reached at first. ``reconnect``: what is done when the
    line is lost, or closed with a code that invites back (4000 to 4499): the room is joined anew, and the
    session yields `Reconnected`; the loss itself counts as the first failure. None: the session ends. It also
    ends, with an exception from its iteration, when the attempts are used up or the service does not want it
    back.

    ``queue_size``: how many messages wait for you when you read slowly (twice as many while a call waits for
    its answer, which comes behind them). When as many wait, the line is not read any further; the service
    then holds them back, and in the end closes the socket with 4003, after which the session reconnects.

    ``headers``: more headers of the handshake, for a proxy in between. ``tls``: a context for a private
    certificate. ``proxy``: the address of an HTTP proxy; None: none, whatever the environment says.

    Raises RoomNotFound, RoomClosed, RoomExpired, RoomFull, RateLimited, InvalidMessage (a field is not
    valid), ServerError, ConnectionFailed, UnexpectedAnswer, all of them SignalingErrors; ValueError for a
    ``base_url`` or a ``queue_size`` that cannot be one.
    """
    if queue_size < 1:
        raise ValueError("queue_size must be 1 or more")
    join = JoinPayload(
        room_code=room_code,
        display_name=UNSET if display_name is None else display_name,
        user_id=UNSET if user_id is None else user_id,
    )
    address = Address(socket_url(base_url), timeout, dict(headers or {}), tls, proxy)
    entry = Entry(address, join)
    line, joined = await entry.first(retry)
    session = Session(entry, line, joined, timeout=timeout, reconnect=reconnect, queue_size=queue_size)
    try:
        yield session
    finally:
        await session.aclose()
