"""Generate the text of a query's first version, and of its next one."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

from gateway.catalog.table import Table
from gateway.discovery.names import SPECIAL
from gateway.model import Column
from gateway.query.front_matter import NAME
from gateway.query.types import parse_type
from gateway.suggestions import did_you_mean

FROM_WORDS, TO_WORDS = ("start", "since", "from"), ("end", "until", "to")
"""Names of parameters that bound the time of a table."""
_ASKED = re.compile(r"([a-z][a-z0-9_]*)(?::([^?]+))?(\?)?")
_TIMES = ("DATE", "TIMESTAMP", "TIMESTAMP WITH TIME ZONE")
_PARAMETERS = {"FLOAT": "double", "TIMESTAMP WITH TIME ZONE": "timestamptz", "TIMESTAMP_S": "timestamp"}
_GOING = re.compile(r"^(?:deprecated|sunset|successor):.*\n", re.MULTILINE)
_YAML_WORDS = frozenset({"true", "false", "null", "yes", "no", "on", "off"})
_SHOWN = 12
"""Columns that a first version answers with."""


class NotMade(Exception):
    """A file cannot be written as it was asked for; the message says what would do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One parameter as it was asked for: ``carrier``, ``carrier:list[varchar]``, ``carrier?``."""

    name: str
    type: str
    optional: bool
    column: str
    operator: str


def folder_of(project: Path, name: str) -> Path:
    """Return the folder of a query. Raises ``NotMade`` for what is no name."""
    segments = name.split(".")
    if not all(NAME.fullmatch(segment) for segment in segments):
        raise NotMade(f"{name!r} is no name of a query: write small letters, digits and _, folders joined by dots")
    return project.joinpath("queries", *segments)


def versions(folder: Path) -> list[int]:
    """List the version numbers that have a file, in order."""
    found = (re.fullmatch(r"v([1-9][0-9]*)\.sql", path.name) for path in folder.glob("v*.sql"))
    return sorted(int(match[1]) for match in found if match)


def likely_parameters(table: Table, columns: Sequence[Column]) -> list[str]:
    """Suggest the parameters that prune the table: a range of its time, else a value of its first level."""
    if time_column(table, columns) is not None:
        return [FROM_WORDS[0], TO_WORDS[0]]
    sources = [field.source for field in table.partitioned_by if NAME.fullmatch(field.source.lower())]
    return [sources[0].lower()] if sources else []


def time_column(table: Table, columns: Sequence[Column]) -> Column | None:
    """Return the column by whose time the table is partitioned, else its first column of time."""
    by_name = {column.name.lower(): column for column in columns}
    sources = [by_name[field.source.lower()] for field in table.partitioned_by if field.source.lower() in by_name]
    return next((column for column in (*sources, *columns) if column.type in _TIMES), None)


def asked(words: Sequence[str], table: Table, columns: Sequence[Column]) -> list[Asked]:
    """Read the parameters that were asked for. Raises ``NotMade``."""
    return [_asked(word, table, columns) for word in words]


def _asked(word: str, table: Table, columns: Sequence[Column]) -> Asked:
    match = _ASKED.fullmatch(word)
    if match is None:
        raise NotMade(f"{word!r} is no parameter: write a name, name:type, and ? after it if it may be left out")
    name, kind, optional = match[1], match[2], match[3] is not None
    by_name = {column.name.lower(): column for column in columns}
    time = time_column(table, columns)
    column, operator = by_name.get(name), "="
    if column is None and name in (*FROM_WORDS, *TO_WORDS) and time is not None:
        column, operator = time, ">=" if name in FROM_WORDS else "<"
    if column is None:
        hint = did_you_mean(name, by_name) or "name a column of it, or start and end where it has a column of time"
        raise NotMade(f"{table.name} has no column {name!r}: {hint}")
    declared = kind or _PARAMETERS.get(column.type, column.type.lower().replace("[]", ""))
    try:
        is_list = parse_type(declared).item is not None
    except ValueError as error:
        raise NotMade(str(error)) from error
    return Asked(
        name=name, type=declared, optional=optional, column=column.name, operator="IN" if is_list else operator
    )


def first_version(
    *,
    summary: str,
    owner: str,
    table: Table,
    columns: Sequence[Column],
    parameters: Sequence[Asked],
    newest: date,
    values: Mapping[str, str],
) -> str:
    """Write a first version that answers with rows of *table*; *newest* is a day of its data, *values* are texts."""
    # What the table is cut by comes first, for not all columns of a wide table are written.
    sources = {field.source.lower() for field in table.partitioned_by}
    listed = [column for column in columns if column.name not in _folders(table, columns)] or list(columns)
    shown = sorted(listed, key=lambda column: column.name.lower() not in sources)[:_SHOWN]
    lines = [
        "/*",
        f"summary: {_scalar(summary)}",
        f"owner: {_scalar(owner)}",
        *(["parameters:"] if parameters else []),
        *(f"  {each.name}: {{{_declaration(each)}}}" for each in parameters),
        "cache: {ttl: 5m}",
        "examples:",
        f"  - {{{', '.join(_examples(parameters, newest, values))}}}",
        "*/",
        "SELECT",
        ",\n".join(f"  {quoted(column.name)}" for column in shown),
        f"FROM {table.name}",
    ]
    for number, each in enumerate(parameters):
        lines.append(f"{'WHERE' if number == 0 else '  AND'} {_filter(each)}")
    order = time_column(table, columns) or shown[0]
    return "\n".join([*lines, f"ORDER BY {quoted(order.name)}"]) + "\n"


def next_version(text: str) -> str:
    """Copy the text of a version, without the dates on which it goes away."""
    head, closing, body = text.partition("*/")
    return _GOING.sub("", head) + closing + body


def quoted(name: str) -> str:
    """Quote a column's name where it is not a plain word.

    >>> quoted("carrier"), quoted("mean delay"), quoted("order")
    ('carrier', '"mean delay"', '"order"')
    """
    return name if NAME.fullmatch(name) and name not in SPECIAL else '"' + name.replace('"', '""') + '"'


def _folders(table: Table, columns: Sequence[Column]) -> set[str]:
    """Name the columns that only folders hold: what they say is in their sources."""
    known = {column.name.lower() for column in columns}
    return {
        field.column
        for field in table.partitioned_by
        if field.column.lower() != field.source.lower() and field.source.lower() in known
    }


def _declaration(each: Asked) -> str:
    kind = f'"{each.type}"' if re.search(r"[\[\],]", each.type) else each.type
    said = {"=": f"the {each.column}", "IN": f"these of {each.column}", ">=": f"first {each.column}"}
    words = said.get(each.operator, f"first {each.column} left out")
    return f"type: {kind}, " + ("optional: true, " if each.optional else "") + f"description: {_scalar(words)}"


def _examples(parameters: Sequence[Asked], newest: date, values: Mapping[str, str]) -> Iterator[str]:
    for each in parameters:
        if each.optional:
            continue
        kind = parse_type(each.type)
        if each.operator == ">=" or (each.operator == "=" and kind.name in ("date", "timestamp", "timestamptz")):
            yield f"{each.name}: {_day(newest, each.type)}"
        elif each.operator == "<":
            yield f"{each.name}: {_day(newest + timedelta(days=1), each.type)}"
        else:
            value = values.get(each.column, _plain_value(str(kind.scalar)))
            yield f"{each.name}: {f'[{value}]' if kind.item is not None else value}"


def _day(day: date, kind: str) -> str:
    return f'"{day}T00:00:00Z"' if kind == "timestamptz" else day.isoformat()


def _plain_value(kind: str) -> str:
    plain = {"boolean": "true", "varchar": "a", "uuid": "00000000-0000-0000-0000-000000000001", "interval": "1 day"}
    return plain.get(kind, "1")


def _filter(each: Asked) -> str:
    comparison = f"{quoted(each.column)} {each.operator} ${each.name}"
    return f"(${each.name} IS NULL OR {comparison})" if each.optional else comparison


def _scalar(text: str) -> str:
    """Write a text in YAML, quoted where it would be read as something else."""
    if re.fullmatch(r"[A-Za-z][\w ./-]*", text) and text.lower() not in _YAML_WORDS:
        return text
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
