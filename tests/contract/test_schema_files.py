"""The published JSON Schemas: a file for each message and body, standing alone, as strict as the codec."""

from __future__ import annotations

import copy
import json
from typing import Any, Final, get_args
from urllib.parse import urljoin

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from signaling.contract.catalog import CATALOG, Direction, MessageInfo
from signaling.contract.codec import CLIENT_TYPES, SERVER_TYPES, BadFrame, decode
from signaling.contract.errors import ErrorCode
from signaling.contract.examples import REST_EXAMPLES
from signaling.contract.messages import PROTOCOL_VERSION, ClientMessage, Leave, ServerMessage
from signaling.contract.rest import CreateRoomRequest, ErrorBody
from signaling.contract.schemas import (
    DIALECT,
    INDEX,
    SCHEMAS_PATH,
    body_file,
    message_file,
    message_schema,
    schema_files,
)
from support.schemas import check_frame_schema, check_sent_frame, schema_validator

Json = dict[str, Any]

FILES: Final = {path: schema for path, schema in schema_files().items() if path != INDEX}
INDEXED: Final = schema_files()[INDEX]
UNIONS: Final = {"client": ClientMessage, "server": ServerMessage}
SIDES: Final = {Direction.CLIENT_TO_SERVER: "client", Direction.SERVER_TO_CLIENT: "server"}
EXAMPLES: Final = [
    (SIDES[info.direction], msgspec.to_builtins(example)) for info in CATALOG for example in info.examples
]

decode_server = msgspec.json.Decoder(ServerMessage).decode


@pytest.fixture(params=FILES)
def path(request: pytest.FixtureRequest) -> str:
    return str(request.param)


# The files


def test_there_is_a_file_for_every_message_and_every_body() -> None:
    messages = [f"client/{kind}.json" for kind in CLIENT_TYPES] + [
        f"server/{kind}.json" for kind in SERVER_TYPES
    ]
    bodies = [body_file(kind) for kind in REST_EXAMPLES] + [body_file(ErrorBody)]
    assert list(FILES) == ["client-message.json", "server-message.json", *messages, *bodies]
    assert [message_file(info) for info in CATALOG] == messages


def test_it_is_a_valid_schema(path: str) -> None:
    assert FILES[path]["$schema"] == DIALECT
    Draft202012Validator.check_schema(FILES[path])


def test_it_says_where_it_is(path: str) -> None:
    """Its `$id` is its path of the service: it resolves against any service that it came from."""
    assert FILES[path]["$id"] == f"/api/schemas/v{PROTOCOL_VERSION}/{path}"
    assert urljoin(f"https://signaling.test/api/schemas/{path}", FILES[path]["$id"]) == (
        f"https://signaling.test{SCHEMAS_PATH}{path}"
    )


def test_it_stands_alone(path: str) -> None:
    """All that it refers to is in it, and nothing else is."""
    schema = FILES[path]
    found: set[str] = set()

    def walk(part: Any) -> None:
        if isinstance(part, dict):
            if "$ref" in part:
                assert part["$ref"].startswith("#/$defs/")
                found.add(part["$ref"].removeprefix("#/$defs/"))
            for inner in part.values():
                walk(inner)
        elif isinstance(part, list):
            for inner in part:
                walk(inner)

    walk(schema)
    assert found == set(schema.get("$defs", {}))


def test_the_index_lists_every_file() -> None:
    assert INDEXED["protocol_version"] == PROTOCOL_VERSION
    entries = [*INDEXED["unions"], *INDEXED["messages"], *INDEXED["bodies"]]
    assert [entry["$id"] for entry in entries] == [SCHEMAS_PATH + path for path in FILES]
    for entry in entries:
        schema = FILES[entry["$id"].removeprefix(SCHEMAS_PATH)]
        assert (entry["title"], entry["description"]) == (schema["title"], schema["description"])
    assert [(entry["type"], entry["direction"]) for entry in INDEXED["messages"]] == [
        (info.type, info.direction.value) for info in CATALOG
    ]


@pytest.mark.parametrize("side", UNIONS)
def test_a_union_is_told_apart_by_type(side: str) -> None:
    union = FILES[f"{side}-message.json"]
    assert union == message_schema(f"{side}-message")
    assert union["discriminator"] == {"propertyName": "type"}
    members = [union["$defs"][entry["$ref"].removeprefix("#/$defs/")] for entry in union["oneOf"]]
    assert [member["title"] for member in members] == [kind.__name__ for kind in get_args(UNIONS[side])]
    tags = [member["properties"]["type"]["const"] for member in members]
    assert tags == list(CLIENT_TYPES if side == "client" else SERVER_TYPES)
    assert all("type" in member["required"] for member in members)


def test_a_message_is_the_same_alone_and_in_its_union() -> None:
    for info in CATALOG:
        alone = copy.deepcopy(FILES[message_file(info)])
        union = FILES[f"{SIDES[info.direction]}-message.json"]["$defs"]
        inner = alone.pop("$defs", {})
        assert inner == {name: union[name] for name in inner}
        for key in ("$schema", "$id", "examples"):
            del alone[key]
        assert alone == union[info.message.__name__]


# Examples


@pytest.mark.parametrize("info", CATALOG, ids=message_file)
def test_examples_of_messages(info: MessageInfo) -> None:
    side = SIDES[info.direction]
    examples = FILES[message_file(info)]["examples"]
    assert examples == [msgspec.to_builtins(example) for example in info.examples]
    for example in examples:
        check_frame_schema(side, example)
        takers = [
            path for path in FILES if path.startswith(f"{side}/") and schema_validator(path).is_valid(example)
        ]
        assert takers == [message_file(info)]


@pytest.mark.parametrize("kind", REST_EXAMPLES, ids=body_file)
def test_examples_of_bodies(kind: type[Any]) -> None:
    for example in REST_EXAMPLES[kind].values():
        assert schema_validator(body_file(kind)).is_valid(msgspec.to_builtins(example))


@pytest.mark.parametrize(
    "body",
    [{"ttl_hours": 169}, {"ttl_hours": "2"}, {"max_participants": 1}, {"owner_id": ""}, {"ttl": 2}, []],
    ids=str,
)
def test_bodies_that_the_service_refuses(body: Any) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(body, CreateRoomRequest)
    assert not schema_validator(body_file(CreateRoomRequest)).is_valid(body)


# As strict as the codec

TEXTS: Final = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
NUMBERS: Final = st.integers(-(2**60), 2**60) | st.floats(-1e15, 1e15, allow_nan=False)
SCALARS: Final = st.none() | st.booleans() | NUMBERS | TEXTS
VALUES: Final = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=6,
)
EDGES: Final = st.sampled_from(
    [
        "",
        "x",
        "a7x9k2",
        "A7X9K2",
        "a7x9k2\n",
        "offer",
        "pranswer",
        "n" * 65,
        "n" * 80,
        "n" * 81,
        "n" * 129,
        " ",
    ]
)
BOUNDS: Final = st.sampled_from([-1, 0, 1, 2, 100, 101, 65535, 65536, 2**53 - 1, 2**53, 1.0, 0.5, 12.5])


@st.composite
def spoiled(draw: st.DrawFn) -> tuple[str, Json]:
    """An example with something left out, added or put in the place of something, at up to three places."""
    side, example = draw(st.sampled_from(EXAMPLES))
    frame: Json = copy.deepcopy(example)
    for _ in range(draw(st.integers(1, 3))):
        place: Any = frame
        while True:
            inner = [value for value in place.values() if isinstance(value, dict)]
            if not inner or draw(st.booleans()):
                break
            place = draw(st.sampled_from(inner))
        names = st.sampled_from([*place, "request_id", "payload", "extra"])
        name = draw(names)
        if draw(st.booleans()):
            place[name] = draw(EDGES | BOUNDS | VALUES)
        else:
            place.pop(name, None)
    return side, frame


THOROUGH: Final = settings(
    max_examples=600, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck), database=None
)


@THOROUGH
@given(spoiled())
def test_what_the_codec_takes_the_schema_takes_and_the_other_way_round(case: tuple[str, Json]) -> None:
    side, frame = case
    text = json.dumps(frame)
    if side == "client":
        check_sent_frame(text)
        return
    try:
        decode_server(text)
        accepted = True
    except msgspec.ValidationError:
        accepted = False
    assert schema_validator("server-message.json").is_valid(frame) is accepted


@settings(THOROUGH, max_examples=200)
@given(VALUES)
def test_any_json(value: Any) -> None:
    check_sent_frame(json.dumps(value))


def test_the_comparison_is_of_frames_of_both_kinds() -> None:
    """Enough of what is made up is taken, and enough refused, for the comparison to mean something."""
    counts = {True: 0, False: 0}

    @settings(THOROUGH, max_examples=200)
    @given(spoiled())
    def count(case: tuple[str, Json]) -> None:
        side, frame = case
        counts[schema_validator(f"{side}-message.json").is_valid(frame)] += 1

    count()
    assert min(counts.values()) > 30


@pytest.mark.parametrize(
    ("frame", "code"),
    [
        ({"type": "wave"}, ErrorCode.UNKNOWN_TYPE),
        ({"type": "room_joined", "payload": {}}, ErrorCode.UNKNOWN_TYPE),
        ({"type": "join"}, ErrorCode.INVALID_MESSAGE),
        ({"type": "join", "payload": {"room_code": "a7x9k2\n"}}, ErrorCode.INVALID_MESSAGE),
        (
            {"type": "offer", "payload": {"to": "x", "description": {"type": "answer", "sdp": ""}}},
            ErrorCode.INVALID_MESSAGE,
        ),
        ([], ErrorCode.INVALID_MESSAGE),
    ],
    ids=str,
)
def test_frames_that_both_refuse(frame: Any, code: ErrorCode) -> None:
    with pytest.raises(BadFrame) as refused:
        decode(json.dumps(frame))
    assert refused.value.code is code
    assert not schema_validator("client-message.json").is_valid(frame)


def test_the_check_of_frames_finds_what_is_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the test client makes of every frame."""
    with pytest.raises(AssertionError, match="server_time"):
        check_frame_schema("server", {"type": "pong", "payload": {"server_time": "noon"}})
    with pytest.raises(AssertionError, match="room_code"):
        check_frame_schema("client", {"type": "join", "payload": {"room_code": "a"}})
    monkeypatch.setattr("support.schemas.decode", lambda _: Leave())
    with pytest.raises(AssertionError, match="the codec takes this frame"):
        check_sent_frame('{"type": "wave"}')
