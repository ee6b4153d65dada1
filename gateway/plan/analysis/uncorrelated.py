"""Subqueries that depend on nothing around them: read first, as they are written, their values are constants.

Each is a parameter of the statement that is not known until its query was run (``plan.subqueries``): the list of the
values of one of its columns, without NULL, or the one value that it has. What is run is the text of the subquery with
the common table expressions that it reads. Where a name in it turns out to be one of the query around it, that text
cannot be run, and nothing is pruned by it.

Only what gives the same rows each time is read so: no LIMIT, no sample, no window, nothing volatile. Of groups and of
distinct values the engine keeps one of several equal ones, which may differ where they are floats or intervals.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from sqlglot import exp

from gateway.model import Value
from gateway.plan.analysis.computed import at_null
from gateway.plan.analysis.constants import Constants
from gateway.plan.analysis.ctes import cte_of
from gateway.plan.analysis.deterministic import columns_in, is_deterministic
from gateway.plan.analysis.lists import Listed
from gateway.plan.analysis.sources import Block, OpaqueBlock, SelectBlock, Source, folded
from gateway.plan.analysis.terms import Naming, term
from gateway.plan.analysis.types import INTEGERS, STRING, TIMESTAMPTZ, decimal_scale
from gateway.predicate import Term

MOST_ROWS: Final = 100_000
"""Rows of a subquery that are looked through for its values; of more, nothing is known."""
MOST_STEPS: Final = 10_000
"""Rows of a recursive one, each of which may take a step."""
_PREFIX: Final = "__subquery_"
_MOMENTS: Final = ("DATE", "TIMESTAMP", TIMESTAMPTZ)
_TYPES: Final = frozenset({"VARCHAR", "BOOLEAN", "UUID", *_MOMENTS, *INTEGERS})
"""Types whose values come and go exactly; beside these, DECIMAL."""
_SCAN: Final = "__gateway_scan_"
_SCAN_MARK: Final = "gateway_scan"
_CTE_MARK: Final = "gateway_cte"
_OWN_MARK: Final = "gateway_own_cte"
_QUERIES: Final = (
    *(exp.Select, exp.From, exp.Join, exp.Where, exp.Group, exp.Having, exp.Distinct, exp.Union, exp.Except),
    *(exp.Intersect, exp.Subquery, exp.With, exp.CTE, exp.Table, exp.TableAlias, exp.Alias, exp.Star, exp.Tuple),
    *(exp.Min, exp.Max, exp.Count, exp.Sum, exp.Exists, exp.Any, exp.All, exp.Order, exp.Ordered),
)
_ACCEPTED: Final[dict[type[exp.Expr], frozenset[str]]] = {
    exp.Select: frozenset({"expressions", "from_", "joins", "where", "group", "having", "distinct", "with_", "order"}),
    exp.Table: frozenset({"this", "alias", "joins"}),
    exp.Subquery: frozenset({"this", "alias", "joins", "with_"}),
    exp.Join: frozenset({"this", "on", "using", "side", "kind"}),
    exp.Distinct: frozenset({"expressions"}),
    exp.Star: frozenset(),
    exp.With: frozenset({"expressions", "recursive"}),
    exp.CTE: frozenset({"this", "alias", "materialized"}),
    exp.Group: frozenset({"expressions"}),
    **dict.fromkeys((exp.Union, exp.Except, exp.Intersect), frozenset({"this", "expression", "distinct", "with_"})),
}
"""What else a node of these kinds could hold is not read here."""
_ONE_OF_EQUAL: Final = (*(exp.Group, exp.Distinct, exp.Except, exp.Intersect, exp.Union, exp.Min, exp.Max, exp.Sum),)
"""What keeps one of several equal values, or depends on their order where they are floats."""
_INEXACT: Final = re.compile(r"FLOAT|DOUBLE|REAL|INTERVAL|\[|\(.*[A-Z]|JSON|VARIANT|UNION")


@dataclass(frozen=True, slots=True, kw_only=True)
class PreparedSubquery:
    """A subquery that is read first. The parameter ``name`` stands for the list of its values, or (``single``) its one.

    ``pieces`` has one more member than there are ``scans``, whose numbers in text order those are; ``parameters`` are
    those that it is run with, ``type`` that of its values. They are known if it has ``rows`` at most. ``filters`` are
    the scans that it would prune.
    """

    name: str
    sql: str
    type: str
    single: bool
    pieces: tuple[str, ...]
    scans: tuple[int, ...]
    parameters: tuple[str, ...]
    rows: int = MOST_ROWS
    filters: tuple[int, ...] = ()


def subquery_query(subquery: PreparedSubquery, sources: Sequence[str], most: int) -> str:
    """Write the query that reads a subquery over *sources*: how many rows it has, the values, their type and if they
    can be held. The values are at most *most*; of more they are NULL."""
    parts = [subquery.pieces[0]]
    for source, piece in zip(sources, subquery.pieces[1:], strict=True):
        parts += [source, piece]
    text, held = "".join(parts), "TRUE"
    if subquery.type in _MOMENTS:
        held = "coalesce(isfinite(v) AND year(v) BETWEEN 2 AND 9998, TRUE)"
    if subquery.single:
        return f"SELECT 1, CASE WHEN {held} THEN v END, typeof(v), {held} FROM (SELECT ({text}) AS v)"
    values = f"CASE WHEN count(DISTINCT v) <= {most} THEN coalesce(list(DISTINCT v) FILTER (v IS NOT NULL), []) END"
    rows = f"SELECT v FROM ({text}) LIMIT {subquery.rows + 1}"
    everything = f"SELECT count(*), {values}, max(typeof(v)), coalesce(bool_and(held), TRUE)"
    return f"{everything} FROM (SELECT CASE WHEN {held} THEN v END AS v, {held} AS held FROM ({rows}))"


def is_read(subquery: PreparedSubquery, row: Sequence[Value]) -> bool:
    """Return whether the answer to ``subquery_query`` tells all values, and they are of the type expected."""
    count, values, kind, held = row
    known = kind is None or kind == subquery.type or {str(kind), subquery.type} <= set(INTEGERS)
    listed = subquery.single or isinstance(values, list)
    return known and listed and held is True and isinstance(count, int) and count <= subquery.rows


def mark(tree: exp.Expr, scans: Sequence[exp.Table]) -> dict[int, exp.CTE]:
    """Note at each table of a statement which scan it is, or which common table expression it reads; return these.

    Copies of the nodes keep the notes.
    """
    for number, node in enumerate(scans):
        node.meta[_SCAN_MARK] = number
    found: dict[int, exp.CTE] = {}
    for number, cte in enumerate(tree.find_all(exp.CTE)):
        cte.meta[_OWN_MARK] = number
        found[number] = cte
    for table in tree.find_all(exp.Table):
        read = cte_of(table) if isinstance(table.this, exp.Identifier) else None
        if read is not None:
            table.meta[_CTE_MARK] = read.meta[_OWN_MARK]
    return found


@dataclass(slots=True, kw_only=True)
class Subqueries:
    """Finds them in a statement. *ctes* are those of ``mark``, *types* the types of the columns of each scan."""

    constants: Constants
    ctes: dict[int, exp.CTE]
    types: Sequence[dict[str, str]]
    found: list[PreparedSubquery] = field(default_factory=list)

    def value(self, block: SelectBlock) -> exp.Expr | None:
        """Return what a block of one column is as a scalar subquery."""
        kind = self.kind(block, 0) if len(block.outputs or ()) == 1 and not block.closed else None
        made = None if kind is None else self.add(block.node, kind, single=True)
        return None if made is None else exp.Placeholder(this=made.name)

    def values(self, block: Block, index: int, kind: str) -> exp.Expr | None:
        """Return the list of the values of a column of a block, of type *kind*."""
        if isinstance(block, OpaqueBlock) or block.closed:
            return None
        made = self.add(block.node, kind, index=index, outputs=len(block.outputs or ()))
        return None if made is None else exp.Placeholder(this=made.name)

    def listed(self, source: Source, index: int) -> Listed | None:
        """Return the list of the values of a column of a query in FROM, if it leaves out any of its rows."""
        _, kind = (source.columns or ())[index]
        query = _query_of(source)
        if kind is None or query is None:
            return None
        made = self.add(query, kind, index=index, outputs=len(source.columns or ()))
        if made is None:
            return None
        value = exp.Placeholder(this=made.name)
        ends = [exp.Anonymous(this=call, expressions=[value.copy()]) for call in ("list_min", "list_max")]
        return Listed(type=kind, name="", values=value, least=ends[0], greatest=ends[1])

    def kind(self, block: Block, index: int) -> str | None:
        """Return the type of a column of a block; of an expression, that of its value where its columns are NULL."""
        output = (block.outputs or ())[index]
        if output.type is not None or not isinstance(block, SelectBlock):
            return output.type
        items = block.node.expressions
        if len(items) != len(block.outputs or ()) or any(item.is_star for item in items):
            return None
        naming, node = Naming(block=block, before=index), items[index].unalias()
        found = [term(column, naming) for column in columns_in(node)]
        plain = all(isinstance(one, Term) and not one.functions for one in found)
        kind = self.constants.kind(at_null(node, naming)) if plain and is_deterministic(node) else None
        return "VARCHAR" if kind == STRING else kind

    def add(
        self, query: exp.Expr, kind: str, *, index: int = 0, outputs: int = 1, single: bool = False
    ) -> PreparedSubquery | None:
        """Add a query of which the column at *index* is read; None where it cannot be read apart from the others."""
        if not (kind in _TYPES or decimal_scale(kind)):
            return None
        ctes = self._read_by(query)
        nodes = [] if ctes is None else [query, *ctes]
        if ctes is None or not all(map(_is_plain, nodes)):
            return None
        if not self._is_repeatable(nodes) or not _is_closed(nodes, *self._names_of(nodes)):
            return None
        recursive = any(_is_recursive(node) for node in nodes)
        if recursive and (single or not _may_end_early(query, nodes)):
            return None
        body, *heads = (self._with_scans(node) for node in nodes)
        columns = ", ".join(f"c{at}" for at in range(outputs))
        opening = "" if not heads else f"WITH {'RECURSIVE ' if _are_recursive(ctes) else ''}{', '.join(heads)} "
        text = self.constants.text.executable(f"{opening}SELECT c{index} AS v FROM ({body}) AS q({columns})")
        parts = re.split(rf"{_SCAN}(\d+)__", text)
        made = PreparedSubquery(
            name=f"{_PREFIX}{len(self.found)}",
            sql=self.constants.text.readable(query.sql(dialect="duckdb")),
            type=kind,
            single=single,
            pieces=tuple(parts[::2]),
            scans=tuple(map(int, parts[1::2])),
            parameters=tuple(sorted({name for node in nodes for name in self.constants.named(node)})),
            rows=MOST_STEPS if recursive else MOST_ROWS,
        )
        same = next((one for one in self.found if replace(made, name=one.name) == one), None)
        if same is None:
            self.found.append(made)
            self.constants.declare(made.name, kind if single else f"{kind}[]")
        return same or made

    def _read_by(self, query: exp.Expr) -> list[exp.CTE] | None:
        """Return the common table expressions outside a query that it reads, in text order."""
        found: set[int] = set()
        pending = [query]
        while pending:
            node = pending.pop()
            inside = {cte.meta[_OWN_MARK] for cte in node.find_all(exp.CTE)}
            read = {table.meta[_CTE_MARK] for table in node.find_all(exp.Table) if _CTE_MARK in table.meta}
            pending += [self.ctes[number] for number in read - inside - found]
            found |= read - inside
        ctes = [self.ctes[number] for number in found]
        # Those of several WITH are written in one: no name of theirs may hide another.
        everything = [query, *ctes]
        names = [folded(cte.alias) for node in everything for cte in node.find_all(exp.CTE) if cte not in ctes]
        names += [folded(cte.alias) for cte in ctes]
        withs = {id(cte.parent) for cte in ctes}
        if len(set(names)) < len(names) or len(withs) > 1:
            return None
        return sorted(ctes, key=lambda cte: cte.parent.expressions.index(cte) if cte.parent is not None else 0)

    def _is_repeatable(self, nodes: Sequence[exp.Expr]) -> bool:
        """Return whether queries that keep one of several equal values have none that are equal and differ."""
        if not any(_keeps_one_of_equal(part) for node in nodes for part in node.walk()):
            return True
        if any(node.find(exp.Div, exp.Sqrt, exp.Pow, exp.Interval) for node in nodes):
            return False
        named = {folded(column.name) for node in nodes for column in node.find_all(exp.Column)}
        everything = any(isinstance(star.parent, exp.Select) for node in nodes for star in node.find_all(exp.Star))
        types = [to.sql(dialect="duckdb") for node in nodes for to in node.find_all(exp.DataType)]
        for scan in self._scans(nodes):
            types += [kind for name, kind in self.types[scan].items() if everything or name in named]
        return not any(_INEXACT.search(kind) and decimal_scale(kind) is None for kind in types)

    def _scans(self, nodes: Sequence[exp.Expr]) -> Iterator[int]:
        for node in nodes:
            for table in node.find_all(exp.Table):
                if _SCAN_MARK in table.meta:
                    yield table.meta[_SCAN_MARK]

    def _names_of(self, nodes: Sequence[exp.Expr]) -> tuple[set[str], set[str]]:
        """Return the names of the sources in queries, and those that their columns may have."""
        sources, columns = set[str](), set[str]()
        for scan in self._scans(nodes):
            columns |= self.types[scan].keys()
        for node in nodes:
            sources |= {folded(each.alias_or_name) for each in node.find_all(exp.Table, exp.Subquery, exp.CTE)}
            columns |= {folded(each.alias) for each in node.find_all(exp.Alias)}
            columns |= {folded(name.name) for each in node.find_all(exp.TableAlias) for name in each.columns}
        return sources, columns

    def _with_scans(self, query: exp.Expr) -> str:
        """Write a query with numbers in the place of its scans, each under the name that it has."""
        made = query.copy()
        for table in made.find_all(exp.Table):
            if _SCAN_MARK not in table.meta:
                continue
            if not table.alias:
                table.set("alias", exp.TableAlias(this=table.this.copy()))
            table.set("this", exp.to_identifier(f"{_SCAN}{table.meta[_SCAN_MARK]}__", quoted=False))
        return made.sql(dialect="duckdb", comments=False)


def _query_of(source: Source) -> exp.Expr | None:
    """Return the query that a source reads, if it has a filter."""
    if source.cte is not None:
        return None if source.cte.node.find(exp.Where, exp.Having) is None else _reading(source.cte.node)
    if source.block is None or isinstance(source.block, OpaqueBlock) or source.block.closed:
        return None
    return None if source.block.node.find(exp.Where, exp.Having) is None else source.block.node


def _reading(cte: exp.CTE) -> exp.Select:
    """Write the query that reads all of a common table expression."""
    table = exp.Table(this=exp.to_identifier(cte.alias, quoted=True))
    table.meta[_CTE_MARK] = cte.meta[_OWN_MARK]
    return exp.Select(expressions=[exp.Star()], from_=exp.From(this=table))


def _is_recursive(query: exp.Expr) -> bool:
    around = query.parent if isinstance(query, exp.CTE) else None
    withs = [*query.find_all(exp.With), *([around] if isinstance(around, exp.With) else [])]
    return any(bool(each.args.get("recursive")) for each in withs)


def _may_end_early(query: exp.Expr, nodes: Sequence[exp.Expr]) -> bool:
    """Return whether a recursion, which may have no end, gives its rows as they come, and of no table."""
    reading = isinstance(query, exp.Select) and query.expressions == [exp.Star()] and query.args.get("where") is None
    scans = any(_SCAN_MARK in table.meta for node in nodes for table in node.find_all(exp.Table))
    return reading and not scans and not any(node.find(exp.AggFunc, exp.Group, exp.Distinct) for node in nodes)


def _are_recursive(ctes: Sequence[exp.CTE]) -> bool:
    return any(isinstance(cte.parent, exp.With) and bool(cte.parent.args.get("recursive")) for cte in ctes)


def _keeps_one_of_equal(node: exp.Expr) -> bool:
    return isinstance(node, _ONE_OF_EQUAL) and not (isinstance(node, exp.Union) and node.args.get("distinct") is False)


def _is_plain(query: exp.Expr) -> bool:
    """Return whether a query has the same rows each time that it is run, and nothing that is not read here."""
    for node in query.walk():
        accepted = _ACCEPTED.get(type(node))
        if accepted is not None and any(value and key not in accepted for key, value in node.args.items()):
            return False
        if isinstance(node, exp.Table) and not (_SCAN_MARK in node.meta or _CTE_MARK in node.meta):
            return False
        if isinstance(node, exp.Collate):
            return False
        if isinstance(node, exp.Join) and not (node.args.get("on") or node.args.get("using")):
            return False  # of all pairs of rows there may be very many
    return is_deterministic(query, *_QUERIES)


def _is_closed(nodes: Sequence[exp.Expr], sources: set[str], columns: set[str]) -> bool:
    """Return whether all columns in queries may be those of their own sources; if they are is for the engine to say."""
    found = [column for node in nodes for column in node.find_all(exp.Column)]
    return all(
        folded(column.table) in sources if column.table else folded(column.name) in columns
        for column in found
        if not isinstance(column.this, exp.Star) or column.table
    )
