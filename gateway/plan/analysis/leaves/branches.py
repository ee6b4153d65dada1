"""``CASE`` over several columns, as a condition or compared: a branch is reached, and what it gives holds."""

from __future__ import annotations

from sqlglot import exp

from gateway.plan.analysis.leaves.comparison import OPERATORS
from gateway.plan.analysis.leaves.compiler import Compiler
from gateway.predicate import FALSE, Predicate, all_of, any_of

_MOST = 8
"""Branches that are read; of one column alone the engine reads any number (``refuted``)."""


def branches(compiler: Compiler, node: exp.Expr, negated: bool) -> Predicate | None:
    """``CASE country WHEN 'US' THEN d >= … ELSE d < … END``, ``d >= CASE WHEN country = 'US' THEN … ELSE … END``."""
    case = next((part.unnest() for part in (node, *_sides(node)) if isinstance(part.unnest(), exp.Case)), None)
    if not isinstance(case, exp.Case) or len({column.sql() for column in node.find_all(exp.Column)}) < 2:
        return None
    taken = [branch.args["true"] for branch in case.args["ifs"]]
    default = case.args.get("default")
    results = [*taken, *([] if default is None else [default])]
    if len(taken) > _MOST or (case is not node and not _is_of_one_kind(compiler, results)):
        return None
    found: list[Predicate] = []
    before: list[Predicate] = []
    for branch in case.args["ifs"]:
        condition = _condition(case, branch)
        given = compiler.compile(_with(node, case, branch.args["true"]), negated)
        found.append(all_of(*before, compiler.compile(condition), given))
        before.append(compiler.compile(exp.Is(this=exp.paren(condition, copy=True), expression=exp.true()), True))
    last = FALSE if default is None else compiler.compile(_with(node, case, default), negated)
    return any_of(*found, all_of(*before, last))


def _sides(node: exp.Expr) -> list[exp.Expr]:
    is_compared = type(node) in OPERATORS and not isinstance(node.args.get("expression"), exp.Any)
    return [node.args["this"], node.args["expression"]] if is_compared else []


def _is_of_one_kind(compiler: Compiler, results: list[exp.Expr]) -> bool:
    """Return whether all results are constants of one type, so that no other is made of them."""
    kinds = {compiler.constants.kind(result) for result in results}
    return len(kinds) == 1 and None not in kinds


def _condition(case: exp.Case, branch: exp.Expr) -> exp.Expr:
    """Write the condition of a branch: that of ``CASE x WHEN y`` is ``x = y``."""
    condition: exp.Expr = branch.this
    if case.this is None:
        return condition
    return exp.EQ(this=exp.paren(case.this, copy=True), expression=exp.paren(condition, copy=True))


def _with(node: exp.Expr, case: exp.Case, result: exp.Expr) -> exp.Expr:
    """Return the condition with a result in the place of the CASE."""
    if node is case:
        return result
    sides = [exp.paren(result if side.unnest() is case else side, copy=True) for side in _sides(node)]
    return type(node)(this=sides[0], expression=sides[1])
