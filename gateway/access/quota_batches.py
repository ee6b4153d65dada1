"""Quotas taken from a shared counter in batches, so that most requests are counted locally.

A batch is 1 % of a principal's limit, at most 1,000 requests; small limits have batches of one and are exact. What a
worker has taken but not used by the end of the window is lost, so with many workers a principal may be refused up to
1 % of its limit per worker too early, never too late.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from threading import Lock

from cachetools import LRUCache

from gateway.access.quotas import Left, Quotas, policy_of, refused, state_of
from gateway.access.rates import Rate, Rates
from gateway.model import Principal

_KEPT = 10_000
_LARGEST = 1_000
_FRESH = 1.0
"""Seconds for which the remaining bytes are trusted: other workers may be using them up."""
_NOTHING: Mapping[str, str] = {}
_NO_RATES = Rates()


@dataclass(slots=True, kw_only=True)
class _Taken:
    """The batch that one principal has left here. Instants are of the monotonic clock."""

    rates: Rates
    left: tuple[Left, ...]
    policy: str
    """The ``RateLimit-Policy`` header, which does not change with what is left."""
    batch: int
    taken_at: float
    told_at: float
    """When ``left`` was told."""
    outdated: bool = False
    """More was asked or scanned since than ``left`` says."""


class BatchedQuotas:
    """Takes batches from *quotas* for each principal. Thread-safe."""

    def __init__(
        self,
        quotas: Quotas,
        rates: Callable[[Principal], Rates],
        *,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._quotas, self._rates, self._monotonic = quotas, rates, monotonic
        self._lock = Lock()
        self._taken: LRUCache[str, _Taken] = LRUCache(_KEPT)

    def admit(self, principal: Principal) -> Mapping[str, str]:
        at_hand = self.admit_at_once(principal)
        return self._take(principal) if at_hand is None else at_hand

    def admit_at_once(self, principal: Principal) -> Mapping[str, str] | None:
        rates = self._rates(principal)
        if rates == _NO_RATES or self._quotas.resting:
            return _NOTHING
        with self._lock:
            taken, now = self._taken.get(principal.name), self._monotonic()
            if taken is None or not _holds(taken, rates, now):
                return None
            if rates.requests is not None:
                if taken.batch < 1:
                    return None
                taken.batch -= 1
            return _headers(taken, now)

    def charge(self, principal: Principal, size: int) -> None:
        self._quotas.charge(principal, size)
        with self._lock:
            known = self._taken.get(principal.name)
            if known is not None:
                known.outdated = True

    def _take(self, principal: Principal) -> Mapping[str, str]:
        """Take another batch from the shared counter if none is left, and learn what remains."""
        rates, now = self._rates(principal), self._monotonic()
        with self._lock:
            known = self._taken.pop(principal.name, None)
        kept = known.batch if known is not None and _lasts(known, rates, now) else 0
        found = self._quotas.take(principal, rates, 0 if kept else _batch_size(rates.requests))
        if found is None:
            return _NOTHING
        left, got = found
        error = refused(left)
        batch = kept + got - (0 if error is not None or rates.requests is None else 1)
        since = known.taken_at if known is not None and kept else now
        taken = _Taken(
            rates=rates,
            left=left,
            policy=policy_of(left),
            batch=batch,
            taken_at=since,
            told_at=now,
            outdated=error is not None,
        )
        with self._lock:
            meanwhile = self._taken.get(principal.name)
            if meanwhile is not None and meanwhile.rates == rates:
                taken.batch += meanwhile.batch
            self._taken[principal.name] = taken
        if error is not None:
            raise error
        return _headers(taken, now)


def _batch_size(rate: Rate | None) -> int:
    return 0 if rate is None else max(1, min(rate.amount // 100, _LARGEST))


def _holds(taken: _Taken, rates: Rates, now: float) -> bool:
    """Tell whether the batch may be used without asking the shared counter."""
    recent = not taken.outdated and now - taken.told_at < _FRESH
    return _lasts(taken, rates, now) and (rates.bytes is None or recent)


def _lasts(taken: _Taken, rates: Rates, now: float) -> bool:
    """Tell whether a batch is still valid: the limits are the same, and its window has not ended."""
    return taken.rates == rates and (rates.requests is None or now - taken.taken_at < rates.requests.seconds)


def _headers(taken: _Taken, now: float) -> Mapping[str, str]:
    """Write the headers as of *now*: the batch counts as remaining, and resets come nearer."""
    state = state_of(taken.left, at_hand=taken.batch, passed=int(now - taken.told_at))
    return {"RateLimit-Policy": taken.policy, "RateLimit": state}
