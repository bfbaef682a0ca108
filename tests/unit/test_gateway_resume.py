"""Seats that outlive their sockets: what is kept, who gets it back, and what if nobody comes back."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from signaling.contract.errors import CloseCode
from signaling.domain import commands
from signaling.domain.events import ParticipantReconnected, ParticipantReconnecting
from signaling.domain.session import SessionState
from signaling.realtime import gateway as module
from signaling.rooms.resume_token import SeatClaim
from support.memory import until
from support.sockets import Node, Socket

GRACE = 20


@pytest.fixture
async def node() -> Node:
    return Node(grace_seconds=GRACE)


def joined(socket: Socket) -> dict[str, Any]:
    payload: dict[str, Any] = socket.frames[socket.types().index("room_joined")]["payload"]
    return payload


def seat_frames(socket: Socket) -> list[dict[str, Any]]:
    return [frame for frame in socket.frames if frame["type"] not in ("connected", "resumed")]


async def resume(node: Node, token: str, count: int) -> Socket:
    socket = Socket(node.gateway)
    socket.say("resume", resume_token=token, received=count)
    await until(lambda: {"resumed", "resume_failed"} & set(socket.types()) != set())
    return socket


async def lose(node: Node, code: str, socket: Socket) -> None:
    """Break a socket's line and wait until its seat is kept."""
    seats = node.store.rooms[code].seats
    before = seats[socket.session.socket_id].generation
    socket.session.lost(None)
    await until(
        lambda: (
            node.store.rooms[code].seats[socket.session.socket_id].held_until is not None
            and node.store.rooms[code].seats[socket.session.socket_id].generation == before
        )
    )


async def test_everything_missed_follows_in_order_and_once(node: Node) -> None:
    """Contract 4: `recovered`: every frame you missed follows, in order, none twice."""
    code = await node.room()
    first, second = await node.joined(code), await node.joined(code)
    token = joined(second)["resume_token"]
    assert joined(second)["resume_window_seconds"] == GRACE
    await lose(node, code, second)
    await first.gets("participant_reconnecting")
    count = second.received
    for number in range(5):
        first.say("ice_candidate", to=second.session.socket_id, candidate={"candidate": f"c{number}"})
    third = await node.joined(code)
    back = await resume(node, token, count)
    await until(lambda: len(seat_frames(back)) == 6)
    answer = back.frames[1]
    assert answer["type"] == "resumed"
    assert answer["request_id"] == "r"
    payload = answer["payload"]
    assert (payload["recovered"], payload["replayed"]) == (True, 6)
    assert payload["socket_id"] == second.session.socket_id
    assert [one["socket_id"] for one in payload["participants"]] == [
        first.session.socket_id,
        third.session.socket_id,
    ]
    assert [one["polite"] for one in payload["participants"]] == [True, False]
    told = [(frame["type"], frame["payload"].get("candidate")) for frame in back.frames[2:]]
    assert told == [("ice_candidate", {"candidate": f"c{number}"}) for number in range(5)] + [
        ("participant_joined", None)
    ]
    # What comes from now on is for the new socket, and it speaks for the seat.
    back.say("ice_candidate", to=first.session.socket_id, candidate=None)
    await until(lambda: first.types()[-1] == "ice_candidate")
    assert first.frames[-1]["payload"]["from"] == second.session.socket_id
    assert first.types().count("participant_reconnected") == 1
    assert first.types().count("participant_left") == 0


async def test_a_line_can_be_lost_again_and_again(node: Node) -> None:
    """Contract 4: counting goes on over resumes; nothing is missing in the end."""
    code = await node.room()
    first, socket = await node.joined(code), await node.joined(code)
    name = socket.session.socket_id
    token = joined(socket)["resume_token"]
    count = socket.received
    for turn in range(4):
        first.say("ice_candidate", to=name, candidate={"candidate": f"on {turn}"})
        await socket.gets("ice_candidate")
        socket.session.lost(None)
        await first.hears_of("participant_reconnecting", turn + 1)
        first.say("ice_candidate", to=name, candidate={"candidate": f"off {turn}"})
        # The last candidate is as good as lost: the client has not counted it.
        socket = await resume(node, token, count)
        await socket.gets("ice_candidate")
        payload = socket.frames[1]["payload"]
        assert payload["recovered"]
        assert payload["resume_token"] != token
        token = payload["resume_token"]
        assert [frame["payload"]["candidate"]["candidate"] for frame in seat_frames(socket)] == [
            f"on {turn}",
            f"off {turn}",
        ]
        count += 2


async def test_what_was_not_kept_is_told(node: Node) -> None:
    """Contract 4: `recovered` is false when frames are lost; the list of participants is the truth."""
    node = Node(grace_seconds=GRACE, replay_bytes=2000)
    code = await node.room()
    first, second = await node.joined(code), await node.joined(code)
    token = joined(second)["resume_token"]
    await lose(node, code, second)
    for _ in range(20):
        first.say("offer", to=second.session.socket_id, description={"type": "offer", "sdp": "x" * 200})
    back = await resume(node, token, second.received)
    payload = back.frames[1]["payload"]
    assert (payload["recovered"], payload["replayed"]) == (False, 0)
    first.say("ice_candidate", to=second.session.socket_id, candidate=None)
    await back.gets("ice_candidate")
    # Counting went on from what the client has: the next resume recovers.
    back.session.lost(None)
    first.say("ice_candidate", to=second.session.socket_id, candidate={"candidate": "while away"})
    again = await resume(node, payload["resume_token"], second.received + 1)
    await until(lambda: len(again.frames) == 3)
    assert again.frames[1]["payload"]["recovered"]
    assert again.frames[2]["payload"]["candidate"] == {"candidate": "while away"}


@pytest.mark.parametrize("count", [9, 2**53 - 1])
async def test_more_than_was_ever_sent_cannot_be_recovered(node: Node, count: int) -> None:
    code = await node.room()
    socket = await node.joined(code)
    await lose(node, code, socket)
    back = await resume(node, joined(socket)["resume_token"], count)
    assert back.frames[1]["payload"]["recovered"] is False


async def test_a_token_works_once(node: Node) -> None:
    """Contract 4, and 5: a token that was used, or is of an ended seat, is of use to nobody."""
    code = await node.room()
    watcher, socket = await node.joined(code), await node.joined(code)
    token = joined(socket)["resume_token"]
    await lose(node, code, socket)
    back = await resume(node, token, socket.received)
    assert "resumed" in back.types()
    thief = await resume(node, token, socket.received)
    assert thief.types() == ["connected", "resume_failed"]
    assert thief.session.state is SessionState.LOBBY
    assert back.closed is None
    back.say("leave")
    await back.gets("room_left")
    late = await resume(node, back.frames[1]["payload"]["resume_token"], 1)
    assert late.types() == ["connected", "resume_failed"]
    await until(lambda: "participant_left" in watcher.types())
    assert watcher.types().count("participant_left") == 1


@pytest.mark.parametrize(
    "tamper", [lambda token: token[:-2], lambda token: "x" + token, lambda _: "nonsense"]
)
async def test_a_made_up_token_fails(node: Node, tamper: Any) -> None:
    code = await node.room()
    socket = await node.joined(code)
    await lose(node, code, socket)
    stranger = await resume(node, tamper(joined(socket)["resume_token"]), 1)
    assert stranger.types() == ["connected", "resume_failed"]
    # After the refusal the socket may still join.
    stranger.say("join", room_code=code)
    await stranger.gets("room_joined")


async def test_two_sockets_with_one_token(node: Node) -> None:
    """Whoever is first has the seat; the other is refused, and neither is left hanging."""
    code = await node.room()
    socket = await node.joined(code)
    await lose(node, code, socket)
    token = joined(socket)["resume_token"]
    rivals = [Socket(node.gateway) for _ in range(3)]
    for rival in rivals:
        rival.say("resume", resume_token=token, received=2)
    await until(lambda: all(len(rival.frames) >= 2 for rival in rivals))
    outcomes = sorted(rival.types()[1] for rival in rivals)
    assert outcomes == ["resume_failed", "resume_failed", "resumed"]
    assert node.store.rooms[code].seats[socket.session.socket_id].generation == node.store.rooms[code].version


async def test_a_hanging_socket_is_replaced(node: Node) -> None:
    """Contract 4: a seat that is resumed while its old socket still hangs closes the old one with 4005."""
    code = await node.room()
    first, second = await node.joined(code), await node.joined(code)
    back = await resume(node, joined(second)["resume_token"], second.received)
    assert second.closed == CloseCode.REPLACED_BY_RESUME
    assert "resumed" in back.types()
    # The others had no trouble with it, and hear of none.
    first.say("ping")
    await until(lambda: first.types()[-1] == "pong")
    assert not {"participant_reconnecting", "participant_reconnected", "participant_left"} & set(
        first.types()
    )
    # The old socket's end has no say over the seat.
    second.session.lost(None)
    first.say("ice_candidate", to=second.session.socket_id, candidate=None)
    await back.gets("ice_candidate")
    assert second.types()[-1] != "ice_candidate"
    assert list(node.store.rooms[code].seats) == [first.session.socket_id, second.session.socket_id]
    assert node.store.rooms[code].seats[second.session.socket_id].held_until is None


async def test_nobody_comes_back(node: Node) -> None:
    """Contract 4: then `participant_left` with `connection_lost`, once."""
    code = await node.room()
    first, second = await node.joined(code), await node.joined(code)
    await lose(node, code, second)
    node.rooms.clock.forward(milliseconds=GRACE * 1000 - 1)
    await node.rooms.service.tick(code)
    assert "participant_left" not in first.types()
    node.rooms.clock.forward(milliseconds=1)
    await node.rooms.service.tick(code)
    await first.gets("participant_left")
    assert first.frames[-1]["payload"] == {
        "socket_id": second.session.socket_id,
        "reason": "connection_lost",
    }
    late = await resume(node, joined(second)["resume_token"], 1)
    assert late.types() == ["connected", "resume_failed"]
    assert node.balance(code)[second.session.socket_id] == ["joined", "connection_lost"]


@pytest.mark.parametrize("code_", [1000, 1001, 1005])
async def test_who_leaves_is_gone_at_once(node: Node, code_: int) -> None:
    """Contract 4: a close by the client with 1000, 1001 or no code."""
    code = await node.room()
    first, second = await node.joined(code), await node.joined(code)
    second.session.lost(code_)
    await first.gets("participant_left")
    assert first.frames[-1]["payload"]["reason"] == "left"
    assert list(node.store.rooms[code].seats) == [first.session.socket_id]


@pytest.mark.parametrize("code_", [None, 1006, 1011, 4000, 4600])
async def test_any_other_loss_keeps_the_seat(node: Node, code_: int | None) -> None:
    code = await node.room()
    first, second = await node.joined(code), await node.joined(code)
    second.session.lost(code_)
    await first.gets("participant_reconnecting")
    assert list(node.store.rooms[code].seats) == [first.session.socket_id, second.session.socket_id]


async def test_who_was_told_not_to_come_back_keeps_no_seat(node: Node) -> None:
    """4501: ten bad frames in a row. Nobody will resume that seat."""
    code = await node.room()
    first, second = await node.joined(code), await node.joined(code)
    for _ in range(10):
        second.session.frame_received(b"nonsense")
    assert second.closed == CloseCode.BAD_REQUEST
    await first.gets("participant_left")
    assert first.frames[-1]["payload"]["reason"] == "connection_lost"


async def test_pings_tell_what_need_not_be_kept(node: Node) -> None:
    """Contract 4: the buffer is trimmed by `received` in `ping`."""
    code = await node.room()
    first, second = await node.joined(code), await node.joined(code)
    for number in range(5):
        first.say("ice_candidate", to=second.session.socket_id, candidate={"candidate": f"c{number}"})
    await until(lambda: second.types().count("ice_candidate") == 5)
    member = second.session.member
    assert member is not None
    assert len(member.replay.kept) == second.received == 7
    second.say("ping", received=6)
    await until(lambda: second.types()[-1] == "pong")
    assert len(member.replay.kept) == 2, "the last candidate, and the pong"
    second.say("ping", received=10_000)
    assert len(member.replay.kept) == 3


async def test_a_pong_tells_what_need_not_be_kept(node: Node) -> None:
    """RFC 6455, 5.5.3: a pong answers a ping that was sent behind those frames, so they have arrived."""
    code = await node.room()
    first, second = await node.joined(code), await node.joined(code)
    member = second.session.member
    assert member is not None
    first.say("ice_candidate", to=second.session.socket_id, candidate=None)
    second.session.ping_sent()
    assert second.types()[-1] == "ice_candidate", "what was sent before the ping goes before it"
    first.say("ice_candidate", to=second.session.socket_id, candidate=None)
    second.session.pong_received()
    assert len(member.replay.kept) == 1
    # A mark of an earlier seat says nothing of the next.
    second.session.ping_sent()
    second.say("leave")
    await second.gets("room_left")
    second.say("join", room_code=code)
    await until(lambda: second.types().count("room_joined") == 2)
    second.session.pong_received()
    assert second.session.member is not None
    assert len(second.session.member.replay.kept) >= 1


async def test_who_read_too_slowly_misses_nothing_that_is_kept(
    node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Contract 5: 4003 is no end: what did not go out any more, and what came since, is replayed."""
    code = await node.room()
    first, slow = await node.joined(code), await node.joined(code)
    name = slow.session.socket_id
    monkeypatch.setattr(slow, "buffered", lambda: node.gateway.limits.outbox_bytes)
    first.say("ice_candidate", to=name, candidate={"candidate": "one too many"})
    await until(lambda: slow.closed == CloseCode.SLOW_CONSUMER)
    await first.gets("participant_reconnecting")
    first.say("ice_candidate", to=name, candidate={"candidate": "since"})
    back = await resume(node, joined(slow)["resume_token"], slow.received)
    await until(lambda: len(seat_frames(back)) == 2)
    assert back.frames[1]["payload"]["recovered"]
    texts = [frame["payload"]["candidate"]["candidate"] for frame in seat_frames(back)]
    assert texts == ["one too many", "since"]


async def test_the_socket_goes_while_its_resume_is_decided(node: Node) -> None:
    """Nobody has the new token then: the seat ends instead of waiting for somebody who cannot come."""
    code = await node.room()
    first, second = await node.joined(code), await node.joined(code)
    await lose(node, code, second)
    node.store.gate.clear()
    back = Socket(node.gateway)
    back.say("resume", resume_token=joined(second)["resume_token"], received=2)
    await until(lambda: back.session.state is SessionState.RESUMING)
    back.session.lost(None)
    node.store.gate.set()
    await first.gets("participant_left")
    assert list(node.store.rooms[code].seats) == [first.session.socket_id]
    assert "resumed" not in back.types()


async def test_the_room_ends_while_a_seat_is_kept(node: Node) -> None:
    code = await node.room()
    first, second = await node.joined(code), await node.joined(code)
    await lose(node, code, second)
    await node.rooms.service.close(code)
    await first.gets("room_left")
    late = await resume(node, joined(second)["resume_token"], 1)
    assert late.types() == ["connected", "resume_failed"]


async def test_a_loss_is_written_down_when_the_store_is_back(
    node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While the store is away nobody is told what is not so; when it is back, everybody is."""
    monkeypatch.setattr(module, "_FIRST_RETRY", 0.001)
    code = await node.room()
    first, second = await node.joined(code), await node.joined(code)
    node.store.away = True
    second.session.lost(None)
    first.say("ice_candidate", to=second.session.socket_id, candidate={"candidate": "kept"})
    await asyncio.sleep(0)
    assert "participant_reconnecting" not in first.types()
    refused = Socket(node.gateway)
    refused.say("resume", resume_token=joined(second)["resume_token"], received=2)
    await refused.gets("server_error")
    assert refused.frames[-1]["payload"]["retry_after"] > 0
    node.store.away = False
    await first.hears("participant_reconnecting")
    # The refusal did not use the token up.
    refused.say("resume", resume_token=joined(second)["resume_token"], received=2)
    await refused.gets("ice_candidate")
    await first.gets("participant_reconnected")


async def test_a_resume_waits_its_turn_among_the_rooms_events(node: Node) -> None:
    """Members see losses and resumes in the order of the log, each once."""
    code = await node.room()
    first, second = await node.joined(code), await node.joined(code)
    token = joined(second)["resume_token"]
    for _ in range(3):
        await lose(node, code, second)
        back = await resume(node, token, 2)
        token = back.frames[1]["payload"]["resume_token"]
        second = back
    events = [
        type(event)
        for event in node.store.logs[code]
        if isinstance(event, ParticipantReconnecting | ParticipantReconnected)
    ]
    assert events == [ParticipantReconnecting, ParticipantReconnected] * 3
    told = [kind for kind in first.types() if kind.startswith("participant_re")]
    assert told == ["participant_reconnecting", "participant_reconnected"] * 3


async def test_a_stopping_node_leaves_its_seats_to_the_next(node: Node) -> None:
    """The grace period of those who were cut off begins when there is a service to come back to."""
    code = await node.room()
    first, second = await node.joined(code), await node.joined(code)
    second.say("leave")
    await second.gets("room_left")
    await node.gateway.drain()
    assert first.closed == CloseCode.SERVER_SHUTDOWN
    seats = node.store.rooms[code].seats
    assert [seat.held_until for seat in seats.values()] == [None]


async def test_a_node_forgets_rooms_whose_kept_seats_ended(node: Node) -> None:
    code = await node.room()
    socket = await node.joined(code)
    await lose(node, code, socket)
    assert node.gateway._hub._local
    node.rooms.clock.forward(milliseconds=GRACE * 1000)
    await node.rooms.service.tick(code)
    await until(lambda: not node.gateway._hub._local and not node.rooms.broker._listeners)


async def test_what_is_sent_to_a_seat_of_an_ended_process_waits_for_it(node: Node) -> None:
    """Contract 4: after a crash those who are back first call those who are not: it must not be lost."""
    code = await node.room()
    command = commands.Join(socket_id="before", display_name="x", user_id=None, node="dead")
    node.store.elsewhere(code, command, node.rooms.clock())
    assert (await node.rooms.service.recover_seats()).rooms == 1
    first = await node.joined(code)
    for number in range(3):
        first.say("ice_candidate", to="before", candidate={"candidate": str(number)})
    token = node.gateway.tokens.sign(SeatClaim(code, "before", 2))
    back = await resume(node, token, 17)
    await until(lambda: back.types().count("ice_candidate") == 3)
    payload = back.frames[1]["payload"]
    assert (payload["recovered"], payload["replayed"], payload["socket_id"]) == (False, 0, "before")
    told = [frame["payload"]["candidate"]["candidate"] for frame in seat_frames(back)]
    assert told == ["0", "1", "2"]
    assert "peer_not_found" not in first.types()
    # They count, and what was never sent by anybody is not kept for nobody.
    back.session.lost(None)
    again = await resume(node, payload["resume_token"], 19)
    await again.gets("ice_candidate")
    assert again.frames[1]["payload"]["replayed"] == 1
    first.say("ice_candidate", to="nobody", candidate=None)
    await first.gets("peer_not_found")
    assert not any(local.routes or local.early for local in node.gateway._hub._local.values())


async def test_a_loss_that_is_written_late_does_not_touch_the_next_holder(
    node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is written down is the loss of the line that was lost, however late it is."""
    monkeypatch.setattr(module, "_FIRST_RETRY", 0.01)
    code = await node.room()
    first, second = await node.joined(code), await node.joined(code)
    node.store.away = True
    second.session.lost(None)
    await until(lambda: node.gateway._tasks != set())
    for _ in range(10):
        await asyncio.sleep(0)
    node.store.away = False
    back = await resume(node, joined(second)["resume_token"], second.received)
    assert "resumed" in back.types()
    while node.gateway._tasks:  # noqa: ASYNC110 - the retry is timed
        await asyncio.sleep(0.002)
    assert node.store.rooms[code].seats[second.session.socket_id].held_until is None
    first.say("ping")
    await first.gets("pong")
    assert "participant_reconnecting" not in first.types()


async def test_a_seat_of_an_ended_process_is_never_recovered(node: Node) -> None:
    """Not even for a client that counts nothing."""
    code = await node.room()
    command = commands.Join(socket_id="before", display_name="x", user_id=None, node="dead")
    node.store.elsewhere(code, command, node.rooms.clock())
    await node.rooms.service.recover_seats()
    back = await resume(node, node.gateway.tokens.sign(SeatClaim(code, "before", 2)), 0)
    assert back.frames[1]["payload"]["recovered"] is False


async def test_a_line_lost_while_leaving_is_no_loss(node: Node) -> None:
    """Whoever asked to leave is gone, also if the line breaks before the store has done it."""
    code = await node.room()
    first, second = await node.joined(code), await node.joined(code)
    node.store.gate.clear()
    second.say("leave")
    await until(lambda: second.session.state is SessionState.LEAVING)
    second.session.lost(None)
    node.store.gate.set()
    await first.gets("participant_left")
    assert first.frames[-1]["payload"]["reason"] == "left"
    assert "participant_reconnecting" not in first.types()


async def test_a_stopping_node_hears_what_was_said_before_its_goodbye_was(node: Node) -> None:
    """Contract 4: a frame that was sent before the client heard of the 4001 is on the seat it was for."""
    node = Node(grace_seconds=GRACE, shared=True)
    code = await node.room()
    first, second = await node.joined(code), await node.joined(code)
    local = node.gateway._hub.room(code)
    assert local is not None
    member = local.members[second.session.socket_id]
    draining = asyncio.create_task(node.gateway.drain())
    await until(lambda: (first.closed, second.closed) == (4001, 4001))
    sent = member.replay.sent
    first.say("ice_candidate", to=second.session.socket_id, candidate={"candidate": "on the way"})
    assert member.replay.sent == sent + 1
    assert b"on the way" in member.replay.kept[-1]
    assert "ice_candidate" not in second.types()
    for socket in (first, second):
        socket.session.lost(4001)
    await until(lambda: all(seat.held_until is not None for seat in node.store.rooms[code].seats.values()))
    assert len(node.store.rooms[code].seats) == 2
    # Another node takes them over: then nothing keeps this one any more.
    for seat in list(node.store.rooms[code].seats.values()):
        resume = commands.Resume(socket_id=seat.socket_id, generation=seat.generation, node="node-b")
        node.rooms.broker.publish(code, node.store.elsewhere(code, resume, node.rooms.clock()))
    await until(lambda: not node.gateway._hub.is_needed())
    draining.cancel()
    await asyncio.gather(draining, return_exceptions=True)


async def test_a_stopping_node_answers_a_join_first(node: Node) -> None:
    """Contract 4: whoever is being let in keeps the seat, and takes it along."""
    node = Node(grace_seconds=GRACE, shared=True)
    code = await node.room()
    await node.joined(code)
    node.store.gate.clear()
    socket = Socket(node.gateway)
    socket.say("join", room_code=code)
    draining = asyncio.create_task(node.gateway.drain())
    await asyncio.sleep(0)
    node.store.gate.set()
    await socket.gets("room_joined")
    await until(lambda: socket.closed == 4001)
    socket.session.lost(4001)
    name = socket.session.socket_id
    await until(lambda: node.store.rooms[code].seats[name].held_until is not None)
    assert node.balance(code)[name] == ["joined"]
    draining.cancel()
    await asyncio.gather(draining, return_exceptions=True)


@pytest.mark.parametrize("answer", [1000, 1005, 4001, None])
async def test_a_goodbye_that_is_answered_with_any_code_keeps_the_seat(answer: int | None) -> None:
    """RFC 6455, 5.5.1: an answer echoes the code as a rule; some libraries always say 1000, or nothing."""
    node = Node(grace_seconds=GRACE, shared=True)
    code = await node.room()
    socket = await node.joined(code)
    name = socket.session.socket_id
    draining = asyncio.create_task(node.gateway.drain())
    await until(lambda: socket.closed == 4001)
    socket.session.lost(answer)
    await until(lambda: node.store.rooms[code].seats[name].held_until is not None)
    assert node.balance(code) == {name: ["joined"]}
    draining.cancel()
    await asyncio.gather(draining, return_exceptions=True)


async def test_who_leaves_a_stopping_node_before_its_join_is_decided_is_gone(node: Node) -> None:
    """It has not been told of any goodbye yet."""
    node = Node(grace_seconds=GRACE, shared=True)
    code = await node.room()
    node.store.gate.clear()
    socket = Socket(node.gateway)
    socket.say("join", room_code=code)
    draining = asyncio.create_task(node.gateway.drain())
    await asyncio.sleep(0)
    socket.session.lost(1000)
    node.store.gate.set()
    await draining
    assert node.balance(code) == {socket.session.socket_id: ["joined", "left"]}


async def test_an_earlier_resume_from_another_node_says_nothing_about_the_next(node: Node) -> None:
    """On one socket: a resume that fetched what was missed, a leave, and a resume that cannot work."""
    code = await node.room()
    join = commands.Join(socket_id="there", display_name="x", user_id=None, node="node-b")
    node.store.elsewhere(code, join, node.rooms.clock())
    token = node.gateway.tokens.sign(SeatClaim(code, "there", 2))
    socket = await resume(node, token, 1)
    assert socket.session.handover is not None
    socket.say("leave")
    await socket.gets("room_left")
    socket.say("resume", resume_token=token, received=1)
    await socket.gets("resume_failed")
    assert socket.session.state is SessionState.LOBBY


async def test_the_last_node_that_stops_waits_for_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its seats are kept for the next process; others, which could take them at once, are waited for."""
    monkeypatch.setattr(module, "_ALONE_SECONDS", 0.0)
    node = Node(grace_seconds=GRACE, shared=True)
    code = await node.room()
    socket = await node.joined(code)
    answers = iter([True, True])

    async def others() -> bool:
        return next(answers, False)

    draining = asyncio.create_task(node.gateway.drain(others))
    await until(lambda: socket.closed == 4001)
    socket.session.lost(4001)
    await draining
    assert next(answers, None) is None
    (seat,) = node.store.rooms[code].seats.values()
    assert seat.held_until is not None
