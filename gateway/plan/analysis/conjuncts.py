"""Turns a conjunct of a condition into facts: its predicate, and the columns that it compares with each other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from sqlglot import exp

from gateway.plan.analysis.constants import Constants
from gateway.plan.analysis.facts import Edge, Fact, keys
from gateway.plan.analysis.fixed import alternatives, together
from gateway.plan.analysis.leaves import RULES, Compiler, refuted
from gateway.plan.analysis.leaves.comparison import OPERATORS
from gateway.plan.analysis.terms import Naming, term
from gateway.predicate import TRUE, NullCheck, Operator, Term, all_of, any_of

JOINT: Final = 0
"""Stands for the identity of several conjuncts."""


def facts_of(node: exp.Expr, naming: Naming, constants: Constants, rule: str) -> list[Fact]:
    """Return what holds of every row for which the conjunct *node* is TRUE."""
    edges = edges_of(node, naming)
    sql = shown(node, constants)
    forms = alternatives(node, naming, constants.kind)
    made = [edge_fact(edge, sql, rule, id(node)) for edge in edges]
    if made and forms == [node]:
        return made
    compiler = Compiler(naming=naming, constants=constants, rules=RULES, otherwise=refuted)
    predicate = any_of(*(compiler.compile(form) for form in forms))
    mentions = keys(predicate) | mentioned(node, naming)
    reason = compiler.reasons[0] if compiler.reasons and predicate == TRUE else None
    if made and predicate == TRUE:
        return made
    return [*made, Fact(predicate=predicate, sql=sql, rule=rule, origin=id(node), mentions=mentions, blocked=reason)]


def facts_of_all(nodes: Sequence[exp.Expr], naming: Naming, constants: Constants, rule: str) -> list[Fact]:
    """Return what holds where conjuncts that speak of the same rows of constants are TRUE together."""
    joint = together(nodes, naming)
    return [replace(fact, origin=JOINT) for node in joint for fact in facts_of(node, naming, constants, rule)]


def edge_fact(edge: Edge, sql: str, rule: str, origin: int) -> Fact:
    """Return the fact that two columns compare as TRUE: neither is NULL."""
    ends = (edge.left, edge.right)
    present = all_of(*(NullCheck(Term(end.column, end.type if not end.functions else ""), True) for end in ends))
    mentions = frozenset(end.column for end in ends)
    return Fact(predicate=present, sql=sql, rule=rule, origin=origin, mentions=mentions, edge=edge)


def shown(node: exp.Expr, constants: Constants) -> str:
    """Write a condition for people."""
    return constants.text.readable(node.sql(dialect="duckdb"))


def mentioned(node: exp.Expr, naming: Naming) -> frozenset[str]:
    """Return the keys of the columns that stand anywhere in a condition, as far as they can be resolved."""
    found = (term(column, naming) for column in node.find_all(exp.Column))
    return frozenset(column_term.column for column_term in found if isinstance(column_term, Term))


def edges_of(node: exp.Expr, naming: Naming) -> list[Edge]:
    """Return the comparisons between two columns that *node* consists of."""
    node = node.unnest()
    if isinstance(node, exp.Between) and not node.args.get("symmetric"):
        middle, low, high = (_bare(node.args[key], naming) for key in ("this", "low", "high"))
        # All three operands are brought to one type, so one type is asked of all three.
        if middle is None or low is None or high is None or not middle.type == low.type == high.type:
            return []
        return [Edge(middle, Operator.GE, low), Edge(middle, Operator.LE, high)]
    operator = OPERATORS.get(type(node))
    if operator is None:
        return []
    if isinstance(node.this.unnest(), exp.Tuple):
        return []
    left, right = _side(node.this, naming), _side(node.expression, naming)
    if left is None or right is None or left.column == right.column or left.type != right.type:
        return []
    if operator is Operator.EQ and left.functions:
        left, right = right, left
    if left.functions or (right.functions and operator is not Operator.EQ):
        return []
    return [Edge(left, operator, right)]


def _side(node: exp.Expr, naming: Naming) -> Term | None:
    found = term(node, naming)
    return found if isinstance(found, Term) else None


def _bare(node: exp.Expr, naming: Naming) -> Term | None:
    found = _side(node, naming)
    return found if found is not None and not found.functions else None
