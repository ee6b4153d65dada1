"""What takes the place of a table in the author's text: the files of a plan."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass

from gateway.model import Column, FileVersion

Address = Callable[[FileVersion], str]
"""Spell where a version of a file is, in the engine's words."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """How the files of a table become its columns.

    ``columns`` are those of the table, ``held`` names those that are in the files; the others come from the folder
    names, whose partition columns are all in ``folders`` with their DuckDB types (empty where none is needed).
    """

    columns: tuple[Column, ...]
    held: frozenset[str]
    folders: Mapping[str, str]
    union_by_name: bool = False


def source(layout: Layout, placed: Sequence[str], apart: Sequence[str] = ()) -> str:
    """Write what takes the place of a table: its columns, read from exactly the files at these addresses.

    The files *apart* lie in folders that say nothing, so the columns that come from folders are NULL in them. Every
    column is cast to its type in the table, for a file may hold another one. No file at all is an empty relation.
    """
    if not placed and not apart:
        nulls = ", ".join(f"CAST(NULL AS {column.type}) AS {identifier(column.name)}" for column in layout.columns)
        return f"(SELECT {nulls} WHERE false)"
    folders = ", ".join(f"{literal(name)}: {literal(kind)}" for name, kind in layout.folders.items())
    hive = f"hive_partitioning = true, hive_types = {{{folders}}}" if folders else "hive_partitioning = false"
    reads = [_read(layout, placed, hive, {column.name for column in layout.columns})] if placed else []
    reads += [_read(layout, apart, "hive_partitioning = false", layout.held)] if apart else []
    return f"({' UNION ALL '.join(reads)})"


def _read(layout: Layout, addresses: Sequence[str], hive: str, held: Collection[str]) -> str:
    names = ", ".join(
        f"CAST({identifier(column.name) if column.name in held else 'NULL'} AS {column.type}) AS "
        f"{identifier(column.name)}"
        for column in layout.columns
    )
    options = f"{hive}, union_by_name = true" if layout.union_by_name else hive
    return f"SELECT {names} FROM read_parquet([{', '.join(map(literal, addresses))}], {options})"


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
