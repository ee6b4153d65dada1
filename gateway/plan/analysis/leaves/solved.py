"""``column + 1 = constant`` and the like: solved for the column, so that they prune by bucket too."""

from __future__ import annotations

import re
from collections.abc import Sequence

from sqlglot import exp

from gateway.plan.analysis.leaves.compiler import Compiler
from gateway.plan.analysis.terms import Opaque
from gateway.plan.analysis.types import INTEGERS, STRING, canonical
from gateway.predicate import TRUE, Condition, NullCheck, Operator, Predicate, Term, all_of, any_of

_TEXTS = (STRING, "VARCHAR")
_JOINING = (exp.Concat, exp.ConcatWs, exp.DPipe, exp.Format)
"""What puts texts together."""


def solved(compiler: Compiler, node: exp.Expr, negated: bool) -> Predicate | None:
    """``f(column) = constant`` and ``f(column) IN (…)``, where *f* makes a value of one whole number at most.

    These are sums, differences and products with a whole number, the text of a number or what is made by putting
    constants around it or around a text, and COALESCE with a constant.
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
        if type(node) in (exp.Concat, exp.ConcatWs):  # which pass over NULL
            missing.append(_same(compiler, _without(node, step[0]), value))
        node, value = step[0].unnest(), step[1]
    found = compiler.term(node)
    if isinstance(found, Opaque) or found.type not in ("VARCHAR", *INTEGERS) or found.functions:
        return None
    if found.type in INTEGERS and compiler.constants.kind(value) in _TEXTS:
        value = _read(value)  # of a number in a CONCAT
    kind = compiler.constants.kind(value)
    equal = TRUE if kind is None else compiler.comparison(found, Operator.EQ, value, [kind])
    return None if equal == TRUE else any_of(equal, *(all_of(one, NullCheck(_plain(found))) for one in missing))


def _missing(compiler: Compiler, node: exp.Coalesce, value: exp.Expr) -> Predicate:
    """Return where what stands in the place of NULL is the constant."""
    return _same(compiler, node.expressions[0], value)


def _same(compiler: Compiler, made: exp.Expr, value: exp.Expr) -> Predicate:
    same = exp.EQ(this=exp.paren(made, copy=True), expression=exp.paren(value, copy=True))
    slot = compiler.constants.condition(same)
    return TRUE if slot is None else Condition(slot)


def _undone(compiler: Compiler, node: exp.Expr, value: exp.Expr) -> tuple[exp.Expr, exp.Expr] | None:
    """Return what the outermost function is of, and which value it has where the function gives *value*."""
    if isinstance(node, exp.Cast | exp.TryCast):
        return _undone_text(compiler, node, value)
    if type(node) in _JOINING or _is_printf(node):
        return _unjoined(compiler, node, value)
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
    return node.this, _read(value)


def _read(value: exp.Expr) -> exp.Expr:
    text = exp.cast(exp.paren(value, copy=True), "VARCHAR", dialect="duckdb")
    return exp.TryCast(this=text, to=exp.DataType.build("HUGEINT", dialect="duckdb"))


def _unjoined(compiler: Compiler, node: exp.Expr, value: exp.Expr) -> tuple[exp.Expr, exp.Expr] | None:
    """Take constant texts off the ends of a text; it is NULL if they are not there."""
    parts = _parts(node)
    inner = _open(compiler, parts)
    if inner is None or compiler.constants.kind(value) not in _TEXTS:
        return None
    at = next(at for at, part in enumerate(parts) if part is inner)
    ends = [_joined(side) for side in (parts[:at], parts[at + 1 :])]
    text, (first, last) = exp.cast(exp.paren(value, copy=True), "VARCHAR", dialect="duckdb"), ends
    lengths = [exp.Length(this=end.copy()) for end in ends]
    found = exp.Substring(
        this=text.copy(),
        start=exp.Add(this=lengths[0].copy(), expression=exp.Literal.number(1)),
        length=exp.Sub(this=exp.Sub(this=exp.Length(this=text.copy()), expression=lengths[0]), expression=lengths[1]),
    )
    whole = exp.EQ(this=_concat([first, found.copy(), last]), expression=text)
    return inner, exp.Case(ifs=[exp.If(this=whole, true=found)])


def _parts(node: exp.Expr) -> list[exp.Expr]:
    """List the texts that one is put together of; none where that is not certain."""
    if isinstance(node, exp.DPipe):
        return [node.left, node.right]
    if isinstance(node, exp.ConcatWs):
        between, *items = node.expressions
        plain = all(isinstance(item, exp.Literal | exp.Column) for item in items) and isinstance(between, exp.Literal)
        return [part for item in items for part in (item, between)][:-1] if plain else []
    if _is_printf(node):
        pattern, *values = node.expressions
        texts = re.split("%[ds]", pattern.name) if isinstance(pattern, exp.Literal) else []
        plain = len(texts) == 2 and len(values) == 1 and not any({"%", "\0"} & set(text) for text in texts)
        return [exp.Literal.string(texts[0]), *values, exp.Literal.string(texts[1])] if plain else []
    if isinstance(node, exp.Format):
        texts = node.this.name.split("{}") if isinstance(node.this, exp.Literal) else []
        plain = len(texts) == 2 and len(node.expressions) == 1 and not set("{}") & set("".join(texts))
        return [exp.Literal.string(texts[0]), *node.expressions, exp.Literal.string(texts[1])] if plain else []
    return list(node.expressions)


def _is_printf(node: exp.Expr) -> bool:
    return isinstance(node, exp.Anonymous) and node.name.lower() == "printf"


def _without(node: exp.Expr, part: exp.Expr) -> exp.Expr:
    """Return a CONCAT or CONCAT_WS without one of its texts."""
    rest = [each for each in node.expressions if each is not part]
    if isinstance(node, exp.ConcatWs) and len(rest) > 1:
        return exp.ConcatWs(expressions=rest, safe=True, coalesce=True)
    return _concat(() if isinstance(node, exp.ConcatWs) else rest)


def _joined(parts: Sequence[exp.Expr]) -> exp.Expr:
    if all(isinstance(part, exp.Literal) for part in parts):
        return exp.Literal.string("".join(part.name for part in parts))
    return _concat([exp.paren(part, copy=True) for part in parts])


def _concat(parts: Sequence[exp.Expr]) -> exp.Concat:
    """Write a CONCAT, which passes over NULL as that of the engine does."""
    return exp.Concat(expressions=[exp.Literal.string(""), *parts], safe=True, coalesce=True)


def _open(compiler: Compiler, parts: Sequence[exp.Expr]) -> exp.Expr | None:
    """Return the one of some texts that is not constant."""
    found = [part for part in parts if compiler.constants.kind(part) not in _TEXTS]
    return found[0] if len(found) == 1 else None


def _plain(found: Term) -> Term:
    return Term(found.column, found.type)
