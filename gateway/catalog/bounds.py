"""The bounds of columns that a Parquet footer knows, as order keys; see ``footers`` for where they are kept.

Bounds of texts are strings, which compare by their UTF-8 bytes; all others are int64 order keys, see
``transforms.keys``. A bound that may be wrong is left out: the maximum of floats (footers pass over NaN, which is the
greatest value), long texts, types that differ between the file and the table. A text that its writer has cut is still
a bound (parquet.thrift, ``Statistics.max_value``).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from gateway.catalog.transforms.keys import Kind, SqlType, ordinals

LONGEST_TEXT = 64
"""Longer texts are no bounds, in characters."""

_BOUNDED = {
    Kind.BOOLEAN,
    Kind.INTEGER,
    Kind.DECIMAL,
    Kind.DOUBLE,
    Kind.DATE,
    Kind.TIME,
    Kind.TIMESTAMP,
    Kind.TIMESTAMPTZ,
}


def boundable(kind: SqlType) -> bool:
    """Tell whether bounds of a column of this type are kept."""
    return kind.kind is Kind.VARCHAR or (kind.kind in _BOUNDED and not kind.wide)


def bounds(footer: pq.FileMetaData, columns: Mapping[str, SqlType]) -> dict[str, Any]:
    """Read the bounds of plain columns over all row groups of one file."""
    schema = footer.schema.to_arrow_schema()
    leaves = {footer.schema.column(number).path: number for number in range(footer.num_columns)}
    found: dict[str, Any] = {}
    for name, kind in columns.items():
        at = schema.get_field_index(name)  # below 0 where the name is there twice, too
        place = leaves.get(name)
        if at < 0 or place is None or pa.types.is_nested(schema.field(at).type):
            continue
        parts = [footer.row_group(number).column(place) for number in range(footer.num_row_groups)]
        known: list[Any] = [part.statistics for part in parts if part.is_stats_set]
        if len(known) == len(parts) and all(part.has_null_count for part in known):
            found[f"nulls:{name}"] = sum(part.null_count for part in known)
            filled = [one for one, part in zip(known, parts, strict=True) if one.null_count < part.num_values]
            if _fits(schema.field(at).type, kind) and all(one.has_min_max for one in filled):
                found |= _joined(filled, name, schema.field(at).type, kind)
    return found


def _joined(groups: Sequence[Any], name: str, stored: pa.DataType, kind: SqlType) -> dict[str, Any]:
    """Join the bounds of row groups that hold values."""
    try:
        lows, highs = [group.min for group in groups], [group.max for group in groups]
    except (UnicodeDecodeError, OverflowError, pa.ArrowException):  # a text that was cut inside of a character
        return {}
    if not groups or any(low != low for low in lows):  # NaN is a bound of nothing
        return {}
    found = {f"min:{name}": _key(min(lows), stored, kind)}
    if kind.kind is not Kind.DOUBLE:
        found[f"max:{name}"] = _key(max(highs), stored, kind)
    return found


def _fits(stored: pa.DataType, kind: SqlType) -> bool:
    """Tell whether values of the file's type compare as those of the table's type."""
    if pa.types.is_integer(stored) and kind.kind is Kind.INTEGER:
        return True
    if kind.kind is Kind.VARCHAR:
        return pa.types.is_string(stored) or pa.types.is_large_string(stored)
    if kind.kind is Kind.TIMESTAMPTZ:
        return (
            isinstance(stored, pa.TimestampType) and stored.tz is not None and stored == pa.timestamp("us", stored.tz)
        )
    return bool(stored == kind.arrow)


def _key(value: Any, stored: pa.DataType, kind: SqlType) -> Any:
    """Turn a bound into its order key; None where it has none in the table's type."""
    if kind.kind is Kind.VARCHAR:
        return value if isinstance(value, str) and len(value) <= LONGEST_TEXT else None
    try:
        array = pa.array([value], stored).cast(kind.arrow)
    except (pa.ArrowInvalid, pa.ArrowTypeError, OverflowError):
        return None
    return int(ordinals(array, kind)[0])
