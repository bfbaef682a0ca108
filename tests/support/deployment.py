"""Several nodes on one Redis, for tests, and what must be so in the end, whatever was done to them."""

from __future__ import annotations

import asyncio
import contextlib
import random
import signal
from itertools import pairwise
from typing import Any, Final

from signaling.backends.redis.store import RedisStore
from signaling.domain.events import ParticipantJoined, ParticipantLeft, RoomEvent
from support.client import DEADLINE
from support.participant import Participant
from support.server import ServerProcess
from support.service import Service, eventually

SETTINGS: Final = {
    "UNKNOWN_CODES_PER_MINUTE": "100000",
    "RECONNECT_GRACE_SECONDS": "60",
    "DRAIN_SECONDS": "2",
}


class Deployment:
    """Nodes on one Redis, as an operator has them."""

    def __init__(self, redis_url: str, **env: str) -> None:
        self.redis_url = redis_url
        self.nodes: list[Service] = []
        """Those that new sockets are led to."""
        self._env = env
        self._servers: list[ServerProcess] = []
        self._services = contextlib.AsyncExitStack()
        self._participants: list[Participant] = []

    async def __aenter__(self) -> Deployment:
        return self

    async def __aexit__(self, *_exception: object) -> None:
        outcomes = await asyncio.gather(
            *(participant.leave() for participant in self._participants), return_exceptions=True
        )
        try:
            await self._services.aclose()
        finally:
            stops = (asyncio.to_thread(self._end, server) for server in self._servers)
            outcomes += await asyncio.gather(*stops, return_exceptions=True)
        for outcome in outcomes:
            if isinstance(outcome, BaseException):
                raise outcome
        for server in self._servers:
            assert not faults(server)

    def _end(self, server: ServerProcess) -> None:
        if server.process is not None:
            # It may have been stopped.
            server.process.send_signal(signal.SIGCONT)
        server.__exit__(None, None, None)

    async def start(self, redis_url: str | None = None, **env: str) -> Service:
        """One more node."""
        settings: dict[str, Any] = {**SETTINGS, "REDIS_URL": redis_url or self.redis_url, **self._env, **env}
        server = ServerProcess(**settings)
        self._servers.append(server)
        await asyncio.to_thread(server.__enter__)
        node = await self._services.enter_async_context(Service(server))
        self.nodes.append(node)
        return node

    async def start_all(self, count: int) -> list[Service]:
        """So many nodes at once."""
        return list(await asyncio.gather(*(self.start() for _ in range(count))))

    def signal(self, node: Service, number: signal.Signals) -> None:
        """As an operator, or fate, does it to a process."""
        process = node.server.process
        assert process is not None
        process.send_signal(number)

    async def kill9(self, node: Service) -> None:
        """A node is gone from one moment to the next."""
        self.nodes.remove(node)
        await asyncio.to_thread(node.server.kill9)

    def freeze(self, node: Service) -> None:
        """A node stands still, as on an overloaded host; new sockets are led to the others."""
        self.nodes.remove(node)
        self.signal(node, signal.SIGSTOP)

    def thaw(self, node: Service) -> None:
        """It goes on."""
        self.signal(node, signal.SIGCONT)
        self.nodes.append(node)

    async def stop(self, node: Service) -> int:
        """End a node in order; its exit code."""
        self.nodes.remove(node)
        return await asyncio.to_thread(node.server.stop)

    async def take_part(self, code: str, nodes: list[Service], dice: random.Random) -> list[Participant]:
        """Somebody joins the room at each of these nodes, one after the other."""
        participants = []
        for node in nodes:
            participant = Participant(lambda: self.nodes, dice)
            self._participants.append(participant)
            await participant.enter(code, node)
            participants.append(participant)
        return participants

    async def log(self, code: str) -> list[RoomEvent]:
        """The room's log, as it is stored."""
        store = await RedisStore.open(self.redis_url)
        try:
            return list(await store.log(code))
        finally:
            await store.close()

    async def agree(self, code: str, participants: list[Participant], *, deadline: float = DEADLINE) -> None:
        """Wait until everybody's view is the room, in its order, with all lines standing; then what is kept
        of the room must be the same: the log, what REST shows on each node, the statistics.
        """
        expected = {participant.socket_id for participant in participants}

        async def agreed() -> bool:
            shown = [await node.view(code) for node in self.nodes]
            order = [one["socket_id"] for one in shown[0]["participants"]]
            if set(order) != expected or any(view != shown[0] for view in shown):
                return False
            return all(
                participant.seated.is_set()
                and [*participant.view.members.values()] == [True] * len(order)
                # Who resumed without recovery sees itself last.
                and sorted(participant.view.members) == sorted(order)
                for participant in participants
            )

        await eventually(agreed, f"all views to be {sorted(expected)}: {_views(participants)}", deadline)
        check_log(await self.log(code), expected)

    async def statistics(self) -> dict[str, int]:
        """As REST shows them; the same on every node."""
        answers = [(await node.rest.get("/api/statistics")).json()["statistics"] for node in self.nodes]
        assert all(answer == answers[0] for answer in answers)
        counts: dict[str, int] = answers[0]
        return counts


def _views(participants: list[Participant]) -> object:
    class Late:
        """Said when the deadline is over, not before."""

        def __str__(self) -> str:
            return str([(one.socket_id, one.seated.is_set(), one.view.members) for one in participants])

    return Late()


def check_log(log: list[RoomEvent], seated: set[str]) -> None:
    """Of every seat one beginning and one end, but for those who are still seated."""
    assert [event.version for event in log] == list(range(1, len(log) + 1))
    joined = [event.seat.socket_id for event in log if isinstance(event, ParticipantJoined)]
    left = [event.socket_id for event in log if isinstance(event, ParticipantLeft)]
    assert len(set(joined)) == len(joined)
    assert len(set(left)) == len(left)
    assert set(left) <= set(joined)
    assert set(joined) - set(left) == seated


def check_order(participants: list[Participant]) -> None:
    """Whatever came from one to another came once, in the order it was sent."""
    for receiver in participants:
        for sender in participants:
            heard = receiver.heard_of(sender.socket_id)
            odd = [pair for pair in pairwise(heard) if pair[0] >= pair[1]]
            assert not odd, f"from {sender.socket_id} to {receiver.socket_id}: {odd[:5]}"


def missing(participants: list[Participant]) -> dict[tuple[str, str], list[int]]:
    """What was sent from one to another and has not come (yet), by sender and receiver."""
    lost = {}
    for receiver in participants:
        for sender in participants:
            sent = sender.sent.get(receiver.socket_id, [])
            if gap := sorted(set(sent) - set(receiver.heard_of(sender.socket_id))):
                lost[sender.socket_id, receiver.socket_id] = gap
    return lost


async def nothing_missing(participants: list[Participant]) -> None:
    """Wait until all that was sent has come; it must have come once, in order."""

    async def arrived() -> bool:
        return not missing(participants)

    try:
        await eventually(arrived, "all that was sent")
    except AssertionError:
        lost = missing(participants)
        shown = {pair: gap[:5] for pair, gap in list(lost.items())[:5]}
        raise AssertionError(f"lost between {len(lost)} pairs, such as {shown}") from None
    check_order(participants)


def faults(server: ServerProcess) -> list[str]:
    """Lines of its log that no sound service writes, whatever happens around it."""
    return [line for line in server.lines if "Traceback" in line or '"level": "error"' in line]
