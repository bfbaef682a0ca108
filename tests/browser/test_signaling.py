"""`SignalingClient` on its own: needs no page, names what it is told, tells one answer from another."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from browser.visits import Teacher, Visits
from support.server import ServerProcess

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def page(browser: Browser, server: ServerProcess) -> Iterator[Page]:
    """A page of the service that has the module at hand."""
    visits = Visits(browser, server)
    page = visits.classroom().page
    page.evaluate(
        """async () => {
             Object.assign(window, await import("/classroom/assets/client/index.js"));
             window.url = Object.assign(new URL("/ws", location), { protocol: "ws:" }).href;
             window.next = (client, type) =>
               new Promise((resolve) => client.addEventListener(type, resolve, { once: true }));
           }"""
    )
    yield page
    visits.end()


def test_two_clients_meet_talk_and_part(page: Page, teacher: Teacher) -> None:
    told: dict[str, Any] = page.evaluate(
        """async (code) => {
             const [ada, ben] = [new SignalingClient(url), new SignalingClient(url)];
             await Promise.all([ada.connect(), ben.connect()]);
             const alone = await ada.join({ room_code: code, display_name: "Ada" });
             const joined = next(ada, "participant_joined");
             const second = await ben.join({ room_code: code.toUpperCase(), display_name: "Ben" });
             const { payload: newcomer } = await joined;
             const offered = next(ben, "offer");
             ada.offer(newcomer.socket_id, { type: "offer", sdp: "v=0" });
             const { payload: offer } = await offered;
             const answered = next(ada, "answer");
             ben.answer(offer.from, { type: "answer", sdp: "v=0" });
             const { payload: answer } = await answered;
             const ended = next(ada, "ice_candidate");
             ben.iceCandidate(offer.from, null);
             const { payload: candidate } = await ended;
             const pong = await ada.ping();
             const gone = next(ada, "participant_left");
             const left = await ben.leave();
             const { payload: departed } = await gone;
             ada.close();
             ben.close();
             return { alone, second, newcomer, offer, answer, candidate, pong, left, departed };
           }""",
        teacher.create_room(),
    )
    ada, ben = told["alone"]["socket_id"], told["second"]["socket_id"]
    assert told["alone"]["participants"] == []
    assert [seen["socket_id"] for seen in told["second"]["participants"]] == [ada]
    assert told["second"]["participants"][0]["polite"] is True
    assert (told["newcomer"]["socket_id"], told["newcomer"]["polite"]) == (ben, False)
    assert told["offer"] == {"from": ada, "description": {"type": "offer", "sdp": "v=0"}}
    assert told["answer"] == {"from": ben, "description": {"type": "answer", "sdp": "v=0"}}
    assert told["candidate"] == {"from": ben, "candidate": None}
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", told["pong"]["server_time"])
    assert told["left"]["reason"] == "left"
    assert told["departed"] == {"socket_id": ben, "reason": "left"}


@pytest.mark.odd_frames("client")
def test_a_refusal_rejects_the_request_it_answers(page: Page, teacher: Teacher) -> None:
    told: dict[str, Any] = page.evaluate(
        """async (code) => {
             const refusal = ({ name, code, message, retryAfter, about }) =>
               ({ name, code, message, retryAfter, type: about.type, to: about.to });
             const client = new SignalingClient(url);
             await client.connect();
             const unknown = await client.join({ room_code: "zzzzzz" }).catch(refusal);
             const bad = await client.join({ room_code: "no" }).catch(refusal);
             const early = next(client, "error");
             client.offer("nobody", { type: "offer", sdp: "v=0" });
             const notIn = refusal((await early).error);
             await client.join({ room_code: code });
             const twice = await client.join({ room_code: code }).catch(refusal);
             const lost = next(client, "error");
             client.iceCandidate("nobody", null);
             const gone = refusal((await lost).error);
             client.close();
             return { unknown, bad, notIn, twice, gone };
           }""",
        teacher.create_room(),
    )
    assert (told["unknown"]["name"], told["unknown"]["code"]) == ("SignalingError", "room_not_found")
    assert told["bad"]["code"] == "invalid_message"
    assert "room_code" in told["bad"]["message"]
    assert (told["notIn"]["code"], told["notIn"]["type"], told["notIn"]["to"]) == (
        "not_in_room",
        "offer",
        "nobody",
    )
    assert told["twice"]["code"] == "already_in_room"
    assert (told["gone"]["code"], told["gone"]["type"], told["gone"]["to"]) == (
        "peer_not_found",
        "ice_candidate",
        "nobody",
    )


def test_the_end_of_a_connection_is_told_once_and_to_everyone_who_waits(page: Page, teacher: Teacher) -> None:
    code = teacher.create_room()
    page.evaluate(
        """async (code) => {
             window.closes = [];
             window.client = new SignalingClient(url);
             client.addEventListener("close", ({ closed }) => closes.push([closed.code, closed.kind]));
             window.left = next(client, "room_left");
             await client.connect();
             await client.join({ room_code: code });
           }""",
        code,
    )
    teacher.close_room(code)
    assert page.evaluate("left.then(({ payload }) => payload)") == {
        "room_code": code,
        "reason": "room_closed",
    }
    page.wait_for_function("() => closes.length")
    assert page.evaluate("closes") == [[4505, "final"]]
    waiting = page.evaluate("client.ping().catch(({ name, code }) => [name, code])")
    assert waiting == ["ConnectionClosed", 1006]
    assert (
        page.evaluate("client.offer('x', {}) === null && client.close() === undefined && closes.length") == 1
    )


def test_a_connection_that_falls_silent_is_given_up(page: Page) -> None:
    """A laptop that slept has a socket that looks open; only a ping without an answer tells."""
    page.route_web_socket(
        re.compile("/silent$"),
        lambda socket: socket.send(
            '{"type": "connected", "payload": {"socket_id": "s", "protocol_version": 1, '
            '"join_timeout_seconds": 60, "max_frame_bytes": 65536}}'
        ),
    )
    kind = page.evaluate(
        """async () => {
             const client = new SignalingClient(url.replace("/ws", "/silent"), { pingInterval: 50 });
             const closed = next(client, "close");
             await client.connect();
             const { closed: { code, kind, reason } } = await closed;
             return [code, kind, reason];
           }"""
    )
    assert kind == [1006, "reconnect", "silent"]


def test_a_connection_that_never_opens_is_given_up(page: Page) -> None:
    page.route_web_socket(re.compile("/dumb$"), lambda socket: None)
    outcome = page.evaluate(
        """new SignalingClient(url.replace("/ws", "/dumb"), { connectTimeout: 50 }).connect()
             .catch(({ name, kind }) => [name, kind])"""
    )
    assert outcome == ["ConnectionClosed", "reconnect"]


@pytest.mark.odd_frames("server")
def test_frames_of_a_later_version_are_left_alone(page: Page) -> None:
    frames = [
        "not json",
        "null",
        '{"type": "weather", "payload": {"sun": true}}',
        '{"type": "close", "payload": {}}',
        '{"type": "connected", "payload": {"socket_id": "s", "protocol_version": 1, "novelty": 1}}',
    ]

    def talk(socket: Any) -> None:
        for frame in frames:
            socket.send(frame)

    page.route_web_socket(re.compile("/later$"), talk)
    told = page.evaluate(
        """async () => {
             const client = new SignalingClient(url.replace("/ws", "/later"));
             const told = [];
             for (const type of ["weather", "close", "error"]) {
               client.addEventListener(type, () => told.push(type));
             }
             const { socket_id } = await client.connect();
             return { told, socket_id };
           }"""
    )
    assert told == {"told": [], "socket_id": "s"}


def test_close_codes_tell_by_their_range_whether_to_come_back(page: Page) -> None:
    kinds = page.evaluate(
        "[1000, 1001, 1006, 1009, 1011, 1012, 4000, 4001, 4499, 4500, 4505, 4999].map(closeKind)",
    )
    assert (
        kinds
        == ["done", "reconnect", "reconnect", "final", "reconnect", "reconnect"]
        + ["reconnect"] * 3
        + ["final"] * 3
    )
