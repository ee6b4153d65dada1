"""Conditions on ranges of a column: what holds of the two ends of a range if a condition holds of a value between.

A range is a *grain*: one value, an hour, a day, or any range of a column that has no finer one. Two rules, and AND and
OR of them; what neither reads counts as TRUE.

- An expression that is the same for all values of a grain, such as ``dayname(ts)`` within a day, is evaluated at the
  lower end.
- A monotone function *f* of the column lies between its values at the two ends, so ``f(x) >= c`` asks that its greater
  one is at least *c*. Monotone are: the column; its sum with a constant; ``date_trunc``, ``time_bucket``, casts between
  times, ``epoch``, ``date_diff`` from a constant; ``greatest``, ``least`` and ``coalesce`` with constants; the text of
  a date or time, and its first letters, for years of four digits. A constant *minus* the column, and ``date_diff`` to
  a constant, turn the order round.

A sum with months is monotone only from one day to the next: of two times of different days the later may come out
earlier (January 30 23:00 and January 31 01:00 plus a month). So it stands directly on the column, and where a grain
of a TIMESTAMP spans days it is not read. ``AT TIME ZONE`` is monotone where no clock is set: the condition counts as
TRUE in a grain whose ends differ by another time in the zone. ``month`` is not monotone across years.

>>> from gateway.plan.analysis.text import read
>>> import sqlglot
>>> constants = Constants(read(""), {})
>>> condition = sqlglot.parse_one("dayname(ts) = 'Monday' AND ts + INTERVAL 1 HOUR < '2024-03-01'", read="duckdb")
>>> Possible(constants, Grain.DAY, "TIMESTAMP").sql(condition)
'DAYNAME("__lo") = \\'Monday\\' AND ("__lo" + INTERVAL \\'1\\' HOUR) < \\'2024-03-01\\''
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from sqlglot import exp

from gateway.plan.analysis.constants import Constants
from gateway.plan.analysis.deterministic import is_constant
from gateway.plan.analysis.facts import MIRRORED
from gateway.plan.analysis.leaves.comparison import NEGATED, OPERATORS
from gateway.plan.analysis.leaves.prefix import like_prefix
from gateway.plan.analysis.types import INTEGERS, TIMESTAMPTZ, canonical, decimal_scale
from gateway.predicate import Operator

LOW: Final = "__lo"
HIGH: Final = "__hi"
"""The columns that hold the two ends of a range."""

_TEMPORAL = ("DATE", "TIMESTAMP", TIMESTAMPTZ)
_COMPARISONS: dict[Operator, type[exp.Binary]] = {
    operator: node for node, operator in OPERATORS.items() if issubclass(node, exp.Binary)
}
_DAILY = {"day", "week", "month", "quarter", "year", "decade", "century", "millennium", "dow", "isodow", "doy"}
_DAILY |= {"dayofweek", "weekday", "dayofyear", "dayofmonth", "isoyear", "yearweek", "era", "weekofyear"}
_OF_DAYS: tuple[type[exp.Expr], ...] = (
    *(exp.Year, exp.Quarter, exp.Month, exp.Week, exp.Day, exp.DayOfMonth, exp.DayOfYear, exp.DayOfWeek),
    *(exp.DayOfWeekIso, exp.Dayname, exp.Monthname, exp.LastDay),
)
_DAY_FORMATS = frozenset("YymdjaAbBuwUWVGxF%")
_HOUR_FORMATS = _DAY_FORMATS | frozenset("HIp")
_COUNTING = {"epoch", "epoch_ms", "epoch_us", "epoch_ns", "year", "isoyear", "decade", "century", "millennium"}
"""Numbers of a time that grow with it."""
_FIXED_UNITS = {"microsecond", "millisecond", "second", "minute", "hour", "day", "week"}


_SETTLED = exp.Interval(this=exp.Literal.string("6"), unit=exp.Var(this="DAY"))
"""No zone has set its clocks twice in so short a time."""


class Grain(StrEnum):
    """The ranges that a condition is asked about."""

    VALUE = "value"
    HOUR = "hour"
    DAY = "day"
    RANGE = "range"


@dataclass(frozen=True, slots=True)
class Possible:
    """Writes the condition on the ends of grains of a column of type *kind*."""

    constants: Constants
    grain: Grain
    kind: str

    def sql(self, node: exp.Expr, negated: bool = False) -> str | None:
        """Write what holds of every grain with a value for which *node* is TRUE; None where that is nothing."""
        found = _either([self._of(node, negated), *self._unsteady(node)])
        return None if _is_true(found) else found.sql(dialect="duckdb")

    def _unsteady(self, node: exp.Expr) -> Iterator[exp.Expr]:
        """Write that the clocks of a zone were set in a range; beside other hours in it where hours are counted."""
        if self.grain is Grain.VALUE:
            return
        for part in dict.fromkeys(part for part in node.walk() if _zoned(part) is not None and not is_constant(part)):
            lengths = [
                exp.paren(exp.Sub(this=_closed(at(one, HIGH)), expression=_closed(at(one, LOW))))
                for one in (part, _zoned(part))
                if one is not None
            ]
            yield exp.NullSafeNEQ(this=lengths[0], expression=lengths[1])
            if self.grain is Grain.RANGE:
                yield exp.GT(this=lengths[0].copy(), expression=_SETTLED.copy())
            elif self.grain is Grain.HOUR:
                hours = [exp.TimestampTrunc(this=at(part, end), unit=exp.Var(this="HOUR")) for end in (LOW, HIGH)]
                if any(self._counts(one, part) for one in node.walk()):
                    yield exp.NullSafeNEQ(this=hours[0], expression=hours[1])

    def _counts(self, node: exp.Expr, part: exp.Expr) -> bool:
        """Return whether a function of *part* is taken for the same in all of an hour."""
        return not is_constant(node) and any(below is part for below in node.walk()) and self._is_counted(node)

    def _of(self, node: exp.Expr, negated: bool) -> exp.Expr:
        node = node.unnest()
        if isinstance(node, exp.Not):
            return self._of(node.this, not negated)
        if isinstance(node, exp.Is) and isinstance(node.expression, exp.Boolean):
            wanted = bool(node.expression.this)
            return self._not_so(node.this, not wanted) if negated else self._of(node.this, not wanted)
        if isinstance(node, exp.And | exp.Or):
            parts = [self._of(part, negated) for part in (node.left, node.right)]
            return _both(parts) if isinstance(node, exp.And) != negated else _either(parts)
        if self._is_fixed(node):
            return exp.not_(at(node, LOW)) if negated else at(node, LOW)
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
        if is_constant(left):
            left, right, operator = right, left, MIRRORED[operator]
        if not is_constant(right):
            return exp.true()
        if isinstance(left, exp.Case):
            return self._cases(left, right, operator)
        direction = self._direction(left)
        if direction is None:
            return exp.true()
        least, greatest = at(left, LOW if direction > 0 else HIGH), at(left, HIGH if direction > 0 else LOW)
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
        if self.constants.kind(low) is None or self.constants.kind(low) != self.constants.kind(high):
            return exp.true()
        lower = exp.GTE(this=node.this.copy(), expression=low.copy())
        upper = exp.LTE(this=node.this.copy(), expression=high.copy())
        parts = [self._of(lower, negated), self._of(upper, negated)]
        return _either(parts) if negated else _both(parts)

    def _among(self, node: exp.In) -> exp.Expr:
        kinds = {self.constants.kind(item) for item in node.expressions}
        if len(kinds) != 1 or None in kinds:
            return exp.true()
        same = [exp.EQ(this=node.this.copy(), expression=item.copy()) for item in node.expressions]
        return _either([self._of(one, False) for one in same])

    def _like(self, node: exp.Like) -> exp.Expr:
        pattern = node.expression.unnest()
        if not self._is_text(node.this):
            return exp.true()
        if isinstance(pattern, exp.Placeholder):
            return self._begins(node.this, pattern)
        prefix = like_prefix(pattern.name) if isinstance(pattern, exp.Literal) and pattern.is_string else ""
        if not prefix or "\\" in prefix:
            return exp.true()
        ends = [
            exp.Left(this=exp.paren(at(node.this, end)), expression=exp.Literal.number(len(prefix)))
            for end in (LOW, HIGH)
        ]
        text = exp.Literal.string(prefix)
        return _both([_made(Operator.LE, ends[0], text), _made(Operator.GE, ends[1], text)])

    def _begins(self, text: exp.Expr, pattern: exp.Expr) -> exp.Expr:
        """Write that the first letters of a range of texts may be those of a pattern before its first wildcard."""
        letters = exp.RegexpExtract(this=pattern.copy(), expression=exp.Literal.string(r"^[^%_\\]*"))
        ends = [exp.Left(this=exp.paren(at(text, end)), expression=exp.Length(this=letters)) for end in (LOW, HIGH)]
        return _both([_made(Operator.LE, ends[0], letters), _made(Operator.GE, ends[1], letters)])

    def _is_fixed(self, node: exp.Expr) -> bool:
        """Return whether an expression is the same for all values of a grain."""
        if self.grain is Grain.VALUE or is_constant(node):
            return True
        if isinstance(node, exp.Column) or self.grain is Grain.RANGE:
            return False
        if self._is_counted(node):
            return True
        operands = [part for part in node.iter_expressions() if not isinstance(part, exp.DataType)]
        return bool(operands) and all(self._is_fixed(part) for part in operands)

    def _is_counted(self, node: exp.Expr) -> bool:
        """Return whether a function of the column counts or cuts in units that are no finer than the grain."""
        hours = self.grain is Grain.HOUR
        if isinstance(node, _OF_DAYS) or (hours and isinstance(node, exp.Hour)):
            return self._is_moved(node.this) and not node.args.get("mode") and not node.args.get("unit")
        if isinstance(node, exp.Cast | exp.TryCast):
            return canonical(node.to.sql(dialect="duckdb")) == "DATE" and self._is_moved(node.this)
        if isinstance(node, exp.TimestampTrunc | exp.DateTrunc):
            return self._is_coarse(node.args.get("unit")) and self._is_moved(node.this)
        if isinstance(node, exp.Extract):
            return self._is_coarse(node.this) and self._is_moved(node.expression)
        if isinstance(node, exp.DateDiff):
            sides = [side for side in (node.this, node.expression) if not is_constant(side)]
            return self._is_coarse(node.args.get("unit")) and all(self._is_moved(side) for side in sides)
        if isinstance(node, exp.Date):
            return self._is_moved(node.this)
        if isinstance(node, exp.Anonymous):
            return self._is_part(node)
        if isinstance(node, exp.TimeToStr):
            node = in_order(node)
            pattern = node.args.get("format")
            known = _HOUR_FORMATS if hours else _DAY_FORMATS
            return isinstance(pattern, exp.Literal) and _is_within(pattern.name, known) and self._is_moved(node.this)
        return False

    def _is_part(self, node: exp.Anonymous) -> bool:
        name, arguments = node.name.lower(), node.expressions
        if name in ("date_part", "datepart") and len(arguments) == 2:
            return self._is_coarse(arguments[0]) and self._is_moved(arguments[1])
        return name in _DAILY and len(arguments) == 1 and self._is_moved(arguments[0])

    def _is_coarse(self, unit: exp.Expr | None) -> bool:
        if not isinstance(unit, exp.Var | exp.Literal):
            return False
        name = unit.name.lower()
        return name in _DAILY or (self.grain is Grain.HOUR and name == "hour")

    def _is_moved(self, node: exp.Expr) -> bool:
        """Return whether *node* is the column, perhaps as another type of time, moved by whole days or longer."""
        node = node.unnest()
        if isinstance(node, exp.Column):
            return True
        local = _zoned(node)
        if local is not None:
            return self.grain is Grain.HOUR and self._is_moved(local)
        if isinstance(node, exp.Cast | exp.TryCast):
            return canonical(node.to.sql(dialect="duckdb")) in _TEMPORAL and self._is_moved(node.this)
        if not isinstance(node, exp.Add | exp.Sub) or not isinstance(node.expression.unnest(), exp.Interval):
            return False
        return self._is_whole_days(node.expression.unnest()) and self._is_moved(node.left)

    def _is_whole_days(self, interval: exp.Expr) -> bool:
        """Return whether an INTERVAL is a whole number of days or months: that of 1.5 days moves the hours too."""
        unit, amount = interval.args.get("unit"), interval.this
        is_whole = isinstance(amount, exp.Expr) and (amount.name.isdecimal() or self.constants.kind(amount) in INTEGERS)
        return is_whole and isinstance(unit, exp.Var) and unit.name.lower().removesuffix("s") in _DAILY

    def _direction(self, node: exp.Expr) -> int | None:
        """Return 1 for a function of the column that keeps its order, -1 for one that turns it round, else None."""
        node = node.unnest()
        if isinstance(node, exp.Column):
            return 1 if self.kind != "BOOLEAN" else None
        local = _zoned(node)
        if local is not None:
            return self._direction(local)
        if isinstance(node, exp.Add | exp.Sub):
            return self._of_sum(node)
        if isinstance(node, exp.Neg):
            inner = self._direction(node.this)
            return -inner if inner is not None else None
        if isinstance(node, exp.Coalesce | exp.Greatest | exp.Least):
            others = node.expressions
            if isinstance(node, exp.Greatest | exp.Least) and is_constant(node.this) and len(others) == 1:
                return self._direction(others[0])
            return self._direction(node.this) if all(is_constant(part) for part in others) else None
        if isinstance(node, exp.Cast | exp.TryCast):
            return self._direction(node.this) if self._keeps_order(node) else None
        if isinstance(node, exp.Date):
            return self._direction(node.this) if self.kind in _TEMPORAL else None
        if isinstance(node, exp.TimestampTrunc | exp.DateTrunc):
            return self._direction(node.this) if isinstance(node.args.get("unit"), exp.Var | exp.Literal) else None
        if isinstance(node, exp.DateBin):
            return self._of_bucket(node)
        if isinstance(node, exp.UnixToTime | exp.TimeToUnix):
            return self._direction(node.this) if self.kind in _TEMPORAL else None
        if isinstance(node, exp.Extract) and node.this.name.lower() in _COUNTING:
            return self._direction(node.expression) if self.kind in _TEMPORAL else None
        if isinstance(node, exp.IntDiv | exp.Div | exp.Mul):
            return self._direction(node.left) if _is_positive(node.right.unnest()) else None
        if isinstance(node, exp.Floor | exp.Ceil | exp.Round):
            others = [part for part in node.iter_expressions() if part is not node.this]
            return self._direction(node.this) if all(is_constant(part) for part in others) else None
        if isinstance(node, exp.Anonymous):
            if node.name.lower() in _COUNTING and len(node.expressions) == 1:
                return self._direction(node.expressions[0]) if self.kind in _TEMPORAL else None
            return self._of_periods(node)
        if isinstance(node, exp.DateDiff) and isinstance(node.args.get("unit"), exp.Var | exp.Literal):
            return self._of_difference(node)
        if isinstance(node, exp.Left | exp.Substring):
            return 1 if self._is_text(node) else None
        return None

    def _of_sum(self, node: exp.Add | exp.Sub) -> int | None:
        left, right = node.left.unnest(), node.right.unnest()
        sign = 1
        if is_constant(left):
            left, right, sign = right, left, -1 if isinstance(node, exp.Sub) else 1
        if not is_constant(right):
            return None
        inner = self._direction(left)
        is_near = isinstance(left, exp.Column) or (
            isinstance(left, exp.Cast) and isinstance(left.this.unnest(), exp.Column)
        )
        # Months keep the order of days only, so not of the times in a range of several days.
        is_near = is_near and (self.grain is not Grain.RANGE or self.kind == "DATE")
        if inner is None or not (is_near or _is_fixed_length(right)):
            return None
        return sign * inner

    def _of_bucket(self, node: exp.DateBin) -> int | None:
        """Read ``time_bucket(width, x)``, in which only *x* is not constant and the width is written out."""
        rest = [part for part in node.iter_expressions() if part is not node.expression]
        width = node.this.unnest()
        if not isinstance(width, exp.Interval) or not all(is_constant(part) for part in rest):
            return None
        return self._direction(node.expression)

    def _of_periods(self, node: exp.Anonymous) -> int | None:
        """Read ``datesub(unit, earlier, later)``: whole periods of a fixed length."""
        if node.name.lower() not in ("datesub", "date_sub") or len(node.expressions) != 3:
            return None
        unit, earlier, later = node.expressions
        if not isinstance(unit, exp.Literal) or unit.name.lower().removesuffix("s") not in _FIXED_UNITS:
            return None
        return self._between_times(later, earlier)

    def _of_difference(self, node: exp.DateDiff) -> int | None:
        return self._between_times(node.this, node.expression)

    def _between_times(self, later: exp.Expr, earlier: exp.Expr) -> int | None:
        if is_constant(earlier):
            return self._direction(later)
        inner = self._direction(earlier) if is_constant(later) else None
        return None if inner is None else -inner

    def _keeps_order(self, node: exp.Cast | exp.TryCast) -> bool:
        to = canonical(node.to.sql(dialect="duckdb"))
        if to == "VARCHAR":
            return self._is_text(node)
        if node.args.get("format") or self.kind == "VARCHAR":
            return False
        return to in _TEMPORAL or to in INTEGERS or to == "DOUBLE" or decimal_scale(to) is not None

    def _is_text(self, node: exp.Expr) -> bool:
        """Return whether *node* is the text of a date or time, or its first letters: these sort as the times do."""
        node = node.unnest()
        if isinstance(node, exp.Left):
            return isinstance(node.expression.unnest(), exp.Literal) and self._is_text(node.this)
        if isinstance(node, exp.Substring):
            start, length = node.args.get("start"), node.args.get("length")
            is_first = isinstance(start, exp.Literal) and start.name == "1"
            return is_first and isinstance(length, exp.Literal) and self._is_text(node.this)
        if not isinstance(node, exp.Cast) or canonical(node.to.sql(dialect="duckdb")) != "VARCHAR":
            return False
        inner = node.this.unnest()
        return self.kind in _TEMPORAL and not node.args.get("format") and isinstance(inner, exp.Column)


def at(node: exp.Expr, end: str) -> exp.Expr:
    """Return an expression with its column replaced by an end of the range."""
    return node.copy().transform(
        lambda part: exp.column(exp.to_identifier(end, quoted=True)) if isinstance(part, exp.Column) else part
    )


def _as_case(node: exp.Expr) -> exp.Expr:
    """Write ``if(c, x, y)`` as the CASE that it is."""
    if not isinstance(node, exp.If) or isinstance(node.parent, exp.Case):
        return node
    branch = exp.If(this=node.this.copy(), true=node.args["true"].copy())
    default = node.args.get("false")
    return exp.Case(ifs=[branch], default=None if default is None else default.copy())


def in_order(node: exp.TimeToStr) -> exp.TimeToStr:
    """Return a call of strftime with the time first: the engine takes its arguments either way round."""
    pattern = node.this.unnest()
    if (
        not isinstance(pattern, exp.Literal)
        or not pattern.is_string
        or isinstance(node.args.get("format"), exp.Literal)
    ):
        return node
    return exp.TimeToStr(this=node.args["format"].copy(), format=pattern.copy())


def _zoned(node: exp.Expr) -> exp.Expr | None:
    """Return what is moved to or from the local time of a constant zone."""
    if isinstance(node, exp.AtTimeZone):
        return node.this.unnest() if is_constant(node.args["zone"]) else None
    if isinstance(node, exp.Anonymous) and node.name.lower() == "timezone" and len(node.expressions) == 2:
        zone, moved = node.expressions
        return moved.unnest() if is_constant(zone) else None
    return None


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


def _is_fixed_length(node: exp.Expr) -> bool:
    if not isinstance(node, exp.Interval):
        return isinstance(node, exp.Literal) and not node.is_string
    unit = node.args.get("unit")
    return isinstance(unit, exp.Var) and unit.name.lower().removesuffix("s") in _FIXED_UNITS


def _is_positive(node: exp.Expr) -> bool:
    return isinstance(node, exp.Literal) and not node.is_string and node.name.strip("0.") != ""


def _is_within(pattern: str, known: frozenset[str]) -> bool:
    """Return whether a format of strftime has only those directives."""
    pattern = pattern.replace("%-", "%")
    directives = [pattern[at + 1 : at + 2] for at in range(len(pattern)) if pattern[at] == "%"]
    return all(directive in known for directive in directives)


def _is_true(node: exp.Expr) -> bool:
    return isinstance(node, exp.Boolean) and bool(node.this)


def _both(parts: list[exp.Expr]) -> exp.Expr:
    asked = [part for part in parts if not _is_true(part)]
    return exp.and_(*asked) if asked else exp.true()


def _either(parts: list[exp.Expr]) -> exp.Expr:
    return exp.true() if not parts or any(_is_true(part) for part in parts) else exp.or_(*parts)
