"""What a caller is answered: what the cache made of the request, and the result in the form that was asked for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

from gateway.model import BoundQuery, Folded, Result, Summary
from gateway.streaming import Streamed


class Outcome(Enum):
    """What became of a request at the cache. ``Cache-Status``, metrics and log lines derive from it."""

    HIT = "hit"
    """Served within its ``ttl``."""
    CURSOR = "cursor"
    """A further page of a kept result."""
    REVALIDATED = "revalidated"
    """Kept, and right for the data as it is now."""
    STALE_WHILE_REVALIDATE = "stale-while-revalidate"
    """Served after its ``ttl``, while a newer answer is computed."""
    STALE_IF_ERROR = "stale-if-error"
    """Served after its ``ttl``, because computing a newer answer failed."""
    MISS = "miss"
    """Computed, or shared with others for whom it was computed at the same time."""
    BYPASS = "bypass"
    """Computed for this caller alone, since the query opted out of the cache."""
    STREAMED = "streamed"
    """Sent while it was computed."""
    TOO_LARGE = "too-large"
    """Sent while it was computed, and known before to be too large to keep."""
    DEFAULT = "default"
    """The rows that the template declares for when there is nothing else."""

    @property
    def hit(self) -> bool:
        """Tell whether a kept answer was served for its own sake, not in place of an error."""
        return self in _HITS


_HITS = {Outcome.HIT, Outcome.CURSOR, Outcome.REVALIDATED, Outcome.STALE_WHILE_REVALIDATE}
_PLAIN = {Outcome.HIT, Outcome.MISS, Outcome.BYPASS}


@dataclass(frozen=True, slots=True, kw_only=True)
class CacheStatus:
    """The fate of a request at the cache, for ``Cache-Status`` (RFC 9211)."""

    outcome: Outcome
    tier: str | None = None
    """The tier that had a hit, where that is not the nearest."""
    error: str | None = None
    """The code of the error that a stale or a default answer stands in for."""
    bypass: bool = False
    """The query opted out of the cache."""
    stored: bool = False
    collapsed: bool = False
    """Shared with others who asked at the same time."""
    callers: int = 1
    """Requests of this process that one run answers; other processes may have more."""
    ttl: float | None = None
    """Seconds of freshness left; negative where the answer is stale."""
    folded: Folded | None = None
    """What a computed answer was put together of; None: computed as a whole, or not at all."""

    @property
    def hit(self) -> bool:
        """Tell whether a kept answer was served for its own sake."""
        return self.outcome.hit

    @property
    def default(self) -> bool:
        """Tell whether the rows are those that the template declares for when there is nothing else."""
        return self.outcome is Outcome.DEFAULT

    @property
    def fwd(self) -> str | None:
        """Why the request went forward: ``miss``, ``stale``, ``bypass``; None for a hit."""
        if self.hit:
            return None
        if self.outcome is Outcome.STALE_IF_ERROR:
            return "stale"
        return "bypass" if self.bypass or self.outcome is Outcome.BYPASS else "miss"

    @property
    def detail(self) -> str | None:
        """What ``Cache-Status`` says beside hit or miss."""
        if self.outcome is Outcome.HIT:
            return self.tier
        if self.outcome in _PLAIN:
            told = [] if self.folded is None else [str(self.folded)]
            told += [f"for {self.callers} requests or more"] if self.callers > 1 else []
            return "; ".join(told) or None
        name = self.outcome.value
        return name if self.error is None else f"{name}; {self.error}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Directives:
    """What a caller asks of the cache (RFC 9111, section 5.2.1). ``max_age`` is in seconds."""

    no_cache: bool = False
    """Compare with the newest data before an answer is served."""
    no_store: bool = False
    """Keep nothing of what is computed for this request."""
    only_if_cached: bool = False
    """Compute nothing."""
    max_age: float | None = None
    """Serve nothing that was last known to be right longer ago."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What the pipeline returns: the question as it was understood, the result, its fate in the cache, its age.

    ``age`` is in seconds; ``timings`` maps a stage (``bind``, ``plan``, ``cache``, ``execute``) to seconds.
    ``requests`` counts what the runs for this request sent to buckets; None: nothing ran for it, or none was needed.
    """

    query: BoundQuery
    result: Result
    status: CacheStatus
    age: float
    timings: Mapping[str, float]
    requests: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Export:
    """An answer whose rows are sent while they are computed; the other members are those of ``Answer``."""

    query: BoundQuery
    result: Streamed
    status: CacheStatus
    age: float
    timings: Mapping[str, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Unread:
    """An answer whose rows its caller does not need, or has; the other members are those of ``Answer``."""

    query: BoundQuery
    result: Summary
    status: CacheStatus
    age: float
    timings: Mapping[str, float]
