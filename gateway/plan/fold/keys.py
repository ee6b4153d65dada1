"""The keys of GROUP BY: the expressions that they mean, and their text."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from sqlglot import exp

from gateway.plan.analysis.aggregation import is_aggregating
from gateway.plan.fold.block import Block
from gateway.plan.fold.parts import Refused, parsed
from gateway.plan.fold.tokens import Span

Key = tuple[exp.Expr, Span]
_SETS: Final = (exp.Rollup, exp.Cube, exp.GroupingSets)


@dataclass(frozen=True, slots=True, kw_only=True)
class Grouping:
    """What a query groups by. ``sets`` is where keys stand in a GROUP BY of several sets, by their numbers.

    Partials group by all keys, and the finish by the sets: an aggregate over a set is one over its groups.
    """

    keys: tuple[Key, ...]
    sets: tuple[tuple[Key, int], ...] = ()


def grouping(block: Block) -> Grouping:
    """Find the keys of a query. Raises ``Refused``."""
    group = block.tree.args.get("group")
    if group is None:
        return Grouping(keys=_of_distinct(block))
    if any(value for key, value in group.args.items() if key not in ("expressions", "all")):
        raise Refused("its GROUP BY is not understood")
    if group.find(*_SETS):
        return _of_sets(block, group)
    return Grouping(keys=tuple(_checked(block, *key) for key in _grouped(block, group)))


def _of_distinct(block: Block) -> tuple[Key, ...]:
    """Return the columns of SELECT DISTINCT without aggregates: partials hold each row once."""
    if not block.tree.args.get("distinct") or is_aggregating(block.tree):
        return ()
    return tuple(_checked(block, node, span) for node, span in block.items if node.find(exp.Column))


def _of_sets(block: Block, group: exp.Group) -> Grouping:
    keys: list[Key] = []
    places: list[tuple[Key, int]] = []
    for node in leaves_of_sets(group):
        span = block.span_of(node)
        meant, text = _checked(block, *_named(block, node, span))
        found = [number for number, (key, _) in enumerate(keys) if block.same(key) == block.same(meant)]
        # DuckDB takes one key in two spellings for two keys, and what is selected for the last of them.
        if any(number in found and other != node for (other, _), number in places):
            raise Refused(f"its sets have {meant.sql('duckdb', comments=False)} in two spellings", "one of them")
        places.append(((node, span), found[0] if found else len(keys)))
        keys += [] if found else [(meant, text)]
    if not keys:
        raise Refused("its sets have no key")
    return Grouping(keys=tuple(keys), sets=tuple(places))


def leaves_of_sets(node: exp.Expr) -> Iterator[exp.Expr]:
    """Walk the expressions in grouping sets."""
    if isinstance(node, (exp.Group, exp.Tuple, exp.Paren, *_SETS)):
        for child in node.iter_expressions():
            yield from leaves_of_sets(child)
    else:
        yield node


def _checked(block: Block, node: exp.Expr, span: Span) -> Key:
    if is_aggregating(node) or node.find(exp.Window) or not node.find(exp.Column):
        raise Refused("it groups by what is no expression of columns")
    block.check_columns(node)
    if parsed(block.sql(span)) != node:
        raise Refused("its text cannot be cut")
    return node, span


def _grouped(block: Block, group: exp.Group) -> Iterator[Key]:
    if group.args.get("all"):
        yield from ((node, span) for node, span in block.items if not is_aggregating(node))
        return
    for node, place in zip(group.expressions, block.clauses.items("group"), strict=True):
        yield _named(block, node, block.clauses.item_span(place))


def _named(block: Block, node: exp.Expr, span: Span) -> Key:
    """Return what an item of GROUP BY means: a place in the SELECT list, a column, an alias, or itself."""
    if isinstance(node, exp.Literal) and not node.is_string:
        return block.items[int(node.name) - 1]
    if isinstance(node, exp.Column) and not node.table and node.name.lower() not in block.names:
        for item, found in zip(block.tree.expressions, block.items, strict=True):
            if item.alias.lower() == node.name.lower():
                return found
    return node, span
