"""Windows over all rows of a scan that ask for its first ones: ``rank() OVER (ORDER BY ts DESC) = 1``.

``rank``, ``row_number`` and ``dense_rank`` are counted from the first row on: where only those up to *n* are asked for,
by QUALIFY or by the query around, no row matters that comes after the *n*-th value of the first key. ``max(d) OVER ()``
is one value for all rows, which is read first: ``QUALIFY d = max(d) OVER ()`` is a comparison with a constant, and the
rows that have the greatest value stay. Both hold as long as no other window of the block looks at other rows.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from sqlglot import exp

from gateway.plan.analysis.aggregation import is_aggregating, is_extreme, own
from gateway.plan.analysis.conjuncts import facts_of
from gateway.plan.analysis.constants import Constants, Literal, ParameterValue
from gateway.plan.analysis.facts import Fact, either_way
from gateway.plan.analysis.first_values import Ranked
from gateway.plan.analysis.leaves.comparison import OPERATORS
from gateway.plan.analysis.names import Aliases, meant
from gateway.plan.analysis.ranked import Ranking
from gateway.plan.analysis.sources import SelectBlock, Source, output_key
from gateway.plan.analysis.subqueries import conditions
from gateway.plan.analysis.terms import Naming, Opaque, term
from gateway.predicate import And, Comparison, NullCheck, Operator, Predicate, Term, all_of, any_of

RULE: Final = "window"
_CLAUSES: Final = ("group", "having", "windows", "distinct", "sample", "limit", "offset")
_COUNTING: Final = {exp.Rank: False, exp.RowNumber: False, exp.DenseRank: True}
"""Window functions that count rows, or (True) distinct values."""
_AT_MOST: Final = (Operator.EQ, Operator.LE, Operator.LT)


@dataclass(frozen=True, slots=True)
class Counted:
    """A window that counts the rows of a scan from the first one of a term on, or its distinct values."""

    by: Term
    descending: bool
    nulls_first: bool
    distinct: bool


@dataclass(slots=True, kw_only=True)
class Windowed:
    """Finds what the rows of a block satisfy that its windows are asked for."""

    constants: Constants
    ranking: Ranking

    def facts(self, block: SelectBlock, required: Sequence[Fact]) -> list[Fact]:
        """Return what they satisfy; *required* is what the output rows do."""
        windows = list(own(block.node, exp.Window))
        scan = self.ranking.alone(block, _CLAUSES) if windows else None
        if scan is None or is_aggregating(block.node) or any(own(block.node, exp.Explode, exp.Unnest)):
            return []
        counted = [_counted(window, block, scan) for window in windows]
        if all(one is not None for one in counted):
            predicate = self._first(block, scan, [one for one in counted if one is not None], required)
        else:
            predicate = self._extreme(block, scan, windows)
        if predicate is None:
            return []
        sql = ", ".join(dict.fromkeys(window.sql(dialect="duckdb") for window in windows))
        text = self.constants.text.readable(sql)
        return [Fact(predicate=predicate, sql=text, rule=RULE, origin=0, mentions=scan.keys())]

    def _first(
        self, block: SelectBlock, scan: Source, counted: Sequence[Counted], required: Sequence[Fact]
    ) -> Predicate | None:
        """Return that a row is not after the last one that is asked for of windows that count in one order."""
        orders = {(one.by, one.descending) for one in counted}
        asked = [*self._asked(block, scan), *self._asked_around(block, scan, required)]
        if len(orders) > 1 or not asked:
            return None
        one, rows = asked[0]
        ranked = self.ranking.ranked(scan, one.by, one.descending, (rows,), distinct=one.distinct)
        if ranked is None:
            return None
        beyond = self.ranking.beyond(ranked)
        return any_of(beyond, NullCheck(one.by)) if any(each.nulls_first for each in counted) else beyond

    def _asked(self, block: SelectBlock, scan: Source) -> Iterator[tuple[Counted, int | str]]:
        """Walk the windows that QUALIFY asks to be a number at most."""
        for node in conditions(block, "qualify"):
            operator = OPERATORS.get(type(node))
            if operator is None:
                continue
            for one, compares, other in either_way(node.this, operator, node.expression):
                counted = _counted(meant(one.unnest(), block, Aliases.BESIDE), block, scan)
                rows = self._number(other.unnest()) if compares in _AT_MOST else None
                if counted is not None and rows is not None:
                    yield counted, rows

    def _asked_around(
        self, block: SelectBlock, scan: Source, required: Sequence[Fact]
    ) -> Iterator[tuple[Counted, int | str]]:
        """Walk the windows that the query around asks to be a number at most."""
        items, outputs = block.node.expressions, block.outputs or ()
        by_key = dict(_items(block)) if items and len(outputs) >= len(items) else {}
        for fact in required:
            for part in fact.predicate.parts if isinstance(fact.predicate, And) else (fact.predicate,):
                if not isinstance(part, Comparison) or part.term.functions or part.operator not in _AT_MOST:
                    continue
                item = by_key.get(part.term.column)
                counted = None if item is None else _counted(item, block, scan)
                rows = self._slot(part.slot)
                if counted is not None and rows is not None:
                    yield counted, rows

    def _number(self, node: exp.Expr) -> int | str | None:
        kind = self.constants.kind(node)
        slot = None if kind is None else self.constants.slot(node, "BIGINT")
        return None if slot is None else self._slot(slot)

    def _slot(self, slot: int) -> int | str | None:
        match self.constants.slots[slot]:
            case Literal(value) if isinstance(value, int) and not isinstance(value, bool):
                return value
            case ParameterValue(name):
                return name
        return None

    def _extreme(self, block: SelectBlock, scan: Source, windows: Sequence[exp.Expr]) -> Predicate | None:
        """Return what QUALIFY says with the greatest values in it, or that a row has one of them."""
        naming = Naming(block=block, aliases=Aliases.BESIDE)
        found = {id(window): self._value(window, scan, naming) for window in windows}
        known = {key: ranked for key, ranked in found.items() if ranked is not None}
        nodes = conditions(block, "qualify")
        if len(known) < len(found) or not nodes:
            return None
        made = [fact for node in nodes for fact in facts_of(_with(node, known), naming, self.constants, RULE)]
        asked = all_of(*(fact.predicate for fact in made))
        return any_of(asked, *(self.ranking.beyond(ranked) for ranked in known.values()))

    def _value(self, window: exp.Expr, scan: Source, naming: Naming) -> Ranked | None:
        call = window.this
        plain = all(key in ("this", "over") or not value for key, value in window.args.items())
        if not plain or not is_extreme(call):
            return None
        by = term(call.this, naming)
        return self.ranking.ranked(scan, by, isinstance(call, exp.Max), (1,), extreme=True)


def _counted(node: exp.Expr, block: SelectBlock, scan: Source) -> Counted | None:
    """Read a window that counts the rows of a scan in some order."""
    order = node.args.get("order")
    plain = all(key in ("this", "over", "order") or not value for key, value in node.args.items())
    if not isinstance(node, exp.Window) or not plain or not isinstance(order, exp.Order):
        return None
    first, distinct = order.expressions[0], _COUNTING.get(type(node.this))
    if distinct is None or any(node.this.args.values()) or first.args.get("with_fill"):
        return None
    by = term(first.this, Naming(block=block, aliases=Aliases.BESIDE))
    if isinstance(by, Opaque) or not scan.has_key(by.column):
        return None
    return Counted(by, bool(first.args.get("desc")), bool(first.args.get("nulls_first")), distinct)


def _items(block: SelectBlock) -> Iterator[tuple[str, exp.Expr]]:
    """Walk the items of a SELECT list that are windows, with the keys of their columns; a star is many columns."""
    outputs = block.outputs or ()
    for place, item in enumerate(block.node.expressions):
        if isinstance(item.unalias(), exp.Window):
            after = len(block.node.expressions) - place
            stars = [other.is_star for other in block.node.expressions]
            if not any(stars[:place]):
                yield output_key(block, place), item.unalias()
            elif not any(stars[place:]):
                yield output_key(block, len(outputs) - after), item.unalias()


def _with(node: exp.Expr, known: dict[int, Ranked]) -> exp.Expr:
    """Write values in the place of windows."""
    holder = exp.Paren(this=node.copy())
    windows = zip(list(own(node, exp.Window)), list(own(holder, exp.Window)), strict=True)
    for written, copied in windows:
        copied.replace(exp.Placeholder(this=known[id(written)].name))
    made: exp.Expr = holder.this
    return made
