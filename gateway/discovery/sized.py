"""Finds the numbers in ``bucket[N]`` and ``truncate[W]`` that folders and values of sampled files allow."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from math import gcd, log2
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from gateway.catalog.transforms import Bucket, Identity, TransformError, Truncate, hashes
from gateway.catalog.transforms.keys import KeyKind, Values, key_type, keys
from gateway.discovery.evidence import Evidence
from gateway.discovery.foreign_hashes import HASHES, TYPES, Hash
from gateway.model import Column

_SURE = 24
"""Bits by which the values of a column must tell a bucketing from chance."""
_MOST_BUCKETS = 8_192
_HASHED = 2_000
"""Distinct values of a file that are hashed."""
_ENOUGH_MULTIPLES = 10
"""So many multiples of W, and none of them a multiple of a half or a third only, make no smaller width likely."""
Numbers = npt.NDArray[np.int64]
_Pair = tuple[Values, str]


def bucket(evidence: Evidence, level: str, texts: Sequence[str], column: Column) -> Bucket | None:
    """Return the one bucketing of a column that explains all folders of a level; None where there is none, or several.

    Raises ``StorageFailed``.
    """
    if not Bucket(2).accepts(column.type):
        return None
    count = _count(evidence, level, texts, column, hashes)
    return None if count is None else Bucket(count)


def foreign_bucket(evidence: Evidence, level: str, texts: Sequence[str]) -> str | None:
    """Say which column's hash, by another rule than Iceberg's, explains the folders of a level.

    Raises ``StorageFailed``.
    """
    for column in evidence.columns:
        for name, rule in HASHES.items() if column.type in TYPES else ():
            count = _count(evidence, level, texts, column, partial(_foreign, rule))
            if count is not None:
                return f"unknown: buckets by {name} of {column.name} modulo {count}, which no transform is; not used"
    return None


def _foreign(rule: Hash, values: Values, type_: str) -> Numbers:
    """Hash values by a rule for texts and integers. Raises ``TransformError`` for a file that stores others."""
    stored: Any = values.type
    if not (pa.types.is_string(stored) or pa.types.is_large_string(stored) or pa.types.is_integer(stored)):
        raise TransformError(f"{stored} is neither a text nor an integer")
    return np.array([rule(value, type_) for value in values.to_pylist()], dtype=np.int64)


def _count(
    evidence: Evidence,
    level: str,
    texts: Sequence[str],
    column: Column,
    hashed_by: Callable[[Values, str], Numbers],
) -> int | None:
    """Return the one number of buckets by which the hashes of all values give their folders."""
    if not texts or not all(re.fullmatch(r"\d{1,6}", text) for text in texts):
        return None
    least = max(2, max(map(int, texts)) + 1)
    if least > _MOST_BUCKETS:
        return None
    counts: Numbers = np.arange(least, max(64, 4 * least) + 1, dtype=np.int64)
    seen: set[tuple[int, int]] = set()
    for values, text in _pairs(evidence, level, column):
        distinct: Any = values.unique()
        if distinct.null_count:
            return None  # NULL has no bucket
        try:
            found = hashed_by(distinct.slice(0, _HASHED), column.type)
        except TransformError:
            return None
        for hashed in found.tolist():
            counts = counts[hashed % counts == int(text)]
            seen.add((int(text), hashed))
        if not len(counts):
            return None
    bits = len(seen) * log2(least) - log2(max(64, 4 * least))
    return int(counts[0]) if len(counts) == 1 and bits >= _SURE else None


def _pairs(evidence: Evidence, level: str, column: Column) -> Iterator[_Pair]:
    """Yield values of a column with the folder of their file: first bounds that are values, then rows."""
    bounded, others = [], []
    for sample, text in evidence.with_level(level):
        ends = evidence.ends(sample, column)
        if text is not None and ends.exact and ends.values is not None:
            bounded.append((sample, text))
            yield ends.values, text
        elif text is not None:
            others.append((sample, text))
    for sample, found in [*others, *evidence.few(bounded)]:
        values = evidence.values(sample, column)
        if values is not None and found is not None:
            yield values, found


def truncation(evidence: Evidence, level: str, texts: Sequence[str], column: Column) -> Truncate | None:
    """Return the one width by which a column is cut into the folders of a level; None where there is none, or several.

    Raises ``StorageFailed``.
    """
    kind = key_type(column.type)
    if kind is None or not texts or not Truncate(2).accepts(column.type):
        return None
    if kind.kind is KeyKind.VARCHAR:
        return _text_width(evidence, level, texts, column)
    return _number_width(evidence, level, texts, column)


def _text_width(evidence: Evidence, level: str, texts: Sequence[str], column: Column) -> Truncate | None:
    """A longer value tells the width: that of its folder."""
    width = max(map(len, texts))
    for values, text in _pairs(evidence, level, column):
        found = [str(value) for value in values.drop_null().unique().to_pylist()]
        if any(value[:width] != text for value in found):
            return None
        if any(len(value) > width for value in found):
            return Truncate(width) if width else None
    return None


def _number_width(evidence: Evidence, level: str, texts: Sequence[str], column: Column) -> Truncate | None:
    """The width divides every folder's number, and is more than any value is above the number of its folder."""
    folders = _keys(pa.array(texts, pa.string()), column.type)
    width = gcd(*folders.values())
    if not 1 < width < 10**9:
        return None
    above = 0
    for values, text in _pairs(evidence, level, column):
        offsets = [key - folders[text] for key in _value_keys(values, column.type)]
        if not offsets or min(offsets) < 0 or max(offsets) >= width:
            return None
        above = max(above, *offsets)
    largest = max((divisor for divisor in _divisors(width) if divisor < width), default=1)
    known = largest <= above or len({*folders.values()} - {0}) >= _ENOUGH_MULTIPLES
    return Truncate(width) if known and above else None


def _keys(texts: Any, type_: str) -> dict[str, int]:
    try:
        return dict(zip(texts.to_pylist(), _value_keys(Identity().decode(texts, type_), type_), strict=True))
    except TransformError:
        return {}


def _value_keys(values: Values, type_: str) -> list[int]:
    kind = key_type(type_)
    if kind is None or values.null_count:
        return []
    whole = values.combine_chunks() if isinstance(values, pa.ChunkedArray) else values
    try:
        return [int(key) for key in keys(whole.cast(kind.arrow), kind)]
    except pa.ArrowException:
        return []


def _divisors(number: int) -> Iterator[int]:
    """List the largest proper divisors: the number by its least prime factors."""
    for factor in range(2, min(number, 1_000) + 1):
        if number % factor == 0:
            yield number // factor
