"""Ad hoc SQL: its tables are found, its parameters typed by what they are compared with.

For the command line only. The reviewed list of functions does not apply: the engine itself reads nothing but the
declared tables, and whether the text may become a template is for ``gateway check`` to say.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from sqlglot import exp

from gateway.errors import Diagnostic, InvalidParameters, TemplateInvalid
from gateway.model import BoundQuery, CachePolicy, Column, TypedValue
from gateway.query.front_matter import column_of, line_of
from gateway.query.functions import Volatility
from gateway.query.lexer import SqlError, TokenKind
from gateway.query.normalise import normalise
from gateway.query.parameters import Parameter
from gateway.query.refused import Refused
from gateway.query.sql import parse_tokens, statement_tokens
from gateway.query.types import ParameterType, parse_type
from gateway.query.validate import scanned_tables, volatility

_BETWEEN = (exp.Paren, exp.Add, exp.Sub, exp.Neg, exp.Coalesce, exp.Tuple)
"""What may stand between a parameter and the comparison that types it."""
_TYPED: dict[type[exp.Expr], str] = {
    exp.TimestampTrunc: "TIMESTAMP",
    exp.Year: "BIGINT",
    exp.Month: "BIGINT",
    exp.Day: "BIGINT",
    exp.Extract: "BIGINT",
    exp.TimeToStr: "VARCHAR",
    exp.Lower: "VARCHAR",
    exp.Upper: "VARCHAR",
}


class Adhoc:
    """One SELECT over declared tables. Raises ``TemplateInvalid`` with its place where it cannot be read."""

    def __init__(self, text: str, path: str, tables: Collection[str]) -> None:
        try:
            tokens = statement_tokens(text)
            self._tree = parse_tokens(text, tokens)
        except SqlError as error:
            line, column = line_of(text, error.offset), column_of(text, error.offset)
            diagnostic = Diagnostic(
                path=path, line=line, column=column, message=str(error), hint=error.hint, rule=error.rule
            )
            raise TemplateInvalid([diagnostic]) from error
        declared = {name.lower(): name for name in tables}
        found = {table.name.lower() for table in scanned_tables(self._tree, text)}
        self.sql = text[: tokens[-1].end]
        self.tables = tuple(sorted(declared[name] for name in found if name in declared))
        self.parameters = tuple(dict.fromkeys(token.text[1:] for token in tokens if token.kind is TokenKind.PARAMETER))
        self._normalised = normalise(tokens, self._tree)
        self._reads_clock = volatility(tokens, self._tree) is not Volatility.IMMUTABLE

    def bind(self, given: Mapping[str, Any], columns: Mapping[str, Sequence[Column]]) -> BoundQuery:
        """Bind JSON values; *columns* are those of the tables. Raises ``InvalidParameters`` with every wrong one."""
        kinds = dict(self._kinds(columns))
        bound, errors = dict[str, TypedValue](), list[dict[str, Any]]()
        for name in dict.fromkeys([*self.parameters, *given]):
            if name not in self.parameters:
                errors.append({"parameter": name, "detail": "is not a parameter of this query"})
            elif name not in given:
                errors.append({"parameter": name, "detail": "is missing"})
            else:
                try:
                    bound[name] = _typed(given[name], kinds.get(name))
                except Refused as error:
                    errors.append({"parameter": name, "detail": str(error)})
        if errors:
            raise InvalidParameters(errors)
        return BoundQuery(
            name="sql",
            version=0,
            sql=self.sql,
            normalised=self._normalised,
            tables=self.tables,
            parameters=bound,
            cache=CachePolicy(ttl=0.0, clock=1.0 if self._reads_clock else None),
        )

    def _kinds(self, columns: Mapping[str, Sequence[Column]]) -> Iterator[tuple[str, str]]:
        """Find the type of each parameter from its first use that has one."""
        types = {column.name.lower(): column.type for known in columns.values() for column in known}
        for placeholder in reversed(list(self._tree.find_all(exp.Placeholder))):
            kind = _kind_by_use(placeholder, types)
            if kind is not None:
                yield placeholder.name, kind


def _kind_by_use(placeholder: exp.Expr, types: Mapping[str, str]) -> str | None:
    node, parent = placeholder, placeholder.parent
    while isinstance(parent, _BETWEEN):
        node, parent = parent, parent.parent
    if isinstance(parent, exp.Limit | exp.Offset):
        return "BIGINT"
    if isinstance(parent, exp.In):
        listed = parent.args.get("field") is not None and node is not parent.this
        kind = _kind_of(parent.this, types)
        return f"{kind}[]" if listed and kind is not None else kind
    if isinstance(parent, exp.Between | exp.Binary):
        others = [other for other in parent.iter_expressions() if other is not node]
        return next((kind for other in others if (kind := _kind_of(other, types)) is not None), None)
    return None


def _kind_of(node: exp.Expr, types: Mapping[str, str]) -> str | None:
    node = node.unnest()
    if isinstance(node, exp.Column):
        return types.get(node.name.lower())
    if isinstance(node, exp.Cast):
        return node.to.sql(dialect="duckdb")
    return _TYPED.get(type(node))


def _typed(value: Any, kind: str | None) -> TypedValue:
    """Read a value as the type of its use, or as the type that it has by itself where it does not fit."""
    declared = _declared(kind or _natural(value)) or _declared(_natural(value))
    assert declared is not None
    if value is None:
        return TypedValue(value=None, type=declared.sql)
    try:
        return TypedValue(value=Parameter(type=declared).read(value), type=declared.sql)
    except Refused:
        own = _declared(_natural(value))
        if own is None or own == declared:
            raise
        return TypedValue(value=Parameter(type=own).read(value), type=own.sql)


def _declared(kind: str) -> ParameterType | None:
    listed = kind.endswith("[]")
    try:
        return parse_type(f"list[{kind[:-2].lower()}]" if listed else kind.lower())
    except ValueError:
        return None


def _natural(value: Any) -> str:
    """Name the DuckDB type that a JSON value has by itself."""
    match value:
        case bool():
            return "BOOLEAN"
        case int():
            return "BIGINT"
        case float():
            return "DOUBLE"
        case list():
            return f"{_natural(value[0]) if value else 'VARCHAR'}[]"
        case _:
            return "VARCHAR"
