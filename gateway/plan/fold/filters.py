"""The conditions that WHERE joins by AND: which rows they leave out, and whether that can be known of a partition."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from sqlglot import exp

from gateway.plan.fold.block import Block
from gateway.plan.fold.parts import Filter, Refused, parsed

_STRICT: Final = (
    *(exp.And, exp.Or, exp.Not, exp.Paren, exp.EQ, exp.NEQ, exp.LT, exp.LTE, exp.GT, exp.GTE, exp.Between),
    *(exp.Cast, exp.TimestampTrunc, exp.DateTrunc),
)
"""What is NULL only where a part of it is, whatever the columns in it are."""
_VALUES: Final = (exp.Literal, exp.Parameter, exp.Placeholder)
_SPELLING: Final = (exp.DataType, exp.Var, exp.Identifier)


def filters(block: Block) -> Iterator[Filter]:
    """Walk the conditions of WHERE; they are one where their text is not understood."""
    where, text = block.tree.args.get("where"), block.text
    if where is None:
        return
    texts = [span.of(text.parsed) for span in block.clauses.conditions()]
    nodes = list(_operands(where.this))
    if len(nodes) != len(texts) or any(_parsed(sql) != node for sql, node in zip(texts, nodes, strict=False)):
        yield Filter(sql=text.readable(f"({' AND '.join(texts)})"), fails=None, parameters=frozenset())
        return
    for sql, node in zip(texts, nodes, strict=True):
        yield _filter(block, sql, node)


def _filter(block: Block, sql: str, node: exp.Expr) -> Filter:
    text = block.text
    parts = _parts(node) if _is_of_fact(block, node) else None
    fails = None
    if parts is not None:
        missing = [f"({part}) IS NULL" for part in dict.fromkeys(part.sql("duckdb", comments=False) for part in parts)]
        fails = text.readable(f"SELECT 1 {block.fact} WHERE {' OR '.join([f'NOT ({sql})', *missing])}")
    parameters = frozenset(parameter.name for parameter in node.find_all(exp.Parameter, exp.Placeholder))
    return Filter(
        sql=text.readable(sql),
        fails=fails,
        parameters=frozenset(name for name in parameters if text.clock(name) is None),
    )


def _is_of_fact(block: Block, node: exp.Expr) -> bool:
    """Return whether a condition is one on each row of the fact alone."""
    return node.find(exp.Query) is None and all(map(block.joined.is_of_fact, node.find_all(exp.Column)))


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
