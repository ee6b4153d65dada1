"""Turns a conjunct of a condition into facts: its predicate, and the columns that it compares with each other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from sqlglot import exp

from gateway.plan.analysis.computed import computed
from gateway.plan.analysis.constants import Constants
from gateway.plan.analysis.deterministic import is_deterministic, is_strict
from gateway.plan.analysis.differences import edges_of_difference, sides_of
from gateway.plan.analysis.facts import Edge, Fact, Related, keys
from gateway.plan.analysis.fixed import alternatives, together
from gateway.plan.analysis.leaves import RULES, Compiler, refuted
from gateway.plan.analysis.leaves.comparison import OPERATORS
from gateway.plan.analysis.ranges import name_of
from gateway.plan.analysis.terms import Naming, term
from gateway.plan.analysis.types import TIMESTAMPTZ
from gateway.predicate import TRUE, Function, NullCheck, Operator, Term, all_of, any_of

JOINT: Final = 0
"""Stands for the identity of several conjuncts."""
_TIMES = ("DATE", "TIMESTAMP", TIMESTAMPTZ)
"""Types of times that compare with each other, in the later of the two here."""
WHOLE = ("TINYINT", "SMALLINT", "INTEGER", "BIGINT")
"""Types of numbers that do."""


def facts_of(node: exp.Expr, naming: Naming, constants: Constants, rule: str) -> list[Fact]:
    """Return what holds of every row for which the conjunct *node* is TRUE."""
    edges = edges_of(node, naming, constants) or related(node, naming, constants)
    sql = shown(node, constants)
    forms = alternatives(node, naming, constants.kind)
    made = [edge_fact(edge, sql, rule, id(node)) for edge in edges]
    if made and forms == [node] and not any(_is_of_one_source(edge) for edge in edges):
        return made
    compiler = Compiler(naming=naming, constants=constants, rules=RULES, otherwise=refuted)
    predicate = any_of(*(compiler.compile(form) for form in forms))
    mentions = keys(predicate) | mentioned(node, naming)
    reason = compiler.reasons[0] if compiler.reasons and predicate == TRUE else None
    if made and predicate == TRUE:
        return made
    return [*made, Fact(predicate=predicate, sql=sql, rule=rule, origin=id(node), mentions=mentions, blocked=reason)]


def related(node: exp.Expr, naming: Naming, constants: Constants) -> list[Edge]:
    """Read any deterministic condition of a column of one source and one of another, which NULL does not satisfy."""
    node = node.unnest()
    if isinstance(node, exp.Between) and not node.args.get("symmetric"):
        return _between(node, naming, constants)
    found = {name_of(column): term(column, naming) for column in node.find_all(exp.Column)}
    known = {name: one for name, one in found.items() if isinstance(one, Term) and not one.functions}
    terms = list(dict.fromkeys(known.values()))
    if len(terms) != 2 or len(known) < len(found) or not (is_deterministic(node) and is_strict(node)):
        return []
    names = tuple((name, one.column) for name, one in known.items())
    edge = Related(terms[0], Operator.NE, terms[1], node.sql(dialect="duckdb"), names, constants.named(node))
    return [] if _is_of_one_source(edge) else [edge]


def _between(node: exp.Between, naming: Naming, constants: Constants) -> list[Edge]:
    """Read each half of a BETWEEN of times, or of whole numbers, which are compared alike alone."""
    kinds = {
        found.type
        for found in (term(column, naming) for column in node.find_all(exp.Column))
        if isinstance(found, Term)
    }
    if not any(kinds <= set(family) for family in (_TIMES, WHOLE)):
        return []
    halves = [
        exp.GTE(this=node.this.copy(), expression=node.args["low"].copy()),
        exp.LTE(this=node.this.copy(), expression=node.args["high"].copy()),
    ]
    return [edge for half in halves for edge in edges_of(half, naming, constants) or related(half, naming, constants)]


def _is_of_one_source(edge: Edge) -> bool:
    return edge.left.column.partition(".")[0] == edge.right.column.partition(".")[0]


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


def edges_of(node: exp.Expr, naming: Naming, constants: Constants) -> list[Edge]:
    """Return the comparisons between two columns that *node* consists of."""
    node = node.unnest()
    if isinstance(node, exp.Between) and not node.args.get("symmetric"):
        # All three operands are brought to one type.
        sides = _compared([node.args[key] for key in ("this", "low", "high")], naming)
        if sides is None:
            differences = [edges_of_difference(*side, naming) for side in sides_of(node)]
            return [edge for edges in differences for edge in edges] if all(differences) else []
        found = [] if sides is None else [(sides[0], Operator.GE, sides[1]), (sides[0], Operator.LE, sides[2])]
        # One of two that cannot be used would hide the whole condition: an edge is all that is read of it.
        edges = [Edge(*one) for one in found if one[0].column != one[2].column]
        return edges if len(edges) == len(found) else []
    operator = OPERATORS.get(type(node))
    if operator is None or isinstance(node.this.unnest(), exp.Tuple):
        return []
    sides = _compared([node.this, node.expression], naming)
    if sides is None:
        made = edges_of_difference(node.this, operator, node.expression, naming)
        return made if made or operator is not Operator.EQ else _computed(node, naming, constants)
    return [] if sides[0].column == sides[1].column else [Edge(sides[0], operator, sides[1])]


def _computed(node: exp.Expr, naming: Naming, constants: Constants) -> list[Edge]:
    """Read an equality of expressions of a column of one source and one of another."""
    found = [computed(side, naming, constants.kind) for side in (node.this, node.expression)]
    sides = in_one_type([side for side in found if side is not None]) if None not in found else None
    edge = None if sides is None else Edge(sides[0], Operator.EQ, sides[1])
    return [] if edge is None or _is_of_one_source(edge) else [edge]


def _compared(nodes: list[exp.Expr], naming: Naming) -> list[Term] | None:
    """Read operands as terms in the one type in which they are compared; None where they cannot be."""
    found = [term(node, naming) for node in nodes]
    terms = [side for side in found if isinstance(side, Term)]
    return in_one_type(terms) if len(terms) == len(nodes) else None


def in_one_type(terms: list[Term]) -> list[Term] | None:
    """Cast terms to the one type in which they are compared; None where that is not one of ours."""
    kinds = {side.type for side in terms}
    if len(kinds) == 1:
        return terms
    family = next((family for family in (_TIMES, WHOLE) if kinds <= set(family)), None)
    if family is None:
        return None
    common = max(kinds, key=family.index)
    return [_as(side, common) for side in terms]


def _as(side: Term, kind: str) -> Term:
    """Cast a time or a number to a type that is compared with it; the engine's time zone is UTC."""
    return side if side.type == kind else Term(side.column, kind, (*side.functions, Function("cast", (kind,), kind)))
