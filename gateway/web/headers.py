"""Headers of a result: validators, freshness, cache status, partitions read, timings, deprecation."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import UTC, date, datetime
from email.utils import format_datetime
from hashlib import blake2b

from gateway.answer import Answer, CacheStatus, Export, Outcome, Unread
from gateway.catalog.snapshot_ids import name_read
from gateway.execution.elsewhere import LOCAL
from gateway.model import CachePolicy, Reading
from gateway.query.template import Template
from gateway.web.responses import MAX_DELTA, Header, delta_seconds

CACHE_NAME = "query-gateway"
_COMPUTED = frozenset({Outcome.MISS, Outcome.BYPASS, Outcome.STREAMED, Outcome.TOO_LARGE})


def answer_headers(
    answer: Answer | Export | Unread,
    *,
    now: float,
    shared: bool,
    kept: bool = True,
    max_stale: float = MAX_DELTA,
) -> Iterator[Header]:
    """Return ``Cache-Control``, and the headers about what was read for *answer*, at the instant *now*.

    *shared* is False where caches on the way may give it to nobody else, *kept* where they may not keep it at all.
    *max_stale* bounds the seconds that they may serve it after its ``ttl``, whatever its template says.
    """
    yield "Cache-Control", _cache_control(answer, now, shared=shared, max_stale=max_stale) if kept else "no-store"
    yield from reading_headers(answer.result.readings)
    snapshot = answer.query.snapshot or name_read(answer.result.readings)
    if snapshot is not None:
        yield "Gateway-Snapshot", snapshot


def entity_tag(content: str, *variant: object) -> str:
    """Make the validator of one representation of *content*; *variant* is all else that its bytes depend on.

    >>> entity_tag("00ff", "csv", 0, 10) == entity_tag("00ff", "csv", 10, 10)
    False
    """
    return blake2b(repr((content, *variant)).encode(), digest_size=16, person=b"gateway etag").hexdigest()


def cache_control(policy: CachePolicy, *, shared: bool, max_stale: float = MAX_DELTA) -> str:
    """Write how long an answer is fresh, counted like ``Age`` from its making (RFC 9111, RFC 5861).

    >>> cache_control(CachePolicy(ttl=60, stale_if_error=5), shared=True)
    'public, max-age=60, stale-if-error=5'
    """
    scope = "public" if shared else "private"
    if not policy.enabled:
        return f"{scope}, no-cache"
    parts = [scope, f"max-age={delta_seconds(policy.ttl)}"]
    for name, seconds in (
        ("stale-while-revalidate", policy.stale_while_revalidate),
        ("stale-if-error", policy.stale_if_error),
    ):
        if min(seconds, max_stale) > 0:
            parts.append(f"{name}={delta_seconds(min(seconds, max_stale))}")
    return ", ".join(parts)


def told_policy(answer: Answer | Export | Unread, now: float) -> CachePolicy:
    """Return how long caches on the way may give an answer: relative times end with their bucket."""
    policy, until = answer.query.cache, answer.query.until
    if until == math.inf:
        return policy
    left = max(until - (now - answer.age), 0.0)
    return replace(policy, ttl=min(policy.ttl, left), stale_while_revalidate=0.0)


def _cache_control(answer: Answer | Export | Unread, now: float, *, shared: bool, max_stale: float) -> str:
    if isinstance(answer, Export):
        # Too large to be kept for others; who has it may ask whether it is still right.
        return "private, no-cache"
    return cache_control(told_policy(answer, now), shared=shared, max_stale=max_stale)


def cache_status(status: CacheStatus) -> str:
    """Write ``Cache-Status`` (RFC 9211).

    >>> from gateway.answer import Outcome
    >>> cache_status(CacheStatus(outcome=Outcome.MISS, stored=True, ttl=60.0))
    'query-gateway; fwd=miss; stored; ttl=60'
    """
    parts = [CACHE_NAME]
    if status.hit:
        parts.append("hit")
    if status.fwd is not None:
        parts.append(f"fwd={status.fwd}")
    if status.stored:
        parts.append("stored")
    if status.collapsed:
        parts.append("collapsed")
    if status.ttl is not None:
        parts.append(f"ttl={max(-MAX_DELTA, min(math.floor(status.ttl), MAX_DELTA))}")
    if status.detail is not None:
        parts.append(f"detail={_text(status.detail)}")
    return "; ".join(parts)


def hit_status(ttl: float) -> str:
    """Write ``Cache-Status`` of a fresh hit in the memory tier, as ``cache_status`` does.

    >>> hit_status(59.5)
    'query-gateway; hit; ttl=59'
    """
    return f"{CACHE_NAME}; hit; ttl={delta_seconds(ttl)}"


def outcome(status: CacheStatus) -> str:
    """Return the cache outcome as one word of a bounded set, for metrics and log lines."""
    if status.hit:
        return "stale" if status.ttl is not None and status.ttl < 0 else "hit"
    return "collapsed" if status.collapsed else status.fwd or "miss"


def engine_of(answer: Answer | Export | Unread) -> str | None:
    """Return the engine that computed the answer; None: nothing was computed for it here."""
    if isinstance(answer, Unread) or answer.status.outcome not in _COMPUTED:
        return None
    folded = answer.result.folded
    if folded is None:
        return None if answer.status.collapsed else answer.result.cluster or LOCAL
    return folded.cluster or LOCAL


def requests_of(answer: Answer | Export | Unread) -> int | None:
    """Return the requests to buckets that computing the answer took; None: they are not known, or nothing ran here."""
    # Those of the workers of a cluster are not counted.
    return answer.requests if isinstance(answer, Answer) and engine_of(answer) == LOCAL else None


def server_timing(timings: Mapping[str, float]) -> str:
    """Write stages in milliseconds (W3C Server Timing).

    >>> server_timing({"bind": 0.0012, "plan": 0.01})
    'bind;dur=1.200, plan;dur=10.000'
    """
    return ", ".join(f"{name};dur={seconds * 1000:.3f}" for name, seconds in timings.items())


def reading_headers(readings: Iterable[Reading]) -> Iterator[Header]:
    """Return what was read of what there is, over all scans: ``Gateway-Partitions: 7/365`` and so on."""
    every = list(readings)
    counts = {
        "Partitions": [(reading.partitions, reading.partitions_total) for reading in every],
        "Files": [(reading.files, reading.files_total) for reading in every],
        "Bytes": [(reading.size, reading.size_total) for reading in every],
    }
    for name, pairs in counts.items():
        yield f"Gateway-{name}", f"{sum(read for read, _ in pairs)}/{sum(total for _, total in pairs)}"


def deprecation_headers(deprecated: datetime | None, sunset: datetime | None) -> Iterator[Header]:
    """Return ``Deprecation`` (RFC 9745) and ``Sunset`` (RFC 8594) of a version.

    >>> dict(deprecation_headers(datetime(2026, 1, 1, tzinfo=UTC), None))
    {'Deprecation': '@1767225600'}
    """
    if deprecated is not None:
        yield "Deprecation", f"@{int(deprecated.timestamp())}"
    if sunset is not None:
        yield "Sunset", format_datetime(sunset.astimezone(UTC), usegmt=True)


def template_headers(template: Template, prefix: str) -> Iterator[Header]:
    """Return ``Deprecation``, ``Sunset`` and the link to the successor of a version; *prefix* is before its address."""
    yield from deprecation_headers(midnight(template.front.deprecated), midnight(template.front.sunset))
    if template.successor is not None:
        name, version = template.successor
        yield "Link", f'<{prefix}/v1/queries/{name}/v{version}>; rel="successor-version"'


def midnight(day: date | None) -> datetime | None:
    """Return the first instant of a day, in UTC."""
    return None if day is None else datetime(day.year, day.month, day.day, tzinfo=UTC)


def _text(value: str) -> str:
    """Write a string of RFC 8941: printable ASCII, quotes and backslashes escaped."""
    plain = "".join(character if " " <= character <= "~" else "?" for character in value)
    return '"' + plain.replace("\\", "\\\\").replace('"', '\\"') + '"'
