"""A `RoomSession` that loses its line: against a service whose every word is the test's."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page
from playwright.sync_api._generated import Clock

from browser.visits import eventually
from typescript.room import BEN, CAT, DAN, told
from typescript.scripted import Json, Line, ScriptedService, participant

pytestmark = pytest.mark.browser

BEGIN = """
  ([url, options]) => {
    window.told = [];
    window.session = new RoomSession(
      url,
      { room_code: "a7x9k2", display_name: "Ada" },
      { pingInterval: 0, reconnect: { first: 1 }, ...options },
    );
    const details = {
      joined: () => [],
      participant_joined: ({ participant }) => [participant.socket_id],
      participant_left: ({ participant, reason }) => [participant.socket_id, reason],
      participant_reconnecting: ({ participant }) => [participant.socket_id],
      participant_reconnected: ({ participant }) => [participant.socket_id],
      offer: ({ from, description }) => [from, description.sdp],
      answer: ({ from, description }) => [from, description.sdp],
      ice_candidate: ({ from, candidate }) => [from, candidate],
      reconnecting: () => [],
      reconnected: ({ recovered, rejoined, socketId }) => [recovered, rejoined, socketId],
      error: ({ error }) => [error.code],
      ended: ({ ending }) => [Object.values(ending).join(" ")],
    };
    for (const [type, of] of Object.entries(details)) {
      session.addEventListener(type, (event) => told.push([type, ...of(event)]));
    }
    session.join().then(() => {}, (error) => told.push(["refused", error.name, error.code]));
  }
"""

Begin = Callable[..., Line]


@pytest.fixture
def begin(page: Page, service: ScriptedService) -> Begin:
    """Begins a session in the page; its first line, greeted."""

    def begin(**options: Any) -> Line:
        page.evaluate(BEGIN, [service.url, options])
        return service.accept().greet()

    return begin


def people(page: Page) -> list[str]:
    ids: list[str] = page.evaluate("[...session.participants.keys()]")
    return ids


def lose(page: Page, line: Line) -> list[Any]:
    """Cut the line; what the session has told up to the news of it."""
    line.cut()
    return told(page, "reconnecting")


def begin_patient(page: Page, begin: Begin, *others: Json) -> Line:
    """The line of a session with a seat that comes back only when it is told to."""
    line = begin(reconnect={"first": 50_000, "longest": 50_000}).seat("ada", *others)
    page.evaluate("Math.random = () => 1")
    return line


@pytest.mark.odd_frames("server")
def test_a_seat_is_resumed_and_what_was_missed_comes_before_the_news_of_it(
    page: Page, service: ScriptedService, begin: Begin
) -> None:
    begin().seat("ada", BEN).cut()
    assert told(page, "reconnecting") == [["joined"], ["reconnecting"]]
    line = service.accept().greet()
    assert line.seat_again(BEN, CAT, recovered=True, replayed=3) == {"resume_token": "t1", "received": 1}
    line.say("participant_joined", CAT)
    line.say("hand_raised", {"socket_id": "ben"})  # of a later version: counted all the same
    assert page.evaluate("session.state") in ("reconnecting", "joined")
    line.say("participant_left", {"socket_id": "ben", "reason": "left"})
    assert told(page, "reconnected") == [
        ["participant_joined", "cat"],
        ["participant_left", "ben", "left"],
        ["reconnected", True, False, "ada"],
    ]
    assert people(page) == ["cat"]
    assert page.evaluate("[session.state, session.socketId]") == ["joined", "ada"]

    # And once more: with the new token, and the count going on.
    line.say("participant_reconnecting", {"socket_id": "cat"})
    told(page, "participant_reconnecting")
    assert lose(page, line) == [["reconnecting"]]
    line = service.accept().greet()
    assert line.seat_again(CAT, token="t3") == {"resume_token": "t2", "received": 5}
    assert told(page, "reconnected") == [["reconnected", True, False, "ada"]]


@pytest.mark.odd_frames("server")
def test_every_frame_on_the_seat_is_counted_and_no_other(
    page: Page, service: ScriptedService, begin: Begin
) -> None:
    line = begin()
    line.say("pong", {"server_time": "2030-01-01T00:00:00Z"})  # before the seat: not counted
    line.seat("ada")  # 1
    line.say("participant_joined", BEN)  # 2
    line.say("offer", {"from": "ben", "description": {"type": "offer", "sdp": "v=0"}})  # 3
    line.say("ice_candidate", {"from": "ben", "candidate": None})  # 4
    line.say("error", {"code": "peer_not_found", "message": "gone"})  # 5
    line.say("of_tomorrow", {})  # 6
    line.say_text("no JSON")  # 7
    line.say_text("[]")  # 8
    assert told(page, "error")[1:] == [
        ["participant_joined", "ben"],
        ["offer", "ben", "v=0"],
        ["ice_candidate", "ben", None],
        ["error", "peer_not_found"],
    ]
    line.say("connected", {"socket_id": "s"})  # never counted
    page.evaluate("() => { window.offset = session.clockOffset(); }")
    ping = line.take("ping")
    assert ping["payload"]["received"] in range(5, 9)
    line.say("pong", {"server_time": "2030-01-01T00:00:00Z"}, to=ping)  # 9
    page.evaluate("offset")
    line.cut()
    assert service.accept().greet().seat_again()["received"] == 9


def test_the_service_is_told_what_arrived_so_that_it_can_forget_it(page: Page, begin: Begin) -> None:
    """In every keepalive, and whenever much has come."""
    line = begin(pingInterval=60_000).seat("ada")
    for number in range(2, 66):
        line.say("offer", {"from": "ben", "description": {"type": "offer", "sdp": str(number)}})
    assert line.take("ping")["payload"] == {"received": 65}

    line = begin(pingInterval=20)
    line.take("join")
    assert line.take("ping")["payload"] == {}, "nothing to forget without a seat"


def test_a_keepalive_on_a_seat_tells_what_arrived(begin: Begin) -> None:
    line = begin(pingInterval=500).seat("ada")
    assert line.take("ping")["payload"] == {"received": 1}


def test_a_seat_that_is_not_whole_again_takes_the_room_as_it_is(
    page: Page, service: ScriptedService, begin: Begin
) -> None:
    begin().seat("ada", BEN, CAT).cut()
    line = service.accept().greet()
    line.seat_again({**CAT, "connection": "reconnecting"}, DAN, recovered=False)
    assert told(page, "reconnected") == [
        ["joined"],
        ["reconnecting"],
        ["participant_left", "ben", "left"],
        ["participant_reconnecting", "cat"],
        ["participant_joined", "dan"],
        ["reconnected", False, False, "ada"],
    ]
    assert people(page) == ["cat", "dan"]
    # What the picture holds already is not told again.
    line.say("participant_joined", DAN)
    line.say("participant_left", {"socket_id": "ben", "reason": "left"})
    line.say("participant_reconnected", {"socket_id": "cat"})
    assert told(page, "participant_reconnected") == [["participant_reconnected", "cat"]]


def test_a_seat_that_is_gone_is_taken_anew_on_the_same_line(
    page: Page, service: ScriptedService, begin: Begin
) -> None:
    begin().seat("ada", BEN, CAT).close(4001)
    line = service.accept().greet().seat_gone()
    ghost = participant("ada", polite=True, connection="reconnecting")
    line.seat("ada2", {**CAT, "polite": True}, ghost, DAN, token="u1")
    assert told(page, "reconnected") == [
        ["joined"],
        ["reconnecting"],
        ["participant_left", "ben", "left"],
        ["participant_joined", "dan"],
        ["reconnected", False, True, "ada2"],
    ]
    assert people(page) == ["cat", "dan"]
    assert page.evaluate("session.participants.get('cat').polite") is True
    line.say("participant_left", {"socket_id": "ada", "reason": "connection_lost"})
    line.say("participant_left", {"socket_id": "dan", "reason": "connection_lost"})
    assert told(page, "participant_left") == [["participant_left", "dan", "connection_lost"]]
    line.cut()
    assert service.accept().greet().seat_again(socket_id="ada2") == {"resume_token": "u1", "received": 3}


def test_a_seat_that_is_not_kept_is_not_asked_for(page: Page, service: ScriptedService, begin: Begin) -> None:
    begin().seat("ada", BEN, window=0).cut()
    service.accept().greet().seat("ada2", BEN, window=0)
    assert told(page, "reconnected")[-1] == ["reconnected", False, True, "ada2"]
    assert service.connections == 2


def test_a_line_that_breaks_while_it_catches_up_is_one_loss(
    page: Page, service: ScriptedService, begin: Begin
) -> None:
    begin().seat("ada").cut()
    line = service.accept().greet()
    line.seat_again(BEN, CAT, recovered=True, replayed=2)
    line.say("participant_joined", BEN)
    assert told(page, "participant_joined") == [["joined"], ["reconnecting"], ["participant_joined", "ben"]]
    line.cut()
    line = service.accept().greet()
    assert line.seat_again(replayed=1) == {"resume_token": "t2", "received": 2}
    line.say("participant_joined", CAT)
    assert told(page, "reconnected") == [["participant_joined", "cat"], ["reconnected", True, False, "ada"]]


@pytest.mark.parametrize(
    ("code", "comes_back"),
    [(4001, True), (4005, True), (1011, True), (1012, True), (1009, False), (4501, False), (4505, False)],
)
def test_the_close_code_tells_whether_to_come_back(
    page: Page, service: ScriptedService, begin: Begin, code: int, comes_back: bool
) -> None:
    begin().seat("ada").close(code)
    if comes_back:
        service.accept().greet().seat_again()
        assert told(page, "reconnected")[-1] == ["reconnected", True, False, "ada"]
    else:
        assert told(page, "ended") == [["joined"], ["ended", f"close {code}"]]
        assert service.connections == 1


def test_a_session_may_be_told_not_to_come_back(page: Page, service: ScriptedService, begin: Begin) -> None:
    begin(reconnect=False).seat("ada").cut()
    assert told(page, "ended") == [["joined"], ["ended", "close 1006"]]
    assert service.connections == 1


def test_the_end_of_the_room_is_the_end(page: Page, service: ScriptedService, begin: Begin) -> None:
    line = begin().seat("ada", BEN)
    line.say("room_left", {"room_code": "a7x9k2", "reason": "room_closed"})
    line.close(4505)
    assert told(page, "ended") == [["joined"], ["ended", "room_left room_closed"]]

    line = begin().seat("ada")
    line.cut()
    line = service.accept().greet().seat_gone()
    line.refuse(line.take("join"), "room_expired")
    assert told(page, "ended")[-1] == ["ended", "error room_expired"]
    assert line.closed_with() == 1000
    assert service.connections == 3


def test_a_join_that_is_refused_may_be_tried_again(
    page: Page, service: ScriptedService, begin: Begin
) -> None:
    line = begin()
    line.refuse(line.take("join"), "room_full")
    assert told(page, "refused") == [["refused", "SignalingError", "room_full"]]
    assert line.closed_with() == 1000
    page.evaluate("() => { session.join(); }")
    service.accept().greet().seat("ada")
    assert told(page, "joined") == [["joined"]]


def test_a_join_that_is_not_answered_is_given_up(
    page: Page, clock: Clock, service: ScriptedService, begin: Begin
) -> None:
    line = begin(connectTimeout=4_000)
    line.take("join")
    clock.run_for(3_900)
    assert page.evaluate("told") == []
    clock.run_for(200)
    assert told(page, "refused") == [["refused", "ConnectionClosed", 1006]]
    assert line.closed_with() == 4000


def test_a_resume_that_is_not_answered_is_tried_again_while_the_seat_is_kept(
    page: Page, clock: Clock, service: ScriptedService, begin: Begin
) -> None:
    """A line that dies between its greeting and the answer says nothing; the next ping would be too late."""
    line = begin().seat("ada", window=20)
    told(page, "joined")
    lose(page, line)
    clock.run_for(10)
    line = service.accept().greet()
    line.take("resume")
    clock.run_for(10_000)
    assert line.closed_with() == 4000, "no code at all would mean leaving"
    clock.run_for(10)
    assert service.accept().greet().seat_again()["received"] == 1
    assert told(page, "reconnected") == [["reconnected", True, False, "ada"]]
    clock.run_for(15_000)
    assert page.evaluate("session.state") == "joined", "what was answered is waited for no more"


def test_it_is_tried_only_so_often(page: Page, service: ScriptedService, begin: Begin) -> None:
    begin(reconnect={"first": 1, "tries": 3}).seat("ada").cut()
    for _ in range(3):
        service.accept().close(1013)
    assert told(page, "ended") == [["joined"], ["reconnecting"], ["ended", "close 1013"]]
    assert service.connections == 4


def test_it_is_tried_only_so_long(page: Page, clock: Clock, service: ScriptedService, begin: Begin) -> None:
    line = begin(reconnect={"first": 100_000, "longest": 100_000, "total": 60_000}).seat("ada")
    told(page, "joined")
    page.evaluate("Math.random = () => 0.4")
    lose(page, line)
    clock.run_for(39_000)
    assert service.connections == 1
    clock.run_for(2_000)
    service.accept().close(1012)
    # 40 more seconds would be too many.
    assert told(page, "ended") == [["ended", "close 1012"]]


def test_the_service_may_ask_for_time(
    page: Page, clock: Clock, service: ScriptedService, begin: Begin
) -> None:
    line = begin().seat("ada", window=20)
    told(page, "joined")
    lose(page, line)
    clock.run_for(10)
    line = service.accept().greet()
    line.refuse(line.take("resume"), "server_error", retry_after=12.5)
    line.closed_with()
    clock.run_for(12_000)
    assert service.connections == 2
    clock.run_for(1_000)
    line = service.accept().greet().seat_gone()
    line.refuse(line.take("join"), "rate_limited", retry_after=7)
    line.closed_with()
    clock.run_for(6_500)
    assert service.connections == 3
    clock.run_for(1_000)
    service.accept().greet().seat_gone().seat("ada2")
    assert told(page, "reconnected") == [["reconnected", False, True, "ada2"]]


def test_the_own_former_seat_is_waited_for_when_it_fills_the_room(
    page: Page, clock: Clock, service: ScriptedService, begin: Begin
) -> None:
    line = begin().seat("ada", window=20)
    told(page, "joined")
    lose(page, line)
    clock.run_for(10)
    line = service.accept().greet().seat_gone()
    line.refuse(line.take("join"), "room_full")
    line.closed_with()
    clock.run_for(19_000)
    assert service.connections == 2
    clock.run_for(2_000)
    service.accept().greet().seat_gone().seat("ada2")
    assert told(page, "reconnected")[-1] == ["reconnected", False, True, "ada2"]


def test_a_browser_that_is_online_again_does_not_wait(
    page: Page, service: ScriptedService, begin: Begin
) -> None:
    line = begin_patient(page, begin)
    lose(page, line)
    assert service.connections == 1
    page.evaluate("window.dispatchEvent(new Event('online'))")
    service.accept().greet().seat_again()
    told(page, "reconnected")


def test_a_line_of_another_network_is_found_dead_soon(
    page: Page, clock: Clock, service: ScriptedService, begin: Begin
) -> None:
    """It looks open to the browser; only that nothing comes tells. A line that answers is kept."""
    line = begin().seat("ada")
    told(page, "joined")
    page.evaluate("window.dispatchEvent(new Event('online'))")
    ping = line.take("ping")
    assert ping["payload"] == {"received": 1}
    line.say("pong", {"server_time": "2030-01-01T00:00:00Z"}, to=ping)
    line.say("participant_joined", BEN)
    told(page, "participant_joined")
    clock.run_for(10_000)
    assert page.evaluate("session.state") == "joined"

    page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    assert line.take("ping")["payload"] == {"received": 3}
    clock.run_for(4_000)
    assert page.evaluate("session.state") == "joined"
    clock.run_for(2_000)
    assert told(page, "reconnecting") == [["reconnecting"]]
    assert line.closed_with() == 4000, "no code at all would mean leaving"
    clock.run_for(10)
    assert service.accept().greet().seat_again()["received"] == 3
    told(page, "reconnected")
    page.evaluate("window.dispatchEvent(new Event('online'))")
    assert page.evaluate("session.state") == "joined", "the former line is looked after no more"


def test_what_is_sent_meanwhile_waits_for_the_seat(
    page: Page, service: ScriptedService, begin: Begin
) -> None:
    line = begin_patient(page, begin, BEN)
    lose(page, line)
    page.evaluate(
        """() => {
             session.offer("ben", { type: "offer", sdp: "1" });
             session.iceCandidate("ben", { candidate: "c", sdpMid: "0" });
             session.iceCandidate("ben", null);
             session.reconnectNow();
           }"""
    )
    line = service.accept().greet()
    line.seat_again(BEN)
    assert line.take("offer")["payload"] == {"to": "ben", "description": {"type": "offer", "sdp": "1"}}
    assert line.take("ice_candidate")["payload"]["candidate"] == {"candidate": "c", "sdpMid": "0"}
    assert line.take("ice_candidate")["payload"]["candidate"] is None
    assert told(page, "reconnected")[-1] == ["reconnected", True, False, "ada"]

    # To a new participant it would mean nothing.
    lose(page, line)
    page.evaluate("session.answer('ben', { type: 'answer', sdp: '2' }); session.reconnectNow()")
    line = service.accept().greet().seat_gone().seat("ada2", BEN)
    told(page, "reconnected")
    page.evaluate("session.answer('ben', { type: 'answer', sdp: '3' })")
    assert line.take("answer")["payload"]["description"]["sdp"] == "3"


def test_what_is_sent_on_a_line_that_is_closing_waits_for_the_seat(
    page: Page, service: ScriptedService, begin: Begin
) -> None:
    """Its `close` event comes when both ends are done with it, which takes a while."""
    line = begin_patient(page, begin, BEN)
    told(page, "joined")
    page.evaluate(
        """() => {
             const state = Object.getOwnPropertyDescriptor(WebSocket.prototype, "readyState");
             const closing = { ...state, get: () => WebSocket.CLOSING };
             Object.defineProperty(WebSocket.prototype, "readyState", closing);
             session.answer("ben", { type: "answer", sdp: "1" });
             Object.defineProperty(WebSocket.prototype, "readyState", state);
           }"""
    )
    lose(page, line)
    page.evaluate("session.reconnectNow()")
    line = service.accept().greet()
    line.seat_again(BEN)
    assert line.take("answer")["payload"] == {"to": "ben", "description": {"type": "answer", "sdp": "1"}}


def test_more_than_can_wait_is_given_up_and_told(page: Page, service: ScriptedService, begin: Begin) -> None:
    line = begin_patient(page, begin, BEN)
    lose(page, line)
    page.evaluate(
        """() => {
             for (let i = 0; i < 2000; i += 1) session.iceCandidate("ben", null);
             session.reconnectNow();
           }"""
    )
    line = service.accept().greet()
    line.seat_again(BEN)
    assert told(page, "reconnected") == [["reconnected", False, False, "ada"]]
    page.evaluate("session.offer('ben', { type: 'offer', sdp: 'after' })")
    assert line.take("offer")["payload"]["description"]["sdp"] == "after"


def test_leaving_tells_the_service_and_ends_at_once(
    page: Page, service: ScriptedService, begin: Begin
) -> None:
    line = begin().seat("ada")
    told(page, "joined")
    page.evaluate("session.leave()")
    assert told(page, "ended") == [["ended", "room_left left"]]
    line.say("room_left", {"room_code": "a7x9k2", "reason": "left"}, to=line.take("leave"))
    assert line.closed_with() == 1000
    assert page.evaluate("session.state") == "ended"
    page.evaluate("session.leave()")
    assert page.evaluate("told") == []


def test_leaving_while_away_ends_the_tries(page: Page, service: ScriptedService, begin: Begin) -> None:
    line = begin().seat("ada")
    told(page, "joined")
    lose(page, line)
    line = service.accept()  # not greeted: still on its way in
    page.evaluate("session.leave()")
    assert told(page, "ended") == [["ended", "room_left left"]]
    line.greet()
    line.refuse(line.take("resume"), "server_error")
    line.closed_with()
    page.evaluate("window.dispatchEvent(new Event('online'))")
    assert page.evaluate("new Promise((done) => setTimeout(() => done(session.state), 50))") == "ended"
    assert service.connections == 2


def test_who_leaves_on_the_way_in_is_not_seen_coming(
    page: Page, service: ScriptedService, begin: Begin
) -> None:
    page.evaluate(BEGIN, [service.url, {}])
    line = service.accept()
    page.evaluate("session.leave()")
    line.greet()
    assert line.closed_with(quiet=True) == 1000
    assert told(page, "refused") == [["ended", "room_left left"], ["refused", "ConnectionClosed", 1000]]


def test_a_second_greeting_changes_nothing(page: Page, begin: Begin) -> None:
    page.evaluate(
        """() => {
             window.beats = 0;
             const set = window.setInterval;
             window.setInterval = (...given) => { beats += 1; return set(...given); };
           }"""
    )
    begin(pingInterval=60_000).seat("ada").greet().say("participant_joined", BEN)
    told(page, "participant_joined")
    assert page.evaluate("beats") == 1


def test_a_page_closes_with_codes_of_its_own_only(page: Page, service: ScriptedService) -> None:
    page.evaluate("(url) => { window.client = new SignalingClient(url); client.connect(); }", service.url)
    line = service.accept().greet()
    eventually(page, lambda: page.evaluate("client.open"), "open")
    refused = """
      [0, 1001, 2999, 3000.5, 5000].map((code) => {
        try { client.close(code); } catch (error) { return error.name; }
      })
    """
    assert page.evaluate(refused) == ["RangeError"] * 5
    assert page.evaluate("client.open")
    page.evaluate("client.close(4999)")
    assert line.closed_with() == 4999


@pytest.mark.odd_frames("server")
def test_an_answer_of_another_kind_answers_nothing(page: Page, begin: Begin) -> None:
    """A newer service may say something else about a request before it answers it."""
    line = begin()
    request = line.take("join")
    line.say("pong", {"server_time": "2030-01-01T00:00:00Z"}, to=request)
    line.say("waiting_room", {}, to=request)
    line.say(
        "room_joined",
        {"room_code": "a7x9k2", "socket_id": "ada", "participants": [], "resume_window_seconds": 0},
        to=request,
    )
    assert told(page, "joined") == [["joined"]]
    assert page.evaluate("session.socketId") == "ada"
