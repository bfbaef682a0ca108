"""The AsyncAPI 3.0 document of `/ws`, printed from the message catalog and the code registries.

It is written from the service's side, as AsyncAPI asks: it *receives* what clients send. An operation
is one message: `client_...` are sent by clients, `server_...` by the service.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from typing import Any, Final

import msgspec

from signaling import __version__
from signaling.contract.catalog import CATALOG, Direction, MessageInfo
from signaling.contract.errors import CLOSES, ERRORS, CloseCode, ErrorCode
from signaling.contract.messages import PROTOCOL_VERSION, tag_of
from signaling.contract.schemas import SCHEMAS_PATH, asyncapi_components, message_file, unwrapped

Json = dict[str, Any]

_CHANNEL: Final = "signaling"

_DESCRIPTION: Final = """\
The messages of the WebSocket `/ws`, by which the participants of a room find each other and set up their \
peer connections. Rooms are made with the [REST API](/api/docs).

## How it goes

1. Open a WebSocket to `/ws`. No key is needed: whoever has a room's code may join it. The first message \
you get is `connected`.
2. Send `join` with the room's code. `room_joined` tells you who is there already.
3. Those who are there already get `participant_joined`, and each sends you an `offer`; answer it. \
ICE candidates go both ways as `ice_candidate`.
4. Send `leave`, or close the socket. The others get `participant_left`.

## Frames

A message is one text frame with one JSON object, `{{"type": "...", "payload": {{...}}}}`: `type` says which \
message it is. Ignore fields that you do not know: later versions of the service may add some within \
`protocol_version` {version}.

Give a message a `request_id` of your own (1 to 64 characters), and its direct answer repeats it. What is \
sent without having been asked for has none.

A message that is refused is answered by `error` and changes nothing. After ten bad frames in a row the \
service closes the socket.

For programs: JSON Schemas of every message, and of each direction as a whole, are at \
[`/api/schemas/`](/api/schemas/); all of this page is in [`/api/asyncapi.json`](/api/asyncapi.json).

## Error codes

The `code` of an `error` message.

| `code` | Meaning | Worth a retry |
| --- | --- | --- |
{errors}

## Close codes

4000 to 4499: connect again. 4500 to 4999: do not, it would end the same way.

| Code | Name | Meaning | Connect again |
| --- | --- | --- | --- |
{closes}

## Refused connections

A `GET /ws` that cannot become a WebSocket is answered with an HTTP status and the body of a REST error: \
403 `forbidden_origin` if the page's origin is not in the operator's `ALLOWED_ORIGINS`, 503 `server_error` \
with `Retry-After` if the service is full or restarting.
"""

_CHANNEL_DESCRIPTION: Final = """\
One socket for one participant: JSON in text frames, both ways. The service sends `connected` first; the \
client has to be in a room within `join_timeout_seconds`."""

_SERVERS: Final[Json] = {
    "deployment": {
        "host": "{host}",
        "protocol": "wss",
        "title": "Your deployment",
        "description": "Where your users reach it. With TLS: without, browsers give pages no camera.",
        "variables": {
            "host": {"default": "your-app.onrender.com", "description": "Host name of the service."}
        },
    },
    "development": {
        "host": "localhost:{port}",
        "protocol": "ws",
        "title": "Your own machine",
        "description": "The service as `make run` starts it.",
        "variables": {"port": {"default": "8000", "description": "`PORT` of the service."}},
    },
}

_TAGS: Final = {
    Direction.CLIENT_TO_SERVER: {"name": "client", "description": "Sent by clients."},
    Direction.SERVER_TO_CLIENT: {"name": "server", "description": "Sent by the service."},
}

_ACTIONS: Final = {Direction.CLIENT_TO_SERVER: "receive", Direction.SERVER_TO_CLIENT: "send"}

_CORRELATION: Final[Json] = {
    "description": "Chosen by the client. The direct answer to a message repeats it.",
    "location": "$message.payload#/request_id",
}


@cache
def asyncapi_document() -> Json:
    """The AsyncAPI document as it is published. Made once; not to be changed."""
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "WebRTC Signaling: messages",
            "version": __version__,
            "description": _DESCRIPTION.format(
                version=PROTOCOL_VERSION, errors=_errors_table(), closes=_closes_table()
            ),
            "license": {"name": "Apache-2.0", "url": "https://www.apache.org/licenses/LICENSE-2.0"},
            "tags": list(_TAGS.values()),
            "x-protocol-version": PROTOCOL_VERSION,
            "x-error-codes": [_error(code) for code, info in ERRORS.items() if info.on_socket],
            "x-close-codes": [_close(code) for code in CLOSES],
        },
        "defaultContentType": "application/json",
        "servers": _SERVERS,
        "channels": {
            _CHANNEL: {
                "address": "/ws",
                "title": "Signaling",
                "summary": "The socket of one participant.",
                "description": _CHANNEL_DESCRIPTION,
                "servers": [{"$ref": f"#/servers/{name}"} for name in _SERVERS],
                "messages": {
                    _name(info): {"$ref": f"#/components/messages/{_name(info)}"} for info in CATALOG
                },
                "bindings": {"ws": {"method": "GET", "bindingVersion": "0.1.0"}},
            }
        },
        "operations": {operation_id(info): _operation(info) for info in CATALOG},
        "components": {
            "messages": {_name(info): _message(info) for info in CATALOG},
            "schemas": _schemas(),
            "correlationIds": {"request_id": _CORRELATION},
        },
    }


def operation_id(info: MessageInfo) -> str:
    """Name of a message's operation: who sends it, and its `type`."""
    return f"{_TAGS[info.direction]['name']}_{info.type}"


def _operation(info: MessageInfo) -> Json:
    operation: Json = {
        "action": _ACTIONS[info.direction],
        "channel": {"$ref": f"#/channels/{_CHANNEL}"},
        "title": f"`{info.type}`",
        "summary": info.summary,
        "description": f"**When:** {info.when}",
        "tags": [_TAGS[info.direction]],
        "messages": [_on_channel(info.message)],
    }
    if info.replies:
        operation["reply"] = {
            "channel": {"$ref": f"#/channels/{_CHANNEL}"},
            "messages": [_on_channel(reply) for reply in info.replies],
        }
    return operation


def _message(info: MessageInfo) -> Json:
    message: Json = {
        "name": info.type,
        "title": info.type,
        "summary": info.summary,
        "description": _message_description(info),
        "contentType": "application/json",
        "payload": {"$ref": f"#/components/schemas/{_name(info)}"},
    }
    if info.direction is Direction.CLIENT_TO_SERVER or _answers(info):
        message["correlationId"] = {"$ref": "#/components/correlationIds/request_id"}
    message["tags"] = [_TAGS[info.direction]]
    message["examples"] = _examples(info)
    message["x-schema"] = SCHEMAS_PATH + message_file(info)
    if codes := _codes(info):
        message["x-error-codes"] = [code.value for code in codes]
    return message


def _message_description(info: MessageInfo) -> str:
    """What the docstring says beyond its first line, when it is sent, what answers it, how it is refused."""
    docstring = unwrapped(info.message.__doc__ or "")
    paragraphs = [*docstring.split("\n\n")[1:], f"**When:** {info.when}"]
    if info.replies:
        paragraphs.append(f"**Answered by:** {_list(tag_of(reply) for reply in info.replies)}.")
    elif answered := _answers(info):
        paragraphs.append(f"**Answers:** {_list(other.type for other in answered)}.")
    if codes := _codes(info):
        rows = "\n".join(f"| `{code.value}` | {ERRORS[code].meaning} |" for code in codes)
        paragraphs.append(f"| Refused with | Meaning |\n| --- | --- |\n{rows}")
    return "\n\n".join(paragraphs)


def _examples(info: MessageInfo) -> list[Json]:
    examples = [msgspec.to_builtins(example) for example in info.examples]
    names = [
        info.type if len(examples) == 1 else f"{info.type}_{number}" for number in range(1, len(examples) + 1)
    ]
    return [{"name": name, "payload": payload} for name, payload in zip(names, examples, strict=True)]


def _answers(info: MessageInfo) -> list[MessageInfo]:
    """The messages that this one may answer."""
    return [other for other in CATALOG if info.message in other.replies]


def _codes(info: MessageInfo) -> list[ErrorCode]:
    """The codes with which a client's message may be refused, those of any bad frame last."""
    if info.direction is Direction.SERVER_TO_CLIENT:
        return []
    # What else may be wrong with a frame is found before it is known to be this message.
    return [*info.errors, ErrorCode.INVALID_MESSAGE]


def _schemas() -> dict[str, Json]:
    """The messages' schemas. Enums stand where they are used.

    AsyncAPI's schemas are those of JSON Schema draft 7, where a `$ref` hides what stands beside it: a
    field's own description would be lost.
    """
    schemas = asyncapi_components()
    enums = {f"#/components/schemas/{name}": schema for name, schema in schemas.items() if "enum" in schema}
    return {name: _inlined(schema, enums) for name, schema in schemas.items() if "enum" not in schema}


def _inlined(schema: Json, enums: dict[str, Json]) -> Json:
    fields = {name: _field(field, enums) for name, field in schema.get("properties", {}).items()}
    return {**schema, "properties": fields} if fields else schema


def _field(field: Json, enums: dict[str, Json]) -> Json:
    if field.get("$ref") not in enums:
        return field
    declared = enums[field["$ref"]]
    own = {key: value for key, value in field.items() if key != "$ref"}
    return {"type": declared["type"], "enum": declared["enum"], "description": declared["description"], **own}


def _on_channel(message: type[Any]) -> Json:
    return {"$ref": f"#/channels/{_CHANNEL}/messages/{message.__name__}"}


def _name(info: MessageInfo) -> str:
    """Name of a message in the document; its `type` is not enough, as some exist in both directions."""
    return info.message.__name__


def _error(code: ErrorCode) -> Json:
    info = ERRORS[code]
    close = info.close_code
    return {
        "code": code.value,
        "meaning": info.meaning,
        "retry": info.retry,
        "close_code": int(close) if close is not None else None,
    }


def _close(code: CloseCode) -> Json:
    return {
        "code": int(code),
        "name": code.name.lower(),
        "meaning": CLOSES[code],
        "reconnect": code.reconnect,
    }


def _errors_table() -> str:
    return "\n".join(
        f"| `{code.value}` | {info.meaning} | {_yes(info.retry)} |"
        for code, info in ERRORS.items()
        if info.on_socket
    )


def _closes_table() -> str:
    return "\n".join(
        f"| {code:d} | `{code.name.lower()}` | {meaning} | {_yes(code.reconnect)} |"
        for code, meaning in CLOSES.items()
    )


def _yes(whether: bool) -> str:
    return "yes" if whether else "no"


def _list(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)
