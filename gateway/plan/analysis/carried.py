"""What functions make of values, computed as it is for the ends of partitions."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import numpy as np

from gateway.catalog.transforms.keys import EPOCH, HIGHEST, LOWEST, KeyKind, KeyType, Ordinals, key_range, key_type
from gateway.model import Value
from gateway.plan.functions import carry
from gateway.predicate import Function

_FIRST = datetime(1970, 1, 1)
_FIRST_DAY, _LAST_DAY = -354_285, 2_932_531
"""The years 1000 to 9998."""
_MICROS = 86_400 * 10**6


def carried(
    values: Sequence[Value], kind: str, functions: Sequence[Function], step: int = 0
) -> list[tuple[Value, Value]] | None:
    """Return the least and the greatest value that supported functions may make of each of *values*.

    Or of the value *step* steps above it. The values are of type *kind*. None: of one of them it is not known.
    """
    source = key_type(kind)
    if kind != "VARCHAR" and any(isinstance(value, str) for value in values):
        return None  # of an infinite time
    ranges = [None if source is None else key_range(value, source) for value in values]
    numbers = [
        (lo, hi) for lo, hi in (found for found in ranges if found) if isinstance(lo, int) and isinstance(hi, int)
    ]
    if len(numbers) < len(values) or any(not LOWEST + 1 < end < HIGHEST for pair in numbers for end in pair):
        return None
    lo, hi = np.array(numbers, dtype=np.int64).reshape(-1, 2).T + step
    for function in functions:
        found = carry(function, kind, lo, hi)
        if found.texts is not None:
            pairs = list(zip(*found.texts, strict=True))
            return None if any(None in pair for pair in pairs) else [(low, high) for low, high in pairs]
        lo, hi, kind = found.lo, found.hi, function.returns
    target = key_type(kind)
    lows, highs = values_of(lo, target), values_of(hi, target)
    return None if lows is None or highs is None else list(zip(lows, highs, strict=True))


def values_of(ends: Ordinals, kind: KeyType | None) -> list[Value] | None:
    """Write order keys as values; None where Python has not got all of them."""
    if kind is None:
        return None
    match kind.kind:
        case KeyKind.DATE if bool(((ends >= _FIRST_DAY) & (ends <= _LAST_DAY)).all()):
            return [EPOCH + timedelta(days=key) for key in ends.tolist()]
        case KeyKind.TIMESTAMP | KeyKind.TIMESTAMPTZ if kind.per_second == 10**6:
            if not bool(((ends >= _FIRST_DAY * _MICROS) & (ends < (_LAST_DAY + 1) * _MICROS)).all()):
                return None
            zone = UTC if kind.kind is KeyKind.TIMESTAMPTZ else None
            return [(_FIRST + timedelta(microseconds=key)).replace(tzinfo=zone) for key in ends.tolist()]
        case KeyKind.INTEGER if bool(((ends > LOWEST) & (ends < HIGHEST)).all()):
            return list(ends.tolist())
        case _:
            return None
