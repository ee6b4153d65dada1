"""Detects, by the footer of a Parquet file, columns that DuckDB would misread.

DuckDB 1.5.5 takes the bytes of a decimal of more than 38 digits for those of a double, and it does not know that Spark
may have written days and instants of the calendar that holds before October 1582, which is ten days off.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import cast

import pyarrow.parquet as pq

_MOST_DIGITS = 38
_SPARK_VERSION = b"org.apache.spark.version"
_SPARK_LEGACY = b"org.apache.spark.legacyDateTime"
_SPARK_PROLEPTIC = 3
"""The release from which on Spark writes days as DuckDB reads them, unless the file says ``_SPARK_LEGACY``."""
_SHIFTED = {"DATE": -141_427, "TIMESTAMP_MILLIS": -2_208_988_800_000, "TIMESTAMP_MICROS": -2_208_988_800_000_000}
"""What lies before 15 October 1582 or, for instants, whose zones had other offsets, 1900: by converted type."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Misread:
    """A column, as a dotted path, whose values the engine would read as others, and why."""

    column: str
    reason: str

    def __str__(self) -> str:
        return f"the column {self.column!r} would be read as other values: {self.reason}"


def misread(footer: pq.FileMetaData) -> tuple[Misread, ...]:
    """List the columns of a file that hold values which DuckDB reads as others.

    Days and instants are known to be wrong by their bounds only: where a footer has none, they are not listed.
    """
    return (*_wide_decimals(footer), *_shifted_days(footer))


def _wide_decimals(footer: pq.FileMetaData) -> Iterator[Misread]:
    for number in range(footer.num_columns):
        column = footer.schema.column(number)
        if column.converted_type == "DECIMAL" and (column.precision or 0) > _MOST_DIGITS:
            reason = f"it is DECIMAL({column.precision},{column.scale}), and the engine knows {_MOST_DIGITS} digits"
            yield Misread(column=column.path, reason=reason)


def _shifted_days(footer: pq.FileMetaData) -> Iterator[Misread]:
    if not _is_legacy(footer.metadata or {}):
        return
    for number in range(footer.num_columns):
        column = footer.schema.column(number)
        first, least = _SHIFTED.get(column.converted_type or ""), _least(footer, number)
        if first is not None and least is not None and least < first:
            reason = "Spark wrote days before 1582, or instants before 1900, by its legacy calendar"
            yield Misread(column=column.path, reason=reason)


def _is_legacy(metadata: dict[bytes, bytes]) -> bool:
    if _SPARK_LEGACY in metadata:
        return True
    release = re.match(rb"\d+", metadata.get(_SPARK_VERSION, b""))
    return release is not None and int(release[0]) < _SPARK_PROLEPTIC


def _least(footer: pq.FileMetaData, number: int) -> int | None:
    """Return the least value of a column by its bounds, as it is stored; None where no row group has any."""
    found = [footer.row_group(group).column(number).statistics for group in range(footer.num_row_groups)]
    bounded = (group for group in found if group is not None and group.has_min_max and _whole(group))
    return min((cast(int, group.min_raw) for group in bounded), default=None)


def _whole(statistics: pq.Statistics) -> bool:
    return statistics.physical_type in ("INT32", "INT64")
