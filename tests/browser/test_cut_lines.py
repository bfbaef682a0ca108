"""A call goes on over what befalls the line to the service: a cut, or a service that is killed."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, expect

from browser.visits import Classroom, Teacher, Visits, expect_video
from support.cable import Cable
from support.server import ServerProcess

pytestmark = pytest.mark.browser

WATCH_RESTARTS = """() => {
  for (const connection of window.connections) {
    const restart = connection.restartIce;
    connection.restarts = 0;
    connection.restartIce = function () { connection.restarts += 1; restart.call(this); };
  }
}"""


@pytest.fixture
def service() -> Iterator[ServerProcess]:
    """One of the test's own, which comes up again at the same port."""
    with ServerProcess(RECONNECT_GRACE_SECONDS="60") as service:
        service.env["PORT"] = str(service.port)
        yield service


def test_pictures_flow_while_the_line_is_cut_and_after(browser: Browser, service: ServerProcess) -> None:
    """The line of one is cut in a running call: media goes on, and nothing is made anew after."""
    visits = Visits(browser, service)
    visits.forgive("WebSocket connection to")
    code = Teacher(service).create_room()
    with Cable(service.port) as cable:
        ada = Classroom(visits.page(), service).open(code, port=cable.port).join("Ada")
        ben = visits.classroom(code).join("Ben")
        expect_video([ada.page, ben.page], connections=1)
        place = _places(ada)
        for classroom in (ada, ben):
            classroom.page.evaluate(WATCH_RESTARTS)

        cable.cut()
        expect(ada.page.locator("#banner")).to_contain_text("Reconnecting")
        expect(ben.tile("Ada")).to_have_attribute("data-connection-state", "reconnecting")
        expect_video([ada.page, ben.page], connections=1)

        cable.mend()
        ada.announced("You are back in the room")
        expect(ada.page.locator("#banner")).to_be_hidden()
        ben.expect_connected("Ada")
        assert _places(ada) == place
        expect_video([ada.page, ben.page], connections=1)
        for classroom in (ada, ben):
            assert _restarts(classroom) == [0], "nothing was missed: there was nothing to restart"
        ben.button("Leave").click()
        ada.announced("Ben left")
        visits.end()


def test_pictures_flow_while_the_service_is_gone_and_after(browser: Browser, service: ServerProcess) -> None:
    """The service is killed in a running call and started again: all come back to their places."""
    visits = Visits(browser, service)
    visits.forgive("WebSocket connection to")
    visits.forgive("ERR_CONNECTION_REFUSED")
    code = Teacher(service).create_room()
    both = ada, ben = [visits.classroom(code).join(name) for name in ("Ada", "Ben")]
    expect_video([ada.page, ben.page], connections=1)
    places = [_places(classroom) for classroom in both]
    for classroom in both:
        classroom.page.evaluate(WATCH_RESTARTS)

    service.kill9()
    for classroom in both:
        expect(classroom.page.locator("#banner")).to_contain_text("Reconnecting")
    expect_video([ada.page, ben.page], connections=1)

    service.start()
    for classroom in both:
        classroom.announced("You are back in the room")
        expect(classroom.page.locator("#banner")).to_be_hidden()
    assert [_places(classroom) for classroom in both] == places
    expect_video([ada.page, ben.page], connections=1)
    # What was in flight was lost, and they were told so.
    assert max(_restarts(ada) + _restarts(ben)) > 0
    ada.expect_connected("Ben")
    ben.expect_connected("Ada")
    ada.expect_others("Ben")
    ben.expect_others("Ada")
    visits.end()


def _places(classroom: Classroom) -> tuple[str | None, int]:
    """The own seat, and how many peer connections were ever made."""
    seat = classroom.page.locator(".tile.self").get_attribute("data-socket-id")
    return seat, classroom.page.evaluate("window.connections.length")


def _restarts(classroom: Classroom) -> list[int]:
    counts: list[int] = classroom.page.evaluate("window.connections.map(({ restarts }) => restarts)")
    return counts
