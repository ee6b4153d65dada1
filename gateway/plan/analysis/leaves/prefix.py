"""``column LIKE 'prefix%'``, ``starts_with(column, prefix)``, ``column ^@ prefix``."""

from __future__ import annotations

from sqlglot import exp

from gateway.plan.analysis.constants import LikePrefix, Literal, ParameterValue
from gateway.plan.analysis.leaves.compiler import Compiler
from gateway.plan.analysis.terms import Opaque
from gateway.plan.analysis.types import STRING
from gateway.predicate import TRUE, Comparison, Operator, Predicate, StartsWith, Term


def prefix(compiler: Compiler, node: exp.Expr, negated: bool) -> Predicate | None:
    """``column LIKE 'prefix%'``, ``starts_with(column, prefix)``, ``column ^@ prefix``."""
    escape = None
    if isinstance(node, exp.Escape):
        node, escape = node.this, node.expression
    if not isinstance(node, exp.Like | exp.StartsWith):
        return None
    if node.args.get("negate"):
        negated = not negated
    found = compiler.term(node.this)
    if isinstance(found, Opaque):
        return compiler.unused(found.reason)
    if found.type != "VARCHAR" or found.functions:
        return compiler.unused("prefix of a function")
    if compiler.constants.kind(node.expression) not in (STRING, "VARCHAR"):
        return compiler.unused("compared with no constant")
    if isinstance(node, exp.StartsWith):
        slot = compiler.constants.slot(node.expression, "VARCHAR")
        return TRUE if slot is None else StartsWith(found, slot, negated)
    return _like(compiler, found, node.expression.unnest(), escape, negated)


def _like(compiler: Compiler, found: Term, pattern: exp.Expr, escape: exp.Expr | None, negated: bool) -> Predicate:
    if not isinstance(pattern, exp.Literal):
        constant = compiler.constants.constant(pattern, "VARCHAR")
        if negated or escape is not None or not isinstance(constant, ParameterValue):
            return compiler.unused("pattern not constant")
        return StartsWith(found, compiler.constants.add(LikePrefix(constant)))
    text = like_prefix(pattern.name, escape.name if escape is not None else "")
    if text == pattern.name:
        operator = Operator.NE if negated else Operator.EQ
        return Comparison(found, operator, compiler.constants.add(Literal(text, "VARCHAR")))
    if not text or (negated and pattern.name != text + "%"):
        return compiler.unused("pattern without a prefix")
    return StartsWith(found, compiler.constants.add(Literal(text, "VARCHAR")), negated)


def like_prefix(pattern: str, escape: str = "") -> str:
    """Return the text before the first wildcard or escape of a LIKE pattern.

    >>> like_prefix("ab%c_")
    'ab'
    """
    return next((pattern[:at] for at, sign in enumerate(pattern) if sign in "%_" or sign == escape), pattern)
