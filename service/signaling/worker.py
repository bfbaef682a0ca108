"""One of several processes that serve on one port. Started by `supervisor`, never by hand.

    python -m signaling.worker NUMBER LINK LISTENER...

LINK is a socket to the supervisor, LISTENER are the sockets that all workers accept from: numbers of open
files. A byte on the link says that this worker serves; one comes every few seconds for as long as its event
loop turns. When the link ends, the supervisor is no more, and the worker stops as if it had been told to.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import sys
import threading
import time
from typing import Final

from signaling import dev
from signaling.asgi import RunningNode
from signaling.refusals import told_in_words
from signaling.server import serve
from signaling.settings import Settings
from signaling.telemetry.metrics import share_metrics

BEAT: Final = b"+"
"""Said on the link."""

BEAT_SECONDS: Final = 2.0
"""Between beats."""

ANNOUNCE: Final = "--announce"
"""The first argument where a developer is to be told what to open."""

LAST_SECONDS: Final = 5.0
"""How long after DRAIN_SECONDS a worker without a supervisor may live."""


def main(arguments: list[str]) -> None:
    """Serve until told to stop. The exit code is that of the service as a whole."""
    announce = arguments[0] == ANNOUNCE
    number, link, *listeners = (int(argument) for argument in arguments[announce:])
    to_supervisor = socket.socket(fileno=link)
    with told_in_words():
        settings = Settings.from_environment(os.environ)
        share_metrics(number)
        watcher = threading.Thread(
            target=_end_with, args=(to_supervisor, settings.drain_seconds + LAST_SECONDS), daemon=True
        )
        watcher.start()

        beating: list[asyncio.Task[None]] = []

        async def started(settings: Settings, port: int, node: RunningNode) -> None:
            if announce:
                await dev.announce(settings, port, node)
            beating.append(asyncio.create_task(beat(to_supervisor)))

        serve(settings, started, [socket.socket(fileno=listener) for listener in listeners], number)


async def beat(supervisor: socket.socket) -> None:
    """Say that this worker serves, until its event loop ends, or the supervisor is gone."""
    with contextlib.suppress(OSError):
        while True:
            # A supervisor that stands still reads nothing: enough waits for it then, and nobody waits here.
            with contextlib.suppress(BlockingIOError):
                supervisor.send(BEAT, socket.MSG_DONTWAIT)
            await asyncio.sleep(BEAT_SECONDS)


def _end_with(supervisor: socket.socket, seconds: float) -> None:
    """Stop when the supervisor is gone: in order, or after so long whatever hangs."""
    supervisor.recv(1)
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(seconds)
    os._exit(1)


if __name__ == "__main__":
    main(sys.argv[1:])
