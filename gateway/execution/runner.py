"""Run planned work in the engine: retried where a store fails in passing, planned again where its files changed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from threading import Event
from typing import TypeVar

import pyarrow as pa

from gateway.catalog.manifest import Snapshot
from gateway.concurrency.cancellation import Cancellation
from gateway.errors import (
    ClusterUnavailable,
    EngineFailed,
    Fate,
    FilesChanged,
    GatewayError,
    QueryFailed,
    UpstreamError,
)
from gateway.execution.elsewhere import LOCAL, Cluster
from gateway.execution.gathering import Gatherer
from gateway.execution.lives import AGAIN, Lives
from gateway.execution.planning import Planning
from gateway.execution.row_tee import RowTee
from gateway.execution.run import Execution
from gateway.execution.same_bytes import cost, statement_of
from gateway.execution.stores import Move, Stores
from gateway.execution.wholes import SPARK, Wholes
from gateway.execution.work import KeyedFold, Limits, Work
from gateway.model import BoundQuery, Folded, Plan, Principal, Result
from gateway.plan.explain import EngineChoice, KeptPartitions
from gateway.plan.fold.parts import Whole
from gateway.streaming import Chunk, Form, Streamed
from gateway.telemetry.events import ClusterFailed, QueryReplanned

_RAISED = "the last attempt raised"
T = TypeVar("T")
_ENDED = "The engine's process ended each time that the query ran."
_AS_A_WHOLE = EngineChoice(
    engine=LOCAL,
    why="it is computed as a whole, and a cluster computes partials",
    instead="a query of which an answer is put together of partials",
)
MAX_PLANS = 3
"""Times that a query is planned over files that change under it, before the error is the answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Computing:
    """How an answer would be computed now; all None: as a whole, where no answer is put together of partials."""

    folded: Folded | None = None
    """The partials of which it would be put together."""
    whole: str | None = None
    """Why it would be computed as a whole."""
    choice: EngineChoice | None = None
    """Which engine would compute it, where there are several."""
    deterministic: str | None = None
    """How its bytes are the same each time, and what that costs, where it must be so."""
    kept: tuple[KeptPartitions, ...] = ()
    """The partitions whose partials are kept, where it would be put together of partials."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanRunner:
    """Runs work by *execution*, over *stores*; ``timeout`` is the seconds that a query may take at most."""

    execution: Execution
    planning: Planning
    stores: Stores
    timeout: float
    gatherer: Gatherer | None = None
    """What puts answers together of partials; None: all are computed as a whole."""
    wholes: Wholes | None = None
    """What computes whole answers beside this machine."""

    def whole(self, work: Work, cancellation: Cancellation, tee: RowTee | None = None) -> Result:
        """Compute all rows; the reader of *tee* is given them meanwhile. Raises ``ResultTooLarge``."""
        limits = self._limits(work, cancellation)
        for plan in self._plans(work):
            with plan as planned:
                self.planning.catalog.name(planned.snapshots.values())
                for attempt in self.stores.attempts(planned.plan.query, deadline=limits.deadline):
                    with attempt as move:
                        return self._outliving(limits, partial(self._whole, planned, move, tee))
        raise AssertionError(_RAISED)

    def send(self, work: Work, cancellation: Cancellation, *, head: int | None, limit: int | None) -> Result | Streamed:
        """Compute rows for one reader, who is given them after *head* bytes, or only the first *limit* of them."""
        limits = self._limits(work, cancellation)
        for plan in self._plans(work):
            with plan as planned:
                self.planning.catalog.name(planned.snapshots.values())
                for attempt in self.stores.attempts(planned.plan.query, deadline=limits.deadline):
                    with attempt as move:
                        found = self._outliving(limits, partial(self._send, planned, move, head, limit))
                        return self._of_snapshot(found, planned) if isinstance(found, Streamed) else found
        raise AssertionError(_RAISED)

    def _of_snapshot(self, rows: Streamed, work: Work) -> Streamed:
        """Have rows that are sent while they are computed end with ``SnapshotGone`` where one was asked for."""
        if work.plan.query.snapshot is None:
            return rows

        def batches() -> Iterator[pa.RecordBatch]:
            with self._lost(work):
                yield from rows.batches

        def written(form: Form, count: Callable[[int], None]) -> Iterator[Chunk]:
            assert rows.written is not None
            with self._lost(work):
                yield from rows.written(form, count)

        return replace(rows, batches=batches(), written=None if rows.written is None else written)

    @contextmanager
    def _lost(self, work: Work) -> Iterator[None]:
        """Say of a snapshot that was asked for which of its files is not there any more. Raises ``SnapshotGone``."""
        try:
            yield
        except FilesChanged as error:
            if work.plan.query.snapshot is None:
                raise
            raise self.planning.lost(work) from error

    def computing(self, plan: Plan, snapshots: Mapping[str, Snapshot], principal: Principal) -> Computing:
        """Tell how the answer of a plan would be computed now."""
        if self.gatherer is None and self.wholes is None and not plan.query.deterministic:
            return Computing()
        try:
            fold = self.planning.fold(plan, snapshots, principal)
        except UpstreamError as error:
            return Computing(whole=f"its partials cannot be described now: {error.detail}")
        known = self._known(plan, fold)
        whole = known if isinstance(known, str) else None
        choice, kept = None if self.cluster is None else _AS_A_WHOLE, tuple[KeptPartitions, ...]()
        if self.wholes is not None:
            choice, _ = self.wholes.choice(plan, snapshots, principal, _size(plan))
        if self.gatherer is not None and isinstance(known, Folded) and isinstance(fold, KeyedFold):
            kept = self.gatherer.kept(fold)
            instead = self._instead_of_fold(plan, snapshots, principal, fold)
            choice = self.gatherer.choice(fold) if instead is None else instead[0]
        return Computing(
            folded=known if isinstance(known, Folded) else None,
            whole=whole,
            choice=choice,
            deterministic=cost(plan.query, fold),
            kept=kept,
        )

    @property
    def cluster(self) -> Cluster | None:
        """What computes partials beside the engine of this machine."""
        elsewhere = None if self.gatherer is None else self.gatherer.elsewhere
        return None if elsewhere is None else elsewhere.cluster

    def _known(self, plan: Plan, fold: KeyedFold | Whole) -> Folded | str | None:
        """Tell of what an answer would be put together, or why it would not; None: no answer is."""
        if self.gatherer is None:
            return None
        if isinstance(fold, Whole):
            return fold.reason if fold.hint is None else f"{fold.reason}; it could be: {fold.hint}"
        known = self.gatherer.known(fold, keeps=plan.query.cache.enabled)
        return known.reason if isinstance(known, Whole) else known

    def allowed(self, query: BoundQuery) -> float:
        """Return the seconds that *query* may take."""
        return self.timeout if query.timeout is None else min(query.timeout, self.timeout)

    def _whole(self, work: Work, move: Move, tee: RowTee | None, limits: Limits) -> Result:
        with _failing(tee):
            # A reader who was given rows of a failed attempt is cut off: the next one is for the others.
            reader = None if tee is None or tee.failed else tee
            run = partial(self.execution.whole, move=move, limits=limits, tee=reader)
            return self._folded(work, move, limits, run, reader)

    def _send(self, work: Work, move: Move, head: int | None, limit: int | None, limits: Limits) -> Result | Streamed:
        if limit is None:
            return self._folded(work, move, limits, partial(self.execution.send, move=move, limits=limits, head=head))
        return self._folded(
            work, move, limits, partial(self.execution.first_rows, move=move, limits=limits, rows=limit)
        )

    def _folded(self, work: Work, move: Move, limits: Limits, run: Callable[[Work], T], tee: RowTee | None = None) -> T:
        """Have *run* compute an answer over its partials, or else as a whole, to the same bytes.

        Where it fails over its partials, the whole query tells whether it is its author's or the data's fault.
        """
        fold = work.fold()
        whole = _whole(work, fold)
        if isinstance(fold, Whole) or self.gatherer is None:
            return self._as_whole(whole, run, tee)
        instead = self._instead_of_fold(work.plan, work.snapshots, work.principal, fold)
        if instead is not None:
            return self._as_whole(whole, run, tee, instead[1])
        folded = self.gatherer.folded(self.execution, work, fold, move, limits)
        if folded is None:
            return self._as_whole(whole, run, tee)
        try:
            return run(folded)
        except QueryFailed as error:
            if tee is not None and tee.fail(error):
                raise
        return run(whole)

    def _as_whole(self, work: Work, run: Callable[[Work], T], tee: RowTee | None = None, size: int | None = None) -> T:
        """Have *run* compute an answer as a whole, on this machine or by what computes whole answers beside it."""
        if self.wholes is None:
            return run(work)
        size = _size(work.plan) if size is None else size
        sent, choice = self.wholes.sent(work, size)
        query = work.plan.query
        if sent is None:
            if choice.passed_over is not None and query.engine == SPARK:
                self._note(query, choice.passed_over)
            return run(work)
        try:
            return run(sent)
        except (ClusterUnavailable, QueryFailed, EngineFailed) as error:
            if tee is not None and tee.fail(error):
                raise
            if isinstance(error, EngineFailed) and error.lost is not None:
                raise
            failure = error
        if not isinstance(failure, ClusterUnavailable):  # which is told where the query ran
            self._note(query, failure.detail)
        self.wholes.refuse_beyond(size, failure.detail)
        return run(work)

    def _note(self, query: BoundQuery, reason: str) -> None:
        self.execution.observe(ClusterFailed(query=query.name, version=query.version, reason=reason))

    def _instead_of_fold(
        self, plan: Plan, snapshots: Mapping[str, Snapshot], principal: Principal, fold: KeyedFold
    ) -> tuple[EngineChoice, int] | None:
        """Tell which engine computes as a whole what could be put together of partials, and of how many bytes.

        So it is where its query asks for that, and where more is missing than one machine reads and no cluster is
        there for partials. None: it is put together.
        """
        engine = plan.query.engine
        if self.wholes is None or self.gatherer is None or engine not in ("auto", SPARK):
            return None
        size = _size(plan) if engine == SPARK else self.gatherer.missing(fold)
        if engine != SPARK and (self.gatherer.elsewhere is not None or size <= self.wholes.above):
            return None
        choice, planned = self.wholes.choice(plan, snapshots, principal, size)
        return (choice, size) if engine == SPARK or planned is not None else None

    def _outliving(self, limits: Limits, run: Callable[[Limits], T]) -> T:
        """Run a query again where the engine's process ended under it for what may be another's fault.

        One that may have been the reason is tried where nothing else runs, which may be too small for it.
        """
        lives = Lives(deadline=limits.deadline, monotonic=self.execution.monotonic)
        while True:
            try:
                return run(limits)
            except EngineFailed as error:
                outgrown = limits.trial and error.memory
                if error.lost is None and not outgrown:
                    raise
                limits.cancellation.check()
                pause = lives.next(error.lost)
                if pause is None:
                    raise EngineFailed(_ENDED, memory=error.memory) from error
                trial = error.lost is Fate.SUSPECT
            _pause(limits.cancellation, pause)
            limits = self._renewed(limits, trial=trial)

    def _renewed(self, limits: Limits, *, trial: bool) -> Limits:
        """Give a query that has to run again at least ``AGAIN`` seconds, and those who wait for it too."""
        deadline = max(limits.deadline, self.execution.monotonic() + AGAIN)
        limits.cancellation.until = deadline
        return replace(limits, deadline=deadline, trial=trial)

    def _limits(self, work: Work, cancellation: Cancellation) -> Limits:
        # The work outlives its caller, so its deadline is the query's own, counted from its start.
        allowed = self.allowed(work.plan.query)
        return Limits(allowed=allowed, deadline=self.execution.monotonic() + allowed, cancellation=cancellation)

    def _plans(self, work: Work) -> Iterator[AbstractContextManager[Work]]:
        """Yield contexts that give the work to run; where its files change in one, the next gives it planned again."""
        for left in reversed(range(MAX_PLANS)):
            yield self._planned(work, last=left == 0)
            work = self.planning.plan_again(work)

    @contextmanager
    def _planned(self, work: Work, *, last: bool) -> Iterator[Work]:
        try:
            with self._lost(work):
                yield work
        except FilesChanged as error:
            query = work.plan.query
            if last:
                raise self.planning.changed(work, error) from error
            self.execution.observe(QueryReplanned(query=query.name, version=query.version, reason=error.detail))


def _whole(work: Work, fold: KeyedFold | Whole) -> Work:
    """Return the work that computes an answer as a whole, in the order in which its partials would be finished."""
    statement = statement_of(work.plan, fold)
    return work if statement is None else replace(work, plan=replace(work.plan, statement=statement))


def _size(plan: Plan) -> int:
    """Return the bytes of the files that a plan reads."""
    return sum(scan.selection.size for scan in plan.scans)


def _pause(cancellation: Cancellation, seconds: float) -> None:
    """Wait, unless the work is cancelled meanwhile. Raises the reason of the cancellation."""
    cancelled = Event()
    with cancellation.stops(cancelled.set):
        cancelled.wait(seconds)
    cancellation.check()


@contextmanager
def _failing(tee: RowTee | None) -> Iterator[None]:
    """Tell the reader of *tee*, where there is one, that an attempt failed."""
    try:
        yield
    except GatewayError as error:
        if tee is not None:
            tee.fail(error)
        raise
    except BaseException:
        if tee is not None:
            tee.fail(EngineFailed("The rows broke off."))
        raise
