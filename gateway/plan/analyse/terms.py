"""Which expressions are a column under functions that keep NULL as NULL, and are thus a ``Term``."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from sqlglot import exp

from gateway.plan.analyse.sources import Alias, SelectBlock, alias, resolve
from gateway.plan.analyse.types import INTEGERS, TIMESTAMPTZ, canonical
from gateway.predicate import Function, Term

_TEMPORAL = ("DATE", "TIMESTAMP", TIMESTAMPTZ)
_UNITS = {
    *("microseconds", "milliseconds", "second", "minute", "hour", "day", "week"),
    *("month", "quarter", "year", "decade", "century", "millennium"),
}


@dataclass(frozen=True, slots=True)
class Opaque:
    """An expression that is not a term, and why, for people."""

    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Naming:
    """How names are resolved in one clause: aliases may be seen, and may hide columns (HAVING, QUALIFY)."""

    block: SelectBlock
    aliases: bool = True
    hiding: bool = False
    joining: bool = False
    """In an ON: the right sides of SEMI and ANTI joins are visible, aliases are not."""


def term(node: exp.Expr, naming: Naming) -> Term | Opaque:
    """Read *node* as a term."""
    node = node.unnest()
    if isinstance(node, exp.Column):
        return _column(node, naming)
    rule = _FUNCTIONS.get(type(node))
    if rule is None:
        return Opaque(_why(node))
    return rule(node, naming)


def _column(node: exp.Column, naming: Naming) -> Term | Opaque:
    name = node.name.lower()
    hidden = alias(naming.block, name) if naming.hiding and not node.table else None
    if hidden is not None and not (isinstance(hidden, exp.Column) and hidden.name.lower() == name):
        return Opaque("name of an alias")
    found = resolve(node, naming.block, aliases=naming.aliases and not naming.joining, hidden=naming.joining)
    if isinstance(found, Alias):
        # An alias is not seen inside itself, so that this ends.
        return term(found.expression, Naming(block=naming.block, aliases=False))
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
    if inner.type in _TEMPORAL and to in _TEMPORAL:
        return Term(inner.column, to, (*inner.functions, Function("cast", (to,), to)))
    return Opaque(f"cast to {to}")


def _widens(source: str, to: str) -> bool:
    """Say whether a cast changes no value and no comparison: to a wider integer of the same sign."""
    if source not in INTEGERS or to not in INTEGERS or source.startswith("U") != to.startswith("U"):
        return False
    return INTEGERS.index(to) > INTEGERS.index(source)


def _truncation(node: exp.Expr, naming: Naming) -> Term | Opaque:
    unit = node.args["unit"].name.lower() if node.args.get("unit") else ""
    if unit not in _UNITS or node.args.get("zone"):
        return Opaque(f"date_trunc to {unit or 'an expression'}")
    return _apply(node.this, naming, lambda kind: _truncated(unit, kind), "date_trunc")


def _truncated(unit: str, kind: str) -> Function | None:
    returns = {"DATE": "TIMESTAMP"}.get(kind, kind)
    return Function("date_trunc", (unit,), returns) if kind in _TEMPORAL else None


def _year_of(node: exp.Expr, naming: Naming) -> Term | Opaque:
    return _apply(node, naming, lambda kind: Function("year", (), "BIGINT") if kind in _TEMPORAL else None, "year")


def _year(node: exp.Expr, naming: Naming) -> Term | Opaque:
    return _year_of(node.this, naming)


def _extract(node: exp.Expr, naming: Naming) -> Term | Opaque:
    if node.this.name.lower() not in ("year", "years", "y"):
        return Opaque(f"function not monotone: {node.this.name.lower()}")
    return _year_of(node.expression, naming)


def _strftime(node: exp.Expr, naming: Naming) -> Term | Opaque:
    pattern = node.args.get("format")
    if not isinstance(pattern, exp.Literal) or pattern.name not in ("%Y", "%Y-%m", "%Y-%m-%d", "%Y%m", "%Y%m%d"):
        return Opaque("function not monotone: strftime")
    return _apply(
        node.this,
        naming,
        lambda kind: Function("strftime", (pattern.name,), "VARCHAR") if kind in _TEMPORAL else None,
        "strftime",
    )


def _anonymous(node: exp.Expr, naming: Naming) -> Term | Opaque:
    arguments = node.expressions
    first = arguments[0] if arguments else None
    if node.name.lower() in ("date_part", "datepart") and len(arguments) == 2 and isinstance(first, exp.Literal):
        return _extract(exp.Extract(this=exp.var(first.name), expression=arguments[1].copy()), naming)
    return Opaque(_why(node))


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
    exp.Year: _year,
    exp.Extract: _extract,
    exp.TimeToStr: _strftime,
    exp.Anonymous: _anonymous,
}
