"""The short way of plain calls: answered below ASGI and Litestar, without what they can do and it need not.

On its ordinary way a request becomes a task and messages between the layers; Litestar makes a request object
of it, copies the handler for its guard, runs a coroutine for each kind of parameter and each dependency, and
leads the answer through three objects. Here, as soon as uvicorn has read the request, the same handlers are
called with values that the same models have checked, and the answer is one write. What need not wait is over
in one call of the event loop.

Whatever is not plain, or is to be refused before its handler is called, takes the ordinary way, untouched; so
such a fault is found and told in one place.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Callable, Coroutine, Generator, Mapping
from typing import Any, Final

import msgspec
from litestar import Litestar, Response
from litestar.params import BodyKwarg, HeaderParameter, PathParameter, QueryParameter
from msgspec import Struct
from uvicorn.protocols.http.httptools_impl import STATUS_LINE

from signaling.web.auth import HEADER, ApiKeys
from signaling.web.errors import refusal_of
from signaling.web.requests import NO_SNIFF, Outcome, Outcomes, body_type, decode_strictly, given_up

Start = Callable[[Any, Any], None]
"""Begins a task for a uvicorn cycle and an ASGI application."""

_Answer = tuple[int, bytes, bytes]
"""Status, header lines, body."""

_KEY: Final = HEADER.encode()

_UNUSUAL: Final = frozenset((b"origin", b"expect", b"transfer-encoding", b"upgrade"))
"""Headers of requests that are not plain: what they ask for is done on the ordinary way."""

_HOST: Final = re.compile(rb"[A-Za-z0-9.-]*(:[0-9]{1,5})?")
"""A `Host` about which there is nothing to think."""

_DIGITS: Final = 10
"""No body that is taken has a length with so many."""


class Plain(Struct, eq=False):
    """A request that may be answered on the short way."""

    call: _Call
    method: str
    headers: Mapping[bytes, bytes]
    parameter: str
    """The last part of the path, where it is one."""
    started: float


class ShortWay:
    """Answers plain calls of the API's handlers."""

    def __init__(
        self,
        litestar: Litestar,
        *,
        keys: ApiKeys,
        dependencies: Mapping[str, Callable[[], Any]],
        outcomes: Outcomes,
    ) -> None:
        """Handlers of ``litestar`` that only ``keys`` guard; they get ``dependencies`` by their names."""
        self._keys = keys
        self._given: list[_Given] = []
        self._outcomes = outcomes
        self._calls: dict[tuple[str, str], _Call] = {}
        """By method and path."""
        self._calls_of_one: dict[tuple[str, str], _Call] = {}
        """By method and what is before the last part of the path, which names one of its kind."""
        for route in litestar.routes:
            for method, (handler, _) in getattr(route, "route_handler_map", {}).items():
                if method == "OPTIONS" or not _for_holders_of_keys(route, handler):
                    continue
                call = _Call(handler, route.path_format, dependencies)
                if call.possible:
                    path, parameter, _ = route.path_format.partition("{")
                    calls = self._calls_of_one if parameter else self._calls
                    calls[method, path] = call
                    if method == "GET":
                        # HEAD is GET without the body (RFC 9110, 9.3.2).
                        calls["HEAD", path] = call

    def plain(self, scope: Any) -> Plain | None:
        """What uvicorn has read the head of, if it is plain. Its body, if any, is still to come."""
        path, method = scope["path"], scope["method"]
        call, parameter = self._calls.get((method, path)), ""
        if call is None:
            at = path.rfind("/") + 1
            call, parameter = self._calls_of_one.get((method, path[:at])), path[at:]
            if call is None or not parameter:
                return None
        headers = dict(scope["headers"])
        key = headers.get(_KEY)
        if (
            scope["query_string"]
            or len(headers) != len(scope["headers"])  # one came twice
            or key is None
            or not _UNUSUAL.isdisjoint(headers)
            or not _may_fit(headers, call.max_body_bytes)
            or scope["http_version"] != "1.1"
            or _HOST.fullmatch(headers.get(b"host", b"")) is None
            or not self._keys.accepts(key.decode("latin-1"))
        ):
            return None
        return Plain(call, method, headers, parameter, time.perf_counter())

    def answer(self, cycle: Any, plain: Plain, start: Start) -> None:
        """Answer a request that is here, body and all. Called by the event loop, in a context of its own.

        What has to wait goes on in a task that ``start`` begins; what is to be refused as well, by the
        application.
        """
        call, transport = plain.call, cycle.transport
        try:
            arguments = call.arguments(plain, bytes(cycle.body))
        except Exception:  # noqa: BLE001 - found again there, and told
            start(cycle, None)
            return
        outcome = self._outcomes.begin(
            plain.headers.get(b"x-request-id"), plain.method, plain.started, call.route
        )
        begun: _Begun | None = None
        if call.quick and not cycle.flow.write_paused:
            handling = call.handler(**arguments)
            try:
                begun = _Begun(handling, handling.send(None))
            except StopIteration as end:
                self._give(_Given(cycle, transport, outcome, _answered(call, outcome, end.value)))
            except Exception as error:  # noqa: BLE001 - answered
                self._give(_Given(cycle, transport, outcome, _refused(outcome, error)))
            if begun is None:
                return

        async def go_on(_scope: Any, _receive: Any, _send: Any) -> None:
            try:
                try:
                    result = await (call.handler(**arguments) if begun is None else begun)
                except Exception as error:  # noqa: BLE001 - answered
                    answer = _refused(outcome, error)
                else:
                    answer = _answered(call, outcome, result)
                if cycle.flow.write_paused and not cycle.disconnected:
                    await cycle.flow.drain()
            except asyncio.CancelledError:
                answer = _refused(outcome, given_up())
            written: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._give(_Given(cycle, transport, outcome, answer, written))
            await written

        start(cycle, go_on)

    def _give(self, given: _Given) -> None:
        """Have an answer written in the next turn, together with the others of this one.

        To write it wakes the client's process. Answers that are written right after one another find it
        awake, and bring its next requests together.
        """
        if not self._given:
            asyncio.get_running_loop().call_soon(self._write_all)
        self._given.append(given)

    def _write_all(self) -> None:
        given, self._given = self._given, []
        for one in given:
            try:
                one.write()
            except Exception as error:  # noqa: BLE001 - its neighbours are to be answered, too
                one.transport.abort()
                asyncio.get_running_loop().call_exception_handler(
                    {"message": "Writing an answer failed", "exception": error}
                )
        for one in given:
            one.outcome.tell()


class _Given(Struct, eq=False):
    """An answer that is to be written."""

    cycle: Any
    transport: Any
    outcome: Outcome
    answer: _Answer
    written: asyncio.Future[None] | None = None

    def write(self) -> None:
        """Write it, and do what uvicorn's `send` does at the end of an answer."""
        cycle, transport, outcome = self.cycle, self.transport, self.outcome
        outcome.status, headers, body = self.answer
        if self.written is not None and not self.written.done():
            self.written.set_result(None)
        if cycle.disconnected or cycle.response_started:
            return
        cycle.response_started = True
        if not transport.is_closing():
            transport.write(
                b"%b%b%bcontent-type: application/json\r\n"
                b"content-length: %d\r\nx-request-id: %b\r\n%b%b\r\n%b"
                % (
                    STATUS_LINE[outcome.status],
                    _default_lines(cycle.default_headers),
                    headers,
                    len(body),
                    outcome.request_id.encode(),
                    NO_SNIFF,
                    b"" if cycle.keep_alive else b"connection: close\r\n",
                    b"" if outcome.method == "HEAD" else body,
                )
            )
        cycle.response_complete = True
        cycle.message_event.set()
        if not cycle.keep_alive:
            transport.close()
        cycle.on_response()


def _answered(call: _Call, outcome: Outcome, result: Any) -> _Answer:
    try:
        return call.render(result)
    except Exception as error:  # noqa: BLE001 - answered
        return _refused(outcome, error)


def _refused(outcome: Outcome, error: Exception) -> _Answer:
    # To Litestar, too, HEAD is GET.
    method = "GET" if outcome.method == "HEAD" else outcome.method
    refusal = refusal_of(error, method, outcome.route)
    outcome.error = refusal.code.value
    return refusal.status, _lines(refusal.headers), msgspec.json.encode(refusal.body)


class _Call:
    """How a handler is called, found out once."""

    def __init__(self, handler: Any, route: str, dependencies: Mapping[str, Callable[[], Any]]) -> None:
        self.handler = handler.fn
        self.route = route
        self.possible = True
        self.quick = "GET" in handler.http_methods
        """Whether it may be over without waiting. It is begun outside a task then, so before it waits it must
        not ask for the current one, as `asyncio.timeout` does."""
        self.max_body_bytes = 0
        self._body_type: Any = None
        self._model = handler.signature_model
        self._dependencies: list[tuple[str, Callable[[], Any]]] = []
        self._parameter: str | None = None
        self._headers: list[tuple[str, bytes]] = []
        for name, parameter in handler.parsed_fn_signature.parameters.items():
            match parameter.kwarg_definition:
                case PathParameter() if self._parameter is None and route.endswith(f"/{{{name}}}"):
                    self._parameter = name
                case HeaderParameter(name=str(header)):
                    self._headers.append((name, header.lower().encode()))
                case QueryParameter():
                    pass  # A plain call has none.
                case BodyKwarg():
                    self._body_type = body_type(parameter)
                    self.max_body_bytes = handler.resolve_request_max_body_size()
                case _ if name in dependencies:
                    self._dependencies.append((name, dependencies[name]))
                case _:
                    self.possible = False
        self._status = handler.status_code
        self._fixed = _lines({header.name: header.value for header in handler.resolve_response_headers()})

    def arguments(self, plain: Plain, body: bytes) -> dict[str, Any]:
        """What the handler is called with. Raises whatever is wrong with it."""
        values: dict[str, Any] = {name: provide() for name, provide in self._dependencies}
        if self._parameter is not None:
            values[self._parameter] = plain.parameter
        for name, header in self._headers:
            if header in plain.headers:
                values[name] = plain.headers[header].decode("latin-1")
        if body:
            values["data"] = decode_strictly(body, self._body_type)
        # Not strict about text, as parameters have no other form: it is Litestar's own check.
        return msgspec.structs.asdict(msgspec.convert(values, self._model, strict=False))

    def render(self, result: Any) -> _Answer:
        """Status, header lines and body of the answer that a handler returned."""
        if not isinstance(result, Response):
            return self._status, self._fixed, msgspec.json.encode(result)
        status, headers = result.status_code or self._status, self._fixed + _lines(result.headers)
        return status, headers, msgspec.json.encode(result.content)


class _Begun:
    """A coroutine that was begun outside a task, and what it waits for now."""

    def __init__(self, coroutine: Coroutine[Any, Any, Any], waits_for: Any) -> None:
        self._coroutine = coroutine
        self._waits_for = waits_for

    def __await__(self) -> Generator[Any, Any, Any]:
        coroutine, waits_for = self._coroutine, self._waits_for
        while True:
            try:
                yield waits_for
            except GeneratorExit:
                coroutine.close()
                raise
            except BaseException as error:  # noqa: BLE001 - raised where it is waited for, as a task does
                try:
                    waits_for = coroutine.throw(error)
                except StopIteration as end:
                    return end.value
            else:
                return (yield from coroutine.__await__())


def _for_holders_of_keys(route: Any, handler: Any) -> bool:
    """Whether it is one of the API's handlers. Litestar keeps copies of guards."""
    guards = [getattr(guard, "__func__", guard) for guard in handler.resolve_guards()]
    return route.path.startswith("/api/") and guards == [ApiKeys.guard]


def _may_fit(headers: Mapping[bytes, bytes], most: int) -> bool:
    """Whether the request says of its body nothing, or that it has at most so many bytes."""
    length = headers.get(b"content-length")
    return length is None or (len(length) < _DIGITS and length.isdigit() and int(length) <= most)


def _lines(headers: Mapping[str, str]) -> bytes:
    return b"".join(
        b"%b: %b\r\n" % (name.lower().encode("latin-1"), value.encode("latin-1"))
        for name, value in headers.items()
    )


_last_default: tuple[Any, bytes] = (None, b"")


def _default_lines(headers: list[tuple[bytes, bytes]]) -> bytes:
    """The headers of every answer: a list that uvicorn makes anew each second, for the date."""
    global _last_default  # noqa: PLW0603 - one for the process, as the date is
    known, lines = _last_default
    if headers is not known:
        lines = b"".join(b"%b: %b\r\n" % header for header in headers)
        _last_default = (headers, lines)
    return lines
