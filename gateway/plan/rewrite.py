"""What takes the place of a table in the author's text: the files of a plan."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from gateway.catalog.layout import HIVE_NULL
from gateway.catalog.transforms import Calendar, Transform
from gateway.catalog.transforms.calendar import DEFAULT_FORMATS
from gateway.model import Column, FileVersion

Address = Callable[[FileVersion], str]
"""Spell where a version of a file is, in the engine's words."""
_ADDRESS = "__gateway_address"
"""The column that holds the address of the file of each row."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """How the files of a table become its columns.

    ``columns`` are those of the table, ``held`` names those that are in the files; the others come from the names of
    folders, by the transforms in ``folders``.
    """

    columns: tuple[Column, ...]
    held: frozenset[str]
    folders: Mapping[str, Transform]
    union_by_name: bool = False


def source(layout: Layout, placed: Sequence[str], apart: Sequence[str] = ()) -> str:
    """Write what takes the place of a table: its columns, read from exactly the files at these addresses.

    The files *apart* lie in folders that say nothing, so the columns that come from folders are NULL in them. Every
    column is cast to its type in the table, for a file may hold another one. No file at all is an empty relation.
    """
    if not placed and not apart:
        nulls = ", ".join(f"CAST(NULL AS {column.type}) AS {identifier(column.name)}" for column in layout.columns)
        return f"(SELECT {nulls} WHERE false)"
    values = {
        column.name: folder_value(column, layout.folders[column.name])
        for column in layout.columns
        if column.name not in layout.held
    }
    reads = [_read(layout, placed, values)] if placed else []
    reads += [_read(layout, apart, dict.fromkeys(values, "NULL"))] if apart else []
    return f"({' UNION ALL '.join(reads)})"


def _read(layout: Layout, addresses: Sequence[str], values: Mapping[str, str]) -> str:
    names = ", ".join(
        f"CAST({values.get(column.name, identifier(column.name))} AS {column.type}) AS {identifier(column.name)}"
        for column in layout.columns
    )
    # Never Hive's own reading: DuckDB takes the text NULL for NULL, and its values hide columns of the files.
    options = ["hive_partitioning = false"]
    options += [f"filename = {literal(_ADDRESS)}"] if values else []
    options += ["union_by_name = true"] if layout.union_by_name else []
    return f"SELECT {names} FROM read_parquet([{', '.join(map(literal, addresses))}], {', '.join(options)})"


def folder_value(column: Column, transform: Transform) -> str:
    """Write how the value of a partition column is read from the address of a file.

    The folder is the last one of its name, for the table's location may have such a name in it too.
    """
    pattern = f"^.*/{''.join(map(_spelt, column.name))}=([^/]*)/"
    text = f"url_decode(nullif(regexp_extract({_ADDRESS}, {literal(pattern)}, 1), {literal(HIVE_NULL)}))"
    if not isinstance(transform, Calendar) or transform.pattern is None:
        return text
    moment = f"strptime({text}, {literal(transform.pattern)})"
    if transform.unit in ("month", "hour"):
        return f"strftime({moment}, {literal(DEFAULT_FORMATS[transform.unit])})"
    return moment if transform.unit == "day" else f"{transform.part}({moment})"


def _spelt(character: str) -> str:
    """Write a pattern for one character of a folder's name, which may be percent-encoded."""
    if character.isascii() and (character.isalnum() or character == "_"):
        return character
    encoded = "".join(f"%{byte:02X}" for byte in character.encode())
    return f"(?:{re.escape(character)}|(?i:{encoded}))"


def literal(text: str) -> str:
    """Write a string literal.

    >>> literal("it's")
    "'it''s'"
    """
    return "'" + text.replace("'", "''") + "'"


def identifier(name: str) -> str:
    """Write a quoted identifier.

    >>> identifier('a"b')
    '"a""b"'
    """
    return '"' + name.replace('"', '""') + '"'
