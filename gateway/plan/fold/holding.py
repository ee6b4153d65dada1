"""The strict projection: which filters hold in every row of which partitions.

Where one does, the partial of the partition is computed without it, so that it is the same for all windows that the
partition lies within. A filter holds where the inclusive projection of its negation does not select the partition.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa

from gateway.catalog.manifest import Snapshot
from gateway.catalog.transforms.keys import Array
from gateway.model import BoundQuery, Value
from gateway.plan.analysis import Evaluate, bind
from gateway.plan.fold.parts import Filter
from gateway.plan.planner import Planner
from gateway.plan.select import Chosen, PartitionIndex
from gateway.plan.states import Mask
from gateway.predicate import TRUE


def selected_alone(planner: Planner, snapshot: Snapshot, chosen: Chosen) -> PartitionIndex:
    """Index the selected files of a snapshot alone, with what their footers say: the *chosen* partitions in order."""
    files: Array = pa.array(chosen.file_positions())
    positions: Array = pa.array(list(chosen.positions()), pa.int64())
    known = planner.with_facts(snapshot, chosen.file_positions())
    partitions = known.partitions.take(positions)
    counts = np.array([each.files for each in chosen.each()], dtype=np.int64)
    for name, values in (("first_file", np.cumsum(counts) - counts), ("file_count", counts)):
        number = partitions.schema.get_field_index(name)
        partitions = partitions.set_column(number, partitions.field(number), pa.array(values))
    return PartitionIndex.build(replace(known, partitions=partitions, files=known.files.take(files)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Holding:
    """Finds what holds in the partitions that were selected for a scan of a query, of which *index* is."""

    planner: Planner
    evaluate: Evaluate
    query: BoundQuery
    scan: int
    snapshot: Snapshot
    index: PartitionIndex

    def without(self, filters: tuple[Filter, ...]) -> Iterator[tuple[int, ...]]:
        """Return for each partition, in order, the numbers of the filters that hold in all of its rows."""
        found = [(number, self._mask(each, self.index)) for number, each in enumerate(filters)]
        masks = [(number, mask.tolist()) for number, mask in found if mask is not None]
        for position in range(self.index.partitions):
            yield tuple(number for number, holds in masks if holds[position])

    def _mask(self, each: Filter, index: PartitionIndex) -> Mask | None:
        """Return in which partitions a filter is TRUE for every row; None: in none that is known."""
        if (
            each.fails is None
            or each.scan != self.scan
            or any(_has_null(self.query.parameters[name].value) for name in each.parameters)
        ):
            return None
        name = self.snapshot.table.name
        prepared = self.planner.prepared(replace(self.query, sql=each.fails, tables=(name,)), {name: self.snapshot})
        bound = bind(prepared, self.query.parameters, self.evaluate)
        if bound.predicates[0] == TRUE:
            return None
        mask: Mask = np.ones(index.partitions, dtype=np.bool_)
        failing = index.select(bound.predicates[0], bound.values)
        mask[np.asarray(failing.positions(), dtype=np.int64)] = False
        return mask


def _has_null(value: Value) -> bool:
    return value is None or (isinstance(value, list) and any(map(_has_null, value)))
