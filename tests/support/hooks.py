"""Puts `support.wire` behind the libraries that clients here stand on: websockets, httpx, Playwright.

Sockets by hand (`support.raw`) and clients in other processes (`support.tap`) bring their bytes themselves.
"""

from __future__ import annotations

from collections.abc import Callable
from socketserver import TCPServer
from typing import Any, Final
from urllib.parse import urlsplit

import httpx
from playwright import async_api, sync_api
from websockets.asyncio.server import ServerConnection
from websockets.client import ClientProtocol
from websockets.frames import Frame
from websockets.http11 import Request, Response

from support.wire import HANDSHAKE, WIRE, Conversation

_CONVERSATION: Final = "_conversation_of_the_tests"


def install() -> None:
    """Watch everything, from now on."""
    _watch_websockets()
    _watch_httpx()
    _know_http_stubs()
    _watch_browsers()


def _watch_websockets() -> None:
    """All that is built on the websockets package: the tests' client, the SDK, clients of single tests."""
    send_request, process_response = ClientProtocol.send_request, ClientProtocol.process_response
    send_frame, recv_frame = ClientProtocol.send_frame, ClientProtocol.recv_frame
    served = ServerConnection.connection_made

    def request_sent(self: ClientProtocol, request: Request) -> None:
        setattr(self, _CONVERSATION, Conversation(self.uri.port))
        send_request(self, request)

    def response_received(self: ClientProtocol, response: Response) -> None:
        if response.status_code != 101:
            WIRE.unread[self.uri.port] -= 1
            headers = {name.lower(): value for name, value in response.headers.raw_items()}
            body = bytes(response.body or b"")
            WIRE.answered(self.uri.port, HANDSHAKE, self.uri.path, response.status_code, headers, body)
        process_response(self, response)

    def frame_sent(self: ClientProtocol, frame: Frame) -> None:
        getattr(self, _CONVERSATION).frame("client", frame)
        send_frame(self, frame)

    def frame_received(self: ClientProtocol, frame: Frame) -> None:
        getattr(self, _CONVERSATION).frame("server", frame)
        recv_frame(self, frame)

    def connection_made(self: ServerConnection, transport: Any) -> None:
        WIRE.stubs.add(transport.get_extra_info("sockname")[1])
        served(self, transport)

    _replace(
        ClientProtocol,
        send_request=request_sent,
        process_response=response_received,
        send_frame=frame_sent,
        recv_frame=frame_received,
    )
    _replace(ServerConnection, connection_made=connection_made)


def _watch_httpx() -> None:
    """All REST clients: the tests', the SDK's, those of single tests."""
    send, send_async = httpx.Client.send, httpx.AsyncClient.send

    def sent(self: httpx.Client, request: httpx.Request, **options: Any) -> httpx.Response:
        response = send(self, request, **options)
        _answered(response)
        return response

    async def sent_async(self: httpx.AsyncClient, request: httpx.Request, **options: Any) -> httpx.Response:
        response = await send_async(self, request, **options)
        _answered(response)
        return response

    _replace(httpx.Client, send=sent)
    _replace(httpx.AsyncClient, send=sent_async)


def _answered(response: httpx.Response) -> None:
    request = response.request
    try:
        body = response.content
    except httpx.ResponseNotRead:  # streamed: the test looks at it piece by piece
        return
    port = request.url.port or 0
    path = request.url.raw_path.decode("ascii")
    method = HANDSHAKE if "upgrade" in request.headers else request.method
    WIRE.answered(port, method, path, response.status_code, response.headers, body)


def _know_http_stubs() -> None:
    """Whoever plays the service over HTTP does it with a server of the standard library."""
    server_bind = TCPServer.server_bind

    def bound(self: TCPServer) -> None:
        server_bind(self)
        WIRE.stubs.add(self.server_address[1])

    _replace(TCPServer, server_bind=bound)


def _watch_browsers() -> None:
    """All pages of all browsers, and what tests say in the place of the service (`route_web_socket`)."""
    _watch_sync_browsers(sync_api.Browser)
    _watch_async_browsers(async_api.Browser)
    for route in (sync_api.WebSocketRoute, async_api.WebSocketRoute):
        _watch_routes(route)


def _watch_sync_browsers(browser: type[sync_api.Browser]) -> None:
    new_context, new_page = browser.new_context, browser.new_page

    def context_made(self: sync_api.Browser, **options: Any) -> sync_api.BrowserContext:
        context = new_context(self, **options)
        context.on("page", _page_watcher())
        return context

    def page_made(self: sync_api.Browser, **options: Any) -> sync_api.Page:
        page = new_page(self, **options)
        _watch_page(page)
        return page

    _replace(browser, new_context=context_made, new_page=page_made)


def _watch_async_browsers(browser: type[async_api.Browser]) -> None:
    new_context, new_page = browser.new_context, browser.new_page

    async def context_made(self: async_api.Browser, **options: Any) -> async_api.BrowserContext:
        context = await new_context(self, **options)
        context.on("page", _page_watcher())
        return context

    async def page_made(self: async_api.Browser, **options: Any) -> async_api.Page:
        page = await new_page(self, **options)
        _watch_page(page)
        return page

    _replace(browser, new_context=context_made, new_page=page_made)


def _page_watcher() -> Callable[[Any], None]:
    """`_watch_page` as a handler for one page: Playwright keeps something of its own at each handler."""
    return lambda page: _watch_page(page)


def _watch_page(page: Any) -> None:
    def opened(socket: Any) -> None:
        conversation = Conversation(urlsplit(socket.url).port or 0)

        def sent(data: str | bytes) -> None:
            conversation.message("client", data, text=isinstance(data, str))

        def received(data: str | bytes) -> None:
            conversation.message("server", data, text=isinstance(data, str))

        socket.on("framesent", sent)
        socket.on("framereceived", received)

    page.on("websocket", opened)


def _watch_routes(route: type[Any]) -> None:
    send, on_message, connect_to_server = route.send, route.on_message, route.connect_to_server

    def conversation(self: Any) -> Conversation | None:
        """What the test says on this route; None where the frames go to a service and the page is watched."""
        if id(self) not in _played:
            _played[id(self)] = (self, Conversation(_STAGE))
        return _played[id(self)][1]

    def connected(self: Any) -> Any:
        end = connect_to_server(self)
        _played[id(self)], _played[id(end)] = (self, None), (end, None)
        return end

    def said(self: Any, message: str | bytes) -> Any:
        if (watched := conversation(self)) is not None:
            watched.message("server", message, text=isinstance(message, str))
        return send(self, message)

    def hear(self: Any, handler: Any) -> Any:
        watched = conversation(self)

        def heard(message: str | bytes) -> Any:
            if watched is not None:
                watched.message("client", message, text=isinstance(message, str))
            return handler(message)

        return on_message(self, heard)

    _replace(route, send=said, on_message=hear, connect_to_server=connected)


_STAGE: Final = 0
"""Stands for the port of a service that a test plays inside the browser."""
WIRE.stubs.add(_STAGE)

_played: Final[dict[int, tuple[Any, Conversation | None]]] = {}
"""Routes by their `id`, kept so that it does not become another's; with what the test says on them."""


def _replace(kind: type[Any], **methods: Any) -> None:
    for name, method in methods.items():
        setattr(kind, name, method)
