"""The JSON Schemas of the messages: what they take is what the codec takes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, get_args

import msgspec
import pytest
from jsonschema import Draft202012Validator

from signaling.contract.errors import ERRORS
from signaling.contract.messages import ClientMessage, ServerMessage, tag_of
from signaling.contract.schemas import MESSAGE_SCHEMAS, message_schema

DIRECTIONS = {"client-message": ClientMessage, "server-message": ServerMessage}
DECODERS = {name: msgspec.json.Decoder(union) for name, union in DIRECTIONS.items()}

SOCKET = "k3v9q2mx-7fh2kd8s5wpc4nrt"
OFFER = {"type": "offer", "sdp": "v=0"}

FRAMES: list[dict[str, Any]] = [
    {"type": "join", "payload": {"room_code": "a7x9k2"}},
    {"type": "join", "payload": {"room_code": "A7X9K2", "display_name": None, "user_id": None}},
    {
        "type": "join",
        "payload": {"room_code": "a7x9k2", "display_name": "  John  ", "user_id": "u"},
        "request_id": "1",
    },
    {"type": "offer", "payload": {"to": SOCKET, "description": OFFER}},
    {"type": "answer", "payload": {"to": SOCKET, "description": {"type": "pranswer", "sdp": ""}}},
    {"type": "ice_candidate", "payload": {"to": SOCKET, "candidate": None}},
    {
        "type": "ice_candidate",
        "payload": {"to": SOCKET, "candidate": {"candidate": "", "sdpMLineIndex": 0, "x": 1}},
    },
    {"type": "leave"},
    {"type": "leave", "payload": {}},
    {"type": "leave", "payload": None},
    {"type": "ping"},
    {"type": "ping", "payload": {"received": 3}},
    {"type": "resume", "payload": {"resume_token": "t", "received": 1}},
    {"type": "join", "payload": {"room_code": "a7x9k"}},
    {"type": "join", "payload": {"room_code": "a7x9k2", "display_name": " "}},
    {"type": "join", "payload": {"room_code": "a7x9k2", "display_name": "n" * 81}},
    {"type": "join", "payload": {"room_code": "a7x9k2", "user_id": ""}},
    {"type": "join", "payload": {}},
    {"type": "join"},
    {"type": "join", "payload": {"room_code": "a7x9k2"}, "request_id": ""},
    {"type": "join", "payload": {"room_code": "a7x9k2"}, "request_id": None},
    {"type": "offer", "payload": {"to": SOCKET, "description": {"type": "answer", "sdp": "v=0"}}},
    {"type": "offer", "payload": {"to": "", "description": OFFER}},
    {"type": "offer", "payload": {"to": SOCKET}},
    {"type": "ice_candidate", "payload": {"to": SOCKET}},
    {"type": "ice_candidate", "payload": {"to": SOCKET, "candidate": {"sdpMLineIndex": -1}}},
    {"type": "resume", "payload": {"resume_token": "t", "received": -1}},
    {"type": "leave", "payload": []},
    {"type": "connected", "payload": {}},
    {"payload": {"room_code": "a7x9k2"}},
    {"type": None},
]


@pytest.fixture(params=sorted(MESSAGE_SCHEMAS))
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_there_is_one_for_each_direction() -> None:
    assert {name: union for name, (union, _) in MESSAGE_SCHEMAS.items()} == DIRECTIONS


def test_it_is_a_valid_schema(name: str) -> None:
    Draft202012Validator.check_schema(message_schema(name))


def test_one_schema_a_message_told_apart_by_type(name: str) -> None:
    schema = message_schema(name)
    messages = [schema["$defs"][entry["$ref"].rpartition("/")[2]] for entry in schema["oneOf"]]
    tags = [tag_of(message) for message in get_args(DIRECTIONS[name])]
    assert [message["properties"]["type"] for message in messages] == [
        {"type": "string", "const": tag} for tag in tags
    ]
    assert all("type" in message["required"] for message in messages)
    assert len(set(tags)) == len(tags)


def test_nothing_is_missing_and_nothing_is_over(name: str) -> None:
    schema = message_schema(name)
    assert set(re.findall(r"#/\$defs/(\w+)", str(schema))) == set(schema["$defs"])


def subschemas(schema: Any) -> Iterator[dict[str, Any]]:
    if isinstance(schema, dict):
        yield schema
        for key, part in schema.items():
            if key == "properties":
                for field in part.values():
                    yield from subschemas(field)
            elif key in ("items", "anyOf"):
                yield from (
                    found
                    for each in (part if isinstance(part, list) else [part])
                    for found in subschemas(each)
                )


def test_fields_are_described_and_their_examples_valid(name: str) -> None:
    schema = message_schema(name)
    for title, definition in schema["$defs"].items():
        assert definition["description"], title
        for part in subschemas(definition):
            for example in part.get("examples", []):
                Draft202012Validator({**part, "$defs": schema["$defs"]}).validate(example)
        for field, of_field in definition.get("properties", {}).items():
            references = [of_field, *of_field.get("anyOf", [])]
            targets = [
                schema["$defs"].get(entry.get("$ref", "").rpartition("/")[2], {}) for entry in references
            ]
            described = any(entry.get("description") for entry in [*references, *targets])
            assert described or "const" in of_field, f"{title}.{field}"


def test_error_codes_are_those_of_sockets() -> None:
    enum = message_schema("server-message")["$defs"]["ErrorCode"]["enum"]
    assert enum == [code.value for code, info in ERRORS.items() if info.on_socket]


@pytest.mark.parametrize("frame", FRAMES, ids=str)
def test_schema_and_codec_agree(frame: dict[str, Any]) -> None:
    try:
        DECODERS["client-message"].decode(msgspec.json.encode(frame))
        decodes = True
    except msgspec.ValidationError:
        decodes = False
    assert Draft202012Validator(message_schema("client-message")).is_valid(frame) == decodes
