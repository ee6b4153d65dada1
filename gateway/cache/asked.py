"""What is asked of the cache, what it is given to compute with, and what it answers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from gateway.cache.flight import Gone
from gateway.concurrency.cancellation import Cancellation
from gateway.model import CachePolicy, CacheStatus, Directives, Edition, Reading, Result, Streamed, Summary
from gateway.row_tee import RowTee

_NO_DIRECTIVES = Directives()


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetched:
    """A result, or its rows while they are computed, with its fate in the cache and its age in seconds.

    It is a summary where the caller needs no rows.
    """

    result: Result | Streamed | Summary
    status: CacheStatus
    age: float


class Run(Protocol):
    """Computes a result whole."""

    def __call__(self, cancellation: Cancellation, outlet: RowTee | None = None) -> Result: ...


class Send(Protocol):
    """Computes rows for one caller."""

    def __call__(self, cancellation: Cancellation, *, head: int, limit: int | None) -> Result | Streamed: ...


class Prepared(NamedTuple):
    """An answer that can be sent as it is: what was read for it, its body; ``age`` and ``left`` to come, in seconds."""

    readings: tuple[Reading, ...]
    body: bytes | None
    age: float
    left: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Filling:
    """How to answer a question now: its key under the current snapshots, and the work that computes the result.

    ``pinned_at`` is when the snapshots were pinned. Every way of computing may give a result of another key, where
    files changed under the query and it was planned again.
    """

    key: str
    pinned_at: float
    seen: Mapping[str, Edition] = field(default_factory=dict)
    """The edition of each table that it would read."""
    run: Run
    """Compute all rows; the reader of an outlet is given them meanwhile. Raises ``ResultTooLarge``."""
    send: Send
    """Compute rows for one caller alone, who is given them from *head* bytes on, or the first *limit* of them."""
    unread: Callable[[], Streamed]
    """Stand for the rows of a caller who has them."""


class Prepare(Protocol):
    """Says how to answer a question now, over lists of files that cover what others saw of the tables."""

    def __call__(self, others: Mapping[str, Sequence[Edition]] = ...) -> Filling: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Taking:
    """How a caller takes a result that is too large to be kept: its rows as they are computed, or the first of them."""

    limit: int | None = None
    """How many of its first rows are enough; None: all."""
    has: Callable[[str], bool]
    """Tell whether the caller has all rows of a key already, sent as they were computed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A question with the policy of its answer, how to prepare computing it, and how long its caller waits.

    ``deadline`` is an instant of the monotonic clock, in seconds; ``gone`` tells whether the caller has left.
    """

    question: str
    policy: CachePolicy
    prepare: Prepare
    deadline: float
    tables: tuple[str, ...] = ()
    """What it reads."""
    announced: Callable[[], Mapping[str, Edition]] = dict
    """Tell of those tables that changed by announcement the edition that did it last."""
    directives: Directives = _NO_DIRECTIVES
    gone: Gone | None = None
    taking: Taking | None = None
    """None: whole, or not at all."""
    suffices: Callable[[Summary], bool] | None = None
    """Tell whether the caller needs no more of a result than its summary, e.g. has its rows; None: it needs them."""

    @property
    def quick(self) -> bool:
        """Tell whether nothing may be computed for this caller."""
        return self.directives.only_if_cached
