"""``country || '-' || uid = 'US-5'``: columns whose texts are put together, equal to a text that is written out.

There are only so many ways to cut the text for the columns; in one of them each column has its piece.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Final

from sqlglot import exp

from gateway.plan.analysis.leaves.compiler import Compiler
from gateway.plan.analysis.terms import Opaque
from gateway.plan.analysis.types import INTEGERS, canonical
from gateway.predicate import NullCheck, Operator, Predicate, Term, all_of, any_of

_MOST: Final = 100
"""Ways to cut a text, at most, and letters in it."""
_COLUMNS: Final = range(2, 4)
_NUMBER: Final = re.compile(r"0|-?[1-9]\d{0,37}")
"""What the text of a whole number is like."""
_Part = str | Term


def split(compiler: Compiler, node: exp.Expr, negated: bool) -> Predicate | None:
    """``a || '-' || b = 'text'`` and ``concat(a, '-', b) IN ('text', …)``, of texts and whole numbers."""
    if negated:
        return None
    if isinstance(node, exp.EQ):
        sides = [node.left.unnest(), node.right.unnest()]
        return _cut(compiler, *(sides if isinstance(sides[1], exp.Literal) else reversed(sides)))
    if isinstance(node, exp.In) and not node.args.get("query") and not node.args.get("field") and node.expressions:
        made = [_cut(compiler, node.this.unnest(), item.unnest()) for item in node.expressions]
        return None if None in made else any_of(*(one for one in made if one is not None))
    return None


def _cut(compiler: Compiler, node: exp.Expr, text: exp.Expr) -> Predicate | None:
    if type(node) not in (exp.DPipe, exp.Concat) or not isinstance(text, exp.Literal) or not text.is_string:
        return None
    if len(text.name) > _MOST:
        return None
    found = [_part(compiler, each) for each in _texts(node)]
    parts = [each for each in found if each is not None]
    if len(parts) < len(found) or sum(isinstance(each, Term) for each in parts) not in _COLUMNS:
        return None
    ways: list[Predicate] = []
    for pieces in _ways(parts, text.name):
        if len(ways) == _MOST:
            return None
        ways.append(all_of(*(_is(compiler, term, piece, type(node) is exp.Concat) for term, piece in pieces)))
    return any_of(*ways)


def _texts(node: exp.Expr) -> Iterator[exp.Expr]:
    node = node.unnest()
    if isinstance(node, exp.DPipe):
        yield from _texts(node.left)
        yield from _texts(node.right)
    elif type(node) is exp.Concat:
        yield from (each.unnest() for each in node.expressions)
    else:
        yield node


def _part(compiler: Compiler, node: exp.Expr) -> _Part | None:
    """Read a text that is written out, or a column; a whole number as its text."""
    if isinstance(node, exp.Literal):
        return node.name if node.is_string or node.name.isdigit() else None
    if type(node) is exp.Cast and canonical(node.to.sql(dialect="duckdb")) == "VARCHAR" and not node.args.get("format"):
        node = node.this.unnest()
    found = compiler.term(node)
    plain = isinstance(found, Term) and not found.functions and found.type in ("VARCHAR", *INTEGERS)
    return None if not plain or isinstance(found, Opaque) else found


def _ways(parts: Sequence[_Part], text: str) -> Iterator[list[tuple[Term, str]]]:
    """Walk the ways to cut a text into parts: of each the pieces of the columns."""
    first, *rest = parts
    if isinstance(first, str):
        if text.startswith(first):
            yield from _ways(rest, text[len(first) :]) if rest else ([[]] if text == first else [])
        return
    for length in range(len(text) + 1) if rest else (len(text),):
        piece = text[:length]
        if first.type == "VARCHAR" or not piece or _NUMBER.fullmatch(piece):
            yield from ([(first, piece), *more] for more in (_ways(rest, text[length:]) if rest else [[]]))


def _is(compiler: Compiler, term: Term, piece: str, passes_over_null: bool) -> Predicate:
    """Say that a column has a piece as its text; CONCAT takes NULL for a text without letters."""
    missing = [NullCheck(term)] if passes_over_null and not piece else []
    if term.type in INTEGERS:
        if not piece:
            return any_of(*missing)
        number: exp.Expr = exp.Literal.number(piece.removeprefix("-"))
        constant = exp.Neg(this=number) if piece.startswith("-") else number
    else:
        constant = exp.Literal.string(piece)
    kind = compiler.constants.kind(constant)
    return any_of(*missing, compiler.comparison(term, Operator.EQ, constant, [kind] if kind is not None else []))
