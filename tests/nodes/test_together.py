"""Several nodes are one service: whoever is on which node, a room is the same."""

from __future__ import annotations

import asyncio
import random

from support.client import Client
from support.seat import Seat, candidates, send_candidate
from support.service import Service


async def test_a_room_over_three_nodes(nodes: list[Service]) -> None:
    """Contract 2: members on any nodes see each other, and offers, answers and candidates arrive in order."""
    code = await nodes[0].room()
    clients = [await node.joined(code) for node in nodes]
    names = [client.socket_id for client in clients]
    for client in clients:
        await client.reaches(lambda _, client=client: view(client) == names)  # type: ignore[misc]
    for sender in clients:
        for target in clients:
            if sender is not target:
                for number in range(50):
                    await send_candidate(sender, target.socket_id, f"{sender.socket_id}/{number}")
    for client in clients:
        await client.reaches(lambda frames: len(candidates(frames)) == 100)
        for sender in clients:
            if sender is not client:
                heard = [text for text in candidates(client.frames) if text.startswith(sender.socket_id)]
                assert heard == [f"{sender.socket_id}/{number}" for number in range(50)]
                froms = {
                    frame["payload"]["from"]
                    for frame in client.of_type("ice_candidate")
                    if frame["payload"]["candidate"]["candidate"].startswith(sender.socket_id)
                }
                assert froms == {sender.socket_id}
    shown = [await node.view(code) for node in nodes]
    assert [one["socket_id"] for one in shown[0]["participants"]] == names
    assert shown[0] == shown[1] == shown[2]
    await clients[1].ask("leave")
    for client in (clients[0], clients[2]):
        left = await client.until("participant_left")
        assert left["payload"] == {"socket_id": names[1], "reason": "left"}
    await clients[0].send("offer", {"to": names[1], "description": {"type": "offer", "sdp": ""}})
    await clients[0].until(lambda frame: frame["payload"].get("code") == "peer_not_found")
    await nodes[2].close_room(code)
    for client in (clients[0], clients[2]):
        assert await client.closed() == 4505


def view(client: Client) -> list[str]:
    """Who is in the room, as a client was told."""
    members: list[str] = []
    for frame in client.frames:
        payload = frame["payload"]
        match frame["type"]:
            case "room_joined":
                members = [one["socket_id"] for one in payload["participants"]] + [payload["socket_id"]]
            case "participant_joined":
                assert payload["socket_id"] not in members
                members.append(payload["socket_id"])
            case "participant_left":
                members.remove(payload["socket_id"])
    return members


async def test_capacity_is_exact_over_nodes(nodes: list[Service]) -> None:
    """Ninety join at once on three nodes, for twenty seats: twenty get one."""
    code = await nodes[0].room(max_participants=20)
    clients = [await nodes[number % 3].connect() for number in range(90)]
    answers = await asyncio.gather(*(client.ask("join", {"room_code": code}) for client in clients))
    outcomes = [answer["payload"].get("code", answer["type"]) for answer in answers]
    assert (outcomes.count("room_joined"), outcomes.count("room_full")) == (20, 70)
    members = [client for client, outcome in zip(clients, outcomes, strict=True) if outcome == "room_joined"]
    order = [one["socket_id"] for one in (await nodes[1].view(code))["participants"]]
    for client in members:
        await client.reaches(lambda _, client=client: view(client) == order)  # type: ignore[misc]


async def test_a_seat_is_resumed_on_another_node(nodes: list[Service]) -> None:
    """Contract 4: with everything that was missed, from the node that was left, while it lives."""
    code = await nodes[0].room()
    first = await nodes[0].joined(code)
    seat = await Seat.take(nodes[0], code)
    await seat.lose()
    await first.until("participant_reconnecting")
    for number in range(5):
        await send_candidate(first, seat.socket_id, str(number))
    seat.service = nodes[1]
    resumed = await seat.resume()
    assert (resumed["recovered"], resumed["replayed"]) == (True, 5)
    assert [one["socket_id"] for one in resumed["participants"]] == [first.socket_id]
    await first.until("participant_reconnected")
    await send_candidate(first, seat.socket_id, "5")
    await seat.client.reaches(lambda _: candidates(seat.frames) == [str(number) for number in range(6)])
    await send_candidate(seat.client, first.socket_id, "back")
    told = await first.until("ice_candidate")
    assert told["payload"]["from"] == seat.socket_id


async def test_a_seat_that_wanders_under_traffic(nodes: list[Service]) -> None:
    """Nothing missing, nothing twice, in order for each sender, whichever node the seat moves to and when."""
    code = await nodes[0].room()
    senders = [await node.joined(code) for node in nodes]
    seat = await Seat.take(nodes[0], code)
    for sender in senders:
        await sender.reaches(lambda _, sender=sender: seat.socket_id in view(sender))  # type: ignore[misc]
    dice = random.Random(7)
    counts = [0] * len(senders)

    async def talk(number: int) -> None:
        while True:
            for _ in range(dice.randint(1, 10)):
                counts[number] += 1
                await send_candidate(senders[number], seat.socket_id, f"{number}/{counts[number]}")
            await asyncio.sleep(dice.random() * 0.01)

    talking = [asyncio.create_task(talk(number)) for number in range(len(senders))]
    for _ in range(15):
        await asyncio.sleep(dice.random() * 0.05)
        if dice.random() < 0.5:
            await seat.lose()
        else:
            # The old socket still hangs when the new one comes.
            hanging = seat.client
            seat.earlier += seat_frames_of(hanging)
        seat.service = dice.choice(nodes)
        await seat.resume()
    for task in talking:
        task.cancel()
    await asyncio.gather(*talking, return_exceptions=True)
    for sender in senders:
        await sender.settle()
    assert all(seat.recovered), seat.recovered

    def heard(number: int) -> list[str]:
        return [text for text in candidates(seat.frames) if text.startswith(f"{number}/")]

    await seat.client.reaches(lambda _: len(candidates(seat.frames)) >= sum(counts))
    for number, count in enumerate(counts):
        assert heard(number) == [f"{number}/{one}" for one in range(1, count + 1)]
    for sender in senders:
        assert not sender.of_type("participant_left", "error")


def seat_frames_of(client: Client) -> list[dict[str, object]]:
    from support.seat import seat_frames

    return seat_frames(client)
