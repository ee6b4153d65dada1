"""Reads partitions in their order until the value is found that is first, or the last of the first rows.

``max(ts)`` is in the newest partition that holds a row with a value, and ``ORDER BY ts DESC LIMIT 5`` takes its rows
from the newest ones. Each step reads twice as many as the one before, for partitions may be empty, or hold nothing
that the filters keep. It ends where more would be read than could be spared. What a value was found in, and is not
read for the answer, cannot change it: a greater value in another partition would have been found. Where the value
itself is asked for, what else may hold one before it is read as well.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from threading import Lock
from typing import Any, Final

import numpy as np
from cachetools import LRUCache

from gateway.catalog.manifest import Snapshot
from gateway.catalog.transforms.keys import HIGHEST, INFINITIES, LOWEST, Ordinals
from gateway.errors import CapacityError, FilesChanged, QueryFailed, UpstreamError
from gateway.model import UNREAD, Lookup, Statement, TypedValue, Value
from gateway.plan.analysis import Bound, PreparedQuery, PreparedRank, Ranked, delivered, ranked_query
from gateway.plan.axis import DIRECT, Interval
from gateway.plan.dynamic import LARGEST, DimensionReader
from gateway.plan.given import given_key
from gateway.plan.reading import reading
from gateway.plan.select import Chosen, PartitionIndex
from gateway.predicate import Comparison, Operator, Term, all_of

DEEPEST: Final = 100_000
"""Rows of which the last is looked for; a LIMIT beyond takes its rows from wherever they are."""
SPARED: Final = 4
"""What could be spared is at least so many times what is read first, beyond ``LARGEST``."""
_KEPT: Final = 1_000


class _Far(QueryFailed):
    """A value that was found is beyond what is compared here, as that of an infinite time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A value, and what was read to find it."""

    value: Value
    files: int
    size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RankReader:
    """Finds the values by which the scans of a query are pruned; thread-safe. It reads as *dimensions* does."""

    dimensions: DimensionReader
    _kept: LRUCache[tuple[Any, ...], Found | str] = field(default_factory=lambda: LRUCache(_KEPT))
    _lock: Lock = field(default_factory=Lock)

    def learn(
        self,
        prepared: PreparedQuery,
        bound: Bound,
        indexes: Sequence[PartitionIndex],
        chosen: Sequence[Chosen],
        snapshots: Mapping[str, Snapshot],
        parameters: Mapping[str, TypedValue],
    ) -> tuple[Mapping[str, TypedValue], Mapping[int, tuple[Lookup, ...]]]:
        """Return the parameters that were found, and what was looked up for each scan."""
        known: dict[str, TypedValue] = {}
        lookups: dict[int, tuple[Lookup, ...]] = {}
        for rank in prepared.ranked:
            filters = [chosen[number] for number in rank.filters]
            if all(each.partitions <= 1 for each in filters):
                continue
            scan = rank.ranked.scan
            search = _Search(
                reader=self.dimensions,
                prepared=prepared,
                rank=rank,
                rows=_rows(rank.ranked, parameters),
                bound=bound,
                index=indexes[scan],
                side=chosen[scan],
                snapshot=snapshots[prepared.scans[scan].table],
                parameters={name: typed for name, typed in parameters.items() if f"${name}" in rank.tail},
                most=max(LARGEST, sum(each.size for each in filters) // SPARED),
                spared=sum(each.files for each in filters),
            )
            lookup, found = self._look(search)
            if found is not None:
                known[rank.ranked.name] = TypedValue(value=found.value, type=rank.ranked.type)
            for number in rank.filters:
                lookups[number] = (*lookups.get(number, ()), lookup)
        return known, lookups

    def _look(self, search: _Search) -> tuple[Lookup, Found | None]:
        """Find a value, or take it from those that were found in the same files."""
        ranked, clock = search.rank.ranked, self.dimensions.clock
        started = clock()
        with self._lock:
            kept = self._kept.get(search.key)
        found = search.find() if kept is None else kept
        with self._lock:
            self._kept[search.key] = found
        table, what = search.prepared.scans[ranked.scan].table, _shown(ranked, search.rows)
        if isinstance(found, str):
            side = search.side
            return Lookup(table=table, column=what, files=side.files, size=side.size, skipped=found), None
        lookup = Lookup(table=table, column=what, files=found.files, size=found.size)
        return lookup.answered(1, found.value, found.value, clock() - started, kept is not None), found


@dataclass(frozen=True, slots=True, kw_only=True)
class _Search:
    """The search for one value: ``most`` bytes and fewer than ``spared`` files may be read."""

    reader: DimensionReader
    prepared: PreparedQuery
    rank: PreparedRank
    rows: int | None
    bound: Bound
    index: PartitionIndex
    side: Chosen
    snapshot: Snapshot
    parameters: Mapping[str, TypedValue]
    most: int
    spared: int

    @property
    def key(self) -> tuple[Any, ...]:
        """Identify the question and the files that it may be answered from."""
        text = ranked_query(self.rank, self.rows or 0, "")
        return text, given_key(self.parameters), self.side.digest(), self.rank.ranked.exact, self.most, self.spared

    def find(self) -> Found | str:
        """Read until the value is found; or say why it is not."""
        if self.rows is None:
            return f"it asks for no rows, or for more than {DEEPEST}"
        try:
            return self._find(self.rows)
        except (UpstreamError, CapacityError, QueryFailed, FilesChanged) as error:
            return f"{UNREAD}{error.code}"

    def _find(self, rows: int) -> Found | str:
        ranked, far = self.rank.ranked, None
        for units in steps(self.index, self.side, ranked.term, ranked.newest_first):
            read = self.side.among(units)
            if read.size > self.most or read.files >= self.spared:
                return "more would be read than could be spared"
            try:
                value = self._read(read, rows)
            except _Far as error:  # others may come before it
                far = error
                continue
            if value is not None:
                return self._of_all(value, read, rows) if ranked.exact else self._found(value, read)
        if far is not None:
            raise far
        return self._found(None, self.side) if ranked.extreme else "there are not so many rows"

    def _of_all(self, value: Value, read: Chosen, rows: int) -> Found | str:
        """Read what else may hold a value before the one that was found: partitions of two layouts overlap.

        With these there are all rows before it, and so many that do not come after it: so the value is that of all.
        """
        ranked, values = self.rank.ranked, self.bound.values
        operator, bound = Operator.GT if ranked.descending else Operator.LT, value
        if ranked.is_of_year and isinstance(value, date):
            operator, bound = Operator.GE if ranked.descending else Operator.LE, value.year
        before = Comparison(ranked.term, operator, len(values))
        predicate = all_of(self.bound.predicates[ranked.scan], before)
        others = self.index.select(predicate, (*values, bound)).without(read)
        if not others.files:
            return self._found(value, read)
        both = read.and_files_of(others)
        if both.size > self.most or both.files >= self.spared:
            return "more would be read than could be spared"
        return self._found(self._read(both, rows), both)

    def _found(self, value: Value, read: Chosen) -> Found:
        return Found(value=value, files=read.files, size=read.size)

    def _read(self, read: Chosen, rows: int) -> Value:
        """Return the value among some files; None where it is not there. Raises ``QueryFailed`` for one too far off."""
        files, positions = read.versions(), read.file_positions()
        snapshot, prepared = self.reader.with_facts(self.snapshot, positions), self.prepared
        text = reading(snapshot, positions, files, self.reader.address, shield=prepared.shield, names=prepared.names)
        sql = ranked_query(self.rank, rows, text)
        missing, value, infinite = self.reader.read(Statement(sql=sql, parameters=self.parameters, files=files))
        if isinstance(infinite, str) and (INFINITIES.get(infinite, 0) > 0) == self.rank.ranked.descending:
            return infinite  # no value comes before it
        if not missing and delivered(value, self.rank.ranked.type) is None:
            raise _Far("a value is beyond what is compared here")
        return value


def steps(index: PartitionIndex, side: Chosen, term: Term, descending: bool) -> Iterator[Ordinals]:
    """Walk growing sets of the partitions of *side*, those first that may hold the first values of a term."""
    units = np.asarray(side.positions(), dtype=np.int64)
    ends = _ends(index, units, term, descending)
    if ends is None:
        yield units
        return
    order = np.argsort(ends, kind="stable")
    order, ends = (order[::-1], ends[order][::-1]) if descending else (order, ends[order])
    stop = 0
    while stop < len(units):
        wanted = max(1, 2 * stop)
        same = ends == ends[min(wanted, len(units)) - 1]
        stop = max(min(wanted, len(units)), int(np.flatnonzero(same)[-1]) + 1)
        yield np.sort(units[order[:stop]])


def _ends(index: PartitionIndex, units: Ordinals, term: Term, descending: bool) -> Ordinals | None:
    """Return the last (first) position of a term's values in each partition; None where they have no order."""
    found: Ordinals | None = None
    for axis in index.axes.axes(term):
        if not isinstance(axis, Interval) or (found is not None and axis.scale is not DIRECT):
            continue
        unknown, nothing = (HIGHEST, LOWEST) if descending else (LOWEST, HIGHEST)
        ends = np.full(axis.states.size, unknown, dtype=np.int64)
        ends[: axis.states.count] = axis.hi if descending else axis.lo
        if axis.states.null and not axis.states.doubted:
            ends[axis.states.count] = nothing
        here = ends[axis.rows.codes[units]]
        tighter: Callable[..., Ordinals] = np.minimum if descending else np.maximum
        found = here if found is None else tighter(found, here)
        if axis.scale is not DIRECT:
            break
    return found


def _rows(ranked: Ranked, parameters: Mapping[str, TypedValue]) -> int | None:
    """Add up how many rows are taken; None where that is not a number within reason."""
    counts = [parameters[count].value if isinstance(count, str) else count for count in ranked.rows]
    total = sum(count for count in counts if isinstance(count, int))
    sensible = all(isinstance(count, int) and count >= 0 for count in counts) and 0 < total <= DEEPEST
    return total if sensible else None


def _shown(ranked: Ranked, rows: int | None) -> str:
    """Write for an explanation what is looked for: ``max(ts)``, ``ts of row 5``."""
    text = ranked.term.column
    for function in ranked.term.functions:
        text = f"{function.name}({', '.join([text, *map(str, function.arguments)])})"
    if ranked.extreme:
        return f"{'max' if ranked.descending else 'min'}({text})"
    text = ranked.expression or text
    return f"{text} of {'group' if ranked.distinct else 'row'} {rows}"
