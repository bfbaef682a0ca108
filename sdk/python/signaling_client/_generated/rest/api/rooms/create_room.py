from http import HTTPStatus
from typing import Any

import httpx

from ... import errors
from ...client import AuthenticatedClient, Client
from ...models.create_room_request import CreateRoomRequest
from ...models.error_body import ErrorBody
from ...models.room_created import RoomCreated
from ...types import UNSET, Response, Unset


def _get_kwargs(
    *,
    body: CreateRoomRequest | Unset = UNSET,
    idempotency_key: str | Unset = UNSET,
) -> dict[str, Any]:
    headers: dict[str, Any] = {}
    if not isinstance(idempotency_key, Unset):
        headers["Idempotency-Key"] = idempotency_key

    _kwargs: dict[str, Any] = {
        "method": "post",
        "url": "/api/rooms",
    }

    if not isinstance(body, Unset):
        _kwargs["json"] = body.to_dict()

    headers["Content-Type"] = "application/json"

    _kwargs["headers"] = headers
    return _kwargs


def _parse_response(
    *, client: AuthenticatedClient | Client, response: httpx.Response
) -> ErrorBody | RoomCreated | None:
    if response.status_code == 201:
        response_201 = RoomCreated.from_dict(response.json())

        return response_201

    if response.status_code == 400:
        response_400 = ErrorBody.from_dict(response.json())

        return response_400

    if response.status_code == 401:
        response_401 = ErrorBody.from_dict(response.json())

        return response_401

    if response.status_code == 409:
        response_409 = ErrorBody.from_dict(response.json())

        return response_409

    if response.status_code == 413:
        response_413 = ErrorBody.from_dict(response.json())

        return response_413

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
) -> Response[ErrorBody | RoomCreated]:
    return Response(
        status_code=HTTPStatus(response.status_code),
        content=response.content,
        headers=response.headers,
        parsed=_parse_response(client=client, response=response),
    )


def sync_detailed(
    *,
    client: AuthenticatedClient,
    body: CreateRoomRequest | Unset = UNSET,
    idempotency_key: str | Unset = UNSET,
) -> Response[ErrorBody | RoomCreated]:
    """Create a room

     Make a room when a class is scheduled or a session starts.

    Hand the `room_code` of the answer to those who may join: they connect to `/ws` with it. The room
    takes participants until `expires_at`, or until it is deleted.

    A network can lose the answer. Send an `Idempotency-Key` to be able to repeat the call: the
    repetition answers the room that was made the first time, and says so with `Idempotency-Replayed`.

    Args:
        idempotency_key (str | Unset):
        body (CreateRoomRequest | Unset): What the room shall be like. Every field may be left out
            or null; others are refused.

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[ErrorBody | RoomCreated]
    """

    kwargs = _get_kwargs(
        body=body,
        idempotency_key=idempotency_key,
    )

    response = client.get_httpx_client().request(
        **kwargs,
    )

    return _build_response(client=client, response=response)


def sync(
    *,
    client: AuthenticatedClient,
    body: CreateRoomRequest | Unset = UNSET,
    idempotency_key: str | Unset = UNSET,
) -> ErrorBody | RoomCreated | None:
    """Create a room

     Make a room when a class is scheduled or a session starts.

    Hand the `room_code` of the answer to those who may join: they connect to `/ws` with it. The room
    takes participants until `expires_at`, or until it is deleted.

    A network can lose the answer. Send an `Idempotency-Key` to be able to repeat the call: the
    repetition answers the room that was made the first time, and says so with `Idempotency-Replayed`.

    Args:
        idempotency_key (str | Unset):
        body (CreateRoomRequest | Unset): What the room shall be like. Every field may be left out
            or null; others are refused.

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        ErrorBody | RoomCreated
    """

    return sync_detailed(
        client=client,
        body=body,
        idempotency_key=idempotency_key,
    ).parsed


async def asyncio_detailed(
    *,
    client: AuthenticatedClient,
    body: CreateRoomRequest | Unset = UNSET,
    idempotency_key: str | Unset = UNSET,
) -> Response[ErrorBody | RoomCreated]:
    """Create a room

     Make a room when a class is scheduled or a session starts.

    Hand the `room_code` of the answer to those who may join: they connect to `/ws` with it. The room
    takes participants until `expires_at`, or until it is deleted.

    A network can lose the answer. Send an `Idempotency-Key` to be able to repeat the call: the
    repetition answers the room that was made the first time, and says so with `Idempotency-Replayed`.

    Args:
        idempotency_key (str | Unset):
        body (CreateRoomRequest | Unset): What the room shall be like. Every field may be left out
            or null; others are refused.

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[ErrorBody | RoomCreated]
    """

    kwargs = _get_kwargs(
        body=body,
        idempotency_key=idempotency_key,
    )

    response = await client.get_async_httpx_client().request(**kwargs)

    return _build_response(client=client, response=response)


async def asyncio(
    *,
    client: AuthenticatedClient,
    body: CreateRoomRequest | Unset = UNSET,
    idempotency_key: str | Unset = UNSET,
) -> ErrorBody | RoomCreated | None:
    """Create a room

     Make a room when a class is scheduled or a session starts.

    Hand the `room_code` of the answer to those who may join: they connect to `/ws` with it. The room
    takes participants until `expires_at`, or until it is deleted.

    A network can lose the answer. Send an `Idempotency-Key` to be able to repeat the call: the
    repetition answers the room that was made the first time, and says so with `Idempotency-Replayed`.

    Args:
        idempotency_key (str | Unset):
        body (CreateRoomRequest | Unset): What the room shall be like. Every field may be left out
            or null; others are refused.

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        ErrorBody | RoomCreated
    """

    return (
        await asyncio_detailed(
            client=client,
            body=body,
            idempotency_key=idempotency_key,
        )
    ).parsed
