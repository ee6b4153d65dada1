"""Plan a question over the files of its tables as they are now."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

from gateway.cache.key import partial_key, question_key, result_key, unpinned
from gateway.cache.tier import Validation
from gateway.catalog.catalog import Catalog
from gateway.catalog.manifest import Snapshot
from gateway.concurrency.origin import on_behalf_of
from gateway.errors import DeadlineExceeded, FilesChanged, QueryFailed, SnapshotGone
from gateway.execution.work import KeyedBranch, KeyedFold, Piece, Work
from gateway.model import BoundQuery, Edition, Plan, Principal
from gateway.plan.fold.fold import Branch, FoldPlanner
from gateway.plan.fold.parts import Whole
from gateway.plan.planner import Planner
from gateway.plan.select import PartitionIndex
from gateway.telemetry.timings import Timings


@dataclass(frozen=True, slots=True, kw_only=True)
class Planning:
    """Plans queries for one engine; ``clock`` tells seconds since the epoch."""

    catalog: Catalog
    folds: FoldPlanner
    """Cuts queries into partials, over what its planner selects: the policy of a planner holds for both."""
    engine: str
    """The name of the engine: its results are its own."""
    origin: str = ""
    """The deployment and the release of the gateway."""
    clock: Callable[[], float] = time.time

    @property
    def planner(self) -> Planner:
        """What selects the files of queries."""
        return self.folds.planner

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
            if query.snapshot is not None:
                return work
            ahead = [other for other in others if other.key != work.key and not work.validation.follows(other)]
            if ahead:
                self.catalog.catch_up(_editions(ahead))
                work = self._plan(query, question, principal, timings)
        return work

    def snapshots(self, query: BoundQuery) -> Mapping[str, Snapshot]:
        """Pin the snapshots of a query's tables: the newest, or those that it names. Raises what pinning raises."""
        named = query.snapshot
        return self.catalog.pin(query.tables) if named is None else self.catalog.at(query.tables, named)

    def plan_again(self, work: Work) -> Work:
        """List the tables again, whose files changed while they were read, and plan over what is there now."""
        with work.timings("plan"):
            query = work.plan.query
            snapshots = {name: self.catalog.refresh(name) for name in query.tables}
            with on_behalf_of(query.origin):
                plan = self.planner.plan(query, snapshots, work.principal)
            fold = partial(self.fold, plan, snapshots, work.principal)
            key = result_key(work.question, plan, self.engine)
            return replace(work, plan=plan, key=key, fold=fold, snapshots=snapshots)

    def lost(self, work: Work) -> SnapshotGone:
        """Say which file of the snapshot that was asked for is not there any more, in the version that it had."""
        for scan in work.plan.scans:
            now = {file.path: file for file in PartitionIndex.build(self.catalog.refresh(scan.table)).all().versions()}
            for file in scan.selection.versions():
                if now.get(file.path) != file:
                    root = work.snapshots[scan.table].root
                    said = "was changed" if file.path in now else "was removed"
                    name = file.path.removeprefix(root)
                    detail = f"A file of the snapshot {said} since: {name} of the table {scan.table}."
                    return SnapshotGone(detail, table=scan.table, file=name)
        return SnapshotGone("A file of the snapshot was changed or removed since.")

    def changed(self, work: Work, error: FilesChanged) -> FilesChanged:
        """Say of which table the file is that kept changing, and what helps where a dataset lost it."""
        for name, snapshot in work.snapshots.items():
            if error.path is not None and error.path.startswith(snapshot.root):
                file = error.path.removeprefix(snapshot.root)
                table, detail = snapshot.table, f"A file of the table {name} was replaced or removed: {file}."
                if table.query is not None and table.version is None:
                    detail += f" It is of a dataset: gateway build {name} computes its partition again."
                return FilesChanged(detail, path=error.path, table=name, file=file)
        return error

    def fold(self, plan: Plan, snapshots: Mapping[str, Snapshot], principal: Principal) -> KeyedFold | Whole:
        """Cut a plan into partials, and name them by their questions and the versions of their files.

        Raises ``DeadlineExceeded`` for a deterministic query whose columns are not found in time, for others are whole.
        """
        try:
            with on_behalf_of(plan.query.origin):
                fold = self.folds.fold(plan, snapshots, principal)
        except (QueryFailed, DeadlineExceeded) as error:
            if plan.query.deterministic and isinstance(error, DeadlineExceeded):
                raise
            return Whole(reason=f"its partials cannot be described: {error.detail}")
        if isinstance(fold, Whole):
            return fold
        branches = tuple(self._keyed(branch, plan, snapshots, principal) for branch in fold.branches)
        return KeyedFold(fold=fold, branches=branches)

    def _keyed(
        self, branch: Branch, plan: Plan, snapshots: Mapping[str, Snapshot], principal: Principal
    ) -> KeyedBranch:
        """Name partials by what they are of alone: they are those of every question that has the aggregation."""
        names = branch.query.tables
        tables, origin = self.catalog.identities(names), f"{self.origin}/{self.engine}"
        columns = (*branch.states, *(column for name in names for column in snapshots[name].columns))
        types = [f"{column.name} {column.type}" for column in columns]
        queries = {id(piece.query): piece.query for piece in branch.pieces}  # few, which many partitions share
        questions = {number: question_key(query, principal, tables, origin=origin) for number, query in queries.items()}
        named = partial(partial_key, states=types, table=plan.scans[branch.fact].table)
        return KeyedBranch(
            branch=branch,
            pieces=tuple(
                Piece(
                    named(
                        questions[id(piece.query)],
                        selection=piece.selection.digest(),
                        beside=[each.digest() for each in piece.beside.values()],
                    ),
                    piece,
                )
                for piece in branch.pieces
            ),
        )

    def _plan(self, query: BoundQuery, question: str, principal: Principal, timings: Timings) -> Work:
        pinned_at = self.clock()
        snapshots = self.snapshots(query)
        with on_behalf_of(query.origin):
            plan = self.planner.plan(query, snapshots, principal)
        return Work(
            plan=plan,
            question=question,
            key=result_key(unpinned(question), plan, self.engine),
            principal=principal,
            pinned_at=pinned_at,
            seen={name: snapshot.edition for name, snapshot in snapshots.items()},
            timings=timings,
            fold=partial(self.fold, plan, snapshots, principal),
            snapshots=snapshots,
        )


def _editions(validations: Sequence[Validation]) -> Mapping[str, Sequence[Edition]]:
    """Return what was seen of each table by any of some validations."""
    names = {name for validation in validations for name in validation.seen}
    return {name: [other.seen[name] for other in validations if name in other.seen] for name in names}
