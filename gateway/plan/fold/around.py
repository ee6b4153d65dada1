"""What is around aggregations: a query over their results, computed over what the partials give.

It is the same text over the same rows, which may come in another order. So nothing in it may depend on their order:
aggregates are exact, windows tell rows apart by all that they have, and the answer ends in the order of all columns.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from sqlglot import exp

from gateway.model import Column
from gateway.plan.analysis.aggregation import is_aggregate, own
from gateway.plan.analysis.reasons import Reason
from gateway.plan.analysis.sources import Block, Leaf, OpaqueBlock, SelectBlock, SetBlock
from gateway.plan.analysis.structure import Structure
from gateway.plan.analysis.text import Text
from gateway.plan.fold.algebra import FLOATING, SAME_BYTES, base
from gateway.plan.fold.clauses import Clauses
from gateway.plan.fold.cuts import Cut, finished, over_rows
from gateway.plan.fold.joined import is_constant
from gateway.plan.fold.keys import leaves_of_sets
from gateway.plan.fold.order import floating_terms
from gateway.plan.fold.parts import UNION, Refused, parsed
from gateway.plan.fold.place import Cte, Frame, arms_of, needed
from gateway.plan.fold.tokens import Span
from gateway.plan.fold.windows import ordering
from gateway.plan.rewrite import identifier

Describe = Callable[[str], Sequence[Column]]
"""Returns the columns of a text over the tables of a query, without running it."""
_EXACT: Final = frozenset({"sum", "avg", "mean", "min", "max"})
"""Aggregates that are the same in any order of what ``SAME_BYTES`` are."""
_COUNTS: Final = frozenset(
    {"count", "count_star", "count_if", "countif", "bool_and", "bool_or", "logical_and", "logical_or"}
)
"""Aggregates that are the same in any order of anything."""
_CAST: Final = "CAST it AS DECIMAL(18, 6), or what fits, in the aggregation"


@dataclass(slots=True)
class Around:
    """Writes a query with other texts in place of its aggregations. Raises ``Refused`` where its answer is not one."""

    text: Text
    frame: Frame
    found: Structure
    describe: Describe
    _cuts: list[Cut] = field(init=False, default_factory=list)
    _needed: Sequence[Cte] = field(init=False, default=())
    _seen: set[int] = field(init=False, default_factory=set)
    _compared: dict[int, Sequence[Column]] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        """Check what is around the aggregations, and give it an order."""
        top = self.frame.top
        if top is None:
            return
        self._needed = needed(self.frame.ctes, [top.block.node], self.frame.leaves)
        self._refuse_scans(top.span)
        self._check(top.block)
        if isinstance(top.block, SetBlock):
            self._order_set(top.block, top.span)
        else:
            self._order(top.block)

    def finish(self, leaves: Sequence[Cut]) -> str:
        """Write the query with the finishes of its aggregations, and without what is below them."""
        top = self.frame.places[0].leaf.span if self.frame.top is None else self.frame.top.span
        cuts, text = [*self._cuts, *leaves], self.text.parsed
        expressions = ", ".join(finished(text, cte.span, cuts) for cte in self._needed)
        made = f"WITH {expressions} {finished(text, top, cuts)}" if expressions else finished(text, top, cuts)
        parsed(made)
        return made

    def whole(self, leaves: Sequence[Cut]) -> str:
        """Write the query over all rows, in the same order."""
        made = over_rows(self.text.parsed, Span(0, len(self.text.parsed)), [*self._cuts, *leaves])
        parsed(made)
        return made

    def _refuse_scans(self, top: Span) -> None:
        """Raise ``Refused`` where tables are read around the aggregations: the finish reads partials alone."""
        leaves, spans = [place.leaf.span for place in self.frame.places], [top, *(cte.span for cte in self._needed)]
        for scan in self.found.scans:
            at = int(scan.this.meta["start"])
            if any(span.holds(at) for span in spans) and not any(leaf.holds(at) for leaf in leaves):
                raise Refused(f"it reads {scan.name} around its aggregation", f"JOIN {scan.name} in the aggregation")

    def _check(self, block: Block) -> None:
        """Raise ``Refused`` where a block around the aggregations, or one in it, depends on the order of rows."""
        if any(block is place.leaf.block for place in self.frame.places) or id(block) in self._seen:
            return
        self._seen.add(id(block))
        if isinstance(block, SetBlock):
            self._check_set(block)
            return
        if not isinstance(block, SelectBlock) or block.closed is not None:
            raise Refused("it has a query around its aggregation that is not understood")
        node = block.node
        if any(node.args.get(key) for key in ("fetch", "sample", "windows")) or _is_distinct_on(node):
            raise Refused("a query around its aggregation has DISTINCT ON or a named WINDOW")
        for join in block.tree.joins() if block.tree is not None else ():
            if join.kind in ("ASOF", "POSITIONAL", "UNKNOWN"):
                raise Refused(f"its {join.kind} JOIN is not folded")
        self._check_values(block)
        for window in own(node, exp.Window):
            self._window(block, window)
        sources = [source for source in block.sources if not is_constant(source)]
        inner = [source.cte.block if source.cte is not None else source.block for source in sources]
        if any(one is None for one in inner):
            raise Refused("it reads something other than its aggregation around it")
        for one in [*inner, *(child.block for child in block.children.values())]:
            if one is not None:
                self._check(one)
        if not self._is_top(block) and (node.args.get("limit") or node.args.get("offset")):
            self._order(block)

    def _is_top(self, block: Block) -> bool:
        return self.frame.top is not None and block is self.frame.top.block

    def _check_set(self, block: SetBlock) -> None:
        """Check a set operation: over the same rows it gives the same, if equal values are the same bytes."""
        if block.closed not in (None, Reason.LIMIT) or block.outputs is None:
            raise Refused("it has a set operation around its aggregation that is not understood")
        node = block.node
        if block.kind is not exp.Union or node.args.get("distinct"):
            compared: list[SelectBlock | SetBlock] = [block, *arms_of(block)]  # INTERSECT goes first: any two of them
            for each in compared:
                self._require(self._columns_compared(each))
        for arm in (block.left, block.right):
            self._check(arm)
        if not self._is_top(block) and (node.args.get("limit") or node.args.get("offset")):
            self._order_set(block, self.frame.span_of_set(block))

    def _columns_compared(self, block: SelectBlock | SetBlock) -> Sequence[Column]:
        """Describe the columns of a block; a set operation of arms of equal types has their types."""
        if id(block) not in self._compared:
            self._compared[id(block)] = self._of_equal_arms(block) or self._result(block)
        return self._compared[id(block)]

    def _of_equal_arms(self, block: SelectBlock | SetBlock) -> Sequence[Column] | None:
        if (
            not isinstance(block, SetBlock)
            or isinstance(block.left, OpaqueBlock)
            or isinstance(block.right, OpaqueBlock)
        ):
            return None
        left, right = self._columns_compared(block.left), self._columns_compared(block.right)
        same = [column.type for column in left] == [column.type for column in right]
        return left if same and not block.node.args.get("by_name") else None

    def _check_values(self, block: SelectBlock) -> None:
        """Raise ``Refused`` where aggregates, keys or DISTINCT are of values whose order or bytes would show."""
        values = [*_keys(block.node)]
        for call in own(block.node, exp.Func):
            if not is_aggregate(call):
                continue
            name = call.sql_name().lower() if isinstance(call, exp.Func) else ""
            if name not in _EXACT | _COUNTS or call.find(exp.Order):
                raise Refused(f"{name}() around its aggregation depends on the order of the rows")
            if name in _EXACT:
                values.append(call.this.expressions[0] if isinstance(call.this, exp.Distinct) else call.this)
        if values:
            self._require(self._types(block, values))
        if block.node.args.get("distinct"):
            self._require(self._types(block, block.node.expressions))

    def _window(self, block: SelectBlock, node: exp.Expr) -> None:
        if not isinstance(node, exp.Window) or isinstance(node.this, exp.Filter):
            raise Refused("it has a window with a FILTER")
        found = ordering(Clauses(self.frame.tokens, self.frame.span_of(block)), node)
        if found.arguments is not None:
            self._require(self._types(block, [node.this.this]))
        if found.at is not None:
            terms = ", ".join(self._rows(block))
            before = ", " if found.ordered else " ORDER BY "
            self._insert(found.at, f"{before}{terms} ")

    def _rows(self, block: SelectBlock) -> Iterator[str]:
        """Write what tells rows apart that a query reads: all columns of its source."""
        source = block.sources[0]
        if not isinstance(block.tree, Leaf) or block.node.args.get("group") or source.columns is None:
            raise Refused("it has a window around its aggregation that depends on the order of rows")
        for column in self._types(block, [exp.Star()]):
            name = f"{identifier(source.name)}.{identifier(column.name)}"
            yield from _terms(name, name, column)

    def _order(self, block: SelectBlock) -> None:
        """Give the rows of a block a total order."""
        clauses, columns = Clauses(self.frame.tokens, self.frame.span_of(block)), self._result(block)
        if clauses.first != "select":
            raise Refused("it does not begin with SELECT")
        terms = list(self._last(block, clauses, columns))
        all_ = clauses.has("order") and clauses.is_all("order")
        if all_ and len(terms) == len(columns):
            return
        if all_:
            raise Refused("its ORDER BY ALL is of floating-point numbers", "ORDER BY its keys")
        self._insert(clauses.end, f"{', ' if clauses.has('order') else ' ORDER BY '}{', '.join(terms)} ")

    def _order_set(self, block: SetBlock, span: Span) -> None:
        """Give the rows of a set operation a total order: it becomes a subquery, whose ORDER BY takes expressions."""
        columns, node = self._result(block), block.node
        names = {column.name.lower() for column in columns}
        if len(names) < len(columns):
            raise Refused("two of its results have one name", "give each a name of its own")
        order, arms = node.args.get("order"), self.frame.tokens.arms_of(span)
        terms = [term for n, column in enumerate(columns, 1) for term in _terms(str(n), f'"{column.name}"', column)]
        if order is not None and any(_is_all(item.this) for item in order.expressions):
            if len(terms) > len(columns):
                raise Refused("its ORDER BY ALL is of floating-point numbers", "ORDER BY its keys")
            terms = []
        elif order is not None and not all(_is_result(item.this, names) for item in order.expressions):
            raise Refused("the ORDER BY of its set operation names no result of its first SELECT", "such a name")
        self._insert(arms.start, "SELECT * FROM (")
        if order is None:
            self._insert(arms.end, f') AS "{UNION}" ORDER BY {", ".join(terms)} ')
        else:
            self._insert(arms.end, f') AS "{UNION}" ')
            self._insert(self.frame.tokens.ordered_until(span), f", {', '.join(terms)} " if terms else "")

    def _insert(self, at: int, sql: str) -> None:
        self._cuts.append(Cut(span=Span(at, at), finish=sql, whole=sql))

    def _last(self, block: SelectBlock, clauses: Clauses, columns: Sequence[Column]) -> Iterator[str]:
        items, places = block.node.expressions, clauses.items("select")
        if len({column.name.lower() for column in columns}) < len(columns):
            raise Refused("two of its results have one name", "give each a name of its own")
        for number, column in enumerate(columns, 1):
            sql = f'"{column.name}"'
            if len(items) == len(columns) and not any(item.is_star for item in items):
                item = clauses.item_span(places[number - 1], alias=isinstance(items[number - 1], exp.Alias))
                sql = item.of(self.text.parsed)
                if parsed(sql) != items[number - 1].unalias():
                    raise Refused("its text cannot be cut")
                if column.type in FLOATING and self._has_leaf(items[number - 1]):  # which may not be repeated
                    hint = "FROM …, (SELECT count(*) AS total FROM …) AS whole"
                    raise Refused("a result of it is a DOUBLE made of an aggregation in a subquery", hint)
            if column.type in FLOATING and block.node.args.get("distinct"):
                raise Refused("its DISTINCT is of values that are equal and may differ in bytes")
            yield from _terms(str(number), sql, column)

    def _has_leaf(self, node: exp.Expr) -> bool:
        return any(inner is leaf for inner in node.find_all(exp.Select) for leaf in self.frame.leaves)

    def _result(self, block: SelectBlock | SetBlock) -> Sequence[Column]:
        """Describe the columns of a block. The text is never run."""
        node = block.node.copy()
        with_ = block.node.root().args.get("with_")
        node.set("with_", None if with_ is None else with_.copy())
        return self.describe(self.text.readable(node.sql("duckdb", comments=False)))

    def _types(self, block: SelectBlock, values: Sequence[exp.Expr]) -> Sequence[Column]:
        """Describe expressions over the sources of a block. The text is never run."""
        node = exp.Select(expressions=[value.copy().unalias() for value in values])
        for key in ("from_", "joins"):
            if block.node.args.get(key):
                of = block.node.args[key]
                node.set(key, [one.copy() for one in of] if isinstance(of, list) else of.copy())
        with_ = block.node.root().args.get("with_")
        if with_ is not None:
            node.set("with_", with_.copy())
        return self.describe(self.text.readable(node.sql("duckdb", comments=False)))

    def _require(self, columns: Sequence[Column]) -> None:
        for column in columns:
            if base(column.type) not in SAME_BYTES:
                raise Refused(f"what is around its aggregation aggregates or groups by a {column.type}", _CAST)


def _terms(place: str, sql: str, column: Column) -> Iterator[str]:
    """Write what tells two values of a column apart, though they may be equal. Raises ``Refused``."""
    if column.type in FLOATING:
        yield from floating_terms(sql)
        return
    yield place
    if base(column.type) not in SAME_BYTES:
        raise Refused(f"it has a {column.type} around its aggregation, whose equal values may differ in bytes")


def _keys(node: exp.Select) -> Iterator[exp.Expr]:
    """Walk the expressions that a query groups by."""
    group = node.args.get("group")
    if group is None:
        return
    if group.args.get("all"):
        yield from (item.unalias() for item in node.expressions if not _is_aggregating(item))
        return
    aliases = {item.alias.lower(): item.this for item in node.expressions if isinstance(item, exp.Alias)}
    for key in leaves_of_sets(group):
        if isinstance(key, exp.Literal) and not key.is_string:
            yield node.expressions[int(key.name) - 1].unalias()
        elif isinstance(key, exp.Column) and not key.table and key.name.lower() in aliases:
            yield from (key, aliases[key.name.lower()])
        else:
            yield key


def _is_aggregating(node: exp.Expr) -> bool:
    return any(is_aggregate(found) for found in own(node, exp.Func, exp.Columns))


def _is_distinct_on(node: exp.Select) -> bool:
    distinct = node.args.get("distinct")
    return distinct is not None and bool(distinct.args.get("on"))


def _is_all(node: exp.Expr) -> bool:
    return isinstance(node, exp.Var) and node.name.lower() == "all"


def _is_result(node: exp.Expr, names: Collection[str]) -> bool:
    """Return whether a term of ORDER BY is the number or the name of a result."""
    if isinstance(node, exp.Literal):
        return not node.is_string
    return isinstance(node, exp.Column) and not node.table and node.name.lower() in names
