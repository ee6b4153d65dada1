"""Aggregates that HAVING compares so that a group of no rows is left out: ``HAVING count(*) FILTER (WHERE …) > 0``.

A group none of whose rows any aggregate looks at has a count of 0, and NULL for others. Where HAVING leaves such groups
out, they need not be there at all; see ``conditional``. Of ``HAVING max(ts) >= c`` only rows count that are so
themselves: the greatest of them is the greatest of all in the groups that are left.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from operator import eq, ge, gt, le, lt, ne
from typing import Final

from sqlglot import exp

from gateway.plan.analysis.constants import Constants
from gateway.plan.analysis.facts import MIRRORED
from gateway.plan.analysis.leaves.comparison import OPERATORS
from gateway.plan.analysis.names import Alias, Aliases, resolve
from gateway.plan.analysis.sources import SelectBlock
from gateway.plan.analysis.subqueries import conditions
from gateway.predicate import FALSE, TRUE, Condition, Operator, Predicate

_ABOVE: Final = (Operator.GT, Operator.GE)
_BELOW: Final = (Operator.LT, Operator.LE)
_HOLDS: Final[dict[Operator, Callable[[int, int], bool]]] = {
    Operator.EQ: eq,
    Operator.NE: ne,
    Operator.LT: lt,
    Operator.LE: le,
    Operator.GT: gt,
    Operator.GE: ge,
}


@dataclass(frozen=True, slots=True)
class Compared:
    """An aggregate, perhaps with a FILTER, that HAVING compares with a constant; ``<> NULL`` is IS NOT NULL."""

    aggregate: exp.Expr
    operator: Operator
    constant: exp.Expr

    def passes(self, value: int | None, constants: Constants) -> Predicate | None:
        """Say when a group passes in which the aggregate has a value (None: NULL); None where that is not known."""
        if value is None:
            return FALSE
        if isinstance(self.constant, exp.Null):
            return None
        if isinstance(self.constant, exp.Literal) and self.constant.name.isdigit() and not self.constant.is_string:
            return TRUE if _HOLDS[self.operator](value, int(self.constant.name)) else FALSE
        node = next(kind for kind, operator in OPERATORS.items() if operator is self.operator)
        made = node(this=exp.Literal.number(value), expression=exp.paren(self.constant, copy=True))
        slot = constants.condition(made)
        return None if slot is None else Condition(slot)

    def bound(self) -> exp.Expr | None:
        """Return what rows satisfy that a greatest (or least) value is of: ``ts >= c`` for ``max(ts) >= c``."""
        side = _ABOVE if isinstance(self.aggregate, exp.Max) else _BELOW
        plain = isinstance(self.aggregate, exp.Max | exp.Min) and not self.aggregate.expressions
        if not plain or self.aggregate.this is None or self.operator not in side:
            return None
        node = exp.GTE if side is _ABOVE else exp.LTE
        return node(this=exp.paren(self.aggregate.this, copy=True), expression=exp.paren(self.constant, copy=True))


def compared(block: SelectBlock, constants: Constants) -> list[Compared]:
    """List the aggregates of a block that a conjunct of its HAVING compares with a constant."""
    return [found for node in conditions(block, "having") for found in _compared(node, block, constants)]


def _compared(node: exp.Expr, block: SelectBlock, constants: Constants) -> Iterator[Compared]:
    node = node.unnest()
    if isinstance(node, exp.Not) and isinstance(node.this.unnest(), exp.Is):
        tested = node.this.unnest()
        if isinstance(tested.expression, exp.Null):
            yield Compared(_meant(tested.this.unnest(), block), Operator.NE, tested.expression)
    operator = OPERATORS.get(type(node))
    if operator is None:
        return
    for one, compares, other in (
        (node.this, operator, node.expression),
        (node.expression, MIRRORED[operator], node.this),
    ):
        if constants.kind(other) is not None and constants.kind(one) is None:
            yield Compared(_meant(one.unnest(), block), compares, other.unnest())


def _meant(node: exp.Expr, block: SelectBlock) -> exp.Expr:
    """Return what an alias of the SELECT list means in HAVING."""
    if not isinstance(node, exp.Column):
        return node
    found = resolve(node, block, Aliases.AFTER)
    return found.expression.unnest() if isinstance(found, Alias) else node
