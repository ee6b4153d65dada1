"""Rows of constants: ``WITH p AS (SELECT DATE '2024-03-01' AS a, $days AS n)``, VALUES, and what is selected of them.

A column of such rows is a constant in a filter, as if the author had written it there: of several rows, one of them.
The rows that are found may be more than there are, never fewer: a WHERE over them is not evaluated.

>>> import sqlglot
>>> def kind(node: exp.Expr) -> str | None:
...     return "INTEGER" if isinstance(node, exp.Literal) else None
>>> values = sqlglot.parse_one("SELECT * FROM (VALUES (1, 2), (3, x))", read="duckdb").find(exp.Values)
>>> [[cell.sql() if cell else None for cell in row] for row in of_values(values, kind)]
[['1', None], ['3', None]]
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import product
from typing import Final

from sqlglot import exp

from gateway.plan.analysis.aggregation import has_sets, own
from gateway.plan.analysis.names import Alias, resolve
from gateway.plan.analysis.sources import Block, Row, SelectBlock, SetBlock, Source
from gateway.plan.analysis.terms import Naming
from gateway.plan.analysis.types import NULL, STRING
from gateway.predicate import Term

MOST: Final = 100
"""Rows, and combinations of rows, that are looked at; of more, none is."""
_PLAIN: Final = frozenset({"expressions", "from_", "joins", "with_"})
_SEVERAL: Final = (exp.Explode, exp.Unnest)
_LISTS: Final = (exp.In, exp.Exists, exp.Any, exp.All)
"""What takes a subquery, but not its value."""
Kind = Callable[[exp.Expr], str | None]
"""Returns the type of a constant; see ``Constants.kind``."""
_Values = dict[int, Row]
"""One row of each of some sources, by their numbers."""


def of_values(node: exp.Values, kind: Kind) -> tuple[Row, ...] | None:
    """Return the rows of VALUES: a cell is None in a column whose types differ, or where it is no constant."""
    rows = [tuple(row.expressions if isinstance(row, exp.Tuple) else [row]) for row in node.expressions]
    if not 0 < len(rows) <= MOST or len({len(row) for row in rows}) > 1:
        return None
    return _alike([tuple(_constant(cell, kind) for cell in row) for row in rows], kind)


def of_block(block: Block, kind: Kind) -> tuple[Row, ...] | None:
    """Return the rows of a query over constants; None where it may have others."""
    if isinstance(block, SetBlock):
        if block.closed or block.kind is not exp.Union or block.left.rows is None or block.right.rows is None:
            return None
        rows = [*block.left.rows, *block.right.rows]
        return _alike(rows, kind) if len({len(row) for row in rows}) == 1 and len(rows) <= MOST else None
    if not isinstance(block, SelectBlock) or block.closed or has_sets(block) or block.outputs is None:
        return None
    if block.unnested:
        return None
    read = _combined(block.sources)
    return None if read is None else _alike([_selected(block, values, kind) for values in read], kind)


def alternatives(node: exp.Expr, naming: Naming, kind: Kind) -> list[exp.Expr]:
    """Write a condition with the constants of each of the rows that it speaks of; of none of them: as it is."""
    sources = _spoken_of([node], naming)
    read = _combined(sources)
    if read is None or not (sources or any(_value(part, naming) for part in _parts(node))):
        return [node]
    return [_replaced(node, naming, values, kind) for values in read]


def is_single(block: SelectBlock, rows: Sequence[Row] | None) -> bool:
    """Return whether a block of constants has exactly one row: nothing leaves rows out, or makes several of one."""
    node = block.node
    if rows is None or any(value and key not in _PLAIN for key, value in node.args.items()):
        return False
    joins = [] if block.tree is None else list(block.tree.joins())
    if any(join.kind != "INNER" or join.on is not None or join.names for join in joins):
        return False
    return all(map(_is_single, block.sources)) and not any(item.find(*_SEVERAL) for item in node.expressions)


def _is_single(source: Source) -> bool:
    inner = source.cte.block if source.cte is not None and not source.cte.recursive else source.block
    return source.certain and isinstance(inner, SelectBlock) and inner.single


def together(nodes: Sequence[exp.Expr], naming: Naming) -> list[exp.Expr]:
    """Join conditions that speak of the same rows, of which there are several: one row satisfies all of them."""
    groups: dict[frozenset[int], list[exp.Expr]] = {}
    for node in nodes:
        several = frozenset(source.number for source in _spoken_of([node], naming) if len(source.rows or ()) > 1)
        if several:
            groups.setdefault(several, []).append(node)
    return [exp.and_(*group, copy=True) for group in groups.values() if len(group) > 1]


def _combined(sources: Sequence[Source]) -> list[_Values] | None:
    """Combine the rows of sources; None where those of one are not known, or they are too many."""
    count = 1
    for source in sources:
        if source.rows is None or not source.certain:
            return None
        count *= len(source.rows)
    if count > MOST:
        return None
    numbers = [source.number for source in sources]
    return [dict(zip(numbers, rows, strict=True)) for rows in product(*(source.rows or () for source in sources))]


def _spoken_of(nodes: Sequence[exp.Expr], naming: Naming) -> list[Source]:
    found: dict[int, Source] = {}
    for node in nodes:
        for column in own(node, exp.Column):
            meant = _meant(column, naming)
            place = _place(meant, naming.block) if isinstance(meant, Term) else None
            if place is not None and place[0].certain and place[0].rows is not None:
                found[place[0].number] = place[0]
    return list(found.values())


def _meant(column: exp.Expr, naming: Naming) -> Term | Alias | None:
    return resolve(column, naming.block, naming.aliases, naming.before) if isinstance(column, exp.Column) else None


def _place(term: Term, block: SelectBlock | None) -> tuple[Source, int] | None:
    """Return the source that a column is of, and which of its columns it is."""
    number, _, index = term.column.removeprefix("s").partition(".")
    while block is not None:
        for source in block.sources:
            if str(source.number) == number:
                return source, int(index)
        block = block.outer
    return None


def _selected(block: SelectBlock, values: _Values, kind: Kind) -> Row:
    items = block.node.expressions
    listed = not any(item.is_star for item in items) and len(items) == len(block.outputs or ())
    return tuple(
        _item(block, items[index].unalias(), index, values, kind) if listed else _column(output.term, block, values)
        for index, output in enumerate(block.outputs or ())
    )


def _item(block: SelectBlock, item: exp.Expr, index: int, values: _Values, kind: Kind) -> exp.Expr | None:
    return _constant(_replaced(item, Naming(block=block, before=index), values, kind), kind)


def _column(term: Term | None, block: SelectBlock, values: _Values) -> exp.Expr | None:
    place = _place(term, block) if term is not None and not term.functions else None
    return None if place is None or place[0].number not in values else values[place[0].number][place[1]]


def _replaced(node: exp.Expr, naming: Naming, values: _Values, kind: Kind) -> exp.Expr:
    """Write the constants of rows in the place of their columns."""
    holder = exp.Paren(this=node.copy())
    for part, copied in zip(_parts(node), list(_parts(holder.this)), strict=True):
        meant = _meant(part, naming)
        if isinstance(meant, Alias):
            inner = Naming(block=naming.block, before=meant.position)
            cell = _constant(_replaced(meant.expression, inner, values, kind), kind)
        else:
            cell = _value(part, naming) or _column(meant, naming.block, values)
        if cell is not None:
            copied.replace(exp.Paren(this=cell.copy()))
    made: exp.Expr = holder.this
    return made


def _parts(node: exp.Expr) -> Iterator[exp.Expr]:
    """Walk the columns of an expression, and its subqueries without what is in them."""
    pending = [node]
    while pending:
        here = pending.pop()
        if isinstance(here, exp.Column | exp.Query):
            yield here
        else:
            pending += here.iter_expressions()


def _value(part: exp.Expr, naming: Naming) -> exp.Expr | None:
    """Return the constant that a scalar subquery is."""
    if not isinstance(part, exp.Subquery) or isinstance(part.parent, _LISTS):
        return None
    child = naming.block.children.get(id(part))
    if child is None or not isinstance(child.block, SelectBlock):
        return None
    if not child.block.single:
        return child.block.value
    (row,) = child.block.rows or ((),)
    return row[0] if len(row) == 1 else None


def _constant(node: exp.Expr, kind: Kind) -> exp.Expr | None:
    """Return a constant of a known type; in a column a string literal is a VARCHAR, and nothing else."""
    known = kind(node)
    if known is None or known == NULL or known.endswith("[]"):
        return None
    return exp.Cast(this=node.copy(), to=exp.DataType.build("VARCHAR")) if known == STRING else node


def _alike(rows: Sequence[Row], kind: Kind) -> tuple[Row, ...]:
    """Leave out the columns in which not all cells are constants of one type."""
    kept = [_kind_of_column(column, kind) is not None for column in zip(*rows, strict=True)]
    return tuple(tuple(cell if keep else None for cell, keep in zip(row, kept, strict=True)) for row in rows)


def _kind_of_column(cells: Sequence[exp.Expr | None], kind: Kind) -> str | None:
    kinds = {None if cell is None else kind(cell) for cell in cells}
    return kinds.pop() if len(kinds) == 1 else None


def kinds(rows: Sequence[Row], kind: Kind) -> Iterator[str | None]:
    """Walk the types of the columns of rows."""
    for column in zip(*rows, strict=True):
        found = _kind_of_column(column, kind)
        yield "VARCHAR" if found == STRING else found
