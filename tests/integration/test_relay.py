"""Relaying: verbatim, in order, to exactly the one it is for, and `from` can be trusted."""

from __future__ import annotations

import json
from typing import Any

import pytest

from support.service import Service

CANDIDATES: list[Any] = [
    None,
    {},
    {"candidate": ""},
    {"candidate": "candidate:1 1 udp 1 192.0.2.1 9 typ host", "sdpMid": None, "sdpMLineIndex": None},
    {"candidate": "candidate:2", "sdpMid": "audio", "sdpMLineIndex": 65535, "usernameFragment": "x"},
    {
        "candidate": "c",
        "foundation": "1",
        "relayProtocol": "tls",
        "nested": {"a": [1, 2.5, None, True, "ü😀"]},
    },
]


@pytest.mark.parametrize("candidate", CANDIDATES)
async def test_candidates_are_verbatim(service: Service, candidate: Any) -> None:
    """Contract 2: RTCIceCandidateInit is carried verbatim, unknown keys included; null is end of
    candidates.
    """
    first, second = await service.couple()
    await first.send("ice_candidate", {"to": second.socket_id, "candidate": candidate})
    assert (await second.expect("ice_candidate"))["payload"] == {
        "from": first.socket_id,
        "candidate": candidate,
    }


@pytest.mark.parametrize(
    ("kind", "description"),
    [
        ("offer", {"type": "offer"}),
        (
            "offer",
            {"type": "offer", "sdp": 'v=0\r\ns=\u2028 ü 😀 " \\ / \u0000\r\n', "more": {"x": [1e300, -0.0]}},
        ),
        ("offer", {"sdp": "x" * 60_000, "type": "offer"}),
        ("answer", {"type": "answer", "sdp": ""}),
        ("answer", {"type": "pranswer", "sdp": "v=0\r\n"}),
    ],
)
async def test_descriptions_are_verbatim(service: Service, kind: str, description: Any) -> None:
    """Contract 2: RTCSessionDescriptionInit is carried verbatim; `answer` also takes `pranswer`."""
    first, second = await service.couple()
    await first.send(kind, {"to": second.socket_id, "description": description})
    assert (await second.expect(kind))["payload"] == {"from": first.socket_id, "description": description}


async def test_byte_for_byte(service: Service) -> None:
    """Contract 2: verbatim, that is: escapes, spaces and the order of keys stay as the sender wrote them."""
    first, second = await service.couple()
    peer = await service.raw()
    code = first.of_type("room_joined")[0]["payload"]["room_code"]
    await peer.send_json({"type": "join", "payload": {"room_code": code}})
    assert (await peer.message())["type"] == "room_joined"
    carried = r'{ "z" : 1.50e+2,  "sdp":"\u00fc\/\ud83d\ude00", "type" :"offer","a":[ ] , "z":2}'
    await second.send_raw(
        f'{{"payload": {{"description": {carried}, "to": "{peer.socket_id}"}}, "type": "offer"}}'
    )
    _, frame = await peer.read_frame()
    assert carried.encode() in frame


async def test_from_is_set_by_the_service(service: Service) -> None:
    """Contract 2: `from` is never trusted from the client."""
    first, second = await service.couple()
    for extra in ({"from": first.socket_id}, {"sender": "x", "from": None}):
        await first.send_raw(
            json.dumps(
                {
                    "type": "offer",
                    "from": second.socket_id,
                    "payload": {"to": second.socket_id, "description": {"type": "offer"}} | extra,
                }
            )
        )
        payload = (await second.expect("offer"))["payload"]
        assert payload == {"from": first.socket_id, "description": {"type": "offer"}}


@pytest.mark.parametrize("kind", ["offer", "answer", "ice_candidate"])
async def test_only_to_members_of_the_own_room(service: Service, kind: str) -> None:
    """Contract 3: peer_not_found for oneself, for another room's member, for who has left, for nonsense."""
    first, second = await service.couple()
    stranger = await service.joined(await service.room())
    lobby = await service.connect()
    gone, _ = await service.couple(first.of_type("room_joined")[0]["payload"]["room_code"])
    await gone.send("leave")
    await gone.until("room_left")
    room_code = first.of_type("room_joined")[0]["payload"]["room_code"]
    carried = {"candidate": None} if kind == "ice_candidate" else {"description": {"type": kind}}
    for target in (
        first.socket_id,
        stranger.socket_id,
        lobby.socket_id,
        gone.socket_id,
        room_code,
        "x" * 128,
        "\u0000",
    ):
        answer = await first.ask(kind, {"to": target, **carried})
        assert (answer["type"], answer["payload"]["code"]) == ("error", "peer_not_found"), target
    for client in (second, stranger, lobby, gone):
        await client.settle()
        assert not client.of_type(kind)


@pytest.mark.odd_frames("client")
async def test_the_type_of_the_description_must_match(service: Service) -> None:
    """Contract 2: an offer carries an offer, an answer an answer or pranswer; nothing else passes."""
    first, second = await service.couple()
    for kind, inner in [
        ("offer", "answer"),
        ("offer", "pranswer"),
        ("offer", "rollback"),
        ("offer", "Offer"),
        ("answer", "offer"),
        ("answer", "rollback"),
    ]:
        answer = await first.ask(kind, {"to": second.socket_id, "description": {"type": inner, "sdp": ""}})
        assert answer["payload"]["code"] == "invalid_message"
        await first.settle()
    await second.settle()
    assert not second.of_type("offer", "answer")


async def test_order_between_two_with_many_frames_in_flight(service: Service) -> None:
    """Contract 4: one order: what one sends to another arrives as sent, 500 at a time from several at
    once.
    """
    code = await service.room()
    receiver = await service.joined(code)
    senders = [await service.joined(code) for _ in range(3)]
    for number in range(500):
        for sender in senders:
            await sender.send(
                "ice_candidate", {"to": receiver.socket_id, "candidate": {"candidate": str(number)}}
            )
    await receiver.reaches(lambda frames: sum(frame["type"] == "ice_candidate" for frame in frames) == 1500)
    for sender in senders:
        numbers = [
            int(frame["payload"]["candidate"]["candidate"])
            for frame in receiver.of_type("ice_candidate")
            if frame["payload"]["from"] == sender.socket_id
        ]
        assert numbers == list(range(500))


async def test_nobody_else_gets_it(service: Service) -> None:
    """Contract 2: a relay goes to one participant."""
    first, second = await service.couple()
    third = await service.joined(first.of_type("room_joined")[0]["payload"]["room_code"])
    await first.send("offer", {"to": second.socket_id, "description": {"type": "offer", "sdp": "for one"}})
    await second.until("offer")
    await third.settle()
    assert not third.of_type("offer")
