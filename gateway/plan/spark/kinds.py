"""Types as far as Spark has them: their names there, and the kinds in which both engines compute alike."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from typing import Final

from gateway.catalog.sql_type import SqlType


class Kind(StrEnum):
    """What values are; the names are for people."""

    BOOLEAN = "BOOLEAN"
    INTEGER = "an integer"
    DECIMAL = "DECIMAL"
    DOUBLE = "DOUBLE"
    TEXT = "VARCHAR"
    DATE = "DATE"
    TIMESTAMP = "TIMESTAMP"
    INSTANT = "TIMESTAMP WITH TIME ZONE"
    INTERVAL = "INTERVAL"
    NULL = "NULL"
    OTHER = "another type"


NUMBERS: Final = (Kind.INTEGER, Kind.DECIMAL, Kind.DOUBLE)
"""In the order in which they are converted to each other."""
TIMES: Final = (Kind.DATE, Kind.TIMESTAMP)
_TYPES: Final = {
    "BOOLEAN": (Kind.BOOLEAN, "BOOLEAN"),
    "TINYINT": (Kind.INTEGER, "TINYINT"),
    "SMALLINT": (Kind.INTEGER, "SMALLINT"),
    "INTEGER": (Kind.INTEGER, "INT"),
    "BIGINT": (Kind.INTEGER, "BIGINT"),
    "DOUBLE": (Kind.DOUBLE, "DOUBLE"),
    "VARCHAR": (Kind.TEXT, "STRING"),
    "DATE": (Kind.DATE, "DATE"),
    "TIMESTAMP": (Kind.TIMESTAMP, "TIMESTAMP_NTZ"),
    "TIMESTAMP WITH TIME ZONE": (Kind.INSTANT, "TIMESTAMP_LTZ"),
}


def spark_type(name: str) -> str | None:
    """Return what a type of DuckDB is called in Spark; None: it has none whose values are the same.

    >>> spark_type("DECIMAL(15, 2)"), spark_type("timestamp"), spark_type("FLOAT")
    ('DECIMAL(15,2)', 'TIMESTAMP_NTZ', None)
    """
    parsed = SqlType.parse(name)
    canonical = str(parsed)
    if parsed.name == "DECIMAL" and not canonical.endswith("[]"):
        return canonical
    found = _TYPES.get(canonical)
    return None if found is None else found[1]


def kind_of(name: str) -> Kind:
    """Return the kind of a type of DuckDB.

    >>> str(kind_of("BIGINT")), str(kind_of("DECIMAL(9,2)")), str(kind_of("UUID"))
    ('an integer', 'DECIMAL', 'another type')
    """
    parsed = SqlType.parse(name)
    canonical = str(parsed)
    if parsed.name == "DECIMAL" and not canonical.endswith("[]"):
        return Kind.DECIMAL
    if canonical == "HUGEINT":
        return Kind.INTEGER  # of sums; no column may have it
    found = _TYPES.get(canonical)
    return Kind.OTHER if found is None else found[0]


def together(kinds: Iterable[Kind]) -> Kind | None:
    """Return the kind to which values of these kinds are brought together, where both engines take the same.

    >>> together([Kind.INTEGER, Kind.NULL, Kind.DECIMAL]), together([Kind.TEXT, Kind.INTEGER])
    (<Kind.DECIMAL: 'DECIMAL'>, None)
    """
    found = {kind for kind in kinds if kind is not Kind.NULL}
    if Kind.OTHER in found or Kind.INTERVAL in found:
        return None
    if not found:
        return Kind.NULL
    if found <= set(NUMBERS):
        return max(found, key=NUMBERS.index)
    if found <= set(TIMES):
        return max(found, key=TIMES.index)
    return found.pop() if len(found) == 1 else None
