"""Rules for times: their parts, their truncation, their distances."""

from __future__ import annotations

import re
from typing import Final

from sqlglot import exp

from gateway.plan.spark.allowed import named_call, written
from gateway.plan.spark.kinds import TIMES, Kind
from gateway.plan.spark.operands import KindOf, call, cast
from gateway.plan.spark.portability import refused

_UNITS: Final = {"YEAR", "QUARTER", "MONTH", "WEEK", "DAY", "HOUR", "MINUTE", "SECOND"}
_STEPS: Final = _UNITS - {"QUARTER"}
_OF_DAYS: Final = {"YEAR", "QUARTER", "MONTH", "DAY", "WEEK", "DOY", "DOW", "ISODOW"}
_OF_MOMENTS: Final = _OF_DAYS | {"HOUR", "MINUTE"}


def extracted(node: exp.Expr, kind: KindOf) -> Kind:
    """Take a part of a time: Spark counts the days of a week otherwise."""
    unit, value = _unit_and_value(node)
    found = kind(value)
    if unit not in (_OF_DAYS if found is Kind.DATE else _OF_MOMENTS if found is Kind.TIMESTAMP else ()):
        raise refused(
            f"it has the {unit.lower()} of {found}", "year, quarter, month, day, hour or minute of a TIMESTAMP"
        )
    one = exp.Literal.number(1)
    match unit:
        case "DOW":
            made: exp.Expr = exp.paren(exp.Sub(this=call("DAYOFWEEK", value.copy()), expression=one))
        case "ISODOW":
            made = exp.paren(exp.Add(this=call("WEEKDAY", value.copy()), expression=one))
        case _:
            made = exp.Extract(this=exp.var(unit), expression=value.copy())
    node.replace(made)
    return Kind.INTEGER


PARTS: Final[dict[type[exp.Expr], str]] = {
    exp.Year: "YEAR",
    exp.Month: "MONTH",
    exp.Day: "DAY",
    exp.Quarter: "QUARTER",
    exp.DayOfWeek: "DOW",
    exp.DayOfWeekIso: "ISODOW",
}


def _unit_and_value(node: exp.Expr) -> tuple[str, exp.Expr]:
    if isinstance(node, exp.Extract):
        return str(node.this.name).upper(), node.expression
    if isinstance(node, exp.Anonymous):
        if len(node.expressions) != 2 or not node.expressions[0].is_string:
            raise refused("it has date_part() of a part that is computed")
        return str(node.expressions[0].this).upper(), node.expressions[1]
    return PARTS[type(node)], node.this


def truncated(node: exp.Expr, kind: KindOf) -> Kind:
    """Truncate a time: Spark would answer with an instant."""
    unit = node.args.get("unit")
    name = unit.name.upper() if isinstance(unit, exp.Var | exp.Literal) else ""
    found = kind(node.this)
    if name not in _UNITS or found not in TIMES:
        raise refused(f"it has date_trunc() of {found} to {name.lower() or 'a unit that is computed'}")
    node.replace(cast(call("DATE_TRUNC", exp.Literal.string(name), node.this.copy()), "TIMESTAMP_NTZ"))
    return Kind.TIMESTAMP


def interval(node: exp.Expr, kind: KindOf) -> Kind:
    """Write a distance of a number of units."""
    count, unit = node.this, node.args.get("unit")
    name = "" if unit is None else str(unit.name).upper().removesuffix("S")
    if name not in _STEPS or not isinstance(count, exp.Literal) or not re.fullmatch(r"-?\d{1,6}", str(count.this)):
        raise refused(
            "it has an INTERVAL that is not a number of years, months, weeks, days, hours, minutes or seconds"
        )
    node.set("this", exp.Literal.string(str(count.this)))
    node.set("unit", exp.var(name))
    return Kind.INTERVAL


def dated(node: exp.Expr, kind: KindOf) -> Kind:
    """Take a part of a time that date_part() names."""
    if named_call(node) != "date_part":
        raise refused(f"it has {written(node)}")
    return extracted(node, kind)
