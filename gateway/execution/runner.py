"""Run planned work in the engine: again where a store fails in passing, planned again where its files changed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from gateway.concurrency.cancellation import Cancellation
from gateway.errors import EngineFailed, FilesChanged, GatewayError
from gateway.execution.planning import Planning
from gateway.execution.row_tee import RowTee
from gateway.execution.run import Execution, Limits
from gateway.execution.stores import Move, Stores
from gateway.execution.work import Work
from gateway.model import BoundQuery, Result, Streamed
from gateway.telemetry.events import QueryReplanned

Found = TypeVar("Found")
Attempt = Callable[[Work, Move, Limits], Found]
"""Runs work once, over files where they are said to be read."""
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
        """Compute all rows, and give them to the reader of *tee* meanwhile. Raises ``ResultTooLarge``."""

        def attempt(work: Work, move: Move, limits: Limits) -> Result:
            nonlocal tee
            try:
                return self.execution.whole(work, move, limits, tee)
            except GatewayError as error:
                # A reader who has sent rows is cut off: another attempt is for the others.
                if tee is not None and tee.fail(error):
                    tee = None
                raise
            except BaseException:
                if tee is not None:
                    tee.fail(EngineFailed("The rows broke off."))
                raise

        return self._over_current_files(work, cancellation, attempt)

    def send(self, work: Work, cancellation: Cancellation, *, head: int, limit: int | None) -> Result | Streamed:
        """Compute rows for one reader, who is given them from *head* bytes on, or the first *limit* of them."""

        def attempt(work: Work, move: Move, limits: Limits) -> Result | Streamed:
            if limit is None:
                return self.execution.opened(work, move, limits, head=head)
            return self.execution.first(work, move, limits, rows=limit)

        return self._over_current_files(work, cancellation, attempt)

    def allowed(self, query: BoundQuery) -> float:
        """Return the seconds that *query* may take."""
        return self.timeout if query.timeout is None else min(query.timeout, self.timeout)

    def _over_current_files(self, work: Work, cancellation: Cancellation, attempt: Attempt[Found]) -> Found:
        # The work outlives its caller, so its deadline is the query's own, counted from its start.
        allowed = self.allowed(work.plan.query)
        deadline = self.execution.monotonic() + allowed
        limits = Limits(allowed=allowed, deadline=deadline, cancellation=cancellation)
        for _ in range(MAX_PLANS - 1):
            try:
                return self._over_stores(work, limits, attempt)
            except FilesChanged as error:
                query = work.plan.query
                self.execution.observe(QueryReplanned(query=query.name, version=query.version, reason=error.detail))
                work = self.planning.plan_again(work)
        return self._over_stores(work, limits, attempt)

    def _over_stores(self, work: Work, limits: Limits, attempt: Attempt[Found]) -> Found:
        """Run a plan; where a store fails in passing, again, at a replica where there is one."""
        return self.stores.run(work.plan.query, lambda move: attempt(work, move, limits), deadline=limits.deadline)
