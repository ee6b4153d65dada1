"""Writes the first query over a table that was found, and its test: the rows of its newest partition, counted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import pyarrow as pa

from gateway.authoring.scaffold import quoted
from gateway.catalog.manifest import partition_columns, source_types
from gateway.catalog.partition_field import PartitionField
from gateway.catalog.table import Table
from gateway.catalog.transforms import Calendar, Identity, TransformError
from gateway.discovery import yaml_text
from gateway.discovery.names import CLOCKS, plain_name
from gateway.model import Column, Value
from gateway.query.coerce import format_value
from gateway.query.types import Kind, ParameterType, parse_type

_UNUSABLE = (None, date.min, date.max)
_PARAMETERS = {"TIMESTAMP WITH TIME ZONE": "timestamptz"}
_PLAIN = frozenset({Kind.INTEGER, Kind.DECIMAL, Kind.BOOLEAN, Kind.DATE})


@dataclass(frozen=True, slots=True, kw_only=True)
class QueryFiles:
    """The text of a template and that of its tests."""

    template: str
    tests: str


@dataclass(frozen=True, slots=True, kw_only=True)
class _Filter:
    """The level that a query filters on, with the value of one of its partitions."""

    column: str
    field: PartitionField
    type: ParameterType
    value: Value

    @property
    def is_range(self) -> bool:
        """Return whether the query takes a first and a last day."""
        return isinstance(self.value, date) and self.type.kind is Kind.DATE

    @property
    def parameter(self) -> str:
        """Return the name of the parameter where there is one."""
        return plain_name(self.column, "value")


def first_query(table: Table, texts: Mapping[str, Sequence[str | None]], owner: str) -> QueryFiles:
    """Write a query that counts the rows of a *table* by its most telling level; *texts* are those of its levels."""
    chosen = _chosen(table, texts)
    counted = "row_count" if chosen is None or chosen.column.lower() != "row_count" else "number_of_rows"
    return QueryFiles(template=_template(table, chosen, counted, owner), tests=_tests(table, chosen, counted))


def _chosen(table: Table, texts: Mapping[str, Sequence[str | None]]) -> _Filter | None:
    """Choose the first level of days, else the first level whose values can be parameters."""
    columns = [Column(name=name, type=type_) for name, type_ in (table.columns or {}).items()]
    types = {column.name: column.type for column in partition_columns(table, columns)}
    sources = source_types(table, columns)
    found = []
    for field in table.partitioned_by:
        present = [text for text in texts.get(field.column, ()) if text]
        if field.column.lower() in CLOCKS:
            continue
        level = _filter(field, types[field.column], sources[field.column], present)
        if level is not None:
            found.append(level)
    return next((level for level in found if level.is_range), found[0] if found else None)


def _filter(field: PartitionField, type_: str, source_type: str, texts: Sequence[str]) -> _Filter | None:
    transform = field.function
    if not texts or not (
        isinstance(transform, Identity) or (isinstance(transform, Calendar) and not transform.repeats)
    ):
        return None
    try:
        kind = parse_type(_PARAMETERS.get(type_, type_.lower()))
        decoded = [_python_value(each) for each in transform.decode(pa.array(texts, pa.string()), source_type)]
        # Of dates, the first and the last that Python has stand for infinite ones, which no folder is found by.
        usable = [(value, text) for value, text in zip(decoded, texts, strict=True) if value not in _UNUSABLE]
        newest = transform.parse(max(usable)[1], source_type) if usable else None
    except (ValueError, TransformError):
        return None
    if newest is None:
        return None
    return _Filter(column=field.column, field=field, type=kind, value=newest)


def _python_value(value: Any) -> Any:
    try:
        return value.as_py()
    except OverflowError:  # a date that Python does not have
        return None


def _template(table: Table, chosen: _Filter | None, counted: str, owner: str) -> str:
    summary = f"Rows of {table.name}" + (f" by {_text(chosen.column)}" if chosen is not None else "")
    head = [f"summary: {yaml_text.quoted(summary)}", f"owner: {yaml_text.quoted(owner)}"]
    if chosen is None:
        example, parameters, columns, filters = "", [], [], []
    elif chosen.is_range:
        column = quoted(chosen.column)
        parameters = [f"  start: {{type: date, description: first {_day_words(chosen)}}}"]
        parameters += [f"  end: {{type: date, description: first {_day_words(chosen)} left out}}"]
        example = ", ".join(f"{name}: {value}" for name, value in _range(chosen).items())
        columns, filters = [column], [f"WHERE {column} >= $start AND {column} < $end"]
    else:
        column, name = quoted(chosen.column), chosen.parameter
        words = yaml_text.quoted(f"the {_text(chosen.column)}")
        type_ = yaml_text.quoted(str(chosen.type))
        parameters = [f"  {name}: {{type: {type_}, description: {words}}}"]
        example = f"{name}: {_value(chosen)}"
        columns, filters = [column], [f"WHERE {column} = ${name}"]
    head += ["parameters:", *parameters] if parameters else []
    head += ["cache: {ttl: 5m}", "examples:", f"  - {{{example}}}"]
    body = [
        "SELECT",
        *(f"  {column}," for column in columns),
        f"  count(*) AS {counted}",
        f"FROM {table.name}",
        *filters,
    ]
    body += [f"{clause} BY {column}" for clause in ("GROUP", "ORDER") for column in columns]
    return "\n".join(["/*", *map(_unclosing, head), "*/", *body]) + "\n"


def _day_words(chosen: _Filter) -> str:
    return "day" if plain_name(chosen.column) == "day" else yaml_text.scalar(f"day of {plain_name(chosen.column)}")


def _text(name: str) -> str:
    return " ".join(name.split())[:100]


def _unclosing(line: str) -> str:
    """Keep a quoted text from ending or opening a comment."""
    return line.replace("*", "\\x2a") if "*/" in line or "/*" in line else line


def _range(chosen: _Filter) -> dict[str, str]:
    assert isinstance(chosen.value, date)
    return {"start": chosen.value.isoformat(), "end": (chosen.value + timedelta(days=1)).isoformat()}


def _value(chosen: _Filter) -> str:
    """Write the value as YAML has it."""
    text = str(format_value(chosen.value))
    if chosen.type.kind is Kind.BOOLEAN:
        return text.lower()
    return text if chosen.type.kind in _PLAIN else yaml_text.quoted(text)


def _tests(table: Table, chosen: _Filter | None, counted: str) -> str:
    lines = ["tables:", f"  {table.name}:", "    rows:"]
    if chosen is None:
        lines += [f"      - {{{_some_value(table)}}}"] * 3
        lines += ["tests:", "  - name: all rows are counted", "    rows:", f"      - {{{counted}: 3}}"]
        return "\n".join(lines) + "\n"
    source = yaml_text.scalar(chosen.field.source)
    lines += [f"      - {{{source}: {yaml_text.quoted(_source_text(chosen))}}}"] * 2
    lines += [f"      - {{{source}: null}}"]
    parameters = _range(chosen) if chosen.is_range else {chosen.parameter: _value(chosen)}
    given = ", ".join(f"{name}: {value}" for name, value in parameters.items())
    column = yaml_text.scalar(chosen.column)
    lines += ["tests:", "  - name: rows of one partition are counted", f"    parameters: {{{given}}}", "    rows:"]
    lines += [f"      - {{{column}: {_value(chosen)}, {counted}: 2}}"]
    if chosen.field.enforced or chosen.field.source.lower() != chosen.field.column.lower():
        lines += ["    reads: {partitions: 1}"]
    return "\n".join(lines) + "\n"


_VALUES = {Kind.BOOLEAN: "true", Kind.DATE: "2024-01-31", Kind.TIMESTAMP: '"2024-01-31T12:00"', Kind.VARCHAR: "a"}


def _some_value(table: Table) -> str:
    """Write a column and a value of it: the first whose values are easily written, else the first one and NULL."""
    columns = dict(table.columns or {})
    for name, type_ in columns.items():
        try:
            kind = parse_type(type_.lower()).kind
        except ValueError:
            continue
        if kind in _VALUES or kind in (Kind.INTEGER, Kind.DECIMAL, Kind.DOUBLE):
            return f"{yaml_text.scalar(name)}: {_VALUES.get(kind, '1')}"
    return f"{yaml_text.scalar(next(iter(columns)))}: null"


def _source_text(chosen: _Filter) -> str:
    """Write a value of the source column that lies in the partition."""
    transform, text = chosen.field.function, str(format_value(chosen.value))
    if not isinstance(transform, Calendar):
        return text.lower() if chosen.type.kind is Kind.BOOLEAN else text
    match transform.unit:
        case "year":
            return f"{int(text):04d}-01-01"
        case "month":
            return f"{text}-01"
        case "hour":
            return f"{text[:10]}T{text[11:]}:00:00"
        case _:
            return text
