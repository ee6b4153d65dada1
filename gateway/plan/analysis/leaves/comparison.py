"""``column = constant`` and the other five operators."""

from __future__ import annotations

from sqlglot import exp

from gateway.plan.analysis.facts import MIRRORED
from gateway.plan.analysis.leaves.compiler import Compiler
from gateway.plan.analysis.leaves.rows import fields, ordered_row, same_row
from gateway.plan.analysis.terms import Opaque
from gateway.predicate import Operator, Predicate

NEGATED = {
    Operator.EQ: Operator.NE,
    Operator.NE: Operator.EQ,
    Operator.LT: Operator.GE,
    Operator.LE: Operator.GT,
    Operator.GT: Operator.LE,
    Operator.GE: Operator.LT,
}
OPERATORS: dict[type[exp.Expr], Operator] = {
    exp.EQ: Operator.EQ,
    exp.NEQ: Operator.NE,
    exp.LT: Operator.LT,
    exp.LTE: Operator.LE,
    exp.GT: Operator.GT,
    exp.GTE: Operator.GE,
}


def comparison(compiler: Compiler, node: exp.Expr, negated: bool) -> Predicate | None:
    """``column = constant`` and the other five operators, either way round."""
    operator = OPERATORS.get(type(node))
    if operator is None or isinstance(node.expression.unnest(), exp.Any):
        return None
    left, right = fields(node.this.unnest(), node.expression.unnest())
    if isinstance(left, exp.Tuple) or isinstance(right, exp.Tuple):
        if negated or operator is Operator.NE:
            return compiler.unused("row value")
        return (
            same_row(compiler, left, right) if operator is Operator.EQ else ordered_row(compiler, left, operator, right)
        )
    if isinstance(right, exp.Boolean) and not isinstance(left, exp.Column) and operator in (Operator.EQ, Operator.NE):
        return compiler.compile(left, negated != (bool(right.this) != (operator is Operator.EQ)))
    operator = NEGATED[operator] if negated else operator
    if compiler.constants.kind(left) is not None:
        left, right, operator = right, left, MIRRORED[operator]
    found = compiler.term(left)
    if isinstance(found, Opaque):
        return compiler.unused(found.reason)
    kinds = compiler.kinds([right])
    if kinds is None:
        return compiler.unused("subquery" if right.find(exp.Query) else "compared with no constant")
    return compiler.comparison(found, operator, right, kinds)
