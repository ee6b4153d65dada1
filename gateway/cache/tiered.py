"""Results over all tiers: two clocks decide whether an answer may be served.

Within its ``ttl`` an answer is served without asking. After it, the question is planned again: if the key is the
same, nothing that it read has changed, and the answer is stamped anew without running anything; if not, it is
computed. A change outside the selected files therefore never runs a query again.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from gateway.cache.tier import Mark, Tier
from gateway.model import CachePolicy, CacheStatus, Result


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetched:
    """A result with its fate in the cache and its age in seconds."""

    result: Result
    status: CacheStatus
    age: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Filling:
    """How to answer a question now: its key under the current snapshots, and the work that computes the result.

    ``pinned_at`` is when the snapshots were pinned. ``run`` may return a result of another key, where files
    changed under the query and it was planned again.
    """

    key: str
    pinned_at: float
    run: Callable[[], Result]


class Results:
    """Answers that were given before, over tiers from the nearest to the farthest."""

    def __init__(self, tiers: Sequence[Tier], *, clock: Callable[[], float]) -> None:
        self._tiers, self._clock = tuple(tiers), clock

    def fetch(self, question: str, policy: CachePolicy, prepare: Callable[[], Filling]) -> Fetched:
        """Answer a question from the tiers, or by running what *prepare* returns."""
        if not policy.enabled:
            return self._fetched(prepare().run(), CacheStatus(hit=False, fwd="bypass"))
        mark = self._mark(question, policy)
        if mark is not None:
            found = self.stored(mark.key)
            if found is not None:
                return self._hit(found, mark, policy, detail=None)
        filling = prepare()
        fresh = Mark(key=filling.key, checked_at=filling.pinned_at)
        found = self.stored(filling.key)
        if found is not None:
            self._remember(question, fresh, policy)
            return self._hit(found, fresh, policy, detail="revalidated")
        return self._fill(question, filling, policy)

    def stored(self, key: str) -> Result | None:
        """Return the kept result of a key, from the nearest tier; nearer tiers are given a copy."""
        for depth, tier in enumerate(self._tiers):
            result = tier.result(key)
            if result is not None:
                for nearer in self._tiers[:depth]:
                    nearer.keep(result, lifetime=_NEAR)
                return result
        return None

    def close(self) -> None:
        for tier in self._tiers:
            tier.close()

    def _fill(self, question: str, filling: Filling, policy: CachePolicy) -> Fetched:
        result = filling.run()
        lifetime = _lifetime(policy)
        kept = [tier.keep(result, lifetime=lifetime) for tier in self._tiers]
        self._remember(question, Mark(key=result.key, checked_at=result.created_at), policy)
        return self._fetched(
            result, CacheStatus(hit=False, fwd="miss", stored=any(kept), ttl=policy.ttl - self._age(result))
        )

    def _mark(self, question: str, policy: CachePolicy) -> Mark | None:
        """Return the newest mark of a question that is still fresh."""
        for depth, tier in enumerate(self._tiers):
            mark = tier.mark(question)
            if mark is not None and self._clock() < mark.checked_at + policy.ttl:
                for nearer in self._tiers[:depth]:
                    nearer.remember(question, mark, lifetime=policy.ttl)
                return mark
        return None

    def _remember(self, question: str, mark: Mark, policy: CachePolicy) -> None:
        for tier in self._tiers:
            tier.remember(question, mark, lifetime=_lifetime(policy))

    def _hit(self, result: Result, mark: Mark, policy: CachePolicy, detail: str | None) -> Fetched:
        ttl = mark.checked_at + policy.ttl - self._clock()
        return Fetched(
            result=result,
            status=CacheStatus(hit=True, ttl=ttl, detail=detail),
            age=max(0.0, self._clock() - mark.checked_at),
        )

    def _fetched(self, result: Result, status: CacheStatus) -> Fetched:
        return Fetched(result=result, status=status, age=self._age(result))

    def _age(self, result: Result) -> float:
        return max(0.0, self._clock() - result.created_at)


_NEAR = 3_600.0
"""Seconds that a nearer tier keeps a copy of a result found farther away."""
_CURSORS = 3_600.0
"""Seconds that a result is kept at least, so that its pages can be read to the end."""


def _lifetime(policy: CachePolicy) -> float:
    return max(policy.ttl + policy.stale_while_revalidate, policy.ttl + policy.stale_if_error, _CURSORS)
