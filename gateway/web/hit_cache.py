"""The hit cache: responses that Flask gave before are given again from the event loop, without Flask.

An entry is the ``ResultResponse`` of the first request, without its body. At each hit the memory tier is asked for the
validation, the result and the body, so that an answer that expired, was purged, was evicted or became newer is noticed
at once; the caller is identified, authorised and counted anew. Whatever is not as it was goes to Flask.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import count
from os import urandom
from typing import NamedTuple

from cachetools import LRUCache

from gateway.access.base import ANONYMOUS, OPEN, QUERY
from gateway.access.limits import UNLIMITED
from gateway.answer import Outcome
from gateway.errors import Unauthenticated
from gateway.model import Principal
from gateway.telemetry.events import RequestServed, observe_all
from gateway.web.context import REQUEST_ID, Site
from gateway.web.headers import hit_status
from gateway.web.records import Record, Sent, served
from gateway.web.request_key import KEY, Key, Pair, Surroundings, credentials, field_value
from gateway.web.responses import Header, ResultResponse, Reuse
from gateway.web.wsgi_adapter import ENVIRON, Receive, Scope, Send, WsgiAdapter

_CAPACITY = 32 * 2**20
"""Bytes that all entries may take; bodies are elsewhere."""
_LARGEST = 16_000
"""Bytes of the longest key and headers that are kept together."""
_ENTRY_OVERHEAD = 2_000
"""Bytes that an entry takes beside its texts."""
_BATCH = 64
"""Hits that are reported together."""
_METRICS = "/metrics"
_REQUEST_ID_HEADER = b"x-request-id"


class Hit(NamedTuple):
    """A response as it is sent: its status, its header lines, its body."""

    status: int
    head: bytes
    body: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class _HitEntry:
    """A response that can be given again."""

    response: ResultResponse
    reuse: Reuse
    head: bytes
    """The stable headers as they are sent; with the length, where the response has no body."""
    generation: int
    """The state of keys and grants that it was made under."""
    served: RequestServed
    """The event of a hit; another one differs in the caller, the duration and the size."""
    size: int


class HitCache:
    """An ASGI application that answers repeated requests to *site* itself, and the others by *flask*.

    All calls come from one event loop. *clock* counts durations, in seconds.
    """

    def __init__(self, site: Site, flask: WsgiAdapter, *, clock: Callable[[], float] = time.perf_counter) -> None:
        self._site, self._flask, self._clock = site, flask, clock
        self._gateway = site.gateway
        self._entries: LRUCache[Key, _HitEntry] = LRUCache(_CAPACITY, getsizeof=lambda entry: entry.size)
        self._served: list[RequestServed] = []
        self._ids = _request_ids()
        self._usual = Surroundings(site.proxies.root_path, "")

    def surroundings(self, headers: Iterable[Pair], *, trusted: bool) -> Surroundings:
        """Return what of the way from the client its answer depends on; *trusted*: its peer is believed."""
        proxies, cors = self._site.proxies, self._site.cors
        if not trusted and not cors.varies:
            return self._usual
        prefix = proxies.prefix(field_value(headers, b"x-forwarded-prefix") if trusted else None, trusted=trusted)
        return Surroundings(prefix, cors.allowed(field_value(headers, b"origin")) if cors.varies else "")

    def trusts(self, peer: str | None) -> bool:
        """Tell whether a peer, given by its address, is believed what it says of the way from the client."""
        return self._site.proxies.trusts(peer)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Have Flask answer a request, and keep its response where that can be given again."""
        key: Key | None = scope.get(KEY)
        if key is None:
            if scope["path"] == _METRICS:
                self.flush()
            await self._flask(scope, receive, send)
            return
        scope[ENVIRON] = {KEY: key}
        gateway, generation = self._site.gateway, self._site.access.generation
        response: ResultResponse | None = await self._flask(scope, receive, send)
        if response is not None and gateway is self._site.gateway:
            self._record(key, response, path=scope["path"], generation=generation)

    def hit(self, key: Key, headers: Iterable[Pair], client: str | None) -> Hit | None:
        """Answer a request as Flask would now, None where Flask has to."""
        started = self._clock()
        self._follow_reload()
        principal = self._identify(headers)
        entry = None if principal is None else self._entries.get(_scoped(key, principal.scope))
        if principal is None or entry is None or not self._may(principal, entry):
            return None
        response, reuse, now = entry.response, entry.reuse, self._site.clock()
        if now >= reuse.until:
            return None
        ready = self._gateway.ready(reuse.question, response.form, reuse.policy)
        if ready is None or ready.readings is not reuse.readings:
            return None  # another result, or the same one made again
        limits = self._admit(principal)
        if limits is None:
            return None
        reuse.note()
        body = b"" if ready.body is None else ready.body
        request = self._request_id(headers)
        seconds = self._clock() - started
        timing = f"cache;dur={seconds * 1000:.3f}"
        volatile = response.volatile.lines(ready.age, hit_status(ready.left), timing, now)
        length = b"" if response.form is None else b"Content-Length: %d\r\n" % len(body)
        head = b"%b%b%bX-Request-Id: %b\r\n%b" % (entry.head, length, volatile.encode(), request.encode(), limits)
        self._report(entry, principal, request, client, seconds, len(body))
        return Hit(response.status, head, body)

    def flush(self) -> None:
        """Report the hits that were not reported yet."""
        batch, self._served = self._served, []
        if batch:
            observe_all(self._site.observe, batch)

    def _record(self, key: Key, response: ResultResponse, *, path: str, generation: int) -> None:
        """Keep a response, unless it may not be given again or is very large."""
        reuse, head = response.reuse, _lines(response.headers)
        size = len(key[1]) + sum(len(name) + len(value) for name, value in key[3:]) + len(head)
        if reuse is None or size > _LARGEST:
            return
        if response.form is None and response.length is not None:
            head += _lines([("Content-Length", str(response.length))])
        self._follow_reload()
        self._entries[_scoped(key, reuse.scope)] = _HitEntry(
            response=replace(response, body=None),
            reuse=reuse,
            head=head,
            generation=generation,
            served=_served(response.record, key[0], path, response.status),
            size=size + _ENTRY_OVERHEAD,
        )

    def _follow_reload(self) -> None:
        """Forget everything when another gateway was put in service."""
        if self._site.gateway is not self._gateway:
            self._gateway = self._site.gateway
            self._entries.clear()

    def _identify(self, headers: Iterable[Pair]) -> Principal | None:
        """Return the caller, None where the credentials are not valid, or cannot be checked without waiting."""
        access = self._site.access
        if access is OPEN:
            return ANONYMOUS
        given = credentials(headers)
        try:
            return None if given is None else access.identify(given, wait=False)
        except Unauthenticated:
            return None

    def _may(self, principal: Principal, entry: _HitEntry) -> bool:
        """Tell whether the caller may see a response, and would see it as it was made."""
        access = self._site.access
        return access is OPEN or (
            access.generation == entry.generation and access.may(principal, QUERY, entry.response.record.query or "")
        )

    def _admit(self, principal: Principal) -> bytes | None:
        """Count a request; return the header lines that say what is left, None where Flask has to refuse it."""
        limits = self._site.limits
        if limits is UNLIMITED:
            return b""
        headers = limits.admit_at_once(principal)
        return None if headers is None else _lines(headers.items())

    def _request_id(self, headers: Iterable[Pair]) -> str:
        given = [value for name, value in headers if name == _REQUEST_ID_HEADER]
        if len(given) == 1:
            text = given[0].decode("latin-1")
            if REQUEST_ID.fullmatch(text):
                return text
        return next(self._ids)

    def _report(
        self, entry: _HitEntry, principal: Principal, request: str, client: str | None, seconds: float, size: int
    ) -> None:
        self._served.append(
            entry.served.again(
                request=request,
                principal=principal.name,
                credential=principal.credential or None,
                client=client,
                seconds=seconds,
                size=size,
            )
        )
        if len(self._served) >= _BATCH:
            self.flush()


def _scoped(key: Key, scope: str) -> Key:
    """Tell apart the callers of a request whose answers differ."""
    return (scope, *key) if scope else key


def _lines(headers: Iterable[Header]) -> bytes:
    return "".join(f"{name}: {value}\r\n" for name, value in headers).encode("latin-1")


def _served(record: Record, method: str, path: str, status: int) -> RequestServed:
    """Return the event of a hit."""
    sent = Sent(method=method, path=path, client=None, status=status, seconds=0.0, size=0)
    return served(replace(record, cache="hit", detail=None, outcome=Outcome.HIT), sent)


def _request_ids() -> Iterator[str]:
    """Make ids that no other process makes, and cheaply."""
    process = urandom(10).hex()
    for number in count():
        yield f"{process}{number:012x}"
