"""ASOF joins that DuckDB 1.5.5 answers wrongly where values are NULL; see ``docs/engine-results.md``.

With an equality beside its inequality, such a join matches a row of its left side whose compared value is NULL as if
that were the last of all values. A condition that keeps NULL out makes it right, wherever it stands in the ON. And IS
NOT DISTINCT FROM is taken for an equality.
"""

from __future__ import annotations

from collections.abc import Iterator

from sqlglot import exp

from gateway.errors import Rule
from gateway.query.lexer import SqlError
from gateway.query.sql import position_of

_UNEQUAL = (exp.GTE, exp.GT, exp.LTE, exp.LT)
_MESSAGE = "the engine matches rows of an ASOF JOIN whose compared value is NULL as if it were the last"


def unguarded_asof_joins(tree: exp.Expr) -> Iterator[SqlError]:
    """Find ASOF joins by an equality and an inequality that do not keep NULL out of what they compare."""
    for join in tree.find_all(exp.Join):
        if str(join.args.get("method") or "").upper() != "ASOF":
            continue
        if len(join.args.get("using") or ()) > 1:
            hint = "write ON in place of USING, and add IS NOT NULL for the compared column of the left side"
            yield SqlError(position_of(join), _MESSAGE, hint, Rule.ASOF_JOIN)
        elif join.args.get("on") is not None:
            yield from _unguarded(join)


def _unguarded(join: exp.Join) -> Iterator[SqlError]:
    conditions = [each.unnest() for each in _conjuncts(join.args["on"])]
    if not any(isinstance(each, (exp.EQ, exp.NullSafeEQ)) for each in conditions):
        return
    guarded = [each.this.this for each in conditions if _is_not_null(each)]
    for each in conditions:
        missing = [side for side in _compared(each, join.alias_or_name) if side not in guarded]
        if missing:
            guards = [f"{side.sql(dialect='duckdb')} IS NOT NULL" for side in missing]
            yield SqlError(position_of(each), _MESSAGE, f"add to its ON: {' AND '.join(guards)}", Rule.ASOF_JOIN)
        elif isinstance(each, exp.NullSafeEQ):
            message = "the engine takes IS NOT DISTINCT FROM for = in an ASOF JOIN"
            yield SqlError(position_of(each), message, "write =, or coalesce both sides", Rule.ASOF_JOIN)


def _conjuncts(condition: exp.Expr) -> Iterator[exp.Expr]:
    yield from condition.flatten() if isinstance(condition, exp.And) else (condition,)


def _compared(condition: exp.Expr, right: str) -> list[exp.Expr]:
    """Return what must not be NULL in an inequality: its left side's part, and both parts where that is not certain."""
    if not isinstance(condition, _UNEQUAL):
        return []
    sides = [condition.this.unnest(), condition.expression.unnest()]
    return [side for side in sides if not _is_of(side, right)]


def _is_of(side: exp.Expr, table: str) -> bool:
    columns = [*side.find_all(exp.Column)]
    return bool(columns) and all(column.table.lower() == table.lower() for column in columns)


def _is_not_null(condition: exp.Expr) -> bool:
    return (
        isinstance(condition, exp.Not)
        and isinstance(condition.this, exp.Is)
        and isinstance(condition.this.expression, exp.Null)
    )
