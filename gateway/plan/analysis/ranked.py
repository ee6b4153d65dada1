"""Values by their place in an order, read first: ``max(ts)``, and the last row that ``ORDER BY ts DESC LIMIT 5`` takes.

Each is a parameter of the statement that is not known until partitions were read, in their order, up to where it is
found (``plan.ranks``). Known, it is a filter: rows before it change neither the maximum nor the first rows.

``SELECT max(ts) FROM t`` needs of ``t`` only the rows from that value on, and ``d = (SELECT max(d) FROM t)`` is a
comparison with a constant. ``arg_max(x, ts)`` is of a row with the greatest ``ts`` of those that have an
``x``. The least of the first rows by a descending order is the last of them, where there are so many.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from sqlglot import exp

from gateway.plan.analysis.aggregation import is_aggregate, is_aggregating, is_extreme, own
from gateway.plan.analysis.closing import keep_order
from gateway.plan.analysis.conjuncts import facts_of
from gateway.plan.analysis.constants import Constants, ParameterValue
from gateway.plan.analysis.deterministic import columns_in, is_deterministic, is_strict
from gateway.plan.analysis.facts import Fact, place_of
from gateway.plan.analysis.first_values import Ranked, Rows
from gateway.plan.analysis.names import Aliases
from gateway.plan.analysis.order_keys import is_of, is_ordered_by_key, key_of, ordered_node
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
_ALL_CLAUSES: Final = (*_CLAUSES, "order", "limit", "offset")
_OF_ROWS: Final = ("having", "qualify", "windows", "sample")
_SEVERAL: Final = (exp.Explode, exp.Unnest, exp.Window)
"""What makes other rows of a row, or looks at others."""


@dataclass(slots=True, kw_only=True)
class Ranking:
    """Finds them in the blocks of a statement. *names* are the names of the columns of each scan."""

    constants: Constants
    names: Sequence[Sequence[str]]
    found: list[Ranked] = field(default_factory=list)
    _keys: dict[str, Term] = field(default_factory=dict)
    _conditions: dict[str, Predicate] = field(default_factory=dict)

    def row(self, block: SelectBlock) -> Row | None:
        """Return the one row of a block whose aggregates are all ``max`` and ``min``, as constants."""
        extremes = self._extremes(block) or self._last_of_first(block)
        if not extremes:
            return None
        return tuple(self._item(item.unalias(), extremes) for item in block.node.expressions)

    def value(self, block: SelectBlock) -> exp.Expr | None:
        """Return what a block of one column is as a scalar subquery: of one row or none, the greatest value.

        Of more rows the engine makes an error, so that all of the scan is left to it. ``ORDER BY … LIMIT 1`` takes one,
        and of DISTINCT there may be one where there are several rows.
        """
        if block.node.args.get("order"):
            return self._first(block)
        distinct = block.node.args.get("distinct")
        clauses = [key for key in _CLAUSES if key != "distinct" or distinct is None or distinct.args.get("on")]
        source = self.alone(block, (*clauses, "order", "limit", "offset"))
        items = block.node.expressions
        if source is None or len(items) != 1 or len(block.outputs or ()) != 1 or is_aggregating(block.node):
            return None
        by = term(items[0].unalias(), Naming(block=block, before=0))
        ranked = None if items[0].find(*_SEVERAL) else self.ranked(source, by, True, (1,), extreme=True)
        return None if ranked is None else exp.Placeholder(this=ranked.name)

    def _first(self, block: SelectBlock) -> exp.Expr | None:
        """Return the value of a block that takes one row, in the order of the column that it selects."""
        ranked = self._last(block)
        return None if ranked is None or ranked.rows[0] != 1 else exp.Placeholder(this=ranked.name)

    def _last_of_first(self, block: SelectBlock) -> dict[int, Ranked]:
        """Find the least of the greatest values that a query in FROM takes, or the greatest of the least ones."""
        tree, node = block.tree, block.node
        if not isinstance(tree, Leaf) or tree.barrier or block.closed or block.children or node.args.get("joins"):
            return {}
        source = tree.source
        inner = source.cte.block if source.cte is not None and not source.cte.recursive else source.block
        if not isinstance(inner, SelectBlock) or any(node.args.get(key) for key in (*_ALL_CLAUSES, "where")):
            return {}
        calls = [each for each in own(node, exp.Func, exp.Columns, exp.Window) if not isinstance(each, exp.Cast)]
        items = node.expressions
        if len(items) != 1 or len(calls) != 1 or items[0].unalias() is not calls[0] or not is_extreme(calls[0]):
            return {}
        by, ranked = term(calls[0].this, Naming(block=block, aliases=Aliases.UNSEEN)), self._last(inner)
        if ranked is None or by != source.term(0) or isinstance(calls[0], exp.Min) != ranked.descending:
            return {}
        first, *offset = ranked.rows
        return {id(calls[0]): ranked} if (first != 0 if isinstance(first, int) else not offset) else {}

    def _last(self, block: SelectBlock) -> Ranked | None:
        """Return the last value that a block takes, in the order of the one column that it selects."""
        node, items, rows = block.node, block.node.expressions, self._limit(block.node)
        grouped = bool(node.args.get("group") or node.args.get("distinct"))
        scan = self.alone(block, _OF_ROWS if grouped else _CLAUSES)
        if scan is None or rows is None or len(items) != 1 or len(block.outputs or ()) != 1:
            return None
        order = node.args.get("order")
        first = order.expressions[0] if isinstance(order, exp.Order) else None
        if first is None or is_aggregating(node) or first.args.get("nulls_first"):
            return None
        if items[0].find(*_SEVERAL) or first.find(*_SEVERAL):
            return None
        by, item = key_of(first, block), term(items[0].unalias(), Naming(block=block, before=0))
        if by is None or isinstance(item, Opaque) or (grouped and not is_ordered_by_key(block, first, scan)):
            return None
        count = len(by.functions)
        further = item.functions[count:]
        same = (by.column, by.functions) == (item.column, item.functions[:count])
        if not same or not keep_order(further) or (grouped and further):
            return None
        return self.ranked(scan, item, bool(first.args.get("desc")), rows, distinct=grouped, exact=True)

    def facts(self, block: SelectBlock) -> list[Fact]:
        """Return what the rows of a block satisfy without which it gives the same: they are not before the value."""
        made = [self.beyond(ranked) for ranked in self._extremes(block).values()]
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
        if where is not None and not (is_deterministic(where.this, exp.Tuple, exp.Any) and is_of(where, tree.source)):
            return None
        return tree.source

    def _is_renamed(self, source: Source) -> bool:
        """Return whether an alias gives other names to the columns of a scan: ``t AS u(a, b)``."""
        return [name for name, _ in source.columns or ()] != [folded(name) for name in self.names[source.scan or 0]]

    def _extremes(self, block: SelectBlock) -> dict[int, Ranked]:
        """Find the calls of ``max`` and ``min`` by their nodes; none where the block asks for anything else."""
        scan = self.alone(block, _ALL_CLAUSES)
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
        if isinstance(call.parent, exp.Filter):
            return None
        naming = Naming(block=block, aliases=Aliases.UNSEEN)
        if isinstance(call, exp.ArgMax | exp.ArgMin):
            known = call.this is not None and call.expression is not None and not call.args.get("count")
            return self._best(source, call, naming) if known else None
        if not is_extreme(call):
            return None
        if isinstance(call.this.unnest(), exp.DateFromParts):
            return self._of_parts(source, call, naming)
        return self.ranked(source, term(call.this, naming), isinstance(call, exp.Max), (1,), extreme=True)

    def _best(self, source: Source, call: exp.ArgMax | exp.ArgMin, naming: Naming) -> Ranked | None:
        """Read ``arg_max(x, y)``: the greatest *y* of the rows that have an *x*."""
        given, by = term(call.this, naming), term(call.expression, naming)
        if isinstance(given, Opaque) or not source.has_key(given.column):
            return None
        return self.ranked(source, by, isinstance(call, exp.ArgMax), (1,), extreme=True, given=given)

    def _of_parts(self, source: Source, call: exp.Expr, naming: Naming) -> Ranked | None:
        """Read ``max(make_date(y, m, d))`` of three columns: no year has a day before another one's."""
        node = call.this.unnest()
        written = [node.args.get(key) for key in ("year", "month", "day")]
        parts = [term(part, naming) for part in written if part is not None]
        known = [part for part in parts if isinstance(part, Term) and source.has_key(part.column)]
        plain = all(part.type in INTEGERS and keep_order(part.functions) for part in known)
        if len(known) < 3 or not plain:
            return None
        texts = [term_sql(self.named(source, part), source.name) for part in known]
        ranked = self._added(
            source,
            known[0],
            "DATE",
            isinstance(call, exp.Max),
            (1,),
            extreme=True,
            exact=True,
            expression=f"make_date({', '.join(texts)})",
        )
        compared = (exp.GTE if ranked.descending else exp.LTE)(
            this=node.copy(), expression=exp.Placeholder(this=ranked.name)
        )
        made = facts_of(compared, naming, self.constants, RULE)
        self._conditions[ranked.name] = all_of(*(fact.predicate for fact in made))
        return ranked

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
        by = key_of(first, block)
        if by is None:
            return self._top_of_expression(first, block, scan, rows, grouped)
        ranked = self.ranked(scan, by, bool(first.args.get("desc")), rows, distinct=grouped)
        if ranked is None:
            return None
        beyond = self.beyond(ranked)
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
        if not isinstance(by, Term) or kind is None or not scan.has_key(by.column):
            return None
        ranges = Ranges(self.constants, {name_of(each): Ranged(Grain.RANGE, by.type) for each in columns_in(node)})
        descending = bool(first.args.get("desc"))
        name = self._added(
            scan,
            by,
            kind,
            descending,
            rows,
            distinct=grouped,
            expression=self.constants.text.executable(node.sql(dialect="duckdb")),
            backwards=ranges.direction(node) == -1,
        ).name
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

    def ranked(
        self,
        source: Source,
        by: Term | Opaque,
        descending: bool,
        rows: Rows,
        *,
        extreme: bool = False,
        distinct: bool = False,
        exact: bool = False,
        given: Term | None = None,
    ) -> Ranked | None:
        """Return the value of a term of a scan in the last of the first *rows*, of those that have what is *given*."""
        if isinstance(by, Opaque) or not source.has_key(by.column):
            return None
        if not (by.type in _TYPES or decimal_scale(by.type)):
            return None
        expression = "" if given is None else self._where_given(source, given, by)
        options = {"extreme": extreme, "distinct": distinct, "exact": exact or extreme}
        return self._added(source, by, by.type, descending, rows, **options, expression=expression)

    def _where_given(self, source: Source, given: Term, by: Term) -> str:
        present, value = (term_sql(self.named(source, each), source.name) for each in (given, by))
        return f"CASE WHEN {present} IS NOT NULL THEN {value} END"

    def _added(
        self,
        source: Source,
        by: Term,
        kind: str,
        descending: bool,
        rows: Rows,
        *,
        extreme: bool = False,
        distinct: bool = False,
        exact: bool = False,
        expression: str = "",
        backwards: bool = False,
    ) -> Ranked:
        """Add a value of type *kind*, of a term or of an *expression* of it, if it is a new one."""
        made = Ranked(
            name=f"{_PREFIX}{len(self.found)}",
            scan=source.scan or 0,
            source=source.name,
            term=self.named(source, by),
            type=kind,
            descending=descending,
            rows=rows,
            extreme=extreme,
            distinct=distinct,
            exact=exact,
            expression=expression,
            backwards=backwards,
        )
        known = (replace(made, name=one.name, exact=exact or one.exact) == one for one in self.found)
        same = next((one for one, is_same in zip(self.found, known, strict=True) if is_same), None)
        if same is not None:
            return same
        self.found.append(made)
        self.constants.declare(made.name, kind)
        self._keys[made.name] = by
        return made

    def named(self, source: Source, by: Term) -> Term:
        """Return a term of a scan with its column as the table calls it."""
        return Term(self.names[source.scan or 0][place_of(by.column)], by.type, by.functions)

    def beyond(self, ranked: Ranked) -> Predicate:
        """Return that a row is not before a value."""
        if ranked.name in self._conditions:
            return self._conditions[ranked.name]
        slot = self.constants.add(ParameterValue(ranked.name, ranked.type))
        return Comparison(self._keys[ranked.name], Operator.GE if ranked.descending else Operator.LE, slot)
