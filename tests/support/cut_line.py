"""A line to a server that can be cut at the worst moment: a TCP proxy on this machine."""

from __future__ import annotations

import asyncio
import contextlib
from types import TracebackType
from typing import Self


class CutLine:
    """Passes bytes on, until told to lose some; what is lost takes its connection with it."""

    def __init__(self, port: int) -> None:
        """``port`` is where the server listens."""
        self.port = 0
        self.lose_requests = 0
        """So many more pieces of what the client says never arrive."""
        self.lose_replies = 0
        """So many more pieces of what the server says never arrive."""
        self.spare_replies = 0
        """So many pieces of what the server says arrive before any is lost."""
        self.silent = False
        """Nothing arrives, on either side, and nobody is told."""
        self.waiting = 0
        """New connections that wait."""
        self.lost = asyncio.Event()
        """Set once something was lost."""
        self.open = asyncio.Event()
        """New connections wait for it."""
        self.open.set()
        self._target = port
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        assert self._server is not None
        self.open.set()
        self._server.close()
        self.cut()
        await self._server.wait_closed()

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    def cut(self) -> None:
        """Cut all connections now."""
        for writer in self._writers:
            writer.transport.abort()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        try:
            self.waiting += 1
            await self.open.wait()
            self.waiting -= 1
            with contextlib.suppress(OSError):
                onward, target = await asyncio.open_connection("127.0.0.1", self._target)
                self._writers.add(target)
                await asyncio.gather(
                    self._pass_on(reader, target, writer, "lose_requests"),
                    self._pass_on(onward, writer, target, "lose_replies"),
                )
                self._writers.discard(target)
        finally:
            self._writers.discard(writer)
            writer.close()

    async def _pass_on(
        self, source: asyncio.StreamReader, to: asyncio.StreamWriter, back: asyncio.StreamWriter, knob: str
    ) -> None:
        try:
            while data := await source.read(1 << 16):
                if self.silent:
                    self.lost.set()
                    continue
                left: int = getattr(self, knob)
                if left and knob == "lose_replies" and self.spare_replies:
                    self.spare_replies -= 1
                elif left:
                    setattr(self, knob, left - 1)
                    self.lost.set()
                    break
                to.write(data)
                await to.drain()
        except OSError:
            pass
        finally:
            to.transport.abort()
            back.transport.abort()
