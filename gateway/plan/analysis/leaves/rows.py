"""Rows compared as values: ``(a, b) = (1, 2)``, ``(a, b) > (1, 2)``, ``{'a': a} = {'a': 1}``."""

from __future__ import annotations

from collections.abc import Sequence

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


def fields(left: exp.Expr, right: exp.Expr) -> tuple[exp.Expr, exp.Expr]:
    """Write two STRUCTs of the same fields in the same order as the rows that they compare as; others as they are."""
    if not isinstance(left, exp.Struct) or not isinstance(right, exp.Struct):
        return left, right
    named = [
        [(part.this.name.lower(), part.expression) for part in side.expressions if isinstance(part, exp.PropertyEQ)]
        for side in (left, right)
    ]
    names = [[name for name, _ in pairs] for pairs in named]
    if names[0] != names[1] or any(
        len(pairs) < len(side.expressions) for pairs, side in zip(named, (left, right), strict=True)
    ):
        return left, right
    one, other = (exp.Tuple(expressions=[value.copy() for _, value in pairs]) for pairs in named)
    return one, other


def ordered_row(compiler: Compiler, left: exp.Expr, operator: Operator, right: exp.Expr) -> Predicate:
    """``(a, b) > (1, 2)``, a keyset: *a* is above 1, or it is 1 and *b* at least 2.

    NULL is the greatest value: what is NULL is above all others, and below a NULL all values are.
    """
    if not isinstance(left, exp.Tuple) or not isinstance(right, exp.Tuple):
        return compiler.unused("row value")
    pairs = list(zip(left.expressions, right.expressions, strict=False))
    if compiler.constants.kind(left.expressions[0]) is not None:
        pairs, operator = [(constant, column) for column, constant in pairs], MIRRORED[operator]
    return _ordered(compiler, pairs, above=operator in (Operator.GT, Operator.GE))


def _ordered(compiler: Compiler, pairs: Sequence[tuple[exp.Expr, exp.Expr]], above: bool) -> Predicate:
    """Say that columns are at least (or at most) constants, the first pair deciding before the others."""
    (column, constant), *rest = pairs
    found, kind = compiler.term(column), compiler.constants.kind(constant)
    if isinstance(found, Opaque) or found.functions or kind in (None, NULL) or not _is_alike(found.type, str(kind)):
        return compiler.unused("row value")
    beyond = NullCheck(found) if above else presence(compiler, constant)[0]
    if not rest:
        bound = Operator.GE if above else Operator.LE
        return any_of(compiler.comparison(found, bound, constant, [str(kind)]), beyond)
    strict = compiler.comparison(found, Operator.GT if above else Operator.LT, constant, [str(kind)])
    equal = null_safe(compiler, found, constant, [str(kind)], same=True)
    return any_of(strict, beyond, all_of(equal, _ordered(compiler, rest, above)))


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
