"""Going, in every way there is, and what the others are told of it."""

from __future__ import annotations

import pytest

from support.raw import CLOSE, close_payload, frame
from support.service import Service


async def test_leave(service: Service) -> None:
    """Contract 4: `leave`: gone at once; room_left for oneself, participant_left `left` for the others."""
    code = await service.room()
    first, second = await service.couple(code)
    await second.send("leave", {}, request_id="bye")
    left = await second.expect("room_left")
    assert left == {
        "type": "room_left",
        "payload": {"room_code": code, "reason": "left"},
        "request_id": "bye",
    }
    told = await first.expect("participant_left")
    assert told["payload"] == {"socket_id": second.socket_id, "reason": "left"}
    assert (await service.view(code))["participant_count"] == 1


async def test_leave_and_join_again_on_the_same_socket(service: Service) -> None:
    """Contract 2: the socket stays open after `leave` and may join again: the same room or another."""
    code, other = await service.room(), await service.room()
    first = await service.joined(code)
    second = await service.connect()
    for _ in range(3):
        await second.join(code)
        await second.send("leave")
        await second.expect("room_left")
    await second.join(other)
    await first.settle()
    kinds = [frame["type"] for frame in first.frames if frame["type"].startswith("participant")]
    assert kinds == ["participant_joined", "participant_left"] * 3
    assert (await service.view(code))["participant_count"] == 1
    assert (await service.view(other))["participant_count"] == 1
    assert (await service.view(code))["participants"][0]["socket_id"] == first.socket_id


@pytest.mark.parametrize("code", [1000, 1001, None])
async def test_a_close_that_means_leaving(service: Service, code: int | None) -> None:
    """Contract 4: a close by the client with 1000, 1001 or no code: participant_left `left`."""
    room = await service.room()
    first = await service.joined(room)
    peer = await service.raw_joined(room)
    await first.expect("participant_joined")
    await peer.send(frame(b"" if code is None else close_payload(code, b"bye"), CLOSE))
    left = await first.expect("participant_left")
    assert left["payload"] == {"socket_id": peer.socket_id, "reason": "left"}
    # RFC 6455, 5.5.1: the close is answered with the same, and the server ends the line.
    assert await peer.close_frame() == code
    await peer.end_of_line(deadline=2)


@pytest.mark.parametrize("code", [1002, 1003, 1007, 1011, 3000, 4000, 4001, 4999])
async def test_a_close_with_any_other_code(service: Service, code: int) -> None:
    """Contract 4: any other loss is a lost line: the seat is kept for a while, then connection_lost."""
    room = await service.room()
    first = await service.joined(room)
    peer = await service.raw_joined(room)
    await first.expect("participant_joined")
    await peer.send(frame(close_payload(code), CLOSE))
    await first.told_of_loss(peer.socket_id)


@pytest.mark.parametrize("way", ["reset", "close", "half_close"])
async def test_a_lost_line(service: Service, way: str) -> None:
    """Contract 4: RST, or FIN without a close frame: connection_lost."""
    room = await service.room()
    first = await service.joined(room)
    peer = await service.raw_joined(room)
    await first.expect("participant_joined")
    getattr(peer, way)()
    await first.told_of_loss(peer.socket_id)
    await service.seats(room, 1)


async def test_who_breaks_the_protocol_has_lost_its_line(service: Service) -> None:
    """Contract 4 with RFC 6455, 7.1.7: a peer that the service fails did not leave by its own wish."""
    room = await service.room()
    first = await service.joined(room)
    peer = await service.raw_joined(room)
    await first.expect("participant_joined")
    await peer.send(frame(b"x", 0x3))
    assert await peer.close_frame() == 1002
    await first.told_of_loss(peer.socket_id)


async def test_a_socket_lost_right_after_its_join(service: Service) -> None:
    """Contract 4: exactly one participant_left for each participant_joined, whatever crashes and when."""
    room = await service.room()
    first = await service.joined(room)
    for number in range(20):
        peer = await service.raw()
        join = frame(b'{"type": "join", "payload": {"room_code": "%s"}}' % room.encode())
        if number % 4 == 0:
            await peer.send(join + frame(close_payload(1000), CLOSE))
        elif number % 4 == 1:
            await peer.send(join)
            peer.reset()
        elif number % 4 == 2:
            await peer.send(join + frame(b'{"type": "leave"}'))
            peer.close()
        else:
            await peer.send(join + frame(b'{"type": "leave"}') + join + frame(close_payload(1001), CLOSE))
    await service.seats(room, 1)
    last = await service.joined(room)
    await first.until(lambda frame: frame["payload"].get("socket_id") == last.socket_id)
    inside: set[str] = set()
    for told in first.of_type("participant_joined", "participant_left"):
        socket_id = told["payload"]["socket_id"]
        assert (socket_id in inside) == (told["type"] == "participant_left")
        inside ^= {socket_id}
    assert inside == {last.socket_id}


async def test_the_line_ends_at_once_after_a_close_by_the_service(service: Service) -> None:
    """RFC 6455, 7.1.1: once both close frames are sent, the server ends the line; the page's `onclose` waits
    for it.
    """
    room = await service.room()
    peer = await service.raw_joined(room)
    await service.close_room(room)
    assert await peer.close_frame() == 4505
    await peer.send(frame(close_payload(4505), CLOSE))
    await peer.end_of_line(deadline=2)
