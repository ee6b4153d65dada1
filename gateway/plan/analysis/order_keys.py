"""The keys of ORDER BY: what they mean over the columns of the one scan of a block."""

from __future__ import annotations

from collections.abc import Sequence

from sqlglot import exp

from gateway.plan.analysis.aggregation import has_sets
from gateway.plan.analysis.names import Aliases
from gateway.plan.analysis.sources import SelectBlock, Source, folded
from gateway.plan.analysis.terms import Naming, Opaque, term
from gateway.predicate import Term


def is_of(node: exp.Expr, source: Source) -> bool:
    """Return whether all columns in a condition are certainly those of a source."""
    columns = [column for column in node.find_all(exp.Column) if isinstance(column, exp.Column)]
    return all(
        (not column.table or folded(column.table) == source.name) and source.find(folded(column.name)) is not None
        for column in columns
    )


def key_of(ordered: exp.Expr, block: SelectBlock) -> Term | None:
    """Read the first key of ORDER BY: a position in the SELECT list, an alias, or an expression of columns."""
    if not isinstance(ordered, exp.Ordered) or ordered.args.get("with_fill"):
        return None
    node, items = ordered.this, block.node.expressions
    if isinstance(node, exp.Literal):
        position = _position(node, items)
        if position is None:
            return None
        found = term(items[position].unalias(), Naming(block=block, before=position))
    else:
        alone = Aliases.FIRST if isinstance(node, exp.Column) and not node.table else Aliases.BESIDE
        found = term(node, Naming(block=block, aliases=alone))
    return None if isinstance(found, Opaque) else found


def _position(node: exp.Expr, items: Sequence[exp.Expr]) -> int | None:
    """Read a position in the SELECT list."""
    position = int(node.name) - 1 if isinstance(node, exp.Literal) and node.name.isdigit() else -1
    return position if 0 <= position < len(items) and not any(item.is_star for item in items) else None


def ordered_node(ordered: exp.Expr, block: SelectBlock, scan: Source) -> exp.Expr | None:
    """Return the expression that a key of ORDER BY or GROUP BY means, over the columns of a scan alone."""
    if isinstance(ordered, exp.Ordered):
        if ordered.args.get("with_fill"):
            return None
        ordered = ordered.this
    node, items = ordered.unnest(), block.node.expressions
    if isinstance(node, exp.Literal):
        position = None if node.is_string else _position(node, items)
        return None if position is None else _of_columns(items[position].unalias(), block, scan)
    given = {folded(item.alias): item.this for item in items if isinstance(item, exp.Alias)}
    if isinstance(node, exp.Column) and not node.table and folded(node.name) in given:
        known = scan.find(folded(node.name)) is None
        return _of_columns(given[folded(node.name)], block, scan) if known else None
    return _of_columns(node, block, scan)


def _of_columns(node: exp.Expr, block: SelectBlock, scan: Source) -> exp.Expr | None:
    given = {folded(item.alias) for item in block.node.expressions if isinstance(item, exp.Alias)}
    columns = list(node.find_all(exp.Column))
    plain = all(column.table or folded(column.name) not in given for column in columns)
    return node if columns and plain and is_of(node, scan) else None


def is_ordered_by_key(block: SelectBlock, ordered: exp.Expr, scan: Source) -> bool:
    """Return whether each group of a block, or row of a SELECT DISTINCT, has one value of what it is ordered by."""
    node = ordered_node(ordered, block, scan)
    group, distinct = block.node.args.get("group"), block.node.args.get("distinct")
    if node is None or (distinct is not None and distinct.args.get("on")) or has_sets(block):
        return False
    items = [item.unalias() for item in block.node.expressions]
    if group is None:
        return distinct is not None and node in items
    if group.args.get("all"):
        return node in items
    return node in [ordered_node(key, block, scan) for key in group.expressions]
