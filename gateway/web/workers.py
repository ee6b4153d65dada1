"""The gunicorn worker with an event loop, and its graceful stop.

A stop has three parts. First ``drain``: the server says that it is not ready, still takes connections and answers on
them, and announces their end, so that balancers and proxies turn to others. Then it listens no more, and requests in
flight have ``grace`` to end. Then what is left is closed.

Private names of gunicorn's asgi worker are used here, in ``reading`` and in ``connection``: gunicorn is pinned exactly,
and a test per name fails when it goes.
"""

from __future__ import annotations

import asyncio
import os
import sys
from typing import Any

from gunicorn.workers.gasgi import ASGIWorker

from gateway.web.connection import EventProtocol, ParsedRequest, at_most

BACKLOG = 2048
"""Connections that may wait to be accepted."""
_BEAT = 1.0
"""Seconds between two heartbeats to the arbiter."""
_SETTLE = 0.05
"""Seconds after which a connection that was accepted at the last moment is among those that are known."""
_MOMENT = 0.02
"""Seconds within which hits are reported."""
_SWITCH = 0.001
"""Thread switch interval in seconds: how long a computing thread may hold up the event loop."""
_MAX_PARSED, _LONGEST = 1_000, 4_096
"""Capacity of the cache of parsed requests, and the largest number of bytes of each."""


class EventWorker(ASGIWorker):
    """Serve an ASGI application in an event loop. ``app`` is a ``Server``, which knows how long to drain."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.connections: set[EventProtocol] = set()
        self.parsed: dict[bytes, ParsedRequest] = {}
        self._stopped: asyncio.Event | None = None
        self._flushing: asyncio.TimerHandle | None = None

    def keep_parsed(self, request: bytes, parsed: ParsedRequest) -> None:
        """Keep what was parsed from the bytes of a request, so that the same bytes are not parsed again."""
        if len(request) > _LONGEST:
            return
        if len(self.parsed) >= _MAX_PARSED:
            self.parsed.clear()
        self.parsed[request] = parsed

    def flush_soon(self) -> None:
        """Schedule the report of hits."""
        if self._flushing is None:
            self._flushing = self.loop.call_later(_MOMENT, self._flush)

    def _flush(self) -> None:
        self._flushing = None
        self.app.hit_cache.flush()

    def init_process(self) -> None:
        sys.setswitchinterval(_SWITCH)
        super().init_process()

    def handle_exit_signal(self) -> None:
        self.app.stopping()
        self._stop()

    def handle_quit_signal(self) -> None:
        super().handle_quit_signal()
        self._stop()

    def _stop(self) -> None:
        self.alive = False  # from now on every response announces that its connection ends
        if self._stopped is not None:
            self._stopped.set()

    async def _serve(self) -> None:
        """Take connections until a signal, then let them end."""
        self._stopped = asyncio.Event()
        for listener in self.sockets:
            self.servers.append(
                await self.loop.create_server(lambda: EventProtocol(self), sock=listener.sock, backlog=BACKLOG)
            )
        while self.alive and self.ppid == os.getppid():
            self.notify()
            await at_most(self._stopped.wait(), _BEAT)
        await self._drain(self.app.options.drain)
        for server in self.servers:
            server.close()
        await self._end(self.app.options.grace)

    async def _drain(self, seconds: float) -> None:
        until = self.loop.time() + seconds
        while not self._quick_shutdown and self.loop.time() < until:
            self.notify()
            await asyncio.sleep(0.05)

    async def _end(self, seconds: float) -> None:
        """Close what is idle, and wait for the rest."""
        until = self.loop.time() + seconds
        await asyncio.sleep(_SETTLE)
        while self.connections and not self._quick_shutdown and self.loop.time() < until:
            for connection in tuple(self.connections):
                connection.close_idle()
            self.notify()
            await asyncio.sleep(0.05)
