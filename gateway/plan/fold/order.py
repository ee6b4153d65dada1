"""The total order of an answer: the author's ORDER BY, and after it all that tells two rows apart.

Groups are told apart by their keys, and the rows of DISTINCT by all of their columns. So neither ties, nor a LIMIT
among them, nor a missing ORDER BY show how an answer was computed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from gateway.model import Column
from gateway.plan.fold.algebra import FLOATING, SAME_BYTES, base
from gateway.plan.fold.block import Block
from gateway.plan.fold.cuts import Cut
from gateway.plan.fold.keys import Grouping
from gateway.plan.fold.parts import key
from gateway.plan.fold.tokens import Span
from gateway.plan.rewrite import identifier


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """Terms of an ORDER BY as text: in the finish, and over all rows."""

    finish: tuple[str, ...]
    whole: tuple[str, ...]

    def cut(self, at: int, before: str) -> Cut:
        """Insert the terms at a position, after the text *before*."""
        finish, whole = (f"{before}{', '.join(terms)} " for terms in (self.finish, self.whole))
        return Cut(span=Span(at, at), finish=finish, whole=whole)


def floating_terms(sql: str) -> tuple[str, str]:
    """Write what tells the values of a DOUBLE or FLOAT apart, in their order.

    It is no column itself: DuckDB's sort gives a column that it orders by back from its key, which has 0.0 for -0.0.

    >>> floating_terms('"x"')
    ('("x") + 0', 'signbit("x")')
    """
    return f"({sql}) + 0", f"signbit({sql})"


def terms_of_value(sql: str, type_: str) -> tuple[str, ...]:
    """Write what tells values of any type apart, and leaves them as they are.

    >>> terms_of_value("x", "DATE"), terms_of_value("x", "INTERVAL")
    (('x',), ('[x]', 'CAST(x AS VARCHAR)'))
    """
    if type_ in FLOATING:
        return floating_terms(sql)
    return (sql,) if base(type_) in SAME_BYTES else (f"[{sql}]", f"CAST({sql} AS VARCHAR)")


def in_order_of_values(sql: str, columns: Sequence[Column]) -> str:
    """Return a query that gives the rows of another one, which has *columns*, in the order of their values."""
    names = [f"c{number}" for number in range(len(columns))]
    items = [f'"rows".{name} AS {identifier(column.name)}' for name, column in zip(names, columns, strict=True)]
    values = zip(names, columns, strict=True)
    terms = [term for name, column in values for term in terms_of_value(f'"rows".{name}', column.type)]
    return f'SELECT {", ".join(items)} FROM (\n{sql}\n) AS "rows"({", ".join(names)}) ORDER BY {", ".join(terms)}'


def _set_of(keys: Sequence[str]) -> str:
    """Write what tells sets of keys apart: NULL for a key may also be that the set is without it."""
    return f"GROUPING({', '.join(keys)})"


NO_TERMS: Final = Terms(finish=(), whole=())


def terms_of_keys(block: Block, grouping: Grouping) -> Terms:
    """Write the keys as terms of a window's ORDER BY; of several sets of keys also which of them a group is of."""
    finish = tuple(key(number) for number in range(len(grouping.keys)))
    whole = tuple(block.qualified(node, span) for node, span in grouping.keys)
    if not grouping.sets:
        return Terms(finish=finish, whole=whole)
    return Terms(finish=(*finish, _set_of(finish)), whole=(*whole, _set_of(whole)))


def last_terms(block: Block, grouping: Grouping) -> Terms:
    """Write what tells rows apart as the last terms of ORDER BY: by position where it is in the result.

    A name there means a result rather than a column, and DISTINCT orders by nothing else than results.
    """
    if block.tree.args.get("distinct"):
        every = tuple(str(number) for number in range(1, len(block.items) + 1))
        return Terms(finish=every, whole=every)
    plain = terms_of_keys(block, grouping)
    places = [block.item_of(node) for node, _ in grouping.keys] + [None] * bool(grouping.sets)
    finish, whole = (
        tuple(sql if place is None else str(place) for sql, place in zip(terms, places, strict=True))
        for terms in (plain.finish, plain.whole)
    )
    return Terms(finish=finish, whole=whole)


def every_result(block: Block, last: Terms) -> Terms:
    """Write ORDER BY ALL, with what follows ALL, as the terms that it stands for, before the last ones."""
    how = block.clauses.after_all("order", block.text.parsed)
    every = tuple(f"{number}{how}" for number in range(1, len(block.items) + 1))
    return Terms(finish=every + last.finish, whole=every + last.whole)
