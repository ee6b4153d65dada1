"""Rows compared as values: ``(a, b) = (1, 2)``."""

from __future__ import annotations

from sqlglot import exp

from gateway.plan.analysis.leaves.compiler import Compiler
from gateway.plan.analysis.leaves.nulls import null_safe
from gateway.plan.analysis.terms import Opaque
from gateway.plan.analysis.types import INTEGERS, STRING
from gateway.predicate import Predicate, all_of


def same_row(compiler: Compiler, left: exp.Expr, right: exp.Expr) -> Predicate:
    """``(a, b) = (1, 2)``: rows compare NULLs as equal, and no member is converted but between integers."""
    if not isinstance(left, exp.Tuple) or not isinstance(right, exp.Tuple):
        return compiler.unused("row value")
    parts = [_row_part(compiler, a, b) for a, b in zip(left.expressions, right.expressions, strict=False)]
    return all_of(*parts)


def _row_part(compiler: Compiler, column: exp.Expr, constant: exp.Expr) -> Predicate:
    found = compiler.term(column)
    kind = compiler.constants.kind(constant)
    if isinstance(found, Opaque) or found.functions or kind is None:
        return compiler.unused("row value")
    same = kind == found.type or (kind == STRING and found.type == "VARCHAR")
    if not same and not (kind in INTEGERS and found.type in INTEGERS):
        return compiler.unused("type")
    return null_safe(compiler, found, constant, [kind], same=True)
