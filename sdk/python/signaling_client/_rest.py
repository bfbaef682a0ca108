"""What the two REST clients share: checks of what goes out, and of what came in."""

from __future__ import annotations

import contextlib
import json
import re
import secrets
from collections.abc import Iterator
from typing import Any, Final, TypeVar
from urllib.parse import quote, urlsplit

from signaling_client._generated.rest.client import AuthenticatedClient
from signaling_client._generated.rest.errors import UnexpectedStatus
from signaling_client._generated.rest.models.create_room_request import CreateRoomRequest
from signaling_client._generated.rest.models.room_state import RoomState
from signaling_client._generated.rest.types import UNSET, Response, Unset
from signaling_client._version import __version__
from signaling_client.errors import BadRequest, UnexpectedAnswer

USER_AGENT: Final = f"webrtc-signaling-client/{__version__}"

MAX_PAGE: Final = 200
"""Rooms that the service answers at most in one page."""

_VISIBLE: Final = re.compile(r"[!-~]+")
_ROOM_CODE: Final = re.compile(r"[0-9A-Za-z]+")

Model = TypeVar("Model")
Value = TypeVar("Value")


def http_base(base_url: str) -> str:
    """The service's address without a slash at its end. Raises ValueError for what is no HTTP address."""
    parts = urlsplit(base_url)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.port == 0:
        raise ValueError(f"base_url must be http(s)://host[:port], not {base_url!r}")
    return base_url.rstrip("/")


def caller(base_url: str, api_key: str) -> AuthenticatedClient:
    """What the generated functions call through; its httpx client is set by the caller."""
    # The generated code builds a client of its own only where none is set; it never does here.
    return AuthenticatedClient(base_url=http_base(base_url), token=api_key, raise_on_unexpected_status=True)


def request_headers(api_key: str) -> dict[str, str]:
    """The headers of every request. Raises ValueError for a key that cannot be in a header."""
    if not _VISIBLE.fullmatch(api_key):
        raise ValueError("api_key must be printable ASCII without spaces")
    return {"X-API-Key": api_key, "User-Agent": USER_AGENT, "Accept": "application/json"}


def room_request(
    owner_id: str | None, ttl_hours: int | None, max_participants: int | None
) -> CreateRoomRequest:
    """The body of a creation; None is left out. Raises TypeError for a value that JSON has no form for."""
    body = CreateRoomRequest(
        owner_id=given(owner_id), ttl_hours=given(ttl_hours), max_participants=given(max_participants)
    )
    # Found here, such a value is not mistaken for a fault in reading the answer.
    json.dumps(body.to_dict())
    return body


def creation_key(idempotency_key: str | None) -> str:
    """The caller's key, or a new one. Raises ValueError for one that cannot be in a header."""
    if idempotency_key is None:
        return secrets.token_urlsafe(24)
    if not _VISIBLE.fullmatch(idempotency_key):
        raise ValueError("idempotency_key must be printable ASCII without spaces")
    return idempotency_key


def room_path(room_code: str) -> str:
    """The code as a part of a path. Raises BadRequest for what the service would take for another path."""
    if not _ROOM_CODE.fullmatch(room_code):
        raise BadRequest("room_code: must be letters and digits")
    return quote(room_code)


def state_filter(state: RoomState | str | None) -> RoomState | Unset:
    """The state to list. Raises ValueError for one that does not exist."""
    return UNSET if state is None else RoomState(state)


def given(value: Value | None) -> Value | Unset:
    """The value in the generated code's own terms, which tells null from left out."""
    return UNSET if value is None else value


@contextlib.contextmanager
def reading() -> Iterator[None]:
    """Raises UnexpectedAnswer where the generated code cannot read an answer."""
    try:
        yield
    except (AttributeError, KeyError, TypeError, ValueError, UnexpectedStatus) as error:
        raise UnexpectedAnswer(f"The answer is not one of the service's: {error!r}") from error


def expected(response: Response[Any], model: type[Model]) -> Model:
    """The answer's body. Raises UnexpectedAnswer if it is something else."""
    if not isinstance(response.parsed, model):
        raise UnexpectedAnswer(
            f"The answer was {response.status_code.value}", status=response.status_code.value
        )
    return response.parsed
