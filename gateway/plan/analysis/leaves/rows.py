"""Rows compared as values: ``(a, b) = (1, 2)``, ``(a, b) > (1, 2)``."""

from __future__ import annotations

from sqlglot import exp

from gateway.plan.analysis.facts import MIRRORED
from gateway.plan.analysis.leaves.compiler import Compiler
from gateway.plan.analysis.leaves.nulls import null_safe, presence
from gateway.plan.analysis.terms import Opaque
from gateway.plan.analysis.types import INTEGERS, NULL, STRING
from gateway.predicate import NullCheck, Operator, Predicate, all_of, any_of


def same_row(compiler: Compiler, left: exp.Expr, right: exp.Expr) -> Predicate:
    """``(a, b) = (1, 2)``: rows compare NULLs as equal, and no member is converted but between integers."""
    if not isinstance(left, exp.Tuple) or not isinstance(right, exp.Tuple):
        return compiler.unused("row value")
    parts = [_row_part(compiler, a, b) for a, b in zip(left.expressions, right.expressions, strict=False)]
    return all_of(*parts)


def ordered_row(compiler: Compiler, left: exp.Expr, operator: Operator, right: exp.Expr) -> Predicate:
    """``(a, b) > (1, 2)``, a keyset: *a* is at least 1, or NULL, which is the greatest; below a NULL all values are."""
    if not isinstance(left, exp.Tuple) or not isinstance(right, exp.Tuple):
        return compiler.unused("row value")
    column, constant = left.expressions[0], right.expressions[0]
    if compiler.constants.kind(column) is not None:
        column, constant, operator = constant, column, MIRRORED[operator]
    found, kind = compiler.term(column), compiler.constants.kind(constant)
    if isinstance(found, Opaque) or found.functions or kind in (None, NULL) or not _is_alike(found.type, str(kind)):
        return compiler.unused("row value")
    bound = Operator.GE if operator in (Operator.GT, Operator.GE) else Operator.LE
    compared = compiler.comparison(found, bound, constant, [str(kind)])
    return any_of(compared, NullCheck(found) if bound is Operator.GE else presence(compiler, constant)[0])


def _is_alike(column: str, kind: str) -> bool:
    """Return whether a constant is of the type of a column, or both are integers."""
    return column == kind or (kind == STRING and column == "VARCHAR") or (kind in INTEGERS and column in INTEGERS)


def _row_part(compiler: Compiler, column: exp.Expr, constant: exp.Expr) -> Predicate:
    found = compiler.term(column)
    kind = compiler.constants.kind(constant)
    if isinstance(found, Opaque) or kind is None:
        return compiler.unused("row value")
    if not _is_alike(found.type, kind):
        return compiler.unused("type")
    if found.functions:
        missing, _ = presence(compiler, constant)
        return any_of(compiler.comparison(found, Operator.EQ, constant, [kind]), missing)
    return null_safe(compiler, found, constant, [kind], same=True)
