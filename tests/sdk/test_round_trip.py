"""Every message and every body, with whatever values the contract allows: the SDK's are the service's."""

from __future__ import annotations

import json
from typing import Any, Final

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from signaling.contract import codec, rest
from signaling.contract.catalog import CLIENT_CATALOG, SERVER_CATALOG, MessageInfo
from signaling.contract.errors import ErrorCode
from signaling.contract.examples import REST_EXAMPLES
from signaling.contract.messages import ServerMessage, tag_of
from signaling.contract.types import RoomState
from signaling_client import _wire, models
from signaling_client._generated import messages as generated
from signaling_client._generated.rest import models as generated_models
from support.values import values_of

THOROUGH: Final = settings(
    max_examples=60,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)

ANYTHING: Final = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=8), inner, max_size=2),
    max_leaves=5,
)


def name_of(info: MessageInfo) -> str:
    return info.message.__name__


@pytest.mark.parametrize("info", CLIENT_CATALOG, ids=name_of)
def test_client_messages(info: MessageInfo) -> None:
    @THOROUGH
    @given(values_of(info.message))
    def compare(made: Any) -> None:
        frame = msgspec.json.encode(made)
        message = msgspec.json.decode(frame, type=generated.ClientMessage)
        assert type(message).__name__ == name_of(info)
        assert _wire.encode(message) == frame
        assert tag_of(codec.decode(_wire.encode(message))) == info.type

    compare()


@pytest.mark.parametrize("info", SERVER_CATALOG, ids=name_of)
def test_server_messages(info: MessageInfo) -> None:
    @THOROUGH
    @given(values_of(info.message))
    def compare(made: Any) -> None:
        frame = msgspec.json.encode(made)
        message = _wire.decode(frame)
        assert type(message).__name__ == name_of(info)
        assert msgspec.json.encode(message) == frame
        # And the service would read it as what it has sent.
        again: Any = msgspec.json.decode(msgspec.json.encode(message), type=ServerMessage)
        assert again == msgspec.json.decode(frame, type=ServerMessage)

    compare()


@pytest.mark.parametrize("info", SERVER_CATALOG, ids=name_of)
def test_unknown_fields_anywhere_change_nothing(info: MessageInfo) -> None:
    @THOROUGH
    @given(values_of(info.message), ANYTHING)
    def compare(made: Any, news: Any) -> None:
        frame = json.loads(msgspec.json.encode(made))
        newer = json.dumps(_with(frame, {"a_field_of_tomorrow": news}))
        assert _wire.decode(newer) == _wire.decode(json.dumps(frame))

    compare()


@THOROUGH
@given(st.text(min_size=1, max_size=20), ANYTHING)
def test_unknown_messages_are_no_message(kind: str, payload: Any) -> None:
    known = {info.type for info in SERVER_CATALOG}
    if kind not in known:
        assert _wire.decode(json.dumps({"type": kind, "payload": payload})) is None


# Bodies

ANSWERS: Final[list[type[Any]]] = [
    *(kind for kind in REST_EXAMPLES if kind is not rest.CreateRoomRequest),
    rest.ErrorBody,
]


def test_these_are_all_bodies() -> None:
    assert {"CreateRoomRequest", *(kind.__name__ for kind in ANSWERS)} <= set(generated_models.__all__)
    assert set(ANSWERS) | {rest.CreateRoomRequest} >= set(rest.REST_TYPES) - {RoomState}


def model_of(kind: type[Any]) -> Any:
    return getattr(generated_models, kind.__name__)


def as_sent(value: Any) -> Any:
    """Times as the service writes them; the generated models write them in Python's way."""
    return json.loads(json.dumps(value).replace("+00:00", "Z"))


@pytest.mark.parametrize("kind", ANSWERS, ids=lambda kind: kind.__name__)
def test_answers(kind: type[Any]) -> None:
    @THOROUGH
    @given(values_of(kind))
    def compare(made: Any) -> None:
        body = json.loads(msgspec.json.encode(made))
        read = model_of(kind).from_dict(body)
        assert as_sent(read.to_dict()) == body
        assert read.additional_properties == {}

    compare()


@pytest.mark.parametrize("kind", ANSWERS, ids=lambda kind: kind.__name__)
def test_unknown_fields_of_answers_are_kept_apart(kind: type[Any]) -> None:
    @THOROUGH
    @given(values_of(kind), ANYTHING)
    def compare(made: Any, news: Any) -> None:
        body = json.loads(msgspec.json.encode(made))
        newer = model_of(kind).from_dict(_with(body, {"a_field_of_tomorrow": news}))
        assert newer.additional_properties == {"a_field_of_tomorrow": news}
        newer.additional_properties = {}
        known = {name: getattr(newer, name) for name in body}
        assert set(known) == set(body)

    compare()


def test_unknown_values_of_answers_are_read() -> None:
    """A state, a code or a status that a newer service adds is text to an older client."""
    for kind, field in (
        (rest.RoomDetails, "state"),
        (rest.HealthResponse, "status"),
        (rest.ErrorBody, "code"),
        (rest.ReadyResponse, "status"),
        (rest.UnreadyResponse, "status"),
    ):
        example = {"detail": "x", "code": ErrorCode.NOT_FOUND.value}
        if kind in REST_EXAMPLES:
            example = msgspec.to_builtins(next(iter(REST_EXAMPLES[kind].values())))
        read = model_of(kind).from_dict({**example, field: "of_tomorrow"})
        assert getattr(read, field) == "of_tomorrow", kind


@THOROUGH
@given(values_of(rest.CreateRoomRequest))
def test_requests(made: Any) -> None:
    body = json.loads(msgspec.json.encode(made))
    sent = generated_models.CreateRoomRequest.from_dict(body).to_dict()
    assert sent == body
    assert msgspec.convert(sent, rest.CreateRoomRequest) == made


def test_the_public_models_are_the_generated_ones() -> None:
    for kind in (rest.RoomCreated, rest.RoomDetails, rest.RoomList, rest.RoomDeleted, rest.HealthResponse):
        assert getattr(models, kind.__name__) is model_of(kind)


def _with(value: Any, news: dict[str, Any]) -> Any:
    """The value with the news in every object of it."""
    if isinstance(value, dict):
        return {**{key: _with(one, news) for key, one in value.items()}, **news}
    return [_with(one, news) for one in value] if isinstance(value, list) else value
