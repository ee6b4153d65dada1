"""One connection of the event loop worker: parses requests and answers hits without Flask.

Private names of gunicorn's asgi worker are used here, in ``reading`` and in ``workers``: gunicorn is pinned exactly,
and a test per name fails when it goes.
"""

from __future__ import annotations

import asyncio
import socket
from http import HTTPStatus
from math import inf
from typing import Any, NamedTuple

from gunicorn.asgi.protocol import (
    _CACHED_SERVER_HEADER,
    _REASON_PHRASES,
    ASGIProtocol,
    _get_cached_date_header,
    _get_cached_status_line,
)

from gateway.errors import GatewayError
from gateway.web.bodies import LONGEST_LINGER, MAX_DISCARDED, SILENCE
from gateway.web.hit_cache import Hit, HitCache
from gateway.web.proxies import below
from gateway.web.reading import LATEST, RequestReader, says_close
from gateway.web.request_key import KEY, NO_SURROUNDINGS, Key, Pair, field_value, request_key
from gateway.web.timeouts import RESET, queued, taken_too_slowly
from gateway.web.wsgi_adapter import CONNECTION

_OPENED = 1.0
"""Seconds in which a connection that was just opened may still bring its request, once nobody listens any more."""
_LARGE = 64 * 2**10
"""Bytes of a chunk of a response from which on it is written apart from its frame."""
_ENDS, _STAYS = b"Connection: close\r\n\r\n", b"Connection: keep-alive\r\n\r\n"
for _known in HTTPStatus:  # gunicorn names the most usual ones, and calls the others unknown
    _REASON_PHRASES.setdefault(_known.value, _known.phrase)


class ParsedRequest(NamedTuple):
    """What was parsed from the bytes of a request that was answered by a hit."""

    key: Key
    headers: list[Pair]
    version: tuple[int, int]
    trusted: bool
    """Whether its peer was believed what it says of the way from the client."""


class EventProtocol(ASGIProtocol):
    """One connection of an ``EventWorker``."""

    _closed: bool
    _response_buffer: bytes | None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self._opened, self._repeated_at = self.worker.loop.time(), -inf
        self._peer: Any = transport.get_extra_info("peername")
        hit_cache: HitCache | None = self.worker.app.hit_cache
        self._trusted = hit_cache is not None and hit_cache.trusts(self._peer[0] if self._peer else None)
        self._around = NO_SURROUNDINGS
        self._between = True
        """Whether the next bytes begin a request."""
        self._whole: bytes | None = None
        """The bytes of the request, where they came in one piece that holds nothing else."""
        self._watch: asyncio.Task[bool] | None = None
        self._late: asyncio.TimerHandle | None = None
        """When a request that has begun must have come as far as its body."""
        self._answering, self._ending, self._refused = False, False, False
        self._lingering: asyncio.TimerHandle | None = None
        """When a connection is closed on which nothing is answered any more."""
        self._read_past, self._lingers_until = 0, 0.0
        self.worker.connections.add(self)
        # Who connects and asks nothing is not waited for longer than who has asked before.
        self._keepalive_handle = self.worker.loop.call_later(self._keepalive, self._keepalive_timeout)

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self.worker.connections.discard(self)
        self._arrived()
        if self._lingering is not None:
            self._lingering.cancel()
        if self._watch is not None:
            self._watch.cancel()

    def data_received(self, data: bytes) -> None:
        if self._closed:
            self._linger(len(data))
            return
        # The same bytes on a connection that waits for a request ask the same: they are neither parsed once more nor
        # handed to the task of the connection, which together take longer than the answer.
        if self._between and self._awaiting_request and not self._flow_control.write_paused and self._repeat(data):
            return
        self._whole, self._between = data if self._between else None, False
        super().data_received(data)
        if self._current_request is None:
            self._await_head()

    def _await_head(self) -> None:
        """Refuse a request that has begun if its header fields are not there in time."""
        if self._late is None and not self._closed:
            self._late = self.worker.loop.call_later(self.worker.app.options.receive_timeout, self._refuse_late)

    def _refuse_late(self) -> None:
        self._send_error_response(408, "")
        super()._keepalive_timeout()

    def _arrived(self) -> None:
        if self._late is not None:
            self._late.cancel()
            self._late = None

    def _setup_callback_parser(self) -> None:
        self._callback_parser = RequestReader(
            on_headers_complete=self._on_headers_complete,
            on_body=self._on_body,
            on_message_complete=self._on_message_complete,
            limit_request_line=self.cfg.limit_request_line,
            limit_request_fields=self.cfg.limit_request_fields,
            limit_request_field_size=self.cfg.limit_request_field_size,
        )

    def _http1_buffered(self) -> int:
        # Gunicorn counts what its own reader holds, by its very class.
        return int(super()._http1_buffered()) + self._callback_parser.buffered()

    def _on_headers_complete(self) -> bool:
        self._arrived()
        skips = bool(super()._on_headers_complete())
        request = self._current_request
        if request.must_close and request.version >= LATEST:
            options = (value.decode("latin-1") for name, value in request.headers_bytes if name == b"connection")
            request.must_close = says_close(options)
        return skips

    def _repeat(self, data: bytes) -> bool:
        """Answer a request by a hit if its bytes are known; return whether it was."""
        parsed: ParsedRequest | None = self.worker.parsed.get(data)
        if parsed is None or parsed.trusted is not self._trusted or not self.worker.alive:
            return False
        hit = self.worker.app.hit_cache.hit(parsed.key, parsed.headers, self._peer[0] if self._peer else None)
        if hit is None:
            return False
        self._write_hit(hit, parsed.version, closing=False)
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
        asked = self.req_count > 1 or self.worker.loop.time() > self._opened + _OPENED
        if self._awaiting_request and asked:
            super()._keepalive_timeout()

    def unsent(self) -> int:
        return int(self.transport.get_write_buffer_size()) + queued(self.transport.get_extra_info("socket"))

    def cut(self) -> None:
        # A reset, not an end: without a length or chunks (HTTP/1.0) an end would make a part look like the whole.
        connected = self.transport.get_extra_info("socket")
        if connected is not None:
            connected.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        self.transport.abort()

    async def _serve_http_request(self, request: Any, sockname: Any, peername: Any) -> bool:
        """Answer a request; return whether another may follow on this connection."""
        self._ending = False
        hit = self._hit(request, peername)
        if hit is None:
            keep = bool(await super()._serve_http_request(request, sockname, peername)) and not self._ending
        else:
            keep = await self._send_hit(hit, request)
        self._answering = False
        # Gunicorn resets its parser next, before anything more can be received. The bytes that remain are of requests
        # that are answered one by one: what was received in one piece is none of them.
        self._between, self._whole = not self._callback_parser.remaining(), None
        if keep and not self._between:
            self._await_head()
        return keep

    def _send_response_start(self, status: int, headers: Any, request: Any, close: bool = False) -> None:
        self._answering = True
        received = self._body_receiver is None or self._body_receiver._complete
        self._ending = not received or self._endless(status, headers, request)
        closing = close or self._ending
        if request.version < (1, 1) and not closing:
            headers = [*headers, (b"Connection", b"keep-alive")]
        super()._send_response_start(status, headers, request, close=closing)

    def _endless(self, status: int, headers: Any, request: Any) -> bool:
        """Tell whether only the end of the connection can tell the end of a response: HTTP/1.0 knows no chunks."""
        bodiless = request.version >= (1, 1) or self._response_omits_body(request.method, status)
        return not bodiless and not any(name.lower() == b"content-length" for name, _ in headers)

    def _send_body(self, body: Any, chunked: bool = False, last: bool = False, size: int | None = None) -> None:
        """Write a large chunk as it is: to write it with its frame, Python 3.11 copies it."""
        if not chunked or len(body) < _LARGE:
            super()._send_body(body, chunked, last, size)
            return
        head, self._response_buffer = self._response_buffer or b"", None
        for part in (b"%b%x\r\n" % (head, len(body)), body, b"\r\n0\r\n\r\n" if last else b"\r\n"):
            self._safe_write(part)

    def _send_error_response(self, status: int, message: str, extra_headers: Any = ()) -> None:
        if self._closed:
            return  # who asked has left, which is why nothing was answered
        self._refused = True
        if self._answering:
            self.cut()  # a second answer would be read as part of the first
        else:
            peer = self._peer[0] if self._peer else None
            request = self._current_request
            origin = None if request is None else field_value(request.headers_bytes, b"origin")
            accept = self._callback_parser.accept()
            self._safe_write(self.worker.app.refusal(status, peer, origin=origin, accept=accept))

    def _handle_h1c_exception(self, exc: Exception) -> bool:
        """Refuse also what breaks a rule of the gateway, or fails the reader: a length of too many digits."""
        if not isinstance(exc, (GatewayError, ValueError)):
            return bool(super()._handle_h1c_exception(exc))
        self._send_error_response(exc.status if isinstance(exc, GatewayError) else 400, "")
        self._close_transport()
        return True

    def _close_transport(self) -> None:
        """End the connection; not at once where more may come on it than is read: a reset would overtake the answer."""
        receiver = self._body_receiver
        if self._closed or not (self._refused or (receiver is not None and not receiver._complete)):
            super()._close_transport()
            return
        self._closed = True
        self._resume_reading()
        if not self.transport.is_closing():
            self.transport.write_eof()
            self._lingers_until = self.worker.loop.time() + LONGEST_LINGER
            self._linger(0)

    def _linger(self, received: int) -> None:
        """Read past what a client still sends, until it is silent: so it sees why its connection ends."""
        self._read_past += received
        if self._lingering is not None:
            self._lingering.cancel()
        due = min(self.worker.loop.time() + SILENCE, self._lingers_until)
        if self._read_past > MAX_DISCARDED:
            self.transport.close()
        else:
            self._lingering = self.worker.loop.call_at(due, self.transport.close)

    def _hit(self, request: Any, peername: Any) -> Hit | None:
        hit_cache: HitCache | None = self.worker.app.hit_cache
        self._key = None
        if hit_cache is None:
            return None
        body = request.chunked or request.content_length > 0
        around = self._around = hit_cache.surroundings(request.headers_bytes, trusted=self._trusted)
        self._key = request_key(request.method, request.uri, request.headers_bytes, body=body, around=around)
        if self._key is None:
            return None
        return hit_cache.hit(self._key, request.headers_bytes, peername[0] if peername else None)

    async def _send_hit(self, hit: Hit, request: Any) -> bool:
        closing = bool(self._will_close(request, False))
        self._write_hit(hit, request.version, closing=closing)
        if not closing and self._key is not None and self._whole is not None and not self._callback_parser.remaining():
            parsed = ParsedRequest(self._key, request.headers_bytes, request.version, self._trusted)
            self.worker.keep_parsed(self._whole, parsed)
        return await self._taken() and not closing

    def _write_hit(self, hit: Hit, version: tuple[int, int], *, closing: bool) -> None:
        self._safe_write(
            b"".join(
                (
                    _get_cached_status_line(version, hit.status),
                    hit.head,
                    _CACHED_SERVER_HEADER,
                    _get_cached_date_header(),
                    _ENDS if closing else b"\r\n" if version >= (1, 1) else _STAYS,
                    hit.body,
                )
            )
        )
        self.worker.flush_soon()

    async def _taken(self) -> bool:
        """Wait until the client has room for more; cut it off where it takes too little, and return False."""
        while self._flow_control.write_paused and not self._closed:
            before = self.unsent()
            await at_most(self._flow_control.drain(), self.worker.app.options.send_timeout)
            taken = before - self.unsent()
            if self._flow_control.write_paused and taken_too_slowly(taken, self.worker.app.options.send_timeout):
                self.cut()
                return False
        return True

    def _build_http_scope(self, request: Any, sockname: Any, peername: Any) -> dict[str, Any]:
        scope: dict[str, Any] = super()._build_http_scope(request, sockname, peername)
        scope[CONNECTION], scope[KEY] = self, self._key
        scope["path"] = below(scope["path"], self._around.prefix)  # Flask is given the raw one
        return scope

    def _is_websocket_upgrade(self, request: Any) -> bool:
        return False  # an ordinary request, as under the other worker: an upgrade may be ignored (RFC 9110, 7.8)


async def at_most(waiting: Any, seconds: float) -> None:
    """Wait for something, but no longer than *seconds*."""
    try:
        await asyncio.wait_for(waiting, seconds)
    except TimeoutError:
        return
