"""Rows that are kept for want of a match: ``NOT IN``, ``<> ALL``, ``NOT EXISTS``, ANTI JOIN, LEFT JOIN … IS NULL.

Where the rows that could match are a query of their own (``uncorrelated``), it is read first, and a row whose value is
among its keys is not needed: there is a match for certain. NULL matches nothing, and stays.

What is said here of a row holds only as long as every match of it is there. So it goes down into the sources of the
block, or of the left side of the join, and nowhere else: not up, not into other conditions, and never into what is
matched with. Otherwise two such conditions could each leave out the matches of the other.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

from sqlglot import exp

from gateway.plan.analysis.aggregation import always_yields
from gateway.plan.analysis.build import conjuncts
from gateway.plan.analysis.computed import computed
from gateway.plan.analysis.conjuncts import are_comparable, facts_of, shown
from gateway.plan.analysis.constants import Constants
from gateway.plan.analysis.deterministic import columns_in
from gateway.plan.analysis.facts import Fact
from gateway.plan.analysis.leaves.lists import unnested
from gateway.plan.analysis.names import Aliases
from gateway.plan.analysis.sources import Child, Join, Leaf, SelectBlock
from gateway.plan.analysis.subqueries import conditions
from gateway.plan.analysis.terms import Naming, term
from gateway.plan.analysis.uncorrelated import Subqueries
from gateway.predicate import TRUE, And, NullCheck, Predicate, Term

RULE: Final = "no match"
_CLAUSES: Final = frozenset({"expressions", "from_", "joins", "where"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Matched:
    """What a row must not match: its own side of an equality, the other side, and the rest of the condition."""

    here: exp.Expr
    there: exp.Expr
    rest: tuple[exp.Expr, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Excluded:
    """Finds what is known of the rows that have no match."""

    constants: Constants
    subqueries: Subqueries

    def where(self, block: SelectBlock) -> list[Fact]:
        """Return what the rows of a block satisfy that its WHERE keeps for want of a match."""
        return [] if block.closed else [fact for node in conditions(block, "where") for fact in self._of(node, block)]

    def join(self, tree: Join, block: SelectBlock, above: Sequence[Fact]) -> list[Fact]:
        """Return what the left rows of a join satisfy that are kept for want of a match.

        *above* is what is known of the rows that the join makes.
        """
        written = tree.on.parent if tree.on is not None else None
        if tree.kind not in ("ANTI", "LEFT") or not isinstance(written, exp.Join) or not _is_alone(tree, written):
            return []
        naming = Naming(block=tree.scope or block, aliases=Aliases.UNSEEN)
        matched = _matched(list(conjuncts(tree.on)), naming, tree.right.keys())
        if matched is None or (tree.kind == "LEFT" and not _is_null(matched.there, naming, above)):
            return []
        query = exp.Select(expressions=[matched.there.copy()], from_=exp.From(this=written.this.copy()))
        return self._facts(matched, _filtered(query, matched.rest), naming, tree.on or written)

    def _of(self, node: exp.Expr, block: SelectBlock) -> list[Fact]:
        inner = node.this.unnest() if isinstance(node, exp.Not) else None
        if isinstance(inner, exp.Exists):
            return self._not_exists(node, block.children.get(id(inner.this)))
        tested, query = _not_in(node)
        child = block.children.get(id(query))
        if tested is None or query is None or child is None or unnested(query) is not None:
            return []
        if isinstance(tested, exp.Tuple) or child.block.rows is not None or len(child.block.outputs or ()) != 1:
            return []
        naming = Naming(block=block)
        kind, found = self.subqueries.kind(child.block, 0), computed(tested, naming, self.constants.kind)
        if kind is None or found is None or not are_comparable(kind, found.type):
            return []
        return self._not_among(tested, self.subqueries.values(child.block, 0, kind), naming, node)

    def _not_exists(self, node: exp.Expr, child: Child | None) -> list[Fact]:
        inner = child.block if child is not None else None
        if not isinstance(inner, SelectBlock) or inner.closed or always_yields(inner):
            return []
        items = [item.unalias() for item in inner.node.expressions]
        if any(value and key not in _CLAUSES for key, value in inner.node.args.items()):
            return []
        if not all(isinstance(item, exp.Star | exp.Column | exp.Literal | exp.Null) for item in items):
            return []
        naming, own = Naming(block=inner), frozenset[str]().union(*(source.keys() for source in inner.sources))
        matched = _matched(conditions(inner, "where"), naming, own)
        if matched is None:
            return []
        query = inner.node.copy()
        query.set("expressions", [matched.there.copy()])
        return self._facts(matched, _filtered(query, matched.rest), naming, node)

    def _facts(self, matched: Matched, query: exp.Select, naming: Naming, node: exp.Expr) -> list[Fact]:
        sides = [computed(side, naming, self.constants.kind) for side in (matched.here, matched.there)]
        if sides[0] is None or sides[1] is None or not are_comparable(sides[0].type, sides[1].type):
            return []
        made = self.subqueries.add(query, sides[1].type)
        return self._not_among(matched.here, None if made is None else exp.Placeholder(this=made.name), naming, node)

    def _not_among(self, tested: exp.Expr, values: exp.Expr | None, naming: Naming, node: exp.Expr) -> list[Fact]:
        """Return that an expression is NULL, or not one of a list of values."""
        if values is None or tested.find(exp.Collate):
            return []
        absent = exp.Is(this=exp.paren(tested, copy=True), expression=exp.Null())
        among = exp.In(this=exp.paren(tested, copy=True), field=values)
        found = facts_of(exp.or_(absent, exp.Not(this=among), copy=False), naming, self.constants, RULE)
        known = (fact for fact in found if fact.predicate != TRUE)
        return [replace(fact, sql=shown(node, self.constants), origin=id(node), edge=None) for fact in known]


def _not_in(node: exp.Expr) -> tuple[exp.Expr | None, exp.Expr | None]:
    """Read ``x NOT IN (subquery)``, ``x <> ALL (subquery)`` and ``NOT x = ANY (subquery)``."""
    inner = node.this.unnest() if isinstance(node, exp.Not) else None
    if isinstance(inner, exp.In):
        return inner.this.unnest(), inner.args.get("query")
    compared, several = (node, exp.All) if isinstance(node, exp.NEQ) else (inner, exp.Any)
    if not isinstance(compared, exp.NEQ if several is exp.All else exp.EQ):
        return None, None
    query = compared.expression.unnest()
    return (compared.this.unnest(), query.this) if isinstance(query, several) else (None, None)


def _is_alone(tree: Join, written: exp.Join) -> bool:
    """Return whether the right side of a join is one source, under the name that the join gives it."""
    plain = isinstance(written.this, exp.Table | exp.Subquery) and not written.this.args.get("joins")
    return plain and isinstance(tree.right, Leaf) and tree.right.barrier is None


def _matched(nodes: Sequence[exp.Expr], naming: Naming, own: frozenset[str]) -> Matched | None:
    """Read a condition that is one equality of what is not *own* with what is, and else of what is own alone."""
    found, rest = [], []
    for node in nodes:
        sides = [node.this, node.expression] if isinstance(node, exp.EQ) else []
        told = [_side(side, naming, own) for side in sides]
        if sorted(map(str, told)) == ["False", "True"]:
            here, there = (sides[0], sides[1]) if told[1] else (sides[1], sides[0])
            found.append((here.unnest(), there.unnest()))
        else:
            rest.append(node)
    return Matched(here=found[0][0], there=found[0][1], rest=tuple(rest)) if len(found) == 1 else None


def _side(node: exp.Expr, naming: Naming, own: frozenset[str]) -> bool | None:
    """Return whether all columns of an expression are own ones, or none is; None where that is not certain."""
    found = [term(column, naming) for column in columns_in(node)]
    told = {one.column in own if isinstance(one, Term) else None for one in found}
    return told.pop() if len(told) == 1 and not node.find(exp.Query) else None


def _filtered(query: exp.Select, conditions: Sequence[exp.Expr]) -> exp.Select:
    query.set("where", exp.Where(this=exp.and_(*conditions, copy=True)) if conditions else None)
    return query


def _is_null(there: exp.Expr, naming: Naming, above: Sequence[Fact]) -> bool:
    """Return whether a column that a match has a value of is NULL in all rows that matter."""
    found = term(there, naming) if isinstance(there, exp.Column) else None
    return (
        isinstance(found, Term)
        and not found.functions
        and any(
            isinstance(leaf, NullCheck)
            and not leaf.negated
            and leaf.term.column == found.column
            and not leaf.term.functions
            for fact in above
            for leaf in _conjuncts(fact.predicate)
        )
    )


def _conjuncts(predicate: Predicate) -> Iterator[Predicate]:
    if isinstance(predicate, And):
        for part in predicate.parts:
            yield from _conjuncts(part)
    else:
        yield predicate
