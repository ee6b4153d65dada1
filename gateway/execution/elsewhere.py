"""Where the partials that an answer lacks are computed: by the engine of this machine, or in a cluster.

Their bytes are the same, so the choice is no part of any key.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, Protocol

from gateway.engine.base import Cancel, Runs
from gateway.errors import ClusterUnavailable
from gateway.execution.stores import Move, located
from gateway.model import BoundQuery, FileVersion, Plan, Statement
from gateway.plan.explain import EngineChoice, readable
from gateway.plan.rewrite import Address
from gateway.streaming import ResultStream

LOCAL: Final = "duckdb"
"""What the engine of this machine is called in front matter, headers and explanations."""
RETRY: Final = 5.0
"""Seconds after which a caller may ask again for what only the cluster can compute."""


class Cluster(Protocol):
    """Machines that compute partials; its errors are the gateway's own."""

    @property
    def name(self) -> str:
        """What it is called in front matter, headers and explanations."""

    @property
    def tasks(self) -> int:
        """Into how many tasks work is best divided now; 1 at least."""

    def problem(self) -> str | None:
        """Say why it can compute nothing now; None: it can."""

    def address(self, file: FileVersion) -> str:
        """Return the address of a file version in the SQL of its engines."""

    def execute(
        self, statements: Sequence[Statement], *, deadline: float | None, started: Callable[[Cancel], None]
    ) -> ResultStream:
        """Run statements of partials side by side; their rows come in the order in which they are ready.

        Each comes whole, or as far as it takes to see that one of its partials is too large. *deadline* and *started*
        are those of ``Engine.execute``, whose errors are raised, and ``ClusterUnavailable``.
        """

    def status(self) -> dict[str, Any]:
        """Tell operators how it is, as JSON values."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """Partials that a cluster computes, in these tasks: each renders its statement."""

    cluster: Cluster
    tasks: Sequence[Callable[[Address], Statement]]

    @property
    def name(self) -> str:
        """What the cluster is called."""
        return self.cluster.name

    def start(
        self, plan: Plan, move: Move, engine: Runs, *, deadline: float | None, started: Callable[[Cancel], None]
    ) -> ResultStream:
        """Start the tasks of a plan, whose files are read where *move* says; *engine* is that of this machine."""
        rendered = [located(replace(plan, statement=task), self.cluster.address, move) for task in self.tasks]
        return self.cluster.execute(rendered, deadline=deadline, started=started)


@dataclass(frozen=True, slots=True, kw_only=True)
class Elsewhere:
    """Chooses between this machine and a cluster.

    From *above* bytes on the cluster computes what is missing. While it cannot, this machine does up to *alone* bytes.
    """

    cluster: Cluster
    above: int
    alone: int

    def choice(self, query: BoundQuery, size: int) -> EngineChoice:
        """Say where partials of *size* bytes of files are computed now, and what would change that."""
        name, left = self.cluster.name, f"{readable(size)} are left to be read"
        if query.engine not in ("auto", name):
            why = f"the query asks for it (engine: {query.engine})"
            return EngineChoice(engine=LOCAL, why=why, instead="engine: auto")
        if query.engine == name:
            why = f"the query asks for it (engine: {name})"
        elif size > self.above:
            why = f"{left}, more than cluster.above ({readable(self.above)})"
        else:
            why = f"{left}, no more than cluster.above ({readable(self.above)})"
            return EngineChoice(engine=LOCAL, why=why, instead=f"a wider question, or engine: {name}")
        problem = self.cluster.problem()
        if problem is None:
            return EngineChoice(engine=name, why=why, instead=f"engine: {LOCAL}, or partials that are kept")
        why, instead = f"{why}, but {problem}", "the cluster, once it can be used"
        if size <= self.alone:
            return EngineChoice(engine=LOCAL, why=why, instead=instead, passed_over=problem)
        why = f"{why}, and {left}, more than cluster.alone ({readable(self.alone)})"
        return EngineChoice(engine=None, why=why, instead=instead, passed_over=problem)

    def refuse_beyond(self, size: int, problem: str) -> None:
        """Raise ``ClusterUnavailable`` where this machine may not compute partials of so many bytes by itself."""
        if size > self.alone:
            raise ClusterUnavailable(
                f"{readable(size)} of data files have to be read for this answer, which the cluster alone may do "
                f"(cluster.alone is {readable(self.alone)}). {problem[:1].upper()}{problem[1:].rstrip('.')}. "
                "Ask again later, or a narrower question.",
                retry_after=RETRY,
            )


def divided(sizes: Iterable[int], count: int) -> list[slice]:
    """Divide items of some *sizes* into at most *count* runs of about the same size, in their order.

    >>> divided([5, 1, 1, 1, 5], 3)
    [slice(0, 1, None), slice(1, 4, None), slice(4, 5, None)]
    """
    each = list(sizes)
    share = max(1.0, sum(each) / count)
    runs, start, held = list[slice](), 0, 0
    for number, size in enumerate(each):
        # It begins a run of its own where that brings the one before nearer to its share.
        if number > start and held + size / 2 > share and len(runs) < count - 1:
            runs.append(slice(start, number))
            start, held = number, 0
        held += size
    return [*runs, slice(start, len(each))] if each else []
