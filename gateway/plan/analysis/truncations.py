"""Calls of ``date_trunc`` that the engine may turn into a range of their column, which passes over row groups.

The engine's own ``date_trunc`` is hidden by a macro that its optimiser does not look into (``engine.instance``), for
of what the optimiser makes of a comparison with a constant some is wrong: NULL under NOT, infinite constants, hours of
a DATE, centuries before Christ. What is listed here is right: whole days and longer, up to years, of a column compared
with a finite constant, where a WHERE asks for TRUE and nothing else.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from sqlglot import exp

from gateway.plan.analysis.constants import Constants
from gateway.plan.analysis.types import TIMESTAMPTZ, canonical

BUILT_IN: Final = "system.main."
"""What stands before the name of a function that is not to be a macro's."""
_TRUNCATION = re.compile(r"(?:date_trunc|datetrunc)\s*\(\s*'(?:day|week|month|quarter|year)'\s*,", re.IGNORECASE)
_COMPARISONS = (exp.EQ, exp.LT, exp.LTE, exp.GT, exp.GTE)
_MOMENTS = {"DATE", "TIMESTAMP", TIMESTAMPTZ}
_FINITE = re.compile(r"\d{4}-\d\d-\d\d(?:[ T]\d\d:\d\d(?::\d\d(?:\.\d{1,6})?)?)?", re.ASCII)


def built_in_truncations(constants: Constants, tree: exp.Expr) -> Iterator[int]:
    """List the positions in the author's text of the calls that the engine may look into."""
    for call in tree.find_all(exp.TimestampTrunc):
        comparison = _around(call)
        if isinstance(call.this.unnest(), exp.Column) and _is_asked_for(comparison):
            start = constants.text.position(int(call.meta["start"]))
            if _TRUNCATION.match(constants.text.author, start) and _is_with_constants(comparison, call, constants):
                yield start


def _around(node: exp.Expr) -> exp.Expr | None:
    parent = node.parent
    while isinstance(parent, exp.Paren):
        parent = parent.parent
    return parent


def _is_asked_for(node: exp.Expr | None) -> bool:
    """Return whether a comparison is part of the conjunctions and disjunctions that a WHERE is made of."""
    if not isinstance(node, (*_COMPARISONS, exp.Between)):
        return False
    above = _around(node)
    while isinstance(above, exp.And | exp.Or):
        above = _around(above)
    return isinstance(above, exp.Where) and isinstance(above.parent, exp.Select)


def _is_with_constants(comparison: exp.Expr | None, call: exp.Expr, constants: Constants) -> bool:
    if comparison is None or comparison.args.get("symmetric"):
        return False
    sides = comparison.unnest_operands()
    others = [side for side in sides if side is not call]
    return len(others) == len(sides) - 1 and all(_is_finite(other, constants) for other in others)


def _is_finite(node: exp.Expr, constants: Constants) -> bool:
    """Return whether a node is a constant day or instant of the years 1 to 9999, by its text or its type."""
    node = node.unnest()
    if isinstance(node, exp.Literal):
        return node.is_string and _FINITE.fullmatch(node.name) is not None
    if isinstance(node, exp.Placeholder):
        return constants.kind(node) in _MOMENTS
    if isinstance(node, exp.Cast):
        return canonical(node.args["to"].sql(dialect="duckdb")) in _MOMENTS and _is_finite(node.this, constants)
    return isinstance(node, exp.TimestampTrunc) and _is_finite(node.this, constants)
