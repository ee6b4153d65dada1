"""DuckDB's types as far as pruning needs them: canonical names, and the type in which a comparison is made."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

from gateway.catalog.sql_type import SqlType

STRING: Final = "a string literal"
"""Type of a string literal or VARCHAR parameter: it takes the type of what it is compared with."""
NULL: Final = "NULL"
TIMESTAMPTZ: Final = "TIMESTAMP WITH TIME ZONE"

INTEGERS: Final = (
    "TINYINT",
    "UTINYINT",
    "SMALLINT",
    "USMALLINT",
    "INTEGER",
    "UINTEGER",
    "BIGINT",
    "UBIGINT",
    "HUGEINT",
    "UHUGEINT",
)


@dataclass(frozen=True, slots=True)
class Resolved:
    """How a comparison is made: in ``type``, the column cast first where ``cast`` is set."""

    type: str
    cast: bool = False


def canonical(name: str) -> str:
    """Return the name of a type as DuckDB's DESCRIBE prints it.

    >>> canonical("decimal(15, 2)"), canonical("timestamptz"), canonical("text[]")
    ('DECIMAL(15,2)', 'TIMESTAMP WITH TIME ZONE', 'VARCHAR[]')
    """
    return str(SqlType.parse(name))


def decimal_scale(name: str) -> tuple[int, int] | None:
    """Return width and scale of a DECIMAL type.

    >>> decimal_scale("DECIMAL(15,2)")
    (15, 2)
    """
    found = SqlType.parse(name)
    return (found.width, found.scale) if found.name == "DECIMAL" else None


def resolve(column: str, constants: Iterable[str]) -> Resolved | None:
    """Find the type in which DuckDB compares a term of type *column* with constants of those types.

    All operands of BETWEEN and of IN are brought to one type together. None: the term would be converted in a way
    that may not keep its order, or a constant may lose digits; such a leaf is not used.
    """
    kinds = {kind for kind in constants if kind != NULL}
    if kinds <= {STRING, column}:
        return Resolved(column) if column in _COMPARABLE or decimal_scale(column) else None
    rule = _RULES.get("DECIMAL" if decimal_scale(column) else column)
    return rule(column, kinds) if rule else None


def _integers(column: str, kinds: set[str]) -> Resolved | None:
    if kinds <= {STRING, *INTEGERS}:
        return Resolved(column)
    if kinds <= {"DOUBLE", *INTEGERS}:
        return Resolved("DOUBLE", cast=True)
    return _decimals(column, kinds)


def _decimals(column: str, kinds: set[str]) -> Resolved | None:
    """Compare in the DECIMAL that holds all digits of both sides, the column cast to it if it has fewer decimals."""
    sizes = [_DIGITS.get(kind) or decimal_scale(kind) for kind in kinds | {column}]
    exact = [size for size in sizes if size is not None]
    if len(exact) < len(sizes):
        return None  # a string takes the common type, and wider integers are compared as DOUBLE
    scale = max(scale for _, scale in exact)
    width = max(width - scale for width, scale in exact) + scale
    own = decimal_scale(column)
    if width > 38:
        return None
    return Resolved(column) if own and own[1] == scale else Resolved(f"DECIMAL({width},{scale})", cast=True)


def _floats(column: str, kinds: set[str]) -> Resolved | None:
    if not all(kind in INTEGERS or kind in (STRING, "FLOAT", "DOUBLE") or decimal_scale(kind) for kind in kinds):
        return None
    return Resolved("DOUBLE", cast=True) if column == "FLOAT" and "DOUBLE" in kinds else Resolved(column)


def _dates(_: str, kinds: set[str]) -> Resolved | None:
    if kinds <= {STRING, "DATE"}:
        return Resolved("DATE")
    return Resolved("TIMESTAMP", cast=True) if _is_local(kinds) else None


def _timestamps(column: str, kinds: set[str]) -> Resolved | None:
    if not _is_local(kinds):
        return None
    return Resolved(column) if column == "TIMESTAMP" else Resolved("TIMESTAMP", cast=True)


def _instants(column: str, kinds: set[str]) -> Resolved | None:
    return Resolved(column) if kinds <= {STRING, "DATE", "TIMESTAMP", TIMESTAMPTZ} else None


def _is_local(kinds: set[str]) -> bool:
    """Return whether constants compare with a local time: instants do too, because the engine's time zone is UTC."""
    return kinds <= {STRING, "DATE", "TIMESTAMP"} or kinds <= {"DATE", "TIMESTAMP", TIMESTAMPTZ}


_DIGITS = {
    **dict.fromkeys(("TINYINT", "UTINYINT"), (3, 0)),
    **dict.fromkeys(("SMALLINT", "USMALLINT"), (5, 0)),
    **dict.fromkeys(("INTEGER", "UINTEGER"), (10, 0)),
    "BIGINT": (19, 0),
}
_RULES: dict[str, Callable[[str, set[str]], Resolved | None]] = {
    **dict.fromkeys(INTEGERS, _integers),
    "DECIMAL": _decimals,
    **dict.fromkeys(("DOUBLE", "FLOAT"), _floats),
    "DATE": _dates,
    **dict.fromkeys(("TIMESTAMP", "TIMESTAMP_S", "TIMESTAMP_MS"), _timestamps),
    TIMESTAMPTZ: _instants,
}
_COMPARABLE = {
    *INTEGERS,
    *("DOUBLE", "FLOAT", "DATE", "TIMESTAMP", "TIMESTAMP_S", "TIMESTAMP_MS", TIMESTAMPTZ, "VARCHAR", "BOOLEAN", "UUID"),
}
"""Types whose values Python holds and orders as DuckDB does (TIMESTAMP_NS, ENUM, BLOB, TIME and others are not)."""
