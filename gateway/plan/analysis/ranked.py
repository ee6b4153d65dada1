"""Values by their place in an order, read first: ``max(ts)``, and the last row that ``ORDER BY ts DESC LIMIT 5`` takes.

Each is a parameter of the statement that is not known until partitions were read, in their order, up to where it is
found (``plan.ranks``). Known, it is a filter: rows before it change neither the maximum nor the first rows.

``SELECT max(ts) FROM t`` needs of ``t`` only the rows from that value on, and ``d = (SELECT max(d) FROM t)`` is a
comparison with a constant.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from sqlglot import exp

from gateway.plan.analysis.aggregation import is_aggregate, is_aggregating, own
from gateway.plan.analysis.constants import Carried, Constant, Constants, ParameterValue, parameters_of
from gateway.plan.analysis.deterministic import is_deterministic
from gateway.plan.analysis.facts import Fact, slots_of
from gateway.plan.analysis.names import Aliases
from gateway.plan.analysis.predicate_sql import term_sql
from gateway.plan.analysis.sources import Leaf, Row, SelectBlock, Source, folded
from gateway.plan.analysis.terms import Naming, Opaque, term
from gateway.plan.analysis.types import INTEGERS, TIMESTAMPTZ, decimal_scale
from gateway.predicate import Comparison, NullCheck, Operator, Predicate, Term, any_of

RULE: Final = "order"
_PREFIX: Final = "__ranked_"
_TYPES: Final = frozenset({"DATE", "TIMESTAMP", TIMESTAMPTZ, "VARCHAR", *INTEGERS})
"""Types whose values come and go exactly, in the engine's order; beside these, DECIMAL."""
_CLAUSES: Final = ("group", "having", "qualify", "windows", "distinct", "sample")
_SEVERAL: Final = (exp.Explode, exp.Unnest, exp.Window)
"""What makes other rows of a row, or looks at others."""
Rows = tuple[int | str, ...]
"""How many rows: the sum of numbers, and of parameters by their names."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ranked:
    """The value of ``term`` in the last of the first ``rows`` rows of a scan, by that term, that a WHERE keeps.

    NULL has no place in the order. ``descending``: the greatest value comes first. ``extreme``: it is what ``max`` or
    ``min`` gives, so NULL where no row has a value. The parameter ``name`` stands for it.
    """

    name: str
    scan: int
    source: str
    """What the scan is called in its FROM."""
    term: Term
    descending: bool
    rows: Rows
    extreme: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class PreparedRank:
    """A value that is read first: ``filters`` are the scans that it would prune, ``tail`` what follows its scan."""

    ranked: Ranked
    filters: tuple[int, ...]
    tail: str


@dataclass(slots=True, kw_only=True)
class Ranking:
    """Finds them in the blocks of a statement. *names* are the names of the columns of each scan."""

    constants: Constants
    names: Sequence[Sequence[str]]
    found: list[Ranked] = field(default_factory=list)
    _keys: dict[str, Term] = field(default_factory=dict)

    def row(self, block: SelectBlock) -> Row | None:
        """Return the one row of a block whose aggregates are all ``max`` and ``min``, as constants."""
        extremes = self._extremes(block)
        if not extremes:
            return None
        return tuple(self._item(item.unalias(), extremes) for item in block.node.expressions)

    def value(self, block: SelectBlock) -> exp.Expr | None:
        """Return what a block of one column is as a scalar subquery: of one row or none, the greatest value.

        Of more rows the engine makes an error, so that all of the scan is left to it.
        """
        source = self.alone(block, (*_CLAUSES, "order", "limit", "offset"))
        items = block.node.expressions
        if source is None or len(items) != 1 or len(block.outputs or ()) != 1 or is_aggregating(block.node):
            return None
        by = term(items[0].unalias(), Naming(block=block, before=0))
        ranked = None if items[0].find(*_SEVERAL) else self._ranked(source, by, True, (1,), extreme=True)
        return None if ranked is None else exp.Placeholder(this=ranked.name)

    def facts(self, block: SelectBlock) -> list[Fact]:
        """Return what the rows of a block satisfy without which it gives the same: they are not before the value."""
        made = [self._beyond(ranked) for ranked in self._extremes(block).values()]
        sql = ", ".join(item.sql(dialect="duckdb") for item in block.node.expressions)
        if not made:
            top = self._top(block)
            made = [] if top is None else [top]
            sql = " ".join(
                str(block.node.args[key].sql(dialect="duckdb")) for key in ("order", "limit") if made
            ).replace("  ", " ")
        predicate = any_of(*made)
        mentions = frozenset[str]().union(*(source.keys() for source in block.sources))
        text = self.constants.text.readable(sql.strip())
        return [Fact(predicate=predicate, sql=text, rule=RULE, origin=0, mentions=mentions)] if made else []

    def _item(self, item: exp.Expr, extremes: dict[int, Ranked]) -> exp.Expr | None:
        holder = exp.Paren(this=item.copy())
        calls = zip(list(own(item, exp.Max, exp.Min)), list(own(holder, exp.Max, exp.Min)), strict=True)
        for written, copied in calls:
            copied.replace(exp.Placeholder(this=extremes[id(written)].name))
        made: exp.Expr = holder.this
        return made if self.constants.kind(made) is not None else None

    def alone(self, block: SelectBlock, without: Sequence[str]) -> Source | None:
        """Return the scan that a block reads, itself and alone, by a WHERE that can be evaluated apart from it."""
        tree, node = block.tree, block.node
        if not isinstance(tree, Leaf) or tree.barrier or tree.source.scan is None or block.closed or block.children:
            return None
        if any(node.args.get(key) for key in without) or node.args.get("joins") or self._is_renamed(tree.source):
            return None
        where = node.args.get("where")
        if where is not None and not (is_deterministic(where.this, exp.Tuple, exp.Any) and _is_of(where, tree.source)):
            return None
        return tree.source

    def _is_renamed(self, source: Source) -> bool:
        """Return whether an alias gives other names to the columns of a scan: ``t AS u(a, b)``."""
        return [name for name, _ in source.columns or ()] != [folded(name) for name in self.names[source.scan or 0]]

    def _extremes(self, block: SelectBlock) -> dict[int, Ranked]:
        """Find the calls of ``max`` and ``min`` by their nodes; none where the block asks for anything else."""
        scan = self.alone(block, (*_CLAUSES, "order", "limit", "offset"))
        calls = [node for node in own(block.node, exp.Func, exp.Columns) if is_aggregate(node)]
        if scan is None or not calls or any(own(block.node, exp.Window)):
            return {}
        inside = {id(column) for call in calls for column in call.find_all(exp.Column)}
        if any(id(column) not in inside for item in block.node.expressions for column in item.find_all(exp.Column)):
            return {}
        found = {id(call): self._extreme(block, scan, call) for call in calls}
        known = {key: ranked for key, ranked in found.items() if ranked is not None}
        return known if len(known) == len(found) else {}

    def _extreme(self, block: SelectBlock, source: Source, call: exp.Expr) -> Ranked | None:
        plain = isinstance(call, exp.Max | exp.Min) and not any(v for k, v in call.args.items() if k != "this")
        if not plain or isinstance(call.parent, exp.Filter):
            return None
        by = term(call.this, Naming(block=block, aliases=Aliases.UNSEEN))
        return self._ranked(source, by, isinstance(call, exp.Max), (1,), extreme=True)

    def _top(self, block: SelectBlock) -> Predicate | None:
        """Return what is known of the rows that ORDER BY and LIMIT take."""
        order, rows, scan = block.node.args.get("order"), self._limit(block.node), self.alone(block, _CLAUSES)
        if scan is None or rows is None or not isinstance(order, exp.Order) or is_aggregating(block.node):
            return None
        first = order.expressions[0]
        several = any(own(block.node, *_SEVERAL)) or any(item.find(*_SEVERAL) for item in block.node.expressions)
        by = None if several else _key(first, block)
        ranked = None if by is None else self._ranked(scan, by, bool(first.args.get("desc")), rows)
        if ranked is None or by is None:
            return None
        beyond = self._beyond(ranked)
        return any_of(beyond, NullCheck(by)) if first.args.get("nulls_first") else beyond

    def _limit(self, node: exp.Select) -> Rows | None:
        limit, offset = node.args.get("limit"), node.args.get("offset")
        if not isinstance(limit, exp.Limit) or limit.args.get("limit_options") or limit.args.get("expressions"):
            return None
        parts = [limit.expression, *([] if offset is None else [offset.expression])]
        numbers = [self._number(part) for part in parts]
        return tuple(number for number in numbers if number is not None) if None not in numbers else None

    def _number(self, node: exp.Expr | None) -> int | str | None:
        if isinstance(node, exp.Literal) and not node.is_string and node.name.isdigit():
            return int(node.name)
        if isinstance(node, exp.Placeholder) and self.constants.kind(node) in INTEGERS:
            return str(node.name)
        return None

    def _ranked(
        self, source: Source, by: Term | Opaque, descending: bool, rows: Rows, extreme: bool = False
    ) -> Ranked | None:
        own = source.keys()
        if isinstance(by, Opaque) or by.column not in own or not (by.type in _TYPES or decimal_scale(by.type)):
            return None
        scan, named = source.scan or 0, self.named(source, by)
        for ranked in self.found:
            same = (ranked.scan, ranked.term, ranked.descending, ranked.rows, ranked.extreme)
            if same == (scan, named, descending, rows, extreme):
                return ranked
        name = f"{_PREFIX}{len(self.found)}"
        made = Ranked(
            name=name,
            scan=scan,
            source=source.name,
            term=named,
            descending=descending,
            rows=rows,
            extreme=extreme,
        )
        self.found.append(made)
        self.constants.declare(name, by.type)
        self._keys[name] = by
        return made

    def named(self, source: Source, by: Term) -> Term:
        """Return a term of a scan with its column as the table calls it."""
        return Term(self.names[source.scan or 0][int(by.column.partition(".")[2])], by.type, by.functions)

    def _beyond(self, ranked: Ranked) -> Predicate:
        slot = self.constants.add(ParameterValue(ranked.name, ranked.term.type))
        return Comparison(self._keys[ranked.name], Operator.GE if ranked.descending else Operator.LE, slot)


def _is_of(node: exp.Expr, source: Source) -> bool:
    """Return whether all columns in a condition are certainly those of a source."""
    columns = [column for column in node.find_all(exp.Column) if isinstance(column, exp.Column)]
    return all(
        (not column.table or folded(column.table) == source.name) and source.find(folded(column.name)) is not None
        for column in columns
    )


def _key(ordered: exp.Expr, block: SelectBlock) -> Term | None:
    """Read the first key of ORDER BY: a position in the SELECT list, an alias, or an expression of columns."""
    if not isinstance(ordered, exp.Ordered) or ordered.args.get("with_fill"):
        return None
    node, items = ordered.this, block.node.expressions
    if isinstance(node, exp.Literal):
        position = int(node.name) - 1 if not node.is_string and node.name.isdigit() else -1
        if not 0 <= position < len(items) or any(item.is_star for item in items):
            return None
        found = term(items[position].unalias(), Naming(block=block, before=position))
    else:
        alone = Aliases.FIRST if isinstance(node, exp.Column) and not node.table else Aliases.BESIDE
        found = term(node, Naming(block=block, aliases=alone))
    return None if isinstance(found, Opaque) else found


def ranked_query(rank: PreparedRank, rows: int, source: str) -> str:
    """Write the query that reads a value from *source*: whether it is NULL, and the value if Python can hold it."""
    ranked = rank.ranked
    values = f"SELECT {term_sql(ranked.term, ranked.source)} AS v FROM {source}{rank.tail}\n"
    if ranked.extreme:
        found = f"SELECT {'max' if ranked.descending else 'min'}(v) AS v FROM ({values})"
    else:
        order = f"ORDER BY v {'DESC' if ranked.descending else 'ASC'} LIMIT 1 OFFSET {rows - 1}"
        found = f"SELECT (SELECT v FROM ({values}) WHERE v IS NOT NULL {order}) AS v"
    held = "isfinite(v) AND year(v) BETWEEN 2 AND 9998" if ranked.term.type in _MOMENTS else "TRUE"
    return f"SELECT v IS NULL, CASE WHEN {held} THEN v END FROM ({found})"


_MOMENTS = ("DATE", "TIMESTAMP", "TIMESTAMP WITH TIME ZONE")


def depending(constants: Sequence[Constant], predicate: Predicate, name: str) -> bool:
    """Return whether a predicate depends on a parameter."""
    return any(name in _parameters_of_slot(constants, slot) for slot in slots_of(predicate))


def _parameters_of_slot(constants: Sequence[Constant], slot: int) -> Iterator[str]:
    constant = constants[slot]
    return _parameters_of_slot(constants, constant.slot) if isinstance(constant, Carried) else parameters_of(constant)
