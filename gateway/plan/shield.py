"""Columns that the engine reads without its own use of their statistics, where that use gives wrong answers.

DuckDB 1.5.5 evaluates some filters on a column of a Parquet file by statistics and Bloom filters that do not allow it;
docs/engine-results.md lists them. An expression around the column keeps such a filter above the scan, where it is
evaluated row by row.
"""

from __future__ import annotations

from sqlglot import exp

from gateway.catalog.transforms.keys import KeyKind, key_type

OPTIONS = "can_have_nan = true"
"""The option of ``read_parquet`` for what is nested, whose fields cannot be wrapped: bounds of floats leave NaN out."""


def shielded(name: str, type_: str, *, whole: bool) -> str:
    """Write the column *name* of a file, an SQL identifier, of the declared *type_*, so that its filters are right.

    Floats are always wrapped: their statistics leave out NaN, and Bloom filters take the two zeros for two values.
    *whole* wraps every column, see ``needs_whole``. ``TRY`` returns its argument; the optimiser does not look into it.

    >>> shielded('"price"', "DOUBLE", whole=False)
    'TRY("price")'
    """
    return f"TRY({name})" if whole or _is_float(type_) else name


def needs_whole(tree: exp.Expr) -> bool:
    """Return whether a statement may hold a disjunction with IS DISTINCT FROM.

    Of ``c IS DISTINCT FROM 1 OR c < 0`` the engine makes one filter of the scan, by which row groups that hold nothing
    but NULL are passed over.
    """
    distinct = next(tree.find_all(exp.NullSafeNEQ, exp.NullSafeEQ), None) is not None
    return distinct and (tree.find(exp.Or) is not None or tree.find(exp.Not) is not None)


def _is_float(type_: str) -> bool:
    known = key_type(type_)
    return known is not None and known.kind is KeyKind.DOUBLE
