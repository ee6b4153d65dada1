"""What the names of a qualified query may mean: columns of what its blocks read, or values that they compute.

DuckDB takes a name that is both for the column in WHERE, in GROUP BY and within an expression of ORDER BY, and for the
value where ORDER BY is that name alone. Spark takes it for the value in all of ORDER BY. Where qualified names do not
settle it, such a use is refused.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from sqlglot import exp
from sqlglot.optimizer.scope import Scope, traverse_scope

from gateway.model import Column

_ALONE: Final = "gateway_alone"
"""In the metadata of a column: the author named it without its table."""
_SETS = (exp.Union, exp.Intersect, exp.Except)
_CLAUSES: Final = ("where", "group", "having", "order")
_OF_COLUMNS: Final = ("where", "group")
"""Clauses in which a column goes before a value, and is qualified."""


def note_names(tree: exp.Expr) -> None:
    """Note which columns the author named without a table, before the tree is qualified."""
    for column in tree.find_all(exp.Column):
        if not column.table:
            column.meta[_ALONE] = True


class Names:
    """The scopes of a qualified query, whose tables have the columns of *schema*."""

    def __init__(self, tree: exp.Expr, schema: Mapping[str, Sequence[Column]]) -> None:
        self.scopes = {id(scope.expression): scope for scope in traverse_scope(tree)}
        self._schema = schema

    def scope_of(self, node: exp.Expr) -> Scope | None:
        """Return the scope in which an expression stands."""
        place = node.parent
        while place is not None and id(place) not in self.scopes:
            place = place.parent
        return None if place is None else self.scopes[id(place)]

    def sources(self, scope: Scope) -> list[exp.Table | Scope]:
        """List what a scope reads; other sources that it could name are not among it."""
        return [source for _, source in scope.selected_sources.values()]

    def of(self, source: exp.Table | Scope) -> set[str]:
        """Return the names of the columns of a source, in lower case."""
        if isinstance(source, exp.Table):
            return {column.name.lower() for column in self._schema.get(source.name, ())}
        named = source.expression.named_selects if isinstance(source.expression, exp.Query) else ()
        return {name.lower() for name in named}

    def hiding(self) -> Iterator[exp.Column]:
        """Yield the names alone that may mean a column as well as a value that is computed in the same block."""
        for scope in self.scopes.values():
            if isinstance(scope.expression, exp.Select):
                for output in scope.expression.expressions:
                    if isinstance(output, exp.Alias) and not _is_column(output, scope):
                        yield from self._hidden_by(output.alias.lower(), scope)

    def _hidden_by(self, name: str, scope: Scope) -> Iterator[exp.Column]:
        for clause in _CLAUSES:
            part = scope.expression.args.get(clause)
            for column in () if part is None else part.find_all(exp.Column):
                alone = _ALONE in column.meta and column.name.lower() == name and not is_order(column)
                if alone and not self._settled(column, scope, clause in _OF_COLUMNS):
                    yield column

    def _settled(self, column: exp.Column, block: Scope, of_columns: bool) -> bool:
        """Return whether a name has one meaning: nothing has such a column, or what has it is nearer than the value."""
        below, scope = True, self.scope_of(column)
        while scope is not None:
            below = below and scope is not block
            if any(column.name.lower() in self.of(source) for source in self.sources(scope)):
                return below or (of_columns and scope is block)
            scope = _around(scope)
        return True


def is_order(column: exp.Column) -> bool:
    """Return whether a column is all that a query is ordered by at its place: an output goes before all else there."""
    order = column.parent.parent if isinstance(column.parent, exp.Ordered) else None
    return order is not None and isinstance(order.parent, (exp.Select, *_SETS))


def _is_column(output: exp.Alias, scope: Scope) -> bool:
    """Return whether an output is a column of what its block reads, under its own name."""
    column = output.this
    same = isinstance(column, exp.Column) and column.name.lower() == output.alias.lower()
    return same and column.table in scope.selected_sources


def _around(scope: Scope) -> Scope | None:
    """Return the scope whose columns can be named in another one that it is around."""
    if scope.is_cte or scope.parent is None:
        return None
    return scope.parent if scope.is_subquery else _around(scope.parent)
