"""A tier that never fails its caller: an error is an event, and a tier that fails is left alone for a while."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from threading import Lock
from typing import TypeVar

from gateway.cache.tier import Drop, Entry, Kept, Mark, Tier, TierError, ValueRejected
from gateway.model import Result
from gateway.observe import CacheValueRejected, Observer, TierFailed

_REST = (0.5, 30.0)
"""Shortest and longest time, in seconds, that a tier is left alone; it doubles with each failure in a row."""

Found = TypeVar("Found")


class Guarded:
    """Skip *tier* while it fails: it then knows nothing and keeps nothing."""

    def __init__(self, tier: Tier, observe: Observer, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self.name = tier.name
        self._tier, self._observe, self._monotonic = tier, observe, monotonic
        self._lock, self._failures, self._until = Lock(), 0, 0.0

    def result(self, key: str) -> Result | None:
        return self._tried("result", lambda: self._tier.result(key), None)

    def keep(self, result: Result, *, lifetime: float) -> bool:
        return self._tried("keep", lambda: self._tier.keep(result, lifetime=lifetime), False)

    def extend(self, key: str, *, lifetime: float) -> None:
        self._tried("extend", lambda: self._tier.extend(key, lifetime=lifetime), None)

    def mark(self, question: str) -> Mark | None:
        return self._tried("mark", lambda: self._tier.mark(question), None)

    def remember(self, question: str, mark: Mark, *, lifetime: float) -> Kept | None:
        return self._tried("remember", lambda: self._tier.remember(question, mark, lifetime=lifetime), None)

    def entries(self) -> Iterator[Entry]:
        nothing: list[Entry] = []
        yield from self._tried("entries", lambda: list(self._tier.entries()), nothing)

    def drop(self, which: Drop) -> int:
        """Forget the results that are meant, however the tier did before. Raises ``TierError``."""
        self.wake()
        try:
            return self._tier.drop(which)
        except TierError as error:
            self._rest()
            self._observe(TierFailed(tier=self.name, operation="drop", error=str(error)))
            raise

    def close(self) -> None:
        self._tier.close()

    def wake(self) -> None:
        """Use the tier again at once: it is known to work."""
        with self._lock:
            self._until, self._failures = 0.0, 0

    def _tried(self, operation: str, attempt: Callable[[], Found], otherwise: Found) -> Found:
        if self._monotonic() < self._until:
            return otherwise
        try:
            found = attempt()
        except ValueRejected as error:
            self._observe(CacheValueRejected(tier=self.name, operation=operation, reason=str(error)))
            return otherwise
        except TierError as error:
            self._rest()
            self._observe(TierFailed(tier=self.name, operation=operation, error=str(error)))
            return otherwise
        if self._failures:
            with self._lock:
                self._failures = 0
        return found

    def _rest(self) -> None:
        shortest, longest = _REST
        with self._lock:
            self._until = self._monotonic() + min(shortest * 2**self._failures, longest)
            self._failures = min(self._failures + 1, 16)
