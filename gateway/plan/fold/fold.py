"""The plan of a fold: the partial of every selected partition, and what finishes them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Final

import pyarrow as pa

from gateway.catalog.manifest import Snapshot
from gateway.model import BoundQuery, Column, Plan, Principal, Scan, Statement
from gateway.plan.analysis import Evaluate
from gateway.plan.explain import readable
from gateway.plan.fold.aggregations import ways
from gateway.plan.fold.forms import Describe, Form, Forms, partial_of, unfolded_of, whole_of
from gateway.plan.fold.holding import Holding
from gateway.plan.fold.parts import Filter, Part, Refused, Split, Whole
from gateway.plan.planner import Planner
from gateway.plan.reading import NUMBERED
from gateway.plan.rewrite import Address
from gateway.plan.select import Chosen

LEAST: Final = 4
"""Partitions below which a query is not folded: there is nothing to be kept that another question could use."""
MOST: Final = 1_000
"""Partitions above which it is not: looking them all up would cost more than it saves."""
LARGE: Final = 4 * 2**20
"""Mean bytes of the files of partitions that are grouped each for itself."""
NUMBER: Final = NUMBERED.name
"""The column of a statement of several partials that tells which of them a row is of."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """The partial of one partition: its query, which has only the filters and parameters that remain in it."""

    query: BoundQuery
    selection: Chosen
    filtered: bool
    """Whether it may pass rows of the partition over."""
    alone: Callable[[Address], Statement] | None = field(repr=False)
    """Renders it, with the column ``COUNTED``; None where other tables would be read for each partition."""
    numbered: Callable[[Mapping[int, Chosen], Address], Statement] = field(repr=False)
    """Renders the partials of several partitions in one query, whose column ``NUMBER`` tells their rows apart; it has
    the column ``COUNTED`` too."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Branch:
    """One aggregation of a query as a fold over the partials of its partitions, in manifest order."""

    pieces: tuple[Piece, ...]
    query: BoundQuery
    """The partial with all of its filters."""
    states: tuple[Column, ...]
    """The columns of partials."""
    fact: int
    """The number, in the plan, of the scan whose partitions they are."""
    scans: tuple[int, ...]
    """The numbers of all scans that a partial has: the others are read with each partition."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fold:
    """A query as a fold over the partials of each of its aggregations.

    ``whole`` makes the statement that gives the same bytes over all rows.
    """

    branches: tuple[Branch, ...]
    form: Form
    query: BoundQuery
    whole: Callable[[Address], Statement] = field(repr=False)

    @property
    def pieces(self) -> tuple[Piece, ...]:
        """The partials of all branches."""
        return tuple(piece for branch in self.branches for piece in branch.pieces)

    def together(self, partials: Sequence[Sequence[pa.Table]]) -> tuple[pa.Table, ...]:
        """Put the rows of the partials of each branch, in manifest order, one after the other."""
        return self.form.together(partials)

    def finish(self, rows: Sequence[pa.Table]) -> Statement:
        """Return the statement that makes the answer of all partials, put ``together``."""
        return self.form.over(rows, self.form.split.finish, self.query.parameters)


class FoldPlanner:
    """Plans folds over what *planner* has selected; thread-safe."""

    def __init__(self, planner: Planner, evaluate: Evaluate, describe: Describe, *, least: int = 0) -> None:
        """*describe* returns the columns of a statement, without running it.

        Queries whose partitions have fewer than *least* bytes on average are not folded.
        """
        self.planner, self._evaluate, self.least = planner, evaluate, least
        self._describe, self._forms = describe, Forms(planner, describe)

    def over(self, planner: Planner) -> FoldPlanner:
        """Make a planner of folds over what another *planner* selects."""
        return FoldPlanner(planner, self._evaluate, self._describe, least=self.least)

    def in_full(
        self, plan: Plan, snapshots: Mapping[str, Snapshot], scan: int, conditions: tuple[Filter, ...]
    ) -> Iterator[bool]:
        """Tell of each file that is selected for a scan whether all *conditions* hold in every row of it."""
        chosen = _chosen(plan.scans[scan])
        holding = Holding(
            planner=self.planner,
            evaluate=self._evaluate,
            query=plan.query,
            snapshot=snapshots[plan.scans[scan].table],
            chosen=chosen,
        )
        for held, partition in zip(holding.without(conditions), chosen.each(), strict=True):
            yield from [len(held) == len(conditions)] * partition.files

    def fold(self, plan: Plan, snapshots: Mapping[str, Snapshot], principal: Principal) -> Fold | Whole:
        """Fold a planned query, or say why it stays whole: by its text and by the manifest alone."""
        query = plan.query
        try:
            form = self._form(plan, snapshots)
        except Refused as refused:
            joins = self.planner.policy_joins(principal, query.tables)
            return Whole(reason=refused.reason, hint=refused.hint, in_order=refused.in_order and not joins)
        selected = [_chosen(each) for each in plan.scans]
        over = partial(self._over, selected, snapshots, principal)
        reason = self._reason(plan, form.split, [selected[part.fact] for part in form.split.parts])
        if reason is not None:
            whole = partial(over, whole_of(query, form) if query.deterministic else unfolded_of(query, form))
            return Whole(reason=reason, statement=whole, exact=query.deterministic and form.sums)
        making = _Branches(self.planner, self._evaluate, plan, snapshots, principal)
        branches = zip(form.split.parts, form.states, strict=True)
        return Fold(
            branches=tuple(making.branch(part, states) for part, states in branches),
            form=form,
            query=query,
            whole=partial(over, whole_of(query, form)),
        )

    def _reason(self, plan: Plan, split: Split, chosen: Sequence[Chosen]) -> str | None:
        """Say why a query whose text can be folded is not."""
        partitions, size = sum(each.partitions for each in chosen), sum(each.size for each in chosen)
        if not LEAST <= partitions <= MOST:
            return f"it reads {partitions} partitions, and {LEAST} to {MOST} are folded"
        if size < self.least * partitions:
            mean = readable(size / partitions)
            return f"its partitions have {mean} on average, and those of {readable(self.least)} and more are folded"
        for part in split.parts:
            others = _others(plan, part)
            if some := [each.table for each in others if each.selection.partitions < each.partitions_total]:
                table = plan.scans[part.fact].table
                return f"it reads a part of {some[0]} beside {table}, which may be another one for each question"
        return None

    def _over(
        self,
        selected: Sequence[Chosen],
        snapshots: Mapping[str, Snapshot],
        principal: Principal,
        query: BoundQuery,
        address: Address,
    ) -> Statement:
        return self.planner.statement_over(query, selected, snapshots, principal, address)

    def _form(self, plan: Plan, snapshots: Mapping[str, Snapshot]) -> Form:
        """Return the form of a query. Raises ``Refused``.

        An aggregation is folded by a scan of a partitioned table: that of the most partitions by which it can be.
        """
        if not plan.scans:
            raise Refused("it reads no table")
        found = self._forms.aggregations(plan.query, snapshots)
        partitioned = {n for n, scan in enumerate(plan.scans) if snapshots[scan.table].table.partitioned_by}
        refusals = []
        tables, partitions = [scan.table for scan in plan.scans], [scan.selection.partitions for scan in plan.scans]
        for facts in ways(found, tables, partitions, partitioned):
            try:
                return self._forms.form(plan.query, snapshots, facts)
            except Refused as refused:
                refusals.append(refused)
        raise refusals[0]


@dataclass(frozen=True, slots=True)
class _Branches:
    """Makes the branches of a fold."""

    planner: Planner
    evaluate: Evaluate
    plan: Plan
    snapshots: Mapping[str, Snapshot]
    principal: Principal

    def branch(self, part: Part, states: tuple[Column, ...]) -> Branch:
        """Make the partials of the partitions that are selected for an aggregation."""
        plan, snapshots = self.plan, self.snapshots
        table, selected = plan.scans[part.fact].table, [_chosen(each) for each in plan.scans]
        chosen, of_partial = selected[part.fact], [selected[number] for number in part.scans]
        query = replace(plan.query, tables=_tables(plan, part.scans))
        columns = [column for each in snapshots.values() for column in each.columns]
        rendered: dict[tuple[int, ...], tuple[BoundQuery, BoundQuery, Callable[..., Statement]]] = {}
        pieces = []
        for without, selection in zip(self._without(part, chosen), chosen.each(), strict=True):
            if without not in rendered:
                asked = partial_of(query, part.partial(without), columns)
                counted = replace(asked, sql=part.partial(without, counted=True))
                several = replace(asked, sql=part.partial(without, number=NUMBER, counted=True))
                rendered[without] = (asked, counted, partial(self._numbered, table, of_partial, several))
            asked, counted, numbered = rendered[without]
            alone = partial(self.planner.statement_over, counted, [selection], snapshots, self.principal)
            pieces.append(
                Piece(
                    query=asked,
                    selection=selection,
                    filtered=len(without) < len(part.filters),
                    alone=None if len(part.scans) > 1 else alone,
                    numbered=numbered,
                )
            )
        return Branch(
            pieces=tuple(pieces),
            query=partial_of(query, part.partial(), columns),
            states=states,
            fact=part.fact,
            scans=part.scans,
        )

    def _without(self, part: Part, chosen: Chosen) -> Iterator[tuple[int, ...]]:
        """Return for each partition the filters that hold in all of its rows."""
        holding = Holding(
            planner=self.planner,
            evaluate=self.evaluate,
            query=self.plan.query,
            snapshot=self.snapshots[self.plan.scans[part.fact].table],
            chosen=chosen,
        )
        return holding.without(part.filters)

    def _numbered(
        self,
        table: str,
        selected: Sequence[Chosen],
        query: BoundQuery,
        chosen: Mapping[int, Chosen],
        address: Address,
    ) -> Statement:
        return self.planner.numbered(query, table, chosen, selected, self.snapshots, self.principal, address)


def _chosen(scan: Scan) -> Chosen:
    assert isinstance(scan.selection, Chosen)
    return scan.selection


def _others(plan: Plan, part: Part) -> Iterator[Scan]:
    """Walk what is read beside the fact of an aggregation."""
    return (plan.scans[number] for number in part.scans if number != part.fact)


def _tables(plan: Plan, scans: Sequence[int]) -> tuple[str, ...]:
    return tuple(sorted({plan.scans[number].table for number in scans}))


def together(pieces: Sequence[Piece], address: Address, *, large: int = LARGE, first: int = 0) -> Statement:
    """Return one statement for the partials of several partitions; ``NUMBER``, from *first* on, tells their rows apart.

    Partitions of *large* bytes and more are grouped each for itself, for the table of the groups of all does not fit
    into a processor's cache and takes up to half as long again. Small ones of one text are read by one scan, for each
    costs a millisecond or two.
    """
    size = sum(piece.selection.size for piece in pieces)
    alone = [piece.alone for piece in pieces if piece.alone is not None]
    apart = len(alone) == len(pieces) and size >= large * len(pieces)
    made = _apart(alone, address, first) if apart else _at_once(pieces, address, first)
    return Statement(
        sql=" UNION ALL ".join(f"SELECT {columns} FROM (\n{each.sql}\n)" for columns, each in made),
        parameters={name: value for _, each in made for name, value in each.parameters.items()},
        files=[file for _, each in made for file in each.files],
    )


def _apart(
    partials: Sequence[Callable[[Address], Statement]], address: Address, first: int
) -> Sequence[tuple[str, Statement]]:
    """Render a query for each partial, and the columns to take of it."""
    return [
        (f'CAST({number} AS {NUMBERED.type}) AS "{NUMBER}", *', render(address))
        for number, render in enumerate(partials, first)
    ]


def _at_once(pieces: Sequence[Piece], address: Address, first: int) -> Sequence[tuple[str, Statement]]:
    """Render a query for the partials of each text, and the columns to take of it."""
    alike: dict[str, dict[int, Piece]] = {}
    for number, piece in enumerate(pieces, first):
        alike.setdefault(piece.query.sql, {})[number] = piece
    return [
        ("*", next(iter(group.values())).numbered({n: piece.selection for n, piece in group.items()}, address))
        for group in alike.values()
    ]
