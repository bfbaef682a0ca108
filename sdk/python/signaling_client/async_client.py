"""The REST API, for programs with asyncio."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator
from types import TracebackType
from typing import Self

import httpx

from signaling_client import _rest
from signaling_client._generated.rest.api.operations import health
from signaling_client._generated.rest.api.rooms import create_room, delete_room, get_room, list_rooms
from signaling_client._generated.rest.api.statistics import get_statistics
from signaling_client._transport import AsyncTransport
from signaling_client.models import (
    HealthResponse,
    RoomCreated,
    RoomDeleted,
    RoomDetails,
    RoomList,
    RoomState,
    RoomSummary,
    StatisticsCounts,
    StatisticsResponse,
)
from signaling_client.retry import RetryPolicy


class AsyncSignalingClient:
    """Rooms of one service, over connections that are kept and used again. For one event loop.

    ``base_url``: the service's address, as ``https://signaling.example.org``. ``timeout``: seconds that
    connecting, sending and each wait for data may take. ``retry``: what is done about passing trouble;
    reading and deleting are repeated, and so is creating a room, which is made safe to repeat by an
    idempotency key. ``tls``: a context for a private certificate. ``proxy``: the address of an HTTP proxy;
    None: none, whatever the environment says.

    Close it at the end, or use it in an `async with` statement. Raises ValueError for a ``base_url`` or an
    ``api_key`` that cannot be one. Every method raises Unauthorized for a wrong key, ConnectionFailed where
    the service is not reached, ServerError where it cannot do it now, UnexpectedAnswer where something else
    answers; all are SignalingErrors.
    """

    def __init__(
        self,
        base_url: str,
        *,
        api_key: str,
        timeout: float = 10.0,
        retry: RetryPolicy = RetryPolicy(),  # noqa: B008 - immutable
        tls: ssl.SSLContext | None = None,
        proxy: str | None = None,
    ) -> None:
        self._caller = _rest.caller(base_url, api_key)
        self._http = httpx.AsyncClient(
            base_url=_rest.http_base(base_url),
            headers=_rest.request_headers(api_key),
            timeout=timeout,
            transport=AsyncTransport(httpx.AsyncHTTPTransport(verify=tls or True, proxy=proxy), retry),
        )
        self._caller.set_async_httpx_client(self._http)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close the connections. The client cannot be used afterwards."""
        await self._http.aclose()

    async def create_room(
        self,
        *,
        owner_id: str | None = None,
        ttl_hours: int | None = None,
        max_participants: int | None = None,
        idempotency_key: str | None = None,
    ) -> RoomCreated:
        """Make a room; hand its `room_code` to those who may join.

        ``owner_id``: your own name for whom it belongs to. ``ttl_hours``: its lifetime, 1 to 168.
        ``max_participants``: 2 to 100. None: what the operator has set. ``idempotency_key``: calls with the
        same key within 24 hours make one room; left out, the client makes one up for this call, so that
        repeating it after a lost answer makes no second room.

        Raises BadRequest for a value out of range, IdempotencyConflict for a key that was used for other
        values.
        """
        body = _rest.room_request(owner_id, ttl_hours, max_participants)
        key = _rest.creation_key(idempotency_key)
        with _rest.reading():
            answer = await create_room.asyncio_detailed(client=self._caller, body=body, idempotency_key=key)
        return _rest.expected(answer, RoomCreated)

    async def get_room(self, room_code: str) -> RoomDetails:
        """The room, and who is in it. Ended rooms are found, too, until they are purged.

        Raises RoomNotFound, and BadRequest for what is no room code.
        """
        path = _rest.room_path(room_code)
        with _rest.reading():
            answer = await get_room.asyncio_detailed(path, client=self._caller)
        return _rest.expected(answer, RoomDetails)

    async def list_rooms(
        self,
        *,
        state: RoomState | str | None = None,
        owner_id: str | None = None,
        limit: int = 50,
        cursor: str | None = None,
    ) -> RoomList:
        """One page of rooms, newest first.

        ``state``, ``owner_id``: only such rooms. ``limit``: 1 to 200. ``cursor``: `next_cursor` of the page
        before. `iter_rooms` walks the pages for you. Raises BadRequest for a value out of range, ValueError
        for a ``state`` that does not exist.
        """
        wanted = _rest.state_filter(state)
        with _rest.reading():
            answer = await list_rooms.asyncio_detailed(
                client=self._caller,
                state=wanted,
                owner_id=_rest.given(owner_id),
                limit=limit,
                cursor=_rest.given(cursor),
            )
        return _rest.expected(answer, RoomList)

    async def iter_rooms(
        self,
        *,
        state: RoomState | str | None = None,
        owner_id: str | None = None,
        page_size: int = _rest.MAX_PAGE,
    ) -> AsyncIterator[RoomSummary]:
        """All such rooms, newest first; each page of ``page_size`` (1 to 200) is asked for when it is needed.

        Raises what `list_rooms` raises.
        """
        cursor: str | None = None
        while True:
            page = await self.list_rooms(state=state, owner_id=owner_id, limit=page_size, cursor=cursor)
            for room in page.rooms:
                yield room
            cursor = page.next_cursor
            if cursor is None:
                return

    async def delete_room(self, room_code: str) -> RoomDeleted:
        """End the room: everyone in it is let go, and nobody can join again. Ending it twice is no error.

        Raises RoomNotFound, and BadRequest for what is no room code.
        """
        path = _rest.room_path(room_code)
        with _rest.reading():
            answer = await delete_room.asyncio_detailed(path, client=self._caller)
        return _rest.expected(answer, RoomDeleted)

    async def statistics(self) -> StatisticsCounts:
        """Counts over all rooms that are not purged yet."""
        with _rest.reading():
            answer = await get_statistics.asyncio_detailed(client=self._caller)
        return _rest.expected(answer, StatisticsResponse).statistics

    async def health(self) -> HealthResponse:
        """Whether the service is alive, and how busy it is. Needs no valid key."""
        with _rest.reading():
            answer = await health.asyncio_detailed(client=self._caller)
        return _rest.expected(answer, HealthResponse)
