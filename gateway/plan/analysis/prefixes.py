"""Conditions on all texts that begin alike: what holds of their beginning if a condition holds of one of them.

Of a text only the beginning *p* is known. A function of it is read where what it makes of *p* is the beginning of what
it makes of the text, or the other way round: the two *agree* as far as both go. So ``lower(x)`` agrees with
``lower(p)``, and so do ``left``, the first part of ``split_part``, ``rtrim``. A text that equals *c*, or begins with
it, agrees with *c* as well. What looks at the first letters only, as ``substr(x, 2, 1)``, is evaluated on *p* where
that has them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from sqlglot import exp

from gateway.plan.analysis.constants import Constants
from gateway.plan.analysis.deterministic import is_constant
from gateway.plan.analysis.types import STRING

BEGINNING: Final = "__lo"
_SPECIAL: Final = frozenset("\\^$.|?*+()[]{}")
_REPEATED: Final = frozenset("?*+{")
_GROUP: Final = re.compile(r"\((?:\?:)?([^()]*)\)(.*)", re.DOTALL)
_TEXTS: Final = (STRING, "VARCHAR")


@dataclass(frozen=True, slots=True)
class Beginnings:
    """Writes the condition on the column ``__lo``, which holds the beginning."""

    constants: Constants

    def sql(self, node: exp.Expr, negated: bool = False) -> str | None:
        """Write what holds of every beginning of a text for which *node* is TRUE; None where that is nothing."""
        found = self._of(node, negated)
        return None if found is None else found.sql(dialect="duckdb")

    def _of(self, node: exp.Expr, negated: bool) -> exp.Expr | None:
        node = node.unnest()
        if isinstance(node, exp.Not):
            return self._of(node.this, not negated)
        if isinstance(node, exp.And | exp.Or):
            return self._joined(node, negated)
        first = _letters(node)
        if first is not None:
            condition = _placed(node)
            return _either([_shorter(first), exp.not_(condition) if negated else condition])
        return None if negated else self._leaf(node)

    def _joined(self, node: exp.And | exp.Or, negated: bool) -> exp.Expr | None:
        parts = [self._of(part, negated) for part in (node.left, node.right)]
        known = [part for part in parts if part is not None]
        if isinstance(node, exp.And) != negated:
            return exp.and_(*known) if known else None
        return _either(known) if len(known) == 2 else None

    def _leaf(self, node: exp.Expr) -> exp.Expr | None:
        if isinstance(node, exp.EQ):
            sides = [node.left.unnest(), node.right.unnest()]
            return self._equal(*(sides if is_constant(sides[1]) else reversed(sides)))
        if isinstance(node, exp.In) and not node.args.get("query") and not node.args.get("field"):
            made = [self._equal(node.this.unnest(), item.unnest()) for item in node.expressions]
            return None if None in made else _either([one for one in made if one is not None])
        if isinstance(node, exp.Like | exp.ILike) and not node.args.get("negate"):
            return self._like(node)
        if isinstance(node, exp.StartsWith):
            return self._equal(node.this.unnest(), node.expression.unnest())
        if isinstance(node, exp.Anonymous) and node.name.lower() == "prefix" and len(node.expressions) == 2:
            return self._equal(node.expressions[0].unnest(), node.expressions[1].unnest())
        return self._matched(node)

    def _equal(self, text: exp.Expr, value: exp.Expr) -> exp.Expr | None:
        """Write that a text may equal a constant, or begin with it."""
        folds = [side.expression.name.upper() for side in (text, value) if isinstance(side, exp.Collate)]
        text, value = (side.this.unnest() if isinstance(side, exp.Collate) else side for side in (text, value))
        beginning = agreeing(text)
        known = is_constant(value) and self.constants.kind(value) in _TEXTS
        if beginning is None or not known or not set(folds) <= {"NOCASE"}:
            return None
        return _agree(*(exp.Lower(this=side) if folds else side for side in (beginning, value.copy())))

    def _like(self, node: exp.Like | exp.ILike) -> exp.Expr | None:
        """Write that the letters of a pattern before its first ``%`` match, as far as both go."""
        beginning, pattern = agreeing(node.this.unnest()), node.expression.unnest()
        if beginning is None or self.constants.kind(pattern) not in _TEXTS:
            return None
        fixed: exp.Expr = exp.RegexpExtract(this=_closed(pattern), expression=exp.Literal.string(r"^[^%\\]*"))
        if isinstance(pattern, exp.Literal):
            fixed = exp.Literal.string(re.split(r"[%\\]", pattern.name)[0])
        pairs = ((beginning, fixed), (fixed, beginning))
        sides = [exp.Left(this=one.copy(), expression=exp.Length(this=other.copy())) for one, other in pairs]
        return type(node)(this=sides[0], expression=sides[1])

    def _matched(self, node: exp.Expr) -> exp.Expr | None:
        """Read a regular expression, or a GLOB, that begins with letters."""
        if not isinstance(node, exp.RegexpLike | exp.RegexpFullMatch | exp.SimilarTo | exp.Glob):
            return None
        beginning, pattern = agreeing(node.this.unnest()), node.expression.unnest()
        options = any(value for key, value in node.args.items() if key not in ("this", "expression"))
        if beginning is None or options or not isinstance(pattern, exp.Literal):
            return None
        if isinstance(node, exp.Glob):
            found: list[str] = [re.split(r"[*?\[\\]", pattern.name)[0]]
        else:
            found = literal_beginnings(pattern.name, anchored=not isinstance(node, exp.RegexpLike))
        if not found or "" in found:
            return None
        return _either([_agree(beginning.copy(), exp.Literal.string(text)) for text in found])


def literal_beginnings(pattern: str, anchored: bool) -> list[str]:
    """List texts, one of which every match of a regular expression begins with; none where that is not certain.

    >>> literal_beginnings("^(AB|CD)-[0-9]+", anchored=False), literal_beginnings("A-?", anchored=True)
    (['AB', 'CD'], ['A'])
    """
    if pattern.startswith("^"):
        pattern = pattern[1:]
    elif not anchored:
        return []
    group = _GROUP.fullmatch(pattern)
    if group is not None and pattern.startswith("("):
        branches, rest = group[1].split("|"), group[2]
        plain = not any(_SPECIAL & set(branch) for branch in branches)
        return branches if plain and "|" not in rest and not rest.startswith(tuple(_REPEATED)) else []
    return [] if "|" in pattern else [_letters_of(pattern)]


def _letters_of(pattern: str) -> str:
    """Return the letters that a regular expression begins with."""
    at = next((at for at, sign in enumerate(pattern) if sign in _SPECIAL), len(pattern))
    return pattern[: at - 1] if pattern[at : at + 1] in _REPEATED and at else pattern[:at]


def agreeing(node: exp.Expr) -> exp.Expr | None:
    """Return what agrees with a function of a text, made of its beginning; None where nothing certainly does."""
    node = node.unnest()
    if isinstance(node, exp.Column):
        return exp.column(exp.to_identifier(BEGINNING, quoted=True))
    inner = agreeing(node.this) if isinstance(node.this, exp.Expr) else None
    if inner is None:
        return None
    if isinstance(node, exp.Lower | exp.Upper) and len(list(node.iter_expressions())) == 1:
        return type(node)(this=inner)
    if isinstance(node, exp.Cast) and node.to.is_type("varchar", "text"):
        return inner
    count = _first_letters(node)
    if count is not None:
        return exp.Left(this=inner, expression=exp.Literal.number(count))
    if isinstance(node, exp.SplitPart) and _number(node.args.get("part_index")) == 1:
        return inner
    if isinstance(node, exp.Trim):
        return exp.Trim(this=inner, position="LEADING", expression=node.expression) if _trims_start(node) else inner
    return None


def _trims_start(node: exp.Trim) -> bool:
    return str(node.args.get("position") or "").upper() != "TRAILING"


def _first_letters(node: exp.Expr) -> int | None:
    """Return how many letters ``left(x, n)``, ``substr(x, 1, n)`` and ``x[:n]`` take of the beginning."""
    found = _span(node)
    return found[1] if found is not None and found[0] == 1 else None


def _span(node: exp.Expr) -> tuple[int, int] | None:
    """Return the first and the last of the letters that are taken of a text."""
    if isinstance(node, exp.Left):
        count = _number(node.expression)
        return None if count is None else (1, count)
    if isinstance(node, exp.Substring):
        start, length = _number(node.args.get("start")), _number(node.args.get("length"))
        return None if start is None or length is None or start < 1 else (start, start + length - 1)
    if isinstance(node, exp.Bracket) and len(node.expressions) == 1:
        return _of_index(node.expressions[0].unnest())
    return None


def _of_index(index: exp.Expr) -> tuple[int, int] | None:
    if isinstance(index, exp.Slice):
        first, last = (_number(index.args.get(key)) for key in ("this", "expression"))
        start = 1 if index.args.get("this") is None else first
        known = start is not None and last is not None and start >= 1 and not index.args.get("step")
        return (start, last) if known and start is not None and last is not None else None
    at = _number(index)
    return None if at is None else (at + 1, at + 1)  # sqlglot counts from 0


def _letters(node: exp.Expr) -> int | None:
    """Return how many of the first letters of its column a condition looks at, and at no more."""
    found = [_around(column, node) for column in node.find_all(exp.Column)]
    known = [count for count in found if count is not None]
    return max(known) if known and len(known) == len(found) else None


def _around(column: exp.Expr, whole: exp.Expr) -> int | None:
    node = column
    while node is not whole and node.parent is not None and node.arg_key == "this":
        node = node.parent
        found = _span(node)
        if found is not None:
            return found[1]
        if not isinstance(node, exp.Lower | exp.Upper | exp.Paren):
            return None
    return None


def _number(node: exp.Expr | None) -> int | None:
    return int(node.name) if isinstance(node, exp.Literal) and not node.is_string and node.name.isdecimal() else None


def _placed(node: exp.Expr) -> exp.Expr:
    beginning = exp.column(exp.to_identifier(BEGINNING, quoted=True))
    return node.copy().transform(lambda part: beginning.copy() if isinstance(part, exp.Column) else part)


def _shorter(letters: int) -> exp.Expr:
    beginning = exp.column(exp.to_identifier(BEGINNING, quoted=True))
    return exp.LT(this=exp.Length(this=beginning), expression=exp.Literal.number(letters))


def _agree(beginning: exp.Expr, text: exp.Expr) -> exp.Expr:
    pairs = ((beginning, text), (text.copy(), beginning.copy()))
    return exp.paren(exp.or_(*(exp.StartsWith(this=_closed(a), expression=_closed(b)) for a, b in pairs)))


def _closed(node: exp.Expr) -> exp.Expr:
    return exp.paren(node, copy=True) if isinstance(node, exp.Binary | exp.Case) else node.copy()


def _either(parts: list[exp.Expr]) -> exp.Expr:
    return exp.paren(exp.or_(*parts)) if len(parts) > 1 else parts[0]
