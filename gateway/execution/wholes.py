"""Answers that another engine computes as a whole, in its own SQL: when it is chosen, and what it runs.

It is given no text that was not compared with DuckDB on the examples of its template, and no plan that it may read in
another way. What it gives has the columns of DuckDB. Its rows are those of DuckDB, so the choice is no part of a key.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final, Protocol

import pyarrow as pa

from gateway.catalog.manifest import Snapshot
from gateway.engine.base import Cancel, Runs
from gateway.errors import ClusterUnavailable
from gateway.execution.elsewhere import LOCAL, RETRY
from gateway.execution.stores import Move
from gateway.execution.work import Part, Work
from gateway.model import BoundQuery, Column, Plan, Principal
from gateway.plan.explain import EngineChoice, readable
from gateway.plan.spark.planner import SparkPlan, SparkPlanner, digest_of
from gateway.plan.spark.portability import NotPortable
from gateway.streaming import ResultStream

SPARK: Final = "spark"
"""What it is called in front matter, headers and explanations."""
PROVE: Final = "gateway check --engine spark --data"


class SqlCluster(Protocol):
    """Machines that compute whole answers in SQL of their own; its errors are the gateway's own."""

    def problem(self) -> str | None:
        """Say why it can compute nothing now; None: it can."""

    def execute(
        self,
        plan: SparkPlan,
        schema: pa.Schema,
        columns: tuple[Column, ...],
        *,
        move: Move,
        deadline: float | None,
        started: Callable[[Cancel], None],
    ) -> ResultStream:
        """Run a query, whose rows have *schema* and *columns*, over files where *move* says.

        *deadline* and *started* are those of ``Engine.execute``, whose errors are raised, and ``ClusterUnavailable``,
        ``ResultTooLarge``.
        """

    def status(self) -> dict[str, Any]:
        """Tell operators how it is, as JSON values."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SentWhole:
    """An answer that another engine computes."""

    cluster: SqlCluster
    plan: SparkPlan
    name: str = SPARK

    def start(
        self,
        plan: Plan,
        move: Move,
        engine: Runs,
        *,
        deadline: float | None,
        started: Callable[[Cancel], None],
    ) -> ResultStream:
        """Start it; *engine* tells the columns of the answer."""
        nothing = engine.execute(self.plan.nothing, deadline=deadline)
        try:
            schema, columns = nothing.schema, nothing.columns
            deque(nothing, maxlen=0)  # who leaves a query before its end leaves its slot, which this one still needs
        finally:
            nothing.close()
        return self.cluster.execute(self.plan, schema, columns, move=move, deadline=deadline, started=started)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wholes:
    """Chooses between this machine and another engine for answers that are computed as a whole.

    From *above* bytes on the other engine computes them; while it cannot, this machine does up to *alone* bytes.
    """

    cluster: SqlCluster
    planner: SparkPlanner
    proven: Callable[[BoundQuery, str], bool]
    """Tell whether a text of this digest was compared with DuckDB."""
    above: int
    alone: int

    def choice(
        self, plan: Plan, snapshots: Mapping[str, Snapshot], principal: Principal, size: int
    ) -> tuple[EngineChoice, SparkPlan | None]:
        """Say which engine computes an answer for which *size* bytes have to be read, and what the other one runs."""
        query, left = plan.query, f"{readable(size)} have to be read"
        asked = query.engine == SPARK
        if query.engine not in ("auto", SPARK):
            why = f"the query asks for it (engine: {query.engine})"
            return EngineChoice(engine=LOCAL, why=why, instead="engine: auto"), None
        if not asked and size <= self.above:
            why = f"{left}, no more than cluster.above ({readable(self.above)})"
            return EngineChoice(engine=LOCAL, why=why, instead=f"a wider question, or engine: {SPARK}"), None
        why = f"the query asks for it (engine: {SPARK})"
        if not asked:
            why = f"{left}, more than cluster.above ({readable(self.above)})"
        try:
            planned = self.planner.plan(plan, snapshots, principal)
        except NotPortable as error:
            found = error.found[0]
            return self._not_there(size, why, f"Spark is not asked, for {found.reason}", found.instead or "the query")
        if not self.proven(query, digest_of(query, planned.query)):
            return self._not_there(size, why, "it was not compared with DuckDB", PROVE)
        problem = self.cluster.problem()
        if problem is not None:
            return self._not_there(size, why, problem, "Spark, once it can be used")
        return EngineChoice(engine=SPARK, why=why, instead=f"engine: {LOCAL}"), planned

    def sent(self, work: Work, size: int) -> tuple[Work | None, EngineChoice]:
        """Return the work that the other engine does; None: this machine does it.

        Raises ``ClusterUnavailable`` where this one may not.
        """
        choice, planned = self.choice(work.plan, work.snapshots, work.principal, size)
        if planned is not None:
            part = Part(sent=SentWhole(cluster=self.cluster, plan=planned), whole=work.plan)
            return replace(work, part=part), choice
        if choice.engine is None:
            assert choice.passed_over is not None
            self.refuse_beyond(size, choice.passed_over)
        return None, choice

    def refuse_beyond(self, size: int, problem: str) -> None:
        """Raise ``ClusterUnavailable`` where this machine may not compute an answer of so many bytes by itself."""
        if size > self.alone:
            raise ClusterUnavailable(
                f"{readable(size)} of data files have to be read for this answer, more than this machine alone may "
                f"(cluster.alone is {readable(self.alone)}). {problem[:1].upper()}{problem[1:].rstrip('.')}. "
                "Ask again later, or a narrower question.",
                retry_after=RETRY,
            )

    def _not_there(self, size: int, why: str, problem: str, instead: str) -> tuple[EngineChoice, SparkPlan | None]:
        why = f"{why}, but {problem}"
        if size <= self.alone:
            return EngineChoice(engine=LOCAL, why=why, instead=instead, passed_over=problem), None
        why = f"{why}, and that is more than cluster.alone ({readable(self.alone)})"
        return EngineChoice(engine=None, why=why, instead=instead, passed_over=problem), None
