"""The blocks of a query, and the scans of the catalog's tables in it."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from sqlglot import exp

from gateway.model import Column
from gateway.plan.analysis.build import Builder
from gateway.plan.analysis.ctes import cte_of
from gateway.plan.analysis.fixed import Kind
from gateway.plan.analysis.ranked import Ranking
from gateway.plan.analysis.sources import Block
from gateway.plan.analysis.uncorrelated import Subqueries


@dataclass(frozen=True, slots=True, kw_only=True)
class Structure:
    """The outermost block of a query, and its scans in text order: a source of a block has the number of its scan."""

    scans: tuple[exp.Table, ...]
    block: Block


def structure(
    tree: exp.Expr,
    tables: Mapping[str, Sequence[Column]],
    kind: Kind,
    *,
    scans: Sequence[exp.Table] | None = None,
    ranking: Ranking | None = None,
    subqueries: Subqueries | None = None,
) -> Structure:
    """Find the blocks of a query over *tables*, whose names are in lower case; *kind* tells the types of constants.

    *scans* are those of ``scans_in``; *ranking* and *subqueries* find the values that are read first.
    """
    scans = scans_in(tree, tables) if scans is None else scans
    builder = Builder(tables, {id(node): index for index, node in enumerate(scans)}, kind, ranking, subqueries)
    return Structure(scans=tuple(scans), block=builder.block(tree))


def scans_in(tree: exp.Expr, tables: Collection[str]) -> list[exp.Table]:
    """Find the tables of the catalog in a query, in text order."""
    found = [
        node
        for node in tree.find_all(exp.Table)
        if isinstance(node.this, exp.Identifier)
        and node.args.get("db") is None
        and node.name.lower() in tables
        and cte_of(node) is None
    ]
    return sorted(found, key=lambda node: int(node.this.meta["start"]))
