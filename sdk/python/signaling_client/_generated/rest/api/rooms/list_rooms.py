from http import HTTPStatus
from typing import Any

import httpx

from ... import errors
from ...client import AuthenticatedClient, Client
from ...models.error_body import ErrorBody
from ...models.room_list import RoomList
from ...models.room_state import RoomState
from ...types import UNSET, Response, Unset


def _get_kwargs(
    *,
    state: RoomState | Unset = UNSET,
    owner_id: str | Unset = UNSET,
    limit: int | Unset = 50,
    cursor: str | Unset = UNSET,
) -> dict[str, Any]:

    params: dict[str, Any] = {}

    json_state: str | Unset = UNSET
    if not isinstance(state, Unset):
        json_state = state.value

    params["state"] = json_state

    params["owner_id"] = owner_id

    params["limit"] = limit

    params["cursor"] = cursor

    params = {k: v for k, v in params.items() if v is not UNSET and v is not None}

    _kwargs: dict[str, Any] = {
        "method": "get",
        "url": "/api/rooms",
        "params": params,
    }

    return _kwargs


def _parse_response(
    *, client: AuthenticatedClient | Client, response: httpx.Response
) -> ErrorBody | RoomList | None:
    if response.status_code == 200:
        response_200 = RoomList.from_dict(response.json())

        return response_200

    if response.status_code == 400:
        response_400 = ErrorBody.from_dict(response.json())

        return response_400

    if response.status_code == 401:
        response_401 = ErrorBody.from_dict(response.json())

        return response_401

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
) -> Response[ErrorBody | RoomList]:
    return Response(
        status_code=HTTPStatus(response.status_code),
        content=response.content,
        headers=response.headers,
        parsed=_parse_response(client=client, response=response),
    )


def sync_detailed(
    *,
    client: AuthenticatedClient,
    state: RoomState | Unset = UNSET,
    owner_id: str | Unset = UNSET,
    limit: int | Unset = 50,
    cursor: str | Unset = UNSET,
) -> Response[ErrorBody | RoomList]:
    """List rooms

     All rooms that match, newest first, a page at a time.

    `total` counts all that match. To read on, ask again with the same filters and `cursor` set to
    `next_cursor`, until that is null. Rooms made meanwhile do not move the pages that follow.

    Args:
        state (RoomState | Unset): Where a room is in its life: `open` takes participants,
            `closed` and `expired` have ended.
        owner_id (str | Unset):
        limit (int | Unset):  Default: 50.
        cursor (str | Unset):

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[ErrorBody | RoomList]
    """

    kwargs = _get_kwargs(
        state=state,
        owner_id=owner_id,
        limit=limit,
        cursor=cursor,
    )

    response = client.get_httpx_client().request(
        **kwargs,
    )

    return _build_response(client=client, response=response)


def sync(
    *,
    client: AuthenticatedClient,
    state: RoomState | Unset = UNSET,
    owner_id: str | Unset = UNSET,
    limit: int | Unset = 50,
    cursor: str | Unset = UNSET,
) -> ErrorBody | RoomList | None:
    """List rooms

     All rooms that match, newest first, a page at a time.

    `total` counts all that match. To read on, ask again with the same filters and `cursor` set to
    `next_cursor`, until that is null. Rooms made meanwhile do not move the pages that follow.

    Args:
        state (RoomState | Unset): Where a room is in its life: `open` takes participants,
            `closed` and `expired` have ended.
        owner_id (str | Unset):
        limit (int | Unset):  Default: 50.
        cursor (str | Unset):

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        ErrorBody | RoomList
    """

    return sync_detailed(
        client=client,
        state=state,
        owner_id=owner_id,
        limit=limit,
        cursor=cursor,
    ).parsed


async def asyncio_detailed(
    *,
    client: AuthenticatedClient,
    state: RoomState | Unset = UNSET,
    owner_id: str | Unset = UNSET,
    limit: int | Unset = 50,
    cursor: str | Unset = UNSET,
) -> Response[ErrorBody | RoomList]:
    """List rooms

     All rooms that match, newest first, a page at a time.

    `total` counts all that match. To read on, ask again with the same filters and `cursor` set to
    `next_cursor`, until that is null. Rooms made meanwhile do not move the pages that follow.

    Args:
        state (RoomState | Unset): Where a room is in its life: `open` takes participants,
            `closed` and `expired` have ended.
        owner_id (str | Unset):
        limit (int | Unset):  Default: 50.
        cursor (str | Unset):

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[ErrorBody | RoomList]
    """

    kwargs = _get_kwargs(
        state=state,
        owner_id=owner_id,
        limit=limit,
        cursor=cursor,
    )

    response = await client.get_async_httpx_client().request(**kwargs)

    return _build_response(client=client, response=response)


async def asyncio(
    *,
    client: AuthenticatedClient,
    state: RoomState | Unset = UNSET,
    owner_id: str | Unset = UNSET,
    limit: int | Unset = 50,
    cursor: str | Unset = UNSET,
) -> ErrorBody | RoomList | None:
    """List rooms

     All rooms that match, newest first, a page at a time.

    `total` counts all that match. To read on, ask again with the same filters and `cursor` set to
    `next_cursor`, until that is null. Rooms made meanwhile do not move the pages that follow.

    Args:
        state (RoomState | Unset): Where a room is in its life: `open` takes participants,
            `closed` and `expired` have ended.
        owner_id (str | Unset):
        limit (int | Unset):  Default: 50.
        cursor (str | Unset):

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        ErrorBody | RoomList
    """

    return (
        await asyncio_detailed(
            client=client,
            state=state,
            owner_id=owner_id,
            limit=limit,
            cursor=cursor,
        )
    ).parsed
