"""Request bodies, read in the event loop before a thread is taken, within limits of size, time and memory."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import Any

from gateway.errors import QueueFull
from gateway.web.problems import ContentTooLarge, RequestTimeout

Headers = Iterable[tuple[bytes, bytes]]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]

SLOWEST = 1_000
"""Slowest rate of a request body, in bytes per second."""
RATE_GRACE = 5.0
"""Seconds before that rate is required."""
SILENCE = 2.0
"""Seconds without a byte after which a client has seen why its connection ends: what it still sends is read past, for
a connection that closes with bytes unread is reset, and the last answer may be lost with it."""
MAX_DISCARDED, LONGEST_LINGER = 16 * 2**20, 30.0
"""Bytes that are read past on a connection that ends, and seconds."""
_SMALL = 64 * 2**10
"""Bytes of each body that do not count against the shared limit."""
_ROOM = 64 * 2**20
"""Bytes beyond those that all bodies of a worker may take together."""


class Disconnected(Exception):
    """The client disconnected or was cut off: there is nobody to answer."""


class Bodies:
    """Reads the bodies of requests, of at most *largest* bytes each.

    A body arrives within *timeout* seconds. All calls come from one event loop.
    """

    def __init__(self, *, largest: int, timeout: float) -> None:
        self._largest, self._timeout = largest, timeout
        self._held = 0

    async def read(self, headers: Headers, receive: Receive) -> bytes:
        """Return the body of a request that has one; ``release`` it in the end.

        Raises ``Disconnected``, ``RequestTimeout``, ``ContentTooLarge`` (at once where the length is declared),
        and ``QueueFull`` where others take all the memory there is.
        """
        kept = bytearray()
        try:
            await self._gather(kept, headers, receive)
        except TimeoutError as error:
            self.release(kept)
            raise RequestTimeout(f"The body did not arrive within {self._timeout:g} s, or too slowly.") from error
        except BaseException:
            self.release(kept)
            raise
        return bytes(kept)

    async def _gather(self, kept: bytearray, headers: Headers, receive: Receive) -> None:
        check_size(_declared(headers), self._largest)
        started, more = asyncio.get_running_loop().time(), True
        async with asyncio.timeout_at(self._due(started, 0)) as limit:
            while more:
                message = await receive()
                if message["type"] == "http.disconnect":
                    raise Disconnected
                chunk, more = message.get("body", b""), message.get("more_body", False)
                check_size(len(kept) + len(chunk), self._largest)
                self._keep(kept, chunk)
                limit.reschedule(self._due(started, len(kept)))

    def release(self, body: bytes | bytearray) -> None:
        """Give back the memory that a body took."""
        self._held -= max(0, len(body) - _SMALL)

    def _due(self, started: float, seen: int) -> float:
        """Return when more has to be there than *seen* bytes."""
        return started + min(self._timeout, RATE_GRACE + seen / SLOWEST)

    def _keep(self, kept: bytearray, chunk: bytes) -> None:
        before = max(0, len(kept) - _SMALL)
        kept += chunk
        self._held += max(0, len(kept) - _SMALL) - before
        if self._held > _ROOM and len(kept) > _SMALL:
            raise QueueFull("Too many large request bodies arrive at the same time.", retry_after=1.0)


def has_body(headers: Headers) -> bool:
    """Tell whether a request has a body."""
    return any(name in (b"content-length", b"transfer-encoding") for name, _ in headers)


def _declared(headers: Headers) -> int:
    """Return the length that a request declares, 0 where it declares none."""
    return next((int(value) for name, value in headers if name == b"content-length"), 0)


def check_size(size: int, largest: int) -> None:
    """Raise ``ContentTooLarge`` where a body has more bytes than may be."""
    if size > largest:
        raise ContentTooLarge(f"The request body is larger than {largest} bytes.")
