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

from gateway.plan.analysis.aggregation import has_sets, is_aggregate, is_aggregating, own
from gateway.plan.analysis.closing import keep_order
from gateway.plan.analysis.conjuncts import facts_of
from gateway.plan.analysis.constants import Carried, Constant, Constants, ParameterValue, parameters_of
from gateway.plan.analysis.deterministic import columns_in, is_deterministic, is_strict
from gateway.plan.analysis.facts import Fact, slots_of
from gateway.plan.analysis.names import Aliases
from gateway.plan.analysis.predicate_sql import term_sql
from gateway.plan.analysis.ranges import Grain, Ranged, Ranges, name_of
from gateway.plan.analysis.sources import Leaf, Row, SelectBlock, Source, folded
from gateway.plan.analysis.terms import Naming, Opaque, term
from gateway.plan.analysis.types import INTEGERS, TIMESTAMPTZ, decimal_scale
from gateway.predicate import Comparison, NullCheck, Operator, Predicate, Term, all_of, any_of

RULE: Final = "order"
_PREFIX: Final = "__ranked_"
_TYPES: Final = frozenset({"DATE", "TIMESTAMP", TIMESTAMPTZ, "VARCHAR", *INTEGERS})
"""Types whose values come and go exactly, in the engine's order; beside these, DECIMAL."""
_CLAUSES: Final = ("group", "having", "qualify", "windows", "distinct", "sample")
_OF_ROWS: Final = ("having", "qualify", "windows", "sample")
_SEVERAL: Final = (exp.Explode, exp.Unnest, exp.Window)
"""What makes other rows of a row, or looks at others."""
Rows = tuple[int | str, ...]
"""How many rows: the sum of numbers, and of parameters by their names."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ranked:
    """The value of ``term`` in the last of the first ``rows`` rows of a scan, by that term, that a WHERE keeps.

    NULL has no place in the order. ``descending``: the greatest value comes first. ``extreme``: it is what ``max`` or
    ``min`` gives, so NULL where no row has a value. ``distinct``: of rows with one value the first is counted. The
    parameter ``name`` stands for it.

    Where an ``expression`` of the term is ordered by, it is the value of that, of type ``type``; partitions are read in
    the order of the term, ``backwards`` where the expression turns it round. What is found in some of them is no more
    than a bound: no row before it is among the first rows.
    """

    name: str
    scan: int
    source: str
    """What the scan is called in its FROM."""
    term: Term
    type: str
    descending: bool
    rows: Rows
    extreme: bool = False
    distinct: bool = False
    expression: str = ""
    backwards: bool = False

    @property
    def newest_first(self) -> bool:
        """Whether partitions are read from the greatest values of the term on."""
        return self.descending != self.backwards


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

        Of more rows the engine makes an error, so that all of the scan is left to it. ``ORDER BY … LIMIT 1`` takes one.
        """
        if block.node.args.get("order"):
            return self._first(block)
        source = self.alone(block, (*_CLAUSES, "order", "limit", "offset"))
        items = block.node.expressions
        if source is None or len(items) != 1 or len(block.outputs or ()) != 1 or is_aggregating(block.node):
            return None
        by = term(items[0].unalias(), Naming(block=block, before=0))
        ranked = None if items[0].find(*_SEVERAL) else self._ranked(source, by, True, (1,), extreme=True)
        return None if ranked is None else exp.Placeholder(this=ranked.name)

    def _first(self, block: SelectBlock) -> exp.Expr | None:
        """Return the value of a block that takes one row, in the order of the column that it selects."""
        node, items, rows = block.node, block.node.expressions, self._limit(block.node)
        grouped = bool(node.args.get("group") or node.args.get("distinct"))
        scan = self.alone(block, _OF_ROWS if grouped else _CLAUSES)
        if scan is None or rows is None or rows[0] != 1 or len(items) != 1 or len(block.outputs or ()) != 1:
            return None
        first = node.args["order"].expressions[0]
        if is_aggregating(node) or items[0].find(*_SEVERAL) or first.find(*_SEVERAL) or first.args.get("nulls_first"):
            return None
        by, item = _key(first, block), term(items[0].unalias(), Naming(block=block, before=0))
        if by is None or isinstance(item, Opaque) or (grouped and not is_ordered_by_key(block, first, scan)):
            return None
        count = len(by.functions)
        further = item.functions[count:]
        same = (by.column, by.functions) == (item.column, item.functions[:count])
        if not same or not keep_order(further) or (grouped and further):
            return None
        ranked = self._ranked(scan, item, bool(first.args.get("desc")), rows, distinct=grouped)
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
        if not plain or call.this is None or isinstance(call.parent, exp.Filter):
            return None
        by = term(call.this, Naming(block=block, aliases=Aliases.UNSEEN))
        return self._ranked(source, by, isinstance(call, exp.Max), (1,), extreme=True)

    def _top(self, block: SelectBlock) -> Predicate | None:
        """Return what is known of the rows, or the groups, that ORDER BY and LIMIT take."""
        order, rows, node = block.node.args.get("order"), self._limit(block.node), block.node
        grouped = bool(node.args.get("group") or node.args.get("distinct"))
        scan = self.alone(block, _OF_ROWS if grouped else _CLAUSES)
        if scan is None or rows is None or not isinstance(order, exp.Order):
            return None
        first = order.expressions[0]
        if any(own(node, *_SEVERAL)) or any(item.find(*_SEVERAL) for item in node.expressions):
            return None
        if grouped and not is_ordered_by_key(block, first, scan):
            return None
        if not grouped and is_aggregating(node):
            return None
        by = _key(first, block)
        if by is None:
            return self._top_of_expression(first, block, scan, rows, grouped)
        ranked = self._ranked(scan, by, bool(first.args.get("desc")), rows, distinct=grouped)
        if ranked is None:
            return None
        beyond = self._beyond(ranked)
        return any_of(beyond, NullCheck(by)) if first.args.get("nulls_first") else beyond

    def _top_of_expression(
        self, first: exp.Expr, block: SelectBlock, scan: Source, rows: Rows, grouped: bool
    ) -> Predicate | None:
        """Read an order by a deterministic expression of one column."""
        node, naming = ordered_node(first, block, scan), Naming(block=block, aliases=Aliases.UNSEEN)
        if node is None or first.args.get("nulls_first") or not is_deterministic(node) or not is_strict(node):
            return None
        found = {term(column, naming) for column in node.find_all(exp.Column)}
        by = found.pop() if len(found) == 1 else None
        kind = self._kind_of(node, by) if isinstance(by, Term) and not by.functions else None
        if not isinstance(by, Term) or kind is None or by.column not in set(scan.keys()):
            return None
        ranges = Ranges(self.constants, {name_of(each): Ranged(Grain.RANGE, by.type) for each in columns_in(node)})
        descending = bool(first.args.get("desc"))
        name = f"{_PREFIX}{len(self.found)}"
        self.found.append(
            Ranked(
                name=name,
                scan=scan.scan or 0,
                source=scan.name,
                term=self.named(scan, by),
                type=kind,
                descending=descending,
                rows=rows,
                distinct=grouped,
                expression=self.constants.text.executable(node.sql(dialect="duckdb")),
                backwards=ranges.direction(node) == -1,
            )
        )
        self.constants.declare(name, kind)
        compared = (exp.GTE if descending else exp.LTE)(this=exp.paren(node), expression=exp.Placeholder(this=name))
        return all_of(*(fact.predicate for fact in facts_of(compared, naming, self.constants, RULE)))

    def _kind_of(self, node: exp.Expr, by: Term) -> str | None:
        """Return the type of an expression of a column, if its values come and go exactly."""
        typed = node.copy().transform(
            lambda part: exp.cast(exp.Null(), by.type, dialect="duckdb") if isinstance(part, exp.Column) else part
        )
        kind = self.constants.kind(typed)
        return kind if kind is not None and (kind in (*_TYPES, "DOUBLE") or decimal_scale(kind)) else None

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
        self,
        source: Source,
        by: Term | Opaque,
        descending: bool,
        rows: Rows,
        *,
        extreme: bool = False,
        distinct: bool = False,
    ) -> Ranked | None:
        own = source.keys()
        if isinstance(by, Opaque) or by.column not in own or not (by.type in _TYPES or decimal_scale(by.type)):
            return None
        scan, named = source.scan or 0, self.named(source, by)
        for ranked in self.found:
            same = (ranked.scan, ranked.term, ranked.descending, ranked.rows, ranked.extreme, ranked.distinct)
            if same == (scan, named, descending, rows, extreme, distinct) and not ranked.expression:
                return ranked
        name = f"{_PREFIX}{len(self.found)}"
        made = Ranked(
            name=name,
            scan=scan,
            source=source.name,
            term=named,
            type=by.type,
            descending=descending,
            rows=rows,
            extreme=extreme,
            distinct=distinct,
        )
        self.found.append(made)
        self.constants.declare(name, by.type)
        self._keys[name] = by
        return made

    def named(self, source: Source, by: Term) -> Term:
        """Return a term of a scan with its column as the table calls it."""
        return Term(self.names[source.scan or 0][int(by.column.partition(".")[2])], by.type, by.functions)

    def _beyond(self, ranked: Ranked) -> Predicate:
        slot = self.constants.add(ParameterValue(ranked.name, ranked.type))
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
    return node if columns and plain and _is_of(node, scan) else None


def is_ordered_by_key(block: SelectBlock, ordered: exp.Expr, scan: Source) -> bool:
    """Return whether each group of a block, or row of a SELECT DISTINCT, has one value of what it is ordered by."""
    node, group, distinct = (
        ordered_node(ordered, block, scan),
        block.node.args.get("group"),
        block.node.args.get("distinct"),
    )
    if node is None or (distinct is not None and distinct.args.get("on")) or has_sets(block):
        return False
    items = [item.unalias() for item in block.node.expressions]
    if group is None:
        return distinct is not None and node in items
    if group is None or group.args.get("all"):
        return group is not None and node in items
    return node in [ordered_node(key, block, scan) for key in group.expressions]


def ranked_query(rank: PreparedRank, rows: int, source: str) -> str:
    """Write the query that reads a value from *source*: whether it is NULL, the value if Python can hold it, and
    the text of one that is infinite."""
    ranked = rank.ranked
    value = ranked.expression or term_sql(ranked.term, ranked.source)
    values = f"SELECT {'DISTINCT ' if ranked.distinct else ''}{value} AS v FROM {source}{rank.tail}\n"
    if ranked.extreme:
        found = f"SELECT {'max' if ranked.descending else 'min'}(v) AS v FROM ({values})"
    else:
        order = f"ORDER BY v {'DESC' if ranked.descending else 'ASC'} LIMIT 1 OFFSET {rows - 1}"
        found = f"SELECT (SELECT v FROM ({values}) WHERE v IS NOT NULL {order}) AS v"
    if ranked.type not in _MOMENTS:
        return f"SELECT v IS NULL, v, NULL FROM ({found})"
    held = "CASE WHEN isfinite(v) AND year(v) BETWEEN 2 AND 9998 THEN v END"
    return f"SELECT v IS NULL, {held}, CASE WHEN isinf(v) THEN CAST(v AS VARCHAR) END FROM ({found})"


_MOMENTS = ("DATE", "TIMESTAMP", "TIMESTAMP WITH TIME ZONE")


def depending(constants: Sequence[Constant], predicate: Predicate, name: str) -> bool:
    """Return whether a predicate depends on a parameter."""
    return any(name in _parameters_of_slot(constants, slot) for slot in slots_of(predicate))


def _parameters_of_slot(constants: Sequence[Constant], slot: int) -> Iterator[str]:
    constant = constants[slot]
    return _parameters_of_slot(constants, constant.slot) if isinstance(constant, Carried) else parameters_of(constant)
