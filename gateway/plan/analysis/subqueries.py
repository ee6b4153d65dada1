"""The subqueries of a WHERE that decide which rows stay: ``EXISTS (…)``, ``x IN (…)`` and ``x = ANY (…)``."""

from __future__ import annotations

from sqlglot import exp

from gateway.plan.analysis.aggregation import always_yields, has_sets
from gateway.plan.analysis.build import conjuncts
from gateway.plan.analysis.computed import computed
from gateway.plan.analysis.conjuncts import edge_fact, in_one_type, shown
from gateway.plan.analysis.constants import Constants
from gateway.plan.analysis.facts import Edge, Fact
from gateway.plan.analysis.leaves.lists import unnested
from gateway.plan.analysis.sources import Child, Output, SelectBlock, output_key
from gateway.plan.analysis.terms import Naming
from gateway.predicate import Operator, Term


def positive_subquery(node: exp.Expr) -> exp.Expr | None:
    """Return the subquery of ``EXISTS (…)``, ``x IN (…)`` and ``x = ANY (…)``, not negated."""
    if isinstance(node, exp.Exists):
        return node.this if isinstance(node.this, exp.Expr) else None
    query = node.args.get("query") if isinstance(node, exp.In) else _any(node)
    return query if isinstance(query, exp.Expr) and unnested(query) is None else None


def _any(node: exp.Expr) -> exp.Expr | None:
    """Return the subquery of ``x = ANY (…)``."""
    found = node.expression.unnest() if isinstance(node, exp.EQ) else None
    query = found.this if isinstance(found, exp.Any) else None
    return query if isinstance(query, exp.Query) else None


def tested_columns(
    node: exp.Expr, child: Child, block: SelectBlock, constants: Constants
) -> list[tuple[Term, Output, int]]:
    """Match the tested terms of ``x IN (subquery)`` with the output columns and their positions."""
    outputs = child.block.outputs or ()
    tested = node.this.unnest()
    items = tested.expressions if isinstance(tested, exp.Tuple) else [tested]
    if len(items) != len(outputs):
        return []
    terms = [computed(item, Naming(block=block), constants.kind) for item in items]
    return [
        (found, output, index)
        for index, (found, output) in enumerate(zip(terms, outputs, strict=True))
        if found is not None
    ]


def membership_edges(block: SelectBlock, child: Child, constants: Constants) -> list[Fact]:
    """Return ``x = output`` for each tested column, where *child* is the subquery of a conjunct ``x IN (…)``."""
    node = next((node for node in conditions(block, "where") if id(node) == child.conjunct), None)
    query = positive_subquery(node) if node is not None else None
    if node is None or isinstance(node, exp.Exists) or query is None or block.children.get(id(query)) is not child:
        return []
    made = []
    for tested, output, index in tested_columns(node, child, block, constants):
        given = None if output.type is None else Term(output_key(child.block, index), output.type)
        sides = in_one_type([tested, given]) if given is not None and not tested.functions else None
        if sides is not None:
            edge = Edge(sides[0], Operator.EQ, sides[1])
            made.append(edge_fact(edge, shown(node, constants), "IN subquery", id(node)))
    return made


def conditions(block: SelectBlock, clause: str) -> list[exp.Expr]:
    """List the conjuncts of a clause: ``where``, ``having`` or ``qualify``."""
    holder = block.node.args.get(clause)
    return list(conjuncts(holder.this if holder is not None else None))


def is_evaluated_per_row(block: SelectBlock, child: Child) -> bool:
    """Return whether a subquery is evaluated only for rows that satisfy what is known of the rows of its block.

    That of an ON is also evaluated for rows that no match leaves; behind a grouping that always yields a row, or that
    makes keys NULL, one is evaluated for rows that no row of the block stands behind.
    """
    return child.clause in ("where", "group") or (
        child.clause != "on" and not always_yields(block) and not has_sets(block)
    )
