"""openapi/compat: changes of messages and codes, planted in the documents, are named and judged."""

from __future__ import annotations

from typing import Final

import pytest

from signaling.contract.schemas import SCHEMAS_PATH
from support.drafts import (
    Json,
    Plant,
    add_field,
    changed,
    drop_field,
    entry,
    field,
    lines,
    rename_field,
    replace,
    required,
    taken_back,
)

ELSEWHERE: Final = "/api/schemas/v99/"

CONNECTED_OTHERWISE: Final = (
    "BREAKS the WebSocket: is connected to otherwise: its bindings or its security are not what they were"
)

# What is planted, what is told of it, and what is told when it is taken back.
PLANTED: Final[list[tuple[str, Plant, list[str], list[str]]]] = [
    # Messages from clients
    (
        "a message from clients is gone",
        lambda draft: draft.remove_message("Ping", "client_ping"),
        ["BREAKS `ping` from clients: is gone"],
        ["ok `ping` from clients: is new"],
    ),
    (
        "a field of a message from clients",
        lambda draft: add_field(draft.message("JoinPayload"), "avatar"),
        ["ok `join` from clients `payload.avatar`: is new and may be left out"],
        ["BREAKS `join` from clients `payload.avatar`: is no longer read"],
    ),
    (
        "a required field of a message from clients",
        lambda draft: add_field(draft.message("JoinPayload"), "avatar", required=True),
        ["BREAKS `join` from clients `payload.avatar`: is new and must be there"],
        ["BREAKS `join` from clients `payload.avatar`: is no longer read"],
    ),
    (
        "a bound of a message from clients",
        lambda draft: field(draft.message("JoinPayload"), "user_id", maxLength=64),
        ["BREAKS `join` from clients `payload.user_id`: at most 64 characters, was 128"],
        ["ok `join` from clients `payload.user_id`: at most 128 characters, was 64"],
    ),
    (
        "a payload that may be null",
        lambda draft: draft.message("Leave")["properties"].update(
            payload={"$ref": "#/components/schemas/LeavePayload"}
        ),
        ["BREAKS `leave` from clients `payload`: null is refused now"],
        ["ok `leave` from clients `payload`: null is taken, too"],
    ),
    (
        "a value that clients may send",
        lambda draft: field(draft.message("AnswerDescription"), "type", enum=["answer"]),
        # In the other direction it is what a client must be able to read.
        [
            "BREAKS `answer` from clients `payload.description.type`: `pranswer` is refused now",
            "BREAKS `answer` to clients `payload.description.type`: `pranswer` never comes now",
        ],
        [
            "ok `answer` from clients `payload.description.type`: `pranswer` is taken, too",
            "BREAKS `answer` to clients `payload.description.type`: `pranswer` may come, too",
        ],
    ),
    (
        "a default that goes both ways",
        lambda draft: field(draft.message("OfferDescription"), "sdp", default=None),
        [
            "BREAKS `OfferDescription.sdp` in `offer` from clients; `offer` to clients: "
            'left out no longer means `""`',
        ],
        [
            "ok `OfferDescription.sdp` in `offer` from clients; `offer` to clients: "
            'left out means `""`, which was not said',
        ],
    ),
    (
        "a default that is not needed any more",
        lambda draft: require_sdp(draft.message("OfferDescription")),
        [
            "BREAKS `offer` from clients `payload.description.sdp`: must be there now",
            "ok `offer` to clients `payload.description.sdp`: is always there now",
        ],
        [
            "ok `offer` from clients `payload.description.sdp`: may be left out now",
            "BREAKS `offer` to clients `payload.description.sdp`: may be left out now",
        ],
    ),
    (
        "how a message is written",
        lambda draft: draft.asyncapi["components"]["messages"]["Join"].update(contentType="application/cbor"),
        ["BREAKS `join` from clients: is application/cbor, was application/json"],
        ["BREAKS `join` from clients: is application/json, was application/cbor"],
    ),
    # Messages to clients
    (
        "a message to clients is gone",
        lambda draft: draft.remove_message("ParticipantReconnecting", "server_participant_reconnecting"),
        ["BREAKS `participant_reconnecting` to clients: is gone"],
        ["ok `participant_reconnecting` to clients: is new"],
    ),
    (
        "a field of several messages to clients",
        lambda draft: drop_field(draft.message("Participant"), "polite"),
        [
            "BREAKS `Participant.polite` in `room_joined` to clients; `participant_joined` to clients; "
            "`resumed` to clients: is gone"
        ],
        [
            "ok `Participant.polite` in `room_joined` to clients; `participant_joined` to clients; "
            "`resumed` to clients: is new"
        ],
    ),
    (
        "a value that clients may get",
        lambda draft: draft.message("ParticipantLeftPayload")["properties"]["reason"]["enum"].append(
            "kicked"
        ),
        ["ok `participant_left` to clients `payload.reason`: `kicked` may come, too"],
        ["BREAKS `participant_left` to clients `payload.reason`: `kicked` never comes now"],
    ),
    (
        "a field of a message to clients is renamed",
        lambda draft: rename_field(draft.message("PongPayload"), "server_time", "time"),
        [
            "BREAKS `pong` to clients `payload.server_time`: is gone",
            "ok `pong` to clients `payload.time`: is new",
        ],
        [
            "BREAKS `pong` to clients `payload.time`: is gone",
            "ok `pong` to clients `payload.server_time`: is new",
        ],
    ),
    (
        "a list to clients",
        lambda draft: field(draft.message("RoomJoinedPayload"), "participants", items={"type": "string"}),
        ["BREAKS `room_joined` to clients `payload.participants[]`: is a string, was an object"],
        ["BREAKS `room_joined` to clients `payload.participants[]`: is an object, was a string"],
    ),
    # Answers, addresses, codes
    (
        "a new answer where there was one",
        lambda draft: draft.asyncapi["operations"]["client_join"]["reply"]["messages"].append(
            {"$ref": "#/channels/signaling/messages/Pong"}
        ),
        ["BREAKS `join` from clients: may be answered by `pong`, too"],
        ["BREAKS `join` from clients: is never answered by `pong` now"],
    ),
    (
        "a first answer",
        lambda draft: draft.asyncapi["operations"]["client_offer"]["reply"]["messages"].append(
            {"$ref": "#/channels/signaling/messages/Pong"}
        ),
        ["ok `offer` from clients: may be answered by `pong`, too"],
        ["BREAKS `offer` from clients: is never answered by `pong` now"],
    ),
    (
        "the identifier that answers repeat",
        lambda draft: draft.asyncapi["components"]["messages"]["Ping"].pop("correlationId"),
        ["BREAKS `ping` from clients: `request_id` is no longer repeated in an answer"],
        ["ok `ping` from clients: `request_id` is repeated in an answer now"],
    ),
    (
        "one more refusal",
        lambda draft: draft.asyncapi["components"]["messages"]["Ping"]["x-error-codes"].append(
            "rate_limited"
        ),
        ["ok `ping` from clients: may be refused with `rate_limited`, too"],
        ["ok `ping` from clients: is never refused with `rate_limited` now"],
    ),
    (
        "another refusal",
        lambda draft: replace(
            draft.asyncapi["components"]["messages"]["Join"]["x-error-codes"], "room_full", "peer_not_found"
        ),
        [
            "BREAKS `join` from clients: is never refused with `room_full` now",
            "ok `join` from clients: may be refused with `peer_not_found`, too",
        ],
        [
            "BREAKS `join` from clients: is never refused with `peer_not_found` now",
            "ok `join` from clients: may be refused with `room_full`, too",
        ],
    ),
    (
        "the address of the socket",
        lambda draft: draft.asyncapi["channels"]["signaling"].update(address="/socket"),
        ["BREAKS the WebSocket: is at /socket, was at /ws"],
        ["BREAKS the WebSocket: is at /ws, was at /socket"],
    ),
    (
        "where the socket is on its servers",
        lambda draft: [server.update(pathname="/v2") for server in draft.asyncapi["servers"].values()],
        ["BREAKS the WebSocket: is at /v2/ws, was at /ws"],
        ["BREAKS the WebSocket: is at /ws, was at /v2/ws"],
    ),
    (
        "what must be in the address of the socket",
        lambda draft: draft.asyncapi["channels"]["signaling"]["bindings"]["ws"].update(
            query={"type": "object", "properties": {"key": {"type": "string"}}, "required": ["key"]}
        ),
        [CONNECTED_OTHERWISE],
        [CONNECTED_OTHERWISE],
    ),
    (
        "who may open the socket",
        lambda draft: draft.asyncapi["servers"]["deployment"].update(
            security=[{"type": "httpApiKey", "name": "key", "in": "query", "description": "A key."}]
        ),
        [CONNECTED_OTHERWISE],
        [CONNECTED_OTHERWISE],
    ),
    (
        "an error code",
        lambda draft: draft.registry("x-error-codes").append(
            {"code": "muted", "meaning": "", "retry": False, "close_code": None}
        ),
        ["ok error `muted`: is new"],
        ["BREAKS error `muted`: is gone"],
    ),
    (
        "whether an error is worth a retry",
        lambda draft: entry(draft.registry("x-error-codes"), "room_full").update(retry=False),
        ["BREAKS error `room_full`: is not worth a retry now"],
        ["ok error `room_full`: is worth a retry now"],
    ),
    (
        "an error ends the socket",
        lambda draft: entry(draft.registry("x-error-codes"), "room_full").update(close_code=4505),
        ["BREAKS error `room_full`: ends the socket with 4505 now"],
        ["ok error `room_full`: no longer ends the socket with 4505"],
    ),
    (
        "an error ends the socket otherwise",
        lambda draft: entry(draft.registry("x-error-codes"), "server_error").update(close_code=4003),
        ["ok error `server_error`: ends the socket with 4003, did with 4004"],
        ["ok error `server_error`: ends the socket with 4004, did with 4003"],
    ),
    (
        "an error ends the socket for good",
        lambda draft: entry(draft.registry("x-error-codes"), "server_error").update(close_code=4505),
        ["BREAKS error `server_error`: ends the socket with 4505, did with 4004"],
        ["BREAKS error `server_error`: ends the socket with 4004, did with 4505"],
    ),
    (
        "a close code in a range",
        lambda draft: draft.registry("x-close-codes").append(
            {"code": 4507, "name": "kicked", "meaning": "", "reconnect": False}
        ),
        ["ok close 4507: `kicked` is new"],
        ["BREAKS close 4507: `kicked` is gone"],
    ),
    (
        "a close code in no range",
        lambda draft: draft.registry("x-close-codes").append(
            {"code": 3001, "name": "kicked", "meaning": "", "reconnect": False}
        ),
        ["BREAKS close 3001: `kicked` is new"],
        ["BREAKS close 3001: `kicked` is gone"],
    ),
    (
        "a close code in the wrong range",
        lambda draft: draft.registry("x-close-codes").append(
            {"code": 4100, "name": "kicked", "meaning": "", "reconnect": False}
        ),
        ["BREAKS close 4100: `kicked` is new"],
        ["BREAKS close 4100: `kicked` is gone"],
    ),
    (
        "what a close code says",
        lambda draft: entry(draft.registry("x-close-codes"), 4003).update(reconnect=False),
        ["BREAKS close 4003: says not to reconnect now"],
        ["BREAKS close 4003: says to reconnect now"],
    ),
    (
        "the name of a close code",
        lambda draft: entry(draft.registry("x-close-codes"), 4003).update(name="too_slow"),
        ["ok close 4003: is called `too_slow`, was `slow_consumer`"],
        ["ok close 4003: is called `slow_consumer`, was `too_slow`"],
    ),
    (
        "two close codes change places",
        lambda draft: (
            entry(draft.registry("x-close-codes"), 4505).update(name="room_expired"),
            entry(draft.registry("x-close-codes"), 4506).update(name="room_closed"),
        ),
        [
            "BREAKS close 4505: is called `room_expired`, was `room_closed`",
            "BREAKS close 4506: is called `room_closed`, was `room_expired`",
        ],
        [
            "BREAKS close 4505: is called `room_closed`, was `room_expired`",
            "BREAKS close 4506: is called `room_expired`, was `room_closed`",
        ],
    ),
    (
        "a schema is elsewhere",
        lambda draft: draft.index["bodies"][0].update({"$id": f"{SCHEMAS_PATH}rest/make-room.json"}),
        ["BREAKS JSON Schema rest/create-room-request.json: is rest/make-room.json now"],
        ["BREAKS JSON Schema rest/make-room.json: is rest/create-room-request.json now"],
    ),
    (
        "a schema of a body is gone",
        lambda draft: draft.index["bodies"].pop(0),
        ["BREAKS JSON Schema rest/create-room-request.json: is gone"],
        [],
    ),
    (
        "the folder of the schemas",
        lambda draft: [
            one.update({"$id": one["$id"].replace(SCHEMAS_PATH, ELSEWHERE)})
            for group in ("unions", "bodies", "messages")
            for one in draft.index[group]
        ],
        [f"BREAKS JSON Schemas: are under {ELSEWHERE}, were under {SCHEMAS_PATH}"],
        [f"BREAKS JSON Schemas: are under {SCHEMAS_PATH}, were under {ELSEWHERE}"],
    ),
]


def require_sdp(schema: Json) -> None:
    required(schema, "sdp")
    field(schema, "sdp", default=None)


@pytest.mark.parametrize(
    ("plant", "told", "back"), [case[1:] for case in PLANTED], ids=[case[0] for case in PLANTED]
)
def test_a_change_is_named_and_judged(plant: Plant, told: list[str], back: list[str]) -> None:
    assert lines(changed(plant)) == told
    assert lines(taken_back(plant)) == back
