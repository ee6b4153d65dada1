"""The two kinds of gunicorn workers, and how they stop without turning a client away.

A stop has three parts. First ``drain``: the server says that it is not ready, still takes connections and answers on
them, and announces their end, so that balancers and proxies turn to others. Then it listens no more, and requests in
flight have ``grace`` to end. Then what is left is closed.

What is used of gunicorn's asgi worker beyond its documented interface is in this file only, and pinned by its version.
"""

from __future__ import annotations

import asyncio
import os
import socket
import struct
import sys
from math import inf
from threading import Timer
from typing import Any, NamedTuple

from gunicorn.asgi.protocol import (
    _CACHED_SERVER_HEADER,
    ASGIProtocol,
    _get_cached_date_header,
    _get_cached_status_line,
)
from gunicorn.workers.gasgi import ASGIWorker
from gunicorn.workers.gthread import ThreadWorker

from gateway.web.bridge import CONNECTION
from gateway.web.front import KEY, Front, Hit
from gateway.web.front_known import Key, Pair, recognise

BACKLOG = 2048
"""Connections that may wait to be accepted."""
_BEAT = 1.0
"""Seconds between two signs of life to the arbiter."""
_LINGER = 1.0
"""Seconds in which a connection that was just opened may still bring its request, once nobody listens any more."""
_SETTLE = 0.05
"""Seconds after which a connection that was accepted at the last moment is among those that are known."""
_MOMENT = 0.02
"""Seconds within which the hits that were answered are told of."""
_SWITCH = 0.001
"""Seconds after which a thread that computes lets the event loop go on."""
_HEARD, _LONGEST = 1_000, 4_096
"""Requests that are recognised by their bytes, and how many bytes each may have."""
_RESET = struct.pack("ii", 1, 0)
"""SO_LINGER of no seconds: closing sends a reset, not an end."""


class Heard(NamedTuple):
    """How the bytes of a request were understood that was answered by a hit."""

    key: Key
    headers: list[Pair]
    version: tuple[int, int]
    trust: Any
    """What gunicorn lets the peer say of others, which decides on some headers."""


class EventWorker(ASGIWorker):
    """Serve an ASGI application in an event loop. ``app`` is a ``Server``, which knows how long to drain."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.connections: set[EventProtocol] = set()
        self.heard: dict[bytes, Heard] = {}
        self._stopped: asyncio.Event | None = None
        self._flushing: asyncio.TimerHandle | None = None

    def remember(self, request: bytes, heard: Heard) -> None:
        """Keep in mind how a request was understood."""
        if len(request) > _LONGEST:
            return
        if len(self.heard) >= _HEARD:
            self.heard.clear()
        self.heard[request] = heard

    def flush_soon(self) -> None:
        """Have the hits that were answered told of, within a moment."""
        if self._flushing is None:
            self._flushing = self.loop.call_later(_MOMENT, self._flush)

    def _flush(self) -> None:
        self._flushing = None
        self.app.front.flush()

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
            await _at_most(self._stopped.wait(), _BEAT)
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


class EventProtocol(ASGIProtocol):
    """One connection of an ``EventWorker``."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self._opened, self._repeated_at = self.worker.loop.time(), -inf
        self._peer: Any = transport.get_extra_info("peername")
        self._between = True
        """Whether the next bytes begin a request."""
        self._whole: bytes | None = None
        """The bytes of the request, where they came in one piece that holds nothing else."""
        self._watch: asyncio.Task[bool] | None = None
        self.worker.connections.add(self)
        # Who connects and asks nothing is not waited for longer than who has asked before.
        self._keepalive_handle = self.worker.loop.call_later(self._keepalive, self._keepalive_timeout)

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self.worker.connections.discard(self)
        if self._watch is not None:
            self._watch.cancel()

    def data_received(self, data: bytes) -> None:
        # The same bytes on a connection that waits for a request ask the same: they are neither parsed once more nor
        # handed to the task of the connection, which together take longer than the answer.
        if self._between and self._awaiting_request and not self._flow_control.write_paused and self._repeat(data):
            return
        self._whole, self._between = data if self._between else None, False
        super().data_received(data)

    def _repeat(self, data: bytes) -> bool:
        """Answer a request by a hit if its bytes are known; return whether it was."""
        heard: Heard | None = self.worker.heard.get(data)
        if heard is None or heard.trust != self._forwarded_trust or not self.worker.alive:
            return False
        hit = self.worker.app.front.hit(heard.key, heard.headers, self._peer[0] if self._peer else None)
        if hit is None:
            return False
        self._write_hit(hit, heard.version, closing=False)
        self._repeated_at = self.worker.loop.time()
        if self._flow_control.write_paused:
            self._watch = self.worker.loop.create_task(self._taken())
        return True

    def _keepalive_timeout(self) -> None:
        # A request that was answered by its bytes has left the timer as it was.
        left = self._repeated_at + self._keepalive - self.worker.loop.time()
        if left > 0:
            self._keepalive_handle = self.worker.loop.call_later(left, self._keepalive_timeout)
        else:
            super()._keepalive_timeout()

    def close_idle(self) -> None:
        """Close the connection where no request is on it, nor on its way."""
        asked = self.req_count > 1 or self.worker.loop.time() > self._opened + _LINGER
        if self._awaiting_request and asked:
            super()._keepalive_timeout()

    def unsent(self) -> int:
        return int(self.transport.get_write_buffer_size())

    def cut(self) -> None:
        # A reset, not an end: without a length or chunks (HTTP/1.0) an end would make a part look like the whole.
        connected = self.transport.get_extra_info("socket")
        if connected is not None:
            connected.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        self.transport.abort()

    async def _serve_http_request(self, request: Any, sockname: Any, peername: Any) -> bool:
        """Answer a request; return whether another may follow on this connection."""
        hit = self._hit(request, peername)
        if hit is None:
            keep = bool(await super()._serve_http_request(request, sockname, peername))
        else:
            keep = await self._send_hit(hit, request)
        # Gunicorn resets its parser next, before anything more can be received. The bytes that remain are of requests
        # that are answered one by one: what was received in one piece is none of them.
        self._between, self._whole = not self._callback_parser.remaining(), None
        return keep

    def _hit(self, request: Any, peername: Any) -> Hit | None:
        front: Front | None = self.worker.app.front
        self._key = None
        if front is None:
            return None
        body = request.chunked or request.content_length > 0
        self._key = recognise(request.method, request.uri, request.headers_bytes, body=body)
        if self._key is None:
            return None
        return front.hit(self._key, request.headers_bytes, peername[0] if peername else None)

    async def _send_hit(self, hit: Hit, request: Any) -> bool:
        closing = bool(self._will_close(request, False))
        self._write_hit(hit, request.version, closing=closing)
        if not closing and self._key is not None and self._whole is not None and not self._callback_parser.remaining():
            heard = Heard(self._key, request.headers_bytes, request.version, self._forwarded_trust)
            self.worker.remember(self._whole, heard)
        return await self._taken() and not closing

    def _write_hit(self, hit: Hit, version: tuple[int, int], *, closing: bool) -> None:
        self._safe_write(
            b"".join(
                (
                    _get_cached_status_line(version, hit.status),
                    hit.head,
                    _CACHED_SERVER_HEADER,
                    _get_cached_date_header(),
                    b"Connection: close\r\n\r\n" if closing else b"\r\n",
                    hit.body,
                )
            )
        )
        self.worker.flush_soon()

    async def _taken(self) -> bool:
        """Wait until the client has room for more; cut it off where it takes nothing, and return False."""
        while self._flow_control.write_paused and not self._closed:
            before = self.unsent()
            await _at_most(self._flow_control.drain(), self.worker.app.options.send_timeout)
            if self._flow_control.write_paused and self.unsent() >= before:
                self.cut()
                return False
        return True

    def _build_http_scope(self, request: Any, sockname: Any, peername: Any) -> dict[str, Any]:
        scope: dict[str, Any] = super()._build_http_scope(request, sockname, peername)
        scope[CONNECTION], scope[KEY] = self, self._key
        return scope

    def _is_websocket_upgrade(self, request: Any) -> bool:
        return False  # an ordinary request, as under the other worker: an upgrade may be ignored (RFC 9110, 7.8)


class PatientThreadWorker(ThreadWorker):
    """Serve a WSGI application by threads; a stop drains first."""

    def handle_exit(self, sig: int, frame: Any) -> None:
        self.app.stopping()
        timer = Timer(self.app.options.drain, super().handle_exit, (sig, frame))
        timer.daemon = True
        timer.start()


async def _at_most(waiting: Any, seconds: float) -> None:
    try:
        await asyncio.wait_for(waiting, seconds)
    except TimeoutError:
        return
