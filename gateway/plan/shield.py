"""Columns that the engine reads without its own use of their statistics, where that use gives wrong answers.

DuckDB 1.5.5 evaluates some filters on a column of a Parquet file by statistics and Bloom filters that do not allow it,
or in another type than that of the column; docs/engine-results.md lists them. An expression around the column keeps
such a filter above the scan, where it is evaluated row by row.
"""

from __future__ import annotations

from sqlglot import exp

from gateway.catalog.transforms.keys import KeyKind, key_type

OPTIONS = "can_have_nan = true"
"""The option of ``read_parquet`` for what is nested, whose fields cannot be wrapped: bounds of floats leave NaN out."""


def shielded(name: str, type_: str, *, whole: bool, floats: bool = True) -> str:
    """Write the column *name* of a file, an SQL identifier, of the declared *type_*, so that its filters are right.

    Floats are wrapped unless *floats* is False, see ``analysis.unshielded``: their statistics leave out NaN, and Bloom
    filters take the two zeros for two values. *whole* wraps every column, see ``needs_whole``. ``TRY`` returns its
    argument; the optimiser does not look into it.

    >>> shielded('"price"', "DOUBLE", whole=False)
    'TRY("price")'
    """
    return f"TRY({name})" if whole or (floats and _is_float(type_)) else name


def needs_whole(tree: exp.Expr) -> bool:
    """Return whether a statement may hold a disjunction with IS DISTINCT FROM.

    Of ``c IS DISTINCT FROM 1 OR c < 0`` the engine makes one filter of the scan, by which row groups that hold nothing
    but NULL are passed over.
    """
    distinct = next(tree.find_all(exp.NullSafeNEQ, exp.NullSafeEQ), None) is not None
    return distinct and (tree.find(exp.Or) is not None or tree.find(exp.Not) is not None)


def rounds_constants(stored: str, declared: str) -> bool:
    """Tell whether the engine compares a column that a file has *stored* in another type with a rounded constant.

    It casts the constant of a filter to the stored type: of ``n = 1.5``, on a DECIMAL that a file stores as INTEGER, it
    makes ``n = 2``.

    >>> rounds_constants("INTEGER", "DECIMAL(9,2)"), rounds_constants("DECIMAL(9,2)", "DECIMAL(18,2)")
    (True, False)
    """
    held, meant = key_type(stored), key_type(declared)
    return held is not None and meant is not None and meant.kind is KeyKind.DECIMAL and meant.scale > held.scale


def _is_float(type_: str) -> bool:
    known = key_type(type_)
    return known is not None and known.kind is KeyKind.DOUBLE
