"""Records of the request path: the request to the cache, the work for the engine."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple, Protocol

import pyarrow as pa

from gateway.answer import Directives
from gateway.cache.results import Enough
from gateway.cache.tier import Validation
from gateway.catalog.manifest import Snapshot
from gateway.concurrency.cancellation import Cancellation
from gateway.engine.base import Cancel, Runs
from gateway.execution.single_flight import Gone
from gateway.execution.stores import Move
from gateway.model import CachePolicy, Edition, Folded, Plan, Principal, Reading, Result, Scan, Summary
from gateway.plan.fold.fold import Branch, Fold, read_together
from gateway.plan.fold.fold import Piece as Partial
from gateway.plan.fold.parts import Whole
from gateway.streaming import ResultStream, Streamed
from gateway.telemetry.timings import Timings

_NO_DIRECTIVES = Directives()


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamOptions:
    """How a caller takes a result that is too large to be kept: its rows as they are computed, or the first of them."""

    limit: int | None = None
    """How many of its first rows are enough; None: all."""
    has: Callable[[str], bool] = lambda key: False
    """Tell whether the caller has all rows of a key already, sent as they were computed."""
    waits: bool = False
    """Whether the caller waits for the last row of a result that can be kept: it needs all of it to be answered."""


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


class Piece(NamedTuple):
    """A partial and the key that it is kept under."""

    key: str
    partial: Partial


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyedBranch:
    """An aggregation of a fold, whose partials have their keys, in manifest order."""

    branch: Branch
    pieces: tuple[Piece, ...]

    @property
    def text(self) -> str:
        """The text whose partials are alike in size."""
        return self.branch.query.normalised

    def scans(self, plan: Plan, pieces: Sequence[Piece]) -> tuple[Scan, ...]:
        """Return what is read for some of the partials."""
        read = read_together([piece.partial for piece in pieces], self.branch.fact)
        return tuple(replace(plan.scans[number], selection=read[number]) for number in self.branch.scans)


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyedFold:
    """A fold whose partials have their keys."""

    fold: Fold
    branches: tuple[KeyedBranch, ...]

    @property
    def pieces(self) -> dict[str, Partial]:
        """The partials by their keys: aggregations may share some."""
        return {piece.key: piece.partial for branch in self.branches for piece in branch.pieces}

    @property
    def text(self) -> str:
        """The text whose partials are of about one size together."""
        return self.fold.query.normalised


class Starts(Protocol):
    """What other machines compute."""

    @property
    def name(self) -> str:
        """What they are called in front matter, headers and explanations."""

    def start(
        self, plan: Plan, move: Move, engine: Runs, *, deadline: float | None, started: Callable[[Cancel], None]
    ) -> ResultStream:
        """Start it for a plan, whose files are read where *move* says; *engine* is that of this machine."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """What a plan runs: all of the work, some of its partials, or what is made of them."""

    partials: bool = False
    folded: Folded | None = None
    """The partials of which the answer is made: the plan reads their rows, and no files."""
    began: float | None = None
    """When the first partial was looked for, in seconds since the epoch."""
    sent: Starts | None = None
    """What other machines compute; None: the engine of this one does."""
    whole: Plan | None = None
    """The plan of the whole query, which people are told of."""


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
    fold: Callable[[], KeyedFold | Whole] = lambda: Whole(reason="nothing is folded here")
    """Tell how its answer is put together of partials, or why it is not."""
    keeps: bool = True
    """Whether what is computed for it may be kept."""
    part: Part = Part()
    """What of the work the plan runs."""
    snapshots: Mapping[str, Snapshot] = field(default_factory=dict)
    """The snapshots of its tables."""

    @property
    def validation(self) -> Validation:
        """The validation of a kept answer of this key: it is right for the files as they were pinned."""
        return Validation(key=self.key, checked_at=self.pinned_at, seen=self.seen)

    def validation_of(self, result: Result | Streamed | Summary) -> Validation:
        """Return the validation of a result of this work, which may be of another key (see above)."""
        seen = {reading.table: reading.edition for reading in result.readings if reading.edition is not None}
        return Validation(key=result.key, checked_at=result.created_at, seen=seen or self.seen)


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How long work may go on, and what may stop it before."""

    allowed: float
    """Seconds that the query may take, waiting included."""
    deadline: float
    cancellation: Cancellation
    trial: bool = False
    """Run where nothing else does: it may be what ended the engine's process."""


def unread(work: Work) -> Streamed:
    """Return an empty stream for a caller who has the rows of this key already."""
    return Streamed(
        key=work.key,
        schema=pa.schema([]),
        columns=(),
        readings=tuple(reading_of(scan) for scan in work.plan.scans),
        created_at=work.pinned_at,
        batches=iter(()),
        close=lambda: None,
    )


def reading_of(scan: Scan) -> Reading:
    """Say what a scan reads, of what there is."""
    return Reading(
        table=scan.table,
        snapshot=scan.snapshot,
        listed_at=scan.listed_at,
        partitions=scan.selection.partitions,
        partitions_total=scan.partitions_total,
        files=scan.selection.files,
        files_total=scan.files_total,
        size=scan.selection.size,
        size_total=scan.size_total,
        weak=scan.selection.weak,
        edition=scan.edition,
    )
