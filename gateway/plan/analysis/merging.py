"""USING and NATURAL: two columns that become one."""

from __future__ import annotations

from collections.abc import Sequence

from gateway.plan.analysis.sources import Join, SelectBlock, Tree
from gateway.predicate import Term


def common(block: SelectBlock, left: Tree, right: Tree) -> list[str]:
    """Return the names that both sides of a NATURAL join have."""
    seen = [source for source in left.sources() if source.number not in block.unseen]
    if any(source.columns is None for source in (*seen, *right.sources())):
        block.murky = True
        return []
    names = [name for source in seen for name, _ in source.columns or () if name]
    return [name for name in dict.fromkeys(names) if any(source.has(name) for source in right.sources())]


def merge(block: SelectBlock, join: Join, names: Sequence[str]) -> None:
    """Note what the columns of USING or NATURAL mean from here on, and which of them are compared."""
    join.names = frozenset(names)
    equal = names[:-1] if join.kind == "ASOF" else names  # the last one is compared by >=
    pairs = [(name, _left(block, join, name), _only(block, join.right, name)) for name in equal]
    join.using = tuple((left, right) for _, left, right in pairs if left is not None and right is not None)
    for name, left, right in pairs:
        block.merged[name] = _kept(block, join, name, left, right)
        block.merging[name] = join


def _kept(block: SelectBlock, join: Join, name: str, left: Term | None, right: Term | None) -> Term | None:
    """Return the one of two columns that the name means; none beside another USING of it, where it is ambiguous."""
    if left is None or right is None or left.type != right.type or _beside(block, join, name):
        return None
    return {"RIGHT": right, "FULL": None, "POSITIONAL": None, "UNKNOWN": None}.get(join.kind, left)


def _beside(block: SelectBlock, join: Join, name: str) -> bool:
    before = block.merging.get(name)
    return before is not None and not any(inner is before for inner in join.joins())


def _left(block: SelectBlock, join: Join, name: str) -> Term | None:
    """Return the left column: what an earlier USING on the left made of the name, or the only one that has it."""
    before = block.merging.get(name)
    if before is not None and any(inner is before for inner in join.left.joins()):
        return block.merged[name]
    return _only(block, join.left, name)


def _only(block: SelectBlock, tree: Tree, name: str) -> Term | None:
    holders = [source for source in tree.sources() if source.has(name) and source.number not in block.unseen]
    index = holders[0].find(name) if len(holders) == 1 else None
    return None if index is None else holders[0].term(index)
