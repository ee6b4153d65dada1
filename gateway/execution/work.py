"""Records of the request path: the request to the cache, the work for the engine."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from gateway.answer import Directives
from gateway.cache.results import Enough
from gateway.cache.tier import Validation
from gateway.execution.single_flight import Gone
from gateway.model import CachePolicy, Edition, Plan, Principal, Result, Streamed, Summary
from gateway.telemetry.timings import Timings

_NO_DIRECTIVES = Directives()


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamOptions:
    """How a caller takes a result that is too large to be kept: its rows as they are computed, or the first of them."""

    limit: int | None = None
    """How many of its first rows are enough; None: all."""
    has: Callable[[str], bool] = lambda key: False
    """Tell whether the caller has all rows of a key already, sent as they were computed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CacheRequest:
    """A question, the policy of its answer, and how its caller takes it.

    ``deadline`` is an instant of the monotonic clock, in seconds; ``gone`` tells whether the caller has left.
    """

    question: str
    """The digest of the query, its parameters, who asks, and the declared tables."""
    policy: CachePolicy
    deadline: float
    tables: tuple[str, ...] = ()
    directives: Directives = _NO_DIRECTIVES
    gone: Gone | None = None
    stream: StreamOptions | None = None
    """None: the result is taken whole, or not at all."""
    enough: Enough | None = None
    """Tells whether a summary of the result is all that the caller needs; None: it needs the rows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """A question planned over the files as they are now: what computes the answer of ``key``.

    Running it may give a result of another key, where files changed under the query and it was planned again.
    """

    plan: Plan
    question: str
    key: str
    principal: Principal
    pinned_at: float
    """When the lists of files were pinned, in seconds since the epoch."""
    seen: Mapping[str, Edition] = field(default_factory=dict)
    """The edition of each table that it reads."""
    timings: Timings

    @property
    def validation(self) -> Validation:
        """The validation of a kept answer of this key: it is right for the files as they were pinned."""
        return Validation(key=self.key, checked_at=self.pinned_at, seen=self.seen)

    def validation_of(self, result: Result | Streamed | Summary) -> Validation:
        """Return the validation of a result of this work, which may be of another key (see above)."""
        seen = {reading.table: reading.edition for reading in result.readings if reading.edition is not None}
        return Validation(key=result.key, checked_at=result.created_at, seen=seen or self.seen)
