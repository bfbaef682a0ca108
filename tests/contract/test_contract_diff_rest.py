"""openapi/compat: changes of the REST API, planted in the documents as published, are named and judged."""

from __future__ import annotations

import copy
import json
from typing import Final

import pytest

from support.drafts import (
    Draft,
    Json,
    Plant,
    add_field,
    changed,
    field,
    lines,
    optional,
    required,
    taken_back,
)

ROOM: Final = "/api/rooms/{room_code}"
BEYOND: Final = "says something else in keywords beyond those compared here"

# What is planted, what is told of it, and what is told when it is taken back.
PLANTED: Final[list[tuple[str, Plant, list[str], list[str]]]] = [
    # REST: what clients send
    (
        "a field of a request is new",
        lambda draft: add_field(draft.body("CreateRoomRequest"), "topic"),
        ["ok POST /api/rooms, body `topic`: is new and may be left out"],
        ["BREAKS POST /api/rooms, body `topic`: is refused now"],
    ),
    (
        "a field of a request is new and required",
        lambda draft: add_field(draft.body("CreateRoomRequest"), "topic", required=True),
        ["BREAKS POST /api/rooms, body `topic`: is new and must be there"],
        ["BREAKS POST /api/rooms, body `topic`: is refused now"],
    ),
    (
        "a field of a request is required",
        lambda draft: required(draft.body("CreateRoomRequest"), "owner_id"),
        ["BREAKS POST /api/rooms, body `owner_id`: must be there now"],
        ["ok POST /api/rooms, body `owner_id`: may be left out now"],
    ),
    (
        "a request refuses less",
        lambda draft: draft.body("CreateRoomRequest").pop("additionalProperties"),
        ["ok POST /api/rooms, body: fields that are not declared may be anything now"],
        ["BREAKS POST /api/rooms, body: fields that are not declared are not allowed now"],
    ),
    (
        "an upper bound of a request",
        lambda draft: field(draft.body("CreateRoomRequest"), "ttl_hours", maximum=24),
        ["BREAKS POST /api/rooms, body `ttl_hours`: at most 24, was 168"],
        ["ok POST /api/rooms, body `ttl_hours`: at most 168, was 24"],
    ),
    (
        "a lower bound of a request",
        lambda draft: field(draft.body("CreateRoomRequest"), "max_participants", minimum=1),
        ["ok POST /api/rooms, body `max_participants`: at least 1, was 2"],
        ["BREAKS POST /api/rooms, body `max_participants`: at least 2, was 1"],
    ),
    (
        "null in a request",
        lambda draft: field(draft.body("CreateRoomRequest"), "owner_id", type="string"),
        ["BREAKS POST /api/rooms, body `owner_id`: null is refused now"],
        ["ok POST /api/rooms, body `owner_id`: null is taken, too"],
    ),
    (
        "a type of a request",
        lambda draft: field(draft.body("CreateRoomRequest"), "ttl_hours", type=["number", "null"]),
        ["ok POST /api/rooms, body `ttl_hours`: is a number, was an integer"],
        ["BREAKS POST /api/rooms, body `ttl_hours`: is an integer, was a number"],
    ),
    (
        "a default of a request",
        lambda draft: draft.parameter("get", "/api/rooms", "limit")["schema"].update(default=20),
        ["BREAKS GET /api/rooms, query `limit`: left out means `20`, meant `50`"],
        ["BREAKS GET /api/rooms, query `limit`: left out means `50`, meant `20`"],
    ),
    (
        "no default of a request",
        lambda draft: draft.parameter("get", "/api/rooms", "limit")["schema"].pop("default"),
        ["BREAKS GET /api/rooms, query `limit`: left out no longer means `50`"],
        ["ok GET /api/rooms, query `limit`: left out means `50`, which was not said"],
    ),
    (
        "a deprecated field",
        lambda draft: field(draft.body("CreateRoomRequest"), "owner_id", deprecated=True),
        ["ok POST /api/rooms, body `owner_id`: is deprecated now"],
        ["ok POST /api/rooms, body `owner_id`: is no longer deprecated"],
    ),
    (
        "the body must be sent",
        lambda draft: draft.call("post", "/api/rooms")["requestBody"].update(required=True),
        ["BREAKS POST /api/rooms, body: must be sent now"],
        ["ok POST /api/rooms, body: may be left out now"],
    ),
    (
        "no body",
        lambda draft: draft.call("post", "/api/rooms").pop("requestBody"),
        ["BREAKS POST /api/rooms, body: is no longer read"],
        ["ok POST /api/rooms, body: is new and may be left out"],
    ),
    (
        "another media type of a request",
        lambda draft: draft.call("post", "/api/rooms")["requestBody"]["content"].update(
            {"application/cbor": {"schema": {}}}
        ),
        ["ok POST /api/rooms, body: is taken as application/cbor, too"],
        ["BREAKS POST /api/rooms, body: is refused as application/cbor now"],
    ),
    (
        "a new call",
        lambda draft: draft.openapi["paths"][ROOM].update(patch=copy.deepcopy(draft.call("get", ROOM))),
        [f"ok PATCH {ROOM}: is new"],
        [f"BREAKS PATCH {ROOM}: is gone"],
    ),
    (
        "a path is gone",
        lambda draft: draft.openapi["paths"].pop("/api/statistics"),
        ["BREAKS GET /api/statistics: is gone"],
        ["ok GET /api/statistics: is new"],
    ),
    (
        "a path is renamed",
        lambda draft: draft.openapi["paths"].update(
            {"/api/stats": draft.openapi["paths"].pop("/api/statistics")}
        ),
        ["BREAKS GET /api/statistics: is gone", "ok GET /api/stats: is new"],
        ["BREAKS GET /api/stats: is gone", "ok GET /api/statistics: is new"],
    ),
    (
        "a new parameter",
        lambda draft: draft.call("get", "/api/rooms")["parameters"].append(
            {"name": "before", "in": "query", "required": False, "schema": {"type": "string"}}
        ),
        ["ok GET /api/rooms, query `before`: is new and may be left out"],
        ["BREAKS GET /api/rooms, query `before`: is no longer read"],
    ),
    (
        "a parameter is required",
        lambda draft: draft.parameter("get", "/api/rooms", "owner_id").update(required=True),
        ["BREAKS GET /api/rooms, query `owner_id`: must be there now"],
        ["ok GET /api/rooms, query `owner_id`: may be left out now"],
    ),
    (
        "a header of a request is gone",
        lambda draft: draft.call("post", "/api/rooms").pop("parameters"),
        ["BREAKS POST /api/rooms, header `Idempotency-Key`: is no longer read"],
        ["ok POST /api/rooms, header `Idempotency-Key`: is new and may be left out"],
    ),
    (
        "a pattern of a parameter",
        lambda draft: draft.parameter("delete", ROOM, "room_code")["schema"].update(pattern="^[a-z]{6}$"),
        [f"BREAKS DELETE {ROOM}, path `room_code`: has the pattern `^[a-z]{{6}}$`, had `^[0-9A-Za-z]{{6}}$`"],
        [f"BREAKS DELETE {ROOM}, path `room_code`: has the pattern `^[0-9A-Za-z]{{6}}$`, had `^[a-z]{{6}}$`"],
    ),
    (
        "no pattern of a parameter",
        lambda draft: draft.parameter("delete", ROOM, "room_code")["schema"].pop("pattern"),
        [f"ok DELETE {ROOM}, path `room_code`: no longer has the pattern `^[0-9A-Za-z]{{6}}$`"],
        [f"BREAKS DELETE {ROOM}, path `room_code`: has the pattern `^[0-9A-Za-z]{{6}}$` now"],
    ),
    (
        "how a parameter is written",
        lambda draft: draft.parameter("get", "/api/rooms", "owner_id").update(style="spaceDelimited"),
        ["BREAKS GET /api/rooms, query `owner_id`: " + BEYOND],
        ["BREAKS GET /api/rooms, query `owner_id`: " + BEYOND],
    ),
    (
        "an operationId",
        lambda draft: draft.call("get", ROOM).update(operationId="read_room"),
        [f"ok GET {ROOM}: its operationId is `read_room`, was `get_room`"],
        [f"ok GET {ROOM}: its operationId is `get_room`, was `read_room`"],
    ),
    (
        "a deprecated call",
        lambda draft: draft.call("get", ROOM).update(deprecated=True),
        [f"ok GET {ROOM}: is deprecated now"],
        [f"ok GET {ROOM}: is no longer deprecated"],
    ),
    (
        "a call that asked for nothing asks for the key",
        lambda draft: draft.call("get", "/health").update(security=[{"ApiKeyAuth": []}]),
        ["BREAKS GET /health: asks for the header `X-API-Key`, asked for nothing"],
        ["ok GET /health: asks for nothing, asked for the header `X-API-Key`"],
    ),
    (
        "another way in",
        lambda draft: (
            draft.openapi["components"]["securitySchemes"].update(
                Bearer={"type": "http", "scheme": "bearer"}
            ),
            draft.call("get", "/api/statistics")["security"].append({"Bearer": []}),
        ),
        [
            "ok GET /api/statistics: asks for http scheme bearer or the header `X-API-Key`, "
            "asked for the header `X-API-Key`"
        ],
        [
            "BREAKS GET /api/statistics: asks for the header `X-API-Key`, "
            "asked for http scheme bearer or the header `X-API-Key`"
        ],
    ),
    # REST: what clients receive
    (
        "a field of an answer is new",
        lambda draft: add_field(draft.body("RoomCreated"), "topic", required=True),
        ["ok POST /api/rooms, answer 201 `topic`: is new"],
        ["BREAKS POST /api/rooms, answer 201 `topic`: is gone"],
    ),
    (
        "a field of an answer may be missing",
        lambda draft: optional(draft.body("RoomCreated"), "expires_at"),
        ["BREAKS POST /api/rooms, answer 201 `expires_at`: may be left out now"],
        ["ok POST /api/rooms, answer 201 `expires_at`: is always there now"],
    ),
    (
        "null in an answer",
        lambda draft: field(draft.body("RoomCreated"), "expires_at", type=["string", "null"]),
        ["BREAKS POST /api/rooms, answer 201 `expires_at`: may be null now"],
        ["ok POST /api/rooms, answer 201 `expires_at`: is never null now"],
    ),
    (
        "a type of an answer",
        lambda draft: field(draft.body("RoomList"), "total", type="string"),
        ["BREAKS GET /api/rooms, answer 200 `total`: is a string, was an integer"],
        ["BREAKS GET /api/rooms, answer 200 `total`: is an integer, was a string"],
    ),
    (
        "a wider type of an answer",
        lambda draft: field(draft.body("RoomList"), "total", type="number"),
        ["BREAKS GET /api/rooms, answer 200 `total`: is a number, was an integer"],
        ["ok GET /api/rooms, answer 200 `total`: is an integer, was a number"],
    ),
    (
        "a format of an answer",
        lambda draft: field(draft.body("RoomCreated"), "created_at", format=None),
        ["BREAKS POST /api/rooms, answer 201 `created_at`: no longer has the format `date-time`"],
        ["ok POST /api/rooms, answer 201 `created_at`: has the format `date-time` now"],
    ),
    (
        "bounds of an answer",
        lambda draft: field(draft.body("RoomCreated"), "owner_id", maxLength=1000),
        ["ok POST /api/rooms, answer 201 `owner_id`: at most 1000 characters, was 128"],
        ["ok POST /api/rooms, answer 201 `owner_id`: at most 128 characters, was 1000"],
    ),
    (
        "a value that is in answers and in a query",
        lambda draft: draft.body("RoomState")["enum"].append("paused"),
        [
            "ok GET /api/rooms, query `state`: `paused` is taken, too",
            f"ok `RoomState` in GET /api/rooms, answer 200; GET {ROOM}, answer 200: `paused` may come, too",
        ],
        [
            "BREAKS GET /api/rooms, query `state`: `paused` is refused now",
            f"BREAKS `RoomState` in GET /api/rooms, answer 200; GET {ROOM}, answer 200: "
            "`paused` never comes now",
        ],
    ),
    (
        "an error code of answers",
        lambda draft: draft.body("ErrorCode")["enum"].remove("not_found"),
        [
            "BREAKS `ErrorCode` in POST /api/rooms, answer 400; POST /api/rooms, answer 401; "
            "POST /api/rooms, answer 409; and more: `not_found` never comes now"
        ],
        [
            "ok `ErrorCode` in POST /api/rooms, answer 400; POST /api/rooms, answer 401; "
            "POST /api/rooms, answer 409; and more: `not_found` may come, too"
        ],
    ),
    (
        "another success",
        lambda draft: draft.call("delete", ROOM)["responses"].update(
            {"202": draft.call("delete", ROOM)["responses"].pop("200")}
        ),
        [
            f"BREAKS DELETE {ROOM}, answer 200: is never given now",
            f"BREAKS DELETE {ROOM}, answer 202: is new",
        ],
        [
            f"BREAKS DELETE {ROOM}, answer 202: is never given now",
            f"BREAKS DELETE {ROOM}, answer 200: is new",
        ],
    ),
    (
        "a redirection",
        lambda draft: draft.call("get", "/health")["responses"].update(
            {"307": {"description": "Elsewhere."}}
        ),
        ["BREAKS GET /health, answer 307: is new"],
        ["BREAKS GET /health, answer 307: is never given now"],
    ),
    (
        "another error",
        lambda draft: draft.call("get", ROOM)["responses"].update(
            {"410": copy.deepcopy(draft.call("get", ROOM)["responses"]["404"])}
        ),
        [f"ok GET {ROOM}, answer 410: is new"],
        [f"ok GET {ROOM}, answer 410: is never given now"],
    ),
    (
        "an error with another status",
        lambda draft: draft.call("get", ROOM)["responses"].update(
            {"410": draft.call("get", ROOM)["responses"].pop("404")}
        ),
        [f"BREAKS GET {ROOM}, answer 404: is never given now", f"ok GET {ROOM}, answer 410: is new"],
        [f"BREAKS GET {ROOM}, answer 410: is never given now", f"ok GET {ROOM}, answer 404: is new"],
    ),
    (
        "a header of an answer",
        lambda draft: draft.call("post", "/api/rooms")["responses"]["201"]["headers"].pop("Location"),
        ["BREAKS POST /api/rooms, answer 201, header `Location`: is gone"],
        ["ok POST /api/rooms, answer 201, header `Location`: is new"],
    ),
    (
        "a header of all answers",
        lambda draft: draft.openapi["components"]["headers"]["X-Request-Id"].update(required=False),
        [
            "BREAKS `X-Request-Id` in POST /api/rooms, answer 201, header; "
            "POST /api/rooms, answer 400, header; "
            "POST /api/rooms, answer 401, header; and more: may be left out now"
        ],
        [
            "ok `X-Request-Id` in POST /api/rooms, answer 201, header; POST /api/rooms, answer 400, header; "
            "POST /api/rooms, answer 401, header; and more: is always there now"
        ],
    ),
    (
        "another media type of an answer",
        lambda draft: draft.call("get", "/health")["responses"]["200"].update(
            content={"text/plain": {"schema": {"type": "string"}}}
        ),
        [
            "BREAKS GET /health, answer 200: never comes as application/json now",
            "BREAKS GET /health, answer 200: may come as text/plain now",
        ],
        [
            "BREAKS GET /health, answer 200: never comes as text/plain now",
            "BREAKS GET /health, answer 200: may come as application/json now",
        ],
    ),
    # What is not on the wire
    (
        "the name of a definition",
        lambda draft: rename_definition(draft, "RoomCreated", "FreshRoom"),
        [],
        [],
    ),
    (
        "the name of a path parameter",
        lambda draft: draft.openapi["paths"].update({"/api/rooms/{code}": renamed_parameter(draft)}),
        [
            "ok GET /api/rooms/{code}, path: `code` was called `room_code`",
            "ok DELETE /api/rooms/{code}, path: `code` was called `room_code`",
        ],
        [
            f"ok GET {ROOM}, path: `room_code` was called `code`",
            f"ok DELETE {ROOM}, path: `room_code` was called `code`",
        ],
    ),
    (
        "an error that is the service's own fault now",
        lambda draft: draft.call("get", ROOM)["responses"].update(
            {"502": draft.call("get", ROOM)["responses"].pop("404")}
        ),
        [f"BREAKS GET {ROOM}, answer 404: is never given now", f"ok GET {ROOM}, answer 502: is new"],
        [f"ok GET {ROOM}, answer 502: is never given now", f"ok GET {ROOM}, answer 404: is new"],
    ),
    (
        "where the calls are on their servers",
        lambda draft: [
            server.update(url=server["url"].rstrip("/") + "/v2") for server in draft.openapi["servers"]
        ],
        ["BREAKS REST: is under /v2/, was under /"],
        ["BREAKS REST: is under /, was under /v2/"],
    ),
    (
        "one more server",
        lambda draft: draft.openapi["servers"].append({"url": "https://signaling.example.com/v2/"}),
        [],
        ["BREAKS REST: is under /, was under / and /v2/"],
    ),
    (
        "another way to write the same",
        lambda draft: draft.body("CreateRoomRequest")["properties"].update(
            owner_id={
                "anyOf": [{"type": "string", "minLength": 1, "maxLength": 128}, {"type": "null"}],
                "default": None,
            }
        ),
        [],
        [],
    ),
]


def rename_definition(draft: Draft, old: str, new: str) -> None:
    text = json.dumps(draft.openapi).replace(f"#/components/schemas/{old}", f"#/components/schemas/{new}")
    draft.openapi = json.loads(text)
    schemas = draft.openapi["components"]["schemas"]
    schemas[new] = {**schemas.pop(old), "title": new}


def renamed_parameter(draft: Draft) -> Json:
    item: Json = draft.openapi["paths"].pop(ROOM)
    for operation in item.values():
        operation["parameters"][0]["name"] = "code"
    return item


@pytest.mark.parametrize(
    ("plant", "told", "back"), [case[1:] for case in PLANTED], ids=[case[0] for case in PLANTED]
)
def test_a_change_is_named_and_judged(plant: Plant, told: list[str], back: list[str]) -> None:
    assert lines(changed(plant)) == told
    assert lines(taken_back(plant)) == back
