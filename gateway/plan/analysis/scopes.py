"""The names visible inside an incomplete block: to a subquery in its FROM, and to an ON."""

from __future__ import annotations

from sqlglot import exp

from gateway.plan.analysis.sources import Join, SelectBlock


def scope_in_from(block: SelectBlock, number: int) -> SelectBlock:
    """Return what a subquery in FROM sees around it: the sources on its left, then the blocks around."""
    seen = SelectBlock(number=number, node=exp.Select(), outer=block.outer, murky=block.murky)
    seen.sources, seen.merged, seen.unseen = list(block.sources), dict(block.merged), set(block.unseen)
    return seen


def scope_of_on(block: SelectBlock, join: Join, number: int) -> SelectBlock:
    """Return what the ON of a join sees: its own sides, and after them what stands to its left.

    Sources on its right are not among the block's yet, and are not seen. Names of its own sides that are not certain
    for the others' sake are left so.
    """
    seen = scope_in_from(block, number)
    below = set(map(id, join.joins()))
    seen.merged = {name: block.merged[name] if id(at) in below else None for name, at in block.merging.items()}
    own = {source.number for source in join.sources()} - block.unseen
    seen.unseen = {source.number for source in block.sources} - own
    return seen
