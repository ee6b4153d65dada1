"""Results over all tiers: two clocks decide whether an answer may be served.

Within its ``ttl`` an answer is served without asking. After it, the question is planned again: if the key is the
same, nothing that it read has changed, and the answer is stamped anew without running anything; if not, it is
computed. A change outside the selected files therefore never runs a query again.

An answer whose data changed may still be served for a while (``stale_while_revalidate``, RFC 5861) as one refresh
runs behind it, and for another while when computing it fails (``stale_if_error``); both say so.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from hashlib import blake2b

from gateway.cache.flight import Flight, Flights
from gateway.cache.tier import Mark, Tier
from gateway.errors import CapacityError, UpstreamError
from gateway.model import CachePolicy, CacheStatus, Result

_NEAR = 3_600.0
"""Seconds that a nearer tier keeps a copy of a result found farther away."""
_CURSORS = 3_600.0
"""Seconds that a result is kept at least, so that its pages can be read to the end."""
_UNKEPT = 60.0
"""Seconds that a result too large to keep is remembered as such, so that nobody waits for another's copy of it."""


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A question with the policy of its answer, how to prepare computing it, and how long its caller waits.

    ``deadline`` is an instant of the monotonic clock, in seconds.
    """

    question: str
    policy: CachePolicy
    prepare: Callable[[], Filling]
    deadline: float


@dataclass(frozen=True, slots=True, kw_only=True)
class _Known:
    """The newest answer that is kept for a question, and the mark that says when it was last right."""

    mark: Mark
    result: Result


class Results:
    """Answers that were given before, over tiers from the nearest to the farthest.

    *ceiling* is the longest time, in seconds, that an answer may be served after its ``ttl``, whatever its policy.
    """

    def __init__(
        self, tiers: Sequence[Tier], flights: Flights, *, clock: Callable[[], float], ceiling: float = 86_400.0
    ) -> None:
        self._tiers, self._flights, self._clock, self._ceiling = tuple(tiers), flights, clock, ceiling

    def fetch(self, asked: Asked) -> Fetched:
        """Answer a question from the tiers, or by computing it, once for all who ask it now."""
        if not asked.policy.enabled:
            return self._made(asked.prepare().run(), CacheStatus(hit=False, fwd="bypass"))
        known = self._known(asked)
        if known is not None and self._left(known.mark, asked.policy) > 0:
            return self._served(known, asked.policy)
        try:
            return self._revalidated(asked, known)
        except (UpstreamError, CapacityError) as error:
            if known is None or not self._may_be_stale(known, asked.policy, asked.policy.stale_if_error):
                raise
            return self._stale(known, asked.policy, f"stale-if-error; {error.code}", fwd="stale")

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
        """Finish what is being computed, then close the tiers."""
        self._flights.close()
        for tier in self._tiers:
            tier.close()

    def _revalidated(self, asked: Asked, known: _Known | None) -> Fetched:
        """Compare what is kept with what would be read now: serve it, serve it stale, or compute."""
        filling = asked.prepare()
        found = self.stored(filling.key)
        if found is not None:
            mark = Mark(key=filling.key, checked_at=filling.pinned_at)
            self._remember(asked, mark)
            return self._served(_Known(mark=mark, result=found), asked.policy, detail="revalidated")
        flight = self._flight(asked, filling)
        if known is not None and self._may_be_stale(known, asked.policy, asked.policy.stale_while_revalidate):
            self._flights.start(flight)
            return self._stale(known, asked.policy, "stale-while-revalidate")
        result, shared = self._flights.fly(flight, deadline=asked.deadline)
        ttl = asked.policy.ttl - self._age(result.created_at)
        return self._made(result, CacheStatus(hit=False, fwd="miss", stored=not shared, collapsed=shared, ttl=ttl))

    def _flight(self, asked: Asked, filling: Filling) -> Flight:
        farthest = self._tiers[-1]

        def work() -> Result:
            result = filling.run()
            kept = [tier.keep(result, lifetime=self._lifetime(asked.policy)) for tier in self._tiers]
            self._remember(asked, Mark(key=result.key, checked_at=result.created_at))
            if not kept[-1]:
                note = Mark(key=result.key, checked_at=result.created_at)
                farthest.remember(_unkept(filling.key), note, lifetime=_UNKEPT)
            return result

        return Flight(
            key=filling.key,
            work=work,
            lookup=lambda: self.stored(filling.key),
            unshared=lambda: farthest.mark(_unkept(filling.key)) is not None,
        )

    def _known(self, asked: Asked) -> _Known | None:
        """Find the newest answer of a question, asking farther tiers only while nearer ones know no fresh one."""
        newest: Mark | None = None
        for depth, tier in enumerate(self._tiers):
            mark = tier.mark(asked.question)
            if mark is None or (newest is not None and mark.checked_at <= newest.checked_at):
                continue
            newest = mark
            for nearer in self._tiers[:depth]:
                nearer.remember(asked.question, mark, lifetime=self._lifetime(asked.policy))
            if self._left(mark, asked.policy) > 0:
                break
        result = None if newest is None else self.stored(newest.key)
        return None if newest is None or result is None else _Known(mark=newest, result=result)

    def _remember(self, asked: Asked, mark: Mark) -> None:
        for tier in self._tiers:
            tier.remember(asked.question, mark, lifetime=self._lifetime(asked.policy))

    def _served(self, known: _Known, policy: CachePolicy, detail: str | None = None) -> Fetched:
        status = CacheStatus(hit=True, ttl=self._left(known.mark, policy), detail=detail)
        return Fetched(result=known.result, status=status, age=self._age(known.mark.checked_at))

    def _stale(self, known: _Known, policy: CachePolicy, detail: str, fwd: str | None = None) -> Fetched:
        status = CacheStatus(hit=fwd is None, fwd=fwd, ttl=self._left(known.mark, policy), detail=detail)
        return Fetched(result=known.result, status=status, age=self._age(known.mark.checked_at))

    def _made(self, result: Result, status: CacheStatus) -> Fetched:
        return Fetched(result=result, status=status, age=self._age(result.created_at))

    def _age(self, instant: float) -> float:
        return max(0.0, self._clock() - instant)

    def _left(self, mark: Mark, policy: CachePolicy) -> float:
        """Seconds of freshness that are left; negative where the answer is stale."""
        return mark.checked_at + policy.ttl - self._clock()

    def _may_be_stale(self, known: _Known, policy: CachePolicy, allowed: float) -> bool:
        return -self._left(known.mark, policy) < min(allowed, self._ceiling)

    def _lifetime(self, policy: CachePolicy) -> float:
        stale = min(max(policy.stale_while_revalidate, policy.stale_if_error), self._ceiling)
        return max(policy.ttl + stale, _CURSORS)


def _unkept(key: str) -> str:
    """Name the note that says that the result of *key* was too large to keep."""
    return blake2b(f"unkept {key}".encode(), digest_size=20).hexdigest()
