"""Quotas: requests in a sliding window, scanned bytes in a fixed window that starts with the first of them.

The ``limits`` library counts, for all workers of a machine in a file or for all hosts in Redis. If that fails, requests
are let through, an event reports it, and the counter is not used for a while.
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
from limits.storage import RedisStorage, Storage
from limits.strategies import FixedWindowRateLimiter, SlidingWindowCounterRateLimiter

from gateway.access.rates import NO_LIMIT, Rate, Rates
from gateway.errors import QuotaExceeded
from gateway.model import Principal
from gateway.telemetry.events import LimitsFailed, Observer

_REST = (0.5, 30.0)
"""Shortest and longest time, in seconds, that Redis is left alone; it doubles with each failure in a row."""
_NOTHING: Mapping[str, str] = {}

Done = TypeVar("Done")


@dataclass(frozen=True, slots=True, kw_only=True)
class Left:
    """The remainder of one limit, and the seconds until it resets."""

    name: str
    rate: Rate
    unit: str | None
    remaining: int
    reset: int
    exceeded: bool


class Quotas:
    """Counts in *storage* by the *rates* of each principal. Thread-safe."""

    def __init__(
        self,
        storage: Storage,
        rates: Callable[[Principal], Rates],
        *,
        observe: Observer,
        clock: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._rates, self._observe, self._clock, self._monotonic = rates, observe, clock, monotonic
        self._sliding, self._fixed = SlidingWindowCounterRateLimiter(storage), FixedWindowRateLimiter(storage)
        self._lock, self._failures, self._until = Lock(), 0, 0.0

    def admit(self, principal: Principal) -> Mapping[str, str]:
        rates = self._rates(principal)
        taken = None if rates == Rates() else self.take(principal, rates, 1)
        if taken is None:
            return _NOTHING
        error = refused(taken[0])
        if error is not None:
            raise error
        return headers_of(taken[0])

    def admit_at_once(self, principal: Principal) -> Mapping[str, str] | None:
        try:
            return self.admit(principal)
        except QuotaExceeded:
            return None

    @property
    def resting(self) -> bool:
        """Tell whether counting is suspended after a failure."""
        return self._monotonic() < self._until

    def take(self, principal: Principal, rates: Rates, wanted: int) -> tuple[tuple[Left, ...], int] | None:
        """Count *wanted* requests of a principal, or one where so many are too many; return what is left, and how many.

        None where nothing can be counted.
        """
        return self._tried(lambda: self._count(principal, rates, wanted), principal, rates)

    def charge(self, principal: Principal, size: int) -> None:
        # The gateway's own work is asked for by nobody: it has no name.
        rates = self._rates(principal) if principal.name else Rates()
        if rates.bytes is not None and size > 0:
            item = _item("bytes", rates.bytes)
            self._tried(lambda: self._fixed.hit(item, _identity(principal), cost=size), principal, rates)

    def _count(self, principal: Principal, rates: Rates, wanted: int) -> tuple[tuple[Left, ...], int]:
        """Count requests, unless the byte limit is used up: then they are refused and not counted."""
        left, got = [], 0
        if rates.bytes is not None:
            stats = self._fixed.get_window_stats(_item("bytes", rates.bytes), _identity(principal))
            spent = stats.remaining < 1
            left.append(self._left("bytes", rates.bytes, "scanned-bytes", stats.remaining, stats.reset_time, spent))
        if rates.requests is not None:
            item, who = _item("requests", rates.requests), _identity(principal)
            sizes = (
                () if any(quota.exceeded for quota in left) else sorted({wanted, min(wanted, 1)} - {0}, reverse=True)
            )
            got = next((size for size in sizes if self._sliding.hit(item, who, cost=size)), 0)
            stats, spent = self._sliding.get_window_stats(item, who), bool(sizes) and got == 0
            left.append(self._left("requests", rates.requests, None, stats.remaining, stats.reset_time, spent))
        return tuple(left), got

    def _left(self, name: str, rate: Rate, unit: str | None, remaining: int, reset: float, exceeded: bool) -> Left:
        seconds = max(0, min(math.ceil(reset - self._clock()), rate.seconds))
        left = 0 if exceeded else max(0, remaining)
        return Left(name=name, rate=rate, unit=unit, remaining=left, reset=seconds, exceeded=exceeded)

    def _tried(self, attempt: Callable[[], Done], principal: Principal, rates: Rates) -> Done | None:
        if self.resting:
            return None
        try:
            done = attempt()
        except (StorageError, ValueError, ArithmeticError) as error:
            cause = error.storage_error if isinstance(error, StorageError) else error
            self._observe(LimitsFailed(error=type(cause).__name__))
            if not (_unreadable(cause) and self._begun_anew(principal, rates)):
                self._rest()
            return None
        if self._failures:
            with self._lock:
                self._failures = 0
        return done

    def _begun_anew(self, principal: Principal, rates: Rates) -> bool:
        """Remove the corrupt counters of a principal; return whether that was possible."""
        who = _identity(principal)
        try:
            if rates.bytes is not None:
                self._fixed.clear(_item("bytes", rates.bytes), who)
            if rates.requests is not None:
                self._sliding.clear(_item("requests", rates.requests), who)
        except StorageError:
            return False
        return True

    def _rest(self) -> None:
        shortest, longest = _REST
        with self._lock:
            self._until = self._monotonic() + min(shortest * 2**self._failures, longest)
            self._failures = min(self._failures + 1, 16)


def rates_for(settings: Rates, override: Rates) -> Rates:
    """Merge the settings with the limits of one principal, which take precedence."""
    requests = settings.requests if override.requests is None else override.requests
    scanned = settings.bytes if override.bytes is None else override.bytes
    return Rates(requests=_limited(requests), bytes=_limited(scanned))


def in_redis(pool: Any, *, namespace: str = "") -> Storage:
    """Return counters shared by all hosts of a namespace, over *pool*, whose timeouts are short."""
    prefix = ":".join(("query-gateway:1:limits", *([namespace] if namespace else [])))
    return RedisStorage("redis://", connection_pool=pool, key_prefix=prefix, wrap_exceptions=True)


def _unreadable(error: Exception) -> bool:
    """Tell whether counting failed because of a counter's content, by the error of the Redis client or of reading."""
    return isinstance(error, ValueError | ArithmeticError) or type(error).__name__ == "ResponseError"


def _limited(rate: Rate | None) -> Rate | None:
    return None if rate == NO_LIMIT else rate


def _item(name: str, rate: Rate) -> RateLimitItem:
    return RateLimitItemPerSecond(rate.amount, rate.seconds, namespace=name)


def _identity(principal: Principal) -> str:
    """Return the key of a principal's counters: a digest, since names may contain separators."""
    return blake2b(principal.name.encode(), digest_size=16).hexdigest()


def headers_of(left: Sequence[Left]) -> Mapping[str, str]:
    """Write ``RateLimit-Policy`` and ``RateLimit`` (draft-ietf-httpapi-ratelimit-headers, lists of RFC 9651)."""
    return {"RateLimit-Policy": policy_of(left), "RateLimit": state_of(left)}


def policy_of(left: Sequence[Left]) -> str:
    """Write ``RateLimit-Policy``."""
    units = ["" if quota.unit is None else f';qu="{quota.unit}"' for quota in left]
    return ", ".join(
        f'"{quota.name}";q={quota.rate.amount};w={quota.rate.seconds}{unit}'
        for quota, unit in zip(left, units, strict=True)
    )


def state_of(left: Sequence[Left], *, at_hand: int = 0, passed: int = 0) -> str:
    """Write ``RateLimit``: with *at_hand* requests more, and resets *passed* seconds nearer, than in *left*.

    Every hit comes by here.
    """
    return ", ".join(
        [
            f'"{each.name}";r={each.remaining + (0 if each.unit else at_hand)};t={max(0, each.reset - passed)}'
            for each in left
        ]
    )


def refused(left: Sequence[Left]) -> QuotaExceeded | None:
    """Return the error for the first exceeded limit, None where none is exceeded."""
    quota = next((quota for quota in left if quota.exceeded), None)
    if quota is None:
        return None
    what = "requests" if quota.unit is None else "scanned bytes"
    wait = max(1, quota.reset)
    detail = f"More than {quota.rate.amount} {what} in {quota.rate.seconds} s: wait for {wait} s."
    return QuotaExceeded(detail, retry_after=wait, headers=headers_of(left), limit=quota.name)
