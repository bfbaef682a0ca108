"""Sessions with the real service, over a line that is cut: what was missed comes, or all is made anew."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Page

from browser.visits import Teacher, eventually
from support.cable import Cable
from support.server import ServerProcess

pytestmark = pytest.mark.browser

BEGIN = """
  async ([adasUrl, bensUrl, code]) => {
    const begin = (url, name) => new RoomSession(
      url, { room_code: code, display_name: name }, { reconnect: { first: 50, longest: 100, tries: 200 } },
    );
    window.ada = begin(adasUrl, "Ada");
    window.ben = begin(bensUrl, "Ben");
    window.heard = [];
    window.bens = [];
    ada.addEventListener("ice_candidate", ({ candidate }) => heard.push(candidate.candidate));
    for (const type of ["reconnecting", "reconnected", "ended"]) {
      ada.addEventListener(type, ({ recovered, rejoined }) => heard.push([type, recovered, rejoined]));
    }
    for (const type of ["reconnecting", "reconnected", "joined", "left"]) {
      ben.addEventListener(`participant_${type}`, () => bens.push(type));
    }
    await ada.join();
    await ben.join();
    window.before = ada.socketId;
  }
"""


@pytest.fixture(scope="module")
def server() -> Iterator[ServerProcess]:
    with ServerProcess() as server:
        yield server


def test_a_line_that_is_cut(page: Page, server: ServerProcess) -> None:
    code = Teacher(server).create_room()
    with Cable(server.port) as cable:
        page.evaluate(BEGIN, [f"ws://127.0.0.1:{cable.port}/ws", server.ws_url, code])
        cable.cut()
        eventually(page, lambda: page.evaluate("heard.length"), "the loss")
        eventually(page, lambda: page.evaluate("bens.length"), "Ben is told")
        page.evaluate(
            """() => {
                 for (let i = 0; i < 300; i += 1) {
                   ben.iceCandidate(before, { candidate: String(i), sdpMid: "0" });
                 }
                 ada.iceCandidate(ben.socketId, { candidate: "meanwhile", sdpMid: "0" });
                 window.reached = [];
                 ben.addEventListener("ice_candidate", ({ candidate }) => reached.push(candidate.candidate));
               }"""
        )
        cable.mend()
        eventually(page, lambda: page.evaluate("heard.flat().includes('reconnected')"), "back")
        heard: list[Any] = page.evaluate("heard")
        # The seat is kept: nothing is lost, nothing twice, and all before the news of it.
        assert heard == [["reconnecting", None, None], *map(str, range(300)), ["reconnected", True, False]]
        eventually(page, lambda: page.evaluate("bens.length > 1"), "Ben is told of the return")
        assert page.evaluate("bens") == ["reconnecting", "reconnected"]
        eventually(page, lambda: page.evaluate("reached.length"), "what Ada sent meanwhile")
        assert page.evaluate("reached") == ["meanwhile"]
        assert page.evaluate("ada.socketId === before")
        # And it is as good as any seat.
        page.evaluate("ben.iceCandidate(ada.socketId, { candidate: 'again', sdpMid: '0' })")
        eventually(page, lambda: page.evaluate("heard.at(-1) === 'again'"), "heard again")
        page.evaluate("ada.leave()")
        eventually(page, lambda: page.evaluate("bens.at(-1) === 'left'"), "left")


def test_a_service_that_keeps_no_seats(page: Page) -> None:
    """Whoever comes back is somebody else, to themselves and to the others."""
    with ServerProcess(RECONNECT_GRACE_SECONDS="0") as server, Cable(server.port) as cable:
        code = Teacher(server).create_room()
        page.evaluate(BEGIN, [f"ws://127.0.0.1:{cable.port}/ws", server.ws_url, code])
        cable.cut()
        eventually(page, lambda: page.evaluate("heard.length"), "the loss")
        cable.mend()
        eventually(page, lambda: page.evaluate("heard.length > 1"), "back")
        assert page.evaluate("heard") == [["reconnecting", None, None], ["reconnected", False, True]]
        eventually(page, lambda: page.evaluate("bens.length > 1"), "Ben is told")
        assert page.evaluate("bens") == ["left", "joined"]
        assert page.evaluate("ada.socketId !== before && ben.participants.has(ada.socketId)")
