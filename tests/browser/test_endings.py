"""How a call ends: for every error code and close code of the contract there are words and a way on."""

from __future__ import annotations

import json
import re

import pytest
from playwright.sync_api import Page, WebSocketRoute, expect

from browser.visits import Classroom, Visits, eventually
from signaling.contract.errors import CLOSES, ERRORS

pytestmark = pytest.mark.browser

STANDARD_CLOSES = {1006, 1011, 1012}
"""Closes that come from the protocol below, not from the service's registry."""


def test_every_code_of_the_registry_has_words_of_its_own(visits: Visits) -> None:
    errors = [code.value for code, info in ERRORS.items() if info.on_socket]
    closes = [*map(int, CLOSES), *STANDARD_CLOSES]
    page = visits.classroom().page
    said = page.evaluate(
        """async ([errors, closes]) => {
             const { wordsForError, wordsForClose } = await import("/classroom/assets/words.js");
             return {
               errors: errors.map(wordsForError), closes: closes.map(wordsForClose),
               unknownError: wordsForError("toString"), unknownClose: wordsForClose(4999),
             };
           }""",
        [errors, closes],
    )
    unknown = said["unknownError"]
    for code, words in zip([*errors, *closes], [*said["errors"], *said["closes"]], strict=True):
        assert words["title"], code
        assert words["text"], code
        assert words["title"] != unknown["title"], f"no words for {code}"
        assert words["next"] in ("code", "retry", "rejoin", "none"), code
    assert unknown["title"]
    assert said["unknownClose"]["title"]


def test_a_final_close_ends_the_call_with_words(visits: Visits) -> None:
    service = FakeService()
    ada = service.serve(visits.page(), visits).join("Ada")
    for number, (code, title) in enumerate(
        (
            (4501, "Something went wrong on this page"),
            (4502, "Joining took too long"),
            (1009, "The connection was ended"),
            (4505, "This class has ended"),
            (4506, "This room's time is over"),
        ),
        start=1,
    ):
        service.sockets[-1].close(code=code)
        ada.expect_end(title)
        assert len(service.sockets) == number, "nobody comes back by himself"
        ada.button("Back to start").click()
        ada.button("Join").click()
        expect(ada.page.locator("#call")).to_be_visible()


def test_a_passing_close_is_followed_by_coming_back(visits: Visits) -> None:
    service = FakeService()
    ada = service.serve(_hurried(visits.page()), visits).join("Ada")
    for number, code in enumerate((4001, 4003, 4004, 4005, 1011, 1012), start=2):
        service.sockets[-1].close(code=code)
        ada.announced("Connection lost. Reconnecting")
        ada.announced("You are back in the room")
        expect(ada.page.locator("#banner")).to_be_hidden()
        assert service.joins == number, code


def test_a_place_that_was_kept_is_taken_again_and_nothing_is_made_anew(visits: Visits) -> None:
    """The line is lost, calls go on: the page says so calmly, and goes on by itself."""
    service = FakeService()
    service.keeps_seats = True
    service.ghosts = ["ben"]
    ada = service.serve(_hurried(visits.page()), visits).join("Ada")
    ben = ada.page.locator(".tile[data-socket-id=ben]")
    ben.evaluate("(tile) => { tile.same = true; }")
    expect(ben).to_have_attribute("data-connection-state", "reconnecting")
    service.sockets[-1].close(code=4001)
    ada.announced("Connection lost. Reconnecting")
    ada.announced("You are back in the room")
    expect(ada.page.locator("#banner")).to_be_hidden()
    expect(ben).to_have_attribute("data-connection-state", "connecting")
    assert service.joins == 1
    assert ben.evaluate("(tile) => tile.same")
    assert ada.page.evaluate("window.connections.length") == 1
    expect(ada.page.locator(".tile.self")).to_have_attribute("data-socket-id", "seat-1")


def _hurried(page: Page) -> Page:
    """A page whose waits, which are random, are as short as they may be."""
    page.add_init_script("Math.random = () => 0.01")
    return page


def test_the_own_former_place_is_waited_for_and_not_shown(visits: Visits) -> None:
    """A lost place may be kept by the service, fill the room, and still be in the list."""
    service = FakeService()
    ada = service.serve(_hurried(visits.page()), visits).join("Ada")
    service.refusals = [{"code": "room_full", "message": "full"}]
    service.ghosts = ["seat-1"]
    service.sockets[-1].close(code=4001)
    eventually(ada.page, lambda: service.joins == 3, "joined again")
    expect(ada.page.locator(".tile")).to_have_count(1)
    expect(ada.page.locator(".tile")).to_have_attribute("data-socket-id", "seat-3")


def test_a_room_that_ended_meanwhile_is_not_tried_again(visits: Visits) -> None:
    service = FakeService()
    ada = service.serve(_hurried(visits.page()), visits).join("Ada")
    service.refusals = [{"code": "room_expired", "message": "over"}]
    service.sockets[-1].close(code=4001)
    ada.expect_end("This room's time is over")
    assert service.joins == 2


def test_coming_back_is_tried_a_few_times_and_then_given_up(visits: Visits) -> None:
    service = FakeService()
    page = visits.page()
    page.clock.install()
    ada = service.serve(page, visits).join("Ada")
    service.down = True
    service.sockets[-1].close(code=1012)
    expect(page.locator("#banner")).to_be_visible()

    def given_up() -> bool:
        page.clock.run_for(5_000)
        return page.locator("#end").is_visible()

    eventually(page, given_up, "given up")
    ada.expect_end("The service is restarting")
    assert 2 <= len(service.sockets) <= 7
    service.down = False
    ada.button("Join again").click()
    expect(page.locator("#call")).to_be_visible()


def test_a_room_says_that_it_will_close_soon(visits: Visits) -> None:
    service = FakeService()
    service.expires_at = "2030-01-01T10:00:00Z"
    service.server_time = "2030-01-01T09:52:30Z"
    ada = service.serve(visits.page(), visits).join("Ada")
    expect(ada.page.locator("#banner")).to_contain_text("This room closes at ")


def test_somebody_whose_line_breaks_is_shown_as_coming_back_until_given_up(visits: Visits) -> None:
    service = FakeService()
    service.ghosts = ["ben"]
    ada = service.serve(visits.page(), visits).join("Ada")
    ben = ada.page.locator(".tile[data-socket-id=ben]")
    expect(ben).to_have_attribute("data-connection-state", "reconnecting")
    service.say("participant_reconnected", {"socket_id": "ben"})
    expect(ben).to_have_attribute("data-connection-state", "connecting")
    service.say("participant_reconnecting", {"socket_id": "ben"})
    expect(ben).to_have_attribute("data-connection-state", "reconnecting")
    service.say("participant_left", {"socket_id": "ben", "reason": "connection_lost"})
    expect(ben).to_have_count(0)
    ada.announced("Ben lost the connection")


class FakeService:
    """The service's side of a socket, for states the real one is not easily brought to."""

    def __init__(self) -> None:
        self.sockets: list[WebSocketRoute] = []
        self.joins = 0
        self.refusals: list[dict[str, str]] = []
        """Answers to the next joins."""
        self.ghosts: list[str] = []
        """Socket ids that are in the room besides the visitor."""
        self.keeps_seats = False
        """Whether a lost place can be taken again."""
        self.down = False
        self.expires_at = "2099-01-01T00:00:00Z"
        self.server_time = "2030-01-01T00:00:00Z"

    def serve(self, page: Page, visits: Visits) -> Classroom:
        page.route_web_socket(re.compile("/ws$"), self._accept)
        return Classroom(page, visits.server).open("a7x9k2")

    def say(self, type: str, payload: dict[str, str]) -> None:
        self.sockets[-1].send(json.dumps({"type": type, "payload": payload}))

    def _accept(self, socket: WebSocketRoute) -> None:
        self.sockets.append(socket)
        if self.down:
            socket.close(code=1012)
            return
        socket.on_message(lambda frame: self._answer(socket, json.loads(frame)))
        connected = {
            "socket_id": "s",
            "protocol_version": 1,
            "join_timeout_seconds": 60,
            "max_frame_bytes": 65536,
        }
        socket.send(json.dumps({"type": "connected", "payload": connected}))

    def _answer(self, socket: WebSocketRoute, request: dict[str, str]) -> None:
        answer: dict[str, object] = {"type": "pong", "payload": {"server_time": self.server_time}}
        if request["type"] == "resume" and self.keeps_seats:
            participants = [{**one, "connection": "connected"} for one in self._participants()]
            seat = {"room_code": "a7x9k2", "socket_id": f"seat-{self.joins}", "participants": participants}
            again = {**seat, "recovered": False, "replayed": 0, "resume_token": "u"}
            answer = {"type": "resumed", "payload": again}
        elif request["type"] == "resume":
            answer = {"type": "error", "payload": {"code": "resume_failed", "message": "gone"}}
        if request["type"] == "join":
            self.joins += 1
            answer = {"type": "room_joined", "payload": self._room()}
            if self.refusals:
                answer = {"type": "error", "payload": self.refusals.pop(0)}
        socket.send(json.dumps(answer | {"request_id": request["request_id"]}))

    def _participants(self) -> list[dict[str, object]]:
        return [
            {
                "socket_id": id,
                "display_name": id.title(),
                "user_id": None,
                "joined_at": "2029-12-31T23:00:00Z",
                "connection": "reconnecting",
                "polite": True,
            }
            for id in self.ghosts
        ]

    def _room(self) -> dict[str, object]:
        return {
            "room_code": "a7x9k2",
            "socket_id": f"seat-{self.joins}",
            "participants": self._participants(),
            "expires_at": self.expires_at,
            "max_participants": 2,
            "resume_token": "t",
            "resume_window_seconds": 1,
        }
