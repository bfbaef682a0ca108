"""What a socket may do when: one table of states.

A session is one socket's conversation. The rows are its states, the columns what can
happen: the messages of the client and the outcomes that the service finds. An entry
that is missing is the error; a state's row being empty makes it final.
"""

from __future__ import annotations

import enum
from typing import Final

from signaling.contract.errors import ErrorCode, SignalingError


class SessionState(enum.Enum):
    """Where a socket is."""

    # Each is there once. Enum's own hash is that of the name, worked out in Python, for every frame twice.
    __hash__ = object.__hash__

    LOBBY = "lobby"
    """Connected, in no room."""
    JOINING = "joining"
    """A join is being decided. Frames wait."""
    SEATED = "seated"
    """In a room."""
    RESUMING = "resuming"
    """A resume is being decided. Frames wait."""
    LEAVING = "leaving"
    """A leave is being decided. Frames wait."""
    ENDED = "ended"
    """Closed, by whichever side."""


class Input(enum.Enum):
    """What can happen to a session: messages of the client first, named by their `type`."""

    __hash__ = object.__hash__

    JOIN = "join"
    OFFER = "offer"
    ANSWER = "answer"
    ICE_CANDIDATE = "ice_candidate"
    LEAVE = "leave"
    RESUME = "resume"
    PING = "ping"
    JOINED = "joined"
    """The seat is taken."""
    REFUSED = "refused"
    """The join, the resume or the leave was not possible."""
    RESUMED = "resumed"
    """The seat is taken again."""
    LEFT = "left"
    """The seat is given up."""
    CLOSED = "closed"
    """The socket is gone, or is being closed."""


TRANSITIONS: Final[dict[SessionState, dict[Input, SessionState]]] = {
    SessionState.LOBBY: {
        Input.JOIN: SessionState.JOINING,
        Input.RESUME: SessionState.RESUMING,
        Input.PING: SessionState.LOBBY,
        Input.CLOSED: SessionState.ENDED,
    },
    SessionState.JOINING: {
        Input.JOINED: SessionState.SEATED,
        Input.REFUSED: SessionState.LOBBY,
        Input.CLOSED: SessionState.ENDED,
    },
    SessionState.RESUMING: {
        Input.RESUMED: SessionState.SEATED,
        Input.REFUSED: SessionState.LOBBY,
        Input.CLOSED: SessionState.ENDED,
    },
    SessionState.SEATED: {
        Input.OFFER: SessionState.SEATED,
        Input.ANSWER: SessionState.SEATED,
        Input.ICE_CANDIDATE: SessionState.SEATED,
        Input.LEAVE: SessionState.LEAVING,
        Input.PING: SessionState.SEATED,
        Input.CLOSED: SessionState.ENDED,
    },
    SessionState.LEAVING: {
        Input.LEFT: SessionState.LOBBY,
        Input.REFUSED: SessionState.SEATED,
        Input.CLOSED: SessionState.ENDED,
    },
    SessionState.ENDED: {},
}

REFUSALS: Final[dict[SessionState, ErrorCode]] = {
    SessionState.LOBBY: ErrorCode.NOT_IN_ROOM,
    SessionState.SEATED: ErrorCode.ALREADY_IN_ROOM,
}
"""The error code of a message that its state's row does not have. The other states take no messages."""

MESSAGES: Final = {
    input_.value: input_
    for input_ in (
        Input.JOIN,
        Input.OFFER,
        Input.ANSWER,
        Input.ICE_CANDIDATE,
        Input.LEAVE,
        Input.RESUME,
        Input.PING,
    )
}
"""`type` of a client message to its column."""


def transition(state: SessionState, input_: Input) -> SessionState:
    """The state after ``input_``. Raises SignalingError where the table has no entry: nothing changes."""
    after = TRANSITIONS[state].get(input_)
    if after is None:
        code = REFUSALS.get(state, ErrorCode.SERVER_ERROR)
        raise SignalingError(code)
    return after
