"""The text of what is below an aggregation: its filters can be left out, and its columns have one more."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from sqlglot import exp

from gateway.plan.analysis.text import Text
from gateway.plan.fold.clauses import Clauses
from gateway.plan.fold.cuts import Cut, finished
from gateway.plan.fold.filters import filters
from gateway.plan.fold.joined import Joined
from gateway.plan.fold.parts import MARK, NUMBERS, Filter, Refused
from gateway.plan.fold.place import Place, Placed
from gateway.plan.fold.tokens import Span, Tokens


@dataclass(frozen=True, slots=True, kw_only=True)
class Under:
    """The WITH *before* a partial, and what is put into the text below."""

    before: str
    cuts: Sequence[Cut]
    filters: tuple[Filter, ...]


def under_aggregation(text: Text, tokens: Tokens, place: Place, below: Sequence[Joined]) -> Under:
    """Write what is below the aggregation of a query."""
    cuts: list[Cut] = []
    found: list[Filter] = []
    for placed, joined in zip(place.below, below, strict=True):
        clauses = Clauses(tokens, placed.span)
        cuts += _number(clauses, placed)
        if joined is below[-1]:
            for span, each in filters(text, clauses, joined):
                cuts.append(Cut(span=span, finish=MARK.format(len(found)), whole=None))
                found.append(each)
    needed = [finished(text.parsed, cte.span, cuts) for cte in place.needed]
    return Under(before=f"WITH {', '.join(needed)}" if needed else "", cuts=cuts, filters=tuple(found))


def _number(clauses: Clauses, placed: Placed) -> Iterator[Cut]:
    """Have a query give the number of the partition too, after its columns, unless a star of it does."""
    items = placed.block.node.expressions
    if not any(item.is_star for item in items):
        end = clauses.item_span(clauses.items("select")[-1]).end
        yield Cut(span=Span(end, end), finish=NUMBERS, whole=None)
    elif _renames(placed.block.node):
        raise Refused("a query below its aggregation has a star and other names for its columns", "name its columns")


def _renames(node: exp.Expr) -> bool:
    """Return whether what reads a query has names for its columns: ``AS t(a, b)``."""
    holder = node.parent
    alias = holder.args.get("alias") if isinstance(holder, exp.Subquery | exp.CTE) else None
    return alias is not None and bool(alias.args.get("columns"))
