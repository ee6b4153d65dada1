"""Explains the filters of a scan: which of them pruned, to which partitions and files, and why the others did not.

This is computed only for an explanation, never for a request that is answered.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from gateway.catalog.transforms.keys import KeyKind, KeyType, of_key
from gateway.model import Details, Lookup, UnusedFilter, UsedFilter, Value
from gateway.plan.analysis import Bound, PreparedScan
from gateway.plan.analysis.dimensions import RULE as DIMENSION
from gateway.plan.analysis.prepared import simplified
from gateway.plan.analysis.reasons import Reason
from gateway.plan.axis import Interval
from gateway.plan.index import Axes, Level
from gateway.plan.project import Choice, project
from gateway.plan.select import EXAMINED, Chosen, PartitionIndex, units_of
from gateway.plan.states import Codes, UnitStates, as_mask
from gateway.plan.statistics import Bounds, FileAxes, columns_of
from gateway.predicate import TRUE, Predicate

_LISTED = 8
"""Partition values that are listed one by one."""


def details_of(
    scan: PreparedScan, bound: Bound, index: PartitionIndex, chosen: Chosen, lookups: tuple[Lookup, ...]
) -> Details:
    """Sort the filters of a scan into used and unused ones, under the values of one request."""
    used, unused = [], [UnusedFilter(sql=known.sql, reason=known.reason) for known in scan.unused]
    for candidate in scan.used:
        predicate = simplified(candidate.predicate, bound.known)
        projected = projected_text(index, predicate, bound.values)
        if predicate == TRUE:
            unused.append(UnusedFilter(sql=candidate.sql, reason=_why_unconstrained(candidate.rule, lookups)))
        elif projected == "TRUE":
            unused.append(UnusedFilter(sql=candidate.sql, reason=Reason.HOLDS_EVERYWHERE))
        else:
            used.append(UsedFilter(sql=candidate.sql, rule=candidate.rule, projected=projected))
    helped = {filter_.sql for filter_ in used}
    return Details(
        used=tuple(used),
        unused=tuple(filter_ for filter_ in dict.fromkeys(unused) if filter_.sql not in helped),
        values=_value_counts(index, chosen),
        lookups=lookups,
    )


def projected_text(index: PartitionIndex, predicate: Predicate, values: Sequence[Value]) -> str:
    """Say what a predicate leaves of the partitions and, by their footers, of the files; ``TRUE`` where all is left."""
    by_partitions = partitions_text(index, predicate, values)
    by_bounds = files_text(index, predicate, values)
    if by_bounds is None:
        return by_partitions
    return by_bounds if by_partitions == "TRUE" else f"{by_partitions}; {by_bounds}"


def partitions_text(index: PartitionIndex, predicate: Predicate, values: Sequence[Value]) -> str:
    """Say what a predicate became on the partition columns, e.g. ``day BETWEEN 2013-06-01 AND 2013-06-07``."""
    choice = project(predicate, values, index.axes)
    return "FALSE" if choice is None else _text(choice, index.axes)


def files_text(index: PartitionIndex, predicate: Predicate, values: Sequence[Value]) -> str | None:
    """Say which files the bounds in the footers leave for a predicate, and what they are; None where all are left.

    All files of the table are looked at: what other filters leave out does not matter here.
    """
    columns = [name for name in sorted(columns_of(predicate)) if name in index.bounds.types]
    if not columns or not 0 < index.files_total <= EXAMINED:
        return None
    everything = np.arange(index.files_total)
    choice = project(predicate, values, FileAxes(index.bounds, everything))
    left = 0 if choice is None else len(everything[units_of(choice, index.files_total)])
    if left == index.files_total:
        return None
    bounds = ", ".join(_bounds_text(index.bounds, name) for name in columns)
    return f"{left} of {index.files_total} files by the bounds in their footers ({bounds})"


def _why_unconstrained(rule: str, lookups: Iterable[Lookup]) -> str:
    if rule != DIMENSION:
        return Reason.NO_CONSTRAINT
    skipped = (lookup.skipped for lookup in lookups if lookup.skipped is not None)
    return next((f"not read first: {reason}" for reason in skipped), "not read first")


def _value_counts(index: PartitionIndex, chosen: Chosen) -> dict[str, tuple[int, int]]:
    """Count, for each partition column, the values in the selected partitions and in all of them."""
    partitions = index.snapshot.partitions
    selected = partitions.take(pa.array(chosen.positions(), pa.int64()))
    columns = [field.column for field in index.snapshot.table.partitioned_by]
    return {name: (len(selected[name].unique()), len(partitions[name].unique())) for name in columns}


def _bounds_text(bounds: Bounds, column: str) -> str:
    """Say between which values a column lies over all files, e.g. ``x from 7 to 9``."""
    name, kind, low, high = bounds.extremes(column)
    ends = ((word, end) for word, end in (("from", low), ("to", high)) if end is not None)
    return " ".join([name, *(f"{word} {_key_text(end, kind)}" for word, end in ends)])


def _key_text(key: Any, kind: KeyType | None) -> str:
    """Write an order key as a value of its type, where that is more than a number or a text."""
    if kind is None or isinstance(key, str):
        return repr(key)
    match kind.kind:
        case KeyKind.DATE:
            return str(pa.scalar(key, pa.int32()).cast(kind.arrow))
        case KeyKind.TIME | KeyKind.TIMESTAMP | KeyKind.TIMESTAMPTZ:
            return str(pc.cast(pa.array([key], pa.int64()).cast(kind.arrow), pa.string())[0])
        case KeyKind.DECIMAL:
            return str(Decimal(key).scaleb(-kind.scale))
        case KeyKind.DOUBLE:
            return str(of_key(key))
    return str(key)


def _text(choice: Choice, axes: Axes) -> str:
    """Write a choice in terms of partition columns."""
    parts = [_restricted(rows, codes, axes) for rows, codes in choice.sets.values()]
    for group in choice.alternatives:
        texts = [_text(alternative, axes) for alternative in group]
        parts.append(f"({' OR '.join(f'({text})' if ' AND ' in text else text for text in texts)})")
    return " AND ".join(parts) if parts else "TRUE"


def _restricted(rows: UnitStates, codes: Codes, axes: Axes) -> str:
    """Write the states of one axis as values of its partition columns."""
    positions = np.flatnonzero(as_mask(codes, rows.size))
    for level in axes.levels:
        if level.rows is rows:
            return _listed(level.field.column, level, positions)
    levels, states = axes.levels_of(rows)
    adjoin = id(rows) in axes.joint and bool((np.diff(positions) == 1).all())
    return _tuples(levels, [state[positions[positions < len(state)]] for state in states], adjoin)


def _tuples(levels: Sequence[Level], states: Sequence[npt.NDArray[np.int64]], adjoin: bool) -> str:
    """Write states over several partition columns, e.g. ``(year, month) BETWEEN (2013, 6) AND (2013, 8)``.

    *adjoin*: they are all that there are between the first and the last one.
    """
    names = ", ".join(level.field.column for level in levels)
    count = len(states[0])
    if not count:
        return f"({names}) IS NULL"
    ends = [
        ", ".join(level.texts[int(state[position])].as_py() for level, state in zip(levels, states, strict=True))
        for position in (0, -1)
    ]
    if count == 1:
        return f"({names}) = ({ends[0]})"
    return f"({names}) BETWEEN ({ends[0]}) AND ({ends[1]})" if adjoin else f"({names}) IN ({count} values)"


def _listed(column: str, level: Level, positions: npt.NDArray[np.intp]) -> str:
    values = positions[positions < level.states.count]
    null = level.states.null and bool((positions == level.states.count).any())
    texts = [level.texts[int(position)].as_py() for position in (values if len(values) <= _LISTED else values[[0, -1]])]
    if not len(values):
        return f"{column} IS NULL"
    if len(values) == 1:
        text = f"{column} = {texts[0]}"
    elif values[-1] - values[0] + 1 == len(values) and isinstance(level.axis, Interval):
        text = _between(column, texts[0], texts[-1], values, level.states.count)
    elif len(values) <= _LISTED:
        text = f"{column} IN ({', '.join(texts)})"
    else:
        text = f"{column} IN ({len(values)} values from {texts[0]} to {texts[-1]})"
    return f"({text} OR {column} IS NULL)" if null else text


def _between(column: str, first: str, last: str, values: npt.NDArray[np.intp], count: int) -> str:
    if len(values) == count:
        return f"{column} IS NOT NULL"
    if values[-1] == count - 1:
        return f"{column} >= {first}"
    return f"{column} <= {last}" if values[0] == 0 else f"{column} BETWEEN {first} AND {last}"
