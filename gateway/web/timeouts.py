"""Timeouts of a request: the caller's deadline, client disconnects, and slow readers."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from errno import EPIPE
from fcntl import ioctl
from select import POLLERR, POLLHUP, POLLRDHUP, poll
from socket import SO_SNDTIMEO, SOL_SOCKET, socket
from struct import calcsize, pack, unpack
from termios import TIOCOUTQ
from typing import Any

from gateway.errors import MalformedRequest
from gateway.execution.single_flight import Gone

RESET = pack("ii", 1, 0)
"""SO_LINGER of no seconds: closing sends a reset, not an end."""
TIMEOUT = "Request-Timeout"
SLOWEST_TAKEN = 1_000
"""Bytes a second of a streamed answer that a client takes at least, while there are any."""
_SECONDS = re.compile(r"\d{1,9}(?:\.\d{1,9})?", re.ASCII)


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
    return _ClientSocket(connection) if isinstance(connection, socket) else None


def limit_sends(connection: socket, seconds: float) -> None:
    """Have sends on a blocking connection return after so many seconds with what the kernel had room for."""
    connection.setsockopt(SOL_SOCKET, SO_SNDTIMEO, pack("@ll", int(seconds), int(seconds % 1 * 1e6)))


def taken_too_slowly(size: int, seconds: float) -> bool:
    """Tell whether *size* bytes are too few to have been taken in so many seconds."""
    return size < SLOWEST_TAKEN * seconds


def queued(connection: Any) -> int:
    """Return how many bytes the kernel holds that the other end has not acknowledged, 0 for a closed connection."""
    try:
        return int(unpack("@i", ioctl(connection, TIOCOUTQ, bytes(calcsize("@i"))))[0])
    except (OSError, ValueError):
        return 0


def send_all(connection: socket, data: memoryview, seconds: float) -> None:
    """Send *data* on a connection whose sends return after so many seconds (``limit_sends``).

    Raises ``TimeoutError`` where it is taken too slowly.
    """
    while data:
        began, before, sent = time.monotonic(), queued(connection), 0
        with suppress(BlockingIOError):
            sent = connection.send(data)
        data, waited = data[sent:], time.monotonic() - began
        if data and waited >= seconds / 2 and taken_too_slowly(before + sent - queued(connection), waited):
            raise TimeoutError(EPIPE, "The client takes its answer too slowly.")


class _ClientSocket:
    """The client's end of a connection: it is gone once it has closed its side."""

    def __init__(self, connection: socket) -> None:
        self._poll = poll()
        self._poll.register(connection, POLLRDHUP | POLLHUP | POLLERR)

    def is_set(self) -> bool:
        return bool(self._poll.poll(0))
