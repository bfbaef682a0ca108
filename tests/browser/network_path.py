"""A network path between two peers that can be cut: until then it forwards UDP within this machine."""

from __future__ import annotations

import contextlib
import re
import selectors
import socket
from threading import Thread
from types import TracebackType
from typing import Self

_LOOPBACK = "127.0.0.1"
_CANDIDATE = re.compile(r"^(candidate:\S+ \d+ udp \d+) 127\.0\.0\.1 (\d+) typ host", re.IGNORECASE)


class NetworkPath:
    """Peers that know each other only by rewritten candidates meet here and nowhere else."""

    def __init__(self) -> None:
        self.whole = True
        self._selector = selectors.DefaultSelector()
        self._entrances: dict[int, int] = {}
        """Port of a peer -> the port here that leads to it."""
        self._running = True
        self._thread = Thread(target=self._forward, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self._running = False
        self._thread.join()
        for key in list(self._selector.get_map().values()):
            key.fileobj.close()  # type: ignore[union-attr]
        self._selector.close()

    def cut(self) -> None:
        """Nothing passes any more. New candidates are not rewritten, so peers that try anew meet directly."""
        self.whole = False

    def rewrite(self, candidate: str) -> str | None:
        """The candidate to pass on instead: one that leads through here. None: pass nothing on."""
        if not self.whole:
            return candidate
        match = _CANDIDATE.match(candidate)
        if match is None:
            return None
        entrance = self._entrance(int(match[2]))
        return f"{match[1]} {_LOOPBACK} {entrance} typ host{candidate[match.end() :]}"

    def _entrance(self, port: int) -> int:
        if port not in self._entrances:
            entrance = _open_socket()
            self._entrances[port] = entrance.getsockname()[1]
            self._selector.register(entrance, selectors.EVENT_READ, _Entrance(port))
        return self._entrances[port]

    def _forward(self) -> None:
        while self._running:
            for key, _ in self._selector.select(0.1):
                with contextlib.suppress(OSError):
                    self._forward_one(key)

    def _forward_one(self, key: selectors.SelectorKey) -> None:
        arrived_at = key.fileobj
        assert isinstance(arrived_at, socket.socket)
        packet, sender = arrived_at.recvfrom(65536)
        if not self.whole:
            return
        if isinstance(key.data, _Entrance):
            exit = key.data.exits.get(sender)
            if exit is None:
                exit = _open_socket()
                key.data.exits[sender] = exit
                self._selector.register(exit, selectors.EVENT_READ, (arrived_at, sender))
            exit.sendto(packet, (_LOOPBACK, key.data.target))
        else:
            entrance, peer = key.data
            entrance.sendto(packet, peer)


class _Entrance:
    """A port that leads to a peer, and for everyone who writes to it the port they are forwarded from."""

    def __init__(self, target: int) -> None:
        self.target = target
        self.exits: dict[tuple[str, int], socket.socket] = {}


def _open_socket() -> socket.socket:
    opened = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    opened.bind((_LOOPBACK, 0))
    opened.setblocking(False)
    return opened
