"""Filters that a parameter may turn off: ``column = coalesce($c, column)``, ``$c IN (column, 'all')``."""

from __future__ import annotations

from collections.abc import Sequence

from sqlglot import exp

from gateway.plan.analysis.leaves.compiler import Compiler
from gateway.plan.analysis.terms import Opaque
from gateway.plan.analysis.types import INTEGERS, STRING
from gateway.predicate import TRUE, Condition, NullCheck, Operator, Predicate, Term, all_of, any_of


def or_itself(compiler: Compiler, node: exp.Expr, negated: bool) -> Predicate | None:
    """``column = coalesce($c, column)``: equal to the constant, or it is NULL and the column is not."""
    if negated or not isinstance(node, exp.EQ):
        return None
    left, right = node.this.unnest(), node.expression.unnest()
    column, given = (left, right) if isinstance(right, exp.Coalesce) else (right, left)
    if not isinstance(given, exp.Coalesce) or not isinstance(column, exp.Column):
        return None
    *constants, last = (given.this, *given.expressions)
    found, same, kinds = compiler.term(column), compiler.term(last), compiler.kinds(constants)
    if isinstance(found, Opaque) or found != same or kinds is None or not _alike([found.type], kinds):
        return None
    constant = constants[0] if len(constants) == 1 else exp.Coalesce(this=constants[0], expressions=constants[1:])
    kind = compiler.constants.kind(constant)
    slot = compiler.constants.condition(exp.Is(this=exp.paren(constant, copy=True), expression=exp.Null()))
    missing = TRUE if slot is None else Condition(slot)
    equal = TRUE if kind is None else compiler.comparison(found, Operator.EQ, constant, [kind])
    return any_of(equal, all_of(missing, NullCheck(found, negated=True)))


def or_false(compiler: Compiler, node: exp.Expr, negated: bool) -> Predicate | None:
    """``coalesce(condition, FALSE)``: the condition; not ``coalesce(condition, TRUE)``: its negation."""
    if not isinstance(node, exp.Coalesce) or len(node.expressions) != 1:
        return None
    last = node.expressions[0].unnest()
    is_decided = isinstance(last, exp.Boolean) and bool(last.this) == negated
    return compiler.compile(node.this, negated) if is_decided else None


def among_columns(compiler: Compiler, node: exp.Expr, negated: bool) -> Predicate | None:
    """``constant IN (column, constant, …)``: equal to one of them."""
    if negated or not isinstance(node, exp.In) or node.args.get("query") or node.args.get("field"):
        return None
    constants = [node.this, *(item for item in node.expressions if compiler.constants.kind(item) is not None)]
    found = [compiler.term(item) for item in node.expressions if compiler.constants.kind(item) is None]
    terms = [term for term in found if isinstance(term, Term)]
    kinds = compiler.kinds(constants)
    if not terms or len(terms) < len(found) or kinds is None or not _alike([term.type for term in terms], kinds):
        return None
    equal = [compiler.comparison(term, Operator.EQ, node.this, kinds) for term in terms]
    slots = [compiler.constants.condition(exp.EQ(this=node.this, expression=item)) for item in constants[1:]]
    return any_of(*equal, *(TRUE if slot is None else Condition(slot) for slot in slots))


def _alike(columns: Sequence[str], kinds: Sequence[str]) -> bool:
    """Return whether all are of one type, or all integers: no conversion makes two of them equal or unequal."""
    every = {"VARCHAR" if kind == STRING else kind for kind in (*columns, *kinds)}
    return len(every) == 1 or every <= set(INTEGERS)
