"""A session in a room of the real service."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol, TypeVar

import pytest

from signaling_client import AsyncSignalingClient, NotInRoom, PeerNotFound, RoomClosed, Session, connect
from signaling_client.messages import (
    AnswerDescription,
    AnswerRelay,
    Event,
    IceCandidate,
    IceCandidateRelay,
    OfferDescription,
    OfferRelay,
    ParticipantJoined,
    ParticipantLeft,
    RoomLeft,
)
from support.server import ServerProcess

from .conftest import DEADLINE

SDP = "v=0\r\no=- 1 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\n"
CANDIDATE = {
    "candidate": "candidate:1 1 udp 2122260223 192.0.2.7 53165 typ host",
    "sdpMid": "0",
    "sdpMLineIndex": 0,
    "usernameFragment": "4aFb",
}

Kind = TypeVar("Kind")


class Join(Protocol):
    async def __call__(self, **options: Any) -> Session: ...


@pytest.fixture
async def join(server: ServerProcess, room_code: str) -> AsyncIterator[Join]:
    """Take a seat in the test's room."""
    async with AsyncExitStack() as stack:

        async def enter(**options: Any) -> Session:
            options = {"room_code": room_code, "timeout": DEADLINE, **options}
            return await stack.enter_async_context(connect(server.base_url, **options))

        yield enter


async def expect(session: Session, kind: type[Kind]) -> Kind:
    """The next event, which must be of this kind."""
    async with asyncio.timeout(DEADLINE):
        event = await anext(session)
    assert isinstance(event, kind), event
    return event


async def rest_of(session: Session) -> list[Event]:
    """All that comes until the session ends."""
    async with asyncio.timeout(DEADLINE):
        return [event async for event in session]


async def eventually(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(DEADLINE):
        while not condition():  # noqa: ASYNC110 - the view has no event to wait for, by design
            await asyncio.sleep(0.01)


async def test_what_a_session_knows(join: Join, room_code: str) -> None:
    session = await join(room_code=room_code.upper())
    assert session.room_code == room_code
    assert session.socket_id
    assert session.max_participants == 50
    assert timedelta(hours=23) < session.expires_at - datetime.now(UTC) <= timedelta(hours=24)
    assert session.connected
    assert dict(session.participants) == {}


async def test_names(join: Join) -> None:
    ann = await join(display_name="  Ann  ", user_id="student_456")
    ben = await join()
    assert (ben.participants[ann.socket_id].display_name, ben.participants[ann.socket_id].user_id) == (
        "Ann",
        "student_456",
    )
    joined = await expect(ann, ParticipantJoined)
    assert (joined.payload.display_name, joined.payload.user_id) == ("Guest", None)


async def test_the_view_follows_the_room(join: Join) -> None:
    ann = await join()
    view = ann.participants
    ben = await join(display_name="Ben")
    joined = await expect(ann, ParticipantJoined)
    assert dict(view) == {ben.socket_id: joined.payload}
    assert view[ben.socket_id].polite is False
    assert ben.participants[ann.socket_id].polite is True
    cat = await join()
    await eventually(lambda: len(view) == 2)
    # Nothing was read by Ben, and his view is there all the same.
    await eventually(lambda: set(ben.participants) == {ann.socket_id, cat.socket_id})
    await ben.leave()
    await eventually(lambda: set(view) == {cat.socket_id})
    assert (await expect(ann, ParticipantJoined)).payload.socket_id == cat.socket_id
    left = await expect(ann, ParticipantLeft)
    assert (left.payload.socket_id, left.payload.reason) == (ben.socket_id, "left")
    assert ben.socket_id not in view
    with pytest.raises(KeyError):
        view[ben.socket_id]
    with pytest.raises(TypeError):
        view["x"] = joined.payload  # type: ignore[index]


async def test_walking_through_the_view_while_it_changes(join: Join) -> None:
    ann = await join()
    others = [await join() for _ in range(3)]
    await eventually(lambda: len(ann.participants) == 3)
    seen = []
    for participant in ann.participants.values():
        seen.append(participant.socket_id)
        await others[len(seen) - 1].leave()
        await eventually(lambda: len(ann.participants) == 3 - len(seen))
    assert seen == [other.socket_id for other in others]
    assert list(ann.participants.items()) == []


class Described:
    """As aiortc's RTCSessionDescription."""

    def __init__(self, type: str, sdp: str) -> None:
        self.type = type
        self.sdp = sdp


@pytest.mark.parametrize(
    "offer",
    [SDP, {"type": "offer", "sdp": SDP}, Described("offer", SDP), OfferDescription(type="offer", sdp=SDP)],
)
async def test_offers_in_every_form(join: Join, offer: Any) -> None:
    ann, ben = await join(), await join()
    await expect(ann, ParticipantJoined)
    await ben.offer(ann.socket_id, offer)
    relayed = await expect(ann, OfferRelay)
    assert relayed.payload.from_ == ben.socket_id
    assert relayed.payload.description == OfferDescription(type="offer", sdp=SDP)


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (SDP, "answer"),
        ({"type": "answer", "sdp": SDP}, "answer"),
        ({"type": "pranswer", "sdp": SDP}, "pranswer"),
        (Described("pranswer", SDP), "pranswer"),
        (AnswerDescription(type="pranswer", sdp=SDP), "pranswer"),
    ],
)
async def test_answers_in_every_form(join: Join, answer: Any, kind: str) -> None:
    ann, ben = await join(), await join()
    await expect(ann, ParticipantJoined)
    await ben.answer(ann.socket_id, answer)
    relayed = await expect(ann, AnswerRelay)
    assert relayed.payload.from_ == ben.socket_id
    assert (relayed.payload.description.type, relayed.payload.description.sdp) == (kind, SDP)


async def test_candidates_in_every_form(join: Join) -> None:
    ann, ben = await join(), await join()
    await expect(ann, ParticipantJoined)
    whole = IceCandidate(
        candidate=str(CANDIDATE["candidate"]), sdp_mid="0", sdp_m_line_index=0, username_fragment="4aFb"
    )
    for candidate, wanted in (
        (CANDIDATE, whole),
        (whole, whole),
        ({"candidate": "", "sdpMid": None}, IceCandidate(candidate="", sdp_mid=None)),
        (None, None),
    ):
        await ben.ice_candidate(ann.socket_id, candidate)
        relayed = await expect(ann, IceCandidateRelay)
        assert (relayed.payload.from_, relayed.payload.candidate) == (ben.socket_id, wanted)


async def test_what_is_no_description(join: Join) -> None:
    ann = await join()
    for wrong in (
        5,
        None,
        {},
        {"type": "answer", "sdp": SDP},
        {"type": "offer", "sdp": 5},
        Described("x", SDP),
    ):
        with pytest.raises(ValueError, match="not a"):
            await ann.offer("x", wrong)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="AnswerDescription"):
        await ann.answer("x", {"type": "offer", "sdp": SDP})
    with pytest.raises(ValueError, match="IceCandidate"):
        await ann.ice_candidate("x", {"sdpMLineIndex": "0"})
    await ann.ping()


async def test_messages_of_many_tasks_find_their_answers(join: Join) -> None:
    ann, ben = await join(), await join()

    async def good(number: int) -> None:
        await ben.offer(ann.socket_id, f"sdp {number}")

    async def bad(number: int) -> None:
        with pytest.raises(PeerNotFound):
            await ben.answer(f"nobody-{number}", SDP)

    async with asyncio.timeout(DEADLINE), asyncio.TaskGroup() as tasks:
        for number in range(30):
            tasks.create_task(good(number))
            tasks.create_task(bad(number))
            tasks.create_task(ben.ping())
    await expect(ann, ParticipantJoined)
    received = [(await expect(ann, OfferRelay)).payload.description.sdp for _ in range(30)]
    assert sorted(received) == sorted(f"sdp {number}" for number in range(30))


async def test_ping_answers_the_services_time(join: Join) -> None:
    session = await join()
    assert abs(await session.ping() - datetime.now(UTC)) < timedelta(minutes=1)


async def test_leaving(join: Join) -> None:
    ann, ben = await join(), await join()
    await ben.leave()
    await ben.leave()
    assert not ben.connected
    assert dict(ben.participants) == {}
    assert await rest_of(ben) == []
    for call in (ben.ping(), ben.offer(ann.socket_id, SDP), ben.ice_candidate(ann.socket_id, None)):
        with pytest.raises(NotInRoom):
            await call
    await expect(ann, ParticipantJoined)
    assert (await expect(ann, ParticipantLeft)).payload.reason == "left"


async def test_the_end_of_the_block_leaves(join: Join, server: ServerProcess, room_code: str) -> None:
    ann = await join()
    async with connect(server.base_url, room_code=room_code) as ben:
        await ann.offer(ben.socket_id, SDP)
    await expect(ann, ParticipantJoined)
    assert (await expect(ann, ParticipantLeft)).payload.reason == "left"
    # What had come in can still be read.
    assert [type(event) for event in await rest_of(ben)] == [OfferRelay]


async def test_an_error_in_the_block_comes_out_of_it_and_leaves(
    join: Join, server: ServerProcess, room_code: str
) -> None:
    ann = await join()
    with pytest.raises(ZeroDivisionError):
        async with connect(server.base_url, room_code=room_code):
            raise ZeroDivisionError
    await expect(ann, ParticipantJoined)
    assert (await expect(ann, ParticipantLeft)).payload.reason == "left"


async def test_a_cancelled_block_leaves(join: Join, server: ServerProcess, room_code: str) -> None:
    ann = await join()
    inside = asyncio.Event()

    async def stay() -> None:
        async with connect(server.base_url, room_code=room_code) as session:
            inside.set()
            async for _ in session:
                pass

    task = asyncio.create_task(stay())
    await inside.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await expect(ann, ParticipantJoined)
    assert (await expect(ann, ParticipantLeft)).payload.reason == "left"


async def test_a_room_that_is_closed_ends_the_session_in_order(
    join: Join, server: ServerProcess, room_code: str
) -> None:
    ann, ben = await join(), await join()
    async with AsyncSignalingClient(server.base_url, api_key=server.api_key) as client:
        await client.delete_room(room_code)
    for session in (ann, ben):
        *_, last = await rest_of(session)
        assert isinstance(last, RoomLeft)
        assert (last.payload.reason, last.payload.room_code) == ("room_closed", room_code)
        assert await rest_of(session) == []
        assert not session.connected
        assert dict(session.participants) == {}
        with pytest.raises(RoomClosed):
            await session.ping()
        await session.leave()


async def test_a_slow_reader_loses_nothing_and_still_gets_its_answers(join: Join) -> None:
    slow = await join(queue_size=10)
    fast = await join()
    for number in range(15):
        await fast.offer(slow.socket_id, f"sdp {number}")
    # More than the queue holds is under way, and nobody has read any of it.
    await slow.ping()
    await expect(slow, ParticipantJoined)
    texts = [(await expect(slow, OfferRelay)).payload.description.sdp for _ in range(15)]
    assert texts == [f"sdp {number}" for number in range(15)]


async def test_a_full_queue_holds_the_line_back_and_goes_on(join: Join) -> None:
    slow = await join(queue_size=2)
    fast = await join()
    for number in range(200):
        await fast.offer(slow.socket_id, f"{number} {'x' * 2000}")
    await expect(slow, ParticipantJoined)
    texts = [(await expect(slow, OfferRelay)).payload.description.sdp for _ in range(200)]
    assert [int(text.split()[0]) for text in texts] == list(range(200))


async def test_leaving_with_a_full_queue(join: Join) -> None:
    slow = await join(queue_size=1)
    fast = await join()
    for number in range(50):
        await fast.offer(slow.socket_id, f"sdp {number}")
    async with asyncio.timeout(DEADLINE):
        await slow.leave()
    assert (await expect(fast, ParticipantLeft)).payload.socket_id == slow.socket_id
