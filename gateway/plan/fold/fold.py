"""The plan of a fold: the partial of every selected partition, and what finishes them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial, reduce
from typing import Final

import pyarrow as pa

from gateway.catalog.manifest import Snapshot
from gateway.counted import counted
from gateway.model import BoundQuery, Column, Plan, Principal, Scan, Statement
from gateway.plan.analysis import Evaluate
from gateway.plan.explain import readable
from gateway.plan.fold.aggregations import Ways, ways
from gateway.plan.fold.forms import Describe, Form, Forms, partial_of, unfolded_of, whole_of
from gateway.plan.fold.holding import Holding, selected_alone
from gateway.plan.fold.parts import Filter, Part, Refused, Whole
from gateway.plan.fold.reach import Reach
from gateway.plan.planner import Planner
from gateway.plan.reading import NUMBERED
from gateway.plan.rewrite import Address
from gateway.plan.select import Chosen, PartitionIndex

LEAST: Final = 4
"""Partitions below which a query is not folded: there is nothing to be kept that another question could use."""
MOST: Final = 1_000
"""Partitions above which it is not: looking them all up would cost more than it saves."""
LARGE: Final = 4 * 2**20
"""Mean bytes of the files of partitions that are grouped each for itself."""
NUMBER: Final = NUMBERED.name
"""The column of a statement of several partials that tells which of them a row is of."""
_MEETING: Final = "a JOIN ON what its partitions derive from: that of equal days, or of days near them"


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """The partial of one partition: its query, which has only the filters and parameters that remain in it."""

    query: BoundQuery
    selection: Chosen
    filtered: bool
    """Whether it may pass rows of the partition over."""
    beside: Mapping[int, Chosen]
    """What it reads of the other scans, by their numbers in the plan."""
    alone: Callable[[Address], Statement] | None = field(repr=False)
    """Renders it, with the column ``COUNTED``; None where other tables would be read for each partition."""
    numbered: Callable[[Mapping[int, Piece], Address], Statement] = field(repr=False)
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
        chosen, snapshot = _chosen(plan.scans[scan]), snapshots[plan.scans[scan].table]
        holding = Holding(
            planner=self.planner,
            evaluate=self._evaluate,
            query=plan.query,
            scan=scan,
            snapshot=snapshot,
            index=selected_alone(self.planner, snapshot, chosen),
        )
        for held, partition in zip(holding.without(conditions), chosen.each(), strict=True):
            yield from [len(held) == len(conditions)] * partition.files

    def fold(self, plan: Plan, snapshots: Mapping[str, Snapshot], principal: Principal) -> Fold | Whole:
        """Fold a planned query, or say why it stays whole: by its text and by the manifest alone."""
        try:
            return self._by_some(plan, snapshots, principal)
        except Refused as refused:
            joins = self.planner.policy_joins(principal, plan.query.tables)
            return Whole(reason=refused.reason, hint=refused.hint, in_order=refused.in_order and not joins)

    def _by_some(self, plan: Plan, snapshots: Mapping[str, Snapshot], principal: Principal) -> Fold | Whole:
        """Fold a query by the first scans by which all of its aggregations can be. Raises ``Refused``."""
        found, refusals, instead = self._ways(plan, snapshots), list[Refused](), list[Whole]()
        trying = True
        while trying:
            try:
                form = self._forms.form(plan.query, snapshots, found.facts)
            except Refused as refused:
                refusals.append(refused)
                trying = found.try_next(refused.of)
            else:
                made, failing = self._folded(plan, form, snapshots, principal)
                if isinstance(made, Fold):
                    return made
                instead.append(made)
                trying = found.try_next(failing)
        if not instead:
            raise refusals[0]
        return instead[0]

    def _folded(
        self, plan: Plan, form: Form, snapshots: Mapping[str, Snapshot], principal: Principal
    ) -> tuple[Fold | Whole, Collection[int]]:
        """Fold a query of which the text can be folded so, or say why not, and of which aggregations that is known."""
        query, selected = plan.query, [_chosen(each) for each in plan.scans]
        failing: dict[int, str] = {}
        over = partial(self._over, selected, snapshots, principal)
        reason, hint = self._reason([selected[part.fact] for part in form.split.parts]), None
        if reason is None:
            making = _Branches(self.planner, self._evaluate, plan, snapshots, principal)
            parts = zip(form.split.parts, form.states, strict=True)
            branches = tuple(making.branch(part, states) for part, states in parts)
            parts_read = ((number, _reads_a_part(plan, each)) for number, each in enumerate(branches))
            failing = {number: found for number, found in parts_read if found is not None}
            reason, hint = next(iter(failing.values()), None), _MEETING
            if reason is None:
                return Fold(branches=branches, form=form, query=query, whole=partial(over, whole_of(query, form))), ()
        whole = partial(over, whole_of(query, form) if query.deterministic else unfolded_of(query, form))
        return Whole(reason=reason, hint=hint, statement=whole, exact=query.deterministic and form.sums), failing

    def _reason(self, chosen: Sequence[Chosen]) -> str | None:
        """Say why a query whose text can be folded is not, by what is *chosen* of its facts."""
        partitions, size = sum(each.partitions for each in chosen), sum(each.size for each in chosen)
        if not LEAST <= partitions <= MOST:
            return f"it reads {counted(partitions, 'partition')}, and {LEAST} to {MOST} are folded"
        if size < self.least * partitions:
            mean = readable(size / partitions)
            return f"its partitions have {mean} on average, and those of {readable(self.least)} and more are folded"
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

    def _ways(self, plan: Plan, snapshots: Mapping[str, Snapshot]) -> Ways:
        """List the scans that the aggregations of a query may be folded by: those of partitioned tables.

        Raises ``Refused`` where one has none.
        """
        if not plan.scans:
            raise Refused("it reads no table")
        found = self._forms.aggregations(plan.query, snapshots)
        partitioned = {n for n, scan in enumerate(plan.scans) if snapshots[scan.table].table.partitioned_by}
        tables, partitions = [scan.table for scan in plan.scans], [scan.selection.partitions for scan in plan.scans]
        return ways(found, tables, partitions, partitioned)


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
        index = selected_alone(self.planner, snapshots[table], chosen)
        reach = self._reach(part, index) if len(part.scans) > 1 else None
        query = replace(plan.query, tables=_tables(plan, part.scans))
        columns = [column for each in snapshots.values() for column in each.columns]
        rendered: dict[tuple[int, ...], tuple[BoundQuery, BoundQuery, Callable[..., Statement]]] = {}
        beside = [] if reach is None else [*self._holding_beside(part, selected)]
        held = self._holding(part.fact, index).without(part.filters)
        pieces = []
        for position, (of_fact, selection) in enumerate(zip(held, chosen.each(), strict=True)):
            failing: set[int] | None = None
            left_out, read = {*of_fact, *(number for each in beside for number in each.numbers)}, of_partial
            while failing is None or failing:
                without = tuple(sorted(left_out))
                if without not in rendered:
                    asked = partial_of(query, part.partial(without), columns)
                    counted = replace(asked, sql=part.partial(without, counted=True))
                    several = replace(asked, sql=part.partial(without, number=NUMBER, counted=True))
                    rendered[without] = (asked, counted, partial(self._numbered, table, part, several))
                asked, counted, numbered = rendered[without]
                read = of_partial if reach is None else reach.of(asked, position, of_partial)
                failing = {number for each in beside for number in each.failing(read) if number in left_out}
                left_out -= failing
            alone = partial(self.planner.statement_over, counted, [selection], snapshots, self.principal)
            pieces.append(
                Piece(
                    query=asked,
                    selection=selection,
                    filtered=len(without) < len(part.filters),
                    beside={n: each for n, each in zip(part.scans, read, strict=True) if n != part.fact},
                    alone=alone if reach is None else None,
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

    def _reach(self, part: Part, index: PartitionIndex) -> Reach:
        return Reach(
            planner=self.planner,
            evaluate=self.evaluate,
            snapshots=self.snapshots,
            fact=part.scans.index(part.fact),
            index=index,
        )

    def _holding(self, scan: int, index: PartitionIndex) -> Holding:
        return Holding(
            planner=self.planner,
            evaluate=self.evaluate,
            query=self.plan.query,
            scan=scan,
            snapshot=self.snapshots[self.plan.scans[scan].table],
            index=index,
        )

    def _holding_beside(self, part: Part, selected: Sequence[Chosen]) -> Iterator[_Beside]:
        """Find the filters on other partitioned tables, and in which partitions of these they hold."""
        for place, scan in enumerate(part.scans):
            snapshot = self.snapshots[self.plan.scans[scan].table]
            numbers = {number for number, each in enumerate(part.filters) if each.scan == scan and each.fails}
            if scan != part.fact and numbers and snapshot.table.partitioned_by:
                index = selected_alone(self.planner, snapshot, selected[scan])
                held = self._holding(scan, index).without(part.filters)
                yield _Beside(place, numbers, dict(zip(selected[scan].positions(), map(frozenset, held), strict=True)))

    def _numbered(
        self, table: str, part: Part, query: BoundQuery, pieces: Mapping[int, Piece], address: Address
    ) -> Statement:
        chosen = {number: piece.selection for number, piece in pieces.items()}
        read = read_together([*pieces.values()], part.fact)
        selected = [read[number] for number in part.scans]
        return self.planner.numbered(query, table, chosen, selected, self.snapshots, self.principal, address)


@dataclass(frozen=True, slots=True)
class _Beside:
    """The *numbers* of filters on another table, by its place in a partial, and those that hold in its partitions.

    Where they hold in all that a partial reads of the table without them, it is the same without them.
    """

    place: int
    numbers: set[int]
    held: Mapping[int, frozenset[int]]

    def failing(self, read: Sequence[Chosen]) -> set[int]:
        """Return those that do not hold in all that is read."""
        holding = (self.held[position] for position in read[self.place].positions())
        return self.numbers - self.numbers.intersection(*holding)


def read_together(pieces: Sequence[Piece], fact: int) -> dict[int, Chosen]:
    """Return what several partials of a *fact* read of each scan, by its number in the plan.

    A partial reads what others reach too: rows that those of its partition cannot meet change nothing.
    """
    first, *others = pieces
    read = {fact: first.selection.joined(piece.selection for piece in others)}
    for number in first.beside:
        distinct = {id(piece.beside[number]): piece.beside[number] for piece in pieces}
        read[number] = reduce(Chosen.and_files_of, distinct.values())
    return read


def _reads_a_part(plan: Plan, branch: Branch) -> str | None:
    """Say which table an aggregation reads another part of for each question.

    Of a table that is read in part, the partial of each partition must reach a part of that, by which it is the same
    for many questions: on the average less than half of it.
    """
    for number in branch.scans:
        scan = plan.scans[number]
        if number == branch.fact or scan.selection.partitions == scan.partitions_total:
            continue
        reached = sum(piece.beside[number].size for piece in branch.pieces)
        if 2 * reached >= len(branch.pieces) * scan.selection.size:
            table = plan.scans[branch.fact].table
            return f"it reads a part of {scan.table} beside {table}, which may be another one for each question"
    return None


def _chosen(scan: Scan) -> Chosen:
    assert isinstance(scan.selection, Chosen)
    return scan.selection


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
    return [("*", next(iter(group.values())).numbered(group, address)) for group in alike.values()]
