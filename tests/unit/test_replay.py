"""What is kept of a seat's frames: exactly what follows what the client has, within its bounds."""

from __future__ import annotations

import sys

from hypothesis import given
from hypothesis import strategies as st

from signaling.realtime.replay import FRAME_COST, Replay, ReplayLimits

PLENTY = ReplayLimits(frames=1000, total_bytes=1_000_000)


def _filled(limits: ReplayLimits, *frames: bytes) -> Replay:
    replay = Replay(limits)
    for frame in frames:
        replay.add(frame)
    return replay


def test_nothing_was_sent() -> None:
    replay = Replay(PLENTY)
    assert replay.since(0) == []
    assert replay.since(1) is None


def test_what_follows_is_told_from_what_was_received() -> None:
    replay = _filled(PLENTY, b"1", b"2", b"3")
    assert [replay.since(received) for received in range(5)] == [
        [b"1", b"2", b"3"],
        [b"2", b"3"],
        [b"3"],
        [],
        None,
    ]


def test_the_very_bytes_are_kept() -> None:
    frame = bytes(100)
    kept = _filled(PLENTY, frame).since(0)
    assert kept is not None
    assert kept[0] is frame


def test_over_the_bound_of_frames_the_oldest_are_forgotten() -> None:
    replay = _filled(ReplayLimits(frames=2, total_bytes=1_000_000), b"1", b"2", b"3")
    assert replay.since(0) is None
    assert replay.since(1) == [b"2", b"3"]


def test_over_the_bound_of_bytes_the_oldest_are_forgotten() -> None:
    limits = ReplayLimits(frames=1000, total_bytes=2 * (FRAME_COST + 10))
    replay = _filled(limits, bytes(10), bytes(10), bytes(11))
    assert replay.since(1) is None
    assert replay.since(2) == [bytes(11)]


def test_a_frame_larger_than_the_bound_is_not_kept_and_is_missed() -> None:
    replay = _filled(ReplayLimits(frames=10, total_bytes=100), b"small", bytes(200))
    assert replay.since(1) is None
    assert replay.since(2) == []


def test_what_was_received_is_forgotten() -> None:
    replay = _filled(PLENTY, b"1", b"2", b"3")
    replay.acknowledge(2)
    assert replay.since(1) is None
    assert replay.since(2) == [b"3"]
    for no_news in (0, 1, 2, 4, 2**53):
        replay.acknowledge(no_news)
    assert replay.since(2) == [b"3"]


def test_after_a_loss_counting_goes_on_where_the_client_is() -> None:
    replay = _filled(PLENTY, b"1")
    replay.restart(17)
    replay.add(b"18")
    assert replay.since(16) is None
    assert replay.since(17) == [b"18"]


@given(
    st.lists(st.binary(max_size=30) | st.integers(0, 40), max_size=60),
    st.integers(1, 12),
    st.integers(1, 600),
)
def test_whatever_is_sent_and_received(steps: list[bytes | int], frames: int, total: int) -> None:
    """Bytes are sent, a number says what arrived: what follows is right or None, and bounded."""
    replay = Replay(ReplayLimits(frames=frames, total_bytes=total))
    sent: list[bytes] = []
    acknowledged = 0
    for step in steps:
        if isinstance(step, bytes):
            replay.add(step)
            sent.append(step)
        else:
            replay.acknowledge(step)
            if step <= len(sent):
                acknowledged = max(acknowledged, step)
        kept = 0
        for received in range(len(sent) + 2):
            following = replay.since(received)
            if following is None:
                assert received > len(sent) or received < len(sent)
                continue
            assert following == sent[received:]
            assert received >= acknowledged
            kept = max(kept, len(following))
        assert kept <= frames
        assert sum(len(frame) + FRAME_COST for frame in sent[len(sent) - kept :]) <= total
        # The newest that fit are there.
        if acknowledged < len(sent) and len(sent[-1]) + FRAME_COST <= total:
            assert replay.since(len(sent) - 1) == sent[-1:]


def test_what_is_empty_takes_next_to_nothing() -> None:
    """There is one for every seat, and most seats are silent."""
    replay = Replay(PLENTY)
    never_used = _size(replay)
    for number in range(100):
        replay.add(bytes(100))
        replay.acknowledge(number)
    assert _size(replay) > never_used
    replay.acknowledge(100)
    assert _size(replay) == never_used < 200


def _size(replay: Replay) -> int:
    return sys.getsizeof(replay) + sys.getsizeof(replay._frames)
