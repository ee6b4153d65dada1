"""What an aggregation reads beside its fact: tables whose rows meet the fact's one partition at a time.

A join gives over all rows of the fact what it gives over those of each partition, together, where each row of the
fact is looked up on its own in the same rows of the other tables: INNER, SEMI and ANTI joins, and those that keep the
rows of the fact. Where rows of the others are kept for want of a match, a partition would keep those that match in
another one.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from sqlglot import exp

from gateway.plan.analysis.aggregation import is_aggregate, own
from gateway.plan.analysis.sources import Block, Join, Leaf, OpaqueBlock, SelectBlock, SetBlock, Source, Tree, folded
from gateway.plan.fold.algebra import SAME_BYTES, base
from gateway.plan.fold.parts import Refused
from gateway.plan.rewrite import identifier

_INSTEAD: Final = "FROM the fact LEFT JOIN …, or an inner JOIN"
_LEADING: Final = frozenset({"INNER", "LEFT", "SEMI", "ANTI"})
"""Joins in which a name in USING means the column of the left side."""
_STEADY: Final = frozenset(
    {"count", "count_star", "count_if", "countif", "min", "max", "bool_and", "bool_or", "bit_and", "bit_or", "bit_xor"}
)
"""Aggregates that are the same in any order of the rows, where their types are of ``SAME_BYTES``."""
_CHOOSING: Final = ("limit", "offset", "fetch", "sample", "qualify", "windows")
"""Clauses that choose among rows, or compare them with others, in an order that may be another each time."""


@dataclass(frozen=True, slots=True)
class Joined:
    """The sources of one SELECT, of which *fact* is the number of the scan that is folded."""

    block: SelectBlock
    fact: int
    table: str
    """The name of the fact's table."""
    below: Sequence[SelectBlock] = ()
    """Queries that keep the rows of the fact; it may be read through them."""
    names: Collection[str] = field(init=False)
    """The names of all columns, in lower case."""

    def __post_init__(self) -> None:
        """Raises ``Refused`` where the SELECT over all rows is not that over the partitions together."""
        if self.block.tree is None or not self._keeps(self.block.tree):
            raise Refused("it reads something other than one table, and others joined to it")
        for child in self.block.children.values():
            if child.clause not in ("where", "on"):
                raise Refused("it has a subquery outside of WHERE", "a JOIN")
            check_steady(child.block)
        names = {name for source in self.block.seen for name, _ in source.columns or () if name}
        object.__setattr__(self, "names", names)
        self._refuse_rows()

    def _refuse_rows(self) -> None:
        """Raise ``Refused`` where an expression uses all columns of a row: a partial may have one more."""
        node, sources = self.block.node, {source.name for source in self.block.sources}
        # In the other clauses a name may be that of a result; what else stands there is known to be a column.
        parts = [*node.expressions, *(node.args.get("joins") or ()), *filter(None, [node.args.get("where")])]
        for column in (column for part in parts for column in part.find_all(exp.Column)):
            name = folded(column.name)
            if not column.table and name in sources and name not in self.names:
                raise Refused("it uses a row as a value", "its columns")
        for star in node.find_all(exp.Star, exp.Columns):
            parent = star.parent.parent if isinstance(star.parent, exp.Column) else star.parent
            if isinstance(star, exp.Columns) or not isinstance(parent, exp.Count | exp.Select):
                raise Refused("it has a star in an expression", "its columns")

    def table_sql(self, source: Source) -> str:
        """Write what one of the sources, which is a table, reads."""
        tables = (node for node in self.block.node.find_all(exp.Table) if folded(node.alias_or_name) == source.name)
        table = next(node for node in tables if node.find_ancestor(exp.Select) is self.block.node)
        return f"{identifier(table.name)} AS {identifier(source.name)}"

    @property
    def source(self) -> Source | None:
        """The fact, where it is read here and not in a query below."""
        return next((source for source in self.block.sources if source.scan == self.fact), None)

    @property
    def alone(self) -> bool:
        """Whether the fact is joined to nothing."""
        return isinstance(self.block.tree, Leaf)

    def owner(self, column: exp.Column) -> Source | None:
        """Return the source whose column a name means; None where that is not certain."""
        name, seen = folded(column.name), self.block.seen
        if column.table:
            named = [source for source in seen if source.name == folded(column.table)]
        elif name in self.block.merging:
            named = [source for source in seen if source.has(name)][:1] if self._is_leading() else []
        else:
            named = [source for source in seen if source.has(name)]
        return named[0] if len(named) == 1 and named[0].find(name) is not None else None

    def _is_leading(self) -> bool:
        tree = self.block.tree
        return tree is not None and all(join.kind in _LEADING for join in tree.joins())

    def _keeps(self, tree: Tree) -> bool:
        """Return whether the fact is in a part of FROM. Raises ``Refused`` where what joins it is none of the above."""
        if isinstance(tree, Leaf):
            return self._is_fact(tree)
        left, right = self._keeps(tree.left), self._keeps(tree.right)
        _check_kind(tree)
        outer = {"LEFT": right, "SEMI": right, "ANTI": right, "RIGHT": left, "FULL": left or right}
        if outer.get(tree.kind):
            raise Refused(f"its {tree.kind} JOIN goes by the rows of another table than the fact", _INSTEAD)
        return left or right

    def _is_fact(self, leaf: Leaf) -> bool:
        inner = _inner(leaf.source)
        if leaf.source.scan == self.fact or any(inner is block for block in self.below):
            _check_leaf(leaf)
            return True
        _check_source(leaf)
        return False


def check_steady(block: Block) -> None:
    """Raise ``Refused`` where a query over other tables than the fact may have other rows each time it is run."""
    if block.ctes:
        raise Refused("its subquery has a WITH")
    if isinstance(block, SetBlock) and block.closed is None:
        check_steady(block.left)
        check_steady(block.right)
        _check_bytes(block)
    elif isinstance(block, SelectBlock) and block.closed is None:
        _check_select(block)
    else:
        raise Refused("it has a subquery that is not understood")


def _check_select(block: SelectBlock) -> None:
    node = block.node
    if block.unnested:
        raise Refused("it reads something other than tables")
    if any(node.args.get(key) for key in _CHOOSING) or next(own(node, exp.Window), None) is not None:
        raise Refused("it has a subquery with a LIMIT or a window, which may choose other rows each time")
    for join in block.tree.joins() if block.tree is not None else ():
        _check_kind(join)
    for leaf in _leaves(block.tree):
        _check_source(leaf)
    for child in block.children.values():
        check_steady(child.block)
    calls = [call for call in own(node, exp.Func) if is_aggregate(call)]
    if any(not isinstance(call, exp.Func) or call.sql_name().lower() not in _STEADY for call in calls):
        raise Refused("it has a subquery whose aggregates are not folded")
    if calls or node.args.get("group") or node.args.get("distinct"):
        _check_bytes(block)


def _check_bytes(block: Block) -> None:
    """Raise ``Refused`` where one of several equal values that differ in bytes may be chosen."""
    kinds = [None] if block.outputs is None else [output.type for output in block.outputs]
    items = block.node.expressions if isinstance(block, SelectBlock) else ()
    if len(items) == len(kinds) and isinstance(block, SelectBlock):
        kinds = [kind or _type_of(block, item.unalias()) for kind, item in zip(kinds, items, strict=True)]
    if any(kind is None or base(kind) not in SAME_BYTES for kind in kinds):
        raise Refused("it has a subquery that keeps one of equal values, which may differ in bytes")


def _type_of(block: SelectBlock, item: exp.Expr) -> str | None:
    """Return the type of a count, a minimum or a maximum; None where it is not known."""
    if isinstance(item, exp.Count):
        return "BIGINT"
    if isinstance(item, exp.Min | exp.Max) and isinstance(item.this, exp.Column) and not item.expressions:
        found = [
            (source, source.find(folded(item.this.name))) for source in block.seen if source.has(folded(item.this.name))
        ]
        if len(found) == 1 and found[0][1] is not None:
            return (found[0][0].columns or ())[found[0][1]][1]
    return None


def _check_source(leaf: Leaf) -> None:
    source = leaf.source
    _check_leaf(leaf)
    if is_constant(source):
        return
    inner = _inner(source)
    if inner is not None and source.listed is None:
        check_steady(inner)
    elif source.scan is None:
        raise Refused("it reads something other than tables")


def is_constant(source: Source) -> bool:
    """Return whether a source is VALUES of constants."""
    return isinstance(source.block, OpaqueBlock) and source.rows is not None


def _inner(source: Source) -> Block | None:
    """Return the query whose rows a source is, if it is no table."""
    return source.cte.block if source.cte is not None else source.block


def _check_leaf(leaf: Leaf) -> None:
    if leaf.barrier is not None or leaf.source.columns is None:
        raise Refused("it reads something other than tables")


def _leaves(tree: Tree | None) -> Iterator[Leaf]:
    if isinstance(tree, Leaf):
        yield tree
    elif tree is not None:
        yield from _leaves(tree.left)
        yield from _leaves(tree.right)


def _check_kind(join: Join) -> None:
    if join.kind in ("ASOF", "POSITIONAL", "UNKNOWN"):
        raise Refused(f"its {join.kind} JOIN is not folded")
