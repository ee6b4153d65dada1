"""Finds out whether a scan has a row that adds a number to a sum, on which a zero hangs: see ``analysis.conditional``.

The files that would be read are asked for one that the WHERE keeps; where they have none, every file is read.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from gateway.catalog.manifest import Snapshot
from gateway.errors import CapacityError, FilesChanged, QueryFailed, UpstreamError
from gateway.model import UNREAD, Lookup, Statement, TypedValue
from gateway.plan.analysis import Bound, PreparedQuery, PreparedWitness, assumed, witness_query
from gateway.plan.dynamic import DimensionReader
from gateway.plan.reading import reading
from gateway.plan.select import Chosen, PartitionIndex


@dataclass(frozen=True, slots=True, kw_only=True)
class WitnessReader:
    """Finds rows that are left; thread-safe. It reads as *dimensions* does."""

    dimensions: DimensionReader

    def learn(
        self,
        prepared: PreparedQuery,
        bound: Bound,
        indexes: Sequence[PartitionIndex],
        chosen: Sequence[Chosen],
        snapshots: Mapping[str, Snapshot],
        parameters: Mapping[str, TypedValue],
    ) -> tuple[Bound, Mapping[int, tuple[Lookup, ...]]]:
        """Take in which scans have a row in what would be left of them; return that, and what was looked up."""
        lookups: dict[int, tuple[Lookup, ...]] = {}
        for witness in prepared.witnesses:
            scan = witness.scan
            left = assumed(prepared, bound, witness.name)
            side = indexes[scan].select(left.predicates[scan], left.values)
            if not 0 < side.files < chosen[scan].files:
                continue
            if side.rows and witness.any_row_does:
                bound = left
                continue
            snapshot = snapshots[prepared.scans[scan].table]
            lookup = self._look(prepared, witness, side, snapshot, parameters)
            lookups[scan] = (*lookups.get(scan, ()), lookup)
            if lookup.values:
                bound = left
        return bound, lookups

    def _look(
        self,
        prepared: PreparedQuery,
        witness: PreparedWitness,
        side: Chosen,
        snapshot: Snapshot,
        parameters: Mapping[str, TypedValue],
    ) -> Lookup:
        started = self.dimensions.clock()
        lookup = Lookup(table=snapshot.table.name, column="any row", files=side.files, size=side.size)
        files, positions = side.versions(), side.file_positions()
        used = {name: typed for name, typed in parameters.items() if f"${name}" in witness.tail}
        try:
            facts = self.dimensions.with_facts(snapshot, positions)
            text = reading(facts, positions, files, self.dimensions.address, shield=prepared.shield)
            sql = witness_query(witness, text)
            (there,) = self.dimensions.read(Statement(sql=sql, parameters=used, files=files))
        except (UpstreamError, CapacityError, QueryFailed, FilesChanged) as error:
            return lookup.because(f"{UNREAD}{error.code}")
        return lookup.answered(int(there is True), there, there, self.dimensions.clock() - started, False)
