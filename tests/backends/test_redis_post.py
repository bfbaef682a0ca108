"""Messages between nodes: in order, once, and what is lost is noticed or given back."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import time
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from signaling.backends.redis import post as module
from signaling.backends.redis.post import RedisPost
from signaling.rooms.ports import StoreUnavailable
from support.cut_line import CutLine
from support.redis_server import RedisServer

from .nodes import DEADLINE_SECONDS, suite_cluster, suite_server


class Node:
    """A post, and what it said."""

    def __init__(self, post: RedisPost, name: str) -> None:
        self.post = post
        self.name = name
        self.heard: list[tuple[str, bytes]] = []
        self.lost: list[str] = []
        self.back: list[tuple[str, list[bytes]]] = []
        post.listen(
            lambda sender, message: self.heard.append((sender, message)),
            lost=self.lost.append,
            undelivered=lambda node, messages: self.back.append((node, messages)),
        )

    def say(self, to: Node | str, *texts: str) -> None:
        name = to if isinstance(to, str) else to.name
        for text in texts:
            assert self.post.send(name, text.encode())

    def texts(self) -> list[str]:
        return [message.decode() for _, message in self.heard]

    async def hears(self, *texts: str) -> None:
        """Return when it has heard just this, from the beginning."""
        await until(lambda: len(self.heard) >= len(texts), lambda: f"heard {self.texts()}, lost {self.lost}")
        assert self.texts() == [*texts]


async def until(condition: Callable[[], bool], what: Callable[[], str]) -> None:
    deadline = time.monotonic() + DEADLINE_SECONDS
    while not condition():
        assert time.monotonic() < deadline, what()
        await asyncio.sleep(0.005)


class Posts:
    """Nodes of one deployment; each may have a line of its own."""

    def __init__(self) -> None:
        self.prefix = f"test-{secrets.token_hex(6)}"
        self._stack = contextlib.AsyncExitStack()

    async def line(self) -> CutLine:
        return await self._stack.enter_async_context(CutLine(suite_server().port))

    async def open(self, name: str, url: str | None = None, *, start: bool = True) -> Node:
        post = await RedisPost.open(url or suite_server().url, name, prefix=self.prefix)
        self._stack.push_async_callback(post.close)
        node = Node(post, name)
        if start:
            await post.start()
        return node

    async def close(self) -> None:
        await self._stack.aclose()


@pytest.fixture
async def posts() -> AsyncIterator[Posts]:
    opened = Posts()
    yield opened
    await opened.close()


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits for long."""
    monkeypatch.setattr(module, "DEAF_SECONDS", 0.2)
    monkeypatch.setattr(module, "DOUBTFUL_SECONDS", 0.4)
    monkeypatch.setattr(module, "RETRY_SECONDS", 0.02)
    monkeypatch.setattr(module, "LOOK_SECONDS", 0.05)


def numbers(first: int, last: int) -> list[str]:
    return [str(number) for number in range(first, last + 1)]


@pytest.mark.parametrize("url", ["server", "cluster"])
async def test_messages_arrive_once_and_in_order(posts: Posts, url: str) -> None:
    """Also many in one turn, and over many turns; each pair of nodes by itself."""
    where = (suite_server() if url == "server" else suite_cluster()).url
    first, second, third = [await posts.open(name, where) for name in ("a", "b", "c")]
    for number in range(1, 301):
        first.say(third, f"a{number}")
        second.say(third, f"b{number}")
        if number % 7 == 0:
            await asyncio.sleep(0)
    third.say(first, "back")
    await until(lambda: len(third.heard) == 600, lambda: f"{len(third.heard)} heard")
    for node in (first, second):
        heard = [message.decode() for sender, message in third.heard if sender == node.name]
        assert heard == [f"{node.name}{number}" for number in range(1, 301)]
    await first.hears("back")
    assert not second.heard
    assert not any((*node.lost, *node.back) for node in (first, second, third))


async def test_what_nobody_hears_comes_back_and_its_numbers_are_used_again(posts: Posts, quick: None) -> None:
    """A node that is no more: all of it, in order, what was sent meanwhile included."""
    sender = await posts.open("a")
    sender.say("gone", "1", "2")
    await asyncio.sleep(0)
    sender.say("gone", "3")
    await asyncio.sleep(0.05)
    sender.say("gone", "4")
    await until(lambda: bool(sender.back), lambda: "nothing came back")
    assert sender.back == [("gone", [b"1", b"2", b"3", b"4"])]
    # Should it come after all, nothing seems to be missing.
    late = await posts.open("gone")
    sender.say(late, "5")
    await late.hears("5")
    assert not late.lost


async def test_a_node_that_is_deaf_for_a_moment_hears_all(
    posts: Posts, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its line is being made again: what is sent meanwhile waits, in order."""
    monkeypatch.setattr(module, "DEAF_SECONDS", 5.0)
    line = await posts.line()
    sender, far = await posts.open("a"), await posts.open("b", line.url)
    sender.say(far, "0")
    await far.hears("0")
    for round_ in range(3):
        line.open.clear()
        line.cut()
        await until(lambda: line.waiting > 0, lambda: "the line is not made again")
        for number in range(1, 11):
            sender.say(far, str(10 * round_ + number))
            await asyncio.sleep(0.005)
        line.open.set()
        await far.hears(*numbers(0, 10 * round_ + 10))
    assert not far.lost
    assert not sender.back


async def test_a_message_whose_reply_is_lost_is_heard_once(posts: Posts) -> None:
    line = await posts.line()
    sender, far = await posts.open("a", line.url), await posts.open("b")
    for number in range(1, 21):
        line.lose_replies = number % 3
        sender.say(far, str(number))
        await far.hears(*numbers(1, number))
    assert not far.lost
    assert not sender.back


async def test_a_message_that_is_lost_on_its_way_is_sent_again(posts: Posts) -> None:
    line = await posts.line()
    sender, far = await posts.open("a", line.url), await posts.open("b")
    for number in range(1, 21):
        line.lose_requests = number % 3
        sender.say(far, str(number))
        await far.hears(*numbers(1, number))
    assert not far.lost


async def test_what_may_have_been_heard_does_not_come_back(posts: Posts, quick: None) -> None:
    """Else it could be heard twice; the node, should it hear again, is told that something is missing."""
    line = await posts.line()
    sender = await posts.open("a", line.url)
    line.lose_replies = 1
    sender.say("gone", "doubtful")
    await line.lost.wait()
    await until(lambda: sender.post._outbound["gone"].persisting is not None, lambda: "not tried again")
    sender.say("gone", "behind")
    await until(lambda: bool(sender.back), lambda: "nothing came back")
    assert sender.back == [("gone", [b"behind"])]
    late = await posts.open("gone")
    # By itself, as nothing more is said.
    await until(lambda: late.lost == ["a"], lambda: "the loss was not noticed")
    sender.say(late, "after")
    await late.hears("after")
    assert late.lost == ["a"]


async def test_a_loss_on_a_line_that_died_unseen_is_noticed(posts: Posts, quick: None) -> None:
    """Redis takes it for alive, and counts what is said there as heard."""
    line = await posts.line()
    sender, far = await posts.open("a"), await posts.open("b", line.url)
    sender.say(far, "1")
    await far.hears("1")
    line.silent = True
    sender.say(far, "lost")
    await line.lost.wait()
    # What follows soon is lost as well; the line is found out later.
    await until(lambda: sender.post._outbound["b"].quiet > module.TAILS[1], lambda: "nothing follows")
    line.cut()
    line.silent = False
    await until(lambda: far.lost == ["a"], lambda: "the loss was not noticed")
    assert far.texts() == ["1"]


async def test_a_redis_that_is_away_delays_messages_and_loses_none() -> None:
    posts = Posts()
    with RedisServer() as redis:
        sender, far = await posts.open("a", redis.url), await posts.open("b", redis.url)
        sender.say(far, "0")
        await far.hears("0")
        for round_ in range(2):
            redis.kill9()
            for number in range(1, 11):
                sender.say(far, str(10 * round_ + number))
                await asyncio.sleep(0.02)
            await asyncio.to_thread(redis.start)
            await far.hears(*numbers(0, 10 * round_ + 10))
        assert not far.lost
        assert not sender.back
        await posts.close()


async def test_too_much_for_a_node_is_not_taken(
    posts: Posts, quick: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MAX_WAITING", 1000)
    sender, other = await posts.open("a"), await posts.open("b")
    taken = sum(sender.post.send("gone", b"x" * 100) for _ in range(20))
    assert taken == 10
    sender.say(other, "others are not concerned")
    await other.hears("others are not concerned")
    await until(lambda: bool(sender.back), lambda: "nothing came back")
    assert len(sender.back[0][1]) == 10
    assert sender.post.send("gone", b"x" * 100)
    # Nor is what was heard counted for ever.
    for number in range(30):
        sender.say(other, "y" * 100)
        await until(lambda number=number: len(other.heard) == number + 2, lambda: "not heard")  # type: ignore[misc]


async def test_numbers_of_a_node_that_is_sent_nothing_are_forgotten(
    posts: Posts, quick: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "LOOK_SECONDS", 0.01)
    monkeypatch.setattr(module, "MAX_LOOKS", 6)
    sender, far = await posts.open("a"), await posts.open("b")
    for number in range(1, 4):
        sender.say(far, str(number))
        sender.say("gone", "x")
        await far.hears(*numbers(1, number))
        await until(lambda: not sender.post._outbound, lambda: f"{[*sender.post._outbound]} are kept")
    assert not far.lost


async def test_nothing_overtakes_what_is_not_heard(
    posts: Posts, quick: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where Redis comes back after the first was given up for now: what is behind waits for it."""
    answers: list[tuple[bytes, asyncio.Future[Any]]] = []

    def publish(_node: str, bundle: bytes) -> asyncio.Future[Any]:
        answers.append((bundle, asyncio.get_running_loop().create_future()))
        return answers[-1][1]

    async def published(count: int) -> None:
        await until(lambda: len(answers) == count, lambda: f"{len(answers)} published")

    sender = await posts.open("a", start=False)
    with monkeypatch.context() as patch:
        patch.setattr(sender.post, "_publish", publish)
        sender.say("b", "1")
        await published(1)
        sender.say("b", "2")
        await asyncio.sleep(0.05)
        answers[0][1].set_exception(StoreUnavailable("away"))
        await published(2)
        assert answers[1][0] == answers[0][0]
        sender.say("b", "3")
        answers[1][1].set_result((0, True))
        await published(3)
        assert answers[2][0] == answers[0][0]
        answers[2][1].set_result((1, False))
        await published(4)
        assert b"2" in answers[3][0]
        assert b"3" in answers[3][0]
        answers[3][1].set_result((1, False))
        await until(lambda: sender.post._outbound["b"].bytes == 0, lambda: "still counted")
    assert not sender.back


async def test_what_is_not_understood_is_passed_over(posts: Posts) -> None:
    """As a newer version of the service may say."""
    sender, far = await posts.open("a"), await posts.open("b")
    with suite_server().client() as client:
        assert client.execute_command("SPUBLISH", far.post._channel("b"), b"\xc1?") == 1
    sender.say(far, "understood")
    await far.hears("understood")
    assert not far.lost


async def test_a_fault_of_whoever_listens_makes_nobody_deaf(posts: Posts) -> None:
    """The line goes on, and so do the messages of the same announcement."""
    sender, far = await posts.open("a"), await posts.open("b")
    faults: list[str] = []
    asyncio.get_running_loop().set_exception_handler(
        lambda _loop, context: faults.append(str(context["exception"]))
    )

    def receive(sender: str, message: bytes) -> None:
        if message == b"trip":
            raise RuntimeError("tripped")
        far.heard.append((sender, message))

    far.post.listen(receive, lost=far.lost.append, undelivered=lambda _node, _messages: None)
    sender.say(far, "trip", "1")
    await far.hears("1")
    sender.say(far, "2")
    await far.hears("1", "2")
    assert faults == ["tripped"]


async def test_closing_sends_what_waits(posts: Posts) -> None:
    far = await posts.open("b")
    post = await RedisPost.open(suite_server().url, "a", prefix=posts.prefix)
    sender = Node(post, "a")
    sender.say(far, "1", "2")
    await post.close()
    await far.hears("1", "2")
