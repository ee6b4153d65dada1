"""``column BETWEEN constant AND constant``."""

from __future__ import annotations

from sqlglot import exp

from gateway.plan.analysis.leaves.compiler import Compiler
from gateway.plan.analysis.terms import Opaque
from gateway.predicate import Operator, Predicate, Term, all_of, any_of


def between(compiler: Compiler, node: exp.Expr, negated: bool) -> Predicate | None:
    """``a BETWEEN b AND c``: all three operands are brought to one type before they are compared."""
    if not isinstance(node, exp.Between):
        return None
    if node.args.get("symmetric"):
        return compiler.unused("BETWEEN SYMMETRIC")
    middle, low, high = node.this, node.args["low"], node.args["high"]
    if compiler.constants.kind(middle) is not None:
        return _between_columns(compiler, node, negated)
    found = compiler.term(middle)
    if isinstance(found, Opaque):
        return compiler.unused(found.reason)
    kinds = compiler.kinds([low, high])
    if kinds is None:
        return compiler.unused("compared with no constant")
    lower, upper = (Operator.LT, Operator.GT) if negated else (Operator.GE, Operator.LE)
    joined = any_of if negated else all_of
    return joined(compiler.comparison(found, lower, low, kinds), compiler.comparison(found, upper, high, kinds))


def _between_columns(compiler: Compiler, node: exp.Between, negated: bool) -> Predicate:
    """``constant BETWEEN column AND column``."""
    constant, bounds = node.this, (node.args["low"], node.args["high"])
    found = [compiler.term(bound) for bound in bounds]
    terms = [operand for operand in found if isinstance(operand, Term)]
    kind = compiler.constants.kind(constant)
    if negated or kind is None or len(terms) != 2 or terms[0].type != terms[1].type:
        return compiler.unused("BETWEEN columns")
    return all_of(
        compiler.comparison(terms[0], Operator.LE, constant, [kind]),
        compiler.comparison(terms[1], Operator.GE, constant, [kind]),
    )
