"""Queries whose rows come in the order of the files and of the rows in them, on any number of threads.

    SELECT id, x * 2 AS twice FROM events WHERE kind = $kind LIMIT 100

DuckDB keeps the order of what it reads (``preserve_insertion_order``) where nothing groups, sorts, joins or numbers it.
It joins with the values of a long IN too, and reads the side first that it takes for the smaller one.
"""

from __future__ import annotations

from typing import Final

from sqlglot import exp

from gateway.plan.analysis.aggregation import is_aggregating
from gateway.plan.analysis.sources import Block, SelectBlock

_KEPT: Final = frozenset({"kind", "hint", "expressions", "from_", "where", "limit", "offset"})
"""The clauses of a SELECT that keep the order."""
_JOINED: Final = 5
"""Values of an IN from which DuckDB joins with them."""
_OF_OTHERS: Final = (exp.Query, exp.Window, exp.Unnest, exp.Explode)


def is_in_order(block: Block) -> bool:
    """Tell whether a query is one SELECT of the rows of one table, which keeps their order."""
    if not isinstance(block, SelectBlock) or any(value and key not in _KEPT for key, value in block.node.args.items()):
        return False
    alone = len(block.sources) == 1 and block.sources[0].scan is not None
    inside = (node for node in block.node.walk() if node is not block.node)
    plain = not any(isinstance(node, _OF_OTHERS) for node in inside) and not joins_values(block.node)
    return alone and plain and not is_aggregating(block.node)


def joins_values(node: exp.Expr) -> bool:
    """Tell whether DuckDB joins with values that a query compares with: its rows may come in any order then.

    >>> joins_values(exp.column("x").isin(1, 2, 3, 4)), joins_values(exp.column("x").isin(1, 2, 3, 4, 5))
    (False, True)
    """
    inside = node.walk()
    return any(
        isinstance(each, exp.Any) or (isinstance(each, exp.In) and len(each.expressions) >= _JOINED) for each in inside
    )
