"""ROLLUP in Spark: the row of the grand total is there where nothing is read too, as in DuckDB.

Spark groups what it has read once more for each level, and gives no row where it has read none. So a row is added to
what is read, which no aggregate counts, and whose groups other than the grand total are left out. Groups are made in a
query of their own, for in HAVING and ORDER BY Spark does not know keys that were renamed:

    SELECT a, sum(b) FROM t WHERE c GROUP BY ROLLUP (a) HAVING d

    SELECT g.k, g.s FROM (
        SELECT r.a AS k, GROUPING(r.a) AS o, sum(r.b) FILTER (WHERE r.there) AS s, count(*) FILTER (WHERE r.there) AS n
        FROM (SELECT t.a, t.b, TRUE AS there FROM t WHERE c UNION ALL SELECT NULL, NULL, NULL) r GROUP BY ROLLUP (r.a)
    ) g WHERE (g.n > 0 OR g.o = 1) AND d
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from sqlglot import exp
from sqlglot.optimizer.scope import Scope

from gateway.plan.spark.kinds import Kind
from gateway.plan.spark.names import Names, is_order
from gateway.plan.spark.operands import KindOf, cast
from gateway.plan.spark.portability import refused

_READ: Final = "gateway_read"
_THERE: Final = "gateway_there"
"""A column of what is read: TRUE, and NULL in the row that is added."""
_GROUPS: Final = "gateway_groups"
_AFTER: Final = ("expressions", "having", "order")
"""What is computed over groups."""


def with_totals(names: Names) -> bool:
    """Have each block with ROLLUP give the rows of DuckDB; tell whether there is one. Raises ``NotPortable``."""
    found = [scope for scope in names.scopes.values() if _rollup(scope.expression) is not None]
    for scope in found:
        _with_total(scope.expression, scope, names)
    return bool(found)


def grouped(node: exp.Expr, kind: KindOf) -> Kind:
    """Tell whether a key is left out in a row."""
    node.replace(cast(node.copy(), "BIGINT"))
    return Kind.INTEGER


def _rollup(block: exp.Expr) -> exp.Rollup | None:
    group = block.args.get("group")
    return None if group is None else next((each for each in group.expressions if isinstance(each, exp.Rollup)), None)


def _with_total(block: exp.Expr, scope: Scope, names: Names) -> None:
    if any(part.find(exp.Query) is not None for part in _parts(block)):
        raise refused("it has a subquery in the SELECT list, HAVING or ORDER BY of a query with ROLLUP")
    rollup = _rollup(block)
    assert rollup is not None
    for column in [column for part in _parts(block) for column in part.find_all(exp.Column)]:
        if not column.table and not is_order(column):
            _qualify(column, block, scope, names)
    keys = list(rollup.expressions)
    if not all(key.table in scope.selected_sources for key in keys):
        raise refused("it has ROLLUP of something other than columns")
    groups, read = _Outputs(_GROUPS), _Outputs(_READ)
    total = groups.column(exp.Grouping(expressions=[keys[0].copy()]))
    there = groups.column(_present(exp.Count(this=exp.Star())))
    for node in [node for part in _parts(block) for node in _grouped_parts(part, scope)]:
        if isinstance(node, exp.Column | exp.Grouping) and (node.find(exp.Column) or node) not in keys:
            raise refused("it has a column beside the keys of ROLLUP")
        value = node.copy() if isinstance(node, exp.Column | exp.Grouping) else _present(node.copy())
        node.replace(groups.column(value))
    grouping = exp.Select(expressions=groups.expressions, group=exp.Group(expressions=[rollup.copy()]))
    for column in list(grouping.find_all(exp.Column)):
        if column.table in scope.selected_sources:
            column.replace(read.column(column.copy()))
    grouping.set("from_", exp.From(this=_read(block, read)))
    kept: exp.Expr = exp.Or(
        this=exp.GT(this=there, expression=_number(0)), expression=exp.EQ(this=total, expression=_number(1))
    )
    having = block.args.get("having")
    if having is not None:
        kept = exp.And(this=exp.paren(kept), expression=exp.paren(having.this.copy()))
    block.set("from_", exp.From(this=_below(grouping, _GROUPS)))
    block.set("where", exp.Where(this=kept))
    block.set("group", None)
    block.set("having", None)


class _Outputs:
    """What a subquery computes: each expression once, under a name of its own."""

    def __init__(self, table: str) -> None:
        self._table, self._names = table, dict[exp.Expr, str]()

    def column(self, expression: exp.Expr) -> exp.Column:
        """Return the column of what is computed there."""
        name = self._names.setdefault(expression, f"{self._table}_{len(self._names)}")
        return exp.column(name, table=self._table)

    @property
    def expressions(self) -> list[exp.Expr]:
        return [exp.alias_(expression, name) for expression, name in self._names.items()]


def _parts(block: exp.Expr) -> list[exp.Expr]:
    parts = [block.args.get(name) for name in _AFTER]
    return [each for part in parts for each in (part if isinstance(part, list) else [part]) if each is not None]


def _qualify(column: exp.Column, block: exp.Expr, scope: Scope, names: Names) -> None:
    """Say what a name in HAVING or within an expression of ORDER BY is: a column, or else an output."""
    having = [alias for alias, (_, source) in scope.selected_sources.items() if column.name.lower() in names.of(source)]
    outputs = [each.this for each in block.args["expressions"] if each.alias.lower() == column.name.lower()]
    if len(having) == 1:
        column.set("table", exp.to_identifier(having[0]))
    elif not having and len(outputs) == 1:
        column.replace(exp.paren(outputs[0].copy()))
    else:
        raise refused(f"it is not clear which column {column.name} is")


def _grouped_parts(node: exp.Expr, scope: Scope) -> Iterator[exp.Expr]:
    """Yield what a group gives to an expression: its keys, whether they are left out, and aggregates."""
    whole = node.this if isinstance(node, exp.Filter) else node
    if isinstance(whole, exp.AggFunc) and (isinstance(whole, exp.Grouping) or _aggregates(node)):
        yield node
    elif isinstance(node, exp.Column):
        if node.table in scope.selected_sources:
            yield node
    else:
        for child in list(node.iter_expressions()):
            yield from _grouped_parts(child, scope)


def _aggregates(node: exp.Expr) -> bool:
    """Return whether a call is over the rows of a group, and not over the rows of a window."""
    while isinstance(node.parent, exp.Filter) and node.arg_key == "this":
        node = node.parent
    return not (isinstance(node.parent, exp.Window) and node.arg_key == "this")


def _present(aggregate: exp.Expr) -> exp.Expr:
    """Have an aggregate pass over the row that is added."""
    there: exp.Expr = exp.column(_THERE, table=_READ)
    if isinstance(aggregate, exp.Filter):
        aggregate, condition = aggregate.this, aggregate.expression.this
        there = exp.And(this=there, expression=exp.paren(condition))
    return exp.Filter(this=aggregate, expression=exp.Where(this=there))


def _read(block: exp.Expr, read: _Outputs) -> exp.Expr:
    """Move what a block reads into a subquery, and add the row."""
    rows = exp.Select(expressions=[*read.expressions, exp.alias_(exp.true(), _THERE)])
    for part in ("from_", "joins", "where"):
        rows.set(part, block.args.get(part))
        block.set(part, None)
    none = exp.Select(expressions=[exp.alias_(exp.null(), output.alias) for output in rows.expressions])
    return _below(exp.Union(this=rows, expression=none, distinct=False), _READ)


def _below(query: exp.Expr, alias: str) -> exp.Expr:
    return exp.Subquery(this=query, alias=exp.TableAlias(this=exp.to_identifier(alias)))


def _number(value: int) -> exp.Expr:
    return exp.Literal.number(value)
