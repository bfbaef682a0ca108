"""The AsyncAPI document says what goes over the socket, all of it and nothing else."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any, Final, get_args

import msgspec
import pytest
from jsonschema import Draft7Validator

from signaling.contract import codec
from signaling.contract.asyncapi import asyncapi_document, operation_id
from signaling.contract.catalog import BAD_FRAME_ERRORS, CATALOG, Direction, MessageInfo
from signaling.contract.errors import CLOSES, ERRORS, ErrorCode
from signaling.contract.messages import ClientMessage, ServerMessage, tag_of
from signaling.domain.session import MESSAGES, REFUSALS, TRANSITIONS

DATA: Final = Path(__file__).parent / "data"

UNIONS: Final = {Direction.CLIENT_TO_SERVER: ClientMessage, Direction.SERVER_TO_CLIENT: ServerMessage}

CLIENT: Final = [info for info in CATALOG if info.direction is Direction.CLIENT_TO_SERVER]

REFERENCE: Final = "#/components/schemas/"

Json = dict[str, Any]


@pytest.fixture(scope="session")
def asyncapi() -> Json:
    return asyncapi_document()


@pytest.fixture(scope="session")
def rules() -> Draft7Validator:
    """AsyncAPI's own schema of its documents."""
    return Draft7Validator(json.loads((DATA / "asyncapi-3.0.0.json").read_bytes()))


@pytest.fixture(params=CATALOG, ids=operation_id)
def info(request: pytest.FixtureRequest) -> MessageInfo:
    entry: MessageInfo = request.param
    return entry


def at(document: Json, reference: str) -> Any:
    part: Any = document
    for key in reference.removeprefix("#/").split("/"):
        part = part[key]
    return part


def references(part: Any) -> Iterator[str]:
    if isinstance(part, dict):
        if "$ref" in part:
            yield part["$ref"]
        for inner in part.values():
            yield from references(inner)
    elif isinstance(part, list):
        for inner in part:
            yield from references(inner)


# As AsyncAPI has it


def test_it_is_valid_asyncapi(asyncapi: Json, rules: Draft7Validator) -> None:
    assert asyncapi["asyncapi"] == "3.0.0"
    assert [f"{fault.json_path}: {fault.message}" for fault in rules.iter_errors(asyncapi)] == []


def _wrong_action(document: Json) -> None:
    document["operations"]["client_join"]["action"] = "publish"


def _discriminator(document: Json) -> None:
    document["components"]["schemas"]["Join"]["discriminator"] = {"propertyName": "type"}


def _no_version(document: Json) -> None:
    del document["info"]["version"]


def _no_protocol(document: Json) -> None:
    del document["servers"]["deployment"]["protocol"]


def _bad_location(document: Json) -> None:
    document["components"]["correlationIds"]["request_id"]["location"] = "request_id"


@pytest.mark.parametrize("spoil", [_wrong_action, _discriminator, _no_version, _no_protocol, _bad_location])
def test_what_is_not_valid_is_found(
    asyncapi: Json, rules: Draft7Validator, spoil: Callable[[Json], None]
) -> None:
    spoiled = copy.deepcopy(asyncapi)
    spoil(spoiled)
    assert not rules.is_valid(spoiled)


def test_references_lead_somewhere_and_nothing_is_over(asyncapi: Json) -> None:
    used = set(references(asyncapi))
    for reference in used:
        assert at(asyncapi, reference), reference
    for kind, components in asyncapi["components"].items():
        assert {f"#/components/{kind}/{name}" for name in components} <= used, kind


def test_no_reference_hides_what_stands_beside_it(asyncapi: Json) -> None:
    """In the JSON Schema of AsyncAPI (draft 7) a `$ref` stands alone."""

    def walk(part: Any) -> None:
        if isinstance(part, dict):
            assert "$ref" not in part or len(part) == 1, part
        for inner in part.values() if isinstance(part, dict) else part if isinstance(part, list) else ():
            walk(inner)

    walk(asyncapi)


# All of the messages, in both directions


@pytest.mark.parametrize("direction", Direction)
def test_catalog_and_unions_have_the_same_messages(direction: Direction) -> None:
    listed = [info.message for info in CATALOG if info.direction is direction]
    assert listed == list(get_args(UNIONS[direction]))


def test_every_message_is_in_it_and_nothing_else(asyncapi: Json) -> None:
    names = [info.message.__name__ for info in CATALOG]
    assert list(asyncapi["components"]["messages"]) == names
    (channel,) = asyncapi["channels"].values()
    assert channel["address"] == "/ws"
    assert channel["messages"] == {name: {"$ref": f"#/components/messages/{name}"} for name in names}
    operations = asyncapi["operations"]
    assert list(operations) == [operation_id(info) for info in CATALOG]
    sent = [reference["$ref"] for operation in operations.values() for reference in operation["messages"]]
    assert sent == [f"#/channels/signaling/messages/{name}" for name in names]


def test_the_unions_have_no_message_that_is_not_in_it(asyncapi: Json) -> None:
    """The document is printed from the catalog, not from the unions: the two could differ."""
    kinds = {kind for union in UNIONS.values() for kind in get_args(union)}
    assert {kind.__name__ for kind in kinds} == set(asyncapi["components"]["messages"])
    assert {tag_of(kind) for kind in kinds} == {
        message["name"] for message in asyncapi["components"]["messages"].values()
    }


def test_operations(asyncapi: Json, info: MessageInfo) -> None:
    operation = asyncapi["operations"][operation_id(info)]
    from_client = info.direction is Direction.CLIENT_TO_SERVER
    assert operation["action"] == ("receive" if from_client else "send")
    assert operation["channel"] == {"$ref": "#/channels/signaling"}
    assert info.when in operation["description"]
    replies = [
        at(asyncapi, entry["$ref"])["$ref"] for entry in operation.get("reply", {}).get("messages", [])
    ]
    assert replies == [f"#/components/messages/{reply.__name__}" for reply in info.replies]
    assert bool(replies) == from_client


def test_messages_say_all_there_is_to_say(asyncapi: Json, info: MessageInfo) -> None:
    message = asyncapi["components"]["messages"][info.message.__name__]
    assert message["name"] == message["title"] == info.type
    assert message["summary"] == info.summary
    assert len(message["summary"]) > 10
    described = message["description"]
    assert f"**When:** {info.when}" in described
    for reply in info.replies:
        assert f"`{tag_of(reply)}`" in described
    for code in info.errors:
        assert f"| `{code.value}` | {ERRORS[code].meaning} |" in described
    codes = [code.value for code in info.errors] + (["invalid_message"] if info in CLIENT else [])
    assert message.get("x-error-codes", []) == codes
    assert message["payload"] == {"$ref": REFERENCE + info.message.__name__}
    assert len(message["examples"]) == len(info.examples) >= 1


def test_request_ids_correlate_a_message_with_its_answer(asyncapi: Json, info: MessageInfo) -> None:
    (name,) = asyncapi["components"]["correlationIds"]
    location = asyncapi["components"]["correlationIds"][name]["location"]
    field = location.removeprefix("$message.payload#/")
    answers = {reply for other in CATALOG for reply in other.replies}
    message = asyncapi["components"]["messages"][info.message.__name__]
    if info in CLIENT or info.message in answers:
        assert message["correlationId"] == {"$ref": f"#/components/correlationIds/{name}"}
        assert field in asyncapi["components"]["schemas"][info.message.__name__]["properties"]
    else:
        assert "correlationId" not in message


# Examples


def test_examples_are_what_the_codec_takes_and_what_the_schemas_say(
    asyncapi: Json, info: MessageInfo
) -> None:
    message = asyncapi["components"]["messages"][info.message.__name__]
    schema = Draft7Validator({**asyncapi, **message["payload"]})
    assert len({example["name"] for example in message["examples"]}) == len(message["examples"])
    for example, instance in zip(message["examples"], info.examples, strict=True):
        frame = json.dumps(example["payload"]).encode()
        schema.validate(example["payload"])
        assert msgspec.json.decode(frame, type=UNIONS[info.direction]) == instance
        if info in CLIENT:
            assert tag_of(codec.decode(frame)) == info.type


# Codes


def test_the_error_codes_are_all_those_of_the_socket(asyncapi: Json) -> None:
    expected = {code: info for code, info in ERRORS.items() if info.on_socket}
    listed = {entry["code"]: entry for entry in asyncapi["info"]["x-error-codes"]}
    assert list(listed) == [code.value for code in expected]
    for code, info in expected.items():
        entry = listed[code.value]
        assert (entry["meaning"], entry["retry"]) == (info.meaning, info.retry)
        assert entry["close_code"] == info.close_code
        row = f"| `{code.value}` | {info.meaning} | {'yes' if info.retry else 'no'} |"
        assert row in asyncapi["info"]["description"]
    schema = asyncapi["components"]["schemas"]["ErrorPayload"]["properties"]["code"]
    assert schema["enum"] == list(listed)


def test_the_close_codes_are_all_there_are(asyncapi: Json) -> None:
    listed = {entry["code"]: entry for entry in asyncapi["info"]["x-close-codes"]}
    assert list(listed) == [int(code) for code in CLOSES]
    rows = re.findall(
        r"^\| (\d{4}) \| `(\w+)` \| (.+) \| (yes|no) \|$", asyncapi["info"]["description"], re.MULTILINE
    )
    assert rows == [
        (str(int(code)), code.name.lower(), meaning, "yes" if code.reconnect else "no")
        for code, meaning in CLOSES.items()
    ]
    assert {code: entry["reconnect"] for code, entry in listed.items()} == {
        int(code): code.reconnect for code in CLOSES
    }


def test_every_code_of_the_socket_is_some_messages(asyncapi: Json) -> None:
    of_messages = {code for info in CLIENT for code in info.errors}
    on_socket = {code for code, info in ERRORS.items() if info.on_socket}
    assert of_messages <= on_socket
    assert on_socket - of_messages == set(BAD_FRAME_ERRORS)


def test_messages_list_the_refusals_of_the_session_table() -> None:
    """A message that some state does not take may be refused with that state's code: the catalog says so."""
    for info in CLIENT:
        refusals = {code for state, code in REFUSALS.items() if MESSAGES[info.type] not in TRANSITIONS[state]}
        assert refusals <= set(info.errors), info.type
        states = {ErrorCode.NOT_IN_ROOM, ErrorCode.ALREADY_IN_ROOM}
        assert set(info.errors) & states == refusals, info.type


# Drifts


DRIFTS: Final = [
    ("asyncapi.json", '"action": "receive"', '"action": "send"'),
    ("asyncapi.json", '"name": "pong"', '"name": "ping_pong"'),
    ("asyncapi.json", "| 4505 | `room_closed`", "| 4515 | `room_closed`"),
    ("asyncapi.json", '"maxLength": 64', '"maxLength": 65'),
    ("schemas/index.json", '"type": "leave"', '"type": "exit"'),
    ("schemas/client/ice_candidate.json", '"sdpMid"', '"sdp_mid"'),
    ("schemas/server/offer.json", '"from"', '"sender"'),
    ("schemas/rest/room-list.json", '"next_cursor"', '"cursor"'),
]


@pytest.mark.parametrize(("path", "before", "after"), DRIFTS)
def test_a_drift_is_refused(build: ModuleType, tmp_path: Path, path: str, before: str, after: str) -> None:
    build.build(tmp_path)
    text = (tmp_path / path).read_text(encoding="utf-8")
    assert before in text
    (tmp_path / path).write_text(text.replace(before, after), encoding="utf-8")
    faults = build.check(tmp_path)
    assert f"{tmp_path.name}/{path} is not what the code says" in faults
    changes = [line for line in faults.splitlines() if line[:1] in "+-"]
    assert any(after in line and line[0] == "-" for line in changes)
    assert any(before in line and line[0] == "+" for line in changes)
    assert "make contract" in faults
    assert build.build(tmp_path) == [path]
    assert build.check(tmp_path) == ""


def test_files_that_should_not_exist_are_reported(build: ModuleType, tmp_path: Path) -> None:
    build.build(tmp_path)
    for path in ("asyncapi-2.json", "schemas/client/wave.json", "schemas/old/join.json"):
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).write_text("{}\n", encoding="utf-8")
        assert f"{tmp_path.name}/{path} is printed by nothing" in build.check(tmp_path)
    assert build.build(tmp_path) == ["schemas/client/wave.json", "schemas/old/join.json"]
    assert (tmp_path / "asyncapi-2.json").exists()


def test_a_message_that_is_gone_is_a_drift(
    build: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The other way round: the code changes, the files do not."""
    build.build(tmp_path)
    made = copy.deepcopy(asyncapi_document())
    del made["operations"]["client_ping"]
    files = {path: make for path, make in build.FILES.items() if path != "schemas/client/ping.json"}
    monkeypatch.setattr(build, "FILES", {**files, "asyncapi.json": lambda: made})
    faults = build.check(tmp_path)
    assert f"{tmp_path.name}/asyncapi.json is not what the code says" in faults
    assert '-    "client_ping": {' in faults
    assert f"{tmp_path.name}/schemas/client/ping.json is printed by nothing" in faults
