"""Compiles a condition into a predicate: negation is pushed to the leaves, and what is not understood is TRUE."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from sqlglot import exp

from gateway.plan.analysis.constants import Constants, Literal
from gateway.plan.analysis.terms import Naming, Opaque, term
from gateway.plan.analysis.types import NULL, resolve
from gateway.predicate import (
    FALSE,
    TRUE,
    Comparison,
    Condition,
    Function,
    Membership,
    NullCheck,
    Operator,
    Predicate,
    Term,
    all_of,
    any_of,
)

_KNOWN = {"this", "expression", "expressions", "query", "field", "low", "high", "symmetric", "table", "negate"}
_KNOWN |= {"ifs", "default", "true", "false"}
"""What a condition may hold besides its operands: the rules look at all of these, and at nothing else."""


@dataclass(slots=True, kw_only=True)
class Compiler:
    """Compiles the conditions of one clause by *rules*; ``reasons`` says what could not be used.

    *otherwise* reads the leaves that no rule can use.
    """

    naming: Naming
    constants: Constants
    rules: Sequence[Rule]
    otherwise: Otherwise
    reasons: list[str] = field(default_factory=list)

    def compile(self, node: exp.Expr, negated: bool = False) -> Predicate:
        """Return what holds wherever *node* (or, *negated*, its negation) is TRUE."""
        node = node.unnest()
        if isinstance(node, exp.Not):
            return self.compile(node.this, not negated)
        if isinstance(node, exp.And | exp.Or):
            joined = all_of if isinstance(node, exp.And) != negated else any_of
            return joined(self.compile(node.left, negated), self.compile(node.right, negated))
        condition = self.constants.condition(node, negated)
        if condition is not None:
            return _decided(self.constants, condition)
        noted = len(self.reasons)
        made = self._leaf(node, negated)
        asked = self.otherwise(self.constants, self.naming, node, negated) if made == TRUE else None
        if asked is None:
            return made
        del self.reasons[noted:]
        return asked

    def _leaf(self, node: exp.Expr, negated: bool) -> Predicate:
        if any(value and key not in _KNOWN for key, value in node.args.items()):
            return self.unused(f"not understood: {node.key}")
        for rule in self.rules:
            made = rule(self, node, negated)
            if made is not None:
                return made
        return self.unused("subquery" if node.find(exp.Query) else f"not understood: {node.key}")

    def unused(self, reason: str) -> Predicate:
        """Note why a leaf is not used."""
        self.reasons.append(reason)
        return TRUE

    def term(self, node: exp.Expr) -> Term | Opaque:
        """Read *node* as a term."""
        return term(node, self.naming)

    def kinds(self, nodes: Sequence[exp.Expr]) -> list[str] | None:
        """Return the types of constants; None if one of them is not a constant."""
        kinds = [self.constants.kind(node) for node in nodes]
        return [kind for kind in kinds if kind is not None] if None not in kinds else None

    def compared(self, found: Term, kinds: Sequence[str]) -> Term | None:
        """Return *found* in the type in which it is compared with constants of types *kinds*."""
        resolved = resolve(found.type, kinds)
        if resolved is None:
            self.unused("type")
            return None
        if not resolved.cast:
            return found
        cast = Function("cast", (resolved.type,), resolved.type)
        return Term(found.column, resolved.type, (*found.functions, cast))

    def comparison(self, found: Term, operator: Operator, node: exp.Expr, kinds: Sequence[str]) -> Predicate:
        """Compare a term with a constant, one of several operands of types *kinds*."""
        if self.constants.kind(node) == NULL:
            return FALSE
        compared = self.compared(found, kinds)
        if compared is None:
            return TRUE
        slot = self.constants.slot(node, compared.type)
        if slot is None:
            return self.unused("type")
        return keeping_null(Comparison(compared, operator, slot), operator is Operator.NE)


def keeping_null(leaf: Comparison | Membership, unequal: bool) -> Predicate:
    """Keep NULL under a function that is compared by <>: DuckDB 1.5.5 folds ``date_trunc(…) <> …`` to TRUE there."""
    if not unequal or not leaf.term.functions:
        return leaf
    return any_of(leaf, NullCheck(column_of(leaf.term)))


def column_of(found: Term) -> Term:
    """Return the column under a term; its type is not needed where only NULL matters."""
    return Term(found.column, found.type) if not found.functions else Term(found.column, "")


def _decided(constants: Constants, slot: int) -> Predicate:
    constant = constants.slots[slot]
    if isinstance(constant, Literal):
        return TRUE if constant.value is True else FALSE
    return Condition(slot)


Rule = Callable[[Compiler, exp.Expr, bool], Predicate | None]
"""Reads one form of leaf (negated or not); None: the condition is not of that form."""
Otherwise = Callable[[Constants, Naming, exp.Expr, bool], Predicate | None]
