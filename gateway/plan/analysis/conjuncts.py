"""Turns a conjunct of a condition into facts: its predicate, and the columns that it compares with each other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from sqlglot import exp

from gateway.plan.analysis.computed import at_null, computed, is_opaque, opaque, others_in
from gateway.plan.analysis.constants import Constants
from gateway.plan.analysis.deterministic import columns_in, is_deterministic, is_strict
from gateway.plan.analysis.differences import edges_of_difference, sides_of
from gateway.plan.analysis.facts import Edge, Fact, Loose, Related, are_of_one_source, either_way, keys
from gateway.plan.analysis.fixed import alternatives, together
from gateway.plan.analysis.injective import unwrapped
from gateway.plan.analysis.leaves import RULES, Compiler, refuted
from gateway.plan.analysis.leaves.comparison import OPERATORS
from gateway.plan.analysis.ranges import name_of
from gateway.plan.analysis.terms import Naming, Opaque, term
from gateway.plan.analysis.types import TIMESTAMPTZ
from gateway.predicate import TRUE, Function, NullCheck, Operator, Term, all_of, any_of

JOINT: Final = 0
"""Stands for the identity of several conjuncts."""
_TIMES = ("DATE", "TIMESTAMP", TIMESTAMPTZ)
"""Types of times that compare with each other, in the later of the two here."""
WHOLE = ("TINYINT", "SMALLINT", "INTEGER", "BIGINT")
"""Types of numbers that do."""


def are_comparable(left: str, right: str) -> bool:
    """Return whether values of two types are compared as they are."""
    return left == right or {left, right} <= set(WHOLE)


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
    parts = _equalities(node, naming)
    found = {name_of(column): term(column, naming) for column in node.find_all(exp.Column)}
    known = {name: one for name, one in found.items() if isinstance(one, Term) and not one.functions}
    terms = list(dict.fromkeys(known.values()))
    if len(terms) != 2 or len(known) < len(found):
        return []
    # Where one of the two is NULL, each of the parts is.
    both = all({known[name_of(column)] for column in part.find_all(exp.Column)} == set(terms) for part in parts)
    if not both or not all(is_deterministic(part) and is_strict(part) for part in parts):
        return []
    node = exp.or_(*parts, copy=True) if len(parts) > 1 else parts[0]
    names = tuple((name, one.column) for name, one in known.items())
    edge = Related(terms[0], Operator.NE, terms[1], node.sql(dialect="duckdb"), names, constants.named(node))
    return [] if _is_of_one_source(edge) else [edge]


def _equalities(node: exp.Expr, naming: Naming) -> list[exp.Expr]:
    """Write ``x IN (a, b)`` of terms of one type as equalities, one of which holds; anything else as it is."""
    if not isinstance(node, exp.In) or not node.expressions or node.args.get("query") or node.args.get("field"):
        return [node]
    found = [term(each, naming) for each in (node.this, *node.expressions)]
    if len({one.type if isinstance(one, Term) else one for one in found}) > 1 or isinstance(found[0], Opaque):
        return [node]
    return [exp.EQ(this=exp.paren(node.this, copy=True), expression=item.copy()) for item in node.expressions]


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
    return are_of_one_source((edge.left, edge.right))


def facts_of_all(nodes: Sequence[exp.Expr], naming: Naming, constants: Constants, rule: str) -> list[Fact]:
    """Return what holds where conjuncts that speak of the same rows of constants are TRUE together."""
    joint = together(nodes, naming)
    return [replace(fact, origin=JOINT) for node in joint for fact in facts_of(node, naming, constants, rule)]


def edge_fact(edge: Edge, sql: str, rule: str, origin: int) -> Fact:
    """Return the fact that two columns compare as TRUE: neither is NULL."""
    ends = (edge.left, edge.right)
    strict = ends[: 0 if edge.nullable else 1] if isinstance(edge, Loose) else ends
    present = all_of(*(NullCheck(Term(end.column, end.type if not end.functions else ""), True) for end in strict))
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
        return made or _computed(node, operator, naming, constants)
    if sides[0].column == sides[1].column:
        return []
    return [_edge(sides, operator, node, naming)]


def _edge(sides: Sequence[Term], operator: Operator, node: exp.Expr, naming: Naming) -> Edge:
    """Return the comparison of two terms of a condition; where they are equal, of what is below their functions."""
    left, right = sides
    if operator is not Operator.EQ:
        return Edge(left, operator, right)
    columns = [found for found in (term(column, naming) for column in columns_in(node)) if isinstance(found, Term)]
    types = {found.column: found.type for found in columns if not found.functions}
    inner = in_one_type(list(unwrapped(left, right, lambda found: types.get(found.column))))
    return Edge(left, operator, right) if inner is None else Edge(inner[0], operator, inner[1])


def _computed(node: exp.Expr, operator: Operator, naming: Naming, constants: Constants) -> list[Edge]:
    """Read a comparison of expressions of columns of one source and of another; other than ``=`` of several columns."""
    found = [computed(side, naming, constants.kind) for side in (node.this, node.expression)]
    known = [side for side in found if side is not None]
    if operator is Operator.NE:
        return []
    if len(known) < len(found):
        return _loose(node, operator, naming, constants)
    if operator is not Operator.EQ and not any(others_in(side) for side in known):
        return []
    sides = in_one_type(known)
    if sides is None or are_of_one_source(sides):
        return []
    return [_edge(sides, operator, node, naming)]


def _loose(node: exp.Expr, operator: Operator, naming: Naming, constants: Constants) -> list[Edge]:
    """Read a comparison with an expression of another source that may be a value for NULL, from each of its sides."""
    edges: list[Edge] = []
    for left, compared, right in either_way(node.this, operator, node.expression):
        strict = computed(left, naming, constants.kind)
        side = opaque(left, naming, constants.kind) if strict is None else strict
        other = opaque(right, naming, constants.kind)
        sides = None if side is None or other is None else in_one_type([side, other])
        if sides is None or (is_opaque(sides[0]) and compared is not Operator.EQ) or are_of_one_source(sides):
            continue
        absent = exp.cast(at_null(right, naming), sides[1].type, dialect="duckdb")
        slot, sql = constants.slot(absent, sides[1].type), constants.text.executable(absent.sql(dialect="duckdb"))
        if slot is not None:
            edges.append(Loose(sides[0], Operator.NE, sides[1], compared, sql, slot, nullable=strict is None))
    return edges


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
