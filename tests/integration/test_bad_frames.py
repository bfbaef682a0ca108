"""What is no valid message: the right error, the path of the fault, the request_id, and no effect on
anyone.
"""

from __future__ import annotations

import json
from typing import Any

import pytest

from support.service import Service

ROOM = {"room_code": "abcdef"}
OFFER = {"type": "offer", "sdp": ""}


@pytest.mark.odd_frames("client")
@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "invalid_json"),
        ("   ", "invalid_json"),
        ("hello", "invalid_json"),
        ('{"type": "ping"', "invalid_json"),
        ('{"type": "ping"} {"type": "ping"}', "invalid_json"),
        ('{"type": "ping",}', "invalid_json"),
        ("{'type': 'ping'}", "invalid_json"),
        (
            '{"type": "offer", "payload": {"to": "x", "description": {"type": "offer", "sdp": nope}}}',
            "invalid_json",
        ),
        ("\ufeff" + '{"type": "ping"}', "invalid_json"),
        ("NaN", "invalid_json"),
        ("null", "invalid_message"),
        ("[]", "invalid_message"),
        ("12", "invalid_message"),
        ('"ping"', "invalid_message"),
        ("{}", "invalid_message"),
        ('{"type": null}', "invalid_message"),
        ('{"type": 7}', "invalid_message"),
        ('{"type": "join"}', "invalid_message"),
        ('{"type": "join", "payload": null}', "invalid_message"),
        ('{"type": "join", "payload": []}', "invalid_message"),
        ('{"type": "join", "payload": {}}', "invalid_message"),
        ('{"type": "resume", "payload": {"resume_token": "t", "received": -1}}', "invalid_message"),
        ('{"type": "ping", "payload": 3}', "invalid_message"),
        ('{"type": "ping", "request_id": 3}', "invalid_message"),
        ('{"type": "ping", "request_id": ""}', "invalid_message"),
        ('{"type": "ping", "request_id": null}', "invalid_message"),
        ('{"type": ""}', "unknown_type"),
        ('{"type": "PING"}', "unknown_type"),
        ('{"type": "room_joined", "payload": {}}', "unknown_type"),
        ('{"type": "connected"}', "unknown_type"),
        ('{"type": "participant_left", "payload": {"socket_id": "x", "reason": "left"}}', "unknown_type"),
    ],
)
async def test_code_of_a_bad_frame(service: Service, text: str, code: str) -> None:
    """Contract 3: invalid_json, invalid_message, unknown_type; the socket goes on."""
    client = await service.connect()
    await client.send_raw(text)
    await client.expect_error(code)
    assert (await client.ask("ping"))["type"] == "pong"


@pytest.mark.odd_frames("client")
@pytest.mark.parametrize(
    ("message", "path"),
    [
        ({"type": "join", "payload": {}}, "$.payload"),
        ({"type": "join", "payload": {"room_code": 5}}, "$.payload.room_code"),
        ({"type": "join", "payload": {"room_code": "abc"}}, "$.payload.room_code"),
        ({"type": "join", "payload": {"room_code": "abc-ef"}}, "$.payload.room_code"),
        ({"type": "join", "payload": ROOM | {"display_name": "x" * 81}}, "$.payload.display_name"),
        ({"type": "join", "payload": ROOM | {"user_id": ""}}, "$.payload.user_id"),
        ({"type": "offer", "payload": {"to": "x"}}, "$.payload"),
        ({"type": "offer", "payload": {"to": 1, "description": OFFER}}, "$.payload.to"),
        ({"type": "offer", "payload": {"to": "", "description": OFFER}}, "$.payload.to"),
        ({"type": "offer", "payload": {"to": "x", "description": None}}, "$.payload.description"),
        ({"type": "offer", "payload": {"to": "x", "description": {}}}, "$.payload.description"),
        (
            {"type": "offer", "payload": {"to": "x", "description": {"type": "answer"}}},
            "$.payload.description.type",
        ),
        ({"type": "answer", "payload": {"to": "x", "description": OFFER}}, "$.payload.description.type"),
        (
            {"type": "answer", "payload": {"to": "x", "description": {"type": "rollback"}}},
            "$.payload.description.type",
        ),
        (
            {"type": "offer", "payload": {"to": "x", "description": {"type": "offer", "sdp": 1}}},
            "$.payload.description.sdp",
        ),
        ({"type": "ice_candidate", "payload": {"to": "x"}}, "$.payload"),
        ({"type": "ice_candidate", "payload": {"to": "x", "candidate": "c"}}, "$.payload.candidate"),
        (
            {"type": "ice_candidate", "payload": {"to": "x", "candidate": {"sdpMLineIndex": "0"}}},
            "$.payload.candidate.sdpMLineIndex",
        ),
        (
            {"type": "ice_candidate", "payload": {"to": "x", "candidate": {"sdpMLineIndex": 65536}}},
            "$.payload.candidate.sdpMLineIndex",
        ),
        ({"type": "resume", "payload": {"resume_token": "t"}}, "$.payload"),
    ],
)
async def test_the_path_of_the_fault_and_the_request_id(
    service: Service, message: dict[str, Any], path: str
) -> None:
    """Contract 2: `message` names the JSON path for a bad field; the error repeats request_id."""
    client = await service.connect()
    await client.send_raw(json.dumps(message | {"request_id": "mine"}))
    error = await client.expect_error("invalid_message")
    assert f"`{path}`" in error["payload"]["message"]
    assert error["request_id"] == "mine"


@pytest.mark.odd_frames("client")
async def test_request_id_on_every_direct_answer(service: Service) -> None:
    """Contract 2: room_joined, room_left, pong, error repeat it; what is not an answer has none."""
    first, second = await service.couple()
    third = await service.connect()
    code = first.of_type("room_joined")[0]["payload"]["room_code"]
    longest = "r" * 64
    await third.send("join", {"room_code": code}, request_id=longest)
    assert (await third.expect("room_joined"))["request_id"] == longest
    await third.send("leave", request_id="bye")
    assert (await third.expect("room_left"))["request_id"] == "bye"
    await third.send("ping", request_id="ping")
    assert (await third.expect("pong"))["request_id"] == "ping"
    await third.send("nonsense", {}, request_id="what")
    assert (await third.expect_error("unknown_type"))["request_id"] == "what"
    await third.send("leave", request_id="again")
    assert (await third.expect_error("not_in_room"))["request_id"] == "again"
    await second.send("offer", {"to": first.socket_id, "description": OFFER}, request_id="secret")
    assert "request_id" not in await first.until("offer")
    assert all("request_id" not in frame for frame in first.of_type("participant_joined", "participant_left"))


@pytest.mark.odd_frames("client")
@pytest.mark.parametrize("request_id", ["r" * 65, "", 5, None, ["x"]])
async def test_a_request_id_out_of_bounds_is_not_repeated(service: Service, request_id: Any) -> None:
    """Contract 2: request_id is a string of 1..64."""
    client = await service.connect()
    await client.send_raw(json.dumps({"type": "ping", "request_id": request_id}))
    assert "request_id" not in await client.expect_error("invalid_message")


@pytest.mark.odd_frames("client")
@pytest.mark.parametrize("place", ["sdp", "unknown"])
async def test_half_a_surrogate_pair(service: Service, place: str) -> None:
    """Contract 3: what is no Unicode text is no JSON to us, also inside of what is carried: not every client
    reads it.
    """
    first, second = await service.couple()
    description = r'{"type": "offer", "PLACE": "\ud800"}'.replace("PLACE", place)
    await second.send_raw(
        f'{{"type": "offer", "payload": {{"to": "{first.socket_id}", "description": {description}}}}}'
    )
    await second.expect_error("invalid_json")
    await first.settle()
    assert not first.of_type("offer")


@pytest.mark.odd_frames("client")
@pytest.mark.parametrize("depth", [100, 900, 1100, 5000, 30000])
@pytest.mark.parametrize("shape", ["[{}]", '{{"a":{}}}'])
async def test_deeply_nested_json(service: Service, depth: int, shape: str) -> None:
    """Contract 3: a bad frame gets an error and changes nothing, however deep it is."""
    if depth * len(shape) > 60_000:
        depth = 60_000 // len(shape)
    opening, closing = shape.format("0").split("0")
    nested = opening * depth + "0" + closing * depth
    first, second = await service.couple()
    await second.send_raw(nested)
    assert (await second.expect("error"))["payload"]["code"] in ("invalid_json", "invalid_message")
    await second.send_raw('{"type": "ping", "request_id": "deep", "extra": ' + nested + "}")
    answer = await second.until(lambda frame: frame["type"] in ("pong", "error"))
    assert answer["type"] == "pong" or answer["payload"]["code"] == "invalid_json"
    payload = f'{{"to": "{first.socket_id}", "candidate": {{"x": {nested}}}}}'
    await second.send_raw('{"type": "ice_candidate", "payload": ' + payload + "}")
    await second.settle()
    await first.settle()
    assert len(first.of_type("ice_candidate")) + len(second.of_type("error")) >= 2


async def test_unknown_fields_are_ignored(service: Service) -> None:
    """Contract 2: fields of later protocol versions do no harm."""
    code = await service.room()
    client = await service.connect()
    await client.send_raw(
        json.dumps({"type": "join", "v": 9, "payload": {"room_code": code, "role": "teacher"}, "to": "x"})
    )
    await client.expect("room_joined")


@pytest.mark.odd_frames("client")
async def test_ten_bad_frames_in_a_row_end_the_socket(service: Service) -> None:
    """Contract 3: 10 bad frames in a row -> 4501, after the tenth error."""
    first, second = await service.couple()
    for _ in range(10):
        await second.send_raw("no")
    assert await second.closed() == 4501
    assert len(second.of_type("error")) == 10
    left = await first.expect("participant_left")
    assert left["payload"] == {"socket_id": second.socket_id, "reason": "connection_lost"}


@pytest.mark.odd_frames("client")
async def test_a_good_frame_between_starts_the_count_again(service: Service) -> None:
    """Contract 3: in a row, that is: 9 bad + 1 good + 9 bad leaves the socket open."""
    client = await service.connect()
    for _ in range(2):
        for _ in range(9):
            await client.send_raw("no")
        assert (await client.ask("ping"))["type"] == "pong"
    assert len(client.of_type("error")) == 18


async def test_a_refused_message_is_no_bad_frame(service: Service) -> None:
    """Contract 3: valid messages that cannot be done now never end the socket."""
    client = await service.connect()
    for _ in range(30):
        await client.send("leave")
    await client.settle()
    assert len(client.of_type("error")) == 30


@pytest.mark.odd_frames("client")
async def test_ten_bad_frames_and_a_close_in_one_packet(service: Service) -> None:
    """Contract 3: the end by the tenth bad frame and the peer's own close may meet; nothing fails over it."""
    from support.raw import CLOSE, close_payload, frame

    first = await service.joined(code := await service.room())
    peer = await service.raw_joined(code)
    await first.expect("participant_joined")
    await peer.send(frame(b"no") * 12 + frame(close_payload(1000), CLOSE))
    await peer.end_of_line()
    await first.expect("participant_left")
