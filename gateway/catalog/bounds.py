"""Reads column bounds from Parquet footers, as order keys; ``footers`` describes where they are stored.

Bounds of texts are strings, which compare by their UTF-8 bytes; all others are int64 order keys, see
``transforms.keys``. They are read from the raw bytes in the footer, not from Python values: a ``datetime`` has no
nanoseconds. A bound that may be wrong is left out:

- a column that cannot be told from another one: names that differ in case only, or that DuckDB renames;
- a type whose values do not compare as those of the declared type do, once they are cast to it;
- the maximum of floats (footers pass over NaN, which is the greatest value), INT96, long texts;
- texts, unsigned integers and decimals of writers that are not known to order them rightly: in the first years of
  Parquet all of them were compared by signed bytes. pyarrow itself passes over those of old parquet-mr and parquet-cpp.

A text that its writer has truncated is still a bound (parquet.thrift, ``Statistics.max_value``).

An example: one file, two columns; the table declares ``day`` as DATE, whose order key is the days since 1970, and
``price`` as DECIMAL(9,2), whose order key is its unscaled value. The file stores one digit after the point.

>>> import io
>>> from datetime import date
>>> from decimal import Decimal
>>> from gateway.catalog.stored import stored_schema
>>> file = io.BytesIO()
>>> prices = pa.array([Decimal("1.5"), None, Decimal("2.5")], pa.decimal128(8, 1))
>>> days = pa.array([date(1970, 1, 2), date(1970, 1, 5), date(1970, 1, 3)])
>>> pq.write_table(pa.table({"day": days, "price": prices}), file)
>>> raw = file.getvalue()
>>> schema = stored_schema(raw[-8 - int.from_bytes(raw[-8:-4], "little") : -8])
>>> kinds = {name: kind for name in ("DATE", "DECIMAL(9,2)") if (kind := key_type(name)) is not None}
>>> columns = {"day": kinds["DATE"], "price": kinds["DECIMAL(9,2)"]}
>>> bounds(pq.read_metadata(file), schema, columns)
{'nulls:day': 0, 'min:day': 1, 'max:day': 4, 'nulls:price': 1, 'min:price': 150, 'max:price': 250}
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from math import ceil, floor
from typing import Any

import orjson
import pyarrow as pa
import pyarrow.parquet as pq

from gateway.catalog.stored import StoredSchema, distinct, folded
from gateway.catalog.transforms.keys import HIGHEST, LOWEST, KeyKind, KeyType, key_type, of_double

LONGEST_TEXT = 64
"""Longer texts are no bounds, in characters."""

_TRUSTED = re.compile(r"Polars|(DuckDB|parquet-rs|parquet-cpp|parquet-cpp-arrow|parquet-mr) (version )?v?[0-9]")
"""Writers that compare texts, unsigned integers and decimals as the specification says since 2018."""
_BOUNDED = {
    KeyKind.BOOLEAN,
    KeyKind.INTEGER,
    KeyKind.DECIMAL,
    KeyKind.DOUBLE,
    KeyKind.DATE,
    KeyKind.TIME,
    KeyKind.TIMESTAMP,
    KeyKind.TIMESTAMPTZ,
}
_TEMPORAL = {KeyKind.TIME, KeyKind.TIMESTAMP, KeyKind.TIMESTAMPTZ}
_WHOLE = {KeyKind.INTEGER, KeyKind.DATE, *_TEMPORAL}
"""Types whose order keys are their values."""
_PER_SECOND = {"milliseconds": 10**3, "microseconds": 10**6, "nanoseconds": 10**9}
_INTEGERS = {"INT32": 32, "INT64": 64}


def boundable(kind: KeyType) -> bool:
    """Return whether bounds of a column of this type are kept."""
    return kind.kind is KeyKind.VARCHAR or (kind.kind in _BOUNDED and not kind.wide)


@dataclass(frozen=True, slots=True)
class _Leaf:
    """A plain column of a file: its number among the leaves, the type that DuckDB reads, and that of the table."""

    number: int
    stored: KeyType
    kind: KeyType


def bounds(footer: pq.FileMetaData, schema: StoredSchema, columns: Mapping[str, KeyType]) -> dict[str, Any]:
    """Read the bounds of plain columns over all row groups of one file."""
    found: dict[str, Any] = {}
    for name, kind in columns.items():
        leaf = _leaf(schema, name, kind)
        if leaf is None or leaf.number >= footer.num_columns:
            continue
        factor = _factor(leaf, footer)
        if factor is None:
            continue
        parts = [footer.row_group(number).column(leaf.number) for number in range(footer.num_row_groups)]
        known: list[Any] = [part.statistics for part in parts if part.is_stats_set]
        if len(known) == len(parts) and all(part.has_null_count for part in known):
            found[f"nulls:{name}"] = sum(part.null_count for part in known)
            filled = [chunk for chunk, part in zip(known, parts, strict=True) if chunk.null_count < part.num_values]
            if filled and all(chunk.has_min_max for chunk in filled) and _ordered(leaf.stored, footer):
                low, high = _joined(filled, leaf, factor)
                found |= {f"min:{name}": low, f"max:{name}": high}
    return found


def exact_ends(footer: pq.FileMetaData, schema: StoredSchema, name: str, kind: KeyType) -> Any:
    """Return the least and the greatest value of a column without NULL, as an array; None where they are not known."""
    leaf = _leaf(schema, name, kind)
    factor = None if leaf is None else _factor(leaf, footer)
    if kind.kind not in _WHOLE or factor is None or factor.denominator != 1:
        return None
    found = bounds(footer, schema, {name: kind})
    low, high = found.get(f"min:{name}"), found.get(f"max:{name}")
    if low is None or high is None or found[f"nulls:{name}"]:
        return None
    carrier = pa.int32() if kind.kind is KeyKind.DATE else pa.int64()
    return pa.array([low, high], carrier).cast(kind.arrow)


def _leaf(schema: StoredSchema, name: str, kind: KeyType) -> _Leaf | None:
    """Find the one column of a file that the table's column *name* can mean."""
    names = distinct([column.name for column in schema.columns])
    matching = [position for position, column in enumerate(schema.columns) if folded(column.name) == folded(name)]
    renamed = [position for position, given in enumerate(names) if folded(given) == folded(name)]
    if len(matching) != 1 or matching != renamed:
        return None
    [position] = matching
    number, type_ = schema.leaves[position], schema.columns[position].type
    stored = None if type_ is None else key_type(type_)
    return None if number is None or stored is None else _Leaf(number, stored, kind)


def _factor(leaf: _Leaf, footer: pq.FileMetaData) -> Fraction | None:
    """Return what a stored number is multiplied by in the table's type; None where the two do not compare alike."""
    stored, kind = leaf.stored, leaf.kind
    if stored.kind is not kind.kind:
        return None
    if kind.kind is KeyKind.DECIMAL:
        return Fraction(10 ** (kind.scale - stored.scale)) if kind.scale >= stored.scale else None
    if kind.kind is KeyKind.DOUBLE:  # FLOAT is read as DOUBLE without loss, not the other way round
        return Fraction(1) if kind.arrow.bit_width >= stored.arrow.bit_width else None
    if kind.kind not in _TEMPORAL:
        return Fraction(1)
    column: Any = footer.schema.column(leaf.number)
    unit = _PER_SECOND.get(_unit(column.logical_type.to_json()))
    return None if unit is None else Fraction(kind.per_second or 10**6, unit)


@lru_cache(maxsize=256)
def _unit(logical_type: str) -> str:
    return str(orjson.loads(logical_type).get("timeUnit", ""))


def _ordered(stored: KeyType, footer: pq.FileMetaData) -> bool:
    """Return whether the writer of a file is known to order values of a type as the engine does."""
    signed = stored.kind not in (KeyKind.VARCHAR, KeyKind.DECIMAL) and (
        stored.kind is not KeyKind.INTEGER or stored.lowest < 0
    )
    return signed or _TRUSTED.match(footer.created_by or "") is not None


def _joined(groups: Sequence[Any], leaf: _Leaf, factor: Fraction) -> tuple[Any, Any]:
    """Join the bounds of row groups that hold values."""
    if leaf.kind.kind is KeyKind.VARCHAR:
        return _text([group.min_raw for group in groups], min), _text([group.max_raw for group in groups], max)
    lows = [_number(group.min_raw, leaf, group.physical_type) for group in groups]
    highs = [_number(group.max_raw, leaf, group.physical_type) for group in groups]
    if any(low is None or high is None or low > high for low, high in zip(lows, highs, strict=True)):
        return None, None
    low, high = min(lows), max(highs)
    if leaf.kind.kind is KeyKind.DOUBLE:
        return of_double(low), None
    return _within(floor(low * factor), leaf.kind), _within(ceil(high * factor), leaf.kind)


def _within(key: int, kind: KeyType) -> int | None:
    """Return a key that the table's type has; a cast to it fails for what is beyond."""
    return key if max(kind.lowest, LOWEST) <= key <= min(kind.highest, HIGHEST) else None


def _number(raw: Any, leaf: _Leaf, physical: str) -> Any:
    """Read a number from what stands in the footer; None where that is no number of the column's type."""
    kind, bits = leaf.stored.kind, _INTEGERS.get(physical)
    if kind is KeyKind.DOUBLE:
        return raw if isinstance(raw, float) and raw == raw else None
    if kind is KeyKind.BOOLEAN or isinstance(raw, bool):
        return int(raw) if kind is KeyKind.BOOLEAN and isinstance(raw, bool) else None
    if kind is KeyKind.DECIMAL and isinstance(raw, bytes):
        return int.from_bytes(raw, "big", signed=True) if raw else None
    if not isinstance(raw, int) or bits is None:  # INT96, among others
        return None
    unsigned = kind is KeyKind.INTEGER and leaf.stored.lowest == 0
    return raw % (1 << bits) if unsigned else raw


def _text(raws: Sequence[Any], outermost: Callable[..., bytes]) -> str | None:
    """Return the outermost of some texts; None where it is long or unknown, or was cut inside of a character."""
    if not all(isinstance(raw, bytes) for raw in raws):
        return None
    try:
        text = outermost(raws).decode()
    except UnicodeDecodeError:
        return None
    return text if len(text) <= LONGEST_TEXT else None
