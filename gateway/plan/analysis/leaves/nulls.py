"""``IS [NOT] NULL | TRUE | FALSE`` and ``IS [NOT] DISTINCT FROM``."""

from __future__ import annotations

from collections.abc import Sequence

from sqlglot import exp

from gateway.plan.analysis.leaves.compiler import Compiler, column_of
from gateway.plan.analysis.terms import Opaque
from gateway.plan.analysis.types import NULL
from gateway.predicate import FALSE, TRUE, Condition, NullCheck, Operator, Predicate, Term, all_of, any_of


def null_check(compiler: Compiler, node: exp.Expr, negated: bool) -> Predicate | None:
    """``IS [NOT] NULL``, and ``IS [NOT] TRUE | FALSE``."""
    if not isinstance(node, exp.Is):
        return None
    if isinstance(node.expression, exp.Boolean):
        return _is_boolean(compiler, node.this, bool(node.expression.this), negated)
    if not isinstance(node.expression, exp.Null):
        return None
    found = compiler.term(node.this)
    if isinstance(found, Opaque):
        return compiler.unused(found.reason)
    if negated:
        return NullCheck(column_of(found), negated=True)
    # year('infinity') is NULL though its argument is not, so only a bare column tells.
    return NullCheck(found) if not found.functions else compiler.unused("IS NULL of a function")


def _is_boolean(compiler: Compiler, tested: exp.Expr, value: bool, negated: bool) -> Predicate:
    if not negated:
        return compiler.compile(tested, negated=not value)
    found = compiler.term(tested)
    if isinstance(found, Opaque) or found.functions or found.type != "BOOLEAN":
        return compiler.unused("IS NOT of a condition")
    return any_of(compiler.compile(tested, negated=value), NullCheck(found))


def distinct_from(compiler: Compiler, node: exp.Expr, negated: bool) -> Predicate | None:
    """``IS [NOT] DISTINCT FROM constant``."""
    if not isinstance(node, exp.NullSafeEQ | exp.NullSafeNEQ):
        return None
    left, right = node.this.unnest(), node.expression.unnest()
    if compiler.constants.kind(left) is not None:
        left, right = right, left
    found = compiler.term(left)
    kinds = compiler.kinds([right])
    if isinstance(found, Opaque) or kinds is None:
        return compiler.unused(found.reason if isinstance(found, Opaque) else "compared with no constant")
    if found.functions:
        return compiler.unused("IS DISTINCT FROM of a function")
    same = isinstance(node, exp.NullSafeEQ) != negated
    return null_safe(compiler, found, right, kinds, same)


def null_safe(compiler: Compiler, found: Term, constant: exp.Expr, kinds: Sequence[str], same: bool) -> Predicate:
    missing, present = presence(compiler, constant)
    if same:
        equal = compiler.comparison(found, Operator.EQ, constant, kinds)
        return any_of(equal, all_of(missing, NullCheck(found)))
    differs = compiler.comparison(found, Operator.NE, constant, kinds)
    return any_of(differs, all_of(present, NullCheck(found)), all_of(missing, NullCheck(found, negated=True)))


def presence(compiler: Compiler, constant: exp.Expr) -> tuple[Predicate, Predicate]:
    """Return when a constant is NULL, and when it is not."""
    constants = compiler.constants
    if constants.kind(constant) == NULL:
        return TRUE, FALSE
    if isinstance(constant.unnest(), exp.Literal):
        return FALSE, TRUE
    test = exp.Is(this=exp.Paren(this=constant.copy()), expression=exp.Null())
    missing, present = constants.condition(test), constants.condition(test, negated=True)
    return Condition(missing) if missing is not None else TRUE, Condition(present) if present is not None else TRUE
