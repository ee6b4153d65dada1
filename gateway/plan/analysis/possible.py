"""Conditions on ranges of a column: what holds of the two ends of a range if a condition holds of a value between.

Three rules, and AND and OR of them; what none of them reads counts as TRUE.

- An expression that is the same for all values of a range, such as ``dayname(ts)`` within a day, is evaluated at the
  lower end.
- A monotone function *f* of the column lies between its values at the two ends, so ``f(x) >= c`` asks that its greater
  one is at least *c* (``ranges`` says which are).
- Where all that is used of a time is counted in some unit, and the two ends are in the same one, as in the same year
  for ``year(d) % 10 = 4``, the condition is evaluated at the lower end.

``AT TIME ZONE`` is monotone where no clock is set: the condition counts as TRUE in a range whose ends differ by another
time in the zone.

>>> from gateway.plan.analysis.text import read
>>> from gateway.plan.analysis.constants import Constants
>>> from gateway.plan.analysis.ranges import Ranged
>>> import sqlglot
>>> constants = Constants(read(""), {})
>>> condition = sqlglot.parse_one("dayname(ts) = 'Monday' AND ts + INTERVAL 1 HOUR < '2024-03-01'", read="duckdb")
>>> ranges = Ranges(constants, {"ts": Ranged(Grain.DAY, "TIMESTAMP")})
>>> Possible(ranges).sql(condition)
'DAYNAME("__lo") = \\'Monday\\' AND ("__lo" + INTERVAL \\'1\\' HOUR) < \\'2024-03-01\\''
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from sqlglot import exp

from gateway.plan.analysis.deterministic import is_constant
from gateway.plan.analysis.facts import MIRRORED
from gateway.plan.analysis.leaves.comparison import NEGATED, OPERATORS
from gateway.plan.analysis.leaves.prefix import like_prefix
from gateway.plan.analysis.ranges import HIGH, LOW, Grain, Ranges, zoned
from gateway.predicate import Operator

_COMPARISONS: dict[Operator, type[exp.Binary]] = {
    operator: node for node, operator in OPERATORS.items() if issubclass(node, exp.Binary)
}
_SETTLED = exp.Interval(this=exp.Literal.string("6"), unit=exp.Var(this="DAY"))
"""No zone has set its clocks twice in so short a time."""


@dataclass(frozen=True, slots=True)
class Possible:
    """Writes the condition on the ends of the ranges of its columns."""

    ranges: Ranges

    def sql(self, node: exp.Expr, negated: bool = False) -> str | None:
        """Write what holds of every grain with a value for which *node* is TRUE; None where that is nothing."""
        found = _either([self._of(node, negated), *self._unsteady(node)])
        return None if _is_true(found) else found.sql(dialect="duckdb")

    def _unsteady(self, node: exp.Expr) -> Iterator[exp.Expr]:
        """Write that the clocks of a zone were set in a range; beside other hours in it where hours are counted."""
        moved = (part for part in node.walk() if zoned(part) is not None and not is_constant(part))
        for part in dict.fromkeys(moved):
            own = self.ranges.only(part)
            if own is None or own.grain is Grain.VALUE:
                continue
            lengths = [
                exp.paren(exp.Sub(this=_closed(self._at(one, HIGH)), expression=_closed(self._at(one, LOW))))
                for one in (part, zoned(part))
                if one is not None
            ]
            yield exp.NullSafeNEQ(this=lengths[0], expression=lengths[1])
            if own.grain is Grain.RANGE:
                yield exp.GT(this=lengths[0].copy(), expression=_SETTLED.copy())
            elif own.grain is Grain.HOUR and any(self.ranges.counts(one, part) for one in node.walk()):
                hours = [exp.TimestampTrunc(this=self._at(part, end), unit=exp.Var(this="HOUR")) for end in (LOW, HIGH)]
                yield exp.NullSafeNEQ(this=hours[0], expression=hours[1])

    def _at(self, node: exp.Expr, end: str) -> exp.Expr:
        return self.ranges.at(node, end)

    def _of(self, node: exp.Expr, negated: bool) -> exp.Expr:
        node = node.unnest()
        found = self._read(node, negated)
        return self._uniform(node, negated) if _is_true(found) else found

    def _uniform(self, node: exp.Expr, negated: bool) -> exp.Expr:
        """Write that the two ends are in other units, or that the condition holds at the lower one."""
        cuts = self.ranges.cuts(node)
        if cuts is None:
            return exp.true()
        condition = self.ranges.at(node, LOW)
        apart = [exp.NullSafeNEQ(this=low, expression=high) for low, high in cuts]
        return _either([*apart, exp.not_(condition) if negated else condition])

    def _read(self, node: exp.Expr, negated: bool) -> exp.Expr:
        if isinstance(node, exp.Not):
            return self._of(node.this, not negated)
        if isinstance(node, exp.Is) and isinstance(node.expression, exp.Boolean):
            wanted = bool(node.expression.this)
            return self._not_so(node.this, not wanted) if negated else self._of(node.this, not wanted)
        if isinstance(node, exp.And | exp.Or):
            parts = [self._of(part, negated) for part in (node.left, node.right)]
            return _both(parts) if isinstance(node, exp.And) != negated else _either(parts)
        if self.ranges.is_fixed(node):
            return exp.not_(self._at(node, LOW)) if negated else self._at(node, LOW)
        operator = OPERATORS.get(type(node))
        if operator is not None:
            return self._compared(node, NEGATED[operator] if negated else operator)
        node = _as_case(node)
        if isinstance(node, exp.Case) and node.this is None:
            return self._branches(node, lambda _, result: self._of(result, negated))
        if isinstance(node, exp.Between) and not node.args.get("symmetric"):
            return self._between(node, negated)
        if isinstance(node, exp.In) and not negated and not node.args.get("query") and not node.args.get("field"):
            return self._among(node)
        if isinstance(node, exp.Like) and not negated and not node.args.get("negate"):
            return self._like(node)
        return exp.true()

    def _compared(self, node: exp.Expr, operator: Operator) -> exp.Expr:
        left, right = _as_case(node.this.unnest()), _as_case(node.expression.unnest())
        if self.ranges.is_fixed(left):
            left, right, operator = right, left, MIRRORED[operator]
        if not self.ranges.is_fixed(right):
            return exp.true()
        if isinstance(left, exp.Case):
            return self._cases(left, self._at(right, LOW), operator)
        direction = self.ranges.direction(left)
        if direction is None:
            return exp.true()
        right = self._at(right, LOW)
        least, greatest = self._at(left, LOW if direction > 0 else HIGH), self._at(left, HIGH if direction > 0 else LOW)
        match operator:
            case Operator.EQ:
                return _both([_made(Operator.LE, least, right), _made(Operator.GE, greatest, right)])
            case Operator.NE:
                same = [_made(Operator.EQ, end, right) for end in (least, greatest)]
                return exp.not_(exp.paren(_both(same)))
            case Operator.LT | Operator.LE:
                return _made(operator, least, right)
            case _:
                return _made(operator, greatest, right)

    def _cases(self, case: exp.Case, right: exp.Expr, operator: Operator) -> exp.Expr:
        """Read ``CASE WHEN … THEN constant … END`` compared: some branch is reached whose constant compares so."""
        results = [*(branch.args.get("true") for branch in case.args["ifs"]), case.args.get("default")]
        if case.this is not None or not all(result is None or is_constant(result) for result in results):
            return exp.true()
        return self._branches(case, lambda number, _: _made(operator, _only(case, number), right))

    def _branches(self, case: exp.Case, asked: Callable[[int, exp.Expr], exp.Expr]) -> exp.Expr:
        """Write that some branch may be reached, and what is *asked* of its result may hold."""
        branches = case.args["ifs"]
        found: list[exp.Expr] = []
        before: list[exp.Expr] = []
        for number, branch in enumerate(branches):
            found.append(_both([*before, self._of(branch.this, False), asked(number, branch.args["true"])]))
            before.append(self._not_so(branch.this, False))
        default = case.args.get("default")
        if default is not None:
            found.append(_both([*before, asked(len(branches), default)]))
        return _either(found)

    def _not_so(self, node: exp.Expr, negated: bool) -> exp.Expr:
        """Write what holds where a condition (or its negation) is not TRUE; where a constant is NULL, it is NULL."""
        found = exp.true() if node.find(exp.Case, exp.If) else self._of(node, not negated)
        return found if _is_true(found) else exp.Coalesce(this=found, expressions=[exp.true()])

    def _between(self, node: exp.Between, negated: bool) -> exp.Expr:
        low, high = node.args["low"], node.args["high"]
        if self.ranges.constants.kind(low) is None or self.ranges.constants.kind(low) != self.ranges.constants.kind(
            high
        ):
            return exp.true()
        lower = exp.GTE(this=node.this.copy(), expression=low.copy())
        upper = exp.LTE(this=node.this.copy(), expression=high.copy())
        parts = [self._of(lower, negated), self._of(upper, negated)]
        return _either(parts) if negated else _both(parts)

    def _among(self, node: exp.In) -> exp.Expr:
        kinds = {self.ranges.constants.kind(item) for item in node.expressions}
        if len(kinds) != 1 or None in kinds:
            return exp.true()
        same = [exp.EQ(this=node.this.copy(), expression=item.copy()) for item in node.expressions]
        return _either([self._of(one, False) for one in same])

    def _like(self, node: exp.Like) -> exp.Expr:
        pattern = node.expression.unnest()
        if not self.ranges.is_text(node.this):
            return exp.true()
        if isinstance(pattern, exp.Placeholder):
            return self._begins(node.this, pattern)
        prefix = like_prefix(pattern.name) if isinstance(pattern, exp.Literal) and pattern.is_string else ""
        if not prefix or "\\" in prefix:
            return exp.true()
        ends = [
            exp.Left(this=exp.paren(self._at(node.this, end)), expression=exp.Literal.number(len(prefix)))
            for end in (LOW, HIGH)
        ]
        text = exp.Literal.string(prefix)
        return _both([_made(Operator.LE, ends[0], text), _made(Operator.GE, ends[1], text)])

    def _begins(self, text: exp.Expr, pattern: exp.Expr) -> exp.Expr:
        """Write that the first letters of a range of texts may be those of a pattern before its first wildcard."""
        letters = exp.RegexpExtract(this=pattern.copy(), expression=exp.Literal.string(r"^[^%_\\]*"))
        ends = [
            exp.Left(this=exp.paren(self._at(text, end)), expression=exp.Length(this=letters)) for end in (LOW, HIGH)
        ]
        return _both([_made(Operator.LE, ends[0], letters), _made(Operator.GE, ends[1], letters)])


def _as_case(node: exp.Expr) -> exp.Expr:
    """Write ``if(c, x, y)`` as the CASE that it is."""
    if not isinstance(node, exp.If) or isinstance(node.parent, exp.Case):
        return node
    branch = exp.If(this=node.this.copy(), true=node.args["true"].copy())
    default = node.args.get("false")
    return exp.Case(ifs=[branch], default=None if default is None else default.copy())


def _made(operator: Operator, left: exp.Expr, right: exp.Expr) -> exp.Expr:
    return _COMPARISONS[operator](this=_closed(left), expression=_closed(right))


def _closed(node: exp.Expr) -> exp.Expr:
    """Return a copy that binds as one operand."""
    return exp.paren(node, copy=True) if isinstance(node, exp.Binary | exp.Case | exp.Between) else node.copy()


def _only(case: exp.Case, number: int) -> exp.Expr:
    """Return a CASE that always takes one branch; the others stay for the type that they give it."""
    made = case.copy()
    branches = made.args.get("ifs") or []
    for position, branch in enumerate(branches):
        branch.set("this", exp.true() if position == number else exp.false())
    return made


def _is_true(node: exp.Expr) -> bool:
    return isinstance(node, exp.Boolean) and bool(node.this)


def _both(parts: list[exp.Expr]) -> exp.Expr:
    asked = [part for part in parts if not _is_true(part)]
    return exp.and_(*asked) if asked else exp.true()


def _either(parts: list[exp.Expr]) -> exp.Expr:
    return exp.true() if not parts or any(_is_true(part) for part in parts) else exp.or_(*parts)
