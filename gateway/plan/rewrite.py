"""SQL that takes the place of a table in the author's text: a scan of the files of a plan."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from gateway.model import Column, FileVersion
from gateway.plan.shield import OPTIONS, shielded

Address = Callable[[FileVersion], str]
"""Return the address of a file version in the SQL of the engine."""
NUMBER = "CAST(file_index AS BIGINT) + 1"
"""The number of a row's file among those of its part, from 1: ``file_index`` is DuckDB's."""
_VIRTUAL = {"file_index", "file_row_number", "filename"}
"""Names of DuckDB's own columns, which a column of that name would hide."""
_NOTHING = Column(name="__gateway_nothing", type="BOOLEAN")


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """Files that are read alike.

    ``stored`` are the columns that are read from them, each cast to its type as it is read, file by file, and NULL in
    a file that lacks it. ``values`` has SQL for the columns of the table that are not what is read under their name;
    in it, ``read_as`` names what is read.
    """

    addresses: Sequence[str]
    stored: Sequence[Column]
    values: Mapping[str, str] = field(default_factory=dict)
    shield: bool = False
    """Keep every filter above the scan, see ``plan.shield``."""
    converted: frozenset[str] = frozenset()
    """Names of columns whose filters are kept above it in any case."""
    unshielded: frozenset[str] = frozenset()
    """Names of columns of floats whose filters need not be."""
    rows: tuple[int, int | None] | None = None
    """The rows of its one file that are read: from the first number up to the second (None: to the end)."""


def source(columns: Sequence[Column], parts: Sequence[Part]) -> str:
    """Write what takes the place of a table of these *columns*; no part at all is an empty relation."""
    if not parts:
        nulls = ", ".join(f"CAST(NULL AS {column.type}) AS {identifier(column.name)}" for column in columns)
        return f"(SELECT {nulls} WHERE false)"
    return f"({' UNION ALL '.join(_read(columns, part) for part in parts)})"


def _read(columns: Sequence[Column], part: Part) -> str:
    names = ", ".join(f"{_value(column, part)} AS {identifier(column.name)}" for column in columns)
    # Never Hive's own reading: DuckDB takes the text NULL for NULL, and its values hide columns of the files.
    options = f"hive_partitioning = false, {OPTIONS}, schema = {_schema(part.stored or [_NOTHING])}"
    scan = f"SELECT {names} FROM read_parquet([{', '.join(map(literal, part.addresses))}], {options})"
    return scan if part.rows is None else f"{scan} WHERE {_rows(*part.rows)}"


def _rows(start: int, stop: int | None) -> str:
    """Write that a row is one of some of its file: DuckDB reads no other row groups then."""
    return f"file_row_number >= {start}" + ("" if stop is None else f" AND file_row_number < {stop}")


def _value(column: Column, part: Part) -> str:
    value = part.values.get(column.name)
    if value is not None:
        return f"CAST({value} AS {column.type})"
    whole, floats = part.shield or column.name in part.converted, column.name not in part.unshielded
    return shielded(read_as(column.name), column.type, whole=whole, floats=floats)


def _schema(stored: Sequence[Column]) -> str:
    """Write the columns to read, by name: DuckDB then goes by no file's own columns, the first one's or another's."""
    fields = (
        f"{literal(column.name)}: {{name: {literal(_output(column.name))}, type: {literal(column.type)}, "
        "default_value: NULL}"
        for column in stored
    )
    return f"MAP {{{', '.join(fields)}}}"


def read_as(name: str) -> str:
    """Write how a column that is read from files is called in the SQL of a part."""
    return identifier(_output(name))


def _output(name: str) -> str:
    return f"__gateway_{name}" if name.lower() in _VIRTUAL else name


def per_file(texts: Sequence[str | None], type_: str) -> str:
    """Write a value of each file of a part, given as texts that the engine casts to *type_*.

    >>> per_file(["a", "a"], "VARCHAR")
    "CAST('a' AS VARCHAR)"
    """
    if len(set(texts)) == 1:
        return f"CAST({_text(texts[0])} AS {type_})"
    return f"(CAST([{', '.join(map(_text, texts))}] AS {type_}[]))[{NUMBER}]"


def _text(text: str | None) -> str:
    return "NULL" if text is None else literal(text)


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
