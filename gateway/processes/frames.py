"""Messages between processes: a JSON head and a body of bytes over a Unix socket; and how a connection is made.

A connection has no address. A process that may connect was given one end of a ``Door``: it makes a pair of sockets and
hands one of them in (SCM_RIGHTS). What was handed in waits while the process behind the door is replaced.
"""

from __future__ import annotations

import socket
import struct
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from select import POLLIN, POLLOUT, poll
from typing import Any, NamedTuple

import orjson
import pyarrow as pa

_SIZES = struct.Struct("!IQ")
"""What a message begins with: the bytes of its head and of its body."""
_TIME = struct.Struct("@ll")
_READ = 64 * 1024
_BUFFER = 4 * 1024 * 1024
"""Bytes of a socket's buffers, where the system allows it."""
_HAND_IN = 5.0
"""Seconds that a door may take to accept a connection while it is full."""


class Lost(Exception):
    """The other process has ended, or has closed the connection, or has been silent for too long."""


class Message(NamedTuple):
    """What was received; ``body`` is None where there is none."""

    head: dict[str, Any]
    body: Any


class Channel:
    """One connection; one thread sends, one receives. Every method but ``abort`` and ``close`` raises ``Lost``."""

    def __init__(self, connected: socket.socket) -> None:
        self._socket = connected
        self._held = memoryview(bytearray(_READ))
        self._start = self._end = 0
        self.stalled: Callable[[], None] | None = None
        """Called where the other end does not take what is sent: waits until it does, or raises ``Lost``."""
        for option in (socket.SO_SNDBUF, socket.SO_RCVBUF):
            connected.setsockopt(socket.SOL_SOCKET, option, _BUFFER)

    def writable(self, seconds: float | None) -> bool:
        """Wait until more can be sent, at most *seconds*; tell whether it can."""
        return bool(self._ready(POLLOUT, seconds))

    def fileno(self) -> int:
        """Return the number of the socket; -1 once it is closed."""
        return self._socket.fileno()

    def silent_for(self, seconds: float | None) -> None:
        """Wait at most so many seconds for each piece of a message; None: for ever."""
        whole = 0.0 if seconds is None else max(seconds, 0.001)
        moment = _TIME.pack(int(whole), int(whole % 1 * 1e6))
        with suppress(OSError):
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, moment)

    def send(self, head: Mapping[str, Any], body: Any = None) -> None:
        """Send a message; *body* is anything with bytes."""
        self.send_all([(head, body)])

    def send_all(self, messages: list[tuple[Mapping[str, Any], Any]]) -> None:
        """Send several messages in one system call, if the buffers take them."""
        parts = _parts(messages)
        while parts:
            if not self._send_some(parts, 0 if self.stalled is None else socket.MSG_DONTWAIT) and self.stalled:
                self.stalled()

    def exchange(self, head: Mapping[str, Any], body: Any = None) -> Iterator[Message]:
        """Send a message, and return those that come meanwhile: both ends may be sending."""
        parts = _parts([(head, body)])
        while parts:
            ready = self._ready(POLLIN | POLLOUT)
            if ready & ~POLLOUT:
                yield self.receive()
            elif ready:
                self._send_some(parts, socket.MSG_DONTWAIT)
        yield from self.waiting()

    def receive(self) -> Message:
        """Return the next message."""
        self._hold(_SIZES.size)
        head_size, body_size = _SIZES.unpack(self._taken(_SIZES.size))
        if head_size > _READ:
            head = orjson.loads(memoryview(self._body(head_size)))
        else:
            self._hold(head_size)
            head = orjson.loads(self._taken(head_size))
        return Message(head, self._body(body_size) if body_size else None)

    def ask(self, head: Mapping[str, Any], body: Any = None) -> Message:
        """Send a message and return the next one."""
        self.send(head, body)
        return self.receive()

    def waiting(self, seconds: float = 0.0) -> Iterator[Message]:
        """Return the messages that have come; wait at most *seconds* for the first, not for more. Raises ``Lost``."""
        while self._end > self._start or self._ready(POLLIN, seconds):
            yield self.receive()
            seconds = 0.0

    def idle(self) -> bool:
        """Tell whether the connection is open and nothing has come that nobody waited for."""
        try:
            self._socket.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT)
        except BlockingIOError:
            return True
        except OSError:
            return False
        return False  # closed, or something that nobody waits for

    def abort(self) -> None:
        """End the connection from any thread: who receives or sends at either end is told. Idempotent."""
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """End the connection and release it; idempotent."""
        self.abort()
        self._socket.close()

    def _ready(self, events: int, seconds: float | None = None) -> int:
        """Wait for one of *events*, at most *seconds*; return those that have come, 0 for none."""
        waits = poll()  # not ``select``, which knows only the first 1,024 descriptors
        try:
            waits.register(self._socket, events)
            found = waits.poll(None if seconds is None else seconds * 1_000)
        except (OSError, ValueError) as error:
            raise Lost from error
        return found[0][1] if found else 0

    def _send_some(self, parts: list[Any], flags: int) -> bool:
        """Send what the buffers take, and remove it from *parts*; tell whether that was anything."""
        try:
            sent = self._socket.sendmsg(parts, [], flags)
        except BlockingIOError:
            return False
        except OSError as error:
            raise Lost from error
        while parts and sent >= len(parts[0]):
            sent -= len(parts.pop(0))
        if parts:
            parts[0] = memoryview(parts[0])[sent:]
        return True

    def _hold(self, size: int) -> None:
        """Receive until *size* bytes are held."""
        if self._start and self._start + size > _READ:
            kept = self._end - self._start
            self._held[:kept] = bytes(self._held[self._start : self._end])
            self._start, self._end = 0, kept
        while self._end - self._start < size:
            self._end += self._receive(self._held[self._end :])

    def _taken(self, size: int) -> memoryview:
        start, self._start = self._start, self._start + size
        found = self._held[start : start + size]
        if self._start == self._end:
            self._start = self._end = 0
        return found

    def _body(self, size: int) -> pa.Buffer:
        body = pa.allocate_buffer(size)
        view = memoryview(body).cast("B")
        here = min(size, self._end - self._start)
        view[:here] = self._taken(here)
        while here < size:
            here += self._receive(view[here:], socket.MSG_WAITALL)
        return body

    def _receive(self, into: memoryview, flags: int = 0) -> int:
        try:
            received = self._socket.recv_into(into, 0, flags)
        except OSError as error:
            raise Lost from error
        if not received:
            raise Lost
        return received


def _parts(messages: list[tuple[Mapping[str, Any], Any]]) -> list[Any]:
    parts: list[Any] = []
    for head, body in messages:
        text, content = orjson.dumps(head), None if body is None else memoryview(body).cast("B")
        parts.append(_SIZES.pack(len(text), 0 if content is None else len(content)) + text)
        if content is not None and len(content):
            parts.append(content)
    return parts


class Door:
    """Where connections to a process are handed in: *outside* to those who connect, *inside* to that process."""

    def __init__(self, outside: socket.socket, inside: socket.socket) -> None:
        self._outside, self.inside = outside, inside
        outside.settimeout(_HAND_IN)

    @classmethod
    def make(cls) -> Door:
        """Make one; its ends are inherited by the processes that are forked or started with them."""
        return cls(*socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET))

    def connect(self) -> Channel:
        """Connect to the process behind the door, or to the next that will be.

        Raises ``Lost`` where there is none, or where this process may open nothing more.
        """
        try:
            own, other = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        except OSError as error:
            raise Lost from error
        try:
            socket.send_fds(self._outside, [b"+"], [other.fileno()])
        except OSError as error:
            own.close()
            raise Lost from error
        finally:
            other.close()
        return Channel(own)

    def stay_outside(self) -> None:
        """Close the inner end in this process, which only connects: then it is told once nobody will open any more."""
        self.inside.close()

    def close(self) -> None:
        """Close both ends in this process; idempotent."""
        self._outside.close()
        self.inside.close()


def handed_in(inside: socket.socket) -> Channel:
    """Accept the next connection at a door. Raises ``Lost`` where nobody can connect any more.

    One that this process has no descriptor for is closed by the system: who made it finds it lost, and tries again.
    """
    message, descriptors = b"", list[int]()
    while not descriptors:
        try:
            message, descriptors, _, _ = socket.recv_fds(inside, 1, 1)
        except OSError as error:
            raise Lost from error
        if not message:
            raise Lost
    return Channel(socket.socket(fileno=descriptors[0]))
