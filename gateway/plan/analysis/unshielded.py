"""The columns of floats that a statement uses only where the engine's use of the statistics of files is right."""

from __future__ import annotations

from sqlglot import exp

_ORDERED = (exp.LT, exp.LTE, exp.GT, exp.GTE, exp.Between)
_ADDED = (exp.Sum, exp.Avg)
_CONDITION = (exp.And, exp.Or, exp.Paren)
_NO_CONSTANT = (exp.Column, exp.Query, exp.SubqueryPredicate)


def unshielded_names(tree: exp.Expr) -> frozenset[str]:
    """Return the names, in lower case, that stand nowhere but in comparisons by order with constants, sums and means.

    Of a comparison the engine makes a filter of the file. With ``plan.shield.OPTIONS`` that passes over no NaN, and
    Bloom filters, which know but one of the zeros, are asked about equality alone. Sums and means are never answered
    from statistics, as extremes are.

    >>> import sqlglot
    >>> sql = "SELECT sum(price), max(x) FROM t WHERE price >= $least AND x > 1 AND y = 0 AND NOT z < 2"
    >>> sorted(unshielded_names(sqlglot.parse_one(sql, read="duckdb")))
    ['price']
    """
    found: dict[str, bool] = {}
    for name in tree.find_all(exp.Identifier):
        column = name.parent
        right = isinstance(column, exp.Column) and column.this is name and _is_right(column)
        found[name.name.lower()] = found.get(name.name.lower(), True) and right
    return frozenset(name for name, right in found.items() if right)


def _is_right(column: exp.Column) -> bool:
    above = column.parent
    if isinstance(above, _ADDED):
        return True
    if not isinstance(above, _ORDERED):
        return False
    others = [part for part in above.args.values() if isinstance(part, exp.Expr) and part is not column]
    return not any(part.find(*_NO_CONSTANT) for part in others) and _filters(above)


def _filters(condition: exp.Expr) -> bool:
    """Return whether a condition is one of a WHERE, under nothing but AND and OR."""
    above = condition.parent
    while isinstance(above, _CONDITION):
        above = above.parent
    return isinstance(above, exp.Where) and isinstance(above.parent, exp.Select)
