"""Every socket error as its own exception, and services that do not behave."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import Iterator
from typing import Any

import pytest

from signaling.contract.errors import ERRORS
from signaling_client import (
    NO_RETRY,
    AsyncSignalingClient,
    ConnectionFailed,
    ForbiddenOrigin,
    InvalidMessage,
    PayloadTooLarge,
    PeerNotFound,
    RateLimited,
    RetryPolicy,
    RoomClosed,
    RoomFull,
    RoomNotFound,
    ServerError,
    SignalingError,
    UnexpectedAnswer,
    connect,
)
from signaling_client.errors import ERROR_CLASSES
from signaling_client.messages import ErrorMessage, ParticipantJoined
from support.server import ServerProcess

from .conftest import DEADLINE, NO_TLS, QUICK
from .stubs import CONNECTED, Answer, Forward, Peer, error, http_stub, participant, socket_stub

SOCKET_CODES = [code.value for code, info in ERRORS.items() if info.on_socket]


async def enter(url: str, **options: Any) -> None:
    """Join and leave at once."""
    async with connect(url, **{"room_code": "a7x9k2", "retry": QUICK, **options}):
        pass


# From the real service


async def test_room_not_found(server: ServerProcess) -> None:
    with pytest.raises(RoomNotFound) as caught:
        await enter(server.base_url, room_code="zzzzzz")
    assert (caught.value.code, caught.value.status) == ("room_not_found", None)


async def test_room_closed(server: ServerProcess, room_code: str) -> None:
    async with AsyncSignalingClient(server.base_url, api_key=server.api_key, tls=NO_TLS) as client:
        await client.delete_room(room_code)
    with pytest.raises(RoomClosed):
        await enter(server.base_url, room_code=room_code)


async def test_room_full(server: ServerProcess) -> None:
    async with AsyncSignalingClient(server.base_url, api_key=server.api_key, tls=NO_TLS) as client:
        code = (await client.create_room(max_participants=2)).room_code
    async with connect(server.base_url, room_code=code), connect(server.base_url, room_code=code):
        with pytest.raises(RoomFull):
            await enter(server.base_url, room_code=code)


@pytest.mark.odd_frames("client")
@pytest.mark.parametrize(
    "fields", [{"display_name": " "}, {"display_name": "x" * 81}, {"user_id": ""}, {"room_code": "nonsense"}]
)
async def test_invalid_message(server: ServerProcess, fields: dict[str, str]) -> None:
    (name,) = fields
    with pytest.raises(InvalidMessage, match=name):
        await enter(server.base_url, **fields)


@pytest.mark.odd_frames("client")
async def test_peer_not_found(server: ServerProcess, room_code: str) -> None:
    async with connect(server.base_url, room_code=room_code) as session:
        for to in ("nobody", session.socket_id):
            with pytest.raises(PeerNotFound):
                await session.offer(to, "v=0")
            with pytest.raises(PeerNotFound):
                await session.answer(to, "v=0")
            with pytest.raises(PeerNotFound):
                await session.ice_candidate(to, None)
        with pytest.raises(InvalidMessage, match="to"):
            await session.offer("", "v=0")
        assert session.connected


async def test_payload_too_large_is_told_before_it_costs_the_line(
    server: ServerProcess, room_code: str
) -> None:
    async with connect(server.base_url, room_code=room_code) as session:
        with pytest.raises(PayloadTooLarge, match="65536"):
            await session.offer(session.socket_id, "x" * 65536)
        await session.ping()


@pytest.fixture(scope="module")
def strict_server() -> Iterator[ServerProcess]:
    with ServerProcess(UNKNOWN_CODES_PER_MINUTE="1", ALLOWED_ORIGINS="https://school.example") as server:
        yield server


async def test_rate_limited(strict_server: ServerProcess) -> None:
    with pytest.raises(RoomNotFound):
        await enter(strict_server.base_url, room_code="zzzzzz")
    with pytest.raises(RateLimited) as caught:
        await enter(strict_server.base_url, room_code="yyyyyy")
    # A minute is more than this policy waits.
    assert caught.value.retry_after is not None
    assert 2 < caught.value.retry_after <= 60


async def test_forbidden_origin(strict_server: ServerProcess) -> None:
    with pytest.raises(ForbiddenOrigin) as caught:
        await enter(strict_server.base_url, headers={"Origin": "https://elsewhere.example"})
    assert (caught.value.code, caught.value.status) == ("forbidden_origin", 403)


async def test_a_proxy_is_used_only_where_one_is_given(
    server: ServerProcess, room_code: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with http_stub(Answer(403, b"not through here")) as proxy:
        for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY", "socks_proxy"):
            monkeypatch.setenv(name, proxy.url)
        await enter(server.base_url, room_code=room_code)
        assert proxy.requests == []
        with pytest.raises(ConnectionFailed):
            await enter(server.base_url, room_code=room_code, proxy=proxy.url, retry=NO_RETRY)
        assert [request.method for request in proxy.requests] == ["CONNECT"]


async def test_a_context_for_tls_does_no_harm_where_there_is_none(
    server: ServerProcess, room_code: str
) -> None:
    await enter(server.base_url, room_code=room_code, tls=NO_TLS)


async def test_wrong_address(server: ServerProcess) -> None:
    with pytest.raises(SignalingError):
        await enter(server.base_url + "/elsewhere")
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        with pytest.raises(ConnectionFailed):
            await enter(f"http://127.0.0.1:{unused.getsockname()[1]}")
    for url in ("", "localhost:8000", "ftp://host", "http://", "http://host:0"):
        with pytest.raises(ValueError, match="base_url"):
            await enter(url)
    with pytest.raises(ValueError, match="queue_size"):
        await enter(server.base_url, queue_size=0)


# From services on a string


@pytest.mark.odd_frames("server")
@pytest.mark.parametrize("code", [*SOCKET_CODES, "out_of_chalk"])
async def test_every_socket_code_is_its_exception(code: str) -> None:
    """The join is refused with it, and so is an offer."""
    refused = False

    async def talk(peer: Peer) -> None:
        nonlocal refused
        if refused:
            await peer.seat()
            offer, _ = await peer.take(), await peer.take()
            await peer.send(refusal(code, offer["request_id"]))
            await peer.answer_pings()
        else:
            refused = True
            await peer.send(CONNECTED)
            await peer.send(refusal(code, (await peer.take())["request_id"], retry_after=12.5))

    async with socket_stub(talk) as url:
        with pytest.raises(SignalingError) as caught:
            await enter(url, retry=NO_RETRY)
        check(caught.value, code, 12.5)
        async with connect(url, room_code="a7x9k2") as session:
            with pytest.raises(SignalingError) as caught:
                await session.offer("ben", "v=0")
            check(caught.value, code, None)


def refusal(code: str, request_id: str | None = None, **fields: float) -> dict[str, Any]:
    named = {} if request_id is None else {"request_id": request_id}
    return {"type": "error", **named, "payload": {"code": code, "message": f"about {code}", **fields}}


def check(caught: SignalingError, code: str, retry_after: float | None) -> None:
    assert type(caught) is ERROR_CLASSES.get(code, SignalingError)
    assert (caught.code, caught.detail, caught.status) == (code, f"about {code}", None)
    assert caught.retry_after == retry_after


async def test_an_error_that_nobody_waits_for_is_an_event() -> None:
    async def talk(peer: Peer) -> None:
        await peer.seat()
        await peer.send(refusal("server_error"), refusal("peer_not_found", "long-ago"))
        await peer.answer_pings()

    async with socket_stub(talk) as url, connect(url, room_code="a7x9k2") as session:
        for code in ("server_error", "peer_not_found"):
            event = await anext(session)
            assert isinstance(event, ErrorMessage)
            assert event.payload.code == code


async def test_no_answer_in_time() -> None:
    async def talk(peer: Peer) -> None:
        await peer.seat()
        await peer.socket.wait_closed()

    async with socket_stub(talk) as url, connect(url, room_code="a7x9k2", timeout=0.5) as session:
        with pytest.raises(ConnectionFailed, match=r"0\.5"):
            await session.ping()
        assert session.connected


@pytest.mark.parametrize("greet", [False, True])
async def test_no_welcome_in_time(greet: bool) -> None:
    async def talk(peer: Peer) -> None:
        if greet:
            await peer.send(CONNECTED)
        await peer.socket.wait_closed()

    async with socket_stub(talk) as url:
        with pytest.raises(ConnectionFailed):
            await enter(url, timeout=0.5, retry=NO_RETRY)


@pytest.mark.parametrize("greet", [False, True])
async def test_the_line_breaks_on_the_way_in(greet: bool) -> None:
    tries = 0

    async def talk(peer: Peer) -> None:
        nonlocal tries
        tries += 1
        if greet:
            await peer.send(CONNECTED)
            await peer.take()
        await peer.socket.close(4001)

    async with socket_stub(talk) as url:
        with pytest.raises(ConnectionFailed) as caught:
            await enter(url)
    assert caught.value.close_code == 4001
    assert tries == QUICK.attempts


async def test_the_first_way_in_is_tried_again(server: ServerProcess, room_code: str) -> None:
    tries = 0

    async def talk(peer: Peer) -> None:
        nonlocal tries
        tries += 1
        if tries < 3:
            await peer.socket.close(4001)
        else:
            await peer.seat([participant("ben")])
            await peer.answer_pings()

    async with socket_stub(talk) as url, connect(url, room_code="a7x9k2", retry=QUICK) as session:
        assert set(session.participants) == {"ben"}
        await session.ping()


async def test_a_refused_handshake(server: ServerProcess) -> None:
    with http_stub(error("server_error", 503, Retry_After="60")) as stub:
        with pytest.raises(ServerError) as caught:
            await enter(stub.url)
        assert (caught.value.status, caught.value.retry_after) == (503, 60)
        assert len(stub.requests) == 1
    with http_stub(error("server_error", 503)) as stub:
        with pytest.raises(ServerError):
            await enter(stub.url)
        assert len(stub.requests) == QUICK.attempts
    with http_stub(Answer(200, b"<html>Welcome</html>")) as stub, pytest.raises(UnexpectedAnswer):
        await enter(stub.url)
    with http_stub(Forward(server.port)) as stub, pytest.raises(SignalingError):
        await enter(stub.url)


@pytest.mark.odd_frames("server")
@pytest.mark.parametrize(
    "frame",
    [
        "",
        "hello",
        "[]",
        "{}",
        '{"type": 5}',
        '{"type": "participant_joined"}',
        '{"type": "participant_joined", "payload": {"socket_id": "ben"}}',
        '{"type": "error", "payload": {"code": 5, "message": "x"}}',
        "[" * 100_000,
        b"\xff\xfe",
        json.dumps(CONNECTED)[:-1],
    ],
)
async def test_frames_that_no_service_sends(frame: str | bytes) -> None:
    async def talk(peer: Peer) -> None:
        await peer.seat()
        await peer.send({"type": "participant_joined", "payload": participant("ben")}, frame)
        await peer.socket.wait_closed()

    async with (
        asyncio.timeout(DEADLINE),
        socket_stub(talk) as url,
        connect(url, room_code="a7x9k2") as session,
    ):
        assert isinstance(await anext(session), ParticipantJoined)
        for _ in range(2):
            with pytest.raises(UnexpectedAnswer):
                await anext(session)
        assert not session.connected
        with pytest.raises(UnexpectedAnswer):
            await session.ping()

    async def mislead(peer: Peer) -> None:
        await peer.send(frame)
        await peer.socket.wait_closed()

    async with socket_stub(mislead) as url:
        with pytest.raises(UnexpectedAnswer):
            await enter(url)


async def test_another_greeting() -> None:
    async def talk(peer: Peer) -> None:
        await peer.send(refusal("server_error"))
        await peer.socket.wait_closed()

    async with socket_stub(talk) as url:
        with pytest.raises(UnexpectedAnswer, match="ErrorMessage"):
            await enter(url)


async def test_another_answer_to_a_ping() -> None:
    async def talk(peer: Peer) -> None:
        await peer.seat()
        ping = await peer.take()
        await peer.send({**CONNECTED, "request_id": ping["request_id"]})
        await peer.socket.wait_closed()

    async with socket_stub(talk) as url, connect(url, room_code="a7x9k2") as session:
        with pytest.raises(UnexpectedAnswer, match="Connected"):
            await session.ping()


async def test_a_policy_of_its_own_for_the_way_in() -> None:
    with http_stub(error("server_error", 503)) as stub:
        with pytest.raises(ServerError):
            await enter(stub.url, retry=RetryPolicy(attempts=6, first=0))
        assert len(stub.requests) == 6
