"""What goes over the wires of the tests: every frame and every answer is checked here, and noted.

`support.hooks` puts this behind the libraries that the tests' clients stand on, so no test can forget it.
What it finds fails the test that runs. A frame that is wrong on purpose must be announced by the test:
``@pytest.mark.odd_frames("client")`` or ``("server")``, whoever sends it.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from functools import cache, lru_cache
from typing import Any, Final, Literal

import msgspec
from websockets.frames import Frame as WireFrame
from websockets.frames import Opcode

from signaling.contract.codec import CLIENT_TYPES, SERVER_TYPES
from signaling.contract.errors import CLOSES, ERRORS
from signaling.contract.messages import ServerMessage
from signaling.contract.types import LeftReason, RoomLeftReason
from signaling.web.docs import openapi_document
from support.schemas import check_body, check_frame_schema, check_sent_frame

Frame = dict[str, Any]
Side = Literal["client", "server"]

CORE_CLOSES: Final = {
    1002: "a frame against RFC 6455: told by the WebSocket library, before anything is a message",
    1007: "a text frame that is not UTF-8: told by the WebSocket library (RFC 6455, 8.1)",
}
"""Closes that begin with the service and are not its own, with the reason. Answers to a close are echoes."""

NOT_JUDGED: Final = 64
"""Faults kept for one test: what is wrong a thousand times is told often enough."""

HANDSHAKE: Final = "handshake"
"""Stands for the method of a call that wants a WebSocket: it is none of the REST API's operations."""

_decode_server = msgspec.json.Decoder(ServerMessage).decode
_VERBATIM: Final = ("description", "candidate")
"""What is carried as its sender made it: unknown keys are allowed in it."""


def check_server_frame(text: str | bytes) -> Frame:
    """The frame as plain values. Raises AssertionError where it is not exactly what the contract says."""
    frame: Frame
    try:
        message = _decode_server(text)
        frame = json.loads(text)
    except (msgspec.DecodeError, RecursionError, ValueError) as error:
        raise AssertionError(f"not a server message ({error}): {text[:500]!r}") from None
    assert _without_verbatim(frame) == _without_verbatim(msgspec.to_builtins(message)), (
        f"more or other fields than the contract has: {text[:500]!r}"
    )
    check_frame_schema("server", frame)
    return frame


def _without_verbatim(frame: Frame) -> Frame:
    payload = {key: value for key, value in frame["payload"].items() if key not in _VERBATIM}
    return {**frame, "payload": payload}


_SHORT: Final = 1024
"""Characters of a frame that is worth remembering: floods and pings are often alike, descriptions never."""


def _sent_type(text: str) -> str | None:
    """The type of a good client message; None for what the codec and the schema both refuse."""
    return _known_sent_type(text) if len(text) <= _SHORT else check_sent_frame(text)


def _received_notes(text: str) -> tuple[str, ...]:
    return _known_notes(text) if len(text) <= _SHORT else tuple(_notes(check_server_frame(text)))


_known_sent_type = lru_cache(maxsize=4096)(check_sent_frame)


@lru_cache(maxsize=4096)
def _known_notes(text: str) -> tuple[str, ...]:
    return tuple(_notes(check_server_frame(text)))


def _notes(frame: Frame) -> Iterator[str]:
    """What is worth noting of a frame of the service."""
    kind, payload = frame["type"], frame["payload"]
    yield f"server message {kind}"
    if kind == "error":
        yield f"socket error {payload['code']}"
    if "reason" in payload:
        yield f"{kind} reason {payload['reason']}"


class Wire:
    """The checks, what they found, and what was seen of the contract."""

    def __init__(self) -> None:
        self.odd: Collection[str] = ()
        """Whose frames may be wrong in the test that runs."""
        self.seen: set[str] = set()
        """What real services and their clients have said, in the words of `contract_notes`."""
        self.stubs: set[int] = set()
        """Ports at which this process plays the service."""
        self.greeted: set[str] = set()
        """The `socket_id`s of all sockets that were watched."""
        self.unread: Counter[int] = Counter()
        """Watched sockets whose `connected` nobody has read (yet), by the port they went to."""
        self.servers: set[int] = set()
        """Ports at which the service itself listens, or did."""
        self.permits: dict[str, bool] = {}
        """Tests that may be odd: whether they were."""
        self._faults: list[str] = []
        self._permit = ""

    def begin(self, test: str, odd: Collection[str]) -> None:
        """A test begins, in which frames of the sides in ``odd`` may be wrong."""
        self.odd, self._permit = odd, test
        if odd:
            self.permits.setdefault(test, False)

    def forgiven(self, side: str) -> bool:
        """Whether a wrong frame of ``side`` is what the test that runs is about."""
        if side not in self.odd:
            return False
        self.permits[self._permit] = True
        return True

    def faults(self) -> list[str]:
        """What was wrong since the last call."""
        found, self._faults = self._faults, []
        return found

    def fault(self, text: str) -> None:
        """Something is not as the contract says."""
        if len(self._faults) < NOT_JUDGED:
            self._faults.append(text)

    def note(self, what: Iterable[str], port: int) -> None:
        """See ``what`` at this port; what a stub says counts for nothing."""
        if port not in self.stubs:
            self.seen.update(what)

    def account(self, port: int, socket_ids: Iterable[str]) -> None:
        """A server at ``port`` has ended, and had these sockets: each must have been watched.

        Raises AssertionError otherwise. Of sockets that a watched client opened and never read from, only the
        number is known.
        """
        strangers = set(socket_ids) - self.greeted
        # Through a relay of a test's own, a client knows another port.
        others = self.servers | self.stubs
        unread = sum(count for at, count in self.unread.items() if count > 0 and at not in others)
        unread += self.unread.pop(port, 0)
        assert len(strangers) <= unread, (
            f"{len(strangers) - unread} sockets of the server at port {port} passed no check of the tests: "
            "a client in another process must connect through support.tap"
        )

    def answered(
        self, port: int, method: str, path: str, status: int, headers: Mapping[str, str], body: bytes
    ) -> None:
        """A REST answer, or a refused handshake, has arrived."""
        if port in self.stubs or method == "HEAD":
            return
        if status >= 400 and headers.get("content-type") == "application/json":
            self._refused(f"{method} {path}", status, body)
        operation = _operation(method, path)
        if operation is None:
            return
        response = operation["responses"].get(str(status))
        if response is None:
            if status != 405:  # which says that there is no such operation
                self.fault(f"{method} {path} answered {status}, which its operation does not have")
            return
        name = response["content"]["application/json"]["schema"]["$ref"].rpartition("/")[2]
        try:
            check_body(name, json.loads(body))
        except (AssertionError, ValueError) as error:
            self.fault(f"{method} {path} answered {status} with what is no {name}: {error}")

    def _refused(self, call: str, status: int, body: bytes) -> None:
        try:
            told = json.loads(body)
            code = told.get("code")
        except (ValueError, AttributeError):
            self.fault(f"{call} answered {status} with what is no error: {body[:200]!r}")
            return
        if code is None:
            return  # `/readiness` has a body of its own
        statuses = {info.value: ERRORS[info].http_status for info in ERRORS}
        if code not in statuses or status not in {statuses[code], 503}:
            self.fault(f"{call} answered {status} with the code {code!r}: not in the registry")
            return
        self.seen.add(f"http error {code}")


WIRE: Final = Wire()


def contract_notes() -> set[str]:
    """All that a suite which uses the whole contract has seen."""
    return {
        *(f"client message {kind}" for kind in CLIENT_TYPES),
        *(f"server message {kind}" for kind in SERVER_TYPES),
        *(f"socket error {code.value}" for code, info in ERRORS.items() if info.on_socket),
        *(f"http error {code.value}" for code, info in ERRORS.items() if info.http_status is not None),
        *(f"close {int(code)}" for code in CLOSES),
        *(f"participant_left reason {reason.value}" for reason in LeftReason),
        *(f"room_left reason {reason.value}" for reason in RoomLeftReason),
    }


class Conversation:
    """The messages of one WebSocket, both ways."""

    def __init__(self, port: int) -> None:
        self.port = port
        self._parts: dict[Side, tuple[Opcode, list[bytes]] | None] = {"client": None, "server": None}
        self._closing = False
        WIRE.unread[port] += 1

    def frame(self, side: Side, frame: WireFrame) -> None:
        """A frame that ``side`` has sent, whole or a part of a message."""
        if frame.opcode is Opcode.CLOSE:
            self._close(side, bytes(frame.data))
        elif frame.opcode in (Opcode.TEXT, Opcode.BINARY, Opcode.CONT):
            begun = self._parts[side]
            if frame.opcode is Opcode.CONT:
                if begun is None:
                    return  # against RFC 6455: what became of it is the other side's affair
                begun[1].append(bytes(frame.data))
            else:
                begun = self._parts[side] = (frame.opcode, [bytes(frame.data)])
            if frame.fin:
                self._parts[side] = None
                self.message(side, b"".join(begun[1]), text=begun[0] is Opcode.TEXT)

    def message(self, side: Side, data: str | bytes, *, text: bool = True) -> None:
        """A message that ``side`` has sent."""
        try:
            words = data if isinstance(data, str) else data.decode()
            notes = self._sent(words, text) if side == "client" else self._received(words, text)
        except (AssertionError, UnicodeDecodeError) as error:
            # That codec and schema disagree is a fault, whatever the test wants to send.
            # Nor is anything of the service itself ever wrong on purpose.
            excusable = not isinstance(error, Disagreement) and (side == "client" or self.port in WIRE.stubs)
            if not (excusable and WIRE.forgiven(side)):
                WIRE.fault(
                    f"the {side} sent what it should not (mark the test odd_frames if it is to): {error}"
                )
        else:
            WIRE.note(notes, self.port)

    def _sent(self, data: str, text: bool) -> Iterable[str]:
        if not text:
            raise AssertionError(f"a binary frame: {data[:200]!r}")
        try:
            kind = _sent_type(data)
        except AssertionError as error:
            raise Disagreement(str(error)) from None
        if kind is None:
            raise AssertionError(f"no client message: {data[:200]!r}")
        return (f"client message {kind}",)

    def _received(self, data: str, text: bool) -> Iterable[str]:
        if not text:
            raise AssertionError(f"a binary frame: {data[:200]!r}")
        notes = _received_notes(data)
        if "server message connected" in notes:
            WIRE.unread[self.port] -= 1
            WIRE.greeted.add(json.loads(data)["payload"]["socket_id"])
        return notes

    def _close(self, side: Side, data: bytes) -> None:
        """A close frame. The first of the two says why; the other is its echo."""
        first, self._closing = not self._closing, True
        if side == "client" or not first or len(data) < 2:
            return
        code = int.from_bytes(data[:2])
        if code not in CLOSES and code not in CORE_CLOSES and self.port not in WIRE.stubs:
            WIRE.fault(f"the service closed with {code}: not in the registry")
        WIRE.note([f"close {code}"], self.port)


class Disagreement(AssertionError):
    """The codec and the published schemas are of two minds about a frame."""


@cache
def _operations() -> list[tuple[str, list[str], dict[str, Any]]]:
    return [
        (method.upper(), path.split("/"), operation)
        for path, item in openapi_document()["paths"].items()
        for method, operation in item.items()
    ]


def _operation(method: str, path: str) -> dict[str, Any] | None:
    """The operation that a call is one of, if it is any."""
    parts = path.partition("?")[0].split("/")
    for verb, names, operation in _operations():
        if verb == method and len(parts) == len(names):
            pairs = zip(parts, names, strict=True)
            if all(part == name or (name.startswith("{") and part) for part, name in pairs):
                return operation
    return None
