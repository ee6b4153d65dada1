"""How long a caller waits, whether the client is still connected, and how long it may take nothing of its answer."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from select import POLLERR, POLLHUP, POLLRDHUP, poll
from socket import SO_SNDTIMEO, SOL_SOCKET, socket
from struct import pack
from typing import Any, Protocol

from gateway.errors import MalformedRequest

Wsgi = Callable[[dict[str, Any], Any], Iterable[bytes]]
TIMEOUT = "Request-Timeout"
_SECONDS = re.compile(r"\d{1,9}(?:\.\d{1,9})?", re.ASCII)


class Gone(Protocol):
    """Tells whether the client has left."""

    def is_set(self) -> bool: ...


def read_deadline(values: list[str], monotonic: Callable[[], float]) -> float | None:
    """Read until which instant of *monotonic* a caller waits from the values of its ``Request-Timeout`` headers.

    None: as long as the server allows. Raises ``MalformedRequest``.

    >>> read_deadline(["1.5"], lambda: 10.0)
    11.5
    """
    if not values:
        return None
    seconds = float(values[0]) if len(values) == 1 and _SECONDS.fullmatch(values[0].strip()) else 0.0
    if seconds <= 0:
        message = f"{TIMEOUT} is a number of seconds greater than 0, such as 2.5, given once."
        raise MalformedRequest(message, header=TIMEOUT)
    return monotonic() + seconds


def read_gone(environ: Mapping[str, Any]) -> Gone | None:
    """Find what tells that the client of a request has left; None where the server does not know."""
    told: Gone | None = environ.get("gateway.disconnected")
    if told is not None:
        return told
    connection = environ.get("gunicorn.socket")
    return _Connection(connection) if isinstance(connection, socket) else None


def patient_sends(wsgi: Wsgi, seconds: float) -> Wsgi:
    """Have a worker of threads cut off a client that takes nothing of its answer for *seconds*.

    It is the kernel that counts, anew with every byte taken: a timeout of Python's socket would count whole pieces.
    """
    limit = pack("@ll", int(seconds), int(seconds % 1 * 1e6))

    def answer(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        connection = environ.get("gunicorn.socket")
        if isinstance(connection, socket):
            connection.setsockopt(SOL_SOCKET, SO_SNDTIMEO, limit)
        return wsgi(environ, start_response)

    return answer


class _Connection:
    """The client's end of a connection: it is gone once it has closed its side."""

    def __init__(self, connection: socket) -> None:
        self._poll = poll()
        self._poll.register(connection, POLLRDHUP | POLLHUP | POLLERR)

    def is_set(self) -> bool:
        return bool(self._poll.poll(0))
