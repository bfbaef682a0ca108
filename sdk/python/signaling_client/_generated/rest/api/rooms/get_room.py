from http import HTTPStatus
from typing import Any
from urllib.parse import quote

import httpx

from ... import errors
from ...client import AuthenticatedClient, Client
from ...models.error_body import ErrorBody
from ...models.room_details import RoomDetails
from ...types import Response


def _get_kwargs(
    room_code: str,
) -> dict[str, Any]:

    _kwargs: dict[str, Any] = {
        "method": "get",
        "url": "/api/rooms/{room_code}".format(
            room_code=quote(str(room_code), safe=""),
        ),
    }

    return _kwargs


def _parse_response(
    *, client: AuthenticatedClient | Client, response: httpx.Response
) -> ErrorBody | RoomDetails | None:
    if response.status_code == 200:
        response_200 = RoomDetails.from_dict(response.json())

        return response_200

    if response.status_code == 400:
        response_400 = ErrorBody.from_dict(response.json())

        return response_400

    if response.status_code == 401:
        response_401 = ErrorBody.from_dict(response.json())

        return response_401

    if response.status_code == 404:
        response_404 = ErrorBody.from_dict(response.json())

        return response_404

    if response.status_code == 500:
        response_500 = ErrorBody.from_dict(response.json())

        return response_500

    if response.status_code == 503:
        response_503 = ErrorBody.from_dict(response.json())

        return response_503

    if client.raise_on_unexpected_status:
        raise errors.UnexpectedStatus(response.status_code, response.content)
    else:
        return None


def _build_response(
    *, client: AuthenticatedClient | Client, response: httpx.Response
) -> Response[ErrorBody | RoomDetails]:
    return Response(
        status_code=HTTPStatus(response.status_code),
        content=response.content,
        headers=response.headers,
        parsed=_parse_response(client=client, response=response),
    )


def sync_detailed(
    room_code: str,
    *,
    client: AuthenticatedClient,
) -> Response[ErrorBody | RoomDetails]:
    """Get a room

     Check a room's state, time and participants, before joining or for a dashboard.

    Closed and expired rooms are readable, too, until they are purged (after a week, unless the operator
    set another `ROOM_RETENTION_HOURS`).

    Args:
        room_code (str):

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[ErrorBody | RoomDetails]
    """

    kwargs = _get_kwargs(
        room_code=room_code,
    )

    response = client.get_httpx_client().request(
        **kwargs,
    )

    return _build_response(client=client, response=response)


def sync(
    room_code: str,
    *,
    client: AuthenticatedClient,
) -> ErrorBody | RoomDetails | None:
    """Get a room

     Check a room's state, time and participants, before joining or for a dashboard.

    Closed and expired rooms are readable, too, until they are purged (after a week, unless the operator
    set another `ROOM_RETENTION_HOURS`).

    Args:
        room_code (str):

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        ErrorBody | RoomDetails
    """

    return sync_detailed(
        room_code=room_code,
        client=client,
    ).parsed


async def asyncio_detailed(
    room_code: str,
    *,
    client: AuthenticatedClient,
) -> Response[ErrorBody | RoomDetails]:
    """Get a room

     Check a room's state, time and participants, before joining or for a dashboard.

    Closed and expired rooms are readable, too, until they are purged (after a week, unless the operator
    set another `ROOM_RETENTION_HOURS`).

    Args:
        room_code (str):

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[ErrorBody | RoomDetails]
    """

    kwargs = _get_kwargs(
        room_code=room_code,
    )

    response = await client.get_async_httpx_client().request(**kwargs)

    return _build_response(client=client, response=response)


async def asyncio(
    room_code: str,
    *,
    client: AuthenticatedClient,
) -> ErrorBody | RoomDetails | None:
    """Get a room

     Check a room's state, time and participants, before joining or for a dashboard.

    Closed and expired rooms are readable, too, until they are purged (after a week, unless the operator
    set another `ROOM_RETENTION_HOURS`).

    Args:
        room_code (str):

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        ErrorBody | RoomDetails
    """

    return (
        await asyncio_detailed(
            room_code=room_code,
            client=client,
        )
    ).parsed
