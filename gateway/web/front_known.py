"""What is kept of an answer so that it can be given again: how it was found, and what of it is the same each time."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, fields, replace
from functools import partial
from typing import Any, NamedTuple

from gateway.access.base import CREDENTIALS
from gateway.model import CachePolicy, Reading
from gateway.telemetry.events import RequestServed
from gateway.web.context import Record, Sent, served
from gateway.web.wsgi_adapter import Head

Key = tuple[Any, ...]
"""A request as far as its answer may depend on it: method, target, headers."""
Pair = tuple[bytes, bytes]

_PREFIX = "/v1/queries/"
_METHODS = frozenset({"GET", "HEAD"})
_ONE_BY_ONE = frozenset(
    {b"cache-control", b"expect", b"if-match", b"if-modified-since", b"if-range", b"if-unmodified-since"}
    | {b"range", b"request-timeout", b"te", b"upgrade"}
)
"""Headers of a request that asks for something of its own: Flask answers it each time."""
_CREDENTIALS = frozenset(name.encode() for name in CREDENTIALS)
_IGNORED = _CREDENTIALS | {  # who asks is found out at each hit
    b"accept-language",
    b"connection",
    b"dnt",
    b"forwarded",
    b"keep-alive",
    b"priority",
    b"referer",
    b"sec-ch-ua",
    b"sec-ch-ua-mobile",
    b"sec-ch-ua-platform",
    b"sec-fetch-dest",
    b"sec-fetch-mode",
    b"sec-fetch-user",
    b"traceparent",
    b"tracestate",
    b"user-agent",
    b"via",
    b"x-amzn-trace-id",
    b"x-forwarded-for",
    b"x-real-ip",
    b"x-request-id",
}
"""Headers of a request that no answer depends on."""
_ALWAYS = frozenset(
    {
        b"cache-control",
        b"content-encoding",
        b"content-location",
        b"content-type",
        b"deprecation",
        b"etag",
        b"gateway-bytes",
        b"gateway-files",
        b"gateway-more",
        b"gateway-parameters",
        b"gateway-partitions",
        b"gateway-rows",
        b"gateway-version",
        b"link",
        b"sunset",
        b"vary",
        b"x-content-type-options",
    }
)
"""Headers of an answer that are the same each time, for as long as its result is the same."""
_LENGTH = b"content-length"
_INSTANTS = frozenset({b"expires", b"x-accel-expires"})
"""Headers that say until when an answer is fresh; it has both or none."""
_ANEW = _INSTANTS | {_LENGTH, b"age", b"cache-status", b"server-timing", b"x-request-id"}
"""Headers of an answer that are written anew each time."""
_LIMITS = b"ratelimit"
"""How the headers begin that say what a caller may still ask; they are the caller's, not the answer's."""
_LARGEST = 16_000
"""Bytes of the longest request and head that are remembered together."""
_OBJECTS = 2_000
"""Bytes that an answer costs beside its texts."""


class Found(NamedTuple):
    """How a route found its answer, and what it tells of it."""

    question: str
    form: str | None
    """Name of the body's form; None where the response has no body."""
    readings: tuple[Reading, ...]
    """What the result read: the very object, which tells a result from every other, and from itself made again."""
    policy: CachePolicy
    until: float
    """Instant, in seconds since the epoch, from which on it may be found otherwise."""
    scope: str
    note: Callable[[], None]
    """Notes that it was asked once more."""
    record: Record
    """What its request noted for the log and the metrics."""


@dataclass(slots=True, kw_only=True)
class Known:
    """An answer that can be given again."""

    found: Found
    served: Callable[..., RequestServed]
    """Tells of one more request that it answered."""
    status: int
    head: bytes
    """Its headers that are always the same, as they are sent."""
    length: bytes | None
    """The header of its length; None where that is the length of the body, which is looked up."""
    instants: bool
    """Whether it says until when it is fresh."""
    generation: int
    """The state of keys and grants that it was made under."""
    size: int
    """Bytes that it takes here."""
    written: tuple[int, bytes] = field(default=(-1, b""))
    """The last instant until which it was fresh, and the headers that said so."""


def recognise(method: str, target: str, headers: Iterable[Pair], *, body: bool) -> Key | None:
    """Return what tells a request from all that are answered otherwise; None where only Flask knows."""
    if body or method not in _METHODS or not target.startswith(_PREFIX):
        return None
    return (method, target, *[pair for pair in headers if pair[0] not in _IGNORED])


def credentials(headers: Iterable[Pair]) -> dict[str, str] | None:
    """Return the headers that tell who asks, None where one of them comes twice."""
    given = [pair for pair in headers if pair[0] in _CREDENTIALS]
    found = {name.decode(): value.decode("latin-1") for name, value in given}
    return found if len(found) == len(given) else None


def known_of(key: Key, found: Found, head: Head, *, path: str, generation: int) -> Known | None:
    """Return what is kept of an answer, None where something of it, or of its request, is out of the ordinary."""
    names = {name.lower() for name, _ in head.headers}
    strange = names - _ALWAYS - _ANEW
    if head.status not in (200, 304) or any(not name.startswith(_LIMITS) for name in strange):
        return None
    if any(name in _ONE_BY_ONE for name, _ in key[2:]):
        return None
    same = b"".join(_line(pair) for pair in head.headers if pair[0].lower() in _ALWAYS)
    length = b"".join(_line(pair) for pair in head.headers if pair[0].lower() == _LENGTH)
    texts = len(key[1]) + sum(len(name) + len(value) for name, value in key[2:]) + len(same)
    if texts > _LARGEST:
        return None
    return Known(
        found=found,
        served=_served(found.record, key[0], path, head.status),
        status=head.status,
        head=same,
        length=length if found.form is None else None,
        instants=names >= _INSTANTS,
        generation=generation,
        size=texts + _OBJECTS,
    )


def _served(record: Record, method: str, path: str, status: int) -> Callable[..., RequestServed]:
    """Return what tells of a hit: all but who asked, and how long it took, is the same each time."""
    sent = Sent(method=method, path=path, client=None, status=status, seconds=0.0, size=0)
    event = served(replace(record, cache="hit", detail=None), sent)
    same = {one.name: getattr(event, one.name) for one in fields(event)}
    for name in ("request", "principal", "credential", "client", "seconds", "size"):
        del same[name]
    return partial(RequestServed, **same)


def _line(pair: Pair) -> bytes:
    return b"%b: %b\r\n" % pair
