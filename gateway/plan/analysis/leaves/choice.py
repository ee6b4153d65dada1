"""``CASE WHEN … THEN … END`` and ``if(…)`` as a condition, where parameters choose the branch."""

from __future__ import annotations

from sqlglot import exp

from gateway.plan.analysis.deterministic import is_constant
from gateway.plan.analysis.leaves.compiler import Compiler
from gateway.predicate import FALSE, TRUE, Condition, Predicate, all_of, any_of


def choice(compiler: Compiler, node: exp.Expr, negated: bool) -> Predicate | None:
    """``CASE WHEN $all THEN TRUE ELSE column = $c END``: some branch is reached, and its result is TRUE."""
    if isinstance(node, exp.If):
        branches, default = [node], node.args.get("false")
    elif isinstance(node, exp.Case) and node.this is None:
        branches, default = node.args["ifs"], node.args.get("default")
    else:
        return None
    if not all(is_constant(branch.this) for branch in branches):
        return None
    found: list[Predicate] = []
    before: list[Predicate] = []
    for branch in branches:
        found.append(all_of(*before, compiler.compile(branch.this), compiler.compile(branch.args["true"], negated)))
        before.append(_passed_over(compiler, branch.this))
    last = FALSE if default is None else compiler.compile(default, negated)
    return any_of(*found, all_of(*before, last))


def _passed_over(compiler: Compiler, condition: exp.Expr) -> Predicate:
    """Return where a condition is FALSE or NULL."""
    slot = compiler.constants.condition(exp.Is(this=exp.paren(condition, copy=True), expression=exp.true()), True)
    return TRUE if slot is None else Condition(slot)
