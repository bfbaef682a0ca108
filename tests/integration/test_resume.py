"""Seats over lost lines, as clients of a real server see them; the rules have unit tests of their own."""

from __future__ import annotations

import asyncio
import itertools
import random
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from support.raw import PING, PONG, frame
from support.seat import Seat, candidates, seat_frames, send_candidate
from support.server import ServerProcess
from support.service import LogWatch, Serve, Service
from support.spread import Spread, three_nodes

from .test_schedules import View


@pytest.fixture(scope="module")
def three_lasting() -> Iterator[list[ServerProcess]]:
    with three_nodes(RECONNECT_GRACE_SECONDS="60") as servers:
        yield servers


@pytest.fixture(params=["one", "three"])
async def lasting(serve: Serve, request: pytest.FixtureRequest) -> AsyncIterator[Service]:
    """A service that keeps seats for long, on one node and on three."""
    if request.param == "one":
        async with serve(RECONNECT_GRACE_SECONDS="60") as service:
            yield service
    else:
        async with Spread(request.getfixturevalue("three_lasting")) as spread:
            yield spread


async def test_a_line_lost_under_traffic(lasting: Service) -> None:
    """Contract 4: whatever the moment at which the line breaks: nothing missing, nothing twice, in order."""
    code = await lasting.room()
    sender = await lasting.joined(code)
    seat = await Seat.take(lasting, code)
    # On another node it is known of a moment later.
    await sender.expect("participant_joined")
    dice = random.Random(4)
    count = 0

    async def talk() -> None:
        nonlocal count
        while True:
            for _ in range(dice.randint(1, 20)):
                count += 1
                await send_candidate(sender, seat.socket_id, str(count))
            await asyncio.sleep(dice.random() * 0.005)

    talking = asyncio.create_task(talk())
    for _ in range(12):
        await asyncio.sleep(dice.random() * 0.03)
        have = len(seat_frames(seat.client))
        await seat.lose(keep=dice.randint(0, have))
        await asyncio.sleep(dice.random() * 0.02)
        await seat.resume()
    talking.cancel()
    await asyncio.gather(talking, return_exceptions=True)
    await sender.settle()
    # From another node, the last come by a way of their own.
    await seat.client.reaches(lambda _: candidates(seat.frames)[-1:] == [str(count)])
    await seat.client.settle()
    assert all(seat.recovered)
    assert candidates(seat.frames) == [str(number) for number in range(1, count + 1)]
    assert not [frame for frame in sender.frames if frame["payload"].get("code") == "peer_not_found"]


async def test_who_is_told_what(lasting: Service) -> None:
    """Contract 4: participant_reconnecting and participant_reconnected for the others; REST shows it; no
    participant_left.
    """
    code = await lasting.room()
    first = await lasting.joined(code)
    seat = await Seat.take(lasting, code)
    await first.expect("participant_joined")
    await seat.lose()
    assert (await first.expect("participant_reconnecting"))["payload"] == {"socket_id": seat.socket_id}
    states = {one["socket_id"]: one["connection"] for one in (await lasting.view(code))["participants"]}
    assert states == {first.socket_id: "connected", seat.socket_id: "reconnecting"}
    newcomer = await lasting.connect()
    seen = {one["socket_id"]: one["connection"] for one in (await newcomer.join(code))["participants"]}
    assert seen == states
    resumed = await seat.resume()
    assert [one["socket_id"] for one in resumed["participants"]] == [first.socket_id, newcomer.socket_id]
    await first.until("participant_reconnected")
    assert (await newcomer.expect("participant_reconnected"))["payload"] == {"socket_id": seat.socket_id}
    await newcomer.settle()
    assert not newcomer.of_type("participant_left")
    states = {one["socket_id"]: one["connection"] for one in (await lasting.view(code))["participants"]}
    assert set(states.values()) == {"connected"}


async def test_a_hanging_socket_is_closed_with_4005(lasting: Service) -> None:
    code = await lasting.room()
    first = await lasting.joined(code)
    seat = await Seat.take(lasting, code)
    hanging = seat.client
    seat.earlier = seat_frames(hanging)
    await seat.resume()
    assert await hanging.closed() == 4005
    await send_candidate(first, seat.socket_id, "for the new socket")
    assert (await seat.client.expect("ice_candidate"))["payload"]["from"] == first.socket_id
    await first.settle()
    assert [frame["type"] for frame in first.frames if frame["type"].startswith("participant")] == [
        "participant_joined"
    ]


async def test_a_kept_seat_counts_and_its_end_frees_it(serve: Serve) -> None:
    """Contract 4: the seat counts towards capacity meanwhile."""
    async with serve(RECONNECT_GRACE_SECONDS="2") as service:
        code = await service.room(max_participants=2)
        first = await service.joined(code)
        seat = await Seat.take(service, code)
        await seat.lose()
        await first.until("participant_reconnecting")
        waiting = await service.connect()
        await waiting.send("join", {"room_code": code})
        await waiting.expect_error("room_full")
        left = await first.until("participant_left")
        assert left["payload"] == {"socket_id": seat.socket_id, "reason": "connection_lost"}
        await waiting.join(code)
        late = await service.connect()
        await late.send("resume", {"resume_token": seat.token, "received": 1})
        await late.expect_error("resume_failed")


async def test_without_a_grace_period(serve: Serve) -> None:
    """Contract 4: RECONNECT_GRACE_SECONDS=0 turns it off."""
    async with serve(RECONNECT_GRACE_SECONDS="0") as service:
        code = await service.room()
        first = await service.joined(code)
        client = await service.connect()
        joined = await client.join(code)
        assert joined["resume_window_seconds"] == 0
        await first.expect("participant_joined")
        client.abort()
        left = await first.expect("participant_left")
        assert left["payload"]["reason"] == "connection_lost"
        late = await service.connect()
        await late.send("resume", {"resume_token": joined["resume_token"], "received": 1})
        await late.expect_error("resume_failed")


@pytest.mark.odd_frames("client")
@pytest.mark.parametrize("payload", [{}, {"resume_token": "x"}, {"resume_token": "x", "received": -1}])
async def test_a_resume_that_is_no_resume(service: Service, payload: dict[str, Any]) -> None:
    client = await service.connect()
    await client.send("resume", payload)
    await client.expect_error("invalid_message")
    await client.send("resume", {"resume_token": "x.y", "received": 1})
    await client.expect_error("resume_failed")


async def test_the_keepalive_trims_what_is_kept(serve: Serve) -> None:
    """RFC 6455, 5.5.3: a pong says that all before its ping arrived, so that is not kept any longer."""
    async with serve(
        RECONNECT_GRACE_SECONDS="60", PING_INTERVAL_SECONDS="1", PING_TIMEOUT_SECONDS="10"
    ) as service:
        code = await service.room()
        sender = await service.joined(code)
        for answers in (False, True):
            peer = await service.raw()
            await peer.send_json({"type": "join", "payload": {"room_code": code}})
            joined = (await peer.message())["payload"]
            await send_candidate(sender, joined["socket_id"], "early")
            opcode, payload = 0, b""
            while opcode != PING:
                opcode, payload = await peer.read_frame()
            if answers:
                await peer.send(frame(payload, PONG))
                await peer.send_json({"type": "ping"})
                assert (await peer.message())["type"] == "pong"
            back = await service.connect()
            resumed = await back.ask("resume", {"resume_token": joined["resume_token"], "received": 1})
            assert resumed["payload"]["recovered"] is not answers
            await back.ask("leave")


@pytest.mark.parametrize("seed", range(4))
async def test_views_converge_whatever_breaks(lasting: Service, seed: int) -> None:
    """Contract 4: every member's view equals the room's, whoever loses the line and comes back."""
    dice = random.Random(seed)
    code = await lasting.room()
    seats: list[Seat | None] = [await Seat.take(lasting, code) for _ in range(6)]

    async def live(number: int) -> None:
        for _ in range(8):
            seat = seats[number]
            if seat is None:
                seats[number] = await Seat.take(lasting, code)
            elif dice.random() < 0.25:
                await seat.client.ask("leave")
                seats[number] = None
            else:
                await seat.lose(keep=dice.randint(0, len(seat_frames(seat.client))))
                await asyncio.sleep(dice.random() * 0.02)
                await seat.resume()
            await asyncio.sleep(dice.random() * 0.01)

    await asyncio.gather(*(live(number) for number in range(6)))
    remaining = [seat for seat in seats if seat is not None]
    for seat in remaining:
        await seat.client.settle()
        assert all(seat.recovered)
    order = [one["socket_id"] for one in (await lasting.view(code))["participants"]]
    assert set(order) == {seat.socket_id for seat in remaining}

    def view(seat: Seat) -> list[str]:
        told = View()
        for heard in seat.frames:
            told.told(heard)
        return told.members

    for seat in remaining:
        await seat.client.reaches(lambda _, seat=seat: view(seat) == order)  # type: ignore[misc]


@pytest.mark.parametrize("way", ["kill9", "stop"])
async def test_over_the_end_of_a_process(tmp_path: Path, way: str) -> None:
    """Contract 4: seat, socket_id and participants outlive the process; what was in flight is told by
    `recovered: false`.
    """
    server = ServerProcess(data_dir=tmp_path, RECONNECT_GRACE_SECONDS="60")
    server.start()
    async with Service(server) as service:
        code = await service.room()
        seats = [await Seat.take(service, code) for _ in range(3)]
        for seat in seats:
            await seat.client.settle()
        await asyncio.to_thread(getattr(server, way))
        for seat in seats:
            await seat.client.closed()
            seat.earlier += seat_frames(seat.client)
    order = [seat.socket_id for seat in seats]
    await asyncio.to_thread(server.start)
    try:
        watch = LogWatch(server)
        async with Service(server) as service:
            for seat in seats:
                seat.service = service
                resumed = await seat.resume()
                assert (resumed["recovered"], resumed["replayed"]) == (False, 0)
                others = [one["socket_id"] for one in resumed["participants"]]
                assert others == [socket_id for socket_id in order if socket_id != seat.socket_id]
                polite = [one["polite"] for one in resumed["participants"]]
                assert polite == [order.index(other) < order.index(seat.socket_id) for other in others]
            for seat, target in itertools.permutations(seats, 2):
                await send_candidate(seat.client, target.socket_id, "after")
            for seat in seats:
                await seat.client.until("ice_candidate")
                await seat.client.until("ice_candidate")
            room = await service.view(code)
            assert {one["connection"] for one in room["participants"]} == {"connected"}
            # A line lost now is recovered again.
            await seats[0].lose()
            assert (await seats[0].resume())["recovered"]
        await watch.caught_up()
        assert not watch.faults()
    finally:
        server.stop()


async def test_a_room_that_ends_while_a_seat_is_kept(lasting: Service) -> None:
    code = await lasting.room()
    seat = await Seat.take(lasting, code)
    await seat.lose()
    await lasting.close_room(code)
    client = await lasting.connect()
    await client.send("resume", {"resume_token": seat.token, "received": 1})
    await client.expect_error("resume_failed")
    await client.send("join", {"room_code": code})
    await client.expect_error("room_closed")
