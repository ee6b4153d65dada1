"""The plan of a fold: the partial of every selected partition, and what finishes them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Final

import pyarrow as pa

from gateway.catalog.manifest import Snapshot
from gateway.model import BoundQuery, Plan, Principal, Scan, Statement
from gateway.plan.analysis import Evaluate
from gateway.plan.explain import readable
from gateway.plan.fold.forms import Describe, Form, Forms, partial_of, unfolded_of, whole_of
from gateway.plan.fold.holding import Holding
from gateway.plan.fold.parts import Refused, Whole
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
class Fold:
    """A query as a fold over the partials of its partitions, in manifest order.

    ``whole`` makes the statement that gives the same bytes over all rows.
    """

    pieces: tuple[Piece, ...]
    form: Form
    query: BoundQuery
    fact: int
    """The number of the scan whose partitions they are; the others are read with each of them."""
    whole: Callable[[Address], Statement] = field(repr=False)

    def finish(self, rows: pa.Table) -> Statement:
        """Return the statement that makes the answer of all partials, whose *rows* are in manifest order."""
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

    def fold(self, plan: Plan, snapshots: Mapping[str, Snapshot], principal: Principal) -> Fold | Whole:
        """Fold a planned query, or say why it stays whole: by its text and by the manifest alone."""
        query = plan.query
        try:
            fact, form = self._form(plan, snapshots)
        except Refused as refused:
            return Whole(reason=refused.reason, hint=refused.hint, in_order=refused.in_order)
        scan, selected = plan.scans[fact], [_chosen(each) for each in plan.scans]
        chosen = selected[fact]
        over = partial(self._over, selected, snapshots, principal)
        whole = partial(over, whole_of(query, form) if query.deterministic else unfolded_of(query, form))
        stays = partial(Whole, statement=whole, exact=query.deterministic and form.sums)
        if not LEAST <= chosen.partitions <= MOST:
            reason = f"it reads {chosen.partitions} partitions, and {LEAST} to {MOST} are folded"
            return stays(reason=reason)
        if chosen.size < self.least * chosen.partitions:
            mean = readable(chosen.size / chosen.partitions)
            reason = f"its partitions have {mean} on average, and those of {readable(self.least)} and more are folded"
            return stays(reason=reason)
        if some := [each.table for each in _others(plan, fact) if each.selection.partitions < each.partitions_total]:
            reason = f"it reads a part of {some[0]} beside {scan.table}, which may be another one for each question"
            return stays(reason=reason)
        of_partial = [selected[number] for number in form.split.scans]
        numbered_over = partial(self._numbered, scan.table, of_partial, snapshots, principal)
        pieces = []
        queries: dict[tuple[int, ...], BoundQuery] = {}
        counted: dict[tuple[int, ...], BoundQuery] = {}
        numbered: dict[tuple[int, ...], Callable[[Mapping[int, Chosen], Address], Statement]] = {}
        snapshot = snapshots[scan.table]
        holding = Holding(planner=self.planner, evaluate=self._evaluate, query=query, snapshot=snapshot, chosen=chosen)
        columns = [column for each in snapshots.values() for column in each.columns]
        for without, selection in zip(holding.without(form.split.filters), chosen.each(), strict=True):
            if without not in queries:
                queries[without] = partial_of(query, form.split.partial(without), columns)
                counted[without] = replace(queries[without], sql=form.split.partial(without, counted=True))
                several = replace(queries[without], sql=form.split.partial(without, number=NUMBER, counted=True))
                numbered[without] = partial(numbered_over, several)
            alone = partial(self.planner.statement_over, counted[without], [selection], snapshots, principal)
            pieces.append(
                Piece(
                    query=queries[without],
                    selection=selection,
                    filtered=len(without) < len(form.split.filters),
                    alone=None if len(plan.scans) > 1 else alone,
                    numbered=numbered[without],
                )
            )
        return Fold(pieces=tuple(pieces), form=form, query=query, fact=fact, whole=partial(over, whole_of(query, form)))

    def _over(
        self,
        selected: Sequence[Chosen],
        snapshots: Mapping[str, Snapshot],
        principal: Principal,
        query: BoundQuery,
        address: Address,
    ) -> Statement:
        return self.planner.statement_over(query, selected, snapshots, principal, address)

    def _form(self, plan: Plan, snapshots: Mapping[str, Snapshot]) -> tuple[int, Form]:
        """Return the form of a query, and the number of the scan that it is folded by. Raises ``Refused``.

        It is one of a partitioned table: that of the most partitions by which the query can be folded.
        """
        partitioned = [number for number, scan in enumerate(plan.scans) if snapshots[scan.table].table.partitioned_by]
        found = sorted(
            partitioned or range(len(plan.scans)), key=lambda number: -plan.scans[number].selection.partitions
        )
        refusals = []
        for number in found:
            try:
                return number, self._forms.form(plan.query, snapshots, number)
            except Refused as refused:
                refusals.append(refused)
        raise refusals[0] if refusals else Refused("it reads no table")

    def _numbered(
        self,
        table: str,
        selected: Sequence[Chosen],
        snapshots: Mapping[str, Snapshot],
        principal: Principal,
        query: BoundQuery,
        chosen: Mapping[int, Chosen],
        address: Address,
    ) -> Statement:
        return self.planner.numbered(query, table, chosen, selected, snapshots, principal, address)


def _chosen(scan: Scan) -> Chosen:
    assert isinstance(scan.selection, Chosen)
    return scan.selection


def _others(plan: Plan, fact: int) -> Iterator[Scan]:
    """Walk what is read beside the fact."""
    return (scan for number, scan in enumerate(plan.scans) if number != fact)


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
