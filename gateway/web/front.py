"""The short way of a repeated request: an answer that Flask gave before is given again without Flask.

Flask's first answer to a request teaches how to find it again: its question, the form of its body, and the headers
that are the same each time. That is all that is kept here. Mark, result and body are looked up in the memory tier at
each hit, so that what expires, is dropped, is evicted or becomes newer is seen at once; who asks, what they may see and
how much they may ask are asked anew. Whatever is not as it was goes to Flask, which decides.

A request is recognised by all of it that its answer may depend on: method, target, and every header but those that are
known to change nothing. So two requests are taken for one only where Flask would answer them alike.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from email.utils import format_datetime
from itertools import count
from os import urandom
from typing import NamedTuple

from cachetools import LRUCache

from gateway.access.base import ANONYMOUS, OPEN, QUERY
from gateway.access.limits import UNLIMITED
from gateway.errors import Unauthenticated
from gateway.model import Principal
from gateway.telemetry.events import RequestServed, tell_all
from gateway.web.context import LEARN, REQUEST_ID, Site
from gateway.web.exported import Exported
from gateway.web.front_known import Found, Key, Known, Pair, credentials, known_of
from gateway.web.headers import EVERY_AGE, LAST_INSTANT
from gateway.web.wsgi_adapter import ENVIRON, Receive, Scope, Send, WsgiAdapter

KEY = "gateway.key"
"""Where a scope holds what recognises its request."""
_ROOM = 32 * 2**20
"""Bytes that all answers known may take, without their bodies."""
_GATHERED = 64
"""Hits that are told of together."""
_METRICS = "/metrics"
_REQUEST_ID_HEADER = b"x-request-id"


class Hit(NamedTuple):
    """A response: its status, its headers as they are sent, its body."""

    status: int
    head: bytes
    body: bytes


class Front:
    """Answer repeated requests to *site*; the others are for *bridge*. All calls come from one event loop.

    *clock* counts durations, in seconds.
    """

    def __init__(self, site: Site, bridge: WsgiAdapter, *, clock: Callable[[], float] = time.perf_counter) -> None:
        self._site, self._bridge, self._clock = site, bridge, clock
        self._gateway = site.gateway
        self._known: LRUCache[Key, Known] = LRUCache(_ROOM, getsizeof=lambda known: known.size)
        self._exported = Exported(site.metrics.registry)
        self._served: list[RequestServed] = []
        self._ids = _request_ids()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Have a request answered by Flask, and learn from it."""
        key: Key | None = scope.get(KEY)
        if key is None:
            if scope["path"] == _METRICS:
                self.flush()
            await self._bridge(scope, receive, send)
            return
        told: list[Found] = []
        scope[ENVIRON] = {LEARN: told.append}
        gateway, generation = self._site.gateway, self._site.access.generation
        head = await self._bridge(scope, receive, send)
        if told and head is not None and gateway is self._site.gateway:
            known = known_of(key, told[0], head, path=scope["path"], generation=generation)
            if known is not None:
                self._follow()
                self._known[_scoped(key, known.found.scope)] = known

    def hit(self, key: Key, headers: Iterable[Pair], client: str | None) -> Hit | None:
        """Answer a request as Flask would now, None where Flask has to."""
        started = self._clock()
        self._follow()
        principal = self._who(headers)
        known = None if principal is None else self._known.get(_scoped(key, principal.scope))
        if principal is None or known is None or not self._may(principal, known):
            return None
        found, now = known.found, self._site.clock()
        if now >= found.until:
            return None
        ready = self._gateway.ready(found.question, found.form, found.policy)
        if ready is None or ready.readings is not found.readings:
            return None  # another result, or the same one made again
        limits = self._admit(principal)
        if limits is None:
            return None
        found.note()
        body = b"" if ready.body is None else ready.body
        request = self._request_id(headers)
        seconds = self._clock() - started
        head = _HEAD % (
            known.head,
            known.length if known.length is not None else b"Content-Length: %d\r\n" % len(body),
            min(int(ready.age), EVERY_AGE),
            min(int(ready.left), EVERY_AGE),
            _instants(known, now - ready.age + found.policy.ttl) if known.instants else b"",
            seconds * 1000,
            request.encode(),
            limits,
        )
        self._note(known, principal, request, client, seconds, len(body))
        return Hit(known.status, head, body)

    def flush(self) -> None:
        """Tell of the hits that were not told of yet."""
        gathered, self._served = self._served, []
        if gathered:
            self._exported.count(gathered)
            tell_all(self._site.observe, gathered)

    def _follow(self) -> None:
        """Forget everything when another gateway was put in service."""
        if self._site.gateway is not self._gateway:
            self._gateway = self._site.gateway
            self._known.clear()

    def _who(self, headers: Iterable[Pair]) -> Principal | None:
        """Return who asks, None where they are not believed."""
        access = self._site.access
        if access is OPEN:
            return ANONYMOUS
        given = credentials(headers)
        try:
            return None if given is None else access.identify(given, wait=False)
        except Unauthenticated:
            return None

    def _may(self, principal: Principal, known: Known) -> bool:
        """Tell whether somebody may see an answer, and would see it as it was made."""
        access = self._site.access
        return access is OPEN or (
            access.generation == known.generation and access.may(principal, QUERY, known.found.record.query or "")
        )

    def _admit(self, principal: Principal) -> bytes | None:
        """Count a request of somebody; return the headers that say what is left, None where Flask has to refuse it."""
        limits = self._site.limits
        if limits is UNLIMITED:
            return b""
        headers = limits.admit_at_once(principal)
        if headers is None:
            return None
        return "".join(f"{name}: {value}\r\n" for name, value in headers.items()).encode("latin-1")

    def _request_id(self, headers: Iterable[Pair]) -> str:
        given = [value for name, value in headers if name == _REQUEST_ID_HEADER]
        if len(given) == 1:
            text = given[0].decode("latin-1")
            if REQUEST_ID.fullmatch(text):
                return text
        return next(self._ids)

    def _note(
        self, known: Known, principal: Principal, request: str, client: str | None, seconds: float, size: int
    ) -> None:
        self._served.append(
            known.served(
                request=request,
                principal=principal.name,
                credential=principal.credential or None,
                client=client,
                seconds=seconds,
                size=size,
            )
        )
        if len(self._served) >= _GATHERED:
            self.flush()


_HEAD = (
    b"%b%bAge: %d\r\nCache-Status: query-gateway; hit; ttl=%d\r\n%b"
    b"Server-Timing: cache;dur=%.3f\r\nX-Request-Id: %b\r\n%b"
)


def _scoped(key: Key, scope: str) -> Key:
    """Tell apart the askers of a request whose answers differ."""
    return (scope, *key) if scope else key


def _instants(known: Known, until: float) -> bytes:
    """Write until when an answer is fresh: the same text until it is confirmed again."""
    instant = math.floor(min(until, LAST_INSTANT))
    if known.written[0] != instant:
        date = format_datetime(datetime.fromtimestamp(instant, UTC), usegmt=True)
        known.written = (instant, f"Expires: {date}\r\nX-Accel-Expires: @{instant}\r\n".encode())
    return known.written[1]


def _request_ids() -> Iterator[str]:
    """Make ids that no other process makes, and cheaply."""
    process = urandom(10).hex()
    for number in count():
        yield f"{process}{number:012x}"
