"""Files as axes: prunes files by the column statistics of their Parquet footers.

The projection that selects partitions is applied a second time, to the files in them; each file is a state of its own.
``catalog.footers`` describes the columns of the manifest that this reads.

An example: three files, of which the last one has no statistics, so that it is always kept.

>>> from gateway.plan.project import project
>>> from gateway.plan.select import units_of
>>> from gateway.predicate import Operator
>>> files = pa.table({"min:x": [1, 5, None], "max:x": [4, 8, None], "nulls:x": [0, 2, None], "row_count": [9, 9, None]})
>>> axes = FileAxes(Bounds(files, [Column(name="x", type="BIGINT")]), np.arange(3))
>>> x = Term("x", "BIGINT")
>>> def selected(predicate: Predicate) -> list[int]:
...     choice = project(predicate, [6], axes)
...     return [] if choice is None else np.arange(3)[units_of(choice, 3)].tolist()
>>> selected(Comparison(x, Operator.EQ, 0)), selected(Comparison(x, Operator.LT, 0)), selected(NullCheck(x))
([1, 2], [0, 1, 2], [1, 2])
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from gateway.catalog.arrays import whole
from gateway.catalog.transforms.keys import (
    HIGHEST,
    LOWEST,
    Array,
    Key,
    KeyKind,
    KeyType,
    Ordinals,
    key_type,
    successor,
)
from gateway.model import Column
from gateway.plan.axis import DIRECT, Axis, Interval, Range, Scale, place_wide
from gateway.plan.derived import comparable, derived_axes
from gateway.plan.states import Codes, Mask, States, UnitStates
from gateway.predicate import And, Comparison, Membership, NullCheck, Or, Outside, Predicate, StartsWith, Term

_TEXTS = 20_000
"""Files of a selection whose bounds of texts are looked at; of more, none is."""


class Bounds:
    """The bounds of columns over all files of a snapshot."""

    def __init__(self, files: pa.Table, columns: Sequence[Column]) -> None:
        """Find which columns have bounds in the manifest."""
        self._files = files
        present = set(files.column_names)
        once = Counter(column.name.lower() for column in columns)
        bounded = [column for column in columns if f"min:{column.name}" in present and once[column.name.lower()] == 1]
        self.types = {column.name.lower(): column.type for column in bounded}
        self._names = {column.name.lower(): column.name for column in bounded}
        self._kept: dict[str, tuple[Ordinals, Ordinals]] = {}

    def __bool__(self) -> bool:
        return bool(self.types)

    def numbers(self, column: str) -> tuple[Ordinals, Ordinals]:
        """Return the closed interval of keys of every file; unbounded where it is not known."""
        kept = self._kept.get(column)
        if kept is None:
            ends = ((self._read("min", column), LOWEST), (self._read("max", column), HIGHEST))
            lo, hi = (np.asarray(pc.fill_null(end, unknown), dtype=np.int64) for end, unknown in ends)
            kept = self._kept[column] = (lo, hi)
        return kept

    def texts(self, column: str, files: Ordinals) -> tuple[Scale, Ordinals, Ordinals]:
        """Place the bounds of a column of texts for some files."""
        lows, highs = (self._encoded(self._read(end, column).take(pa.array(files))) for end in ("min", "max"))
        point = np.array(
            [low is not None and low == high for low, high in zip(lows, highs, strict=True)], dtype=np.bool_
        )
        return place_wide(lows, [None if high is None else successor(high) for high in highs], point)

    def nulls(self, column: str, files: Ordinals) -> tuple[Mask, Mask]:
        """Mark which of some files may hold NULL, and which may hold a value."""
        counts = self._read("nulls", column).take(pa.array(files))
        rows = whole(self._files, "row_count").take(pa.array(files))
        some = np.asarray(pc.fill_null(counts, 1), dtype=np.int64) > 0
        all_null = np.asarray(pc.fill_null(pc.equal(counts, rows), False), dtype=np.bool_)
        return some, ~all_null

    def extremes(self, column: str) -> tuple[str, KeyType | None, Any, Any]:
        """Return the name and type of a column, and its least and greatest bound over all files (None: unknown)."""
        low, high = (extreme(self._read(end, column)).as_py() for end, extreme in (("min", pc.min), ("max", pc.max)))
        return self._names[column], key_type(self.types[column]), low, high

    def _read(self, end: str, column: str) -> Array:
        return whole(self._files, f"{end}:{self._names[column]}")

    @staticmethod
    def _encoded(texts: Array) -> list[Key | None]:
        return [None if text is None else text.encode() for text in texts.to_pylist()]


def columns_of(predicate: Predicate) -> set[str]:
    """Return the names of the columns of a predicate, in lower case."""
    match predicate:
        case And(parts) | Or(parts):
            return {name for part in parts for name in columns_of(part)}
        case Comparison() | Membership() | NullCheck() | StartsWith() | Outside():
            return {predicate.term.column.lower()}
    return set()


class FileAxes:
    """The axes of some files; see ``project.Provider``."""

    def __init__(self, bounds: Bounds, files: Ordinals) -> None:
        """Take the positions of the files in the snapshot's order."""
        self._bounds = bounds
        self._files = files
        self._axes: dict[str, Axis | None] = {}
        self._rows = UnitStates(np.arange(len(files), dtype=np.int32), len(files))

    def axes(self, term: Term) -> Sequence[Axis]:
        """List the axes that constrain a term."""
        name = term.column.lower()
        own = self._bounds.types.get(name)
        if own is None:
            return ()
        if name not in self._axes:
            self._axes[name] = self._axis(name, own)
        axis = self._axes[name]
        if axis is None or (not term.functions and not comparable(own, term.type)):
            return ()
        return derived_axes(term, (axis,), own) if term.functions else (axis,)

    def together(self, terms: tuple[Term, ...]) -> None:
        """Return None: what columns are together in a file is not known."""

    def may_lack(self, column: str) -> bool:
        """Return False: a file that lacks a column has no bounds for it."""
        return False

    def _axis(self, name: str, type_name: str) -> Axis | None:
        kind = key_type(type_name)
        if kind is None or (kind.wide and (kind.kind is not KeyKind.VARCHAR or len(self._files) > _TEXTS)):
            return None
        if kind.wide:
            scale, lo, hi = self._bounds.texts(name, self._files)
        else:
            every_lo, every_hi = self._bounds.numbers(name)
            scale, lo, hi = DIRECT, every_lo[self._files], every_hi[self._files]
        if kind.kind is KeyKind.DOUBLE:
            hi = np.full(len(hi), HIGHEST)  # footers pass over NaN, which is the greatest value
        return FileInterval(self._rows, scale, lo, hi, *self._bounds.nulls(name, self._files))


class FileInterval(Interval):
    """An axis whose states are files: each may hold values in its interval, NULLs, or both."""

    def __init__(
        self, rows: UnitStates, scale: Scale, lo: Ordinals, hi: Ordinals, some_null: Mask, some_value: Mask
    ) -> None:
        """Take the interval of each file, and whether it may hold NULL and any value."""
        super().__init__(rows, States(count=len(lo)), scale, lo, hi)
        self._null = some_null
        self._value = some_value

    def within(self, start: Key | None, end: Key | None) -> Codes:
        return self._with_values(super().within(start, end))

    def within_any(self, ranges: Sequence[Range]) -> Codes:
        return self._with_values(super().within_any(ranges))

    def outside(self, start: Key | None, end: Key | None) -> Codes:
        return self._with_values(super().outside(start, end))

    def nulls(self) -> Codes:
        return Codes(0, len(self.lo), self._null)

    def values(self) -> Codes:
        return Codes(0, len(self.lo), self._value)

    def placed(self, scale: Scale, lo: Ordinals, hi: Ordinals) -> FileInterval:
        return FileInterval(self.rows, scale, lo, hi, self._null, self._value)

    def _with_values(self, codes: Codes) -> Codes:
        mask = np.zeros(len(self.lo), dtype=np.bool_)
        if codes.mask is None:
            mask[codes.start : codes.stop] = True
        else:
            mask = codes.mask
        return Codes(0, len(self.lo), mask & self._value)
