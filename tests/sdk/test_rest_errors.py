"""Every REST error as its own exception, from the real service where it can be had from it."""

from __future__ import annotations

import pickle
import secrets
import socket

import pytest

from signaling.contract.errors import ERRORS
from signaling_client import (
    BadRequest,
    ConnectionFailed,
    IdempotencyConflict,
    MethodNotAllowed,
    NotFound,
    PayloadTooLarge,
    RateLimited,
    RoomNotFound,
    ServerError,
    SignalingError,
    Unauthorized,
    UnexpectedAnswer,
)
from signaling_client.errors import ERROR_CLASSES
from support.server import ServerProcess

from .conftest import QUICK, Clients, Rest
from .stubs import Answer, Hang, Step, error, http_stub


def test_every_code_of_the_service_has_its_class_and_no_other_is_there() -> None:
    assert {code.value for code in ERRORS} == set(ERROR_CLASSES)
    assert len(set(ERROR_CLASSES.values())) == len(ERROR_CLASSES)
    for code, kind in ERROR_CLASSES.items():
        assert issubclass(kind, SignalingError)
        assert kind().code == code
        words = code.split("_")
        assert kind.__name__ == "".join(word.capitalize() for word in words)


async def test_bad_request(rest: Rest) -> None:
    for call in (
        ("create_room", {"ttl_hours": 1000}),
        ("list_rooms", {"limit": 0}),
        ("list_rooms", {"cursor": "x"}),
    ):
        with pytest.raises(BadRequest) as caught:
            await rest(call[0], **call[1])
        assert (caught.value.code, caught.value.status) == ("bad_request", 400)
    with pytest.raises(BadRequest, match="ttl_hours"):
        await rest("create_room", ttl_hours=1000)


@pytest.mark.parametrize("code", ["", "ab", "../../health", "a/b", "a7x9k2?x", "äöüäöü", "."])
async def test_what_is_no_room_code(rest: Rest, code: str) -> None:
    for method in ("get_room", "delete_room"):
        with pytest.raises(BadRequest, match="room_code"):
            await rest(method, code)


async def test_unauthorized(clients: Clients, server: ServerProcess) -> None:
    stranger = await clients(server.base_url, "not-a-key")
    for method, arguments in (
        ("create_room", ()),
        ("get_room", ("a7x9k2",)),
        ("list_rooms", ()),
        ("iter_rooms", ()),
        ("delete_room", ("a7x9k2",)),
        ("statistics", ()),
    ):
        with pytest.raises(Unauthorized) as caught:
            await stranger(method, *arguments)
        assert caught.value.status == 401


async def test_room_not_found(rest: Rest) -> None:
    for method in ("get_room", "delete_room"):
        with pytest.raises(RoomNotFound) as caught:
            await rest(method, "zzzzzz")
        assert (caught.value.code, caught.value.status) == ("room_not_found", 404)


async def test_idempotency_conflict(rest: Rest) -> None:
    key = secrets.token_urlsafe()
    await rest("create_room", ttl_hours=1, idempotency_key=key)
    with pytest.raises(IdempotencyConflict):
        await rest("create_room", ttl_hours=2, idempotency_key=key)


async def test_payload_too_large(rest: Rest) -> None:
    with pytest.raises(PayloadTooLarge):
        await rest("create_room", owner_id="x" * 70_000)


async def test_not_found_where_the_base_url_is_wrong(clients: Clients, server: ServerProcess) -> None:
    rest = await clients(server.base_url + "/elsewhere", server.api_key)
    with pytest.raises(NotFound):
        await rest("statistics")


@pytest.mark.parametrize(
    ("step", "kind"),
    [
        (error("method_not_allowed", 405, Allow="GET"), MethodNotAllowed),
        (error("rate_limited", 429, Retry_After="3"), RateLimited),
        (error("server_error", 503, Retry_After="3"), ServerError),
        (Answer(429, b"slow down", {"Retry-After": "3"}), RateLimited),
        (Answer(502, b"<html>Bad gateway</html>", {"Retry-After": "3"}), ServerError),
        (Answer(401, b"who?"), Unauthorized),
        (Answer(404, b"{}"), NotFound),
        (Answer(413, b"\xff\xfe"), PayloadTooLarge),
        (Answer(400, b'{"detail": 1, "code": 2}'), BadRequest),
        (Answer(418, b""), UnexpectedAnswer),
        (Answer(301, b"", {"Location": "https://elsewhere.example"}), UnexpectedAnswer),
        (Answer(499, b"["), UnexpectedAnswer),
    ],
)
async def test_errors_of_the_service_and_of_proxies(
    clients: Clients, step: Answer, kind: type[SignalingError]
) -> None:
    with http_stub(step) as stub:
        # Three seconds are more than this policy waits.
        rest = await clients(stub.url)
        with pytest.raises(kind) as caught:
            await rest("statistics")
        assert type(caught.value) is kind
        assert caught.value.status == step.status
        assert caught.value.retry_after == (3 if "Retry-After" in step.headers else None)
        assert len(stub.requests) == 1


async def test_a_code_from_a_newer_service(clients: Clients) -> None:
    with http_stub(error("out_of_chalk", 409)) as stub:
        rest = await clients(stub.url)
        with pytest.raises(SignalingError) as caught:
            await rest("create_room")
        assert type(caught.value) is SignalingError
        assert (caught.value.code, caught.value.detail) == ("out_of_chalk", "about out_of_chalk")
        assert caught.value.status == 409
        assert str(caught.value) == "about out_of_chalk [out_of_chalk]"


@pytest.mark.parametrize(
    "step",
    [
        Answer(200, b"<html>Welcome</html>"),
        Answer(200, b"{}"),
        Answer(200, b"[]"),
        Answer(200, b"null"),
        Answer(200, b'{"statistics": {"total_rooms": 1}}'),
        Answer(200, b'{"statistics": 5}'),
        Answer(204, b""),
    ],
)
async def test_something_else_answers(clients: Clients, step: Step) -> None:
    with http_stub(step) as stub:
        rest = await clients(stub.url)
        with pytest.raises(UnexpectedAnswer):
            await rest("statistics")


async def test_nobody_listens(clients: Clients) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        rest = await clients(f"http://127.0.0.1:{unused.getsockname()[1]}")
        with pytest.raises(ConnectionFailed) as caught:
            await rest("health")
    assert (caught.value.code, caught.value.status) == ("connection_failed", None)
    assert caught.value.__cause__ is not None


async def test_no_answer_in_time(clients: Clients) -> None:
    with http_stub(Hang()) as stub:
        rest = await clients(stub.url, timeout=0.2)
        with pytest.raises(ConnectionFailed):
            await rest("health")
        # On a busy machine a try may be over before the request was sent.
        assert len(stub.requests) <= QUICK.attempts


def test_exceptions_survive_pickling() -> None:
    for kind in ERROR_CLASSES.values():
        told = pickle.loads(pickle.dumps(kind("why", status=409, retry_after=1.5)))
        assert type(told) is kind
        assert (told.code, told.detail, told.status, told.retry_after) == (kind.default_code, "why", 409, 1.5)
    lost = pickle.loads(pickle.dumps(ConnectionFailed("why", close_code=4001)))
    assert (lost.detail, lost.close_code) == ("why", 4001)
