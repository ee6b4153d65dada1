"""Finds files in other folders that may hold rows of the partitions that a write replaces.

Such a file belongs to another layout: its path lacks a level of the partitions that are written. The levels that it
has are compared with them: as intervals of the keys of the source column, or key by key where a level (such as a
bucket) has no interval. A file is left out only if no row can belong to both.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from gateway.catalog.layout import LevelReader, arrange
from gateway.catalog.partition_field import PartitionField
from gateway.catalog.transforms import Calendar, Spans, WideSpans, joint_spans
from gateway.catalog.transforms.base import known
from gateway.catalog.transforms.keys import Key, less, successor
from gateway.writer.partitions import Texts

PathValues = Mapping[str, str | None]
"""The values in a path, as folder texts by the name of the partition column; None is NULL."""
_Interval = tuple[Key | None, Key | None]
"""The first key, and the first one after; None is no bound."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Reach:
    """The values that a source column can have in a partition: only NULL, or keys in an interval."""

    null: bool
    lo: Key | None = None
    end: Key | None = None
    codes: tuple[tuple[PartitionField, str], ...] = ()
    """The levels with a value, with their texts."""

    @property
    def point(self) -> Key | None:
        """Return the only key; None where there may be more."""
        return self.lo if self.lo is not None and self.end == successor(self.lo) else None


class Overlap:
    """The partition columns of a table, as far as their sources are among the columns with these *types*."""

    def __init__(self, fields: Iterable[PartitionField], types: Mapping[str, str]) -> None:
        self._fields = [field for field in fields if field.source.lower() in types]
        self._types = types

    def find(
        self, paths: pa.Array[Any], written: Sequence[PartitionField], partitions: Collection[Texts]
    ) -> tuple[str, PathValues] | None:
        """Find a file of another layout that may hold rows of one of *partitions*, and that partition."""
        columns = [field.column for field in written]
        wanted = [dict(zip(columns, texts, strict=True)) for texts in partitions]
        reaches = [self._reaches(path_values) for path_values in wanted]
        for path, path_values in self._paths(paths):
            if path_values.keys() >= set(columns):
                continue
            here = self._reaches(path_values)
            for other, there in zip(wanted, reaches, strict=True):
                if not _differ(path_values, other) and not self._apart(here, there):
                    return path, other
        return None

    def _paths(self, paths: pa.Array[Any]) -> Iterator[tuple[str, PathValues]]:
        """Yield one path of each partition, with its values as the writer would write them."""
        readers = [LevelReader(field.column, field.function, self._type(field)) for field in self._fields]
        layout = arrange(paths, readers)
        texts = [reader.canonical(column) for reader, column in zip(readers, layout.texts, strict=True)]
        first: Any = pa.array(layout.order[layout.starts])
        for place, (path, levels) in enumerate(zip(paths.take(first).to_pylist(), layout.levels.tolist(), strict=True)):
            known_here = (number for number in range(len(texts)) if levels >> number & 1)
            yield str(path), {self._fields[number].column: texts[number][place] for number in known_here}

    def _type(self, field: PartitionField) -> str:
        return self._types[field.source.lower()]

    def _reaches(self, path_values: PathValues) -> dict[str, _Reach]:
        """Return the values of each source column that a path allows; a level that is not enforced allows all."""
        by_source: dict[str, list[PartitionField]] = {}
        for field in self._fields:
            if field.enforced and field.column in path_values:
                by_source.setdefault(field.source.lower(), []).append(field)
        return {source: self._reach(fields, path_values) for source, fields in by_source.items()}

    def _reach(self, fields: Sequence[PartitionField], path_values: PathValues) -> _Reach:
        pairs = [(field, text) for field in fields if (text := path_values[field.column]) is not None]
        if not pairs:
            return _Reach(null=True)
        lo: Key | None = None
        end: Key | None = None
        for start, stop in self._intervals(pairs):
            if start is not None and (lo is None or less(lo, start)):
                lo = start
            if stop is not None and (end is None or less(stop, end)):
                end = stop
        return _Reach(null=False, lo=lo, end=end, codes=tuple(pairs))

    def _intervals(self, pairs: Sequence[tuple[PartitionField, str]]) -> Iterator[_Interval]:
        kind = self._type(pairs[0][0])
        calendars = []
        for field, text in pairs:
            texts, function = pa.array([text], pa.string()), field.function
            if isinstance(function, Calendar):
                calendars.append((function, function.numbers(texts)))
            else:
                yield _interval(function.spans(texts, kind))
        if calendars:
            yield _interval(joint_spans(calendars, known(kind))[0])

    def _apart(self, here: Mapping[str, _Reach], there: Mapping[str, _Reach]) -> bool:
        """Return whether no row can be in both."""
        return any(self._disjoint(here[source], there[source]) for source in here.keys() & there.keys())

    def _disjoint(self, left: _Reach, right: _Reach) -> bool:
        if left.null or right.null:
            return left.null != right.null
        return _before(left, right) or _before(right, left) or self._misses(left, right) or self._misses(right, left)

    def _misses(self, left: _Reach, right: _Reach) -> bool:
        """Return whether *left* has a single key, and that key belongs to another folder than a level of *right*."""
        if left.point is None:
            return False
        for field, text in right.codes:
            kind, function = self._type(field), field.function
            codes = function.codes(pa.array([text], pa.string()), kind)
            if codes is not None and codes[0] != function.codes_of([left.point], kind)[0]:
                return True
        return False


def _differ(left: PathValues, right: PathValues) -> bool:
    """Return whether two paths have different folders for a partition column."""
    return any(left[column] != right[column] for column in left.keys() & right.keys())


def _before(left: _Reach, right: _Reach) -> bool:
    return left.end is not None and right.lo is not None and not less(right.lo, left.end)


def _interval(spans: Spans | WideSpans | None) -> _Interval:
    if spans is None:
        return None, None
    if isinstance(spans, Spans):
        return int(spans.lo[0]), int(spans.hi[0]) + 1
    return spans.lo[0], successor(spans.lo[0]) if spans.point[0] else spans.end[0]
