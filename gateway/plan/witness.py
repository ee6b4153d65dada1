"""Finds out whether a scan has a row that adds a number to a sum, on which a zero hangs: see ``analysis.conditional``.

The files that would be read are asked for one that the WHERE keeps; where they have none, a partition is looked for
beside them that has a row, which adds a zero; where that is not found soon, every file is read.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Final

from gateway.catalog.manifest import Snapshot
from gateway.errors import CapacityError, FilesChanged, QueryFailed, UpstreamError
from gateway.model import UNREAD, Lookup, Statement, TypedValue
from gateway.plan.analysis import Bound, PreparedQuery, PreparedWitness, assumed, witness_query
from gateway.plan.dynamic import DimensionReader
from gateway.plan.reading import reading
from gateway.plan.select import Chosen, PartitionIndex

_LOOKED_AT: Final = 100
_TRIED: Final = 3
"""Partitions beside those that would be read that are asked for a row, one after the other."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Witnessed:
    """What is known after the questions: the bound predicates, what was looked up, and what is read beside it."""

    bound: Bound
    lookups: Mapping[int, tuple[Lookup, ...]]
    beside: Mapping[int, Chosen]

    def added(self, chosen: Sequence[Chosen]) -> list[Chosen]:
        """Return the selections with what is read beside them."""
        return [
            each if number not in self.beside else each.and_files_of(self.beside[number])
            for number, each in enumerate(chosen)
        ]


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
    ) -> Witnessed:
        """Take in which scans have a row in what would be left of them, or find one beside it."""
        lookups: dict[int, tuple[Lookup, ...]] = {}
        beside: dict[int, Chosen] = {}
        for witness in prepared.witnesses:
            scan, index = witness.scan, indexes[witness.scan]
            left = assumed(prepared, bound, witness.name)
            side = index.select(left.predicates[scan], left.values)
            if side.files >= chosen[scan].files:
                continue
            snapshot = snapshots[prepared.scans[scan].table]
            for number, asked in enumerate(_candidates(index, side, chosen[scan])):
                if asked.rows and witness.any_row_does:
                    there = True
                else:
                    lookup = self._look(prepared, witness, asked, snapshot, parameters)
                    lookups[scan] = (*lookups.get(scan, ()), lookup)
                    there = bool(lookup.values)
                if there:
                    bound = left
                    if number or not side.files:
                        beside[scan] = asked
                    break
        return Witnessed(bound=bound, lookups=lookups, beside=beside)

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


def _candidates(index: PartitionIndex, side: Chosen, chosen: Chosen) -> Iterator[Chosen]:
    """Walk what may have a row: the files that would be read, then a few of the other partitions, small ones first."""
    if side.files:
        yield side
    others = list(islice(chosen.without(side).each(), _LOOKED_AT))
    yield from sorted(others, key=lambda each: each.size)[:_TRIED]
