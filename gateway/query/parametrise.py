"""Turn a query whose filters compare with literals into one with typed parameters.

This is how the demo makes templates of the TPC-H queries. The text that comes out is generated from the syntax tree,
so whoever uses it compares the answers of the two texts, as ``tests/integration/test_tpch.py`` does.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import sqlglot
from sqlglot import exp

_SUFFIXES: Mapping[type[exp.Expression], tuple[str, str]] = {
    exp.EQ: ("", ""),
    exp.NEQ: ("_not", "_not"),
    exp.GTE: ("_from", "_to"),
    exp.GT: ("_after", "_before"),
    exp.LTE: ("_to", "_from"),
    exp.LT: ("_before", "_after"),
    exp.Like: ("_like", "_like"),
}
"""What a parameter's name adds to its column's, where the column stands left and right of the operator."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LiteralParameter:
    """A parameter that stands where literals stood; ``type`` is DuckDB's, ``default`` the literals as text."""

    name: str
    type: str
    default: str | tuple[str, ...]


def parametrise(sql: str, types: Mapping[str, str]) -> tuple[str, tuple[LiteralParameter, ...]]:
    """Replace the literals that filters compare a column with; return the new text and its parameters.

    *types* maps the columns to their DuckDB types; a literal compared with any other column stays. Equal literals
    compared in the same way with the same column become one parameter.

    >>> text, parameters = parametrise("SELECT 1 FROM t WHERE day >= DATE '2013-01-01'", {"day": "DATE"})
    >>> text.split()[-3:], parameters[0].name, parameters[0].default
    (['day', '>=', '$day_from'], 'day_from', '2013-01-01')
    """
    tree = sqlglot.parse_one(sql, read="duckdb")
    made = _Parameters(types)
    filters = [node for node in tree.find_all(*_SUFFIXES, exp.Between, exp.In, bfs=False) if _is_filter(node)]
    for node in filters:
        made.replace_literals(node)
    for node in filters:
        made.replace_repeated(node)
    return tree.sql(dialect="duckdb", pretty=True), tuple(made.by_key.values())


class _Parameters:
    """The parameters made so far, by column, suffix and literal value."""

    def __init__(self, types: Mapping[str, str]) -> None:
        self._types = types
        self.by_key: dict[tuple[str, str, str | tuple[str, ...]], LiteralParameter] = {}

    def replace_literals(self, node: exp.Expression) -> None:
        """Put parameters in place of the operands of *node* that are one literal each, or one list of them."""
        if isinstance(node, exp.In):
            self._replace_list(node)
            return
        for operand, other, suffix in _operands(node):
            column, value = self._column(other), _literal(operand)
            if column is not None and value is not None:
                operand.replace(self._placeholder(column, suffix, value))

    def replace_repeated(self, node: exp.Expression) -> None:
        """Put a column's parameters in place of its literals inside constant arithmetic, e.g. ``10 + 10``."""
        if isinstance(node, exp.In):
            return
        for operand, other, _ in _operands(node):
            first = next(operand.find_all(exp.Literal), None) if isinstance(operand, exp.Add | exp.Sub) else None
            column = self._column(other)
            if first is None or column is None or operand.find(exp.Column, exp.Query):
                continue
            for (owner, _, value), parameter in self.by_key.items():
                if owner == column and value == first.name:
                    first.replace(exp.Placeholder(this=parameter.name))
                    break

    def _replace_list(self, node: exp.In) -> None:
        values = tuple(_literal(item) for item in node.expressions)
        column = self._column(node.this)
        if column is None or not values:
            return
        texts = tuple(value for value in values if value is not None)
        if len(texts) == len(values):
            node.set("expressions", None)
            node.set("field", self._placeholder(column, "_in", texts))

    def _column(self, expression: exp.Expression) -> str | None:
        """Name the one column that decides the type of *expression*; None where that is not known."""
        names = {column.name for column in expression.find_all(exp.Column)}
        if len(names) != 1 or expression.find(exp.Query):
            return None
        [name] = names
        return name if name in self._types else None

    def _placeholder(self, column: str, suffix: str, value: str | tuple[str, ...]) -> exp.Placeholder:
        key = (column, suffix, value)
        if key not in self.by_key:
            others = sum((column, suffix) == known[:2] for known in self.by_key)
            name = f"{column}{suffix}" + (f"_{others + 1}" if others else "")
            type_ = self._types[column] + ("[]" if isinstance(value, tuple) else "")
            self.by_key[key] = LiteralParameter(name=name, type=type_, default=value)
        return exp.Placeholder(this=self.by_key[key].name)


def _operands(node: exp.Expression) -> Iterator[tuple[exp.Expression, exp.Expression, str]]:
    """List each operand of a comparison with what it is compared with, and the suffix for its parameter."""
    if isinstance(node, exp.Between):
        yield node.args["low"], node.this, "_from"
        yield node.args["high"], node.this, "_to"
        return
    right, left = _SUFFIXES[type(node)]
    yield node.expression, node.this, right
    yield node.this, node.expression, left


def _literal(expression: exp.Expression) -> str | None:
    """Return the text of a literal, bare or cast to a date."""
    if isinstance(expression, exp.Cast) and expression.is_type("date"):
        expression = expression.this
    return expression.name if isinstance(expression, exp.Literal) else None


def _is_filter(node: exp.Expression) -> bool:
    """Return whether *node* stands in a WHERE, HAVING or ON, and not in a SELECT list inside one."""
    nearest = node.find_ancestor(exp.Where, exp.Having, exp.Join, exp.Select)
    return nearest is not None and not isinstance(nearest, exp.Select)
