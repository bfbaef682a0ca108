"""The way into a class: a link or a code, mouse or keyboard, and clear words when there is no way in."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from playwright.sync_api import WebSocketRoute, expect

from browser.visits import Classroom, Teacher, Visits, eventually

pytestmark = pytest.mark.browser


def test_a_link_carries_the_code_and_the_name_is_remembered(visits: Visits, teacher: Teacher) -> None:
    code = teacher.create_room()
    ada = visits.classroom(code)
    expect(ada.page.get_by_label("Room code")).to_have_value(code)
    expect(ada.page.get_by_label("Your name")).to_be_focused()
    expect(ada.page.locator("#preview-video")).to_be_visible()
    ada.join("Ada")
    expect(ada.page).to_have_title(f"Room {code} - Classroom")
    ada.open(code)
    expect(ada.page.get_by_label("Your name")).to_have_value("Ada")
    expect(ada.button("Join")).to_be_focused()


def test_a_keyboard_is_enough_to_join_mute_and_leave(visits: Visits, teacher: Teacher) -> None:
    ada = visits.classroom(teacher.create_room())
    keyboard = ada.page.keyboard
    expect(ada.page.get_by_label("Your name")).to_be_focused()
    keyboard.type("Ada")
    keyboard.press("Tab")
    expect(ada.page.get_by_label("Room code")).to_be_focused()
    keyboard.press("Tab")
    expect(ada.button("Join")).to_be_focused()
    keyboard.press("Enter")
    expect(ada.page.locator("#call")).to_be_visible()
    expect(ada.page.get_by_role("heading", name=re.compile("^Room "))).to_be_focused()
    ada.announced("You are in the room. No other participants yet")

    _tab_to(ada, "Mute mic")
    keyboard.press("Enter")
    expect(ada.button("Mute mic")).to_have_attribute("aria-pressed", "true")
    _tab_to(ada, "Leave")
    keyboard.press("Enter")
    ada.expect_end("You left the class")
    _tab_to(ada, "Join again")
    keyboard.press("Enter")
    expect(ada.page.locator("#call")).to_be_visible()


def _tab_to(classroom: Classroom, name: str) -> None:
    def focused() -> bool:
        classroom.page.keyboard.press("Tab")
        return bool(classroom.button(name).evaluate("(button) => button === document.activeElement"))

    eventually(classroom.page, focused, f"the focus on {name}")


def test_a_pasted_link_and_a_carelessly_typed_code_are_understood(visits: Visits, teacher: Teacher) -> None:
    code = teacher.create_room()
    ada = visits.classroom()
    link = f"https://school.example/classroom?room={code}&from=mail"
    for typed in (link, f" {code[:3].upper()}-{code[3:]} "):
        ada.page.get_by_label("Room code").fill(typed)
        ada.join("Ada")
        expect(ada.page.locator("#room-code")).to_have_text(code)
        ada.open()


def test_a_wrong_code_is_said_beside_its_field(visits: Visits) -> None:
    ada = visits.classroom("nonsense")
    code = ada.page.get_by_label("Room code")
    for typed, words in (
        ("", "Enter the room code"),
        ("a7x9", "6 letters and digits"),
        ("ä7x9k2", "6 letters"),
    ):
        code.fill(typed)
        ada.ask_to_join("Ada")
        _expect_problem(ada, words)
        expect(code).to_be_focused()
        expect(code).to_have_attribute("aria-invalid", "true")
    assert ada.page.evaluate("window.sockets.length") == 0, "what cannot be a code is not sent"

    code.fill("zzzzzz")
    ada.ask_to_join("Ada")
    _expect_problem(ada, "There is no room with this code")
    expect(code).to_be_focused()
    expect(code).to_have_attribute("aria-invalid", "true")


def test_a_browser_that_cannot_call_says_so(visits: Visits) -> None:
    page = visits.page()
    page.add_init_script("delete window.RTCPeerConnection")
    ada = Classroom(page, visits.server).open("a7x9k2")
    ada.ask_to_join("Ada")
    _expect_problem(ada, "This browser cannot make calls")


def test_a_closed_room_is_said_to_be_over(visits: Visits, teacher: Teacher) -> None:
    code = teacher.create_room()
    teacher.close_room(code)
    ada = visits.classroom(code)
    ada.ask_to_join("Ada")
    ada.expect_end("This class has ended")
    ada.button("Back to start").click()
    expect(ada.page.locator("#lobby")).to_be_visible()
    expect(ada.page.locator("#lobby-problem")).to_be_hidden()


def test_a_refusal_that_may_pass_leaves_the_visitor_in_the_lobby(visits: Visits) -> None:
    """A service that cannot be reached, one in trouble, and one that wants to be left alone for a moment."""
    page = visits.page()
    service = RefusingService()
    page.route_web_socket(re.compile("/ws$"), service.accept)
    ada = Classroom(page, visits.server).open("a7x9k2")
    join = page.locator("#join")

    ada.ask_to_join("Ada")
    _expect_problem(ada, "The service cannot be reached")
    expect(join).to_be_focused()

    service.refusal = {"code": "server_error", "message": "not now"}
    join.click()
    _expect_problem(ada, "The service has a problem")
    expect(join).to_be_focused()

    service.refusal = {"code": "rate_limited", "message": "slow down", "retry_after": 1.2}
    join.click()
    _expect_problem(ada, "Too many attempts")
    expect(join).to_have_text(re.compile(r"^Try again in \d s$"))
    expect(join).to_have_attribute("aria-disabled", "true")
    expect(join).to_be_focused()
    expect(join).to_have_text("Join")
    expect(join).to_have_attribute("aria-disabled", "false")


def test_the_link_is_copied(visits: Visits, teacher: Teacher) -> None:
    code = teacher.create_room()
    permissions = ["clipboard-read", "clipboard-write", "camera", "microphone"]
    ada = visits.classroom(code, permissions=permissions).join("Ada")
    ada.page.locator("#copy-link").click()
    ada.announced("Link copied")
    expect(ada.page.locator("#copy-link")).to_have_text("Link copied")
    link = ada.page.evaluate("navigator.clipboard.readText()")
    assert link == f"{visits.server.base_url}/classroom?room={code}"
    assert ada.page.url == link


def test_where_a_page_may_not_copy_it_shows_the_link(visits: Visits, teacher: Teacher) -> None:
    code = teacher.create_room()
    ada = visits.classroom(code, host="school.test").join("Ada")
    ada.page.locator("#copy-link").click()
    shown = ada.page.get_by_role("dialog", name="Link to this room").get_by_role("textbox")
    expect(shown).to_have_value(f"http://school.test:{visits.server.port}/classroom?room={code}")
    expect(shown).to_be_focused()
    ada.page.keyboard.press("Escape")
    expect(shown).to_be_hidden()


def _expect_problem(classroom: Classroom, words: str) -> None:
    expect(classroom.page.get_by_role("alert").filter(has_text=words)).to_be_visible()


class RefusingService:
    """Stands in for a service in a state that the real one is not easily brought to."""

    def __init__(self) -> None:
        self.refusal: dict[str, Any] | None = None
        """The answer to `join`; None: no connection at all."""

    def accept(self, socket: WebSocketRoute) -> None:
        if self.refusal is None:
            socket.close(code=1011)
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
        answer = {"type": "error", "payload": self.refusal, "request_id": request["request_id"]}
        socket.send(json.dumps(answer))
