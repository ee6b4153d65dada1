"""Run planned work in the engine: retried where a store fails in passing, planned again where its files changed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass

from gateway.concurrency.cancellation import Cancellation
from gateway.errors import EngineFailed, FilesChanged, GatewayError
from gateway.execution.planning import Planning
from gateway.execution.row_tee import RowTee
from gateway.execution.run import Execution, Limits
from gateway.execution.stores import Stores
from gateway.execution.work import Work
from gateway.model import BoundQuery, Result, Streamed
from gateway.telemetry.events import QueryReplanned

_RAISED = "the last attempt raised"
MAX_PLANS = 3
"""Times that a query is planned over files that change under it, before the error is the answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanRunner:
    """Runs work by *execution*, over *stores*; ``timeout`` is the seconds that a query may take at most."""

    execution: Execution
    planning: Planning
    stores: Stores
    timeout: float

    def whole(self, work: Work, cancellation: Cancellation, tee: RowTee | None = None) -> Result:
        """Compute all rows; the reader of *tee* is given them meanwhile. Raises ``ResultTooLarge``."""
        limits = self._limits(work, cancellation)
        for plan in self._plans(work):
            with plan as planned:
                for attempt in self.stores.attempts(planned.plan.query, deadline=limits.deadline):
                    with attempt as move, _failing(tee):
                        # A reader who was given rows of a failed attempt is cut off: the next one is for the others.
                        reader = None if tee is None or tee.failed else tee
                        return self.execution.whole(planned, move, limits, reader)
        raise AssertionError(_RAISED)

    def send(self, work: Work, cancellation: Cancellation, *, head: int, limit: int | None) -> Result | Streamed:
        """Compute rows for one reader, who is given them after *head* bytes, or only the first *limit* of them."""
        limits = self._limits(work, cancellation)
        for plan in self._plans(work):
            with plan as planned:
                for attempt in self.stores.attempts(planned.plan.query, deadline=limits.deadline):
                    with attempt as move:
                        if limit is None:
                            return self.execution.send(planned, move, limits, head=head)
                        return self.execution.first_rows(planned, move, limits, rows=limit)
        raise AssertionError(_RAISED)

    def allowed(self, query: BoundQuery) -> float:
        """Return the seconds that *query* may take."""
        return self.timeout if query.timeout is None else min(query.timeout, self.timeout)

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
            yield work
        except FilesChanged as error:
            if last:
                raise
            query = work.plan.query
            self.execution.observe(QueryReplanned(query=query.name, version=query.version, reason=error.detail))


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
