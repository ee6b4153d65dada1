"""Functions that no two values have one value of: where two sides are equal under one of them, so is what is below it.

Such are sums and products with a whole number, the texts of whole numbers and days, and constant texts around a text.
So ``'u' || a.uid = 'u' || b.uid`` says that ``a.uid = b.uid``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Final

import sqlglot
from sqlglot import exp

from gateway.plan.analysis.computed import others_in
from gateway.plan.analysis.types import INTEGERS, canonical
from gateway.predicate import EXPRESSION, Function, Term

_WRITTEN: Final = frozenset({"VARCHAR", "DATE", *INTEGERS})
"""Types whose values have texts of their own."""


def unwrapped(left: Term, right: Term, type_of: Callable[[Term], str | None]) -> tuple[Term, Term]:
    """Take off two terms, which are equal, the functions that they have in common; *type_of* is that of a column."""
    while left.functions and right.functions and left.functions[-1] == right.functions[-1] and not others_in(left):
        inner = _below(left, type_of), _below(right, type_of)
        kinds = {None if one is None else one.type for one in inner}
        if inner[0] is None or inner[1] is None or not (len(kinds) == 1 or kinds <= set(INTEGERS)):
            break
        if not all(_is_injective(left.functions[-1], str(kind)) for kind in kinds):
            break
        left, right = inner[0], inner[1]
    return left, right


def _below(found: Term, type_of: Callable[[Term], str | None]) -> Term | None:
    functions = found.functions[:-1]
    kind = functions[-1].returns if functions else type_of(found)
    return None if kind is None else replace(found, type=kind, functions=functions)


def _is_injective(function: Function, argument: str) -> bool:
    match function.name:
        case "add":
            return True
        case "cast":
            return (argument, function.returns) in {("DATE", "TIMESTAMP"), ("DATE", "VARCHAR")}
        case name if name == EXPRESSION and argument in _WRITTEN:
            return _keeps_apart(sqlglot.parse_one(str(function.arguments[0]), read="duckdb"), argument) is not None
        case _:
            return False


def _keeps_apart(node: exp.Expr, argument: str) -> str | None:
    """Return the type of an expression of one column that no two values of it have one value of."""
    node = node.unnest()
    if isinstance(node, exp.Column):
        return "INTEGER" if argument in INTEGERS else argument
    if isinstance(node, exp.Cast):
        inner, to = _keeps_apart(node.this, argument), canonical(node.to.sql(dialect="duckdb"))
        return to if inner is not None and (to == "VARCHAR" or (inner == "INTEGER" and to == "BIGINT")) else None
    if isinstance(node, exp.Neg):
        return "INTEGER" if _keeps_apart(node.this, argument) in INTEGERS else None
    if not isinstance(node, exp.DPipe | exp.Add | exp.Sub | exp.Mul):
        return None
    constants = [side for side in (node.left.unnest(), node.right.unnest()) if isinstance(side, exp.Literal)]
    sides = [side for side in (node.left, node.right) if side.unnest() not in constants]
    inner = _keeps_apart(sides[0], argument) if len(constants) == len(sides) == 1 else None
    if isinstance(node, exp.DPipe):
        return "VARCHAR" if inner is not None and constants[0].is_string else None
    number = constants[0].name if inner in INTEGERS and constants[0].is_int else ""
    return "INTEGER" if number.strip("0") or (number and not isinstance(node, exp.Mul)) else None
