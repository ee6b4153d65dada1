"""The aggregates of a query: the states that a partition keeps of them, and what stands for them afterwards."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Final

from sqlglot import exp

from gateway.plan.fold.algebra import (
    ALGEBRA,
    COUNT,
    DISTINCT_IS_NOTHING,
    EXTREME,
    EXTREMES,
    FLOATS,
    INSTEAD,
    LISTS,
    OF_DISTINCT,
    TEXTS,
    Algebra,
)
from gateway.plan.fold.block import Block
from gateway.plan.fold.cuts import Cut
from gateway.plan.fold.listed import Listed
from gateway.plan.fold.parts import STATE, Refused, key
from gateway.plan.fold.tokens import Span

_DISTINCT: Final = re.compile(r"^distinct\b\s*", re.IGNORECASE)
_BY_OTHER_NAMES: Final = {"mean": "avg"}
_FILTER: Final = re.compile(r"filter\s*\(\s*where\b(.*)\)", re.IGNORECASE | re.DOTALL)


@dataclass(slots=True)
class States:
    """The states of all aggregates that were split, in the author's words; equal ones are kept once."""

    keys: int
    floats: Collection[str] = ()
    """The states that are known to be floating-point numbers."""
    names: dict[str, str] = field(default_factory=dict)
    algebras: list[Algebra] = field(default_factory=list)
    grains: list[str] = field(default_factory=list)
    """What partials group by beside the keys: values that are listed, or of which distinct ones count."""

    def add(self, block: Block, node: exp.Expr) -> Cut:
        """Split an aggregate; return what stands in its place. Raises ``Refused``."""
        filtered = node.parent if isinstance(node.parent, exp.Filter) else node
        start = block.start_of(node)
        name = _type_name(node) if start is None else block.clauses.name_at(start)
        if name in OF_DISTINCT and isinstance(node.this, exp.Distinct) and len(node.this.expressions) == 1:
            return self._distinct(block, name, node, filtered, _call(block, node, start))
        if name in LISTS | TEXTS:
            return self._listed(block, name, filtered, _call(block, node, start))
        if name in EXTREMES and not node.find(exp.Distinct, exp.Order):
            return self._extreme(block, EXTREMES[name], filtered, _call(block, node, start))
        algebra = _algebra(name, node)
        call, arguments, filter_ = _call(block, node, start)
        block.check_columns(filtered)
        known = {
            "call": block.sql(call),
            "argument": block.sql(arguments),
            "filter": "" if filter_ is None else f" {block.sql(filter_)}",
        }
        if any(state.format(**known) in self.floats for state in algebra.states):
            algebra = FLOATS.get(_BY_OTHER_NAMES.get(name, name), algebra)
        states = [state.format(**known) for state in algebra.states]
        kept = [self._kept(state, algebra) for state in states]
        whole = None if algebra.over_rows is None else algebra.over_rows.format(*states)
        return Cut(span=call, finish=algebra.merge.format(*kept), whole=whole)

    def _distinct(
        self, block: Block, name: str, node: exp.Expr, filtered: exp.Expr, found: tuple[Span, Span, Span | None]
    ) -> Cut:
        """Have partials keep each distinct value: other aggregates are merged over groups of any size."""
        call, arguments, filter_ = found
        block.check_columns(filtered)
        value = _DISTINCT.sub("", block.sql(arguments))
        condition = _condition(block, filter_)
        if condition is not None:
            if not isinstance(node.this.expressions[0], exp.Column):  # which fails, if at all, for all rows
                raise Refused("it has a FILTER beside DISTINCT of an expression", "a derived table with the expression")
            value = f"CASE WHEN {condition} THEN {value} END"
        return Cut(span=call, finish=f"{name}(DISTINCT {self._grain(value)})", whole=None)

    def _listed(self, block: Block, name: str, filtered: exp.Expr, found: tuple[Span, Span, Span | None]) -> Cut:
        """Have partials keep each value with what it is ordered by, and how many rows have them.

        Of rows that tie, the values decide: no order of the rows shows.
        """
        call, arguments, filter_ = found
        block.check_columns(filtered)
        listed = Listed.read(block, name, arguments)
        condition = _condition(block, filter_)
        value, *terms = (self._grain(sql) for sql in listed.grains(condition))
        where = "" if condition is None else f" FILTER (WHERE {self._grain(f'({condition}) IS TRUE')})"
        count = "" if listed.distinct else self._kept("count(*)", COUNT)
        return Cut(span=call, finish=f"{listed.finish(value, terms, count, where)}", whole=listed.whole(block, call))

    def _grain(self, sql: str) -> str:
        """Have partials group by an expression too; return the column that has it."""
        if sql not in self.grains:
            self.grains.append(sql)
        return key(self.keys + self.grains.index(sql))

    def _extreme(self, block: Block, way: str, filtered: exp.Expr, found: tuple[Span, Span, Span | None]) -> Cut:
        """Have partials keep the value and what it goes by; of equals of the latter, the extreme value is chosen."""
        call, arguments, filter_ = found
        block.check_columns(filtered)
        parts = [block.sql(span) for span in block.clauses.arguments(arguments)]
        if len(parts) != 2:
            raise Refused(f"arg_{way}() of several values cannot be merged")
        (value, by), condition = parts, _condition(block, filter_)
        more = "" if condition is None else f" AND ({condition})"
        whole = (
            f"arg_{way}({value}, row({by}, {value})) FILTER (WHERE ({value}) IS NOT NULL AND ({by}) IS NOT NULL{more})"
        )
        kept = self._kept(whole, EXTREME)
        kept_by = self._kept(f"{way}({by}) FILTER (WHERE ({value}) IS NOT NULL{more})", EXTREME)
        finish = f"arg_{way}({kept}, row({kept_by}, {kept})) FILTER (WHERE {kept} IS NOT NULL)"
        return Cut(span=call, finish=finish, whole=whole)

    def _kept(self, sql: str, algebra: Algebra) -> str:
        if sql not in self.names:
            self.names[sql] = STATE.format(len(self.names))
            self.algebras.append(algebra)
        return f'"{self.names[sql]}"'


def _condition(block: Block, filter_: Span | None) -> str | None:
    """Return the condition of a FILTER. Raises ``Refused``."""
    if filter_ is None:
        return None
    condition = _FILTER.fullmatch(block.sql(filter_))
    if condition is None:
        raise Refused("its FILTER is not understood")
    return condition[1].strip()


def _type_name(node: exp.Expr) -> str:
    return node.sql_name().lower() if isinstance(node, exp.Func) else ""


def _algebra(name: str, node: exp.Expr) -> Algebra:
    algebra = ALGEBRA.get(_BY_OTHER_NAMES.get(name, name))
    if algebra is None:
        raise Refused(f"{name}() cannot be merged", INSTEAD.get(name))
    if node.find(exp.Distinct) and name not in DISTINCT_IS_NOTHING:
        raise Refused(f"{name}(DISTINCT …) cannot be merged")
    if node.find(exp.Order) or sum(not isinstance(child, exp.Boolean) for child in node.iter_expressions()) > 1:
        raise Refused(f"{name}() of several arguments or in an order cannot be merged")
    return algebra


def _call(block: Block, node: exp.Expr, start: int | None) -> tuple[Span, Span, Span | None]:
    found = block.clauses.call(start) if start is not None else None
    if found is None:
        raise Refused(f"{node.sql('duckdb', comments=False)} cannot be merged")
    return found
