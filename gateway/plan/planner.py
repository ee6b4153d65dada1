"""Plans a bound query: selects the files that each of its scans can need, under given snapshots.

What does not depend on the request is prepared once for a text and the schemas of its tables. For each request only the
constants are evaluated and the files selected; no SQL is parsed.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from threading import Lock
from typing import Final

from cachetools import LRUCache

from gateway.catalog.manifest import Snapshot
from gateway.catalog.transforms.keys import Ordinals
from gateway.model import (
    BoundQuery,
    Column,
    Details,
    FileVersion,
    Lookup,
    Plan,
    Principal,
    Scan,
    Selection,
    Statement,
    TypedValue,
)
from gateway.plan.analysis import Bound, Evaluate, Known, PreparedQuery, PreparedScan, bind, prepare, render
from gateway.plan.details import details_of
from gateway.plan.dynamic import DimensionReader
from gateway.plan.fold.order import in_order_of_values
from gateway.plan.limits import check_limits
from gateway.plan.policy import EVERY_ROW, Policy, filtered, filters
from gateway.plan.portions import Piece
from gateway.plan.ranks import RankReader
from gateway.plan.readable import refuse_misread
from gateway.plan.reading import NUMBERED, Cuts, WithFacts, reading, with_known_facts
from gateway.plan.refuting import Refuting
from gateway.plan.rewrite import Address, source
from gateway.plan.samples import Samples
from gateway.plan.select import Chosen, PartitionIndex
from gateway.plan.subqueries import SubqueryReader
from gateway.plan.together import Boxes
from gateway.plan.witness import Witnessed, WitnessReader
from gateway.predicate import Term

_NOBODY_SPECIAL = Principal()
_PREPARED = 2_000
"""Prepared texts kept: a few times the templates of a large project."""
_PINNED = 2_000_000
"""Files at most of the snapshots asked for by their names whose indexes are kept, or one index."""

_Text = tuple[str, bool, tuple[Known, ...]]
"""A text, whether it is asked of a snapshot by its name, and what is known of the rows of its scans."""
_Schema = tuple[tuple[tuple[tuple[Column, ...], frozenset[str]], ...], tuple[tuple[str, str], ...]]
"""What preparing a text depends on: of each of its tables the columns, and which of them can prune; the types of its
parameters."""
BOUND: Final = "min:"
"""What stands before the name of a column in that of its lower bounds; see ``catalog.footers``."""
_MAY_JOIN: Final = re.compile(r"\b(select|in|any)\b", re.IGNORECASE)
"""In a policy: what may have DuckDB join rows, which keep no order then."""
_NO_NUMBERS: Final[Mapping[int, Sequence[int]]] = {}
_NOTHING_CUT: Final[Mapping[int, Cuts]] = {}


class Planner:
    """Plan queries; thread-safe.

    *evaluate* computes the constants that need an engine, *dimensions* reads the sides of joins that prune others,
    *policy* says which rows are whose, *with_facts* reads the footers, not known yet, of a statement's files.
    """

    def __init__(
        self,
        evaluate: Evaluate,
        dimensions: DimensionReader,
        policy: Policy = EVERY_ROW,
        with_facts: WithFacts = with_known_facts,
    ) -> None:
        self._evaluate, self._dimensions, self._policy, self._with_facts = evaluate, dimensions, policy, with_facts
        self._refuting, self._ranks = Refuting(evaluate=evaluate), RankReader(dimensions=dimensions)
        self._witnesses, self._subqueries = WitnessReader(dimensions=dimensions), SubqueryReader(dimensions=dimensions)
        self._lock = Lock()
        self._prepared: LRUCache[_Text, tuple[_Schema, PreparedQuery]] = LRUCache(_PREPARED)
        self._indexes: dict[str, PartitionIndex] = {}
        self._pinned: LRUCache[tuple[str, str], PartitionIndex] = LRUCache(_PINNED, getsizeof=_weight)

    def succeeded_by(
        self, evaluate: Evaluate, dimensions: DimensionReader, with_facts: WithFacts = with_known_facts
    ) -> Planner:
        """Make a planner over another engine and catalog that knows what this one has prepared."""
        following = Planner(evaluate, dimensions, self._policy, with_facts)
        with self._lock:
            for text, prepared in self._prepared.items():
                following._prepared[text] = prepared
        following._indexes.update(self._indexes)
        return following

    def restricts(self, tables: Iterable[str]) -> list[str]:
        """Name those of *tables* of which the policy shows some principals a part only."""
        return [table for table in tables if self._policy.restricts(table)]

    def seeing_all(self) -> Planner:
        """Make a planner that filters no rows for anybody."""
        return Planner(self._evaluate, self._dimensions, with_facts=self._with_facts)

    def plan(
        self, query: BoundQuery, snapshots: Mapping[str, Snapshot], principal: Principal = _NOBODY_SPECIAL
    ) -> Plan:
        """Select the files of every scan for *principal*.

        Raises ``ScanTooLarge`` where a limit of a table is passed.
        """
        prepared = self.prepared(query, snapshots)
        seen = filters(self._policy, principal, [scan.table for scan in prepared.scans])
        indexes = [self.index(snapshots[scan.table]) for scan in prepared.scans]
        parameters = query.parameters
        bound = bind(prepared, parameters, self._evaluate)
        chosen = _select(indexes, bound)
        ranks: Mapping[int, tuple[Lookup, ...]] = {}
        if prepared.ranked and not any(seen):
            known, ranks = self._ranks.learn(prepared, bound, indexes, chosen, snapshots, parameters)
            parameters = {**parameters, **known}
            bound = bind(prepared, parameters, self._evaluate) if known else bound
            chosen = _select(indexes, bound) if known else chosen
        if prepared.subqueries and not any(seen):
            known, found_values = self._subqueries.learn(prepared, chosen, snapshots, parameters)
            parameters, ranks = {**parameters, **known}, _joined(ranks, found_values)
            bound = bind(prepared, parameters, self._evaluate) if known else bound
            chosen = _select(indexes, bound) if known else chosen
        if prepared.asked:
            bound = self._refuted(parameters, prepared, bound, indexes, chosen)
            chosen = _select(indexes, bound)
        witnessed: Witnessed | None = None
        if prepared.witnesses and not any(seen):
            witnessed = self._witnesses.learn(prepared, bound, indexes, chosen, snapshots, parameters)
            bound, ranks = witnessed.bound, _joined(ranks, witnessed.lookups)
            chosen = _select(indexes, bound)
        lookups: Mapping[int, tuple[Lookup, ...]] = {}
        if not any(seen):
            bound, lookups = self._dimensions.learn(prepared, bound, chosen, snapshots)
        if lookups:
            bound = self._refuted(parameters, prepared, bound, indexes, chosen) if prepared.asked else bound
            chosen = _select(indexes, bound)
        if witnessed is not None:
            chosen = witnessed.added(chosen)
        scans = []
        for position, (scan, index, found) in enumerate(zip(prepared.scans, indexes, chosen, strict=True)):
            check_limits(index.snapshot.table, found, bound.predicates[position])
            looked = (*ranks.get(position, ()), *lookups.get(position, ()))
            details = partial(details_of, scan, bound, index, found, looked)
            scans.append(_scan(scan, snapshots[scan.table], index, found, details))
        statement = partial(_statement, query, prepared, chosen, snapshots, seen, self._with_facts)
        return Plan(query=query, scans=tuple(scans), statement=statement)

    def _refuted(
        self,
        parameters: Mapping[str, TypedValue],
        prepared: PreparedQuery,
        bound: Bound,
        indexes: Sequence[PartitionIndex],
        chosen: Sequence[Chosen],
    ) -> Bound:
        """Ask the engine about conditions, but for scans that have one partition left, where it cannot pay."""

        def samples_of(scan: int, terms: tuple[Term, ...]) -> Sequence[Samples | Boxes]:
            return indexes[scan].axes.cuts(terms) if chosen[scan].partitions > 1 else ()

        return self._refuting.refute(prepared, bound, parameters, samples_of)

    def statement_over(
        self,
        query: BoundQuery,
        chosen: Sequence[Chosen],
        snapshots: Mapping[str, Snapshot],
        principal: Principal,
        address: Address,
    ) -> Statement:
        """Render a query over files that were *chosen* for its scans, as far as *principal* may see their rows."""
        prepared = self.prepared(query, snapshots)
        seen = filters(self._policy, principal, [scan.table for scan in prepared.scans])
        return _statement(query, prepared, chosen, snapshots, seen, self._with_facts, address)

    def with_facts(self, snapshot: Snapshot, positions: Ordinals) -> Snapshot:
        """Return a snapshot that knows what the footers of the files at these positions say."""
        return self._with_facts(snapshot, positions)

    def numbered(
        self,
        query: BoundQuery,
        table: str,
        chosen: Mapping[int, Chosen],
        selected: Sequence[Chosen],
        snapshots: Mapping[str, Snapshot],
        principal: Principal,
        address: Address,
    ) -> Statement:
        """Render a query over several selections at once of a *table*, which has the column ``NUMBERED``.

        One scan reads it; the others read what is *selected* for them.
        """
        numbered = replace(snapshots[table], columns=(*snapshots[table].columns, NUMBERED))
        prepared = self.prepared(query, {**snapshots, table: numbered})
        (fact,) = (place for place, scan in enumerate(prepared.scans) if scan.table == table)
        seen = filters(self._policy, principal, [scan.table for scan in prepared.scans])
        ordered = sorted(chosen.items(), key=lambda one: one[1].positions()[0])
        first, *more = (each for _, each in ordered)
        numbers = {fact: [number for number, each in ordered for _ in range(each.files)]}
        files = [*selected[:fact], first.joined(more), *selected[fact + 1 :]]
        return _statement(query, prepared, files, snapshots, seen, self._with_facts, address, numbers)

    def portion(
        self,
        plan: Plan,
        snapshots: Mapping[str, Snapshot],
        principal: Principal,
        *,
        scan: int,
        pieces: Sequence[Piece],
        size: int,
        ordered: bool,
        columns: Callable[[], Sequence[Column]],
        skip: int,
    ) -> Plan:
        """Plan what a planned query gives of some *pieces*, of *size* bytes, of the files of one of its scans.

        Its rows have one order: that of the files, or of the values of its *columns* where it has to be *ordered*. The
        first *skip* of them are left out.
        """
        query, chosen = plan.query, [_chosen(each.selection) for each in plan.scans]
        files = chosen[scan].file_positions()[[each.file for each in pieces]]
        chosen[scan] = chosen[scan].portion(files, size)
        prepared = self.prepared(query, snapshots)
        seen = filters(self._policy, principal, [each.table for each in prepared.scans])
        joins = ordered or _may_join(seen)
        within = partial(_cut, columns=columns() if joins else None, skip=skip)
        cut = {place: (each.start, each.stop) for place, each in enumerate(pieces) if not each.whole}
        statement = partial(
            _statement, query, prepared, chosen, snapshots, seen, self._with_facts, cut={scan: cut}, within=within
        )
        scans = [replace(each, selection=found) for each, found in zip(plan.scans, chosen, strict=True)]
        return replace(plan, scans=tuple(scans), statement=statement)

    def shows_all(self, principal: Principal, tables: Sequence[str]) -> bool:
        """Tell whether *principal* may see all rows of tables."""
        return not any(filters(self._policy, principal, tables))

    def policy_joins(self, principal: Principal, tables: Sequence[str]) -> bool:
        """Tell whether what *principal* may see of tables may be found by joins, whose rows come in any order."""
        return _may_join(filters(self._policy, principal, tables))

    def filters_rows(self, principal: Principal, tables: Sequence[str]) -> bool:
        """Tell whether *principal* may see only some rows of one of *tables*."""
        return any(each is not None for each in filters(self._policy, principal, tables))

    def over_nothing(self, query: BoundQuery, snapshots: Mapping[str, Snapshot]) -> Statement:
        """Render a query over no files at all: its result has the right columns and no work behind it."""
        prepared = self.prepared(query, snapshots)
        sources = [source(snapshots[scan.table].columns, []) for scan in prepared.scans]
        return Statement(sql=render(prepared, sources), parameters=query.parameters, files=())

    def prepared(
        self, query: BoundQuery, snapshots: Mapping[str, Snapshot], known: tuple[Known, ...] = ()
    ) -> PreparedQuery:
        """Return the analysis of a query's text over the columns that its tables have now, and of rows *known* so."""
        tables = tuple((snapshots[name].columns, _prunable(snapshots[name])) for name in query.tables)
        schema = (tables, tuple((name, parameter.type) for name, parameter in query.parameters.items()))
        # The snapshots that are asked for by their names know no bounds of values.
        text = query.sql, any(snapshots[name].pinned for name in query.tables), known
        with self._lock:
            kept = self._prepared.get(text)
        if kept is not None and kept[0] == schema:
            return kept[1]
        prepared = prepare(
            query.sql,
            {name: snapshots[name].columns for name in query.tables},
            {name: prunable for name, (_, prunable) in zip(query.tables, tables, strict=True)},
            dict(schema[1]),
            known,
        )
        with self._lock:
            self._prepared[text] = (schema, prepared)
        return prepared

    def index(self, snapshot: Snapshot) -> PartitionIndex:
        """Return the index of a snapshot's partitions; those of a table's latest one, and of some pinned, are kept."""
        if snapshot.pinned:
            return self._index_of_pinned(snapshot)
        index = self._indexes.get(snapshot.table.name)
        # A refresh that found nothing new makes a new snapshot of the same Arrow tables.
        if (
            index is None
            or index.snapshot.partitions is not snapshot.partitions
            or index.snapshot.files is not snapshot.files
            or index.snapshot.table is not snapshot.table
        ):
            index = self._indexes[snapshot.table.name] = PartitionIndex.build(snapshot)
        return index

    def _index_of_pinned(self, snapshot: Snapshot) -> PartitionIndex:
        key = snapshot.table.name, snapshot.id
        with self._lock:
            index = self._pinned.get(key)
        if index is None or index.snapshot.files is not snapshot.files:
            index = PartitionIndex.build(snapshot)
            with self._lock:
                self._pinned[key] = index
        return index


def _joined(
    one: Mapping[int, tuple[Lookup, ...]], other: Mapping[int, tuple[Lookup, ...]]
) -> Mapping[int, tuple[Lookup, ...]]:
    """Join what was looked up for each scan."""
    return {number: (*one.get(number, ()), *other.get(number, ())) for number in {*one, *other}}


def _weight(index: PartitionIndex) -> int:
    return min(index.files_total + 1, _PINNED)


def _select(indexes: Sequence[PartitionIndex], bound: Bound) -> list[Chosen]:
    return [index.select(predicate, bound.values) for index, predicate in zip(indexes, bound.predicates, strict=True)]


def _scan(
    scan: PreparedScan, snapshot: Snapshot, index: PartitionIndex, chosen: Chosen, details: Callable[[], Details]
) -> Scan:
    return Scan(
        table=scan.table,
        offset=scan.start,
        snapshot=snapshot.id,
        listed_at=snapshot.listed_at,
        edition=snapshot.edition,
        selection=chosen,
        partitions_total=index.partitions,
        files_total=index.files_total,
        size_total=index.size_total,
        details=details,
    )


def _statement(
    query: BoundQuery,
    prepared: PreparedQuery,
    chosen: Sequence[Chosen],
    snapshots: Mapping[str, Snapshot],
    seen: Sequence[str | None],
    with_facts: WithFacts,
    address: Address,
    numbers: Mapping[int, Sequence[int]] = _NO_NUMBERS,
    cut: Mapping[int, Cuts] = _NOTHING_CUT,
    within: Callable[[str], str] | None = None,
) -> Statement:
    """Render the author's text with every scan over its selected files, and what may be seen of their rows.

    *numbers* are those of the files of some scans, whose tables have the column ``NUMBERED``; *cut* says of which
    files of a scan only some rows are read. *within* puts the text into another one.
    """
    files = [found.versions() for found in chosen]
    sources = []
    for place, (scan, found, predicate) in enumerate(zip(prepared.scans, chosen, seen, strict=True)):
        given = (snapshots[scan.table], found, files[place], with_facts, address, prepared, predicate)
        sources.append(filtered(_source(*given, numbers.get(place), cut.get(place, {})), predicate))
    every = [file for versions in files for file in versions]
    sql = render(prepared, sources)
    return Statement(sql=sql if within is None else within(sql), parameters=query.parameters, files=every)


def _may_join(seen: Iterable[str | None]) -> bool:
    return any(each is not None and _MAY_JOIN.search(each) for each in seen)


def _cut(sql: str, *, columns: Sequence[Column] | None, skip: int) -> str:
    """Order the rows of a query by their values, where its *columns* are given, and leave out the first ones."""
    sql = sql.rstrip().rstrip(";")
    ordered = sql if columns is None else in_order_of_values(sql, columns)
    return f"{ordered}\nOFFSET {skip}" if skip else ordered


def _chosen(selection: Selection) -> Chosen:
    assert isinstance(selection, Chosen)
    return selection


def _source(
    snapshot: Snapshot,
    chosen: Chosen,
    files: Sequence[FileVersion],
    with_facts: WithFacts,
    address: Address,
    prepared: PreparedQuery,
    predicate: str | None,
    numbers: Sequence[int] | None,
    cut: Cuts,
) -> str:
    positions = chosen.file_positions()
    snapshot = with_facts(snapshot, positions)
    refuse_misread(snapshot, files)
    names = prepared.names if predicate is None else None  # a policy may look at any column
    return reading(
        snapshot,
        positions,
        files,
        address,
        shield=prepared.shield,
        unshielded=prepared.unshielded,
        names=names,
        numbers=numbers,
        cut=cut,
    )


def _prunable(snapshot: Snapshot) -> frozenset[str]:
    """Name the columns that say something about partitions, and those whose bounds are known for files."""
    levels = {name for field in snapshot.table.partitioned_by for name in (field.column, field.source)}
    bounded = {name.removeprefix(BOUND) for name in snapshot.files.column_names if name.startswith(BOUND)}
    return frozenset(levels | bounded)
