"""Order keys: Python values that compare as the engine compares the values of a column.

A *key* is an int for types with a 64-bit ordinal (integers, DATE in days, timestamps in their own unit since the
epoch, TIME in µs, DECIMAL unscaled, BOOLEAN, DOUBLE by its bits) and for the wide ones (HUGEINT, UUID); for VARCHAR
and BLOB it is the bytes. Keys of one type are discrete: ``successor`` gives the next one, so that ``> x`` is
``>= successor(x)``, and every range is half open.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Context, Decimal
from enum import Enum
from functools import lru_cache
from typing import Any, TypeAlias
from uuid import UUID

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from gateway.catalog.sql_type import SqlType

Key = int | bytes
Ordinals = npt.NDArray[np.int64]
Array: TypeAlias = Any
"""A ``pyarrow.Array``: its stubs are generic in the element, which is known only at run time here."""
Dictionary: TypeAlias = Any
"""A ``pyarrow.DictionaryArray`` of strings."""
Values: TypeAlias = Any
"""A ``pyarrow.Array`` or ``pyarrow.ChunkedArray``."""

LOWEST = np.iinfo(np.int64).min
HIGHEST = np.iinfo(np.int64).max
EPOCH = date(1970, 1, 1)
INFINITIES = {"infinity": 1, "-infinity": -1}
"""The texts that stand for infinite dates and timestamps, which Python has not got, and their signs."""
INFINITE_DATE = 2**31 - 1
_WIDE = Context(prec=80)  # no DECIMAL(38) is rounded on its way


class KeyKind(Enum):
    """Families of types that share their order key."""

    BOOLEAN = "boolean"
    INTEGER = "integer"
    DECIMAL = "decimal"
    DOUBLE = "double"
    DATE = "date"
    TIME = "time"
    TIMESTAMP = "timestamp"
    TIMESTAMPTZ = "timestamptz"
    VARCHAR = "varchar"
    BLOB = "blob"
    UUID = "uuid"


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyType:
    """How values of a DuckDB type become order keys, and the Arrow type that holds them."""

    kind: KeyKind
    arrow: pa.DataType
    per_second: int = 0
    """Units of a timestamp in a second."""
    scale: int = 0
    lowest: int = LOWEST
    highest: int = HIGHEST
    wide: bool = False
    """The key does not fit 64 bits: bytes, or a Python int."""


_INTEGERS = {
    "TINYINT": pa.int8(),
    "SMALLINT": pa.int16(),
    "INTEGER": pa.int32(),
    "BIGINT": pa.int64(),
    "UTINYINT": pa.uint8(),
    "USMALLINT": pa.uint16(),
    "UINTEGER": pa.uint32(),
}
_OTHERS = {
    "BOOLEAN": KeyType(kind=KeyKind.BOOLEAN, arrow=pa.bool_(), lowest=0, highest=1),
    "UBIGINT": KeyType(kind=KeyKind.INTEGER, arrow=pa.uint64(), lowest=0, highest=2**64 - 1, wide=True),
    "HUGEINT": KeyType(
        kind=KeyKind.INTEGER, arrow=pa.decimal128(38, 0), lowest=-(2**127), highest=2**127 - 1, wide=True
    ),
    "DATE": KeyType(kind=KeyKind.DATE, arrow=pa.date32()),
    "TIME": KeyType(kind=KeyKind.TIME, arrow=pa.time64("us")),
    "TIMESTAMP": KeyType(kind=KeyKind.TIMESTAMP, arrow=pa.timestamp("us"), per_second=10**6),
    "TIMESTAMP_S": KeyType(kind=KeyKind.TIMESTAMP, arrow=pa.timestamp("s"), per_second=1),
    "TIMESTAMP_MS": KeyType(kind=KeyKind.TIMESTAMP, arrow=pa.timestamp("ms"), per_second=10**3),
    "TIMESTAMP_NS": KeyType(kind=KeyKind.TIMESTAMP, arrow=pa.timestamp("ns"), per_second=10**9),
    "TIMESTAMP WITH TIME ZONE": KeyType(kind=KeyKind.TIMESTAMPTZ, arrow=pa.timestamp("us", tz="UTC"), per_second=10**6),
    "FLOAT": KeyType(kind=KeyKind.DOUBLE, arrow=pa.float32()),
    "DOUBLE": KeyType(kind=KeyKind.DOUBLE, arrow=pa.float64()),
    "VARCHAR": KeyType(kind=KeyKind.VARCHAR, arrow=pa.string(), wide=True),
    "BLOB": KeyType(kind=KeyKind.BLOB, arrow=pa.binary(), wide=True),
    "UUID": KeyType(kind=KeyKind.UUID, arrow=pa.string(), wide=True),
}


@lru_cache(maxsize=1024)
def key_type(name: str) -> KeyType | None:
    """Return the order keys of a DuckDB type; None for a type that has none (lists, structs, enums …).

    >>> key_type("DECIMAL(15,2)").scale
    2
    """
    parsed = SqlType.parse(name)
    if parsed.name == "DECIMAL" and parsed.known:
        limit = 10**parsed.width - 1
        return KeyType(
            kind=KeyKind.DECIMAL,
            arrow=pa.decimal128(parsed.width, parsed.scale),
            scale=parsed.scale,
            lowest=-limit,
            highest=limit,
            wide=parsed.width > 18,
        )
    arrow = _INTEGERS.get(parsed.name)
    if arrow is None:
        return _OTHERS.get(parsed.name)
    lowest = 0 if parsed.name.startswith("U") else -(1 << arrow.bit_width - 1)
    return KeyType(kind=KeyKind.INTEGER, arrow=arrow, lowest=lowest, highest=lowest + (1 << arrow.bit_width) - 1)


def less(left: Key, right: Key) -> bool:
    """Compare two keys of one column."""
    return left < right  # type: ignore[operator]  # keys of one column are of one type


def successor(key: Key) -> Key:
    """Return the least key above *key*.

    >>> successor(b"a")
    b'a\\x00'
    """
    return key + b"\0" if isinstance(key, bytes) else key + 1


def after_prefix(prefix: bytes) -> bytes | None:
    """Return the least key above every key that starts with *prefix*; None if there is none.

    >>> after_prefix(b"ab")
    b'ac'
    """
    stripped = prefix.rstrip(b"\xff")
    return stripped[:-1] + bytes([stripped[-1] + 1]) if stripped else None


def key_range(value: Any, kind: KeyType) -> tuple[Key, Key] | None:
    """Return the first and last key that a constant of that type may stand for; None where it cannot be placed.

    They are the same, except where Python's value is coarser than the type (TIMESTAMP_NS as a ``datetime``).
    Infinite dates, which DuckDB hands over as the extremes of Python's, have no place; as a text they have one.
    """
    sign = INFINITIES.get(value) if isinstance(value, str) else None
    if sign is not None and kind.kind in (KeyKind.DATE, KeyKind.TIMESTAMP, KeyKind.TIMESTAMPTZ):
        end = sign * (INFINITE_DATE if kind.kind is KeyKind.DATE else HIGHEST)
        return (end, end) if kind.per_second in (0, 10**6) else None
    key = _key(value, kind)
    if key is None:
        return None
    if kind.per_second > 10**6:
        assert isinstance(key, int)
        return key, key + kind.per_second // 10**6 - 1
    return key, key


def _key(value: Any, kind: KeyType) -> Key | None:
    match kind.kind:
        case KeyKind.VARCHAR:
            return value.encode("utf-8", "surrogatepass") if isinstance(value, str) else None
        case KeyKind.BLOB:
            return bytes(value) if isinstance(value, bytes | bytearray | memoryview) else None
        case KeyKind.UUID:
            return value.int if isinstance(value, UUID) else None
        case KeyKind.BOOLEAN | KeyKind.INTEGER:
            return int(value) if isinstance(value, bool | int) else None
        case KeyKind.DECIMAL:
            return _unscaled(value, kind.scale) if isinstance(value, Decimal | int) else None
        case KeyKind.DOUBLE:
            return of_double(float(value)) if isinstance(value, float | int) else None
        case KeyKind.DATE:
            return _days(value) if isinstance(value, date) and not isinstance(value, datetime) else None
        case KeyKind.TIME:
            return _microseconds(value) if isinstance(value, time) and value.tzinfo is None else None
        case _:
            return _units(value, kind) if isinstance(value, datetime) else None


def _unscaled(value: Decimal | int, scale: int) -> int | None:
    if isinstance(value, Decimal) and not value.is_finite():
        return None
    shifted = _WIDE.scaleb(Decimal(value), scale)
    return int(shifted) if shifted == shifted.to_integral_value() else None


def of_double(value: float) -> int:
    """Order doubles as DuckDB does: -0.0 equals 0.0, NaN equals itself and is above infinity."""
    if value != value:
        return HIGHEST
    bits: int = struct.unpack("<q", struct.pack("<d", value))[0]
    return bits if bits >= 0 else -(bits & HIGHEST)


def of_key(key: int) -> float:
    """Return the double that has a key.

    >>> of_key(of_double(-1.5))
    -1.5
    """
    bits = key if key >= 0 else -key
    value: float = struct.unpack("<d", struct.pack("<q", bits))[0]
    return value if key >= 0 else -value


def _days(value: date) -> int | None:
    return None if value in (date.max, date.min) else (value - EPOCH).days


def _microseconds(value: time) -> int:
    return ((value.hour * 60 + value.minute) * 60 + value.second) * 10**6 + value.microsecond


def _units(value: datetime, kind: KeyType) -> int | None:
    if (value.tzinfo is not None) != (kind.kind is KeyKind.TIMESTAMPTZ):
        return None
    naive = value.astimezone(UTC).replace(tzinfo=None) if value.tzinfo is not None else value
    if naive in (datetime.max, datetime.min):
        return None
    micros = (naive - datetime(1970, 1, 1)) // timedelta(microseconds=1)
    if kind.per_second >= 10**6:
        return micros * (kind.per_second // 10**6)
    step = 10**6 // kind.per_second
    return micros // step if micros % step == 0 else None


def ordinals(values: Array, kind: KeyType) -> Ordinals:
    """Return the 64-bit keys of an Arrow array (of ``kind.arrow``); 0 at nulls. Only for types that are not wide."""
    if kind.kind is KeyKind.DECIMAL:
        words = np.frombuffer(values.buffers()[1], dtype=np.int64)[::2][values.offset : values.offset + len(values)]
        return np.where(np.asarray(values.is_valid()), words, 0)
    if kind.kind is KeyKind.DOUBLE:
        return double_ordinals(np.asarray(pc.fill_null(values.cast(pa.float64()), 0.0), dtype=np.float64))
    if kind.kind is KeyKind.DATE:
        values = values.cast(pa.int32())
    return np.asarray(pc.fill_null(values.cast(pa.int64()), 0), dtype=np.int64)


def double_ordinals(values: npt.NDArray[np.float64]) -> Ordinals:
    """Return the keys of doubles, in DuckDB's order (NaN last, both zeros equal)."""
    bits = values.view(np.int64)
    keys = np.where(bits >= 0, bits, -(bits & HIGHEST))
    return np.where(np.isnan(values), HIGHEST, keys).astype(np.int64)


def keys(values: Array, kind: KeyType) -> list[Key]:
    """Return the keys of an Arrow array without nulls, of any type."""
    if not kind.wide:
        return [int(key) for key in ordinals(values, kind)]
    if kind.kind is KeyKind.VARCHAR:
        values = values.cast(pa.binary())
    found = values.to_pylist()
    if kind.kind is KeyKind.UUID:
        return [UUID(text).int for text in found]
    if kind.kind is KeyKind.DECIMAL:
        return [int(_WIDE.scaleb(value, kind.scale)) for value in found]
    return [value if isinstance(value, bytes) else int(value) for value in found]
