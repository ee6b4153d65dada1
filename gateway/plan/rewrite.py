"""What takes the place of a table in the author's text: the files of a plan."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from gateway.model import Column


def source(columns: Sequence[Column], addresses: Sequence[str], folders: Mapping[str, str] | None = None) -> str:
    """Write what takes the place of a table: its *columns* read from exactly the files at *addresses*.

    *folders* are all partition columns of the paths with their DuckDB types, given where some of *columns* are in no
    file and come from the folder names. No file at all is an empty relation of the same columns.
    """
    if not addresses:
        nulls = ", ".join(f"CAST(NULL AS {column.type}) AS {identifier(column.name)}" for column in columns)
        return f"(SELECT {nulls} WHERE false)"
    names = ", ".join(identifier(column.name) for column in columns)
    files = ", ".join(map(literal, addresses))
    options = "hive_partitioning = false"
    if folders:
        types = ", ".join(f"{literal(name)}: {literal(kind)}" for name, kind in folders.items())
        options = f"hive_partitioning = true, hive_types = {{{types}}}"
    return f"(SELECT {names} FROM read_parquet([{files}], {options}))"


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
