"""A way to the service for clients in other processes: what they say passes the checks of the tests, too."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Lock, Thread
from typing import Final

from support.line import Line
from support.server import ServerProcess

_LOOPBACK: Final = "127.0.0.1"


@contextmanager
def tapped(server: ServerProcess) -> Iterator[str]:
    """The address of a relay to the server, which watches every connection."""
    with socket.create_server((_LOOPBACK, 0)) as listener:
        relay = _Relay(server.port)
        Thread(target=relay.accept, args=(listener,), daemon=True).start()
        try:
            yield f"http://{_LOOPBACK}:{listener.getsockname()[1]}"
        finally:
            # Closing alone does not wake a thread that waits in accept.
            with contextlib.suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)
            relay.end()


class _Relay:
    def __init__(self, port: int) -> None:
        self._port = port
        self._threads: list[Thread] = []
        self._sockets: list[socket.socket] = []
        self._lock = Lock()

    def accept(self, listener: socket.socket) -> None:
        while True:
            try:
                client, _ = listener.accept()
                self._sockets.append(client)
                service = socket.create_connection((_LOOPBACK, self._port))
            except OSError:
                return
            self._sockets.append(service)
            line = Line(self._port)
            for source, sink, watch in ((client, service, line.up), (service, client, line.down)):
                thread = Thread(target=self._pump, args=(source, sink, watch), daemon=True)
                self._threads.append(thread)
                thread.start()

    def end(self) -> None:
        """Wait until the clients, which are gone, are gone here too."""
        for thread in self._threads:
            thread.join(20)
        for end in self._sockets:
            end.close()

    def _pump(self, source: socket.socket, sink: socket.socket, watch: Callable[[bytes], None]) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                with self._lock:
                    watch(data)
                sink.sendall(data)
        with contextlib.suppress(OSError):
            sink.shutdown(socket.SHUT_WR)
