"""A `PeerMesh` in a scripted room: whom it calls, and what a lost line does to its connections."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page

from browser.visits import eventually
from typescript.room import BEN, CAT, DAN, told
from typescript.scripted import Json, Line, ScriptedService

pytestmark = pytest.mark.browser

EARLIER = {"polite": True}
"""Of somebody who was there before us, and so calls us."""

BEGIN = """
  (url) => {
    window.told = [];
    window.prepared = [];
    const options = { pingInterval: 0, reconnect: { first: 1 } };
    window.session = new RoomSession(url, { room_code: "a7x9k2" }, options);
    window.mesh = new PeerMesh(session, {
      prepare: ({ connection }, { socket_id: id }) => {
        prepared.push(id);
        connection.createDataChannel("chat", { negotiated: true, id: 0 });
      },
    });
    mesh.addEventListener("peer_added", ({ participant, replaces }) => {
      told.push(["added", participant.socket_id, replaces?.connection.signalingState ?? null]);
    });
    mesh.addEventListener("peer_removed", ({ peer, socketId }) => {
      told.push(["removed", socketId, peer.connection.signalingState]);
    });
    session.addEventListener("reconnected", () => told.push(["reconnected"]));
    session.join();

    // The other end of a connection, whose messages the test carries.
    window.other = new RTCPeerConnection();
    other.createDataChannel("chat", { negotiated: true, id: 0 });
    window.gathered = () => new Promise((resolve) => {
      other.onicegatheringstatechange = () => { if (other.iceGatheringState === "complete") resolve(); };
      other.onicegatheringstatechange();
    });
    window.answer = async (offer, candidates) => {
      await other.setRemoteDescription(offer);
      for (const candidate of candidates) await other.addIceCandidate(candidate);
      await other.setLocalDescription();
      await gathered();
      return { type: "answer", sdp: other.localDescription.sdp };
    };
  }
"""


@pytest.fixture
def begin(page: Page, service: ScriptedService) -> Callable[[], Line]:
    """Begins a session with a mesh in the page; its first line, greeted."""

    def begin() -> Line:
        page.evaluate(f"(url) => {{ ({BEGIN})(url); }}", service.url)
        return service.accept().greet()

    return begin


def ice_user(sdp: str) -> str:
    """Another one means that ICE begins anew (RFC 8839, section 5.4)."""
    found = re.search(r"^a=ice-ufrag:(\S+)", sdp, re.MULTILINE)
    assert found is not None
    return found[1]


class Mail:
    """What the page sends to the others, sorted by receiver."""

    def __init__(self, line: Line) -> None:
        self.line = line
        self.kept: list[Json] = []

    def take(self, to: str, type: str) -> Any:
        """The next message of a type to a participant: its description or candidate."""
        while True:
            for frame in self.kept:
                if frame["type"] == type and frame["payload"]["to"] == to:
                    self.kept.remove(frame)
                    return frame["payload"].get("description", frame["payload"].get("candidate"))
            self.kept.append(self.line.take_any())

    def candidates(self, to: str) -> list[Json]:
        """All until there are no more."""
        found = []
        while (candidate := self.take(to, "ice_candidate")) is not None:
            found.append(candidate)
        return found

    def descriptions(self, page: Page) -> list[tuple[str, str]]:
        """Descriptions that nobody took, up to a ping that is sent now: type and receiver."""
        page.evaluate("() => { session.clockOffset(); }")
        frame = self.line.take_any()
        while frame["type"] != "ping":
            self.kept.append(frame)
            frame = self.line.take_any()
        self.line.say("pong", {"server_time": "2030-01-01T00:00:00Z"}, to=frame)
        kept, self.kept = self.kept, []
        return [(frame["type"], frame["payload"]["to"]) for frame in kept if frame["type"] != "ice_candidate"]


def connect(page: Page, mail: Mail) -> str:
    """Be Ben, and answer until the connection stands; the ICE user name of the offer."""
    offer = mail.take("ben", "offer")
    answer = page.evaluate(
        "([offer, candidates]) => answer(offer, candidates)", [offer, mail.candidates("ben")]
    )
    mail.line.say("answer", {"from": "ben", "description": answer})
    eventually(page, lambda: state(page, "ben") == ("connected", "stable"), "connected to Ben")
    return ice_user(offer["sdp"])


def state(page: Page, id: str) -> tuple[str, str]:
    found = page.evaluate(
        "(id) => { const peer = mesh.peers.get(id); return [peer.state, peer.connection.signalingState]; }",
        id,
    )
    return found[0], found[1]


def test_newcomers_are_called_and_those_before_us_are_waited_for(
    page: Page, begin: Callable[[], Line]
) -> None:
    line = begin().seat("ada", {**CAT, **EARLIER})
    line.say("participant_joined", BEN)
    mail = Mail(line)
    connect(page, mail)
    assert told(page, "added") == [["added", "cat", None], ["added", "ben", None]]
    assert mail.descriptions(page) == []
    assert page.evaluate("prepared") == ["ben"], "what we send to Cat is added when she offers"

    # Cat calls: a connection of another page, as far as we can see.
    offer = page.evaluate(
        """async () => {
             other.close();
             window.other = new RTCPeerConnection();
             other.createDataChannel("chat", { negotiated: true, id: 0 });
             await other.setLocalDescription();
             await gathered();
             return { type: "offer", sdp: other.localDescription.sdp };
           }"""
    )
    line.say("offer", {"from": "cat", "description": offer})
    answer = mail.take("cat", "answer")
    assert page.evaluate("prepared") == ["ben", "cat"]
    page.evaluate(
        """async ([answer, candidates]) => {
             await other.setRemoteDescription(answer);
             for (const candidate of candidates) await other.addIceCandidate(candidate);
           }""",
        [answer, mail.candidates("cat")],
    )
    eventually(page, lambda: state(page, "cat") == ("connected", "stable"), "connected to Cat")
    assert mail.descriptions(page) == []


def test_who_leaves_is_dropped_and_with_the_session_everybody(page: Page, begin: Callable[[], Line]) -> None:
    line = begin().seat("ada", BEN, CAT)
    line.say("participant_left", {"socket_id": "ben", "reason": "left"})
    assert told(page, "removed")[-1] == ["removed", "ben", "closed"]
    assert page.evaluate("[...mesh.peers.keys()]") == ["cat"]
    page.evaluate("window.cat = mesh.peers.get('cat').connection")
    line.say("offer", {"from": "ben", "description": {"type": "offer", "sdp": "v=0"}})  # too late: nobody's
    line.say("room_left", {"room_code": "a7x9k2", "reason": "room_closed"})
    eventually(
        page, lambda: page.evaluate("mesh.peers.size === 0 && cat.signalingState === 'closed'"), "closed"
    )


def test_messages_that_were_lost_make_every_connection_restart(
    page: Page, service: ScriptedService, begin: Callable[[], Line]
) -> None:
    """An offer that waits for its answer is sent again: the answer may be among them."""
    line = begin().seat("ada", BEN, CAT)
    mail = Mail(line)
    first = connect(page, mail)
    unanswered = ice_user(mail.take("cat", "offer")["sdp"])
    page.evaluate("window.before = mesh.peers.get('ben')")
    line.cut()
    line = service.accept().greet()
    line.seat_again(BEN, CAT, DAN, recovered=False)
    mail = Mail(line)
    assert ice_user(mail.take("cat", "offer")["sdp"]) == unanswered
    mail.take("dan", "offer")
    assert connect(page, mail) != first
    assert page.evaluate("mesh.peers.get('ben') === before")
    assert told(page, "reconnected")[-2:] == [["added", "dan", None], ["reconnected"]]


def test_a_seat_that_is_whole_again_leaves_connections_alone(
    page: Page, service: ScriptedService, begin: Callable[[], Line]
) -> None:
    """But an offer without an answer is sent again: it may have gone down with the line."""
    line = begin().seat("ada", BEN, CAT)
    mail = Mail(line)
    connect(page, mail)
    offer = mail.take("cat", "offer")
    mail.candidates("cat")
    line.cut()
    line = service.accept().greet()
    line.seat_again(BEN, CAT, recovered=True)
    mail = Mail(line)
    again = mail.take("cat", "offer")
    assert ice_user(again["sdp"]) == ice_user(offer["sdp"])
    assert again["sdp"].count("a=candidate:") > 0, "with the candidates that were found meanwhile"
    assert mail.descriptions(page) == []
    assert state(page, "ben") == ("connected", "stable")

    # As it is when somebody else is back, who may have lost it.
    line.say("participant_reconnected", {"socket_id": "cat"})  # known to be connected: no news
    line.say("participant_reconnecting", {"socket_id": "cat"})
    line.say("participant_reconnected", {"socket_id": "cat"})
    line.say("participant_reconnecting", {"socket_id": "ben"})
    line.say("participant_reconnected", {"socket_id": "ben"})
    assert ice_user(mail.take("cat", "offer")["sdp"]) == ice_user(offer["sdp"])
    assert mail.descriptions(page) == []


def test_a_new_participant_makes_new_connections(
    page: Page, service: ScriptedService, begin: Callable[[], Line]
) -> None:
    line = begin().seat("ada", BEN, CAT)
    mail = Mail(line)
    connect(page, mail)
    page.evaluate("window.before = mesh.peers.get('ben')")
    line.cut()
    line = service.accept().greet()
    line.seat_gone().seat("ada2", {**BEN, **EARLIER}, DAN)
    assert told(page, "reconnected")[2:] == [
        ["removed", "cat", "closed"],
        ["added", "dan", None],
        ["added", "ben", "closed"],
        ["reconnected"],
    ]
    assert page.evaluate("mesh.peers.get('ben') !== before && mesh.peers.get('ben').polite")
    mail = Mail(line)
    mail.take("dan", "offer")
    assert mail.descriptions(page) == [], "Ben calls us now"


def test_a_fault_of_the_application_is_seen_and_the_answer_sent(
    page: Page, begin: Callable[[], Line]
) -> None:
    """It is not swallowed with what strangers send."""
    line = begin().seat("ada", {**CAT, **EARLIER})
    assert told(page, "added") == [["added", "cat", None]]
    offer = page.evaluate(
        """async () => {
             window.reported = [];
             window.reportError = (error) => reported.push(error.message);
             RTCPeerConnection.prototype.createDataChannel = () => { throw new Error("of the application"); };
             other.addTransceiver("audio");
             await other.setLocalDescription();
             return { type: "offer", sdp: other.localDescription.sdp };
           }"""
    )
    line.say("offer", {"from": "cat", "description": {"type": "offer", "sdp": "nonsense"}})
    line.say("offer", {"from": "cat", "description": offer})
    assert Mail(line).take("cat", "answer")["type"] == "answer"
    assert page.evaluate("reported") == ["of the application"]


def test_who_has_nothing_to_send_asks_for_sound_and_picture(page: Page, begin: Callable[[], Line]) -> None:
    """The other side waits for an offer of ours, with whatever it has to send."""
    line = begin().seat("ada")
    page.evaluate("RTCPeerConnection.prototype.createDataChannel = () => {}")
    line.say("participant_joined", BEN)
    offer = Mail(line).take("ben", "offer")["sdp"]
    assert re.findall(r"^m=(\w+)", offer, re.MULTILINE) == ["audio", "video"]
    assert offer.count("a=recvonly") == 2


def test_who_has_nothing_to_send_sees_who_has(page: Page) -> None:
    """Both sides of one connection; the side that calls has no camera."""
    kinds = page.evaluate(
        """async () => {
             const picture = document.createElement("canvas").captureStream();
             const sides = {};
             const channelTo = (to) => ({
               description: (description) => sides[to].receiveDescription(description),
               candidate: (candidate) => sides[to].receiveCandidate(candidate),
             });
             const prepare = ({ connection }) => connection.addTrack(picture.getTracks()[0], picture);
             sides.viewer = new PeerConnection({ polite: false, channel: channelTo("speaker") });
             sides.speaker = new PeerConnection({ polite: true, channel: channelTo("viewer"), prepare });
             const seen = new Promise((resolve) => {
               sides.viewer.addEventListener("track", ({ track, streams }) => {
                 if (streams[0]?.id === picture.id) resolve(track.kind);
               });
             });
             sides.viewer.call();
             const kind = await seen;
             const count = ({ connection }) => connection.getTransceivers().length;
             const sections = Object.values(sides).map(count);
             for (const side of Object.values(sides)) side.close();
             return [kind, ...sections];
           }"""
    )
    assert kinds == ["video", 2, 2], "the picture takes the section that was made for it"


def test_offers_one_right_after_another_have_one_answer(page: Page, begin: Callable[[], Line]) -> None:
    """As when one comes out of the replay, and again because we are back."""
    line = begin().seat("ada", {**CAT, **EARLIER})
    told(page, "added")
    offer = page.evaluate(
        """async () => {
             await other.setLocalDescription();
             await gathered();
             return { type: "offer", sdp: other.localDescription.sdp };
           }"""
    )
    page.evaluate(
        "(offer) => Promise.all([1, 2, 3].map(() => mesh.peers.get('cat').receiveDescription(offer)))", offer
    )
    mail = Mail(line)
    page.evaluate("(answer) => other.setRemoteDescription(answer)", mail.take("cat", "answer"))
    assert mail.descriptions(page) == []
    assert state(page, "cat")[1] == "stable"


def test_who_leaves_while_something_is_prepared_makes_no_fault(page: Page) -> None:
    """A person is asked for the camera, say, and by the time of the answer there is nobody to send it to."""
    reported = page.evaluate(
        """async () => {
             const reported = [];
             window.reportError = (error) => reported.push(error.name);
             let permit;
             const asked = new Promise((resolve) => { permit = resolve; });
             const peer = new PeerConnection({
               polite: false,
               channel: { description() {}, candidate() {} },
               prepare: async ({ connection }) => {
                 await asked;
                 connection.createDataChannel("chat");
               },
             });
             peer.call();
             peer.close();
             permit();
             await new Promise((resolve) => setTimeout(resolve, 50));
             return reported;
           }"""
    )
    assert reported == []
