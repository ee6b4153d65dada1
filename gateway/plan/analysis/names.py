"""Name resolution by DuckDB's rules, clause by clause; a name whose meaning is not certain is not resolved.

A column of the block wins over an alias of its SELECT list, and an alias over what is outside, in WHERE, HAVING,
QUALIFY, the SELECT list (aliases of earlier items) and windows, and where the name alone is a key of GROUP BY. Where
the name alone is a key of DISTINCT ON, the alias wins. In ON, in keys of GROUP BY that are expressions and in arguments
of aggregates there are no aliases. Subqueries see the columns and then the aliases of the blocks around them, and in
FROM the sources to their left; an ON sees the sources of its join, and those of other joins to its left.

Why not sqlglot's ``qualify``? It was tried (version 30.30), and does not do what DuckDB does: it resolves a name in ON
to a source that is joined later, which DuckDB refuses; it raises an error for an alias of an outer block, and for the
second ``d`` of a derived table, which DuckDB calls ``d_1``. And it resolves all names or raises: one name that is not
certain would end the analysis, which prunes by all the others here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum

from sqlglot import exp

from gateway.plan.analysis.sources import SelectBlock, Source, folded
from gateway.predicate import Term

_UNNAMED = re.compile(r"unnamed_subquery\d*")


class Aliases(Enum):
    """What an alias of the SELECT list is to a clause."""

    AFTER = "meant where no column has the name"
    FIRST = "meant rather than a column"
    BESIDE = "not certain where a column has the name too"
    UNSEEN = "not seen"


@dataclass(frozen=True, slots=True)
class Alias:
    """What a name resolved to that is an alias: its expression, and the place of its item in the SELECT list."""

    expression: exp.Expr
    position: int


Found = Term | Alias | None


def resolve(column: exp.Column, block: SelectBlock, aliases: Aliases, before: int | None = None) -> Found:
    """Find the column or the alias that a name means in a clause of *block*; in the SELECT list, in item *before*.

    None: not known for certain, or of a type that is not known.
    """
    if column.args.get("db") is not None or not isinstance(column.this, exp.Identifier):
        return None
    name = folded(column.name)
    if column.table:
        return _qualified(name, folded(column.table), block)
    if aliases in (Aliases.FIRST, Aliases.BESIDE) and (given := _given(block, name)):
        beside = aliases is Aliases.BESIDE and _has(block, name)
        return None if beside else _alias(given, None)
    return _unqualified(name, block, aliases, before)


def meant(node: exp.Expr, block: SelectBlock, aliases: Aliases) -> exp.Expr:
    """Return what an alias of the SELECT list stands for in a clause; anything else as it is."""
    found = resolve(node, block, aliases) if isinstance(node, exp.Column) else None
    return found.expression.unnest() if isinstance(found, Alias) else node


def _unqualified(name: str, block: SelectBlock, aliases: Aliases, before: int | None) -> Found:
    if block.murky or any(source.columns is None for source in block.seen):
        return None
    if name in block.merged:
        return block.merged[name]
    holders = [source for source in block.seen if source.has(name)]
    if holders:
        return _term(holders[0], name) if len(holders) == 1 else None
    if any(source.has(name) for source in block.unsure):
        return None
    given = _given(block, name)
    if given:
        return None if aliases is Aliases.UNSEEN else _alias(given, before)
    return _around(name, block)


def _around(name: str, block: SelectBlock) -> Term | None:
    """Find a name in the blocks around: one that an alias of theirs may be meant by is not certain."""
    if block.outer is None:
        return None
    found = _unqualified(name, block.outer, Aliases.UNSEEN, None)
    return found if isinstance(found, Term) else None


def _has(block: SelectBlock, name: str) -> bool:
    """Return whether a column of that name exists, or may exist."""
    return block.murky or name in block.merged or any(source.has(name) for source in block.sources)


def _qualified(name: str, qualifier: str, block: SelectBlock) -> Term | None:
    named = [source for source in block.seen if source.name == qualifier]
    if len(named) == 1 and not any(source.name == qualifier for source in block.unsure):
        return _term(named[0], name)
    # `a.b` may also be field b of a struct column a: that is not followed.
    if any(_may_be(source, qualifier) or source.has(qualifier) for source in block.sources):
        return None
    return _qualified(name, qualifier, block.outer) if block.outer else None


def _may_be(source: Source, qualifier: str) -> bool:
    """Return whether a source has that name; DuckDB gives names to subqueries and table functions without one."""
    if source.name:
        return source.name == qualifier
    return source.block is None or source.columns is None or _UNNAMED.fullmatch(qualifier) is not None


def _term(source: Source, name: str) -> Term | None:
    index = source.find(name)
    return None if index is None else source.term(index)


def _alias(given: list[tuple[int, exp.Expr | None]], before: int | None) -> Alias | None:
    """Return an alias that is given once, and in the SELECT list by an earlier item."""
    position, expression = given[0]
    certain = len(given) == 1 and expression is not None and (before is None or position < before)
    return Alias(expression, position) if certain and expression is not None else None


def _given(block: SelectBlock, name: str) -> list[tuple[int, exp.Expr | None]]:
    """List the items of the SELECT list that give a name to something; None where it is not known to what."""
    return list(_aliases(block, name))


def _aliases(block: SelectBlock, name: str) -> Iterator[tuple[int, exp.Expr | None]]:
    for position, item in enumerate(block.node.expressions):
        if isinstance(item, exp.Alias) and folded(item.alias) == name:
            yield position, item.this if isinstance(item.this, exp.Expr) else None
        elif item.find(exp.Columns) is not None or name in _renamed(item):
            yield position, None


def _renamed(item: exp.Expr) -> set[str]:
    """Return the names that ``* REPLACE (…)`` and ``* RENAME (…)`` give."""
    stars = item.find_all(exp.Star)
    return {folded(new.alias) for star in stars for key in ("replace", "rename") for new in star.args.get(key) or ()}
