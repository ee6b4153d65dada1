"""From a bound query to a plan: the files that each of its scans can need, under given snapshots.

What does not depend on the request is prepared once for a text and the schemas of its tables; per request there
remain the constants and the selection, and no SQL is parsed or generated.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from threading import Lock
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from cachetools import LRUCache

from gateway.catalog.manifest import Snapshot
from gateway.catalog.table import Table
from gateway.errors import ScanTooLarge
from gateway.model import (
    BoundQuery,
    Column,
    Details,
    FileVersion,
    Plan,
    Scan,
    Statement,
    UnusedFilter,
    UsedFilter,
    Value,
)
from gateway.plan.analyse import Evaluate, Prepared, PreparedScan, bind, prepare, render
from gateway.plan.analyse.prepared import decided
from gateway.plan.explain import readable
from gateway.plan.rewrite import Address, Layout, source
from gateway.plan.select import Chosen, PartitionIndex
from gateway.predicate import FALSE, TRUE, And, Comparison, Membership, NullCheck, Or, Predicate, StartsWith

_PREPARED = 2_000
"""Prepared texts kept: a few times the templates of a large project."""


_Schema = tuple[tuple[Column, ...], ...]
"""What preparing a text depends on: the columns of its tables, in the order of their names."""


class Planner:
    """Plan queries; thread-safe. *evaluate* computes the constants that need an engine."""

    def __init__(self, evaluate: Evaluate) -> None:
        self._evaluate = evaluate
        self._lock = Lock()
        self._prepared: LRUCache[str, tuple[_Schema, Prepared]] = LRUCache(_PREPARED)
        self._indexes: dict[str, PartitionIndex] = {}

    def plan(self, query: BoundQuery, snapshots: Mapping[str, Snapshot]) -> Plan:
        """Select the files of every scan. Raises ``ScanTooLarge`` where a limit of a table is passed."""
        prepared = self.prepared(query, snapshots)
        bound = bind(prepared, query.parameters, self._evaluate)
        scans = tuple(
            self._scan(scan, predicate, bound.values, snapshots[scan.table])
            for scan, predicate in zip(prepared.scans, bound.predicates, strict=True)
        )

        def statement(address: Address) -> Statement:
            files = [scan.selection.versions() for scan in scans]
            sources = [
                _source(snapshots[scan.table], chosen, address) for scan, chosen in zip(scans, files, strict=True)
            ]
            every = [file for chosen in files for file in chosen]
            return Statement(sql=render(prepared, sources), parameters=query.parameters, files=every)

        return Plan(query=query, scans=scans, statement=statement)

    def over_nothing(self, query: BoundQuery, snapshots: Mapping[str, Snapshot]) -> Statement:
        """Render a query over no files at all: its result has the right columns and no work behind it."""
        prepared = self.prepared(query, snapshots)
        sources = [source(layout(snapshots[scan.table]), []) for scan in prepared.scans]
        return Statement(sql=render(prepared, sources), parameters=query.parameters, files=())

    def prepared(self, query: BoundQuery, snapshots: Mapping[str, Snapshot]) -> Prepared:
        """Return the analysis of a query's text over the columns that its tables have now."""
        schema = tuple(snapshots[name].columns for name in query.tables)
        with self._lock:
            known = self._prepared.get(query.sql)
        if known is not None and known[0] == schema:
            return known[1]
        prepared = prepare(
            query.sql,
            {name: snapshots[name].columns for name in query.tables},
            {name: _prunable(snapshots[name].table) for name in query.tables},
            {name: parameter.type for name, parameter in query.parameters.items()},
        )
        with self._lock:
            self._prepared[query.sql] = (schema, prepared)
        return prepared

    def index(self, snapshot: Snapshot) -> PartitionIndex:
        """Return the index of a snapshot's partitions; that of a table's latest one is kept."""
        index = self._indexes.get(snapshot.table.name)
        # A refresh that found nothing new makes a new snapshot of the same Arrow tables.
        if (
            index is None
            or index.snapshot.partitions is not snapshot.partitions
            or index.snapshot.files is not snapshot.files
        ):
            index = self._indexes[snapshot.table.name] = PartitionIndex.build(snapshot)
        return index

    def _scan(self, scan: PreparedScan, predicate: Predicate, values: Sequence[Value], snapshot: Snapshot) -> Scan:
        index = self.index(snapshot)
        chosen = index.select(predicate, values)
        _check_limits(snapshot.table, chosen, predicate)
        return Scan(
            table=scan.table,
            offset=scan.start,
            snapshot=snapshot.id,
            listed_at=snapshot.listed_at,
            selection=chosen,
            partitions_total=index.partitions,
            files_total=index.files_total,
            size_total=index.size_total,
            details=lambda: _details(scan, values, index, chosen),
        )


def _prunable(table: Table) -> set[str]:
    """Name the columns that say something about a table's partitions."""
    return {name for field in table.partitioned_by for name in (field.column, field.source)}


def _check_limits(table: Table, chosen: Chosen, predicate: Predicate) -> None:
    limits, filtered = table.limits, sorted({field.source for field in table.partitioned_by})
    if limits.require_filter:
        required = sorted(limits.require_filter) if isinstance(limits.require_filter, tuple) else filtered
        if not constrains(predicate, {name.lower() for name in required}):
            raise _too_large(table, chosen, None, "it has no filter that prunes", required)
    if limits.max_files is not None and chosen.files > limits.max_files:
        raise _too_large(
            table, chosen, limits.max_files, f"{chosen.files} of at most {limits.max_files} files", filtered
        )
    if limits.max_bytes is not None and chosen.size > limits.max_bytes:
        what = f"{readable(chosen.size)} of at most {readable(limits.max_bytes)}"
        raise _too_large(table, chosen, limits.max_bytes, what, filtered)


def constrains(predicate: Predicate, columns: Collection[str]) -> bool:
    """Tell whether every row for which *predicate* holds is filtered on one of *columns* (lower case)."""
    match predicate:
        case And(parts):
            return any(constrains(part, columns) for part in parts)
        case Or(parts):
            return all(constrains(part, columns) for part in parts)
        case Comparison() | Membership() | NullCheck() | StartsWith():
            return predicate.term.column.lower() in columns
        case _:
            return predicate == FALSE


def _too_large(table: Table, chosen: Chosen, limit: int | None, what: str, sources: Sequence[str]) -> ScanTooLarge:
    advice = f" A filter on {' or '.join(sources)} would help." if sources else ""
    return ScanTooLarge(
        f"The scan of {table.name} would read too much: {what}.{advice}",
        table=table.name,
        planned={"partitions": chosen.partitions, "files": chosen.files, "bytes": chosen.size},
        limit=limit,
        filter_on=list(sources),
    )


def _details(scan: PreparedScan, values: Sequence[Value], index: PartitionIndex, chosen: Chosen) -> Details:
    """Tell the filters that pruned from those that did not, under the values of one request."""
    used, unused = [], [UnusedFilter(sql=one.sql, reason=one.reason) for one in scan.unused]
    for one in scan.used:
        predicate = decided(one.predicate, values)
        projected = index.describe(predicate, values)
        if predicate == TRUE:
            unused.append(UnusedFilter(sql=one.sql, reason="the values given ask for nothing"))
        elif projected == "TRUE":
            unused.append(UnusedFilter(sql=one.sql, reason="holds in every partition"))
        else:
            used.append(UsedFilter(sql=one.sql, rule=one.rule, projected=projected))
    partitions = index.snapshot.partitions
    read = partitions.take(pa.array(chosen.positions(), pa.int64()))
    columns = [field.column for field in index.snapshot.table.partitioned_by]
    counts = {name: (_distinct(read[name]), _distinct(partitions[name])) for name in columns}
    return Details(used=tuple(used), unused=tuple(unused), values=counts)


def _distinct(column: pa.ChunkedArray[Any]) -> int:
    return len(column.unique())


def layout(snapshot: Snapshot) -> Layout:
    """Tell how the files of a snapshot become the columns of its table."""
    held = frozenset(column.name for column in snapshot.file_columns)
    return Layout(
        columns=snapshot.columns,
        held=held,
        folders={field.column: field.function for field in snapshot.table.partitioned_by},
        union_by_name=snapshot.table.union_by_name,
    )


def _source(snapshot: Snapshot, files: Sequence[FileVersion], address: Address) -> str:
    """Write what a scan reads; apart from the others, the files whose folders cannot be relied on."""
    read_as = layout(snapshot)
    strangers = _strangers(snapshot) if len(read_as.held) < len(read_as.columns) else frozenset()
    placed = [address(file) for file in files if file.path not in strangers]
    return source(read_as, placed, [address(file) for file in files if file.path in strangers])


def _strangers(snapshot: Snapshot) -> frozenset[str]:
    """Name the files that lie in no partition."""
    unknown = snapshot.partitions.filter(pc.invert(snapshot.partitions["known"]))
    found = [
        snapshot.files["path"].slice(row["first_file"], row["file_count"])
        for row in unknown.select(["first_file", "file_count"]).to_pylist()
    ]
    return frozenset(snapshot.address(str(path)) for paths in found for path in paths.to_pylist())
