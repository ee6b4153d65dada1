"""Aggregates that put values one after the other in an order: list, array_agg, string_agg and its other names.

    string_agg(name, ', ' ORDER BY at DESC)

A partial has a row for each name and each moment, and how many rows have both. The finish repeats a name as often:

    string_agg(k1 || repeat(', ' || k1, s0 - 1), ', ' ORDER BY k0 DESC, k1)
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, cast

from sqlglot import exp

from gateway.plan.fold.algebra import TEXTS
from gateway.plan.fold.block import Block
from gateway.plan.fold.parts import Refused, parsed
from gateway.plan.fold.tokens import Span

_DISTINCT: Final = re.compile(r"^distinct\b\s*", re.IGNORECASE)
_COMMA: Final = "','"


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """A call, as its parts: the *value*, the *separator* of texts, the *terms* of its order, and *how* each orders.

    ``last`` is the position at which a further term is inserted; ``told_apart``: the value is a term already.
    """

    name: str
    value: str
    separator: str
    terms: tuple[str, ...]
    how: tuple[str, ...]
    distinct: bool
    last: int
    told_apart: bool

    @classmethod
    def read(cls, block: Block, name: str, arguments: Span) -> Listed:
        """Read the arguments of a call. Raises ``Refused`` where the order of rows shows in what it gives."""
        found = block.clauses.ordered(arguments)
        if found is None:
            hint = f"{name}({block.sql(arguments)} ORDER BY …)"
            raise Refused(f"{name}() without ORDER BY depends on the order of the rows", hint)
        (first, *more), terms = found
        distinct = _DISTINCT.match(block.sql(first)) is not None
        value = _DISTINCT.sub("", block.sql(first))
        expressions = tuple(block.sql(term) for term, _ in terms)
        if len(more) > (name in TEXTS) or any(_tree(sql).find(exp.Column) is None for sql in expressions):
            raise Refused(f"{name}() of several arguments, or ordered by a constant, cannot be merged")
        same = [block.same(_tree(sql)) == block.same(_tree(value)) for sql in expressions]
        return cls(
            name=name,
            value=value,
            separator=block.sql(more[0]) if more else _COMMA,
            terms=expressions,
            how=tuple(block.sql(Span(term.end, whole.end)) for term, whole in terms),
            distinct=distinct,
            last=terms[-1][1].end,
            told_apart=any(same),
        )

    def grains(self, condition: str | None) -> Iterator[str]:
        """Walk what partials group by: the value, then the terms; only columns are left out where a FILTER fails.

        Any other expression may fail, and is computed for all rows, as the engine does.
        """
        for sql in (self.value, *self.terms):
            plain = condition is not None and isinstance(_tree(sql), exp.Column)
            yield f"CASE WHEN {condition} THEN {sql} END" if plain else sql

    def finish(self, value: str, terms: Sequence[str], count: str, where: str) -> str:
        """Write the call over partials: of the columns that have the value and the terms, and the state *count*."""
        order = ", ".join(f"{term}{how}" for term, how in zip(terms, self.how, strict=True))
        order = f"ORDER BY {order}" + ("" if self.told_apart else f", {value}")
        text = self.name in TEXTS
        if self.distinct:
            return f"{self.name}(DISTINCT {value}{f', {self.separator}' if text else ''} {order}){where}"
        if not text:
            return f"flatten(list(repeat([{value}], {count}) {order}){where})"
        written = f"CAST({value} AS VARCHAR)"
        repeated = f"{written} || repeat({self.separator} || {written}, {count} - 1)"
        return f"string_agg({repeated}, {self.separator} {order}){where}"

    def whole(self, block: Block, call: Span) -> str | None:
        """Write the call over all rows, where equal ones are ordered by their values; None: as it is."""
        if self.told_apart:
            return None
        before, after = block.sql(Span(call.start, self.last)), block.sql(Span(self.last, call.end))
        return f"{before}, {self.value}{after}"


def _tree(sql: str) -> exp.Expr:
    tree = parsed(f"SELECT {sql}")
    assert isinstance(tree, exp.Select)
    (item,) = tree.expressions
    return cast(exp.Expr, item)
