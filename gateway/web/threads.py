"""The gunicorn worker with threads: each connection takes one while it is read, answered and closed."""

from __future__ import annotations

import errno
import io
import socket
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from select import POLLIN, poll
from threading import Timer
from typing import Any

from gunicorn.http import errors
from gunicorn.util import write_nonblock
from gunicorn.workers.gthread import ThreadWorker

from gateway.errors import GatewayError
from gateway.web.bodies import LONGEST_LINGER, MAX_DISCARDED, RATE_GRACE, SILENCE, SLOWEST, check_size
from gateway.web.problems import ContentTooLarge, RequestTimeout
from gateway.web.reading import HEAD, LATEST, accept_in, authority, check_fields, origin_form, says_close
from gateway.web.timeouts import RESET, limit_sends, send_all
from gateway.web.wsgi_adapter import REFUSED, Wsgi

_STATUS = {
    errors.LimitRequestLine: 414,
    errors.ExpectationFailed: 417,
    errors.LimitRequestHeaders: 431,
    errors.UnsupportedTransferCoding: 501,
}
"""What a request is refused with that cannot be read; 400 where nothing is said here."""
_OURS = (errors.InvalidResponseHeader, errors.InvalidResponseHeaderName)
"""What gunicorn raises alike, and is a mistake of the application."""


class DrainingThreadWorker(ThreadWorker):
    """Serve a WSGI application by threads; a stop drains first. ``app`` is a ``Server``."""

    def handle_exit(self, sig: int, frame: Any) -> None:
        self.app.stopping()
        timer = Timer(self.app.options.drain, super().handle_exit, (sig, frame))
        timer.daemon = True
        timer.start()

    def enqueue_req(self, conn: Any) -> None:
        if not isinstance(conn.sock, TimedSocket):
            conn.sock = TimedSocket(fileno=conn.sock.detach())
        super().enqueue_req(conn)

    def handle(self, conn: Any) -> Any:
        conn.sock.expect(self.app.options.receive_timeout, send_timeout=self.app.options.send_timeout)
        goes_on = super().handle(conn)
        if not goes_on:
            conn.sock.linger()  # the thread that accepts connections would do it otherwise
        return goes_on

    def handle_request(self, req: Any, conn: Any) -> Any:
        fields = [(name.lower(), value) for name, value in req.headers]
        check_fields(fields, req.version)
        req.path, _, req.query = origin_form(req.uri).partition("?")
        named = authority(req.uri)
        if named is not None:
            req.headers = [(name, named if name == "HOST" else value) for name, value in req.headers]
        req.version = min(req.version, LATEST)
        # Gunicorn knows the option only where it stands alone (RFC 9110, 7.6.1).
        req.must_close = req.must_close or says_close(value for name, value in fields if name == "connection")
        if any(name == "content-length" and int(value) > self.app.largest for name, value in fields):
            req._expected_100_continue = False  # what is refused is not asked for
        conn.sock.on_refusal = req.force_close
        return super().handle_request(req, conn)

    def handle_error(self, req: Any, client: Any, addr: Any, exc: BaseException) -> None:
        status = next((status for kind, status in _STATUS.items() if isinstance(exc, kind)), 400)
        if isinstance(exc, GatewayError):
            status = exc.status
        elif isinstance(exc, _OURS) or not isinstance(exc, errors.ParseException):
            self.log.error("Error handling request", exc_info=exc)
            status = 500
        origin = ",".join(value for name, value in req.headers if name == "ORIGIN") if req is not None else None
        accept = accept_in(client.seen()) if isinstance(client, TimedSocket) else None
        write_nonblock(client, self.app.refusal(status, addr[0] if addr else None, origin=origin, accept=accept))


class TimedSocket(socket.socket):
    """A connection on which a request arrives in time, or reading from it raises ``RequestTimeout`` once.

    What is sent on it is taken in time too, or sending raises ``TimeoutError``.
    """

    _seconds, _seen, _late, _cut = 0.0, 0, False, False
    _started: float | None = None
    _send_timeout: float | None = None
    _begun = b""
    """The bytes that came first of a request."""
    on_refusal: Callable[[], None] | None = None
    """Has the connection end with the response to the current request."""

    def expect(self, seconds: float, *, send_timeout: float) -> None:
        """Give the next request so long from its first byte on, and its response so long for what must be taken."""
        limit_sends(self, send_timeout)
        self._send_timeout = send_timeout
        self._seconds, self._started, self._seen, self._late = seconds, None, 0, False
        self._begun = b""

    def recv(self, size: int, flags: int = 0) -> bytes:
        if self.gettimeout() is not None:
            return super().recv(size, flags)  # what is left of a body, which nobody waits for
        if self._late:
            return b""  # as if the client had left
        waiting = poll()
        waiting.register(self, POLLIN)
        if not waiting.poll(self._left() * 1000):
            self._late = True
            raise RequestTimeout("The request did not arrive in time, or too slowly.")
        received = super().recv(size, flags)
        if self._seen < HEAD:
            self._begun += received
        self._seen += len(received)
        return received

    def seen(self) -> bytes:
        """Return how the request begins, with what has come of it and was not read."""
        with suppress(OSError):  # nothing has come, or the client has left
            return self._begun + super().recv(HEAD, socket.MSG_PEEK | socket.MSG_DONTWAIT)
        return self._begun

    def sendall(self, data: Any, flags: int = 0) -> None:
        if self.gettimeout() is not None or self._send_timeout is None:
            super().sendall(data, flags)
        else:
            try:
                send_all(self, memoryview(data).cast("B"), self._send_timeout)
            except TimeoutError:
                self.cut()
                raise

    def cut(self) -> None:
        """Let the connection end by a reset, so that no client takes what it has got for the whole."""
        self._cut = True
        self.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)

    def shutdown(self, how: int) -> None:
        if not self._cut:  # an end would be sent before the reset
            super().shutdown(how)

    def linger(self) -> None:
        """End sending, and read past what the client still sends until it is silent or has left."""
        if self._cut:
            return
        until, left, waiting = time.monotonic() + LONGEST_LINGER, MAX_DISCARDED, poll()
        with suppress(OSError, ValueError):  # the client has left, or the connection was closed already
            self.shutdown(socket.SHUT_WR)
            waiting.register(self, POLLIN)
            while left > 0 and waiting.poll(1000 * min(SILENCE, max(0.0, until - time.monotonic()))):
                received = super().recv(64 * 1024)
                if not received:
                    break
                left -= len(received)
            self.shutdown(socket.SHUT_RDWR)

    def _left(self) -> float:
        """Return how many seconds there are for more of the request to come."""
        now = time.monotonic()
        if self._started is None:
            self._started = now
        return max(0.0, self._started + min(self._seconds, RATE_GRACE + self._seen / SLOWEST) - now)


def whole_bodies(wsgi: Wsgi, largest: int) -> Wsgi:
    """Read the body of a request before the application is called, which then waits for nobody.

    The application tells that one has more than *largest* bytes, and the connection ends. What reading raises else ends
    it at once (``DrainingThreadWorker.handle_error``).
    """

    def answer(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        try:
            body = _body(environ, largest)
        except ContentTooLarge as error:
            environ[REFUSED], body = error, b""
            environ["gunicorn.socket"].on_refusal()
        environ["wsgi.input"] = io.BytesIO(body)
        return _Sent(wsgi(environ, start_response), environ["gunicorn.socket"])

    return answer


class _Sent:
    """The pieces of a response; where they break off after the first, the connection is reset."""

    def __init__(self, chunks: Iterable[bytes], connection: TimedSocket) -> None:
        self._pieces, self._connection = chunks, connection

    def __iter__(self) -> Iterator[bytes]:
        begun = False
        try:
            for chunk in self._pieces:
                yield chunk
                begun = True
        except BaseException as error:
            if begun:
                self._connection.cut()
            if not begun or not isinstance(error, GatewayError):
                raise
            # Told as such already: to gunicorn, as if the client had done it.
            raise ConnectionResetError(errno.ECONNRESET, "The answer broke off.") from error

    def close(self) -> None:
        close = getattr(self._pieces, "close", None)
        if close is not None:
            close()


def _body(environ: dict[str, Any], largest: int) -> bytes:
    stream, declared = environ["wsgi.input"], int(environ.get("CONTENT_LENGTH") or 0)
    check_size(declared, largest)
    body: bytes = stream.read(largest + 1)
    check_size(len(body), largest)
    if len(body) < declared:
        raise errors.NoMoreData
    return body
