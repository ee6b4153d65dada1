"""Canonical bytes of parameter values: two values have the same bytes only if an engine cannot tell them apart.

Cache keys are digests of these bytes. The type is part of them: ``1``, ``True``, ``1.0`` and ``Decimal(1)`` are four
different values, and so are ``0.0`` and ``-0.0``; all NaN are one. Each part is prefixed with its length, so that no
sequence has the bytes of another one.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from gateway.interval import Interval
from gateway.model import TypedValue, Value

_EPOCH = datetime(1970, 1, 1)
_MICROSECOND = timedelta(microseconds=1)
_NAN = struct.pack(">d", math.nan)


def canonical_bytes(value: TypedValue) -> bytes:
    """Return the bytes of *value* and its DuckDB type.

    >>> canonical_bytes(TypedValue(value=1, type="INTEGER")) == canonical_bytes(TypedValue(value=1, type="BIGINT"))
    False
    """
    return _part(b"t", value.type.encode()) + _bytes(value.value)


def _bytes(value: Value) -> bytes:
    return _part(*_ENCODINGS[type(value)](value))


def _part(tag: bytes, payload: bytes) -> bytes:
    return tag + len(payload).to_bytes(8, "big") + payload


def _double(value: float) -> tuple[bytes, bytes]:
    return b"f", _NAN if math.isnan(value) else struct.pack(">d", value)


def _decimal(value: Decimal) -> tuple[bytes, bytes]:
    # The scale is in the type, so 1.1 and 1.10 are one value; DECIMAL has no negative zero.
    sign, digits, exponent = value.as_tuple()
    text = "".join(map(str, digits)).lstrip("0")
    stripped = text.rstrip("0")
    if not isinstance(exponent, int) or not stripped:
        return b"d", b"0" if isinstance(exponent, int) else str(value).encode()
    return b"d", f"{'-' * sign}{stripped}e{exponent + len(text) - len(stripped)}".encode()


def _timestamp(value: datetime) -> tuple[bytes, bytes]:
    tag = b"T" if value.tzinfo is None else b"Z"
    naive = value if value.tzinfo is None else value.astimezone(UTC).replace(tzinfo=None)
    return tag, _integer((naive - _EPOCH) // _MICROSECOND)


def _integer(value: int) -> bytes:
    return b"%d" % value


_ENCODINGS: dict[type, Callable[[Any], tuple[bytes, bytes]]] = {
    type(None): lambda value: (b"0", b""),
    bool: lambda value: (b"b", b"1" if value else b"0"),
    int: lambda value: (b"i", _integer(value)),
    float: _double,
    Decimal: _decimal,
    str: lambda value: (b"s", value.encode("utf-8", "surrogatepass")),
    datetime: _timestamp,
    date: lambda value: (b"D", _integer(value.toordinal())),
    Interval: lambda value: (b"V", b"%d %d" % (value.days, value.microseconds)),
    UUID: lambda value: (b"u", value.bytes),
    list: lambda value: (b"l", b"".join(map(_bytes, value))),
}
