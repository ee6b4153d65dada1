"""Aggregates that HAVING compares so that a group of no rows is left out: ``HAVING count(*) FILTER (WHERE …) > 0``.

A group none of whose rows any aggregate looks at has a count of 0, and NULL for others. Where HAVING leaves such groups
out, or a query around the block does, they need not be there at all; see ``conditional``. Of ``HAVING max(ts) >= c``
only rows count that are so themselves: the greatest of them is the greatest of all in the groups that are left. So it
is with ``HAVING bool_or(c)``, which one row of a group decides for which *c* is TRUE.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from operator import eq, ge, gt, le, lt, ne
from typing import Final

from sqlglot import exp

from gateway.plan.analysis.aggregation import is_extreme
from gateway.plan.analysis.constants import Constants, Literal
from gateway.plan.analysis.facts import Fact, either_way
from gateway.plan.analysis.leaves.comparison import OPERATORS
from gateway.plan.analysis.names import Aliases, meant
from gateway.plan.analysis.sources import SelectBlock, output_key
from gateway.plan.analysis.subqueries import conditions
from gateway.plan.analysis.terms import Naming, term
from gateway.predicate import FALSE, TRUE, And, Comparison, Condition, Operator, Predicate, Term

_ABOVE: Final = (Operator.GT, Operator.GE)
_BELOW: Final = (Operator.LT, Operator.LE)
_BETWEEN: Final = ("limit", "offset", "distinct")
"""What takes some of the rows of a block before the query around it does."""
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
    constant: exp.Expr | None = None
    slot: int = -1
    """That of the constant, where it is a query around the block that compares."""

    def passes(self, value: int | None, constants: Constants) -> Predicate | None:
        """Say when a group passes in which the aggregate has a value (None: NULL); None where that is not known."""
        if value is None:
            return FALSE
        if self.constant is None:
            known = constants.slots[self.slot]
            number = known.value if isinstance(known, Literal) else None
            passes = isinstance(number, int) and not _HOLDS[self.operator](value, number)
            return FALSE if passes else None
        if isinstance(self.constant, exp.Null):
            return None
        if isinstance(self.constant, exp.Literal) and self.constant.name.isdigit() and not self.constant.is_string:
            return TRUE if _HOLDS[self.operator](value, int(self.constant.name)) else FALSE
        node = next(kind for kind, operator in OPERATORS.items() if operator is self.operator)
        made = node(this=exp.Literal.number(value), expression=exp.paren(self.constant, copy=True))
        slot = constants.condition(made)
        return None if slot is None else Condition(slot)

    def bound(self, naming: Naming) -> exp.Expr | Predicate | None:
        """Return what rows satisfy that a greatest (or least) value is of: ``ts >= c`` for ``max(ts) >= c``."""
        side = _ABOVE if isinstance(self.aggregate, exp.Max) else _BELOW
        if not is_extreme(self.aggregate) or self.operator not in side:
            return None
        if self.constant is None:
            found = term(self.aggregate.this, naming)
            limit = Operator.GE if side is _ABOVE else Operator.LE
            return Comparison(found, limit, self.slot) if isinstance(found, Term) else None
        node = exp.GTE if side is _ABOVE else exp.LTE
        return node(this=exp.paren(self.aggregate.this, copy=True), expression=exp.paren(self.constant, copy=True))

    def holding(self, constants: Constants) -> exp.Expr | None:
        """Return the condition that is TRUE of some row of a group that passes: *c* of ``bool_or(c)``."""
        if not isinstance(self.aggregate, exp.LogicalOr) or self.operator is not Operator.EQ:
            return None
        known = constants.slots[self.slot] if self.constant is None else self.constant
        wanted = known.value is True if isinstance(known, Literal) else isinstance(known, exp.Boolean) and known.this
        inner = self.aggregate.this
        return inner if wanted and isinstance(inner, exp.Expr) and not isinstance(inner, exp.Distinct) else None


def compared(block: SelectBlock, constants: Constants) -> list[Compared]:
    """List the aggregates of a block that a conjunct of its HAVING compares with a constant."""
    return [found for node in conditions(block, "having") for found in _compared(node, block, constants)]


def compared_around(block: SelectBlock, required: Sequence[Fact]) -> Iterator[Compared]:
    """Walk the aggregates of a block that what is *required* of its rows compares with a constant."""
    items, outputs = block.node.expressions, block.outputs or ()
    if len(items) != len(outputs) or any(block.node.args.get(key) for key in _BETWEEN):
        return
    by_key = {output_key(block, at): item.unalias().unnest() for at, item in enumerate(items)}
    for fact in required:
        for part in fact.predicate.parts if isinstance(fact.predicate, And) else (fact.predicate,):
            if isinstance(part, Comparison) and part.term.column in by_key and not part.term.functions:
                yield Compared(by_key[part.term.column], part.operator, slot=part.slot)


def _compared(node: exp.Expr, block: SelectBlock, constants: Constants) -> Iterator[Compared]:
    node = node.unnest()
    if isinstance(node, exp.Not) and isinstance(node.this.unnest(), exp.Is):
        tested = node.this.unnest()
        if isinstance(tested.expression, exp.Null):
            yield Compared(meant(tested.this.unnest(), block, Aliases.AFTER), Operator.NE, tested.expression)
    if isinstance(meant(node, block, Aliases.AFTER), exp.LogicalOr):
        yield Compared(meant(node, block, Aliases.AFTER), Operator.EQ, exp.true())
    operator = OPERATORS.get(type(node))
    if operator is None:
        return
    for one, compares, other in either_way(node.this, operator, node.expression):
        if constants.kind(other) is not None and constants.kind(one) is None:
            yield Compared(meant(one.unnest(), block, Aliases.AFTER), compares, other.unnest())
