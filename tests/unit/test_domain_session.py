"""The table of session states: every (state, input) pair, and the ways through it."""

from __future__ import annotations

import itertools

import pytest

from signaling.contract.errors import ErrorCode, SignalingError
from signaling.domain.session import MESSAGES, REFUSALS, TRANSITIONS, Input, SessionState, transition

GRID = """
               lobby     joining   resuming  seated    leaving   ended
join           joining   .         .         .         .         .
offer          .         .         .         seated    .         .
answer         .         .         .         seated    .         .
ice_candidate  .         .         .         seated    .         .
leave          .         .         .         leaving   .         .
resume         resuming  .         .         .         .         .
ping           lobby     .         .         seated    .         .
joined         .         seated    .         .         .         .
resumed        .         .         seated    .         .         .
refused        .         lobby     lobby     .         seated    .
left           .         .         .         .         lobby     .
closed         ended     ended     ended     ended     ended     .
"""
"""The table, drawn by hand from the contract: the state after, or `.` for an error."""


def _grid() -> dict[tuple[SessionState, Input], SessionState | None]:
    header, *rows = [line.split() for line in GRID.strip().splitlines()]
    states = [SessionState(name) for name in header]
    cells = {}
    for name, *row in rows:
        for state, cell in zip(states, row, strict=True):
            cells[state, Input(name)] = None if cell == "." else SessionState(cell)
    return cells


EXPECTED = _grid()
PAIRS = list(itertools.product(SessionState, Input))


def test_the_grid_has_every_pair() -> None:
    assert set(EXPECTED) == set(PAIRS)


@pytest.mark.parametrize(("state", "input_"), PAIRS, ids=lambda value: value.value)
def test_every_pair_does_what_the_grid_says(state: SessionState, input_: Input) -> None:
    table = {row: dict(cells) for row, cells in TRANSITIONS.items()}
    after = EXPECTED[state, input_]
    if after is not None:
        assert transition(state, input_) is after
    else:
        with pytest.raises(SignalingError) as caught:
            transition(state, input_)
        assert caught.value.code is REFUSALS.get(state, ErrorCode.SERVER_ERROR)
    assert table == TRANSITIONS, "looking a state up changed the table"


@pytest.mark.parametrize(
    ("state", "message", "code"),
    [
        (SessionState.LOBBY, "offer", ErrorCode.NOT_IN_ROOM),
        (SessionState.LOBBY, "answer", ErrorCode.NOT_IN_ROOM),
        (SessionState.LOBBY, "ice_candidate", ErrorCode.NOT_IN_ROOM),
        (SessionState.LOBBY, "leave", ErrorCode.NOT_IN_ROOM),
        (SessionState.SEATED, "join", ErrorCode.ALREADY_IN_ROOM),
        (SessionState.SEATED, "resume", ErrorCode.ALREADY_IN_ROOM),
    ],
)
def test_a_message_out_of_place_has_the_code_of_the_contract(
    state: SessionState, message: str, code: ErrorCode
) -> None:
    with pytest.raises(SignalingError) as caught:
        transition(state, MESSAGES[message])
    assert caught.value.code is code


def test_after_an_error_the_session_goes_on_where_it_was() -> None:
    """A bad frame changes nothing: whatever is refused on the way, the way is the same."""
    way = [
        Input.PING,
        Input.JOIN,
        Input.REFUSED,
        Input.JOIN,
        Input.JOINED,
        Input.OFFER,
        Input.LEAVE,
        Input.REFUSED,
        Input.LEAVE,
        Input.LEFT,
        Input.CLOSED,
    ]
    state = SessionState.LOBBY
    for step in way:
        for input_ in Input:
            if EXPECTED[state, input_] is None:
                with pytest.raises(SignalingError):
                    transition(state, input_)
        state = transition(state, step)
    assert state is SessionState.ENDED


def test_every_state_has_a_row_and_can_be_reached() -> None:
    assert set(TRANSITIONS) == set(SessionState)
    reached = {SessionState.LOBBY}
    while True:
        further = {after for state in reached for after in TRANSITIONS[state].values()} | reached
        if further == reached:
            break
        reached = further
    assert reached == set(SessionState)


def test_a_socket_can_be_lost_in_every_state_and_then_nothing_more_happens() -> None:
    for state in set(SessionState) - {SessionState.ENDED}:
        assert transition(state, Input.CLOSED) is SessionState.ENDED
    assert TRANSITIONS[SessionState.ENDED] == {}


def test_while_a_room_decides_no_message_is_taken() -> None:
    """Frames wait meanwhile: the rows of what is being decided hold outcomes only."""
    for state in (SessionState.JOINING, SessionState.LEAVING):
        assert not set(TRANSITIONS[state]) & set(MESSAGES.values())


def test_messages_are_named_as_on_the_wire() -> None:
    outcomes = {Input.JOINED, Input.RESUMED, Input.REFUSED, Input.LEFT, Input.CLOSED}
    assert {name: input_.value for name, input_ in MESSAGES.items()} == {name: name for name in MESSAGES}
    assert set(MESSAGES.values()) | outcomes == set(Input)
    assert not set(MESSAGES.values()) & outcomes
