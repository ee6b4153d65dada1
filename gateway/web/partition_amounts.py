"""How many rows and bytes the partitions of a table have, by the values of its folder levels and by the calendar."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from gateway.catalog.manifest import Snapshot
from gateway.catalog.partition_field import PartitionField
from gateway.catalog.transforms import Calendar, TransformError
from gateway.catalog.transforms.base import known
from gateway.catalog.transforms.calendar import UNITS, joint_spans
from gateway.catalog.transforms.keys import LOWEST

Numbers = npt.NDArray[np.int64]
_NUMPY = {"year": "datetime64[Y]", "month": "datetime64[M]", "day": "datetime64[D]"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Amount:
    """What some partitions have together; ``rows`` is None where the footer of a file was not read."""

    partitions: int
    files: int
    bytes: int
    rows: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ByDate:
    """Amounts by day, month or year, ascending; the date is the first of each. ``untold`` partitions have no date."""

    source: str
    unit: str
    amounts: Sequence[tuple[date, Amount]]
    untold: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ByValue:
    """Amounts by the folder texts of one level, in the order of their values; None is NULL, or not told by the path."""

    column: str
    amounts: Sequence[tuple[str | None, Amount]]


class Amounts:
    """Amounts of the partitions of one snapshot."""

    def __init__(self, snapshot: Snapshot) -> None:
        self._partitions, self._fields = snapshot.partitions, snapshot.table.partitioned_by
        counts: Any = snapshot.files["row_count"]
        starts = np.asarray(self._partitions["first_file"], dtype=np.int64)
        rows = _summed(np.asarray(pc.fill_null(counts, 0), dtype=np.int64), starts)
        unread = _summed(np.asarray(pc.is_null(counts), dtype=np.int64), starts)
        sizes = (np.asarray(self._partitions[name], dtype=np.int64) for name in ("file_count", "bytes"))
        self._measures = (np.ones(len(starts), np.int64), *sizes, rows, unread)

    def by_date(self) -> ByDate | None:
        """Sum by the finest calendar unit up to days that the folders tell; None where they tell none."""
        for source in dict.fromkeys(field.source.lower() for field in self._fields):
            fields = [field for field in self._fields if field.source.lower() == source]
            found = self._dated([field for field in fields if isinstance(field.function, Calendar)])
            if found is not None:
                return found
        return None

    def by_value(self) -> Iterator[ByValue]:
        """Sum by each level that is no part of a calendar."""
        for field in self._fields:
            if not isinstance(field.function, Calendar):
                codes = self._partitions[field.column].combine_chunks().dictionary_encode("encode")
                texts = codes.dictionary.to_pylist()
                sums = self._sums(np.asarray(codes.indices, dtype=np.int64), len(texts))
                yield ByValue(column=field.column, amounts=list(zip(texts, sums, strict=True)))

    def _dated(self, fields: Sequence[PartitionField]) -> ByDate | None:
        calendars = {field.column: field.function for field in fields if isinstance(field.function, Calendar)}
        unit = _finest(calendars.values())
        if unit is None:
            return None
        texts = [self._partitions[column] for column in calendars]
        told = np.logical_and.reduce([np.asarray(text.is_valid(), dtype=np.bool_) for text in texts])
        try:
            days = _days(list(calendars.values()), [text.filter(pa.array(told)).combine_chunks() for text in texts])
        except TransformError:
            return None
        sure = days != LOWEST
        place = np.flatnonzero(told)[sure]
        units = days[sure].astype("datetime64[D]").astype(_NUMPY[unit])
        distinct, positions = np.unique(units, return_inverse=True)
        sums = self._sums(positions, len(distinct), place)
        dates: list[date] = distinct.astype("datetime64[D]").tolist()
        untold = self._partitions.num_rows - len(place)
        amounts = list(zip(dates, sums, strict=True))
        return ByDate(source=fields[0].source, unit=unit, amounts=amounts, untold=untold) if amounts else None

    def _sums(self, codes: Numbers, count: int, place: Numbers | None = None) -> list[Amount]:
        sums = []
        for measure in self._measures:
            total = np.zeros(count, np.int64)
            np.add.at(total, codes, measure if place is None else measure[place])
            sums.append(total.tolist())
        return [
            Amount(partitions=partitions, files=files, bytes=size, rows=None if unread else rows)
            for partitions, files, size, rows, unread in zip(*sums, strict=True)
        ]


def _summed(of_files: Numbers, starts: Numbers) -> Numbers:
    return np.add.reduceat(of_files, starts) if len(starts) else np.zeros(0, np.int64)


def _finest(calendars: Any) -> str | None:
    """Return the finest unit up to days that the levels of one source tell together."""
    whole = [calendar.unit for calendar in calendars if not calendar.repeats]
    if not whole:
        return None
    place = max(UNITS.index(unit) for unit in whole)
    parts = {calendar.part for calendar in calendars if calendar.repeats}
    while place + 1 < len(UNITS) and UNITS[place + 1] in parts:
        place += 1
    return UNITS[min(place, UNITS.index("day"))]


def _days(calendars: Sequence[Calendar], texts: Sequence[Any]) -> Numbers:
    """Return the first day that each partition is of, counted from 1970. Raises ``TransformError``."""
    fields = [(calendar, calendar.numbers(text)) for calendar, text in zip(calendars, texts, strict=True)]
    spans, _ = joint_spans(fields, known("DATE"))
    assert spans is not None
    return spans.lo
