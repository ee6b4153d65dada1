"""ASGI to WSGI adapter: Flask runs on a thread pool behind the event loop, and learns when its client disconnects.

Four requests, and what happens to each:

1. ``GET /v1/queries``, a response of one piece. The loop takes a thread; ``_Exchange.run`` calls Flask there and
   returns a ``WholeResponse``; the loop sends it. That is one hop to a thread and back.
2. A result of 10 MB. ``run`` sends the head and then piece after piece: ``_emit`` hands each to the loop and blocks
   the thread until the client has room for the next one. ``run`` returns None.
3. The same, but the client disconnects. ``watch`` receives ``http.disconnect``; ``leave`` sets the event that Flask
   reads under ``DISCONNECTED`` and cancels the piece that is being sent. ``_emit`` raises ``Disconnected`` in the
   thread, Flask's generator is closed, and the thread is free. A client that reads too slowly is cut off
   (``_progress``) and ends the same way, so a stalled reader holds no thread.
4. ``POST`` with a slow body. The body is read in the loop before a thread is taken, so it costs none. If it is too
   large or too late, Flask answers the error that it finds under ``REFUSED``.
"""

from __future__ import annotations

import asyncio
import io
import sys
from collections.abc import Awaitable, Callable, Iterable, Iterator, MutableMapping
from concurrent.futures import CancelledError, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import chain
from threading import Event
from typing import Any, Protocol
from urllib.parse import unquote_to_bytes

from gateway.errors import GatewayError
from gateway.web.bodies import Bodies, Disconnected, has_body
from gateway.web.responses import RESPONSE, ResultResponse
from gateway.web.timeouts import taken_too_slowly

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Environ = dict[str, Any]
Wsgi = Callable[..., Iterable[bytes]]

CONNECTION = "gateway.connection"
"""Key of a scope for the ``Connection``, where the server has one."""
DISCONNECTED = "gateway.disconnected"
"""Key of an environment for the event that is set when the client disconnects."""
ENVIRON = "gateway.environ"
"""Key of a scope for further entries of the environment."""
REFUSED = "gateway.refused"
"""Key of an environment for the error that ended the reading of a request."""
PROBES = frozenset({"/healthz", "/readyz", "/metrics"})
"""Paths with threads of their own: probes must not wait behind queries."""
_PROBE_THREADS = 2


class Connection(Protocol):
    """The connection of one request, beside what ASGI tells of it. All methods are for the event loop."""

    def unsent(self) -> int:
        """Return how many bytes wait for the client to take them, here and in the kernel."""

    def cut(self) -> None:
        """Break the connection off, so that no client takes what it has got for the whole."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """The status and the headers of a response, as they are sent."""

    status: int
    headers: list[tuple[bytes, bytes]]


@dataclass(frozen=True, slots=True, kw_only=True)
class WholeResponse:
    """A response of one piece."""

    head: Head
    body: bytes


class WsgiAdapter:
    """An ASGI application that runs a WSGI application on *threads* threads.

    A client that takes too little in *send_timeout* seconds, while there is something to take, is cut off.
    """

    def __init__(self, wsgi: Wsgi, *, threads: int, send_timeout: float, bodies: Bodies) -> None:
        self._wsgi, self._send_timeout, self._bodies = wsgi, send_timeout, bodies
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="request")
        self._probe_pool = ThreadPoolExecutor(_PROBE_THREADS, thread_name_prefix="probe")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> ResultResponse | None:
        """Answer one request; return the result response that was sent, None for any other or none."""
        try:
            if not has_body(scope["headers"]):
                return await self._answer(scope, receive, send, b"")
            body = await self._bodies.read(scope["headers"], receive)
        except Disconnected:
            return None
        except GatewayError as error:
            return await self._refuse(error, scope, receive, send)
        try:
            return await self._answer(scope, receive, send, body)
        finally:
            self._bodies.release(body)

    async def _refuse(self, error: GatewayError, scope: Scope, receive: Receive, send: Send) -> ResultResponse | None:
        """Have the application answer *error* as a problem, and count it."""
        scope[ENVIRON] = {REFUSED: error}
        return await self._answer(scope, receive, send, b"")

    async def _answer(self, scope: Scope, receive: Receive, send: Send, body: bytes) -> ResultResponse | None:
        loop = asyncio.get_running_loop()
        exchange = _Exchange(scope, body, receive, send, loop, self._send_timeout)
        probe = scope["path"] in PROBES or REFUSED in scope.get(ENVIRON, {})
        watch = loop.create_task(exchange.watch())
        try:
            whole = await loop.run_in_executor(self._probe_pool if probe else self._pool, exchange.run, self._wsgi)
            if whole is not None:
                await exchange.send_whole(whole)
        except Disconnected:
            return None
        except BaseException:
            exchange.break_off()
            raise
        finally:
            exchange.leave()
            watch.cancel()
        return exchange.answered_with()

    def close(self) -> None:
        """Accept no more requests; running ones finish."""
        for pool in (self._pool, self._probe_pool):
            pool.shutdown(wait=False, cancel_futures=True)


class _Exchange:
    """One request and its response: shared by the thread that runs Flask and the loop that sends."""

    def __init__(
        self,
        scope: Scope,
        body: bytes,
        receive: Receive,
        send: Send,
        loop: asyncio.AbstractEventLoop,
        send_timeout: float,
    ) -> None:
        self._response: ResultResponse | None = None
        self._head: Head | None = None
        self._scope, self._body, self._receive, self._send, self._loop = scope, body, receive, send, loop
        self._send_timeout = send_timeout
        self._connection: Connection | None = scope.get(CONNECTION)
        self._gone, self._sent, self._begun = Event(), False, False
        self._sending: asyncio.Task[None] | None = None

    async def watch(self) -> None:
        """Wait for the client to disconnect, unless its request is refused."""
        if REFUSED in self._scope.get(ENVIRON, {}):
            return
        while (await self._receive())["type"] != "http.disconnect":
            pass
        self.leave()

    def leave(self) -> None:
        """Stop sending to the client, and set its disconnect event if the response is incomplete."""
        if not self._sent:
            self._gone.set()
        if self._sending is not None and not self._sending.done():
            self._sending.cancel()

    def run(self, wsgi: Wsgi) -> WholeResponse | None:
        """Run the application in the current thread: return a response of one piece, or send one of several."""
        if self._gone.is_set():
            return None  # it left while it waited for a thread
        environ = self._environ()
        chunks = wsgi(environ, self._start)
        self._response = environ.get(RESPONSE)
        try:
            return self._respond(iter(chunks))
        finally:
            close = getattr(chunks, "close", None)
            if close is not None:
                close()

    async def send_whole(self, whole: WholeResponse) -> None:
        """Send a response of one piece."""
        if self._gone.is_set():
            raise Disconnected
        await self._send(_start(whole.head))
        await self._deliver(_piece(whole.body, more=False))
        self._sent = True

    def answered_with(self) -> ResultResponse | None:
        """Return the result response that was sent; None where another was sent in its place, e.g. an error."""
        response, head = self._response, self._head
        return response if response is not None and head is not None and response.status == head.status else None

    def break_off(self) -> None:
        """Reset the connection of an incomplete response, so that no client takes it for a complete one."""
        if self._begun and not self._sent and self._connection is not None:
            self._connection.cut()

    def _respond(self, chunks: Iterator[bytes]) -> WholeResponse | None:
        first = next(chunks, b"")
        head = self._head
        if head is None:
            raise RuntimeError("the application sent a body before it started its response")
        if _length(head) == len(first) or (not first and next(chunks, None) is None):
            return WholeResponse(head=head, body=first)
        self._emit(_start(head))
        for chunk in chain((first,), chunks):
            if chunk:
                self._emit(_piece(chunk, more=True))
        self._emit(_piece(b"", more=False))
        self._sent = True
        return None

    def _start(self, status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Callable[[bytes], object]:
        if exc_info is not None and self._begun:
            raise exc_info[1].with_traceback(exc_info[2])
        fields = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers]
        self._head = Head(status=int(status[:3]), headers=fields)
        return _no_write

    def _emit(self, message: Message) -> None:
        """Send a message from the thread; block until the client has room for the next. Raises ``Disconnected``."""
        self._begun = True
        try:
            asyncio.run_coroutine_threadsafe(self._deliver(message), self._loop).result()
        except CancelledError as error:
            raise Disconnected from error

    async def _deliver(self, message: Message) -> None:
        if self._gone.is_set():
            raise Disconnected
        task = self._sending = self._loop.create_task(_awaited(self._send(message)))
        unsent = sys.maxsize
        while not task.done():
            done, _ = await asyncio.wait({task}, timeout=self._send_timeout)
            if not done:
                unsent = self._progress(unsent)
        if task.cancelled():
            raise Disconnected
        task.result()

    def _progress(self, before: int) -> int:
        """Return the bytes not taken yet. Cuts off a client that took too little and raises ``Disconnected``."""
        unsent = before if self._connection is None else self._connection.unsent()
        if not taken_too_slowly(before - unsent, self._send_timeout):
            return unsent
        if self._connection is not None:
            self._connection.cut()
        self.leave()
        raise Disconnected

    def _environ(self) -> Environ:
        scope = self._scope
        server, client = scope.get("server") or ("", 0), scope.get("client") or ("", 0)
        path = scope.get("raw_path") or scope["path"].encode()
        environ: Environ = {
            "REQUEST_METHOD": scope["method"],
            "SCRIPT_NAME": "",
            "PATH_INFO": unquote_to_bytes(path).decode("latin-1"),
            "QUERY_STRING": scope["query_string"].decode("latin-1"),
            "SERVER_PROTOCOL": f"HTTP/{scope['http_version']}",
            "SERVER_NAME": server[0],
            "SERVER_PORT": str(server[1]),
            "REMOTE_ADDR": client[0],
            "REMOTE_PORT": str(client[1]),
            "wsgi.version": (1, 0),
            "wsgi.url_scheme": scope["scheme"],
            "wsgi.input": io.BytesIO(self._body),
            "wsgi.input_terminated": True,
            "wsgi.errors": sys.stderr,
            "wsgi.multithread": True,
            "wsgi.multiprocess": True,
            "wsgi.run_once": False,
            DISCONNECTED: self._gone,
        }
        environ.update(_fields(scope["headers"]))
        environ.update(scope.get(ENVIRON, {}))
        return environ


def _fields(headers: Iterable[tuple[bytes, bytes]]) -> Environ:
    """Convert request headers to WSGI variables; repeated ones are joined (RFC 9110, section 5.3)."""
    found: dict[str, list[str]] = {}
    for name, value in headers:
        key = name.decode("latin-1").upper().replace("-", "_")
        key = key if key in ("CONTENT_TYPE", "CONTENT_LENGTH") else f"HTTP_{key}"
        found.setdefault(key, []).append(value.decode("latin-1"))
    return {key: values[-1] if key.startswith("CONTENT_") else ",".join(values) for key, values in found.items()}


def _length(head: Head) -> int | None:
    """Return the length that a response declares, None where it declares none."""
    return next((int(value) for name, value in head.headers if name.lower() == b"content-length"), None)


def _start(head: Head) -> Message:
    return {"type": "http.response.start", "status": head.status, "headers": head.headers}


def _piece(body: bytes, *, more: bool) -> Message:
    return {"type": "http.response.body", "body": body, "more_body": more}


async def _awaited(sent: Awaitable[None]) -> None:
    await sent


def _no_write(data: bytes) -> object:
    raise RuntimeError("the application writes instead of returning its body")
