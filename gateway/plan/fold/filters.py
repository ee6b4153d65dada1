"""The conditions that WHERE joins by AND: which rows they leave out, and whether that can be known of a partition."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from sqlglot import exp

from gateway.plan.analysis.sources import Source
from gateway.plan.analysis.text import Text
from gateway.plan.fold.clauses import Clauses
from gateway.plan.fold.joined import Joined
from gateway.plan.fold.parts import Filter, Refused, parsed
from gateway.plan.fold.tokens import Span

_STRICT: Final = (
    *(exp.And, exp.Or, exp.Not, exp.Paren, exp.EQ, exp.NEQ, exp.LT, exp.LTE, exp.GT, exp.GTE, exp.Between),
    *(exp.Cast, exp.TimestampTrunc, exp.DateTrunc),
)
"""What is NULL only where a part of it is, whatever the columns in it are."""
_VALUES: Final = (exp.Literal, exp.Parameter, exp.Placeholder)
_SPELLING: Final = (exp.DataType, exp.Var, exp.Identifier)


def filters(text: Text, clauses: Clauses, joined: Joined) -> Iterator[tuple[Span, Filter]]:
    """Walk the conditions of WHERE with their texts; they are one where their text is not understood."""
    where = joined.block.node.args.get("where")
    if where is None:
        return
    spans, nodes = clauses.conditions(), list(_operands(where.this))
    texts = [span.of(text.parsed) for span in spans]
    if len(nodes) != len(texts) or any(_parsed(sql) != node for sql, node in zip(texts, nodes, strict=False)):
        every = Span(spans[0].start, spans[-1].end)
        yield every, Filter(sql=text.readable(f"({every.of(text.parsed)})"), fails=None, parameters=frozenset())
        return
    for span, sql, node in zip(spans, texts, nodes, strict=True):
        yield span, _filter(text, joined, sql, node)


def _filter(text: Text, joined: Joined, sql: str, node: exp.Expr) -> Filter:
    alone = _alone(joined, node)
    parts = _parts(node) if alone is not None else None
    fails = None
    if parts is not None and alone is not None:
        missing = [f"({part}) IS NULL" for part in dict.fromkeys(part.sql("duckdb", comments=False) for part in parts)]
        fails = text.readable(
            f"SELECT 1 FROM {joined.table_sql(alone)} WHERE {' OR '.join([f'NOT ({sql})', *missing])}"
        )
    parameters = frozenset(parameter.name for parameter in node.find_all(exp.Parameter, exp.Placeholder))
    return Filter(
        sql=text.readable(sql),
        fails=fails,
        parameters=frozenset(name for name in parameters if text.clock(name) is None),
        scan=None if alone is None else alone.scan,
    )


def _alone(joined: Joined, node: exp.Expr) -> Source | None:
    """Return the table of which each row by itself decides a condition; None where several do, or none may.

    It is the fact, or another table of which every row that the joins make has one.
    """
    if node.find(exp.Query) is not None:
        return None
    owners = {id(owner): owner for owner in map(joined.owner, node.find_all(exp.Column))}
    if not owners:
        return joined.source
    (first, *others) = owners.values()
    if others or first is None or first.scan is None:
        return None
    return first if first.scan == joined.fact or first.certain else None


def _parts(node: exp.Expr) -> list[exp.Expr] | None:
    """List what a condition is NULL without, but for single parameters; None where that is not known."""
    if isinstance(node, _VALUES):
        return []
    if isinstance(node, exp.Column) or not node.find(exp.Column):
        return [node]
    children = [child for child in node.iter_expressions() if not isinstance(child, _SPELLING)]
    if isinstance(node, exp.In):
        return (
            _parts(node.this)
            if all(isinstance(child, _VALUES) for child in children if child is not node.this)
            else None
        )
    if not isinstance(node, _STRICT) or isinstance(node, exp.TryCast):
        return None
    found = [_parts(child) for child in children]
    return None if None in found else [part for parts in found if parts is not None for part in parts]


def _operands(node: exp.Expr) -> Iterator[exp.Expr]:
    """Walk the operands of the ANDs that stand in no parentheses."""
    if isinstance(node, exp.And):
        yield from _operands(node.left)
        yield from _operands(node.right)
    else:
        yield node


def _parsed(sql: str) -> exp.Expr | None:
    try:
        return parsed(sql)
    except Refused:
        return None
