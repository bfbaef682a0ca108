"""Peer connections when things go wrong: a dead path, networks that never meet, offers that cross."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, WebSocketRoute, expect

from browser.network_path import NetworkPath
from browser.visits import Classroom, Teacher, Visits, eventually, expect_video
from support.server import ServerProcess

pytestmark = pytest.mark.browser


def test_a_path_that_dies_is_replaced_by_an_ice_restart(visits: Visits, teacher: Teacher) -> None:
    """The network fails under a running call; pictures flow again by themselves, on new candidates."""
    code = teacher.create_room()
    with NetworkPath() as path:
        ada, ben = (_join_over(path, visits, code, name) for name in ("Ada", "Ben"))
        expect_video([ada.page, ben.page], connections=1)
        before = _ice_user(ada.page)
        path.cut()
        expect(ada.tile("Ben")).to_have_attribute("data-connection-state", "reconnecting")
        expect(ada.tile("Ben")).to_contain_text("Reconnecting")
        ada.expect_connected("Ben")
        ben.expect_connected("Ada")
        assert _ice_user(ada.page) != before
        expect_video([ada.page, ben.page], connections=1)


def _join_over(path: NetworkPath, visits: Visits, code: str, name: str) -> Classroom:
    page = visits.page()

    def connect(socket: WebSocketRoute) -> None:
        server = socket.connect_to_server()

        def pass_on(frame: str | bytes) -> None:
            message = json.loads(frame)
            candidate = message["payload"].get("candidate") if message["type"] == "ice_candidate" else None
            if candidate is not None:
                rewritten = path.rewrite(candidate["candidate"])
                if rewritten is None:
                    return
                candidate["candidate"] = rewritten
            server.send(json.dumps(message))

        socket.on_message(pass_on)

    page.route_web_socket(re.compile("/ws$"), connect)
    return Classroom(page, visits.server).open(code).join(name)


def _ice_user(page: Page) -> str:
    """The ICE user name fragment of the page's last connection: another one means that ICE was restarted."""
    sdp: str = page.evaluate("window.connections.at(-1).localDescription.sdp")
    found = re.search(r"^a=ice-ufrag:(\S+)", sdp, re.MULTILINE)
    assert found is not None
    return found[1]


PRETEND_TO_FAIL = """
  () => {
    const connection = window.connections.at(-1);
    Object.defineProperty(connection, "connectionState", { value: "failed", configurable: true });
    connection.dispatchEvent(new Event("connectionstatechange"));
  }
"""
TELL_THE_TRUTH = """
  () => {
    const connection = window.connections.at(-1);
    delete connection.connectionState;
    connection.dispatchEvent(new Event("connectionstatechange"));
  }
"""


def test_networks_that_never_meet_are_named_and_can_be_tried_again(visits: Visits, teacher: Teacher) -> None:
    code = teacher.create_room()
    ada, ben = (visits.classroom(code).join(name) for name in ("Ada", "Ben"))
    ada.expect_connected("Ben")
    ben.expect_connected("Ada")
    for _ in range(4):
        ada.page.evaluate(PRETEND_TO_FAIL)
    expect(ada.tile("Ben")).to_have_attribute("data-connection-state", "failed")
    expect(ada.tile("Ben")).to_contain_text("No connection")
    notice = ada.page.get_by_role("alert").filter(
        has_text="No connection to Ben. Your school's network may block video"
    )
    expect(notice).to_be_visible()
    expect(notice).to_contain_text("TURN server")

    before = _ice_user(ada.page)
    ada.button("Try again to connect to Ben").click()
    expect(ada.tile("Ben")).to_have_attribute("data-connection-state", "reconnecting")
    eventually(ada.page, lambda: _ice_user(ada.page) != before, "a new attempt")
    ada.page.evaluate(TELL_THE_TRUTH)
    ada.expect_connected("Ben")
    expect(notice).to_be_hidden()
    expect_video([ada.page, ben.page], connections=1)


PAIR = """
  async () => {
    const { Peer } = await import("/classroom/assets/peer.js");
    const stream = await navigator.mediaDevices.getUserMedia({ audio: true, video: true });
    const media = { stream, track: (kind) => stream.getTracks().find((track) => track.kind === kind) };
    const nothing = { stream: new MediaStream(), track: () => null };

    // What one side sends reaches the other in order and after a while, as over a network.
    window.makePair = ({ silent = false } = {}) => {
      const pair = { said: { impolite: [], polite: [] } };
      const make = (self, other, polite) => {
        let line = Promise.resolve();
        const deliver = (method, what, said) => {
          pair.said[self].push(said);
          const copy = structuredClone(what);
          const slow = new Promise((resolve) => setTimeout(resolve, 30));
          line = line.then(() => slow).then(() => pair[other][method](copy));
        };
        const channel = {
          description: (description) => deliver("receiveDescription", description, description.type),
          candidate: (candidate) => deliver("receiveCandidate", candidate, "candidate"),
        };
        pair[self] = new Peer({ polite, channel }, silent ? nothing : media);
      };
      make("impolite", "polite", false);
      make("polite", "impolite", true);
      window.pair = pair;
    };
  }
"""


@pytest.fixture(scope="module")
def lab_page(browser: Browser, server: ServerProcess) -> Iterator[Page]:
    visits = Visits(browser, server)
    page = visits.classroom().page
    page.evaluate(PAIR)
    yield page
    visits.end()


@pytest.fixture
def lab(lab_page: Page) -> Iterator[Page]:
    """A page that can make two peers of `peer.js` with a network between them."""
    yield lab_page
    lab_page.evaluate("pair.impolite.close(); pair.polite.close()")


def _expect_calm(page: Page) -> None:
    """Both sides are connected, and done negotiating."""
    eventually(
        page,
        lambda: page.evaluate(
            """["impolite", "polite"].every((side) => window.pair[side].state === "connected"
                 && window.pair[side].connection.signalingState === "stable")"""
        ),
        "both sides connected and stable",
    )


def _descriptions(page: Page, side: str) -> list[str]:
    said: list[str] = page.evaluate(
        "(side) => window.pair.said[side].filter((said) => said !== 'candidate')", side
    )
    return said


def test_one_offer_and_one_answer_are_enough(lab: Page) -> None:
    lab.evaluate("makePair(); pair.impolite.call()")
    _expect_calm(lab)
    expect_video([lab], connections=2)
    assert _descriptions(lab, "impolite") == ["offer"]
    assert _descriptions(lab, "polite") == ["answer"]
    assert lab.evaluate("pair.impolite.connection.getTransceivers().length") == 2
    assert lab.evaluate("pair.polite.connection.getTransceivers().length") == 2


def test_peers_without_any_track_connect_and_can_send_later(lab: Page) -> None:
    """Both media sections are there from the start, so a late camera needs no negotiation."""
    lab.evaluate("makePair({ silent: true }); pair.impolite.call()")
    _expect_calm(lab)
    lab.evaluate(
        """async () => {
             const { stream } = window.pair.polite.media;
             const camera = await navigator.mediaDevices.getUserMedia({ video: true });
             const track = (kind) => (kind === "video" ? camera.getTracks()[0] : null);
             window.pair.polite.media = { stream, track };
             await window.pair.polite.refresh("video");
           }"""
    )
    eventually(lab, lambda: lab.evaluate("pair.impolite.receives('video')"), "pictures of the late camera")
    assert _descriptions(lab, "polite") == ["answer"]


@pytest.mark.parametrize("silent", [False, True], ids=["with tracks", "without tracks"])
def test_offers_that_cross_end_in_one_connection_and_the_polite_side_yields(lab: Page, silent: bool) -> None:
    lab.evaluate("(silent) => { makePair({ silent }); pair.impolite.call(); pair.polite.call(); }", silent)
    _expect_calm(lab)
    assert _descriptions(lab, "impolite")[0] == "offer"
    assert _descriptions(lab, "polite")[:2] == ["offer", "answer"], (
        "the polite side takes its offer back and answers"
    )
    if not silent:
        expect_video([lab], connections=2)
        assert "answer" not in _descriptions(lab, "impolite"), "the impolite side ignores the other offer"


def test_ice_restarts_that_cross_end_in_one_connection(lab: Page) -> None:
    lab.evaluate("makePair(); pair.impolite.call()")
    _expect_calm(lab)
    lab.evaluate("pair.impolite.connection.restartIce(); pair.polite.connection.restartIce()")
    eventually(lab, lambda: _descriptions(lab, "polite").count("answer") == 2, "the restart answered")
    _expect_calm(lab)
    assert _descriptions(lab, "impolite")[:2] == ["offer", "offer"]
    expect_video([lab], connections=2)


def test_candidates_that_come_before_the_offer_are_kept(lab: Page) -> None:
    """The offer comes last and the other side names no candidates: only the early ones can connect."""
    lab.evaluate(
        """() => {
             makePair();
             const { channel } = pair.impolite;
             const { description, candidate } = channel;
             let offer;
             channel.description = (made) => { offer = made; };
             channel.candidate = (found) => {
               candidate(found);
               if (found === null) description(offer);
             };
             pair.polite.channel.candidate = () => {};
             pair.impolite.call();
           }"""
    )
    _expect_calm(lab)
    assert lab.evaluate("pair.said.impolite.at(-1)") == "offer"
    assert lab.evaluate("pair.said.impolite.length") > 2
    expect_video([lab], connections=2)


def test_nonsense_from_a_peer_costs_nothing_else(lab: Page) -> None:
    """What cannot be used leaves the page without an error, and the peer usable."""
    outcome = lab.evaluate(
        """async () => {
             makePair();
             const { polite } = pair;
             const nonsense = { type: "offer", sdp: "v=0 and then nothing of the kind" };
             const refused = await polite.receiveDescription(nonsense).then(() => false, () => true);
             await polite.receiveCandidate({ candidate: "candidate:nonsense", sdpMid: "0" });
             await polite.receiveCandidate(null);
             pair.impolite.call();
             return refused;
           }"""
    )
    assert outcome is True
    _expect_calm(lab)


def test_status_texts_are_bounded_and_only_known_words_are_read(lab: Page) -> None:
    read: list[dict[str, Any]] = lab.evaluate(
        """async () => {
             const { readStatus } = await import("/classroom/assets/call.js");
             const known = '{"microphone":false,"camera":true,"name":"x"}';
             return [known, '{"camera":"<b>"}', "[1]", "null", "no"].map(readStatus);
           }"""
    )
    assert read == [{"microphone": False, "camera": True}, {}, {}, {}, {}]
    lab.evaluate(
        """() => {
             makePair();
             pair.texts = [];
             pair.polite.addEventListener("text", ({ data }) => pair.texts.push(data.length));
             pair.impolite.addEventListener("open", () => {
               pair.impolite.sendText("x".repeat(3000));
               pair.impolite.sendText("fine");
             });
             pair.impolite.call();
           }"""
    )
    eventually(lab, lambda: lab.evaluate("pair.texts.length"), "a text")
    assert lab.evaluate("pair.texts") == [4]
