"""A TCP line to a server that can be cut while both of its ends are well."""

from __future__ import annotations

import contextlib
import socket
from threading import Thread
from types import TracebackType
from typing import Final, Self

_CHUNK: Final = 65536


class Cable:
    """Forwards connections to a port of this machine. Cut, it drops those there are and takes no new ones."""

    def __init__(self, port: int) -> None:
        self._target = port
        self._whole = True
        self._sockets: list[socket.socket] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._thread = Thread(target=self._accept, daemon=True)

    @property
    def port(self) -> int:
        found: int = self._listener.getsockname()[1]
        return found

    def cut(self) -> None:
        self._whole = False
        while self._sockets:
            with contextlib.suppress(OSError):
                self._sockets.pop().shutdown(socket.SHUT_RDWR)

    def mend(self) -> None:
        self._whole = True

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                near, _ = self._listener.accept()
                if not self._whole:
                    near.close()
                    continue
                far = socket.create_connection(("127.0.0.1", self._target))
                self._sockets += [near, far]
                for source, target in ((near, far), (far, near)):
                    Thread(target=_forward, args=(source, target), daemon=True).start()

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self.cut()
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join()


def _forward(source: socket.socket, target: socket.socket) -> None:
    with source, contextlib.suppress(OSError):
        while data := source.recv(_CHUNK):
            target.sendall(data)
        target.shutdown(socket.SHUT_RDWR)
