"""Connecting and joining exactly as the integration guide prints it (guide, "WebSocket Connection")."""

from __future__ import annotations

from datetime import UTC, datetime

from support.service import Service


async def test_the_flow_of_the_guide(service: Service) -> None:
    """Guide, "Connection Flow" 1-4: connected, join, room_joined."""
    code = await service.room(owner_id="teacher_123", ttl_hours=2, max_participants=30)
    client = await service.connect()
    connected = client.frames[0]
    assert connected["type"] == "connected"
    assert connected["payload"]["socket_id"] == client.socket_id
    await client.send_raw(
        '{"type": "join", "payload": {"room_code": "a7x9k2", "display_name": "John Doe", '
        '"user_id": "student_456"}}'.replace("a7x9k2", code)
    )
    joined = await client.expect("room_joined")
    assert joined["payload"]["room_code"] == code
    assert joined["payload"]["participants"] == []
    assert "request_id" not in joined


async def test_connected_tells_the_limits(service: Service) -> None:
    """Contract 2: `connected` has socket_id, protocol_version, join_timeout_seconds, max_frame_bytes."""
    client = await service.connect()
    payload = client.frames[0]["payload"]
    assert payload == {
        "socket_id": client.socket_id,
        "protocol_version": 1,
        "join_timeout_seconds": 60,
        "max_frame_bytes": 65536,
    }


async def test_room_joined_tells_the_room(service: Service) -> None:
    """Contract 2: `room_joined` has your socket_id, everyone but you, expires_at, max_participants, resume
    token.
    """
    code = await service.room(max_participants=7)
    room = await service.view(code)
    client = await service.connect()
    payload = await client.join(code)
    assert payload["socket_id"] == client.socket_id
    assert payload["participants"] == []
    assert payload["max_participants"] == 7
    assert payload["expires_at"] == room["expires_at"]
    assert payload["resume_token"]
    assert payload["resume_window_seconds"] >= 0


async def test_participants_as_their_room_mates_see_them(service: Service) -> None:
    """Contract 2: a participant has socket_id, display_name, user_id, joined_at, connection, polite."""
    code = await service.room()
    first = await service.joined(code, display_name="Ada", user_id="u-1")
    second = await service.connect()
    seen_by_second = (await second.join(code, display_name="Bob"))["participants"]
    seen_by_first = (await first.expect("participant_joined"))["payload"]
    joined_at = seen_by_first.pop("joined_at")
    assert abs((datetime.now(UTC) - datetime.fromisoformat(joined_at)).total_seconds()) < 60
    assert joined_at.endswith("Z")
    assert seen_by_first == {
        "socket_id": second.socket_id,
        "display_name": "Bob",
        "user_id": None,
        "connection": "connected",
        "polite": False,
    }
    [ada] = seen_by_second
    assert (ada["socket_id"], ada["display_name"], ada["user_id"]) == (first.socket_id, "Ada", "u-1")


async def test_polite_towards_those_who_were_there_before(service: Service) -> None:
    """Contract 2: polite is true for the peers that were there before you, false for those that came
    after.
    """
    code = await service.room()
    clients = [await service.joined(code) for _ in range(4)]
    for number, client in enumerate(clients):
        [joined] = client.of_type("room_joined")
        before = joined["payload"]["participants"]
        assert [participant["socket_id"] for participant in before] == [c.socket_id for c in clients[:number]]
        assert all(participant["polite"] for participant in before)
        await client.reaches(lambda frames, n=number: len(frames) == 2 + 3 - n)  # type: ignore[misc]
        after = [frame["payload"] for frame in client.of_type("participant_joined")]
        assert [participant["socket_id"] for participant in after] == [
            c.socket_id for c in clients[number + 1 :]
        ]
        assert not any(participant["polite"] for participant in after)


async def test_offer_answer_candidates_as_in_the_guide(service: Service) -> None:
    """Guide, "Frontend Integration": the one already there offers to the newcomer, who answers; both send
    candidates.
    """
    teacher, student = await service.couple()
    newcomer = teacher.of_type("participant_joined")[0]["payload"]["socket_id"]
    offer = {"type": "offer", "sdp": "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\n"}
    await teacher.send("offer", {"to": newcomer, "description": offer})
    got = (await student.expect("offer"))["payload"]
    assert got == {"from": teacher.socket_id, "description": offer}
    answer = {"type": "answer", "sdp": "v=0\r\n"}
    await student.send("answer", {"to": got["from"], "description": answer})
    assert (await teacher.expect("answer"))["payload"] == {"from": student.socket_id, "description": answer}
    candidate = {
        "candidate": "candidate:1 1 udp 2122260223 192.0.2.7 53165 typ host",
        "sdpMid": "0",
        "sdpMLineIndex": 0,
        "usernameFragment": "4aFb",
    }
    await teacher.send("ice_candidate", {"to": newcomer, "candidate": candidate})
    assert (await student.expect("ice_candidate"))["payload"] == {
        "from": teacher.socket_id,
        "candidate": candidate,
    }


async def test_a_frame_in_the_packet_of_the_handshake(service: Service) -> None:
    """Contract 2: a client that does not wait for `connected` is served all the same."""
    code = await service.room()
    peer = await service.raw()
    await peer.send_json({"type": "join", "payload": {"room_code": code}})
    await peer.send_json({"type": "ping", "request_id": "p"})
    assert (await peer.message())["type"] == "room_joined"
    assert (await peer.message())["request_id"] == "p"
