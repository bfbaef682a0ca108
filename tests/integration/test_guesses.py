"""Room codes must not be found by trying (contract 5): unknown codes are counted per client address."""

from __future__ import annotations

import asyncio
import itertools
from collections import Counter

import pytest

from support.client import Client
from support.service import Serve, Service

CODES = itertools.cycle(f"zz{number:04d}" for number in range(2222, 9999))


async def try_codes(client: Client, count: int) -> list[str]:
    """Try so many unknown codes; the errors' codes."""
    answers = []
    for _ in range(count):
        await client.send("join", {"room_code": next(CODES)})
        answers.append((await client.expect("error"))["payload"]["code"])
    return answers


async def test_sixty_a_minute(serve: Serve) -> None:
    """Contract 5: 60 a minute, then rate_limited with retry_after, right codes included: else trying would
    still pay.
    """
    async with serve() as service:
        code = await service.room()
        client = await service.connect()
        assert await try_codes(client, 30) == ["room_not_found"] * 30
        for _ in range(5):
            await client.join(code)
            await client.send("leave")
            await client.expect("room_left")
        other = await service.connect()
        assert await try_codes(other, 30) == ["room_not_found"] * 30
        for one in (client, other, await service.connect()):
            for wanted in (next(CODES), code):
                await one.send("join", {"room_code": wanted}, request_id="r")
                error = await one.expect_error("rate_limited")
                assert 0 < error["payload"]["retry_after"] <= 60
                assert error["request_id"] == "r"
        # Only joining is refused: the socket goes on, and rooms are still readable for the platform.
        assert (await other.ask("ping"))["type"] == "pong"
        assert (await service.view(code))["participant_count"] == 0


@pytest.mark.odd_frames("client")
async def test_known_codes_do_not_count(serve: Serve) -> None:
    """Contract 5: a whole school may sit behind one address: joins that succeed, or find a full or closed
    room, are free.
    """
    async with serve(UNKNOWN_CODES_PER_MINUTE="3") as service:
        code, closed, full = (
            await service.room(),
            await service.room(),
            await service.room(max_participants=2),
        )
        await service.close_room(closed)
        await service.couple(full)
        client = await service.connect()
        for _ in range(5):
            for wanted, error in ((closed, "room_closed"), (full, "room_full")):
                await client.send("join", {"room_code": wanted})
                await client.expect_error(error)
            await client.join(code)
            await client.send("leave")
            await client.expect("room_left")
        await client.send("join", {"room_code": "not a code"})
        await client.expect_error("invalid_message")
        assert await try_codes(client, 3) == ["room_not_found"] * 3
        assert await try_codes(client, 1) == ["rate_limited"]


async def test_tries_at_the_same_time(serve: Serve) -> None:
    """Contract 5: many sockets that try at once do not get more tries that pay."""
    async with serve(UNKNOWN_CODES_PER_MINUTE="5") as service:
        clients = [await service.connect() for _ in range(40)]
        for client in clients:
            await client.send("join", {"room_code": next(CODES)})
        for client in clients:
            await client.expect("error")
        assert await try_codes(clients[0], 1) == ["rate_limited"]


async def test_forwarded_addresses_are_not_believed_by_default(serve: Serve) -> None:
    """Contract 5: per client address; a header that anyone can send gives nobody new tries."""
    async with serve(UNKNOWN_CODES_PER_MINUTE="3") as service:
        await try_codes(await service.connect(), 3)
        for forwarded in ("203.0.113.7", "203.0.113.8", "203.0.113.9, 198.51.100.1"):
            other = await service.connect(headers={"X-Forwarded-For": forwarded})
            assert await try_codes(other, 1) == ["rate_limited"]


async def test_forwarded_addresses_of_a_trusted_proxy(serve: Serve) -> None:
    """Contract 5: behind a proxy named in TRUSTED_PROXIES each client address is counted apart."""
    async with serve(UNKNOWN_CODES_PER_MINUTE="3", TRUSTED_PROXIES="127.0.0.1") as service:

        async def behind(forwarded: str) -> Client:
            return await service.connect(headers={"X-Forwarded-For": forwarded})

        assert await try_codes(await behind("203.0.113.1"), 4) == [*["room_not_found"] * 3, "rate_limited"]
        assert await try_codes(await behind("203.0.113.2"), 3) == ["room_not_found"] * 3
        # What the client itself put in front of the proxy's entry is not believed.
        assert await try_codes(await behind("198.51.100.9, 203.0.113.1"), 1) == ["rate_limited"]
        # All addresses of one IPv6 subscriber count together (a /64), its neighbour's apart.
        assert await try_codes(await behind("2001:db8::1"), 2) == ["room_not_found"] * 2
        assert await try_codes(await behind("2001:db8::ffff:2"), 2) == ["room_not_found", "rate_limited"]
        assert await try_codes(await behind("2001:db8:0:1::1"), 1) == ["room_not_found"]


async def test_a_refused_guess_leaves_nothing_behind(service: Service) -> None:
    """Contract 5: thousands of unknown codes do no harm to the service."""
    clients = [await service.connect() for _ in range(10)]
    for _ in range(50):
        for client in clients:
            await client.send("join", {"room_code": next(CODES)})
    for client in clients:
        await client.settle()
        assert {frame["payload"]["code"] for frame in client.of_type("error")} == {"room_not_found"}
    await service.healthy()


async def test_tries_beside_one_another(serve: Serve) -> None:
    """Contract 5: 60 a minute also when all are sent at once; a right code behind them is not told apart."""
    async with serve() as service:
        quiet, busy = await service.room(), await service.room()
        await service.joined(busy)
        sockets = [await service.connect() for _ in range(150)]
        codes = [next(CODES) for _ in range(140)]
        codes[100:100] = [quiet] * 5 + [busy] * 5
        for socket, code in zip(sockets, codes, strict=True):
            await socket.send("join", {"room_code": code})
        answers = await asyncio.gather(*(socket.expect("error") for socket in sockets))
        counts = Counter(answer["payload"]["code"] for answer in answers)
        assert counts["room_not_found"] == 60
        assert counts["rate_limited"] == 90


async def test_a_class_behind_one_address(serve: Serve) -> None:
    """Contract 5: a whole school may sit behind one address: joins of known codes are never limited."""
    async with serve() as service:
        codes = [await service.room(max_participants=100) for _ in range(5)]
        sockets = [await service.connect() for _ in range(100)]
        joins = (socket.join(codes[number % 5]) for number, socket in enumerate(sockets))
        await asyncio.gather(*joins)
