"""A BOOLEAN column as a condition."""

from __future__ import annotations

from sqlglot import exp

from gateway.plan.analysis.constants import Literal
from gateway.plan.analysis.leaves.compiler import Compiler
from gateway.plan.analysis.terms import Opaque
from gateway.predicate import Comparison, Operator, Predicate


def boolean(compiler: Compiler, node: exp.Expr, negated: bool) -> Predicate | None:
    """A BOOLEAN column as a condition."""
    if not isinstance(node, exp.Column):
        return None
    found = compiler.term(node)
    if isinstance(found, Opaque) or found.type != "BOOLEAN":
        return compiler.unused(found.reason if isinstance(found, Opaque) else "type")
    return Comparison(found, Operator.EQ, compiler.constants.add(Literal(not negated, "BOOLEAN")))
