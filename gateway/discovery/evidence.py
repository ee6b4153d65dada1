"""Compares the folders of sampled files with values of their columns: with the bounds in footers, else with rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import Enum
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from gateway.catalog.bounds import boundable, bounds, exact_ends
from gateway.catalog.store import Store
from gateway.catalog.stored import folded
from gateway.catalog.transforms import Calendar, Transform, TransformError
from gateway.catalog.transforms.keys import Array, KeyKind, KeyType, Values, key_type
from gateway.discovery.found import Folder, Sample
from gateway.discovery.sampling import read_values
from gateway.model import Column

FEW = 6
"""Files of which values are read, where the bounds in footers agree without proving anything."""
_WHOLE_TEXT = 16
"""Shorter bounds of texts are values: writers that cut them keep more."""


Pair = tuple[Sample, str | None]
"""A file and the text of its folder."""


class Verdict(Enum):
    """What one file says of a transform."""

    PROVEN = "proven"
    """All its rows lie where the transform puts them."""
    AGREES = "agrees"
    """Those rows do that were looked at."""
    UNKNOWN = "unknown"
    CONTRADICTS = "contradicts"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ends:
    """What a footer says of a column: its least and greatest value, if known, and its number of NULLs, if known."""

    values: Array | None
    exact: bool
    """Both are values of rows; otherwise they may lie beyond."""
    nulls: int | None


class Evidence:
    """The sampled files of one table, and what is known of their columns."""

    def __init__(self, store: Store, folder: Folder, samples: Sequence[Sample], columns: Sequence[Column]) -> None:
        self._store, self._folder = store, folder
        self.samples = [sample for sample in samples if sample.rows]
        self.columns = columns
        self._ends: dict[tuple[int, str], Ends] = {}
        self._values: dict[tuple[int, str], Values | None] = {}

    def with_level(self, level: str) -> list[Pair]:
        """Return the samples whose path has a level, with its text."""
        name = folded(level)
        return [(sample, sample.texts[name]) for sample in self.samples if name in sample.texts]

    def ends(self, sample: Sample, column: Column) -> Ends:
        """Return what the footer of a file says of a column."""
        key = id(sample), column.name
        if key not in self._ends:
            self._ends[key] = _ends(sample, column)
        return self._ends[key]

    def values(self, sample: Sample, column: Column) -> Values | None:
        """Read values of a column of a file; None where they cannot be read. Raises ``StorageFailed``."""
        key = id(sample), column.name
        if key not in self._values:
            self._values[key] = read_values(self._store, self._folder, sample, column.name)
        return self._values[key]

    def few(self, pairs: Sequence[Pair]) -> list[Pair]:
        """Choose some files: of as many folders as possible, the smallest of each."""
        found: dict[str | None, Sample] = {}
        for sample, text in pairs:
            if text not in found or sample.rows < found[text].rows:
                found[text] = sample
        chosen = [(sample, text) for text, sample in found.items()]
        others = [(sample, text) for sample, text in pairs if found[text] is not sample]
        return [*chosen, *others][:FEW]

    def same_days(self, left: Column, right: Column) -> bool:
        """Return whether two columns of moments have the same days, and hours where both do, in the rows looked at.

        Raises ``StorageFailed``.
        """
        both = [key_type(left.type), key_type(right.type)]
        unit = Calendar("day" if any(kind is not None and kind.kind is KeyKind.DATE for kind in both) else "hour")
        rows = 0
        for sample, _ in self.few([(sample, str(number)) for number, sample in enumerate(self.samples)]):
            ours, theirs = self.values(sample, left), self.values(sample, right)
            if ours is None or theirs is None or not _same(unit, ours, left.type, theirs, right.type):
                return False
            rows += len(ours)
        return rows > 0

    def by_bounds(
        self, transform: Transform, column: Column, sample: Sample, text: str | None, *, ordered: bool
    ) -> Verdict:
        """Compare the folder of a file with the bounds in its footer.

        *ordered* says that the transform gives one value for all that lies between two values that it gives one for.
        """
        ends = self.ends(sample, column)
        if text is None:
            if ends.nulls == sample.rows:
                return Verdict.PROVEN
            undecided = ends.nulls is None or transform.makes_empty_texts(column.type)
            return Verdict.UNKNOWN if undecided else Verdict.CONTRADICTS
        if ends.nulls:
            return Verdict.CONTRADICTS
        if ends.values is None:
            return Verdict.UNKNOWN
        if maps(transform, column.type, ends.values, text):
            if ordered and ends.nulls == 0:
                return Verdict.PROVEN
            return Verdict.AGREES if ends.exact else Verdict.UNKNOWN
        return Verdict.CONTRADICTS if ends.exact else Verdict.UNKNOWN

    def by_values(self, transform: Transform, column: Column, sample: Sample, text: str | None) -> Verdict:
        """Compare the folder of a file with its first values. Raises ``StorageFailed``."""
        values = self.values(sample, column)
        if values is None or not len(values):
            return Verdict.UNKNOWN
        agrees = (
            is_of_null(transform, column.type, values) if text is None else maps(transform, column.type, values, text)
        )
        return Verdict.AGREES if agrees else Verdict.CONTRADICTS


def is_of_null(transform: Transform, source_type: str, values: Values) -> bool:
    """Return whether all values may lie in the folder of NULL, as empty texts may."""
    compute: Any = pc
    allowed = compute.is_null(values)
    if transform.makes_empty_texts(source_type):
        allowed = compute.or_kleene(allowed, compute.equal(values, ""))
    return compute.all(allowed).as_py() is True


def maps(transform: Transform, source_type: str, values: Values, text: str) -> bool:
    """Return whether a transform puts every value into the folder that *text* stands for; NULL never lies there."""
    try:
        made: Any = transform.apply(values, source_type).cast(pa.string()).unique()
        if made.null_count:
            return False
        meant = transform.decode(pa.array([text], pa.string()), source_type)
        found = transform.decode(made, source_type)
        compute: Any = pc
        return compute.all(compute.equal(found, meant[0])).as_py() is True
    except (TransformError, pa.ArrowException, OverflowError):
        return False


def _same(unit: Calendar, left: Values, left_type: str, right: Values, right_type: str) -> bool:
    try:
        made = [unit.apply(left, left_type), unit.apply(right, right_type)]
    except TransformError:
        return False
    return bool(made[0].cast(pa.string()).equals(made[1].cast(pa.string())))


def _ends(sample: Sample, column: Column) -> Ends:
    kind = key_type(column.type)
    if kind is None or not boundable(kind):
        return Ends(values=None, exact=False, nulls=None)
    found = bounds(sample.footer, sample.schema, {column.name: kind})
    nulls = found.get(f"nulls:{column.name}")
    exact = exact_ends(sample.footer, sample.schema, column.name, kind)
    if exact is not None:
        return Ends(values=exact, exact=True, nulls=nulls)
    low, high = found.get(f"min:{column.name}"), found.get(f"max:{column.name}")
    values = None if low is None or high is None else _values(low, high, kind)
    return Ends(values=values, exact=_is_exact(sample, column, kind, low, high), nulls=nulls)


def _is_exact(sample: Sample, column: Column, kind: KeyType, low: Any, high: Any) -> bool:
    """Return whether bounds are values: short texts, and numbers that are stored in the very type of the column."""
    if kind.kind is KeyKind.VARCHAR:
        return all(isinstance(bound, str) and len(bound) < _WHOLE_TEXT for bound in (low, high))
    stored = {folded(item.name): item.type for item in sample.schema.columns}
    return kind.kind is KeyKind.DECIMAL and stored.get(folded(column.name)) == column.type


def _values(low: Any, high: Any, kind: KeyType) -> Array | None:
    """Make values of two order keys; None for types of which they cannot be made."""
    try:
        match kind.kind:
            case KeyKind.VARCHAR:
                return pa.array([low, high], pa.string())
            case KeyKind.DECIMAL:
                return pa.array([Decimal(key).scaleb(-kind.scale) for key in (low, high)], kind.arrow)
            case KeyKind.DATE:
                return pa.array([low, high], pa.int32()).cast(kind.arrow)
            case KeyKind.INTEGER | KeyKind.TIMESTAMP | KeyKind.TIMESTAMPTZ | KeyKind.TIME | KeyKind.BOOLEAN:
                return pa.array([low, high], pa.int64()).cast(kind.arrow)
    except pa.ArrowException:
        return None
    return None
