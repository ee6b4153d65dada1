"""Whether a kept answer may be served: one function of what is kept and of what the caller and the query allow.

Within its ``ttl`` an answer is served without asking (HIT). After it, the question is planned again: where the plan
has the key of a kept answer, nothing that it reads has changed (REVALIDATED). Where it has another key, the answer
may be served for a while as a newer one is computed (STALE_WHILE_REVALIDATE, RFC 5861), and for another while where
computing it fails (STALE_IF_ERROR). A caller's directives can only make this stricter.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from gateway.answer import Directives, Outcome
from gateway.cache.tier import Ready, Validation
from gateway.model import CachePolicy, Reading, Result, Summary

_SKEW = 5.0
"""Seconds that the clock of another host may be ahead of this one's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """A kept answer, and when it was last known to be right."""

    validation: Validation
    result: Result | Summary
    """A summary where the caller needs no rows."""
    tier: str | None = None
    """The tier that had it, where that is not the nearest."""
    newest: bool
    """Nobody gave a newer answer for sure, and no change of what it read was announced since."""


class Prepared(NamedTuple):
    """A fresh answer to be sent as it is: what was read for it, its body, its age and its ``ttl`` left, in seconds."""

    readings: tuple[Reading, ...]
    body: bytes | None
    age: float
    left: float


def decide(
    stored: Stored | None,
    key: str | None,
    policy: CachePolicy,
    directives: Directives,
    now: float,
    *,
    ceiling: float,
    failed: bool = False,
) -> Outcome:
    """Decide what becomes of a request at the instant *now*, in seconds since the epoch.

    *key* is that of the plan over the files as they are now, None where the question is not planned yet. *ceiling* is
    the longest time, in seconds, that an answer may be served after its ``ttl``, whatever its policy. With *failed*,
    computing a newer answer has failed.
    """
    if not policy.enabled:
        return Outcome.BYPASS
    if stored is None:
        return Outcome.MISS
    if key is not None and stored.validation.key == key:
        return Outcome.REVALIDATED
    if not _suits(stored.validation, directives, now):
        return Outcome.MISS
    late = -ttl_left(stored.validation, policy, now)
    if failed:
        return Outcome.STALE_IF_ERROR if late < min(policy.stale_if_error, ceiling) else Outcome.MISS
    if stored.newest and late < 0:
        return Outcome.HIT
    if key is not None and stored.newest and late < min(policy.stale_while_revalidate, ceiling):
        return Outcome.STALE_WHILE_REVALIDATE
    return Outcome.MISS


def prepared(ready: Ready, known: Result | Summary, policy: CachePolicy, now: float) -> Prepared | None:
    """Return a ready answer with its age at the instant *now*, in seconds since the epoch; None where it is stale."""
    left = ttl_left(ready.validation, policy, now)
    return Prepared(known.readings, ready.body, age_at(ready.validation.checked_at, now), left) if left > 0 else None


def ttl_left(validation: Validation, policy: CachePolicy, now: float) -> float:
    """Return the seconds of freshness that are left; negative where the answer is stale.

    None are left where the validation is from the future: the clock went back since, nobody knows how far.
    """
    return min(validation.checked_at + policy.ttl - now, policy.ttl) if _credible(validation, now) else 0.0


def age_at(instant: float, now: float) -> float:
    """Return the seconds since an instant; none where it is in the future."""
    return max(0.0, now - instant)


def _credible(validation: Validation, now: float) -> bool:
    return validation.checked_at <= now + _SKEW


def _suits(validation: Validation, directives: Directives, now: float) -> bool:
    """Tell whether the caller takes an answer without having it compared with the data as it is now."""
    if directives.no_cache:
        return False
    if directives.max_age is None:
        return True
    return _credible(validation, now) and age_at(validation.checked_at, now) <= directives.max_age
