"""``column + 1 = constant`` and the like: solved for the column, so that they prune by bucket too."""

from __future__ import annotations

from sqlglot import exp

from gateway.plan.analysis.leaves.compiler import Compiler
from gateway.plan.analysis.terms import Opaque
from gateway.plan.analysis.types import INTEGERS, STRING, canonical
from gateway.predicate import TRUE, Condition, NullCheck, Operator, Predicate, Term, all_of, any_of

_TEXTS = (STRING, "VARCHAR")


def solved(compiler: Compiler, node: exp.Expr, negated: bool) -> Predicate | None:
    """``f(column) = constant`` and ``f(column) IN (…)``, where *f* makes a value of one whole number at most.

    These are sums, differences and products with a whole number, the text of a number, and COALESCE with a constant.
    """
    if negated:
        return None
    if isinstance(node, exp.EQ):
        sides = [node.left.unnest(), node.right.unnest()]
        if compiler.constants.kind(sides[0]) is not None:
            sides.reverse()
        return _solved(compiler, *sides)
    if isinstance(node, exp.In) and not node.args.get("query") and not node.args.get("field"):
        made = [_solved(compiler, node.this.unnest(), item.unnest()) for item in node.expressions]
        return None if None in made or not made else any_of(*(one for one in made if one is not None))
    return None


def _solved(compiler: Compiler, node: exp.Expr, value: exp.Expr) -> Predicate | None:
    if isinstance(node, exp.Column) or compiler.constants.kind(value) is None:
        return None
    missing: list[Predicate] = []
    while not isinstance(node, exp.Column):
        if isinstance(node, exp.Coalesce):
            if len(node.expressions) != 1 or missing:
                return None
            missing.append(_missing(compiler, node, value))
            node = node.this.unnest()
            continue
        step = _undone(compiler, node, value)
        if step is None:
            return None
        node, value = step[0].unnest(), step[1]
    found = compiler.term(node)
    if isinstance(found, Opaque) or found.type not in INTEGERS or found.functions:
        return None
    kind = compiler.constants.kind(value)
    equal = TRUE if kind is None else compiler.comparison(found, Operator.EQ, value, [kind])
    return None if equal == TRUE else any_of(equal, *(all_of(one, NullCheck(_plain(found))) for one in missing))


def _missing(compiler: Compiler, node: exp.Coalesce, value: exp.Expr) -> Predicate:
    """Return where what stands in the place of NULL is the constant."""
    same = exp.EQ(this=exp.paren(node.expressions[0], copy=True), expression=exp.paren(value, copy=True))
    slot = compiler.constants.condition(same)
    return TRUE if slot is None else Condition(slot)


def _undone(compiler: Compiler, node: exp.Expr, value: exp.Expr) -> tuple[exp.Expr, exp.Expr] | None:
    """Return what the outermost function is of, and which value it has where the function gives *value*."""
    if isinstance(node, exp.Cast | exp.TryCast):
        return _undone_text(compiler, node, value)
    if compiler.constants.kind(value) not in INTEGERS:
        return None
    wide = exp.cast(exp.paren(value, copy=True), "HUGEINT", dialect="duckdb")
    if isinstance(node, exp.Neg):
        return node.this, exp.Neg(this=exp.paren(wide))
    if not isinstance(node, exp.Add | exp.Sub | exp.Mul):
        return None
    left, right = node.left.unnest(), node.right.unnest()
    kinds = [compiler.constants.kind(side) for side in (left, right)]
    if kinds[0] in INTEGERS and kinds[1] is None:
        given, rest = exp.paren(left, copy=True), right
        if isinstance(node, exp.Sub):
            return rest, exp.Sub(this=given, expression=wide)
    elif kinds[1] in INTEGERS and kinds[0] is None:
        given, rest = exp.paren(right, copy=True), left
    else:
        return None
    if isinstance(node, exp.Mul):
        literal = given.this.unnest()
        plain = isinstance(literal, exp.Literal) and literal.name.strip("0") != ""
        return (rest, exp.IntDiv(this=wide, expression=given)) if plain else None
    return rest, (exp.Sub if isinstance(node, exp.Add) else exp.Add)(this=wide, expression=given)


def _undone_text(compiler: Compiler, node: exp.Cast | exp.TryCast, value: exp.Expr) -> tuple[exp.Expr, exp.Expr] | None:
    """Read a whole number that a text is made of: a text that is none is made of no number."""
    is_text = canonical(node.to.sql(dialect="duckdb")) == "VARCHAR" and not node.args.get("format")
    if not is_text or compiler.constants.kind(value) not in _TEXTS:
        return None
    text = exp.cast(exp.paren(value, copy=True), "VARCHAR", dialect="duckdb")
    return node.this, exp.TryCast(this=text, to=exp.DataType.build("HUGEINT", dialect="duckdb"))


def _plain(found: Term) -> Term:
    return Term(found.column, found.type)
