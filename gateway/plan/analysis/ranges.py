"""Functions of columns whose values lie in ranges: which are the same in all of a range, and which keep its order.

A *range* of a column has two ends; what kind of range it is its *grain* says: one value, an hour, a day, any range, or
(of texts) all that begin alike. Monotone are: the column; its sum with a constant; ``date_trunc``, ``time_bucket``,
casts between times, ``epoch``, ``year``, ``date_diff`` from a constant; ``greatest``, ``least`` and ``coalesce`` with
constants; the text of a date or time, and its first letters, for years of four digits; within a day, its time. A
constant *minus* the column, and ``date_diff`` to a constant, turn the order round.

A sum with months keeps the order of days only: of two times of different days the later may come out earlier (January
30 23:00 and January 31 01:00 plus a month). Of times that are days apart it does not, so a range of several days is
widened by that. Whole months between two times (``datesub``) and ``age`` are such functions too; that of *age* may
also fall within the day of the month of the time that it counts to, where a borrowed month is of another length.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from sqlglot import exp

from gateway.plan.analysis.constants import Constants
from gateway.plan.analysis.deterministic import is_constant
from gateway.plan.analysis.types import INTEGERS, TIMESTAMPTZ, canonical, decimal_scale

LOW: Final = "__lo"
HIGH: Final = "__hi"
"""The columns that hold the two ends of a range; of a further column they end in its number."""
WHOLE: Final = "__whole"
"""The column that tells whether a text is all of it, or what others begin with."""

TEMPORAL: Final = ("DATE", "TIMESTAMP", TIMESTAMPTZ)
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
_FINITE = {"isfinite", "isinf"}
_APART = "6"
"""Days between two times whose order is kept by functions that count in months."""


class Grain(StrEnum):
    """The ranges that a condition is asked about."""

    VALUE = "value"
    HOUR = "hour"
    DAY = "day"
    RANGE = "range"
    PREFIX = "prefix"
    HOURS = "hours"
    """The hours of days: asked where a day as a whole tells nothing."""


@dataclass(frozen=True, slots=True)
class Ranged:
    """A column of type *kind* in ranges; ``number`` tells it from others of the same condition."""

    grain: Grain
    kind: str
    number: int = 0

    def end(self, end: str) -> exp.Column:
        """Return the column that holds an end."""
        return exp.column(exp.to_identifier(f"{end}{self.number or ''}", quoted=True))


@dataclass(frozen=True, slots=True)
class Ranges:
    """The columns of a condition, by their names as ``name_of`` gives them."""

    constants: Constants
    columns: Mapping[str, Ranged]

    def at(self, node: exp.Expr, end: str) -> exp.Expr:
        """Return an expression with its columns replaced by an end of their ranges, farther out where order wavers."""
        wider, own = self._wavering(node), self.only(node)

        def placed(part: exp.Expr) -> exp.Expr:
            if not isinstance(part, exp.Column):
                return part
            column = self._of(part)
            found = column.end(LOW if column.grain is Grain.VALUE else end)
            if wider is None or column != own:
                return found
            return exp.paren((exp.Sub if end == LOW else exp.Add)(this=found, expression=wider.copy()))

        return node.copy().transform(placed)

    def only(self, node: exp.Expr) -> Ranged | None:
        """Return the column of an expression that has but one, beside such that are single values."""
        found = {self._of(column) for column in node.find_all(exp.Column)}
        ranged = {each for each in found if each.grain is not Grain.VALUE} or found
        return ranged.pop() if len(ranged) == 1 else None

    def _of(self, column: exp.Expr) -> Ranged:
        return self.columns[name_of(column)]

    def is_fixed(self, node: exp.Expr) -> bool:
        """Return whether an expression is the same for all values of its ranges."""
        if is_constant(node):
            return True
        if isinstance(node, exp.Column):
            return self._of(node).grain is Grain.VALUE
        if self._is_counted(node):
            return True
        operands = [part for part in node.iter_expressions() if not isinstance(part, exp.DataType)]
        return bool(operands) and all(self.is_fixed(part) for part in operands)

    def counts(self, node: exp.Expr, part: exp.Expr) -> bool:
        """Return whether a function of *part* is taken for the same in all of an hour."""
        return not is_constant(node) and any(below is part for below in node.walk()) and self._is_counted(node)

    def _is_counted(self, node: exp.Expr) -> bool:
        """Return whether a function of the column counts or cuts in units that are no finer than its grain."""
        own = self.only(node)
        if own is None or own.grain not in (Grain.DAY, Grain.HOUR):
            return False
        hours = own.grain is Grain.HOUR
        if isinstance(node, _OF_DAYS) or (hours and isinstance(node, exp.Hour)):
            return self._is_moved(node.this) and not node.args.get("mode") and not node.args.get("unit")
        if isinstance(node, exp.Cast | exp.TryCast):
            return canonical(node.to.sql(dialect="duckdb")) == "DATE" and self._is_moved(node.this)
        if isinstance(node, exp.TimestampTrunc | exp.DateTrunc):
            return _is_coarse(node.args.get("unit"), hours) and self._is_moved(node.this)
        if isinstance(node, exp.Extract):
            return _is_coarse(node.this, hours) and self._is_moved(node.expression)
        if isinstance(node, exp.DateDiff):
            sides = [side for side in (node.this, node.expression) if not is_constant(side)]
            return _is_coarse(node.args.get("unit"), hours) and all(self._is_moved(side) for side in sides)
        if isinstance(node, exp.Date):
            return self._is_moved(node.this)
        if isinstance(node, exp.Anonymous):
            return self._is_part(node, hours)
        if isinstance(node, exp.TimeToStr):
            node = in_order(node)
            pattern = node.args.get("format")
            known = _HOUR_FORMATS if hours else _DAY_FORMATS
            return isinstance(pattern, exp.Literal) and _is_within(pattern.name, known) and self._is_moved(node.this)
        return False

    def _is_part(self, node: exp.Anonymous, hours: bool) -> bool:
        name, arguments = node.name.lower(), node.expressions
        if name in ("date_part", "datepart") and len(arguments) == 2:
            return _is_coarse(arguments[0], hours) and self._is_moved(arguments[1])
        return (name in _DAILY or name in _FINITE) and len(arguments) == 1 and self._is_moved(arguments[0])

    def _is_moved(self, node: exp.Expr) -> bool:
        """Return whether *node* is the column, perhaps as another type of time, moved by whole days or longer."""
        node = node.unnest()
        if isinstance(node, exp.Column):
            return self._of(node).kind in TEMPORAL
        local = zoned(node)
        if local is not None:
            own = self.only(node)
            return own is not None and own.grain is Grain.HOUR and self._is_moved(local)
        if isinstance(node, exp.Cast | exp.TryCast):
            return canonical(node.to.sql(dialect="duckdb")) in TEMPORAL and self._is_moved(node.this)
        if not isinstance(node, exp.Add | exp.Sub) or not isinstance(node.expression.unnest(), exp.Interval):
            return False
        return self._is_whole_days(node.expression.unnest()) and self._is_moved(node.left)

    def _is_whole_days(self, interval: exp.Expr) -> bool:
        """Return whether an INTERVAL is a whole number of days or months: that of 1.5 days moves the hours too."""
        unit, amount = interval.args.get("unit"), interval.this
        is_whole = isinstance(amount, exp.Expr) and (amount.name.isdecimal() or self.constants.kind(amount) in INTEGERS)
        return is_whole and isinstance(unit, exp.Var) and unit.name.lower().removesuffix("s") in _DAILY

    def cuts(self, node: exp.Expr) -> list[tuple[exp.Expr, exp.Expr]] | None:
        """Return what the units that times are counted in begin with at both ends of each range that is no value.

        None where something else is used of such a range, or there is none.
        """
        units: dict[str, set[str]] = {}
        for column in node.find_all(exp.Column):
            own = self._of(column)
            if own.grain is Grain.VALUE:
                continue
            unit = _unit_around(column, node) if own.grain is Grain.RANGE and own.kind in TEMPORAL else None
            if unit is None:
                return None
            units.setdefault(name_of(column), set()).add(unit)
        return [self._cut(name, max(found, key=_NESTED.index)) for name, found in units.items()] or None

    def _cut(self, name: str, unit: str) -> tuple[exp.Expr, exp.Expr]:
        low, high = (
            exp.TimestampTrunc(this=self.columns[name].end(end), unit=exp.Var(this=unit.upper())) for end in (LOW, HIGH)
        )
        return low, high

    def direction(self, node: exp.Expr) -> int | None:
        """Return 1 for a function of one column that keeps its order, -1 for one that turns it round, else None."""
        own = self.only(node)
        return None if own is None or own.grain is Grain.PREFIX else self._direction(node, own)

    def _direction(self, node: exp.Expr, own: Ranged) -> int | None:
        node = node.unnest()
        if isinstance(node, exp.Column):
            return 1 if self._of(node) == own and own.kind not in ("BOOLEAN", "VARCHAR") else None
        local = zoned(node)
        if local is not None:
            return self._direction(local, own)
        if isinstance(node, exp.Add | exp.Sub):
            return self._of_sum(node, own)
        if isinstance(node, exp.Neg):
            inner = self._direction(node.this, own)
            return -inner if inner is not None else None
        if isinstance(node, exp.Coalesce | exp.Greatest | exp.Least):
            others = node.expressions
            if isinstance(node, exp.Greatest | exp.Least) and is_constant(node.this) and len(others) == 1:
                return self._direction(others[0], own)
            return self._direction(node.this, own) if all(is_constant(part) for part in others) else None
        if isinstance(node, exp.Cast | exp.TryCast):
            return self._direction(node.this, own) if self._keeps_order(node, own) else None
        if isinstance(node, exp.TimestampTrunc | exp.DateTrunc):
            return self._direction(node.this, own) if isinstance(node.args.get("unit"), exp.Var | exp.Literal) else None
        if isinstance(node, exp.DateBin):
            return self._of_bucket(node, own)
        if isinstance(node, exp.IntDiv | exp.Div | exp.Mul):
            return self._direction(node.left, own) if _is_positive(node.right.unnest()) else None
        if isinstance(node, exp.Floor | exp.Ceil | exp.Round):
            others = [part for part in node.iter_expressions() if part is not node.this]
            return self._direction(node.this, own) if all(is_constant(part) for part in others) else None
        if isinstance(node, exp.Left | exp.Substring):
            return 1 if self._is_text(node, own) else None
        return self._of_time(node, own) if own.kind in TEMPORAL else None

    def _of_time(self, node: exp.Expr, own: Ranged) -> int | None:
        """Read the functions of times that give something else."""
        if isinstance(node, exp.Date | exp.UnixToTime | exp.TimeToUnix | exp.Year):
            return self._direction(node.this, own)
        if isinstance(node, exp.TimeToStr):
            return self._of_format(in_order(node), own)
        if isinstance(node, exp.DateDiff) and isinstance(node.args.get("unit"), exp.Var | exp.Literal):
            return self._between_times(node.this, node.expression, own)
        counted = _counted(node)
        if counted is not None:
            turned = self._of_age(counted, own)
            return turned if turned is not None else self._direction(counted, own)
        if isinstance(node, exp.Anonymous):
            turned = self._of_age(node, own)
            return turned if turned is not None else self._of_periods(node, own)
        return None

    def _of_sum(self, node: exp.Add | exp.Sub, own: Ranged) -> int | None:
        left, right = node.left.unnest(), node.right.unnest()
        sign = 1
        if self.is_fixed(left):
            left, right, sign = right, left, -1 if isinstance(node, exp.Sub) else 1
        others = any(self._of(column) != own for column in right.find_all(exp.Column))
        if not self.is_fixed(right) or (others and right.find(exp.Interval, exp.Anonymous)):
            return None
        inner = self._direction(left, own)
        in_order = _is_near(left) or _is_whole_day(left) or _is_fixed_length(right) or self._is_number(left, own)
        return sign * inner if inner is not None and in_order else None

    def _is_number(self, node: exp.Expr, own: Ranged) -> bool:
        """Return whether a monotone function gives a number, with which a constant is added in order."""
        node = node.unnest()
        if isinstance(node, exp.Column):
            return own.kind in INTEGERS or decimal_scale(own.kind) is not None
        if isinstance(node, exp.Add | exp.Sub | exp.Neg | exp.Floor | exp.Ceil | exp.Round | exp.Mul):
            return all(self._is_number(part, own) for part in node.iter_expressions() if not is_constant(part))
        return isinstance(node, exp.Year | exp.IntDiv | exp.Div | exp.TimeToUnix | exp.DateDiff | exp.Extract) or (
            isinstance(node, exp.Anonymous) and node.name.lower() in (*_COUNTING, "date_part", "datepart", *_SUBTRACTED)
        )

    def _of_format(self, node: exp.TimeToStr, own: Ranged) -> int | None:
        """Read ``strftime`` where its texts sort as the times do: its fields come from the largest on, none missing."""
        pattern = node.args.get("format")
        if not isinstance(pattern, exp.Literal) or not _is_plain(node.this):
            return None
        fields = [pattern.name[at + 1 : at + 2] for at in range(len(pattern.name)) if pattern.name[at] == "%"]
        within = own.grain in (Grain.DAY, Grain.HOUR)
        wanted = "HMS" if within else "YmdHMS"
        counted = [one for one in fields if not (within and one in _DAY_FORMATS)]
        return self._direction(node.this, own) if counted and counted == list(wanted[: len(counted)]) else None

    def _of_bucket(self, node: exp.DateBin, own: Ranged) -> int | None:
        """Read ``time_bucket(width, x)``, in which only *x* is not constant and the width is written out."""
        rest = [part for part in node.iter_expressions() if part is not node.expression]
        width = node.this.unnest()
        if not isinstance(width, exp.Interval) or not all(is_constant(part) for part in rest):
            return None
        return self._direction(node.expression, own)

    def _of_periods(self, node: exp.Anonymous, own: Ranged) -> int | None:
        """Read ``datesub(unit, earlier, later)``: whole periods between two times."""
        if node.name.lower() not in _SUBTRACTED or len(node.expressions) != 3:
            return None
        unit, earlier, later = node.expressions
        name = unit.name.lower().removesuffix("s") if isinstance(unit, exp.Literal) else ""
        if name in _FIXED_UNITS or (name in _MONTHLY and _is_near(earlier) and _is_near(later)):
            return self._between_times(later, earlier, own)
        return None

    def _of_age(self, node: exp.Expr, own: Ranged) -> int | None:
        """Read ``age(later, earlier)`` of the column and a constant."""
        if not _is_age(node):
            return None
        later, earlier = node.expressions
        return self._between_times(later, earlier, own) if _is_near(later) and _is_near(earlier) else None

    def _between_times(self, later: exp.Expr, earlier: exp.Expr, own: Ranged) -> int | None:
        if self.is_fixed(earlier):
            return self._direction(later, own)
        inner = self._direction(earlier, own) if self.is_fixed(later) else None
        return None if inner is None else -inner

    def _wavering(self, node: exp.Expr) -> exp.Expr | None:
        """Return by how much a range is widened for a function that keeps the order of times far apart only."""
        own = self.only(node)
        if own is None or own.kind not in TEMPORAL or own.grain is Grain.VALUE:
            return None
        apart = exp.Interval(this=exp.Literal.string(_APART), unit=exp.Var(this="DAY"))
        if own.grain is Grain.RANGE:
            return apart if any(self._wavers(part, own) for part in node.walk()) else None
        ages = [part for part in node.walk() if _is_age(part)]
        if not ages:
            return None
        given = next((part for part in ages[0].expressions if is_constant(part)), None)
        if given is None:
            return apart
        days = [exp.Day(this=exp.cast(end, "DATE")) for end in (own.end(LOW), given.copy())]
        same = exp.Case(ifs=[exp.If(this=exp.EQ(this=days[0], expression=days[1]), true=apart)])
        same.set("default", exp.Interval(this=exp.Literal.string("0"), unit=exp.Var(this="DAY")))
        return exp.paren(same)

    def _wavers(self, node: exp.Expr, own: Ranged) -> bool:
        """Return whether a function counts months between times, or adds them to such that are not cut to days."""
        if not isinstance(node, exp.Add | exp.Sub) or own.kind == "DATE":
            return _is_age(node) or _is_monthly(node)
        sides = [node.left.unnest(), node.right.unnest()]
        length = next((side for side in sides if is_constant(side)), None)
        if length is None or _is_fixed_length(length) or any(_is_whole_day(side) for side in sides):
            return False
        return self.constants.kind(length) not in (*TEMPORAL, *INTEGERS)

    def _keeps_order(self, node: exp.Cast | exp.TryCast, own: Ranged) -> bool:
        to = canonical(node.to.sql(dialect="duckdb"))
        if to == "VARCHAR":
            return self._is_text(node, own)
        if node.args.get("format") or own.kind == "VARCHAR":
            return False
        if to == "TIME":
            return own.grain in (Grain.DAY, Grain.HOUR) and own.kind in TEMPORAL and _is_plain(node.this)
        return to in TEMPORAL or to in INTEGERS or to == "DOUBLE" or decimal_scale(to) is not None

    def is_text(self, node: exp.Expr) -> bool:
        """Return whether *node* is the text of a date or time, or its first letters: these sort as the times do."""
        own = self.only(node)
        return own is not None and self._is_text(node, own)

    def _is_text(self, node: exp.Expr, own: Ranged) -> bool:
        node = node.unnest()
        if isinstance(node, exp.Left):
            return isinstance(node.expression.unnest(), exp.Literal) and self._is_text(node.this, own)
        if isinstance(node, exp.Substring):
            start, length = node.args.get("start"), node.args.get("length")
            is_first = isinstance(start, exp.Literal) and start.name == "1"
            return is_first and isinstance(length, exp.Literal) and self._is_text(node.this, own)
        if not isinstance(node, exp.Cast) or canonical(node.to.sql(dialect="duckdb")) != "VARCHAR":
            return False
        return own.kind in TEMPORAL and not node.args.get("format") and isinstance(node.this.unnest(), exp.Column)


_SUBTRACTED = ("datesub", "date_sub")
_MONTHLY = ("month", "quarter", "year")


def name_of(column: exp.Expr) -> str:
    """Return a column's name with what stands before it, as equal names mean one column in a clause."""
    return column.sql(dialect="duckdb").lower()


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


def zoned(node: exp.Expr) -> exp.Expr | None:
    """Return what is moved to or from the local time of a constant zone."""
    if isinstance(node, exp.AtTimeZone):
        return node.this.unnest() if is_constant(node.args["zone"]) else None
    if isinstance(node, exp.Anonymous) and node.name.lower() == "timezone" and len(node.expressions) == 2:
        zone, moved = node.expressions
        return moved.unnest() if is_constant(zone) else None
    return None


def _counted(node: exp.Expr) -> exp.Expr | None:
    """Return what a number that grows with time is taken from."""
    part, moment = part_of(node)
    # A second of an age is counted in other months than those that ages are compared by.
    aged = moment is not None and _is_age(moment) and part.startswith("epoch")
    return moment if part in _COUNTING and not aged else None


def part_of(node: exp.Expr) -> tuple[str, exp.Expr | None]:
    """Read ``extract(part FROM time)``, ``date_part('part', time)`` and ``part(time)`` without a class of its own."""
    if isinstance(node, exp.Extract):
        return node.this.name.lower(), node.expression.unnest()
    if isinstance(node, exp.Anonymous):
        name, arguments = node.name.lower(), node.expressions
        if name in ("date_part", "datepart") and len(arguments) == 2 and isinstance(arguments[0], exp.Literal):
            return arguments[0].name.lower(), arguments[1].unnest()
        if len(arguments) == 1:
            return name, arguments[0].unnest()
    return "", None


def _unit_around(column: exp.Expr, whole: exp.Expr) -> str | None:
    """Return the unit, of months or longer, that a time is counted in where it stands, if no more is used of it."""
    node = column
    while node is not whole and node.parent is not None:
        node = node.parent
        unit = _unit_of(node)
        if unit is not None:
            return unit
        is_time = isinstance(node, exp.Cast | exp.TryCast) and canonical(node.to.sql(dialect="duckdb")) in TEMPORAL
        if not (is_time or isinstance(node, exp.Paren)):
            return None
    return None


def _unit_of(node: exp.Expr) -> str | None:
    """Return the unit by which a function of a time is decided."""
    if isinstance(node, exp.TimestampTrunc | exp.DateTrunc):
        unit = node.args.get("unit")
        return _UNITS.get(unit.name.lower()) if isinstance(unit, exp.Var | exp.Literal) else None
    if isinstance(node, exp.TimeToStr):
        pattern = in_order(node).args.get("format")
        known = pattern.name if isinstance(pattern, exp.Literal) else "%d"
        return next((unit for unit, directives in _FORMATS.items() if _is_within(known, directives)), None)
    part, moment = part_of(node)
    if moment is not None:
        return _UNITS.get(part)
    plain = not node.args.get("mode") and not node.args.get("unit")
    return _UNITS_OF_CLASSES.get(type(node)) if plain else None


_NESTED = ("year", "quarter", "month")
_UNITS = {**{name: name for name in _NESTED}, **dict.fromkeys(("decade", "century", "millennium", "era"), "year")}
_UNITS_OF_CLASSES: dict[type[exp.Expr], str] = {
    exp.Year: "year",
    exp.Quarter: "quarter",
    **dict.fromkeys((exp.Month, exp.Monthname, exp.LastDay), "month"),
}
_FORMATS = {"year": frozenset("Yy"), "month": frozenset("YymbB")}


def _is_age(node: exp.Expr) -> bool:
    return isinstance(node, exp.Anonymous) and node.name.lower() == "age" and len(node.expressions) == 2


def _is_monthly(node: exp.Expr) -> bool:
    """Return whether whole months are counted between two times, or longer periods."""
    return (
        isinstance(node, exp.Anonymous)
        and node.name.lower() in _SUBTRACTED
        and node.expressions[0].name.lower().removesuffix("s") in _MONTHLY
    )


def _is_coarse(unit: exp.Expr | None, hours: bool) -> bool:
    if not isinstance(unit, exp.Var | exp.Literal):
        return False
    name = unit.name.lower()
    return name in _DAILY or (hours and name == "hour")


def _is_near(node: exp.Expr) -> bool:
    """Return whether *node* is a constant, or a column as it is, or as another type."""
    node = node.unnest()
    return is_constant(node) or _is_plain(node)


def _is_plain(node: exp.Expr) -> bool:
    node = node.unnest()
    if isinstance(node, exp.Cast | exp.TryCast) and canonical(node.to.sql(dialect="duckdb")) in TEMPORAL:
        node = node.this.unnest()
    return isinstance(node, exp.Column)


def _is_whole_day(node: exp.Expr) -> bool:
    """Return whether an expression is a time that is cut to days or longer, so that months keep its order."""
    if isinstance(node, exp.TimestampTrunc | exp.DateTrunc):
        return _is_coarse(node.args.get("unit"), hours=False)
    is_cast = isinstance(node, exp.Cast | exp.TryCast) and canonical(node.to.sql(dialect="duckdb")) == "DATE"
    return is_cast or isinstance(node, exp.Date | exp.LastDay)


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
