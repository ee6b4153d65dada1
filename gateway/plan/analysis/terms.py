"""Recognises terms: a column, possibly under known functions that return NULL for NULL."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from sqlglot import exp

from gateway.plan.analysis.names import Alias, Aliases, resolve
from gateway.plan.analysis.sources import SelectBlock
from gateway.plan.analysis.types import INTEGERS, TIMESTAMPTZ, canonical, decimal_scale
from gateway.predicate import Function, Term

_TEMPORAL = ("DATE", "TIMESTAMP", TIMESTAMPTZ)
_UNITS = {
    *("microseconds", "milliseconds", "second", "minute", "hour", "day", "week"),
    *("month", "quarter", "year", "decade", "century", "millennium"),
}
_KNOWN = {"this", "expression", "expressions", "to", "unit", "format", "safe", "input_type_preserved"}
"""What a function may hold: the rules look at all that changes its meaning, and at nothing else."""
_FORMATS = ("%Y", "%Y-%m", "%Y-%m-%d", "%Y%m", "%Y%m%d", "%Y-%m-%d %H:%M:%S", "%Y-%m-%d-%H", "%Y-%m-%d %H", "%F")
_PARTS = {
    *("year", "isoyear", "quarter", "month", "week", "day", "dayofmonth", "dayofyear", "dayofweek", "weekday"),
    *("isodow", "hour", "minute", "yearweek", "epoch_ms", "epoch_us"),
}
"""Whole numbers taken from a date or timestamp."""
_SHORT = {"years": "year", "y": "year", "months": "month", "mon": "month", "days": "day", "d": "day", "hours": "hour"}
_SHORT |= {"h": "hour", "minutes": "minute", "quarters": "quarter", "weeks": "week", "doy": "dayofyear"}
_SHORT |= {"dow": "dayofweek"}
_PART_CLASSES: dict[type[exp.Expr], str] = {
    exp.Year: "year",
    exp.Quarter: "quarter",
    exp.Month: "month",
    exp.Week: "week",
    exp.Day: "day",
    exp.DayOfMonth: "dayofmonth",
    exp.DayOfYear: "dayofyear",
    exp.DayOfWeek: "dayofweek",
    exp.DayOfWeekIso: "isodow",
    exp.Hour: "hour",
    exp.Minute: "minute",
}
MONTHS = {"month": 1, "quarter": 3, "year": 12}
LENGTHS = {
    "microsecond": 1,
    "millisecond": 10**3,
    "second": 10**6,
    "minute": 60 * 10**6,
    "hour": 3600 * 10**6,
    "day": 86_400 * 10**6,
    "week": 7 * 86_400 * 10**6,
}


@dataclass(frozen=True, slots=True)
class Opaque:
    """An expression that is not a term, and why not, for an explanation."""

    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Naming:
    """How names are resolved in one clause of a block; in its SELECT list, in the item at the place *before*."""

    block: SelectBlock
    aliases: Aliases = Aliases.AFTER
    before: int | None = None


def term(node: exp.Expr, naming: Naming) -> Term | Opaque:
    """Read *node* as a term."""
    node = node.unnest()
    if isinstance(node, exp.Column):
        return _column(node, naming)
    rule = _FUNCTIONS.get(type(node))
    if rule is None or any(value and key not in _KNOWN for key, value in node.args.items()):
        return Opaque(_why(node))
    return rule(node, naming)


def _column(node: exp.Column, naming: Naming) -> Term | Opaque:
    found = resolve(node, naming.block, naming.aliases, naming.before)
    if isinstance(found, Alias):
        # An alias sees only those of earlier items, so that this ends.
        return term(found.expression, Naming(block=naming.block, before=found.position))
    return found if found is not None else Opaque("column not known for certain")


def _apply(node: exp.Expr, naming: Naming, function: Callable[[str], Function | None], name: str) -> Term | Opaque:
    inner = term(node, naming)
    if isinstance(inner, Opaque):
        return inner
    applied = function(inner.type)
    if applied is None:
        return Opaque(f"function not monotone: {name}")
    return Term(inner.column, applied.returns, (*inner.functions, applied))


def _cast(node: exp.Expr, naming: Naming) -> Term | Opaque:
    to = canonical(node.args["to"].sql(dialect="duckdb"))
    inner = term(node.this, naming)
    if isinstance(inner, Opaque) or node.args.get("format"):
        return inner if isinstance(inner, Opaque) else Opaque("cast with a format")
    if to == inner.type or _widens(inner.type, to):
        return inner
    if not _keeps_order(inner.type, to):
        return Opaque(f"cast to {to}")
    return Term(inner.column, to, (*inner.functions, Function("cast", (to,), to)))


def _keeps_order(source: str, to: str) -> bool:
    """Return whether a cast keeps the order of values; texts of dates do as long as their years have four digits."""
    if source in _TEMPORAL:
        return to in _TEMPORAL or (source == "DATE" and to == "VARCHAR")
    if source in INTEGERS:
        return to in ("DOUBLE", *INTEGERS) or decimal_scale(to) is not None
    return decimal_scale(source) is not None and (to in INTEGERS or decimal_scale(to) is not None)


def _widens(source: str, to: str) -> bool:
    """Return whether a cast changes no value and no comparison: to a wider integer of the same sign."""
    if source not in INTEGERS or to not in INTEGERS or source.startswith("U") != to.startswith("U"):
        return False
    return INTEGERS.index(to) > INTEGERS.index(source)


def _truncation(node: exp.Expr, naming: Naming) -> Term | Opaque:
    given = node.args.get("unit")
    unit = given.name.lower() if isinstance(given, exp.Var | exp.Literal) else ""
    if unit not in _UNITS or node.args.get("zone"):
        return Opaque(f"date_trunc to {unit or 'an expression'}")
    return _apply(node.this, naming, lambda kind: _truncated(unit, kind), "date_trunc")


def _truncated(unit: str, kind: str) -> Function | None:
    returns = {"DATE": "TIMESTAMP"}.get(kind, kind)
    return Function("date_trunc", (unit,), returns) if kind in _TEMPORAL else None


def _part_of(name: str, node: exp.Expr, naming: Naming) -> Term | Opaque:
    if name not in _PARTS:
        return Opaque(f"function not monotone: {name}")
    return _apply(node, naming, lambda kind: Function(name, (), "BIGINT") if kind in _TEMPORAL else None, name)


def _part(node: exp.Expr, naming: Naming) -> Term | Opaque:
    return _part_of(_PART_CLASSES[type(node)], node.this, naming)


def _extract(node: exp.Expr, naming: Naming) -> Term | Opaque:
    name = node.this.name.lower()
    return _part_of(_SHORT.get(name, name), node.expression, naming)


def _unnested(node: exp.Expr, naming: Naming) -> Term | Opaque:
    """Read ``unnest(list)`` as the column of the members of the list."""
    source = naming.block.unnested.get(id(node))
    found = None if source is None else source.term(0)
    return found if found is not None else Opaque("unnest")


def _date(node: exp.Expr, naming: Naming) -> Term | Opaque:
    return _cast(exp.Cast(this=node.this.copy(), to=exp.DataType.build("DATE")), naming)


def _strftime(node: exp.Expr, naming: Naming) -> Term | Opaque:
    given = node.args.get("format")
    # The engine takes the format first as well.
    swapped = isinstance(node.this, exp.Literal) and not isinstance(given, exp.Literal)
    pattern, moment = (node.this, given) if swapped and given is not None else (given, node.this)
    if not isinstance(pattern, exp.Literal) or pattern.name not in _FORMATS:
        return Opaque("function not monotone: strftime")
    return _apply(
        moment,
        naming,
        lambda kind: Function("strftime", (pattern.name,), "VARCHAR") if kind in _TEMPORAL else None,
        "strftime",
    )


def _anonymous(node: exp.Expr, naming: Naming) -> Term | Opaque:
    arguments = node.expressions
    first = arguments[0] if arguments else None
    if node.name.lower() in ("date_part", "datepart") and len(arguments) == 2 and isinstance(first, exp.Literal):
        name = first.name.lower()
        return _part_of(_SHORT.get(name, name), arguments[1], naming)
    if node.name.lower() in _PARTS and len(arguments) == 1:
        return _part_of(node.name.lower(), arguments[0], naming)
    return Opaque(_why(node))


def _sum(node: exp.Expr, naming: Naming) -> Term | Opaque:
    """``column + 1``, ``column - INTERVAL 3 DAY``: a shift by a fixed length."""
    sign = -1 if isinstance(node, exp.Sub) else 1
    left, right = node.this.unnest(), node.expression.unnest()
    if isinstance(node, exp.Add) and isinstance(left, exp.Literal | exp.Interval):
        left, right = right, left
    inner = term(left, naming)
    if isinstance(inner, Opaque):
        return inner
    months = _months(right)
    if months is not None and inner.type in ("DATE", "TIMESTAMP"):
        name = "add_months" if inner.type == "DATE" else "add_months_to_time"
        moved = Function(name, (sign * months,), "TIMESTAMP")
        return Term(inner.column, "TIMESTAMP", (*inner.functions, moved))
    micros = length_of(right)
    if micros is not None and inner.type in _TEMPORAL:
        if inner.type == "DATE":
            cast = Function("cast", ("TIMESTAMP",), "TIMESTAMP")
            inner = Term(inner.column, "TIMESTAMP", (*inner.functions, cast))
        step = sign * micros
    elif isinstance(right, exp.Literal) and right.is_int and inner.type in ("DATE", "INTEGER", "BIGINT"):
        step = sign * int(right.name)
    else:
        return Opaque("arithmetic on the column")
    if abs(step) >= 2**31 and inner.type in ("DATE", "INTEGER", "BIGINT"):
        return Opaque("arithmetic on the column")
    return Term(inner.column, inner.type, (*inner.functions, Function("add", (step,), inner.type)))


def length_of(node: exp.Expr) -> int | None:
    """Return the length of an INTERVAL literal in µs, if it is a fixed one (the engine's time zone is UTC)."""
    if not isinstance(node, exp.Interval) or not isinstance(node.this, exp.Literal):
        return None
    unit = node.args["unit"].name.lower().removesuffix("s") if node.args.get("unit") else ""
    text = node.this.name
    return int(text) * LENGTHS[unit] if unit in LENGTHS and text.lstrip("-").isdigit() and len(text) < 9 else None


def _months(node: exp.Expr) -> int | None:
    """Return the length of an INTERVAL literal in months, if it is one of months or years."""
    if not isinstance(node, exp.Interval) or not isinstance(node.this, exp.Literal):
        return None
    unit = node.args["unit"].name.lower().removesuffix("s") if node.args.get("unit") else ""
    text = node.this.name
    return int(text) * MONTHS[unit] if unit in MONTHS and text.lstrip("-").isdigit() and len(text) < 5 else None


def _why(node: exp.Expr) -> str:
    if isinstance(node, exp.Collate):
        return "collation"
    if node.find(exp.Query):
        return "subquery"
    if isinstance(node, exp.Anonymous):
        return f"function not monotone: {node.name.lower()}"
    if isinstance(node, exp.Func):
        return f"function not monotone: {node.sql_name().lower()}"
    if isinstance(node, exp.Binary):
        return "arithmetic on the column"
    return f"not understood: {node.key}"


_FUNCTIONS: dict[type[exp.Expr], Callable[[exp.Expr, Naming], Term | Opaque]] = {
    exp.Cast: _cast,
    exp.TryCast: _cast,
    exp.TimestampTrunc: _truncation,
    exp.DateTrunc: _truncation,
    **dict.fromkeys(_PART_CLASSES, _part),
    exp.Add: _sum,
    exp.Sub: _sum,
    exp.Extract: _extract,
    exp.Explode: _unnested,
    exp.TimeToStr: _strftime,
    exp.Date: _date,
    exp.Anonymous: _anonymous,
}
