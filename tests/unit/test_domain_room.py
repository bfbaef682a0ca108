"""The rules of a room: every (state, command) pair, and what holds whatever is asked in whatever order."""

from __future__ import annotations

import itertools
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from signaling.contract.errors import ErrorCode, SignalingError
from signaling.contract.types import ConnectionState, LeftReason, RoomState
from signaling.domain import commands, room
from signaling.domain.commands import Command
from signaling.domain.events import (
    ParticipantJoined,
    ParticipantLeft,
    ParticipantReconnected,
    ParticipantReconnecting,
    RoomClosed,
    RoomCreated,
    RoomEvent,
    RoomExpired,
    RoomPurged,
    Seat,
)
from signaling.domain.room import Room, decide, evolve, evolve_all

NOW = 1_700_000_000_000
TTL = 10_000
RETENTION = 5_000
SEATS = 3
GRACE = 2_000

CREATE = commands.Create(code="aaaaaa", owner_id="ada", ttl=TTL, max_participants=SEATS, retention=RETENTION)
CLOSE = commands.Close()
TICK = commands.Tick()


def _join(socket_id: str = "socket-1", node: str = "node-1") -> commands.Join:
    return commands.Join(socket_id=socket_id, display_name="Ada", user_id=None, node=node)


def _leave(socket_id: str = "socket-1", generation: int = 2) -> commands.Leave:
    return commands.Leave(socket_id=socket_id, generation=generation, reason=LeftReason.LEFT)


def _now_of(made: Room | None, socket_id: str) -> int:
    """The present generation of a seat; any, if there is none."""
    seat = None if made is None else made.seats.get(socket_id)
    return 0 if seat is None else seat.generation


def _after(*steps: Command, now: int = NOW) -> Room:
    """The room after these commands, all at one time."""
    made: Room | None = None
    for step in (CREATE, *steps):
        made = evolve_all(made, decide(made, step, now))
    assert made is not None
    return made


OPEN = _after(_join("socket-1"), _join("socket-2", "node-2"))
EXPIRED_AT = OPEN.expires_at
ROOMS: dict[RoomState | None, Room | None] = {
    None: None,
    RoomState.OPEN: OPEN,
    RoomState.CLOSED: evolve_all(OPEN, decide(OPEN, CLOSE, NOW + 1)),
    RoomState.EXPIRED: evolve_all(OPEN, decide(OPEN, TICK, EXPIRED_AT)),
}

COMMANDS: dict[str, Command] = {
    "create": CREATE,
    "join": _join("socket-9"),
    "leave": _leave(),
    "lose_line": commands.LoseLine(socket_id="socket-1", generation=2, grace=GRACE),
    "resume": commands.Resume(socket_id="socket-1", generation=2, node="node-9"),
    "regain": commands.Regain(socket_id="socket-1", generation=2, node="node-1"),
    "node_lost": commands.NodeLost(node="node-1", grace=0),
    "close": CLOSE,
    "tick": TICK,
}

GRID = """
           none               open                closed          expired
create     room_created       !server_error       !room_closed    !room_expired
join       !room_not_found    participant_joined  !room_closed    !room_expired
leave      -                  participant_left    -               -
lose_line  -                  reconnecting        -               -
resume     !resume_failed     reconnected         !resume_failed  !resume_failed
regain     -                  -                   -               -
node_lost  -                  participant_left    -               -
close      !room_not_found    room_closed         -               -
tick       -                  -                   -               -
"""
LONG = {"reconnecting": "participant_reconnecting", "reconnected": "participant_reconnected"}
"""The rules, drawn by hand from the contract: the event, `-` for nothing to do, `!` for an error."""


def _grid() -> dict[tuple[RoomState | None, str], str]:
    header, *rows = [line.split() for line in GRID.strip().splitlines()]
    states = [None if name == "none" else RoomState(name) for name in header]
    return {(state, name): cell for name, *row in rows for state, cell in zip(states, row, strict=True)}


EXPECTED = _grid()
PAIRS = list(itertools.product(ROOMS, COMMANDS))


def _tag(event: RoomEvent) -> str:
    tag: str = event.__struct_config__.tag  # type: ignore[assignment]
    return tag


def test_the_grid_has_every_pair() -> None:
    assert set(EXPECTED) == set(PAIRS)
    every_command: tuple[type[Any], ...] = Command.__args__
    assert {type(command) for command in COMMANDS.values()} == set(every_command)


@pytest.mark.parametrize(("state", "name"), PAIRS)
def test_every_pair_does_what_the_grid_says(state: RoomState | None, name: str) -> None:
    before = msgspec.json.encode(ROOMS[state])
    cell = EXPECTED[state, name]
    if cell.startswith("!"):
        with pytest.raises(SignalingError) as caught:
            decide(ROOMS[state], COMMANDS[name], NOW + 2)
        assert caught.value.code.value == cell[1:]
    else:
        events = decide(ROOMS[state], COMMANDS[name], NOW + 2)
        assert [_tag(event) for event in events] == ([] if cell == "-" else [LONG.get(cell, cell)])
        evolve_all(ROOMS[state], events)
    assert msgspec.json.encode(ROOMS[state]) == before, "the room was changed in place"


@pytest.mark.parametrize("name", COMMANDS)
def test_time_comes_before_every_command(name: str) -> None:
    """A room past its time answers as an expired one, ticked or not, and writes its end down first."""
    cell = EXPECTED[RoomState.EXPIRED, name]
    if cell.startswith("!"):
        with pytest.raises(SignalingError) as caught:
            decide(OPEN, COMMANDS[name], EXPIRED_AT)
        assert caught.value.code.value == cell[1:]
    else:
        assert cell == "-"
        assert decide(OPEN, COMMANDS[name], EXPIRED_AT) == [
            RoomExpired(version=OPEN.version + 1, at=EXPIRED_AT)
        ]


# Creating


def test_a_new_room_is_what_was_asked_for() -> None:
    assert _after() == Room(
        code="aaaaaa",
        version=1,
        state=RoomState.OPEN,
        owner_id="ada",
        created_at=NOW,
        expires_at=NOW + TTL,
        max_participants=SEATS,
        retention=RETENTION,
    )


def test_a_code_in_use_is_never_reported_as_made() -> None:
    for state in RoomState:
        with pytest.raises(SignalingError):
            decide(ROOMS[state], CREATE, NOW)


# Joining and leaving


def test_a_seat_has_all_that_joined() -> None:
    command = commands.Join(socket_id="socket-1", display_name="Ada", user_id="u-1", node="node-7")
    made = evolve_all(_after(), decide(_after(), command, NOW + 3))
    assert made is not None
    assert made.seats == {
        "socket-1": Seat(
            socket_id="socket-1",
            display_name="Ada",
            user_id="u-1",
            joined_at=NOW + 3,
            node="node-7",
            number=1,
            generation=2,
        )
    }


def test_who_is_in_cannot_join_again() -> None:
    with pytest.raises(SignalingError) as caught:
        decide(OPEN, _join("socket-1"), NOW)
    assert caught.value.code is ErrorCode.ALREADY_IN_ROOM


def test_a_full_room_refuses_and_says_how_many_it_holds() -> None:
    full = _after(*(_join(f"socket-{number}") for number in range(SEATS)))
    with pytest.raises(SignalingError, match=f"all {SEATS} seats") as caught:
        decide(full, _join("socket-9"), NOW)
    assert caught.value.code is ErrorCode.ROOM_FULL
    # Who is in already hears of that, not of the room being full.
    with pytest.raises(SignalingError) as caught:
        decide(full, _join("socket-1"), NOW)
    assert caught.value.code is ErrorCode.ALREADY_IN_ROOM


def test_a_seat_given_up_can_be_taken() -> None:
    full = _after(*(_join(f"socket-{number}") for number in range(SEATS)))
    after = evolve_all(full, decide(full, _leave("socket-0"), NOW))
    assert after is not None
    assert [_tag(event) for event in decide(after, _join("socket-9"), NOW)] == ["participant_joined"]


def test_the_reason_of_leaving_is_kept() -> None:
    for reason in LeftReason:
        command = commands.Leave(socket_id="socket-1", generation=2, reason=reason)
        assert decide(OPEN, command, NOW) == [
            ParticipantLeft(version=OPEN.version + 1, at=NOW, socket_id="socket-1", reason=reason)
        ]


def test_leaving_without_a_seat_does_nothing() -> None:
    assert decide(OPEN, _leave("socket-9"), NOW) == []


def test_seat_numbers_go_up_and_are_never_used_again() -> None:
    """`polite` is read off them: of two in a room, the later must have the higher number."""
    moves = ["+a", "+b", "-a", "+c", "-b", "-c", "+a", "+b"]
    made: Room | None = _after()
    numbers = []
    for sign, who in (tuple(move) for move in moves):
        step: Command = _join(who) if sign == "+" else _leave(who, _now_of(made, who))
        events = decide(made, step, NOW)
        made = evolve_all(made, events)
        numbers += [event.seat.number for event in events if isinstance(event, ParticipantJoined)]
    assert numbers == [1, 2, 3, 4, 5]


def test_a_lost_process_loses_its_seats_only() -> None:
    made = _after(_join("a", "node-1"), _join("b", "node-2"), _join("c", "node-1"))
    events = decide(made, commands.NodeLost(node="node-1", grace=0), NOW)
    assert events == [
        ParticipantLeft(
            version=made.version + number, at=NOW, socket_id=socket_id, reason=LeftReason.CONNECTION_LOST
        )
        for number, socket_id in enumerate(("a", "c"), 1)
    ]
    after = evolve_all(made, events)
    assert after is not None
    assert list(after.seats) == ["b"]
    assert decide(after, commands.NodeLost(node="node-1", grace=0), NOW) == []


# Losing the line, and resuming


def _lose(socket_id: str = "socket-1", generation: int = 2, grace: int = GRACE) -> commands.LoseLine:
    return commands.LoseLine(socket_id=socket_id, generation=generation, grace=grace)


def _resume(socket_id: str = "socket-1", generation: int = 2, node: str = "node-9") -> commands.Resume:
    return commands.Resume(socket_id=socket_id, generation=generation, node=node)


def _next(made: Room, command: Command, now: int = NOW) -> Room:
    after = evolve_all(made, decide(made, command, now))
    assert after is not None
    return after


def test_a_seat_whose_line_is_lost_is_kept_and_counts() -> None:
    full = _after(*(_join(f"socket-{number}") for number in range(SEATS)))
    held = _next(full, _lose("socket-1", 3))
    seat = held.seats["socket-1"]
    assert (seat.held_until, seat.connection) == (NOW + GRACE, ConnectionState.RECONNECTING)
    assert list(held.seats) == list(full.seats), "the order of joining has changed"
    assert held.due_at == NOW + GRACE
    with pytest.raises(SignalingError) as caught:
        decide(held, _join("socket-9"), NOW + GRACE - 1)
    assert caught.value.code is ErrorCode.ROOM_FULL


def test_a_kept_seat_ends_when_its_time_is_over() -> None:
    held = _next(_next(OPEN, _lose("socket-1")), _lose("socket-2", 3, grace=GRACE + 1))
    assert decide(held, TICK, NOW + GRACE - 1) == []
    assert decide(held, TICK, NOW + GRACE) == [
        ParticipantLeft(
            version=held.version + 1,
            at=NOW + GRACE,
            socket_id="socket-1",
            reason=LeftReason.CONNECTION_LOST,
        )
    ]
    assert [_tag(event) for event in decide(held, TICK, NOW + GRACE + 1)] == ["participant_left"] * 2


def test_a_seat_whose_time_is_over_keeps_nobody_out_and_cannot_be_resumed() -> None:
    """Nothing depends on the punctuality of ticks."""
    full = _after(*(_join(f"socket-{number}") for number in range(SEATS)))
    held = _next(full, _lose("socket-1", 3))
    events = decide(held, _join("socket-9"), NOW + GRACE)
    assert [_tag(event) for event in events] == ["participant_left", "participant_joined"]
    assert evolve_all(held, events) is not None
    with pytest.raises(SignalingError) as caught:
        decide(held, _resume(generation=3), NOW + GRACE)
    assert caught.value.code is ErrorCode.RESUME_FAILED
    assert decide(held, _resume(generation=3), NOW + GRACE - 1)


def test_seats_that_are_spared_are_kept_and_can_be_resumed() -> None:
    """Those that were to end since that time; others end as ever."""
    full = _after(*(_join(f"socket-{number}") for number in range(SEATS)))
    held = _next(_next(full, _lose("socket-1", 3)), _lose("socket-2", 4, grace=GRACE + 10))
    since, now = NOW + GRACE + 1, NOW + 2 * GRACE
    tick = commands.Tick(spared_since=since)
    assert [event.socket_id for event in decide(held, tick, now) if isinstance(event, ParticipantLeft)] == [
        "socket-1"
    ]
    freed = _next(held, tick, now)
    assert decide(freed, msgspec.structs.replace(_join("socket-9"), spared_since=since), now)
    resume = msgspec.structs.replace(_resume("socket-2", 4), spared_since=since)
    assert decide(freed, resume, now)
    with pytest.raises(SignalingError):
        decide(freed, _resume("socket-2", 4), now)
    with pytest.raises(SignalingError):
        decide(held, msgspec.structs.replace(_resume("socket-1", 3), spared_since=since), now)


def test_without_a_grace_period_a_lost_line_ends_the_seat() -> None:
    (event,) = decide(OPEN, _lose(grace=0), NOW)
    assert event == ParticipantLeft(
        version=OPEN.version + 1, at=NOW, socket_id="socket-1", reason=LeftReason.CONNECTION_LOST
    )


def test_a_line_is_lost_once() -> None:
    held = _next(OPEN, _lose())
    assert decide(held, _lose(), NOW + 5) == []
    assert decide(OPEN, _lose("socket-9"), NOW) == []


def test_a_resumed_seat_is_the_same_in_a_new_place() -> None:
    held = _next(OPEN, _lose())
    for before in (OPEN, held):
        after = _next(before, _resume(), NOW + 1)
        assert after.seats["socket-1"] == msgspec.structs.replace(
            OPEN.seats["socket-1"], node="node-9", generation=before.version + 1
        )
        assert list(after.seats) == list(OPEN.seats)
        assert after.joined_total == OPEN.joined_total
        assert after.due_at == after.expires_at


def test_who_held_a_seat_before_has_no_say_over_it() -> None:
    """A resume, a loss or a leave of an earlier socket changes nothing for the present one."""
    resumed = _next(_next(OPEN, _lose()), _resume())
    with pytest.raises(SignalingError) as caught:
        decide(resumed, _resume(), NOW)
    assert caught.value.code is ErrorCode.RESUME_FAILED
    assert decide(resumed, _lose(), NOW) == []
    assert decide(resumed, _leave(), NOW) == []
    assert decide(resumed, _resume(generation=resumed.version), NOW)
    assert decide(resumed, _lose(generation=resumed.version), NOW)


@pytest.mark.parametrize("generation", [-1, 0, 1, 3, 4])
def test_a_seat_is_resumed_by_its_present_generation_only(generation: int) -> None:
    with pytest.raises(SignalingError) as caught:
        decide(_next(OPEN, _lose()), _resume(generation=generation), NOW)
    assert caught.value.code is ErrorCode.RESUME_FAILED


def test_the_seats_of_a_lost_process_are_kept_from_then_on() -> None:
    """While it was away nobody could come back: also seats it was keeping get the whole time again."""
    held = _next(OPEN, _lose())
    later = NOW + 3 * GRACE
    lost = commands.NodeLost(node="node-1", grace=GRACE)
    assert decide(held, lost, later) == [
        ParticipantReconnecting(
            version=held.version + 1, at=later, socket_id="socket-1", held_until=later + GRACE
        )
    ]


# Ending


def test_a_room_is_open_until_the_millisecond_it_expires() -> None:
    last = EXPIRED_AT - 1
    assert decide(OPEN, TICK, last) == []
    assert OPEN.state_at(last) is RoomState.OPEN
    assert OPEN.as_of(last) is OPEN
    assert [_tag(event) for event in decide(OPEN, _join("socket-9"), last)] == ["participant_joined"]
    assert OPEN.state_at(EXPIRED_AT) is RoomState.EXPIRED
    assert [_tag(event) for event in decide(OPEN, TICK, EXPIRED_AT)] == ["room_expired"]
    with pytest.raises(SignalingError) as caught:
        decide(OPEN, _join("socket-9"), EXPIRED_AT)
    assert caught.value.code is ErrorCode.ROOM_EXPIRED


@pytest.mark.parametrize("late", [0, 1, RETENTION - 1])
def test_a_room_expires_at_its_time_however_late_somebody_looks(late: int) -> None:
    assert decide(OPEN, TICK, EXPIRED_AT + late) == [RoomExpired(version=OPEN.version + 1, at=EXPIRED_AT)]


def test_a_room_past_its_time_is_shown_as_it_will_be_written() -> None:
    for now in (EXPIRED_AT, EXPIRED_AT + 99):
        shown = OPEN.as_of(now)
        written = evolve_all(OPEN, decide(OPEN, TICK, now))
        assert written is not None
        assert msgspec.structs.replace(shown, version=written.version) == written


def test_the_end_of_a_room_ends_its_seats_and_stays() -> None:
    for state, ended_at in ((RoomState.CLOSED, NOW + 1), (RoomState.EXPIRED, EXPIRED_AT)):
        ended = ROOMS[state]
        assert ended is not None
        assert (ended.state, ended.ended_at, ended.seats) == (state, ended_at, {})
        assert ended.joined_total == 2, "who was there is forgotten"
        for now in (NOW, EXPIRED_AT, EXPIRED_AT + RETENTION):
            assert ended.as_of(now) is ended


def test_closing_a_room_past_its_time_finds_it_expired() -> None:
    assert decide(OPEN, CLOSE, EXPIRED_AT) == [RoomExpired(version=OPEN.version + 1, at=EXPIRED_AT)]


@pytest.mark.parametrize("state", [RoomState.CLOSED, RoomState.EXPIRED])
def test_an_ended_room_is_purged_when_its_retention_is_over(state: RoomState) -> None:
    ended = ROOMS[state]
    assert ended is not None
    assert ended.ended_at is not None
    gone = ended.ended_at + RETENTION
    assert ended.due_at == gone
    assert decide(ended, TICK, gone - 1) == []
    events = decide(ended, TICK, gone)
    assert events == [RoomPurged(version=ended.version + 1, at=gone)]
    assert evolve_all(ended, events) is None


def test_a_room_that_nobody_ticked_expires_and_is_purged_in_one_step() -> None:
    """A service that was down for long catches up: both ends are written, in order."""
    events = decide(OPEN, TICK, EXPIRED_AT + RETENTION)
    assert [_tag(event) for event in events] == ["room_expired", "room_purged"]
    assert [event.version for event in events] == [OPEN.version + 1, OPEN.version + 2]
    assert evolve_all(OPEN, events) is None


# The log


@pytest.mark.parametrize("version", [0, 1, OPEN.version, OPEN.version + 2])
def test_an_event_out_of_order_is_refused(version: int) -> None:
    with pytest.raises(ValueError, match="does not follow"):
        evolve(OPEN, RoomClosed(version=version, at=NOW))


def test_a_log_begins_with_the_making_of_the_room_and_has_no_other() -> None:
    (made,) = decide(None, CREATE, NOW)
    assert isinstance(made, RoomCreated)
    with pytest.raises(ValueError, match="before RoomCreated"):
        evolve(None, RoomClosed(version=1, at=NOW))
    with pytest.raises(ValueError, match="exists"):
        evolve(OPEN, msgspec.structs.replace(made, version=OPEN.version + 1))


def test_every_refusal_is_in_the_table() -> None:
    assert set(room.REFUSALS) == set(ROOMS)


# Whatever is asked, in whatever order

SMALL_ROOM = msgspec.structs.replace(CREATE, ttl=60, max_participants=SEATS, retention=20)
SOCKETS = st.sampled_from(["s1", "s2", "s3", "s4", "s5"])
GENERATIONS = st.sampled_from([2, 2, 3, 4, 5, 6])
GRACES = st.sampled_from([0, 7, 30])
NODES = st.sampled_from(["node-1", "node-2"])
ANY_COMMAND: st.SearchStrategy[Command] = st.one_of(
    st.builds(commands.Join, socket_id=SOCKETS, display_name=st.just("x"), user_id=st.none(), node=NODES),
    st.builds(commands.Leave, socket_id=SOCKETS, generation=GENERATIONS, reason=st.sampled_from(LeftReason)),
    st.builds(commands.LoseLine, socket_id=SOCKETS, generation=GENERATIONS, grace=GRACES),
    st.builds(commands.Resume, socket_id=SOCKETS, generation=GENERATIONS, node=NODES),
    st.builds(commands.Regain, socket_id=SOCKETS, generation=GENERATIONS, node=NODES),
    st.builds(commands.NodeLost, node=NODES, grace=GRACES),
    st.builds(
        commands.Create,
        code=st.just("aaaaaa"),
        owner_id=st.none(),
        ttl=st.integers(1, 40),
        max_participants=st.integers(1, 4),
        retention=st.integers(0, 20),
    ),
    st.just(CLOSE),
    st.just(TICK),
)
# Every story begins with the room being made: without one there is little to tell.
STORY = st.lists(st.tuples(ANY_COMMAND, st.integers(0, 8)), min_size=20, max_size=60)


@settings(deadline=None, max_examples=200)
@given(STORY)
def test_what_holds_after_every_command(story: list[tuple[Command, int]]) -> None:
    """The invariants of a room, on any story told in commands and passing time."""
    now = NOW
    made: Room | None = None
    log: list[RoomEvent] = []
    for command, passed in [(SMALL_ROOM, 0), *story]:
        now += passed
        before = msgspec.json.encode(made)
        try:
            events = decide(made, command, now)
            assert decide(made, command, now) == events, "the same question had two answers"
        except SignalingError:
            assert msgspec.json.encode(made) == before
            continue
        after = evolve_all(made, events)
        assert msgspec.json.encode(made) == before, "the room was changed in place"
        log += events
        made = after
        assert [event.version for event in log] == list(range(1, len(log) + 1)), "a gap in the versions"
        assert [event.at for event in log] == sorted(event.at for event in log), "time ran backwards"
        assert evolve_all(None, log) == made, "the log does not make the room"
        if made is None:
            _check_log(log, None)
            log = []
            continue
        _check_log(log, made)
        _check_room(made)


def _check_room(made: Room) -> None:
    assert len(made.seats) <= made.max_participants
    numbers = [seat.number for seat in made.seats.values()]
    assert numbers == sorted(set(numbers)), "the order of joining is not that of the numbers"
    assert all(1 <= number <= made.joined_total for number in numbers)
    assert all(socket_id == seat.socket_id for socket_id, seat in made.seats.items())
    assert (made.state is RoomState.OPEN) == (made.ended_at is None)
    assert made.state is RoomState.OPEN or not made.seats
    # A tick has something to do from `due_at` on, and not before.
    assert decide(made, TICK, made.due_at - 1) == []
    assert decide(made, TICK, made.due_at)


def _check_log(log: list[RoomEvent], made: Room | None) -> None:
    """For every ParticipantJoined exactly one ParticipantLeft, the end of the room, or somebody who is in."""
    seated: dict[str, Seat] = {}
    joined = 0
    ended = False
    for event in log:
        match event:
            case RoomCreated():
                assert event is log[0]
            case ParticipantJoined(seat=seat):
                assert not ended
                assert seat.socket_id not in seated, "joined twice"
                joined += 1
                assert seat.number == joined
                assert seat.generation == event.version
                seated[seat.socket_id] = seat
            case ParticipantLeft(socket_id=socket_id):
                assert not ended
                assert socket_id in seated, "left without being in"
                del seated[socket_id]
            case ParticipantReconnecting(socket_id=socket_id, held_until=held_until):
                assert socket_id in seated, "lost without being in"
                seated[socket_id] = msgspec.structs.replace(seated[socket_id], held_until=held_until)
            case ParticipantReconnected(socket_id=socket_id, generation=generation, node=node):
                assert socket_id in seated, "resumed without being in"
                regained = (generation, node) == (seated[socket_id].generation, seated[socket_id].node)
                assert regained or generation == event.version
                seated[socket_id] = msgspec.structs.replace(
                    seated[socket_id], held_until=None, generation=generation, node=node
                )
            case RoomClosed() | RoomExpired():
                assert not ended, "ended twice"
                ended = True
                seated.clear()
            case RoomPurged():
                assert ended
                assert event is log[-1]
    if made is None:
        assert log == [] or isinstance(log[-1], RoomPurged)
    else:
        assert made.seats == seated
        assert made.joined_total == joined


@settings(deadline=None, max_examples=100)
@given(st.lists(st.tuples(SOCKETS, st.booleans()), max_size=40), st.integers(1, 4))
def test_capacity_holds_whoever_comes_and_goes(moves: list[tuple[str, bool]], capacity: int) -> None:
    """Joining is refused exactly when all seats are taken by others."""
    made = evolve_all(None, decide(None, msgspec.structs.replace(CREATE, max_participants=capacity), NOW))
    inside: set[str] = set()
    for socket_id, comes in moves:
        command: Command = _join(socket_id) if comes else _leave(socket_id, _now_of(made, socket_id))
        refusal: ErrorCode | None = None
        if comes and socket_id in inside:
            refusal = ErrorCode.ALREADY_IN_ROOM
        elif comes and len(inside) == capacity:
            refusal = ErrorCode.ROOM_FULL
        if refusal is None:
            made = evolve_all(made, decide(made, command, NOW))
            (inside.add if comes else inside.discard)(socket_id)
        else:
            with pytest.raises(SignalingError) as caught:
                decide(made, command, NOW)
            assert caught.value.code is refusal
        assert made is not None
        assert set(made.seats) == inside
