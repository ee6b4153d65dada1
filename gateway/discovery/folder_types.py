"""Types of columns that only folders hold, by their texts."""

from __future__ import annotations

import re
from collections.abc import Sequence

import pyarrow as pa

from gateway.catalog.transforms import Identity, TransformError
from gateway.catalog.transforms.keys import Array

_INTEGER = re.compile(r"0|-?[1-9]\d{0,18}")
_PADDED = re.compile(r"\d{1,9}")
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
_YEARS_TO_DAYS = (
    "y",
    "yr",
    "year",
    "q",
    "quarter",
    "m",
    "mo",
    "mon",
    "mm",
    "month",
    "w",
    "wk",
    "week",
    "d",
    "dd",
    "day",
)
_HOURS_TO_SECONDS = ("h", "hr", "hh", "hour", "mi", "min", "minute", "s", "sec", "second")
_NUMBERED = frozenset([*_YEARS_TO_DAYS, "dow", "doy", *_HOURS_TO_SECONDS])
"""Names of levels whose padded numbers are numbers: elsewhere ``007`` is a code."""


def folder_type(name: str, texts: Sequence[str]) -> str:
    """Choose the type of a level by its distinct texts (NULL left out).

    >>> folder_type("year", ["2023", "2024"]), folder_type("zip", ["01234"]), folder_type("month", ["01", "12"])
    ('INTEGER', 'VARCHAR', 'INTEGER')
    """
    if not texts:
        return "VARCHAR"
    if all(map(_INTEGER.fullmatch, texts)):
        return _integer(texts)
    if name.lower() in _NUMBERED and all(map(_PADDED.fullmatch, texts)):
        return "INTEGER" if len({int(text) for text in texts}) == len(texts) else "VARCHAR"
    if all(map(_DATE.fullmatch, texts)) and decodes("DATE", texts):
        return "DATE"
    return "BOOLEAN" if set(texts) <= {"true", "false"} else "VARCHAR"


def _integer(texts: Sequence[str]) -> str:
    most = max(abs(int(text)) for text in texts)
    return "INTEGER" if most < 2**31 else "BIGINT" if most < 2**63 else "VARCHAR"


def decodes(type_: str, texts: Sequence[str]) -> bool:
    """Return whether all *texts* are values of a type."""
    try:
        Identity().decode(_array(texts), type_)
    except TransformError:
        return False
    return True


def _array(texts: Sequence[str]) -> Array:
    return pa.array(texts, pa.string())
