"""The policy: what each kind of change means to a client that is not changed (docs/compatibility.md)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether an old client breaks, and why."""

    breaks: bool
    why: str


def _breaks(why: str) -> Verdict:
    return Verdict(True, why)


def _fine(why: str) -> Verdict:
    return Verdict(False, why)


# What clients send: the service must go on taking it, and go on meaning the same by it.

REFUSED: Final = _breaks("what an old client sends may be refused")
MUST_SEND: Final = _breaks("an old client does not send it, and is refused")
NO_EFFECT: Final = _breaks("an old client still sends it, and nothing comes of it")
CALL_GONE: Final = _breaks("an old client's call finds nothing")
MESSAGE_GONE: Final = _breaks("an old client's message is answered `unknown_type`")
SHUT_OUT: Final = _breaks("an old client's call is refused for what it does not send")
STILL_TAKEN: Final = _fine("what old clients send is taken as before")
NEED_NOT_SEND: Final = _fine("old clients need not send it")

# What clients receive: what they know must go on coming as they know it. They are told to pass over the rest.

MISSED: Final = _breaks("an old client that looks for it finds nothing")
COUNTED_ON: Final = _breaks("an old client counts on it")
UNREADABLE: Final = _breaks("an old client cannot read it")
WAITS: Final = _breaks("an old client that acts on it waits in vain")
NOT_TO_PASS_OVER: Final = _breaks("`type` says how to read the rest, so a client cannot pass over it")
OTHER_ANSWER: Final = _breaks("an old client that waits for an answer it knows may wait in vain")
RENAMED_ERROR: Final = _breaks("an old client looks for the one that is gone")
EXPECTED: Final = _fine("old clients are ready for it")
PASSED_OVER: Final = _fine("clients pass over what they do not know")
UNKNOWN_VALUE: Final = _fine("clients must be ready for values that they do not know")
UNKNOWN_ERROR: Final = _fine("clients take an error that they do not know by its status or `retry_after`")
NO_MORE: Final = _fine("old clients only never see it")
BOUNDS: Final = _fine("bounds bind who sends; clients do not check what they get")

# Both

OTHER_DEFAULT: Final = _breaks("leaving it out means something else now")
DEFAULT_TOLD: Final = _fine("it says what was left open")
NOT_CALLED: Final = _fine("old clients do not use it")
AS_BEFORE: Final = _fine("it works as before")
NAME_IN_CODE: Final = _fine("only code generated from the document has the name; nothing on the wire changes")
NOT_UNDERSTOOD: Final = _breaks("contract-diff does not know this part of JSON Schema, so a person must look")
MOVED: Final = _breaks("an old client fetches it where it was")
OPENED_OTHERWISE: Final = _breaks(
    "contract-diff does not weigh what it takes to connect, so a person must look"
)

# Errors and closes

RETRIES_IN_VAIN: Final = _breaks("an old client tries again, in vain")
RETRIES_LESS: Final = _fine("an old client gives up though it could try again")
SOCKET_ENDS: Final = _breaks("an old client goes on using a socket that ends")
SOCKET_STAYS: Final = _fine("an old client is ready for more than that")
OTHER_RECONNECT: Final = _breaks("an old client reconnects when it should not, or the other way round")
OTHER_MEANING: Final = _breaks("an old client takes it for what the name stood for before")
FOR_PEOPLE: Final = _fine("clients go by the number; the name is for people")
RANGE_TELLS: Final = _fine("its range, 4000 to 4499 or 4500 to 4999, tells an old client what to do")
NO_RANGE: Final = _breaks("it is in no range that tells an old client whether to reconnect")
