"""A node dies, or stands still for so long that it is taken for dead."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncGenerator

import pytest

from support.client import Closed
from support.deployment import Deployment, check_log, check_order
from support.redis_server import RedisServer
from support.seat import Seat, candidates, send_candidate
from support.service import Service, eventually

pytestmark = pytest.mark.fault

GRACE = 3
FOUND_OUT = 10.0
"""Seconds within which the seats of a dead node must be known to have lost their lines."""

Scene = AsyncGenerator[None]
"""What is played before a node dies, up to the one `yield`, and after."""


class Stage:
    """Two nodes that live, one that dies and one that stands still."""

    def __init__(self, deployment: Deployment, nodes: list[Service]) -> None:
        self.deployment = deployment
        self.alive = nodes[:2]
        self.dying, self.still = nodes[2:]
        self.taken_over = asyncio.Event()
        self.thawed = asyncio.Event()


async def test_nodes_that_die_and_nodes_that_stand_still(redis: RedisServer) -> None:
    """A lease takes its time to end: it is waited for once, in all scenes."""
    async with Deployment(redis.url, RECONNECT_GRACE_SECONDS=str(GRACE)) as deployment:
        stage = Stage(deployment, await deployment.start_all(4))
        scenes = [a_lesson(stage), regained(stage), resumed_elsewhere(stage), a_crowd_at_the_door(stage)]
        for scene in scenes:
            await anext(scene)
        await deployment.kill9(stage.dying)
        deployment.freeze(stage.still)
        # Redis has noticed that the line of the dead one is closed when it answers this.
        await stage.alive[0].rest.get("/api/statistics")
        await asyncio.gather(*(anext(scene, None) for scene in scenes))


async def a_lesson(stage: Stage) -> Scene:
    """kill -9 under traffic: seats wait for their clients, and what is sent to them as well; those who come
    back are in, and a seat nobody comes back for ends, once.
    """
    deployment, alive = stage.deployment, stage.alive
    code = await alive[0].room()
    late = await Seat.take(stage.dying, code)
    gone = await Seat.take(stage.dying, code)
    others = await deployment.take_part(code, [*alive, stage.dying], random.Random(1))
    for one in others:
        one.speak(pause=0.5)
    yield
    died = time.monotonic()
    senders = [await node.joined(code) for node in alive]
    for number in range(20):
        for sender in senders:
            await send_candidate(sender, late.socket_id, f"{sender.socket_id}/{number}")
    for sender in senders:
        for seat in (late, gone):
            await sender.until(
                lambda frame, seat=seat: (  # type: ignore[misc]
                    frame["type"] == "participant_reconnecting"
                    and frame["payload"]["socket_id"] == seat.socket_id
                )
            )
    assert time.monotonic() - died < FOUND_OUT
    late.service = alive[1]
    await late.lose()
    resumed = await late.resume()
    assert not resumed["recovered"]
    told = {one["socket_id"] for one in resumed["participants"]}
    those_there = {one.socket_id for one in others} | {one.socket_id for one in senders}
    assert told == {gone.socket_id} | those_there
    for sender in senders:
        await sender.until("participant_left")
        sent = [f"{sender.socket_id}/{number}" for number in range(20)]
        await late.client.reaches(
            lambda frames, sender=sender, sent=sent: (  # type: ignore[misc]
                [text for text in candidates(frames) if text.startswith(f"{sender.socket_id}/")] == sent
            )
        )
        for seat, end in ((gone, "participant_left"), (late, "participant_reconnected")):
            about = [frame for frame in sender.frames if frame["payload"].get("socket_id") == seat.socket_id]
            assert [frame["type"] for frame in about] == ["participant_reconnecting", end]
        assert not sender.of_type("error")
    for one in others:
        await one.hush()

    async def heard_the_last() -> bool:
        return all(
            others[2].sent[one.socket_id][-1] in one.heard_of(others[2].socket_id)
            and one.sent[others[2].socket_id][-1] in others[2].heard_of(one.socket_id)
            for one in others[:2]
        )

    # From another node, the last come by a way of their own.
    await eventually(heard_the_last, "the last frames from other nodes")
    check_order(others)
    # Whoever was at the dead node is back, and hears the others again.
    assert not others[2].lost_seats
    assert others[2].recovered == [False]
    for one in others[:2]:
        assert not one.closes
        assert max(others[2].heard_of(one.socket_id)) == one.sent[others[2].socket_id][-1]
        assert max(one.heard_of(others[2].socket_id)) == others[2].sent[one.socket_id][-1]
    seated = {late.socket_id} | those_there
    assert {one["socket_id"] for one in (await alive[0].view(code))["participants"]} == seated
    check_log(await deployment.log(code), seated)


async def regained(stage: Stage) -> Scene:
    """SIGSTOP for longer than the lease, then SIGCONT: the seats were taken for lost, and stand."""
    code = await stage.alive[0].room()
    watcher = await stage.alive[0].joined(code)
    member = await stage.still.joined(code)
    yield
    for number in range(10):
        await send_candidate(watcher, member.socket_id, str(number))
    lost = await watcher.until("participant_reconnecting")
    assert lost["payload"] == {"socket_id": member.socket_id}
    await stage.taken_over.wait()
    stage.deployment.thaw(stage.still)
    stage.thawed.set()
    back = await watcher.until("participant_reconnected")
    assert back["payload"] == {"socket_id": member.socket_id}
    await send_candidate(watcher, member.socket_id, "10")
    await member.reaches(lambda frames: candidates(frames) == [str(number) for number in range(11)])
    await send_candidate(member, watcher.socket_id, "back")
    await watcher.until("ice_candidate")
    assert len(watcher.of_type("participant_reconnecting", "participant_reconnected")) == 2
    assert not watcher.of_type("participant_left", "error")


async def resumed_elsewhere(stage: Stage) -> Scene:
    """The same, but the clients have not waited: the node must let their seats go."""
    code = await stage.alive[0].room()
    watcher = await stage.alive[0].joined(code)
    seat = await Seat.take(stage.still, code)
    hanging = seat.client
    yield
    seat.service = stage.alive[1]
    seat.earlier = seat.frames
    assert not (await seat.resume())["recovered"]
    await send_candidate(watcher, seat.socket_id, "moved")
    stage.taken_over.set()
    await stage.thawed.wait()
    assert await hanging.closed() == 4005
    await seat.client.reaches(lambda frames: candidates(frames) == ["moved"])
    await watcher.settle()
    assert not watcher.of_type("participant_left", "participant_reconnecting")
    shown = await stage.still.view(code)
    assert [one["socket_id"] for one in shown["participants"]] == [watcher.socket_id, seat.socket_id]
    check_log(await stage.deployment.log(code), {watcher.socket_id, seat.socket_id})


async def a_crowd_at_the_door(stage: Stage) -> Scene:
    """Ninety join twenty seats at three nodes, and one of these dies meanwhile: capacity stays exact."""
    alive, dying = stage.alive, stage.dying
    code = await alive[0].room(max_participants=20)
    clients = [await node.connect() for _ in range(30) for node in (*alive, dying)]

    async def join(number: int) -> str:
        try:
            answer = await clients[number].ask("join", {"room_code": code})
        except Closed:
            return "closed"
        return str(answer["payload"].get("code", answer["type"]))

    joining = [asyncio.create_task(join(number)) for number in range(len(clients))]
    await asyncio.wait(joining, return_when=asyncio.FIRST_COMPLETED)
    yield
    outcomes = await asyncio.gather(*joining)
    assert set(outcomes) <= {"room_joined", "room_full", "closed"}
    assert "closed" not in {outcome for number, outcome in enumerate(outcomes) if number % 3 < 2}
    members = {
        client.socket_id
        for number, (client, outcome) in enumerate(zip(clients, outcomes, strict=True))
        if outcome == "room_joined" and number % 3 < 2
    }
    assert (await alive[0].view(code))["participant_count"] <= 20
    await alive[1].seats(code, len(members))
    late = [await alive[number % 2].connect() for number in range(20)]
    answers = await asyncio.gather(*(client.ask("join", {"room_code": code}) for client in late))
    taken = {
        client.socket_id
        for client, answer in zip(late, answers, strict=True)
        if answer["type"] == "room_joined"
    }
    assert len(members) + len(taken) == 20
    check_log(await stage.deployment.log(code), members | taken)
