"""A class in the classroom page: everyone sees everyone, whoever comes, goes, mutes or loses the line."""

from __future__ import annotations

import json

import pytest
from playwright.sync_api import Browser, expect

from browser.visits import Classroom, Teacher, Visits, expect_video
from support.server import ServerProcess

pytestmark = pytest.mark.browser

MARKUP = '<img src="https://elsewhere.test/" onerror="alert(1)">'
"""A name that must stay a name: were it put into the page as markup, it would ask another host."""


def test_three_people_see_each_other_and_a_fourth_finds_the_room_full(
    visits: Visits, teacher: Teacher
) -> None:
    """Pictures flow in all six directions; when one leaves, the others go on."""
    code = teacher.create_room(max_participants=3)
    ada, ben, cleo = (visits.classroom(code).join(name) for name in ("Ada", "Ben", "Cleo"))
    ada.expect_others("Ben", "Cleo")
    ben.expect_others("Ada", "Cleo")
    cleo.expect_others("Ada", "Ben")
    ada.expect_connected("Ben", "Cleo")
    expect_video([ada.page, ben.page, cleo.page], connections=2)
    for name in ("Ben", "Cleo"):
        expect(ada.tile(name)).to_have_attribute("data-camera", "on")
        expect(ada.tile(name)).to_have_attribute("data-microphone", "on")

    dora = visits.classroom(code)
    dora.ask_to_join(MARKUP)
    dora.expect_end("The room is full")
    expect(dora.page.locator("#end-words")).to_contain_text("Try again when somebody has left")

    ben.button("Leave").click()
    ben.expect_end("You left the class")
    ada.announced("Ben left")
    ada.expect_others("Cleo")
    cleo.expect_others("Ada")
    expect_video([ada.page, cleo.page], connections=1)

    dora.button("Try again").click()
    expect(dora.page.locator("#call")).to_be_visible()
    ada.expect_others("Cleo", MARKUP)
    ada.announced(f"{MARKUP} joined")
    expect_video([ada.page, cleo.page, dora.page], connections=2)


def test_everyone_is_told_when_the_teacher_closes_the_room(visits: Visits, teacher: Teacher) -> None:
    code = teacher.create_room()
    both = [visits.classroom(code).join(name) for name in ("Ada", "Ben")]
    both[0].expect_connected("Ben")
    teacher.close_room(code)
    for classroom in both:
        classroom.expect_end("This class has ended")
        expect(classroom.page.locator("#rejoin")).to_be_hidden()
        assert _own_tracks(classroom) == []

    both[0].button("Back to start").click()
    both[0].button("Join").click()
    both[0].expect_end("This class has ended")


def test_muting_reaches_the_track_the_button_the_screen_reader_and_the_others(
    visits: Visits, teacher: Teacher
) -> None:
    code = teacher.create_room()
    ada, ben = (visits.classroom(code).join(name) for name in ("Ada", "Ben"))
    ben.expect_connected("Ada")
    mute = ada.button("Mute mic")
    expect(mute).to_have_attribute("aria-pressed", "false")
    assert ("audio", True) in _own_tracks(ada)

    mute.click()
    expect(mute).to_have_attribute("aria-pressed", "true")
    ada.announced("Microphone muted")
    assert ("audio", False) in _own_tracks(ada)
    expect(ben.tile("Ada")).to_have_attribute("data-microphone", "off")

    ada.page.keyboard.press("m")
    expect(mute).to_have_attribute("aria-pressed", "false")
    ada.announced("Microphone on")
    assert ("audio", True) in _own_tracks(ada)
    expect(ben.tile("Ada")).to_have_attribute("data-microphone", "on")


def test_a_camera_that_is_off_is_released_and_comes_back(visits: Visits, teacher: Teacher) -> None:
    code = teacher.create_room()
    ada, ben = (visits.classroom(code).join(name) for name in ("Ada", "Ben"))
    expect_video([ben.page], connections=1)

    ada.page.keyboard.press("v")
    ada.announced("Camera off")
    expect(ada.button("Turn off camera")).to_have_attribute("aria-pressed", "true")
    expect(ben.tile("Ada")).to_have_attribute("data-camera", "off")
    expect(ben.tile("Ada").locator(".avatar")).to_be_visible()
    ada.page.wait_for_function(
        "() => document.querySelector('.self video').srcObject.getVideoTracks().length === 0"
    )

    ada.button("Turn off camera").click()
    ada.announced("Camera on")
    expect(ben.tile("Ada")).to_have_attribute("data-camera", "on")
    expect_video([ben.page], connections=1)


def test_a_lost_line_is_come_back_from_and_pictures_flow(visits: Visits, teacher: Teacher) -> None:
    code = teacher.create_room()
    ada, ben = (visits.classroom(code).join(name) for name in ("Ada", "Ben"))
    expect_video([ada.page, ben.page], connections=1)
    before = _own_id(ada)
    _lose_line(ada)
    ada.expect_others("Ben")
    ben.expect_others("Ada")
    expect_video([ada.page, ben.page], connections=1)
    # A place that was kept keeps its connections; one that was taken anew gets new ones.
    assert (_own_id(ada) == before) is (ada.page.evaluate("window.connections.length") == 1)


def test_a_place_that_is_not_kept_is_taken_anew(browser: Browser) -> None:
    with ServerProcess(RECONNECT_GRACE_SECONDS="0") as server:
        visits = Visits(browser, server)
        code = Teacher(server).create_room()
        ada, ben = (visits.classroom(code).join(name) for name in ("Ada", "Ben"))
        expect_video([ada.page, ben.page], connections=1)
        before = _own_id(ada)
        _lose_line(ada)
        assert _own_id(ada) != before
        ada.expect_others("Ben")
        ben.expect_others("Ada")
        expect_video([ada.page, ben.page], connections=1)
        visits.end()


def _own_id(classroom: Classroom) -> str | None:
    return classroom.page.locator(".tile.self").get_attribute("data-socket-id")


def _lose_line(classroom: Classroom) -> None:
    """Lose it, and be back. A close of the "reconnect" range is what a page may do that is nearest to it."""
    classroom.page.evaluate("window.sockets.at(-1).close(4000)")
    expect(classroom.page.locator("#banner")).to_contain_text("Reconnecting")
    classroom.announced("You are back in the room")
    expect(classroom.page.locator("#banner")).to_be_hidden()


def test_ice_servers_come_from_the_settings_and_a_wrong_one_does_not_cost_the_call(browser: Browser) -> None:
    # A closed port of this machine: nobody is asked.
    turn = {"urls": ["turn:127.0.0.1:9"], "username": "class", "credential": "secret"}
    wrong = {"urls": ["turn:127.0.0.1:9"]}  # a TURN server without a credential, which browsers refuse
    with ServerProcess(ICE_SERVERS=json.dumps([turn, wrong])) as server:
        visits = Visits(browser, server)
        code = Teacher(server).create_room()
        ada, _ben = (visits.classroom(code).join(name) for name in ("Ada", "Ben"))
        ada.expect_connected("Ben")
        used = ada.page.evaluate("() => window.connections.at(-1).getConfiguration().iceServers")
        assert [(entry["urls"], entry["username"]) for entry in used] == [(turn["urls"], "class")]
        visits.forgive("An ICE server of this service cannot be used")
        visits.end()


def test_the_panel_and_the_shortcuts_behave_under_the_keyboard(visits: Visits, teacher: Teacher) -> None:
    """The panel takes the focus and gives it back; single keys do nothing in a dialog or when off."""
    ada = visits.classroom(teacher.create_room()).join("Ada")
    toggle = ada.page.locator("#people-toggle")
    toggle.click()
    expect(toggle).to_have_attribute("aria-expanded", "true")
    expect(ada.page.get_by_role("heading", name="Participants (1)")).to_be_focused()
    ada.page.keyboard.press("Escape")
    expect(toggle).to_have_attribute("aria-expanded", "false")
    expect(toggle).to_be_focused()

    mute = ada.button("Mute mic")
    shortcuts = ada.page.get_by_label("Keyboard shortcuts")
    ada.button("Settings").click()
    ada.page.keyboard.press("m")
    shortcuts.uncheck()
    ada.button("Done").click()
    ada.page.keyboard.press("m")
    expect(mute).to_have_attribute("aria-pressed", "false")
    ada.button("Settings").click()
    shortcuts.check()
    ada.button("Done").click()
    ada.page.keyboard.press("m")
    expect(mute).to_have_attribute("aria-pressed", "true")


def _own_tracks(classroom: Classroom) -> list[tuple[str, bool]]:
    """Kind and ``enabled`` of each track the page sends."""
    tracks = classroom.page.evaluate(
        """() => window.connections.filter(({ signalingState }) => signalingState !== "closed")
             .flatMap((connection) => connection.getSenders())
             .filter(({ track }) => track?.readyState === "live")
             .map(({ track: { kind, enabled } }) => [kind, enabled])"""
    )
    return [(kind, enabled) for kind, enabled in tracks]
