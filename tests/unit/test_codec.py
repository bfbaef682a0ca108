"""Frames to messages and back: any bytes give a message or a BadFrame, and the raw twins accept what is
documented.
"""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from signaling.contract import messages
from signaling.contract.catalog import CATALOG
from signaling.contract.codec import CLIENT_TYPES, SERVER_TYPES, BadFrame, decode, encode, encode_relay
from signaling.contract.errors import ErrorCode
from signaling.contract.messages import ClientMessage, ServerMessage, tag_of
from signaling.contract.types import MAX_SDP_LENGTH

documented = msgspec.json.Decoder(ClientMessage)

words = st.text('aZ0 \u0000\n"\\/é\u2028😀', max_size=6)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | words,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(words, inner, max_size=2),
    max_leaves=4,
)


def mostly(
    right: st.SearchStrategy[Any], wrong: st.SearchStrategy[Any] = json_values
) -> st.SearchStrategy[Any]:
    """A right value three times of four."""
    return st.one_of(right, right, right, wrong)


def fields(required: dict[str, Any], optional: dict[str, Any]) -> st.SearchStrategy[Any]:
    """An object with these fields, sometimes with one too many."""
    extra = st.dictionaries(st.text(min_size=1, max_size=6), json_values, max_size=1)
    known = st.fixed_dictionaries(required, optional=optional)
    return st.builds(lambda more, these: {**more, **these}, extra, known)


ids = mostly(st.text(min_size=1, max_size=8), st.sampled_from(["", "x" * 128, "x" * 129, 5, None]))
descriptions = fields(
    {"type": mostly(st.sampled_from(["offer", "answer", "pranswer", "rollback"]))},
    {"sdp": mostly(st.text(max_size=20))},
)
candidates = fields(
    {},
    {
        "candidate": mostly(st.text(max_size=8)),
        "sdpMid": mostly(st.none() | st.text(max_size=3)),
        "sdpMLineIndex": mostly(st.none() | st.integers(-1, 65536)),
        "usernameFragment": mostly(st.none() | st.text(max_size=4)),
    },
)
names = st.none() | st.text(max_size=85) | st.sampled_from(["", " ", "x" * 80, "x" * 81, f"  {'y' * 80}\n"])
payloads = {
    "join": fields(
        {"room_code": mostly(st.from_regex(r"\A[0-9A-Za-z]{5,7}\n?\Z"))},
        {"display_name": mostly(names), "user_id": mostly(st.none() | st.text(max_size=130))},
    ),
    "offer": fields({"to": ids, "description": mostly(descriptions)}, {}),
    "answer": fields({"to": ids, "description": mostly(descriptions)}, {}),
    "ice_candidate": fields({"to": ids, "candidate": mostly(st.none() | candidates)}, {}),
    "leave": st.none() | fields({}, {}),
    "resume": fields({"resume_token": ids, "received": mostly(st.integers(-1, 2**53))}, {}),
    "ping": st.none() | fields({}, {"received": mostly(st.integers(-1, 5))}),
}


@st.composite
def frames(draw: st.DrawFn) -> Any:
    """Frames near to valid ones."""
    kind = draw(st.sampled_from(sorted(payloads)))
    frame = {"type": kind}
    if draw(st.integers(0, 5)):
        frame["payload"] = draw(payloads[kind])
    if draw(st.booleans()):
        frame["request_id"] = draw(mostly(st.text(max_size=66)))
    return draw(st.permutations(list(frame.items())).map(dict))


def decoded(data: bytes) -> Any:
    """The message, or the BadFrame it is refused with."""
    try:
        return decode(data)
    except BadFrame as error:
        return error


def accepted(check: Any, data: bytes) -> Any:
    try:
        return check(data)
    except (msgspec.DecodeError, RecursionError, BadFrame):
        return None


def test_every_message_has_its_strategy() -> None:
    assert set(payloads) == set(CLIENT_TYPES)


@given(st.binary(max_size=200))
@example(b"")
@example(b"\xff")
@example(b'{"type":"ping"}\x00')
@example(b"[" * 100_000)
@example(b'{"type":"offer","payload":{"to":"x","description":' + b'{"a":' * 5000 + b"1" + b"}" * 5001 + b"}}")
@example(b'{"type":"ping","request_id":"\\ud800"}')
@example(b'{"type":"\xc3\x28"}')
@example(b'{"type":1e999}')
@example(b'{"type":"join","payload":{"room_code":"\xe2\x82"}}')
def test_any_bytes(data: bytes) -> None:
    """Contract 3: whatever comes in is a message or a BadFrame of one of three codes, never another
    exception.
    """
    error = decoded(data)
    if isinstance(error, BadFrame):
        assert error.code in (ErrorCode.INVALID_JSON, ErrorCode.INVALID_MESSAGE, ErrorCode.UNKNOWN_TYPE)
        assert error.detail
        msgspec.json.encode(error.detail)


@pytest.mark.parametrize(
    "text", ["[", "[1", '{"type": 5, "payload"', '{"type": "ping", "request_id": 5', "5 5"]
)
def test_what_is_no_json_is_called_so_whatever_else_is_wrong_with_it(text: str) -> None:
    with pytest.raises(BadFrame) as caught:
        decode(text.encode())
    assert caught.value.code is ErrorCode.INVALID_JSON


@given(json_values)
def test_any_json(value: Any) -> None:
    """Contract 3: JSON that is no message is invalid_message or unknown_type, and says where."""
    with pytest.raises(BadFrame) as caught:
        decode(json.dumps(value).encode())
    assert caught.value.code in (ErrorCode.INVALID_MESSAGE, ErrorCode.UNKNOWN_TYPE)
    assert "`$" in caught.value.detail


@given(frames())
@settings(max_examples=250)
def test_the_raw_twins_accept_what_is_documented(frame: Any) -> None:
    """Contract 2: the fast decoder and the documented Structs accept exactly the same frames."""
    data = json.dumps(frame).encode()
    message, model = accepted(decode, data), accepted(documented.decode, data)
    assert (message is None) == (model is None), data
    if message is None:
        return
    assert tag_of(message) == tag_of(model)
    assert message.request_id == model.request_id
    if frame["type"] in ("offer", "answer", "ice_candidate"):
        relayed = json.loads(encode_relay(message, "sender"))
        carried = {
            key: value for key, value in frame["payload"].items() if key in ("description", "candidate")
        }
        assert relayed == {"type": frame["type"], "payload": {"from": "sender", **carried}}
        # What was accepted is what its receiver may expect.
        msgspec.json.decode(encode_relay(message, "sender"), type=ServerMessage)


MOST = MAX_SDP_LENGTH


@pytest.mark.parametrize("kind", ["offer", "answer"])
@pytest.mark.parametrize(
    ("sdp", "taken"),
    [
        ("v" * MOST, True),
        ("v" * (MOST + 1), False),
        ("\n" * MOST, True),  # two bytes of JSON each
        ("\n" * (MOST + 1), False),
        ("é" * (MOST // 2), True),
        ("", True),
        (5, False),
        (None, False),
        (["v=0"], False),
        ({}, False),
        (True, False),
    ],
    ids=lambda value: repr(value)[:8],
)
def test_an_sdp_is_text_of_a_bounded_length(kind: str, sdp: Any, *, taken: bool) -> None:
    frame = {"type": kind, "payload": {"to": "x", "description": {"type": kind, "sdp": sdp}}}
    data = json.dumps(frame, ensure_ascii=False).encode()
    error = decoded(data)
    assert (accepted(documented.decode, data) is not None) == taken
    assert isinstance(error, BadFrame) != taken
    if not taken:
        assert error.code is ErrorCode.INVALID_MESSAGE
        assert error.detail.endswith("at `$.payload.description.sdp`")


@pytest.mark.parametrize("kind", ["offer", "answer"])
@pytest.mark.parametrize(
    "members",
    [
        '"type":KIND,"sdp":0,"sdp":"v=0"',
        '"sdp":0,"sdp":"v=0","type":KIND',
        '"sdp":null,"type":KIND,"sdp":"v=0"',
        '"type": KIND, "\\u0073dp": {}, "sdp": "v=0"',
        f'"type":KIND,"sdp":"{"v" * (MOST + 1)}","sdp":"v=0"',
    ],
    ids=lambda members: members[:24],
)
def test_an_sdp_that_comes_twice_is_text_both_times(kind: str, members: str) -> None:
    """What is passed on says it twice as well, and a receiver may look at either."""
    description = members.replace("KIND", f'"{kind}"')
    data = f'{{"type":"{kind}","payload":{{"to":"x","description":{{{description}}}}}}}'.encode()
    assert accepted(documented.decode, data) is None
    error = decoded(data)
    assert isinstance(error, BadFrame)
    assert error.code is ErrorCode.INVALID_MESSAGE


@given(frames(), words.filter(bool))
def test_a_bad_frame_keeps_its_request_id(frame: Any, request_id: str) -> None:
    """Contract 2: the error of a frame repeats its request_id wherever that is one."""
    data = json.dumps({**frame, "request_id": request_id}).encode()
    assert decoded(data).request_id == request_id


EXAMPLES = [example for info in CATALOG for example in info.examples]


@pytest.mark.parametrize("message", EXAMPLES, ids=lambda message: type(message).__name__)
def test_round_trip(message: Any) -> None:
    """Every message is read as it was written, in either direction."""
    data = msgspec.json.encode(message)
    if isinstance(message, messages.ClientBase):
        assert documented.decode(data) == message
        assert tag_of(decode(data)) == tag_of(message)
    else:
        assert msgspec.json.decode(encode(message), type=ServerMessage) == message


def test_the_examples_have_every_message() -> None:
    client = {tag_of(message) for message in EXAMPLES if isinstance(message, messages.ClientBase)}
    server = {tag_of(message) for message in EXAMPLES if isinstance(message, messages.ServerBase)}
    assert client == set(CLIENT_TYPES)
    assert server == set(SERVER_TYPES)


def test_an_error_does_not_repeat_much_of_the_frame() -> None:
    """What an error quotes of the client's own text is bounded."""
    with pytest.raises(BadFrame) as caught:
        decode(json.dumps({"type": "x" * 60_000}).encode())
    assert len(caught.value.detail) < 500
