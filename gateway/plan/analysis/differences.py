"""Differences of two columns that are compared with a number or a length: ``a.ts::DATE - b.d BETWEEN 0 AND 2``.

They are read as a comparison between the columns: ``a.ts::DATE >= b.d AND a.ts::DATE <= b.d + 2``. So are periods that
are counted between two times: ``date_diff('month', b.d, a.ts) = 1`` is ``date_trunc('month', a.ts) =
date_trunc('month', b.d) + INTERVAL 1 MONTH``.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from sqlglot import exp

from gateway.plan.analysis.facts import MIRRORED, Edge
from gateway.plan.analysis.terms import LENGTHS, MONTHS, Naming, length_of, term
from gateway.plan.analysis.types import INTEGERS
from gateway.predicate import Function, Operator, Term

_MOST: Final = 100_000
"""Periods between two times, at most."""
_UNITS: Final = {"hour", "day", "week", "month", "quarter", "year"}
_BELOW: Final = (Operator.LT, Operator.LE)


def edges_of_difference(left: exp.Expr, operator: Operator, right: exp.Expr, naming: Naming) -> list[Edge]:
    """Read a comparison of a difference with a literal, on either side; none where it is no such comparison."""
    if isinstance(left.unnest(), exp.Literal | exp.Interval | exp.Neg):
        left, operator, right = right, MIRRORED[operator], left
    left = left.unnest()
    if isinstance(left, exp.Abs):
        return _within(left.this, operator, right, naming)
    number = _number(right)
    if isinstance(left, exp.DateDiff):
        edge = None if number is None else _counted(left, operator, number, naming)
    elif isinstance(left, exp.Sub):
        edge = _subtracted(left, operator, number, right, naming)
    else:
        return []
    return [] if edge is None or edge.left.column == edge.right.column else [edge]


def _within(node: exp.Expr, operator: Operator, right: exp.Expr, naming: Naming) -> list[Edge]:
    """Read ``abs(a - b) <= 3``: the difference lies between two numbers."""
    number = _number(right)
    if operator not in _BELOW or number is None:
        return []
    low = exp.Neg(this=exp.Literal.number(number)) if number >= 0 else exp.Literal.number(-number)
    ends = [(operator, exp.Literal.number(number)), (MIRRORED[operator], low)]
    found = [edges_of_difference(node, compared, end, naming) for compared, end in ends]
    return [edge for edges in found for edge in edges] if all(found) else []


def _subtracted(node: exp.Sub, operator: Operator, number: int | None, length: exp.Expr, naming: Naming) -> Edge | None:
    """Read ``a - b`` of two dates or whole numbers, beside a number, or of two times, beside a length."""
    one, other = term(node.left, naming), term(node.right, naming)
    if not isinstance(one, Term) or not isinstance(other, Term) or one.type != other.type:
        return None
    step = length_of(length.unnest()) if one.type == "TIMESTAMP" else number
    if step is None or one.type not in ("DATE", "TIMESTAMP", *INTEGERS) or one.type.startswith("U"):
        return None
    return Edge(one, operator, _moved(other, step))


def _counted(node: exp.DateDiff, operator: Operator, number: int, naming: Naming) -> Edge | None:
    """Read ``date_diff(unit, b, a)``: the periods that begin after the one time, to the other one."""
    unit = node.args.get("unit")
    name = unit.name.lower().removesuffix("s") if isinstance(unit, exp.Var | exp.Literal) else ""
    sides = [term(side, naming) for side in (node.this, node.expression)]
    known = [side for side in sides if isinstance(side, Term) and side.type in ("DATE", "TIMESTAMP")]
    if name not in _UNITS or len(known) < len(sides) or abs(number) > _MOST:
        return None
    later, earlier = (_cut(side, name) for side in known)
    if name in MONTHS:
        moved = Function("add_months_to_time", (number * MONTHS[name],), "TIMESTAMP")
        return Edge(later, operator, Term(earlier.column, "TIMESTAMP", (*earlier.functions, moved)))
    return Edge(later, operator, _moved(earlier, number if name == "day" else number * LENGTHS[name]))


def _cut(side: Term, unit: str) -> Term:
    if unit == "day":
        functions = [] if side.type == "DATE" else [Function("cast", ("DATE",), "DATE")]
        return Term(side.column, "DATE", (*side.functions, *functions))
    return Term(side.column, "TIMESTAMP", (*side.functions, Function("date_trunc", (unit,), "TIMESTAMP")))


def _moved(side: Term, step: int) -> Term:
    return side if step == 0 else Term(side.column, side.type, (*side.functions, Function("add", (step,), side.type)))


def _number(node: exp.Expr) -> int | None:
    node = node.unnest()
    if isinstance(node, exp.Neg):
        inner = _number(node.this)
        return None if inner is None else -inner
    plain = isinstance(node, exp.Literal) and not node.is_string and node.name.isdigit() and len(node.name) < 10
    return int(node.name) if plain else None


def sides_of(node: exp.Between) -> Iterator[tuple[exp.Expr, Operator, exp.Expr]]:
    """Write a BETWEEN as its two comparisons."""
    yield node.this, Operator.GE, node.args["low"]
    yield node.this, Operator.LE, node.args["high"]
