"""The worker of threads: every connection has one while a request is read from it or answered."""

from __future__ import annotations

import io
import socket
import time
from collections.abc import Iterable
from select import POLLIN, poll
from threading import Timer
from typing import Any

from gunicorn.http import errors
from gunicorn.util import write_nonblock
from gunicorn.workers.gthread import ThreadWorker

from gateway.web.bodies import MAX_DISCARDED, PATIENCE, SLOWEST
from gateway.web.patience import Wsgi
from gateway.web.problems import RequestTimeout

_STATUS = {
    errors.LimitRequestLine: 414,
    errors.ExpectationFailed: 417,
    errors.LimitRequestHeaders: 431,
    errors.UnsupportedTransferCoding: 501,
    RequestTimeout: 408,
}
"""What a request is refused with that cannot be read; 400 where nothing is said here."""
_OURS = (errors.InvalidResponseHeader, errors.InvalidResponseHeaderName)
"""What gunicorn raises alike, and is a mistake of the application."""


class PatientThreadWorker(ThreadWorker):
    """Serve a WSGI application by threads; a stop drains first. ``app`` is a ``Server``."""

    def handle_exit(self, sig: int, frame: Any) -> None:
        self.app.stopping()
        timer = Timer(self.app.options.drain, super().handle_exit, (sig, frame))
        timer.daemon = True
        timer.start()

    def enqueue_req(self, conn: Any) -> None:
        if not isinstance(conn.sock, PromptSocket):
            conn.sock = PromptSocket(fileno=conn.sock.detach())
        super().enqueue_req(conn)

    def handle(self, conn: Any) -> Any:
        conn.sock.expect(self.app.options.receive_timeout)
        return super().handle(conn)

    def handle_request(self, req: Any, conn: Any) -> Any:
        options = [value for name, value in req.headers if name == "CONNECTION"]
        # Gunicorn knows the option only where it stands alone (RFC 9110, 7.6.1).
        req.must_close = req.must_close or "close" in ",".join(options).lower().replace(" ", "").split(",")
        return super().handle_request(req, conn)

    def handle_error(self, req: Any, client: Any, addr: Any, exc: BaseException) -> None:
        status = next((status for kind, status in _STATUS.items() if isinstance(exc, kind)), 400)
        if isinstance(exc, _OURS) or not isinstance(exc, (errors.ParseException, RequestTimeout)):
            self.log.error("Error handling request", exc_info=exc)
            status = 500
        write_nonblock(client, self.app.refusal(status, addr[0] if addr else None))


class PromptSocket(socket.socket):
    """A connection on which a request arrives in time, or reading from it raises ``RequestTimeout`` once."""

    _seconds, _seen, _late = 0.0, 0, False
    _started: float | None = None

    def expect(self, seconds: float) -> None:
        """Give the next request so long from its first byte on."""
        self._seconds, self._started, self._seen, self._late = seconds, None, 0, False

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
        self._seen += len(received)
        return received

    def _left(self) -> float:
        """Return how many seconds there are for more of the request to come."""
        now = time.monotonic()
        if self._started is None:
            self._started = now
        return max(0.0, self._started + min(self._seconds, PATIENCE + self._seen / SLOWEST) - now)


def whole_bodies(wsgi: Wsgi, largest: int) -> Wsgi:
    """Read the body of a request before the application is called, which then waits for nobody.

    One of more than *largest* bytes is cut one byte later, for the application to refuse. What reading raises ends the
    connection (``PatientThreadWorker.handle_error``).
    """

    def answer(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        environ["wsgi.input"] = io.BytesIO(_body(environ, largest))
        return wsgi(environ, start_response)

    return answer


def _body(environ: dict[str, Any], largest: int) -> bytes:
    stream, declared = environ["wsgi.input"], int(environ.get("CONTENT_LENGTH") or 0)
    body: bytes = b"" if declared > largest else stream.read(largest + 1)
    if len(body) < declared <= largest:
        raise errors.NoMoreData
    if max(len(body), declared) > largest and "HTTP_EXPECT" not in environ:
        _discard(stream)
    return body


def _discard(stream: Any) -> None:
    """Read on for a while, unseen: a client that still sends when the connection closes never sees the answer."""
    left = MAX_DISCARDED
    while left > 0 and (chunk := stream.read(min(left, 64 * 1024))):
        left -= len(chunk)
