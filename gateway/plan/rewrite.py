"""What takes the place of a table in the author's text: the files of a plan."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from gateway.catalog.layout import HIVE_NULL
from gateway.catalog.transforms import Calendar, Transform
from gateway.catalog.transforms.calendar import DEFAULT_FORMATS
from gateway.model import Column, FileVersion
from gateway.plan.shield import OPTIONS, shielded

Address = Callable[[FileVersion], str]
"""Spell where a version of a file is, in the engine's words."""
_FILENAME = "filename"
"""DuckDB's own column for the address of the file of each row."""
_ADDRESS = "__gateway_address"
"""Its name where the files have a column called ``filename``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """How the files of a table become its columns.

    ``columns`` are those of the table, ``held`` names those that are in the files; the others come from the names of
    folders, by the transforms in ``folders``. ``shield`` keeps every filter above the scan, see ``plan.shield``.
    """

    columns: tuple[Column, ...]
    held: frozenset[str]
    folders: Mapping[str, Transform]
    union_by_name: bool = False
    shield: bool = False


def source(layout: Layout, placed: Sequence[str], apart: Sequence[str] = ()) -> str:
    """Write what takes the place of a table: its columns, read from exactly the files at these addresses.

    The files *apart* lie in folders that say nothing, so the columns that come from folders are NULL in them. Every
    column is cast to its type in the table, for a file may hold another one. No file at all is an empty relation.
    """
    if not placed and not apart:
        nulls = ", ".join(f"CAST(NULL AS {column.type}) AS {identifier(column.name)}" for column in layout.columns)
        return f"(SELECT {nulls} WHERE false)"
    reads = [_read(layout, placed, placed=True)] if placed else []
    reads += [_read(layout, apart, placed=False)] if apart else []
    return f"({' UNION ALL '.join(reads)})"


def _read(layout: Layout, addresses: Sequence[str], *, placed: bool) -> str:
    from_folders = [column for column in layout.columns if column.name not in layout.held]
    address, option = _address(layout, addresses) if from_folders and placed else ("", "")
    values = {
        column.name: folder_value(column, layout.folders[column.name], address) if placed else "NULL"
        for column in from_folders
    }
    names = ", ".join(
        f"CAST({values.get(column.name) or _stored(layout, column)} AS {column.type}) AS {identifier(column.name)}"
        for column in layout.columns
    )
    # Never Hive's own reading: DuckDB takes the text NULL for NULL, and its values hide columns of the files.
    options = f"hive_partitioning = false, {OPTIONS}{option}" + (
        ", union_by_name = true" if layout.union_by_name else ""
    )
    return f"SELECT {names} FROM read_parquet([{', '.join(map(literal, addresses))}], {options})"


def _stored(layout: Layout, column: Column) -> str:
    return shielded(identifier(column.name), column.type, whole=layout.shield)


def _address(layout: Layout, addresses: Sequence[str]) -> tuple[str, str]:
    """Write the address of the file of a row, and the option that it needs.

    Where there is one file it is a constant: DuckDB 1.5.5 fails by an internal error, which ends its instance, when
    a filter on a renamed ``filename`` is all that is asked of one file.
    """
    if len(addresses) == 1:
        return literal(addresses[0]), ""
    if any(name.lower() == _FILENAME for name in layout.held):
        return _ADDRESS, f", filename = {literal(_ADDRESS)}"
    return _FILENAME, ""


def folder_value(column: Column, transform: Transform, address: str) -> str:
    """Write how the value of a partition column is read from the *address* of a file, an SQL expression.

    The folder is the last one of its name, for the table's location may have such a name in it too.
    """
    pattern = f"^.*/{''.join(map(_spelt, column.name))}=([^/]*)/"
    text = f"url_decode(nullif(regexp_extract({address}, {literal(pattern)}, 1), {literal(HIVE_NULL)}))"
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
