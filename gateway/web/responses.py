"""The response to a result request, as a value that Flask and the event loop both render.

The route makes a ``ResultResponse``. Flask writes it for the request that was asked, and the hit cache keeps it, so
that the event loop can write it again while the answer is the same. A new header is added once: in the route, to the
stable headers, or to ``VolatileHeaders`` where it differs from one request to the next.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import format_datetime
from functools import lru_cache
from typing import NamedTuple

from gateway.model import CachePolicy, Reading
from gateway.web.records import Record

RESPONSE = "gateway.response"
"""Key of a WSGI environment under which the application leaves the ``ResultResponse`` that it answered with."""
MAX_DELTA = 2**31
"""Largest delta-seconds that a cache must understand (RFC 9111, section 1.2.2)."""
_LAST_INSTANT = 253_402_300_799.0
"""The last second of the year 9999, the last that an HTTP date can name."""

Header = tuple[str, str]
FIXED_HEADERS: tuple[Header, ...] = (("X-Content-Type-Options", "nosniff"),)
"""Headers of every response."""


class Reuse(NamedTuple):
    """Where the answer behind a response is found again, without binding its query once more."""

    question: str
    """Digest of the question, under which the cache keeps the answer."""
    readings: tuple[Reading, ...]
    """What the result read: the very object, which tells the result from every other, and from itself made again."""
    policy: CachePolicy
    until: float
    """Instant, in seconds since the epoch, from which on another answer may be due."""
    scope: str
    """The principals' scope that the answer is for."""
    note: Callable[[], None]
    """Notes that the question was asked once more."""


@dataclass(frozen=True, slots=True)
class VolatileHeaders:
    """The headers that differ each time the same response is given: a function of the answer's age.

    *lifetime* is how many seconds after its making the answer is fresh; None where ``Expires`` is not sent.
    """

    lifetime: float | None

    @property
    def names(self) -> tuple[str, ...]:
        return _NAMES if self.lifetime is None else _NAMES_EXPIRING

    def values(self, age: float, cache_status: str, server_timing: str, now: float) -> tuple[str, ...]:
        """Return the values in the order of ``names``; *now* is in seconds since the epoch."""
        told = (str(delta_seconds(age)), cache_status, server_timing)
        if self.lifetime is None:
            return told
        return told + _expiry(math.floor(min(now - age + self.lifetime, _LAST_INSTANT)))

    def pairs(self, age: float, cache_status: str, server_timing: str, now: float) -> Iterator[Header]:
        """Return names and values."""
        return zip(self.names, self.values(age, cache_status, server_timing, now), strict=True)

    def lines(self, age: float, cache_status: str, server_timing: str, now: float) -> str:
        """Return the header lines, as they are sent."""
        written = _LINES if self.lifetime is None else _LINES_EXPIRING
        return written % self.values(age, cache_status, server_timing, now)


@dataclass(frozen=True, slots=True, kw_only=True)
class ResultResponse:
    """What answers a request for a result: rendered by Flask, and kept by the hit cache to be rendered again."""

    status: int
    headers: tuple[Header, ...]
    """The stable headers: the same for as long as the result is."""
    volatile: VolatileHeaders
    body: bytes | Iterator[bytes] | None
    """None where the response has none: to HEAD, and with 304."""
    length: int | None
    """The ``Content-Length``; None where none is sent, as with 304 and with what is written while it is computed."""
    form: str | None
    """Name of the body among the encodings of the result; None where the response has no body."""
    record: Record
    """What its request noted for the log and the metrics."""
    reuse: Reuse | None
    """None where the same request may be answered otherwise next time."""


def delta_seconds(seconds: float) -> int:
    """Round down to what a header may say: whole seconds from 0 to the largest number that caches understand."""
    return int(seconds) if 0.0 <= seconds < MAX_DELTA else 0 if seconds < 0 else MAX_DELTA


_NAMES = ("Age", "Cache-Status", "Server-Timing")
_NAMES_EXPIRING = (*_NAMES, "Expires", "X-Accel-Expires")
_LINES = "".join(f"{name}: %s\r\n" for name in _NAMES)
_LINES_EXPIRING = "".join(f"{name}: %s\r\n" for name in _NAMES_EXPIRING)


@lru_cache(maxsize=4_096)
def _expiry(instant: int) -> tuple[str, str]:
    """Write the instant until which an answer is fresh, as ``Expires`` and ``X-Accel-Expires``.

    nginx counts ``max-age`` from when it stored a response and takes no notice of ``Age``; ``X-Accel-Expires``, which
    it does not pass on, says it right. ``Expires`` says the same to those behind it, where it does not write an age.
    """
    return format_datetime(datetime.fromtimestamp(instant, UTC), usegmt=True), f"@{instant}"
