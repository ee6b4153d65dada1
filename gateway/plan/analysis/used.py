"""The names that a statement uses. A column whose name is not among them does not affect the answer."""

from __future__ import annotations

from sqlglot import exp

_BY_PLACE = (exp.Columns, exp.PositionalColumn, exp.Pivot)
"""Syntax that takes columns without their names."""


def used_names(tree: exp.Expr) -> frozenset[str] | None:
    """Return every name in a statement, in lower case; None where it takes columns of tables without their names.

    >>> import sqlglot
    >>> sorted(used_names(sqlglot.parse_one("SELECT count(*) FROM t WHERE A = 1")))
    ['a', 't']
    >>> used_names(sqlglot.parse_one("SELECT * FROM t"))
    """
    if any(_takes_all(node) for node in tree.walk()) or _whole_rows(tree):
        return None
    return frozenset(name.name.lower() for name in tree.find_all(exp.Identifier))


def _takes_all(node: exp.Expr) -> bool:
    if isinstance(node, exp.Star):
        return not isinstance(node.parent, exp.Count)
    if isinstance(node, exp.Join):
        return bool(node.args.get("method")) and node.args["method"].upper() == "NATURAL"
    if isinstance(node, exp.TableAlias):
        return bool(node.columns) and not _names_a_query(node.parent)
    return isinstance(node, _BY_PLACE)


def _names_a_query(node: exp.Expr | None) -> bool:
    """Return whether what an alias stands for has only columns that a SELECT lists."""
    return isinstance(node, exp.CTE | exp.Subquery) and isinstance(node.this, exp.Query)


def _whole_rows(tree: exp.Expr) -> bool:
    """Return whether the name of a table stands where a column does: it is a struct of all of its columns."""
    sources = {node.alias_or_name.lower() for node in tree.find_all(exp.Table, exp.Subquery, exp.CTE)}
    return any(not column.table and column.name.lower() in sources for column in tree.find_all(exp.Column))
