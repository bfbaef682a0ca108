"""The short way of plain calls: answered without what Litestar can do and they do not need.

On its ordinary way Litestar makes a request object, copies the handler for each guard, runs a coroutine for
each kind of parameter and each dependency, and an answer passes through three objects. Here the same handlers
are called with values that the same models have checked. Whatever is not plain, or is to be refused, takes
the ordinary way, unread; so a fault is found and told in one place.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

import msgspec
from litestar import Response
from litestar.exceptions import ClientException
from litestar.params import BodyKwarg, HeaderParameter, PathParameter, QueryParameter
from litestar.types import ASGIApp, Receive, Send

from signaling.web.auth import HEADER, ApiKeys
from signaling.web.requests import body_type, decode_strictly

_KEY: Final = HEADER.encode()

_DIGITS: Final = 10
"""No body that is taken has a length with so many."""


class ShortWay:
    """Middleware that answers plain calls of API handlers itself."""

    def __init__(self, app: ASGIApp, *, keys: ApiKeys, dependencies: Mapping[str, Callable[[], Any]]) -> None:
        """``app`` is the ordinary way; handlers get ``dependencies`` by their names."""
        self._app = app
        self._keys = keys
        self._dependencies = dependencies
        # Litestar makes one middleware for each handler, but does not say for which.
        self._call: _Call | None = None

    async def __call__(self, scope: Any, receive: Receive, send: Send) -> None:
        """ASGI, of a request that has been routed."""
        call = self._call
        if call is None:
            call = self._call = _Call(scope["route_handler"], self._dependencies)
        headers = dict(scope["headers"])
        key = headers.get(_KEY)
        if (
            not call.possible
            or scope["query_string"]
            or len(headers) != len(scope["headers"])  # one came twice
            or key is None
            or not self._keys.accepts(key.decode("latin-1"))
        ):
            await self._app(scope, receive, send)
            return
        body = b""
        if call.body_type is not None:
            if not _may_fit(headers, call.max_body_bytes):
                # To be refused without waiting for it.
                await self._app(scope, receive, send)
                return
            message = await receive()
            receive = _again(message, receive)
            body = message.get("body", b"")  # type: ignore[assignment]
            whole = message["type"] == "http.request" and not message.get("more_body")
            if not whole or len(body) > call.max_body_bytes:
                await self._app(scope, receive, send)
                return
        try:
            arguments = call.arguments(scope, headers, body)
        except (msgspec.ValidationError, ClientException):
            await self._app(scope, receive, send)
            return
        await call.answer(await call.handler(**arguments), send)


class _Call:
    """How a handler is called, found out once."""

    def __init__(self, route_handler: Any, dependencies: Mapping[str, Callable[[], Any]]) -> None:
        self.handler = route_handler.fn
        self.possible = True
        self.body_type: Any = None
        self.max_body_bytes = route_handler.resolve_request_max_body_size()
        self._model = route_handler.signature_model
        self._dependencies: list[tuple[str, Callable[[], Any]]] = []
        self._path: list[str] = []
        self._headers: list[tuple[str, bytes]] = []
        for name, parameter in route_handler.parsed_fn_signature.parameters.items():
            match parameter.kwarg_definition:
                case PathParameter():
                    self._path.append(name)
                case HeaderParameter(name=str(header)):
                    self._headers.append((name, header.lower().encode()))
                case QueryParameter():
                    pass  # A plain call has none.
                case BodyKwarg():
                    self.body_type = body_type(parameter)
                case _ if name in dependencies:
                    self._dependencies.append((name, dependencies[name]))
                case _:
                    self.possible = False
        self._status = route_handler.status_code
        self._fixed = [
            (header.name.lower().encode(), header.value.encode())
            for header in route_handler.resolve_response_headers()
        ]

    def arguments(self, scope: Any, headers: Mapping[bytes, bytes], body: bytes) -> dict[str, Any]:
        """What the handler is called with. Raises ValidationError, ClientException."""
        values: dict[str, Any] = {name: provide() for name, provide in self._dependencies}
        for name in self._path:
            values[name] = scope["path_params"][name]
        for name, header in self._headers:
            if header in headers:
                values[name] = headers[header].decode("latin-1")
        if body:
            values["data"] = decode_strictly(body, self.body_type)
        # Not strict about text, as parameters have no other form: it is Litestar's own check.
        checked = msgspec.convert(values, self._model, strict=False)
        return {name: getattr(checked, name) for name in self._model.__struct_fields__}

    async def answer(self, result: Any, send: Send) -> None:
        """Send what a handler returned."""
        status, headers, content = self._status, self._fixed, result
        if isinstance(result, Response):
            content, status = result.content, result.status_code or status
            headers = headers + [
                (name.lower().encode("latin-1"), value.encode("latin-1"))
                for name, value in result.headers.items()
            ]
        body = msgspec.json.encode(content)
        headers = [
            *headers,
            (b"content-type", b"application/json"),
            (b"content-length", str(len(body)).encode()),
        ]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body, "more_body": False})


def _may_fit(headers: Mapping[bytes, bytes], most: int) -> bool:
    """Whether the request says of its body nothing, or that it has at most so many bytes."""
    length = headers.get(b"content-length", b"0")
    return len(length) < _DIGITS and length.isdigit() and int(length) <= most


def _again(first: Any, receive: Receive) -> Receive:
    """``receive``, but with its first message once more."""
    messages = [first]

    async def receive_again() -> Any:
        return messages.pop() if messages else await receive()

    return receive_again
