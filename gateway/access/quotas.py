"""Limits that are counted: requests in a window that slides, scanned bytes in one that starts with the first of them.

The counting is the ``limits`` library's, in the memory of this process, or in Redis for all hosts together. Where Redis
does not answer, requests are let through, which is told by an event, and it is left alone for a while.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from threading import Lock
from typing import Any, TypeVar

from limits import RateLimitItem, RateLimitItemPerSecond
from limits.errors import StorageError
from limits.storage import MemoryStorage, RedisStorage, Storage
from limits.strategies import FixedWindowRateLimiter, SlidingWindowCounterRateLimiter

from gateway.access.rates import NO_LIMIT, Rate, Rates
from gateway.errors import QuotaExceeded
from gateway.model import Principal
from gateway.observe import LimitsFailed, Observer

_REST = (0.5, 30.0)
"""Shortest and longest time, in seconds, that Redis is left alone; it doubles with each failure in a row."""
_NOTHING: Mapping[str, str] = {}

Done = TypeVar("Done")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Left:
    """What is left of one limit, and in how many seconds there will be more."""

    name: str
    rate: Rate
    unit: str | None
    remaining: int
    reset: int
    exceeded: bool


class Quotas:
    """Count in *storage* by the *rates* of each principal; thread-safe."""

    def __init__(
        self,
        storage: Storage,
        rates: Callable[[Principal], Rates],
        *,
        observe: Observer,
        local: bool,
        clock: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.local = local
        self._rates, self._observe, self._clock, self._monotonic = rates, observe, clock, monotonic
        self._sliding, self._fixed = SlidingWindowCounterRateLimiter(storage), FixedWindowRateLimiter(storage)
        self._lock, self._failures, self._until = Lock(), 0, 0.0

    def admit(self, principal: Principal) -> Mapping[str, str]:
        rates = self._rates(principal)
        if rates.requests is None and rates.bytes is None:
            return _NOTHING
        left = self._tried(lambda: self._count(principal, rates))
        if left is None:
            return _NOTHING
        for one in left:
            if one.exceeded:
                raise _exceeded(one, _headers(left))
        return _headers(left)

    def charge(self, principal: Principal, size: int) -> None:
        # The gateway's own work is asked for by nobody: it has no name.
        rate = self._rates(principal).bytes if principal.name else None
        if rate is not None and size > 0:
            item = _item("bytes", rate)
            self._tried(lambda: self._fixed.hit(item, _identity(principal), cost=size))

    def _count(self, principal: Principal, rates: Rates) -> list[_Left]:
        """Count one request, unless no more bytes may be scanned: then it is refused and counts for nothing."""
        left = []
        if rates.bytes is not None:
            stats = self._fixed.get_window_stats(_item("bytes", rates.bytes), _identity(principal))
            spent = stats.remaining < 1
            left.append(self._left("bytes", rates.bytes, "scanned-bytes", stats.remaining, stats.reset_time, spent))
        if rates.requests is not None:
            item, who = _item("requests", rates.requests), _identity(principal)
            refused = not any(one.exceeded for one in left) and not self._sliding.hit(item, who)
            stats = self._sliding.get_window_stats(item, who)
            left.append(self._left("requests", rates.requests, None, stats.remaining, stats.reset_time, refused))
        return left

    def _left(self, name: str, rate: Rate, unit: str | None, remaining: int, reset: float, exceeded: bool) -> _Left:
        seconds = max(0, min(math.ceil(reset - self._clock()), rate.seconds))
        left = 0 if exceeded else max(0, remaining)
        return _Left(name=name, rate=rate, unit=unit, remaining=left, reset=seconds, exceeded=exceeded)

    def _tried(self, attempt: Callable[[], Done]) -> Done | None:
        if self._monotonic() < self._until:
            return None
        try:
            done = attempt()
        except StorageError as error:
            self._rest()
            self._observe(LimitsFailed(error=type(error.storage_error).__name__))
            return None
        if self._failures:
            with self._lock:
                self._failures = 0
        return done

    def _rest(self) -> None:
        shortest, longest = _REST
        with self._lock:
            self._until = self._monotonic() + min(shortest * 2**self._failures, longest)
            self._failures = min(self._failures + 1, 16)


def rates_for(settings: Rates, override: Rates) -> Rates:
    """Put together what the settings allow everybody and what is said of one principal; the latter counts."""
    requests = settings.requests if override.requests is None else override.requests
    scanned = settings.bytes if override.bytes is None else override.bytes
    return Rates(requests=_limited(requests), bytes=_limited(scanned))


def in_memory() -> Storage:
    """Make the counters of this process."""
    return MemoryStorage()


def in_redis(pool: Any) -> Storage:
    """Make the counters that all hosts share, over the connections of *pool*, which has short time limits."""
    return RedisStorage("redis://", connection_pool=pool, key_prefix="query-gateway:1:limits", wrap_exceptions=True)


def _limited(rate: Rate | None) -> Rate | None:
    return None if rate == NO_LIMIT else rate


def _item(name: str, rate: Rate) -> RateLimitItem:
    return RateLimitItemPerSecond(rate.amount, rate.seconds, namespace=name)


def _identity(principal: Principal) -> str:
    """Name the counters of a principal; a digest, since names may hold what separates parts of a key."""
    return blake2b(principal.name.encode(), digest_size=16).hexdigest()


def _headers(left: Sequence[_Left]) -> Mapping[str, str]:
    """Write ``RateLimit-Policy`` and ``RateLimit`` (draft-ietf-httpapi-ratelimit-headers, lists of RFC 9651)."""
    policies, states = [], []
    for one in left:
        unit = "" if one.unit is None else f';qu="{one.unit}"'
        policies.append(f'"{one.name}";q={one.rate.amount};w={one.rate.seconds}{unit}')
        states.append(f'"{one.name}";r={one.remaining};t={one.reset}')
    return {"RateLimit-Policy": ", ".join(policies), "RateLimit": ", ".join(states)}


def _exceeded(one: _Left, headers: Mapping[str, str]) -> QuotaExceeded:
    what = "requests" if one.unit is None else "scanned bytes"
    detail = f"More than {one.rate.amount} {what} in {one.rate.seconds} s: wait for {max(1, one.reset)} s."
    return QuotaExceeded(detail, retry_after=max(1, one.reset), headers=headers, limit=one.name)
