"""The promise of the integration guide: a page written from its HTML example works."""

from __future__ import annotations

from urllib.parse import urlencode

import pytest
from playwright.sync_api import Page, expect

from browser.visits import Teacher, Visits, eventually, expect_video

pytestmark = pytest.mark.browser


def _open_guide_page(visits: Visits, platform_url: str, code: str, name: str) -> Page:
    page = visits.page()
    page.goto(
        f"{platform_url}/guide.html?{urlencode({'ws': visits.server.ws_url, 'room': code, 'name': name})}"
    )
    eventually(page, lambda: "room_joined" in _received(page), f"{name} in the room")
    return page


def _received(page: Page) -> list[str]:
    types: list[str] = page.evaluate("received.map(({ type }) => type)")
    return types


def test_two_pages_of_the_guide_call_each_other(visits: Visits, teacher: Teacher, platform_url: str) -> None:
    code = teacher.create_room()
    first = _open_guide_page(visits, platform_url, code, "John Doe")
    second = _open_guide_page(visits, platform_url, code, "Jane Doe")
    expect_video([first, second], connections=1)

    sent: list[str] = first.evaluate("sent")
    assert sent[:2] == ["join", "offer"]
    assert set(sent[2:]) <= {"ice_candidate"}
    assert second.evaluate("sent.filter((type) => type !== 'ice_candidate')") == ["join", "answer"]
    assert [type for type in _received(first) if type != "ice_candidate"] == [
        "connected",
        "room_joined",
        "participant_joined",
        "answer",
    ]
    assert [type for type in _received(second) if type != "ice_candidate"] == [
        "connected",
        "room_joined",
        "offer",
    ]
    newcomer = first.evaluate("received.find(({ type }) => type === 'participant_joined').payload")
    assert newcomer["display_name"] == "Jane Doe"
    assert newcomer["user_id"] == "student_123"

    second.close()
    eventually(first, lambda: "participant_left" in _received(first), "the other page gone")


def test_a_page_of_the_guide_joins_a_class(visits: Visits, teacher: Teacher, platform_url: str) -> None:
    """The classroom page offers; its data channel and its null candidates do no harm."""
    code = teacher.create_room()
    ada = visits.classroom(code).join("Ada")
    guide = _open_guide_page(visits, platform_url, code, "John Doe")
    expect_video([ada.page, guide], connections=1)
    ada.expect_connected("John Doe")
    expect(ada.tile("John Doe")).to_have_attribute("data-camera", "on")
    ada.button("Mute mic").click()
    ada.button("Turn off camera").click()
    ada.announced("Camera off")
    ada.button("Turn off camera").click()
    ada.announced("Camera on")
    expect_video([ada.page, guide], connections=1)
    assert guide.evaluate("sent.filter((type) => type !== 'ice_candidate')") == ["join", "answer"]


def test_a_class_is_joined_where_a_page_of_the_guide_waits(
    visits: Visits, teacher: Teacher, platform_url: str
) -> None:
    """The guide's page offers; the classroom page answers and never offers back."""
    code = teacher.create_room()
    guide = _open_guide_page(visits, platform_url, code, "John Doe")
    ada = visits.classroom(code).join("Ada")
    expect_video([ada.page, guide], connections=1)
    ada.expect_connected("John Doe")
    assert "offer" not in _received(guide)
    assert guide.evaluate("document.querySelectorAll('#remote-videos video').length") == 1
