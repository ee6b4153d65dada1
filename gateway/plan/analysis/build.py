"""Builds the blocks of a query from its syntax tree, with their sources and the names that can be resolved."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import count

from sqlglot import exp

from gateway.model import Column
from gateway.plan.analysis.aggregation import own
from gateway.plan.analysis.ctes import cte_of, is_recursive
from gateway.plan.analysis.fixed import Kind, is_single, kinds, of_block, of_values
from gateway.plan.analysis.lists import listed
from gateway.plan.analysis.merging import common, merge
from gateway.plan.analysis.outputs import outputs_of, united
from gateway.plan.analysis.ranked import Ranking
from gateway.plan.analysis.reasons import Reason
from gateway.plan.analysis.scopes import scope_in_from, scope_of_on
from gateway.plan.analysis.sources import (
    Block,
    Child,
    Cte,
    Join,
    Leaf,
    OpaqueBlock,
    SelectBlock,
    SetBlock,
    Source,
    Tree,
    folded,
    mark_certain,
)
from gateway.plan.analysis.types import canonical
from gateway.plan.analysis.uncorrelated import Subqueries

_SELECT = {
    *("expressions", "from_", "joins", "where", "group", "having", "qualify", "windows", "distinct"),
    *("order", "limit", "offset", "with_", "sample", "kind"),
}
_TABLE = {"this", "alias", "joins"}
_SUBQUERY = {"this", "alias", "joins"}
_SET = {"this", "expression", "distinct", "with_", "by_name", "order", "limit", "offset"}
_BARRIERS = {"sample": Reason.SAMPLE, "pivots": Reason.PIVOT, "limit": Reason.LIMIT, "offset": Reason.LIMIT}
_SET_KINDS: tuple[type[exp.SetOperation], ...] = (exp.Union, exp.Intersect, exp.Except)


def conjuncts(node: exp.Expr | None) -> Iterator[exp.Expr]:
    """Walk the operands of the ANDs at the top of a condition."""
    if node is None:
        return
    node = node.unnest()
    if isinstance(node, exp.And):
        yield from conjuncts(node.left)
        yield from conjuncts(node.right)
    else:
        yield node


class Builder:
    """Makes the blocks of one statement.

    *scans* maps the identity of a table node to its place in text order; *kind* tells the types of constants,
    *ranking* the rows and values that are read first, *subqueries* other values of scalar subqueries.
    """

    def __init__(
        self,
        tables: Mapping[str, Sequence[Column]],
        scans: Mapping[int, int],
        kind: Kind,
        ranking: Ranking | None = None,
        subqueries: Subqueries | None = None,
    ) -> None:
        self._tables = tables
        self._scans = scans
        self._kind = kind
        self._ranking = ranking
        self._subqueries = subqueries
        self._ctes: dict[int, Cte] = {}
        self._numbers = count()

    def block(self, node: exp.Expr, outer: SelectBlock | None = None) -> Block:
        """Make the block of a query."""
        node, closed = _unwrapped(node)
        made: Block
        if isinstance(node, exp.Select):
            made = self._select(node, outer)
        elif isinstance(node, _SET_KINDS):
            made = self._set(node, outer)
        else:
            made = self._opaque(node, outer)
        if closed and not isinstance(made, OpaqueBlock):
            made.closed = made.closed or closed
        return self._with_rows(made)

    def _with_rows(self, block: Block) -> Block:
        """Note the rows of a block of constants, and so the types of its columns."""
        rows = None if isinstance(block, OpaqueBlock) else of_block(block, self._kind)
        if isinstance(block, SelectBlock):
            only = self._ranking.row(block) if rows is None and self._ranking is not None else None
            rows = rows if only is None else (only,)
            block.single = only is not None or is_single(block, rows)
            if rows is None and block.node.args.get("limit") and self._ranking is not None:
                first = self._ranking.value(block)  # of one row at most
                rows = None if first is None else ((first,),)
        if rows is not None and block.outputs is not None and not isinstance(block, OpaqueBlock):
            block.rows = rows
            typed = zip(block.outputs, kinds(rows, self._kind), strict=True)
            block.outputs = tuple(replace(output, type=output.type or kind) for output, kind in typed)
        return block

    def _with(self, node: exp.Expr, outer: SelectBlock | None) -> list[Cte]:
        with_ = node.args.get("with_")
        made = []
        if not isinstance(with_, exp.With):
            return []
        for cte in with_.expressions:
            recursive = is_recursive(with_, cte)
            built = self._ctes[id(cte)] = Cte(name=folded(cte.alias), node=cte, recursive=recursive)
            built.block = self.block(cte.this, outer)
            made.append(built)
        return made

    def _set(self, node: exp.SetOperation, outer: SelectBlock | None) -> SetBlock:
        ctes = self._with(node, outer)
        left, right = self.block(node.this, outer), self.block(node.expression, outer)
        block = SetBlock(number=next(self._numbers), node=node, kind=type(node), left=left, right=right, ctes=ctes)
        if any(value and key not in _SET for key, value in node.args.items()):
            block.closed = Reason.UNKNOWN_SET_OPERATION
        elif node.args.get("by_name"):
            block.closed = Reason.UNION_BY_NAME
        elif node.args.get("limit") or node.args.get("offset"):
            block.closed = Reason.LIMIT
        if not node.args.get("by_name"):
            block.outputs = united(left.outputs, right.outputs)
        return block

    def _opaque(self, node: exp.Expr, outer: SelectBlock | None) -> OpaqueBlock:
        ctes = self._with(node, outer)
        block = OpaqueBlock(number=next(self._numbers), ctes=ctes)
        block.inner = [self.block(query, outer) for query in _queries(node) if not isinstance(query, exp.With)]
        return block

    def _select(self, node: exp.Select, outer: SelectBlock | None) -> SelectBlock:
        ctes = self._with(node, outer)
        block = SelectBlock(number=next(self._numbers), node=node, outer=outer, ctes=ctes)
        if any(value and key not in _SELECT for key, value in node.args.items()) or node.args.get("kind"):
            block.closed = Reason.UNKNOWN_SELECT
        if node.args.get("sample"):
            block.closed = Reason.SAMPLE
        from_ = node.args.get("from_")
        if from_ is not None:
            block.tree = self._joined(block, from_.this, node.args.get("joins") or [])
            mark_certain(block.tree, True)
        self._unnest(block)
        block.outputs = outputs_of(block, self._kind)
        self._children(block)
        return block

    def _unnest(self, block: SelectBlock) -> None:
        """Note the lists whose members make rows of a SELECT: a source of its own for each."""
        for item in block.node.expressions:
            for call in own(item, exp.Explode):
                found = listed(call, self._kind)
                if found is not None:
                    columns = ((found.name, found.type),)
                    source = Source(number=next(self._numbers), name="", columns=columns, listed=found)
                    block.unnested[id(call)] = source

    def _joined(self, block: SelectBlock, first: exp.Expr, joins: Sequence[exp.Join]) -> Tree:
        """Fold a FROM list to a tree: JOIN binds more tightly than a comma."""
        return self._fold(block, self._item(block, first), joins)

    def _fold(self, block: SelectBlock, first: Tree, joins: Sequence[exp.Join]) -> Tree:
        groups = [first]
        for join in joins:
            kind = _join_kind(join)
            right = self._item(block, join.this)
            if kind == "COMMA":
                groups.append(right)
            else:
                groups[-1] = self._join(block, kind, groups[-1], right, join)
        tree = groups[0]
        for group in groups[1:]:
            tree = Join(kind="INNER", left=tree, right=group)
        return tree

    def _join(self, block: SelectBlock, kind: str, left: Tree, right: Tree, join: exp.Join) -> Join:
        made = Join(kind=kind, left=left, right=right, on=join.args.get("on"))
        made.scope = scope_of_on(block, made, next(self._numbers))
        names = [folded(item.name) for item in join.args.get("using") or ()]
        if join.args.get("method") == "NATURAL":
            names = common(block, left, right)
        merge(block, made, names)
        if kind in ("SEMI", "ANTI"):
            block.unseen |= {source.number for source in right.sources()}
        return made

    def _item(self, block: SelectBlock, node: exp.Expr) -> Tree:
        """Make the tree of one item of a FROM list, with the joins that sqlglot hangs below it."""
        if _is_parenthesised(node) and _plain(node, _SUBQUERY):
            tree = self._item(block, node.this)
        else:
            tree = self._leaf(block, node)
        return self._fold(block, tree, node.args.get("joins") or [])

    def _leaf(self, block: SelectBlock, node: exp.Expr) -> Leaf:
        source, barrier = Source(number=next(self._numbers), name=folded(node.alias_or_name)), None
        if isinstance(node, exp.Table) and isinstance(node.this, exp.Identifier):
            barrier = self._table(source, node)
        elif isinstance(node, exp.Subquery | exp.Lateral) and isinstance(node.this, exp.Query):
            source.block = self.block(node.this, scope_in_from(block, next(self._numbers)))
            source.columns, source.rows = _columns(source.block), source.block.rows
            barrier = None if _plain(node, _SUBQUERY | {"view", "outer"}) else _barrier(node)
        else:
            source.block = self._opaque(node, block)
            if isinstance(node, exp.Values):
                self._values(source, node)
            source.listed = listed(node, self._kind)
            if source.listed is not None:
                source.columns = ((source.listed.name, source.listed.type),)
        _rename(source, node, barrier)
        block.sources.append(source)
        return Leaf(source=source, barrier=barrier)

    def _values(self, source: Source, node: exp.Values) -> None:
        """Note the rows of VALUES, whose columns are called col0, col1, …"""
        source.rows = of_values(node, self._kind)
        if source.rows is not None:
            source.columns = tuple((f"col{at}", kind) for at, kind in enumerate(kinds(source.rows, self._kind)))

    def _table(self, source: Source, node: exp.Table) -> Reason | None:
        barrier = None if _plain(node, _TABLE) else _barrier(node)
        source.scan = self._scans.get(id(node))
        cte = cte_of(node)
        if source.scan is not None:
            source.columns = tuple((folded(c.name), canonical(c.type)) for c in self._tables[node.name.lower()])
        elif cte is not None and id(cte) in self._ctes:
            source.cte = self._ctes[id(cte)]
            source.columns = _cte_columns(source.cte)
            source.rows = source.cte.block.rows if source.cte.block is not None and not source.cte.recursive else None
        return barrier

    def _children(self, block: SelectBlock) -> None:
        """Find the subqueries in the expressions of a SELECT."""
        tops = {id(node): node for node in conjuncts(_condition(block.node, "where"))}
        scopes = {id(join.on): join.scope for join in (block.tree.joins() if block.tree is not None else ())}
        for clause, root in _clauses(block.node):
            for query in _queries(root, include=True):
                conjunct = _ancestor(query, tops)
                around = scopes.get(id(root)) or block
                made = self.block(query, around)
                if self._ranking is not None and isinstance(query, exp.Subquery) and isinstance(made, SelectBlock):
                    made.value = self._ranking.value(made)
                    if made.value is None and made.rows is None and self._subqueries is not None:
                        made.value = self._subqueries.value(made)
                block.children[id(query)] = Child(block=made, clause=clause, conjunct=conjunct)
        for join in block.tree.joins() if block.tree is not None else ():
            if join.scope is not None:
                join.scope.children = block.children


def _condition(node: exp.Select, clause: str) -> exp.Expr | None:
    holder = node.args.get(clause)
    return holder.this if holder is not None else None


def _clauses(node: exp.Select) -> Iterator[tuple[str, exp.Expr]]:
    for key in ("where", "group", "having", "qualify", "order", "distinct", "limit", "offset"):
        if isinstance(node.args.get(key), exp.Expr):
            yield key, node.args[key]
    for item in (*node.expressions, *(node.args.get("windows") or ())):
        yield "select", item
    for join in _joins(node):
        if isinstance(join.args.get("on"), exp.Expr):
            yield "on", join.args["on"]


def _joins(node: exp.Select) -> Iterator[exp.Join]:
    pending: list[exp.Expr] = [*(node.args.get("joins") or ())]
    if node.args.get("from_") is not None:
        pending.append(node.args["from_"].this)
    while pending:
        item = pending.pop()
        pending += item.args.get("joins") or ()
        if isinstance(item, exp.Join):
            yield item
            pending.append(item.this)
        elif _is_parenthesised(item):
            pending.append(item.this)


def _queries(root: exp.Expr, include: bool = False) -> Iterator[exp.Expr]:
    """Walk the outermost queries and tables below *root* (and itself if *include*)."""
    pending = [root] if include else [*root.iter_expressions()]
    while pending:
        node = pending.pop()
        if isinstance(node, exp.Query) and (not isinstance(node, exp.Subquery) or isinstance(node.this, exp.Query)):
            yield node
        elif not isinstance(node, exp.With):
            pending += node.iter_expressions()


def _ancestor(node: exp.Expr, tops: Mapping[int, exp.Expr]) -> int | None:
    above: exp.Expr | None = node
    while above is not None:
        if id(above) in tops:
            return id(above)
        above = above.parent
    return None


def _unwrapped(node: exp.Expr) -> tuple[exp.Expr, Reason | None]:
    """Remove the parentheses around a query; if they hold more than the query, return why no filter may pass."""
    closed = None
    while isinstance(node, exp.Subquery) and isinstance(node.this, exp.Query):
        if node.args.get("with_") is not None:
            return node, None
        if not _plain(node, {"this", "alias", "order"}):
            closed = _barrier(node)
        node = node.this
    return node, closed


def _plain(node: exp.Expr, accepted: set[str]) -> bool:
    return all(key in accepted or not value for key, value in node.args.items())


def _barrier(node: exp.Expr) -> Reason:
    return next((reason for key, reason in _BARRIERS.items() if node.args.get(key)), Reason.UNKNOWN_SOURCE)


def _join_kind(join: exp.Join) -> str:
    method, side, kind = (str(join.args.get(key) or "").upper() for key in ("method", "side", "kind"))
    if any(value and key not in ("this", "on", "using", "method", "side", "kind") for key, value in join.args.items()):
        return "UNKNOWN"
    if method == "POSITIONAL":
        return "POSITIONAL"
    if method == "ASOF":
        return "ASOF" if side in ("", "LEFT") and kind in ("", "INNER", "OUTER") else "UNKNOWN"
    if method not in ("", "NATURAL"):
        return "UNKNOWN"
    if kind in ("SEMI", "ANTI"):
        return kind if not side else "UNKNOWN"
    if side in ("LEFT", "RIGHT", "FULL"):
        return side
    if kind in ("INNER", "CROSS") or join.args.get("on") or join.args.get("using") or method:
        return "INNER"
    return "UNKNOWN" if side or kind else "COMMA"


def _is_parenthesised(node: exp.Expr) -> bool:
    """Return whether *node* is a join in parentheses, which is not a query."""
    inner = node.this if isinstance(node, exp.Subquery) and not node.alias else None
    return isinstance(inner, exp.Table) or (isinstance(inner, exp.Subquery) and bool(inner.args.get("joins")))


def _columns(block: Block) -> tuple[tuple[str | None, str | None], ...] | None:
    if block.outputs is None:
        return None
    return tuple((output.name, output.type) for output in block.outputs)


def _cte_columns(cte: Cte) -> tuple[tuple[str | None, str | None], ...] | None:
    names = [folded(item.name) for item in cte.node.args["alias"].args.get("columns") or ()]
    if cte.recursive:
        # The types are those of its first arm. While its block is made, only what its author named is known.
        first = cte.block.left.outputs if isinstance(cte.block, SetBlock) else None
        if first is None:
            return tuple((name, None) for name in names) or None
        given = [*names, *(output.name for output in first[len(names) :])]
        return tuple(zip(given, (output.type for output in first), strict=False))
    columns = _columns(cte.block) if cte.block is not None else None
    if columns is None:
        return None
    return (*((name, kind) for name, (_, kind) in zip(names, columns, strict=False)), *columns[len(names) :])


def _rename(source: Source, node: exp.Expr, barrier: Reason | None) -> None:
    """Apply the column names of an alias: ``AS t(a, b)``."""
    if barrier is not None and barrier is not Reason.SAMPLE:
        source.columns = None
        source.name = _pivot_alias(node) or source.name
    holder = node.args.get("alias")
    names = [folded(item.name) for item in (holder.args.get("columns") if holder is not None else None) or ()]
    if names and source.columns is not None:
        renamed = zip(names, source.columns, strict=False)
        source.columns = (*((name, kind) for name, (_, kind) in renamed), *source.columns[len(names) :])
    elif names and isinstance(node, exp.Values | exp.Unnest):
        # Columns beyond those named, of wider rows or several lists, have names of DuckDB's.
        rest = [(None, None)] if len(names) < _width(node) else []
        source.columns = (*((name, None) for name in names), *rest)


def _width(node: exp.Values | exp.Unnest) -> int:
    rows = node.expressions
    return max((len(row.expressions) for row in rows), default=1) if isinstance(node, exp.Values) else len(rows)


def _pivot_alias(node: exp.Expr) -> str:
    pivots = node.args.get("pivots") or ()
    return folded(str(pivots[-1].alias)) if pivots else ""
