"""Plan a question over the files of its tables as they are now."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from gateway.cache.key import result_key
from gateway.cache.tier import Validation
from gateway.catalog.catalog import Catalog
from gateway.execution.work import Work
from gateway.model import BoundQuery, Edition, Principal
from gateway.plan.planner import Planner
from gateway.telemetry.timings import Timings


@dataclass(frozen=True, slots=True, kw_only=True)
class Planning:
    """Plans queries for one engine; ``clock`` tells seconds since the epoch."""

    catalog: Catalog
    planner: Planner
    engine: str
    """The name of the engine: its results are its own."""
    clock: Callable[[], float] = time.time

    def plan(
        self,
        query: BoundQuery,
        question: str,
        principal: Principal,
        timings: Timings,
        others: Sequence[Validation] = (),
    ) -> Work:
        """Pin the files of the query's tables and plan over them.

        Where one of the *others* has seen a later list of files than is known here, the tables are listed first.
        """
        with timings("plan"):
            work = self._plan(query, question, principal, timings)
            ahead = [other for other in others if other.key != work.key and not work.validation.follows(other)]
            if ahead:
                self.catalog.catch_up(_editions(ahead))
                work = self._plan(query, question, principal, timings)
        return work

    def plan_again(self, work: Work) -> Work:
        """List the tables again, whose files changed while they were read, and plan over what is there now."""
        with work.timings("plan"):
            query = work.plan.query
            snapshots = {name: self.catalog.refresh(name) for name in query.tables}
            plan = self.planner.plan(query, snapshots, work.principal)
            return replace(work, plan=plan, key=result_key(work.question, plan, self.engine))

    def _plan(self, query: BoundQuery, question: str, principal: Principal, timings: Timings) -> Work:
        pinned_at = self.clock()
        snapshots = self.catalog.pin(query.tables)
        plan = self.planner.plan(query, snapshots, principal)
        return Work(
            plan=plan,
            question=question,
            key=result_key(question, plan, self.engine),
            principal=principal,
            pinned_at=pinned_at,
            seen={name: snapshot.edition for name, snapshot in snapshots.items()},
            timings=timings,
        )


def _editions(validations: Sequence[Validation]) -> Mapping[str, Sequence[Edition]]:
    """Return what was seen of each table by any of some validations."""
    names = {name for validation in validations for name in validation.seen}
    return {name: [other.seen[name] for other in validations if name in other.seen] for name in names}
