"""Cameras and microphones that are refused, missing or busy: said in words, and never in the way."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, expect

from browser.visits import FAKE_DEVICES, PERMITTED, Classroom, Teacher, Visits, expect_video
from support.server import ServerProcess

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def refusing_browser(launch: Callable[..., Browser]) -> Browser:
    """Its user answers the question whether to allow the devices with no."""
    return launch(FAKE_DEVICES, "--deny-permission-prompts")


@pytest.fixture
def refused(refusing_browser: Browser, server: ServerProcess) -> Iterator[Visits]:
    visits = Visits(refusing_browser, server)
    yield visits
    visits.end()


@pytest.fixture
def bare(launch: Callable[..., Browser], server: ServerProcess) -> Iterator[Visits]:
    """A machine without any device."""
    visits = Visits(launch(PERMITTED), server)
    yield visits
    visits.end()


def test_who_refuses_the_camera_is_told_and_can_watch_and_listen(
    refused: Visits, visits: Visits, teacher: Teacher
) -> None:
    code = teacher.create_room()
    ada = refused.classroom(code)
    expect(ada.page.locator("#device-problem-words")).to_contain_text(
        "was not allowed to use your camera or microphone"
    )
    expect(ada.button("Try again")).to_be_visible()
    expect(ada.button("Turn off camera")).to_have_attribute("aria-pressed", "true")
    ada.join("Ada")
    ben = visits.classroom(code).join("Ben")
    ben.expect_connected("Ada")
    expect_video([ada.page], connections=1)
    expect(ada.tile("Ben")).to_have_attribute("data-camera", "on")
    expect(ben.tile("Ada")).to_have_attribute("data-camera", "off")
    expect(ben.tile("Ada")).to_have_attribute("data-microphone", "off")

    ada.button("Turn off camera").click()
    expect(
        ada.page.get_by_role("alert").filter(has_text="was not allowed to use your camera.")
    ).to_be_visible()


def test_who_was_there_first_without_devices_receives_too(
    refused: Visits, visits: Visits, teacher: Teacher
) -> None:
    """An offer has both media sections even if there is nothing to send on them."""
    code = teacher.create_room()
    ben = visits.classroom(code).join("Ben")
    ada = refused.classroom(code).join("Ada")
    ada.expect_connected("Ben")
    ben.expect_connected("Ada")
    expect_video([ada.page], connections=1)


def test_a_machine_without_devices_joins(bare: Visits, teacher: Teacher) -> None:
    ada = bare.classroom(teacher.create_room())
    expect(ada.page.locator("#device-problem-words")).to_contain_text("No camera or microphone was found")
    ada.join("Ada")


BUSY_CAMERA = """
  const getUserMedia = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
  window.busy = true;
  navigator.mediaDevices.getUserMedia = async (constraints) => {
    if (constraints.video && window.busy) throw new DOMException("in use", "NotReadableError");
    return getUserMedia(constraints);
  };
"""


def test_a_busy_camera_does_not_cost_the_microphone(visits: Visits, teacher: Teacher) -> None:
    """And it can be switched on during the call, without negotiating again."""
    code = teacher.create_room()
    page = visits.page()
    page.add_init_script(BUSY_CAMERA)
    ada = Classroom(page, visits.server).open(code)
    expect(page.locator("#device-problem-words")).to_contain_text(
        "Your camera did not start. Another program"
    )
    expect(ada.button("Mute mic")).to_have_attribute("aria-pressed", "false")
    ada.join("Ada")
    ben = visits.classroom(code).join("Ben")
    expect(ben.tile("Ada")).to_have_attribute("data-microphone", "on")
    expect(ben.tile("Ada")).to_have_attribute("data-camera", "off")

    page.evaluate("window.busy = false")
    ada.button("Turn off camera").click()
    expect(ben.tile("Ada")).to_have_attribute("data-camera", "on")
    expect_video([ben.page], connections=1)


def test_a_page_without_https_says_that_it_needs_it(visits: Visits, teacher: Teacher) -> None:
    ada = visits.classroom(teacher.create_room(), host="school.test")
    expect(ada.page.locator("#device-problem-words")).to_contain_text("only to pages opened with https")
    expect(ada.button("Try again")).to_be_hidden()
    ada.join("Ada")


def test_another_camera_can_be_chosen_in_the_lobby_and_in_the_call(visits: Visits, teacher: Teacher) -> None:
    ada = visits.classroom(teacher.create_room())
    lobby = ada.page.locator("#lobby").get_by_label("Camera", exact=True)
    lobby.select_option(index=1)
    chosen = lobby.input_value()
    ada.join("Ada")
    video = "document.querySelector('.self video').srcObject.getVideoTracks()[0]?.getSettings().deviceId"
    ada.page.wait_for_function(f"() => {video} === '{chosen}'")

    ada.button("Settings").click()
    settings = ada.page.locator("#settings").get_by_label("Camera", exact=True)
    expect(settings).to_have_value(chosen)
    settings.select_option(index=0)
    ada.page.wait_for_function(f"() => {video} === '{settings.input_value()}'")
