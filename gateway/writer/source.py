"""Reads input files, DuckDB relations and Arrow data as one relation whose columns have their final types.

No value is silently changed to fit a declared type: if a cast would round, truncate or lose something, the row is a
*misfit*. A misfit ends the write with its row number, before anything is published.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb
import pyarrow as pa

from gateway.catalog.table import Table
from gateway.errors import InputInvalid
from gateway.model import Column
from gateway.suggestions import did_you_mean
from gateway.writer.base import MEBIBYTE, Files, InputFormat, Options
from gateway.writer.faithful import cast, faithful
from gateway.writer.inputs import format_of, open_files, quoted

Source = Files | duckdb.DuckDBPyRelation | pa.Table | pa.RecordBatchReader

BATCH = 122_880
"""Rows of a batch."""
ROW = "__gateway_row"
MISFIT = "__gateway_misfit"
MISFIT_TEXT = "__gateway_misfit_text"


@dataclass(frozen=True, slots=True, kw_only=True)
class NumberedRows:
    """Numbered rows in DuckDB: ``relation`` has ``columns``, ``ROW`` (from 1), ``MISFIT`` and ``MISFIT_TEXT``.

    ``MISFIT`` is NULL, or the index in ``columns`` of the first value that does not fit, with its text beside it.
    """

    relation: duckdb.DuckDBPyRelation
    columns: tuple[Column, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Cast:
    column: Column
    value: str
    """SQL of the final value."""
    given: str
    """SQL of the value as read."""
    misfit: str | None
    """SQL that holds where the value does not fit; None where it always does."""


def connect(options: Options, spill: Path) -> duckdb.DuckDBPyConnection:
    """Open a DuckDB instance of its own that spills to the folder *spill* and reads no settings of the machine."""
    connection = duckdb.connect(
        config={
            "memory_limit": f"{max(1, options.memory // MEBIBYTE)}MiB",
            "temp_directory": str(spill),
            "autoinstall_known_extensions": "false",
            "autoload_known_extensions": "false",
            "arrow_lossless_conversion": "true",
            "python_enable_replacements": "false",
        }
    )
    connection.execute("SET TimeZone = 'UTC'")
    return connection


def read(
    connection: duckdb.DuckDBPyConnection,
    source: Source,
    table: Table,
    expected: Mapping[str, str] | None,
    options: Options,
    scratch: Path,
) -> NumberedRows:
    """Open *source* as the rows of *table*, in the *expected* columns where they are known. Raises ``InputInvalid``.

    *scratch* is a folder for copies of what cannot be read where it is.
    """
    given = _open(connection, source, expected or {}, scratch)
    texts = isinstance(source, Files) and format_of(source) is InputFormat.CSV
    types = dict(zip(given.columns, (str(item) for item in given.types), strict=True))
    kept = _keep(types, options)
    _check_names(kept, table)
    casts = [_cast(column, types, texts) for column in _settle(kept, types, table, expected)]
    return NumberedRows(relation=_numbered(given, casts), columns=tuple(cast.column for cast in casts))


def _open(
    connection: duckdb.DuckDBPyConnection, source: Source, expected: Mapping[str, str], scratch: Path
) -> duckdb.DuckDBPyRelation:
    if isinstance(source, Files):
        return open_files(connection, source, expected, scratch)
    if isinstance(source, duckdb.DuckDBPyRelation):
        # A relation belongs to the connection that made it; its rows come over as a stream.
        return connection.from_arrow(source.to_arrow_reader(BATCH))
    return connection.from_arrow(source)


def _keep(names: Iterable[str], options: Options) -> list[str]:
    """Apply ``select`` and ``exclude``."""
    by_name = {name.lower(): name for name in names}
    for name in (*options.select, *options.exclude):
        if name.lower() not in by_name:
            hint = did_you_mean(name, by_name.values()) or f"it has {', '.join(by_name.values())}"
            raise InputInvalid(f"The input has no column {name!r}: {hint}.")
    chosen = [by_name[name.lower()] for name in options.select] or list(by_name.values())
    dropped = {name.lower() for name in options.exclude}
    return [name for name in dict.fromkeys(chosen) if name.lower() not in dropped]


def _check_names(kept: Sequence[str], table: Table) -> None:
    """Refuse columns that would be in SQL twice, and the lack of a column that decides the partition."""
    present = {name.lower(): name for name in kept}
    written = {field.column for field in table.written_by}
    for field in table.partitioned_by:
        if field.column in written and field.source.lower() not in present:
            raise InputInvalid(f"The input lacks the column {field.source!r}, which decides {field.column!r}.")
        if field.column.lower() != field.source.lower() and field.column.lower() in present:
            raise InputInvalid(
                f"The input has a column {present[field.column.lower()]!r}, and so is a partition column of "
                f"{table.name} called: leave it out with --exclude {field.column}, or rename the partition column."
            )
    if not kept:
        raise InputInvalid("No column is left to write.")


def _settle(
    kept: Sequence[str], types: Mapping[str, str], table: Table, expected: Mapping[str, str] | None
) -> list[Column]:
    """Pair the kept columns with their final names and types."""
    if expected is None:
        return [Column(name=name, type=types[name]) for name in kept]
    present = {name.lower(): name for name in kept}
    sources = {field.source.lower() for field in table.written_by}
    known = {name.lower() for name in expected}
    missing = [name for name in expected if name.lower() not in present]
    extra = [name for name in kept if name.lower() not in known and name.lower() not in sources]
    if (missing or extra) and not table.union_by_name:
        raise InputInvalid(_difference(table, missing, extra))
    settled = [Column(name=name, type=kind) for name, kind in expected.items() if name.lower() in present]
    return settled + [Column(name=name, type=types[name]) for name in kept if name.lower() not in known]


def _difference(table: Table, missing: Sequence[str], extra: Sequence[str]) -> str:
    parts = [f"lacks {', '.join(missing)}"] if missing else []
    parts += [f"also has {', '.join(extra)} (leave it out with --exclude)"] if extra else []
    whose = "declares" if table.columns is not None else "holds"
    return f"The columns are not those that {table.name} {whose}: the input {' and '.join(parts)}."


def _cast(column: Column, types: Mapping[str, str], texts: bool) -> _Cast:
    name = next(name for name in types if name.lower() == column.name.lower())
    given_type, given = types[name], quoted(name)
    if given_type.startswith("ENUM("):
        given, given_type = f"CAST({given} AS VARCHAR)", "VARCHAR"
        column = Column(name=column.name, type="VARCHAR") if column.type.startswith("ENUM(") else column
    if given_type == column.type:
        return _Cast(column=column, value=given, given=given, misfit=None)
    if texts and given_type == "VARCHAR":
        given = f"nullif({given}, '')"
    value = cast(given, given_type, column.type)
    lossless = faithful(given, given_type, value, column.type)
    misfit = f"{given} IS NOT NULL AND ({value} IS NULL OR NOT coalesce({lossless}, true))"
    return _Cast(column=column, value=value, given=given, misfit=misfit)


def _numbered(given: duckdb.DuckDBPyRelation, casts: Sequence[_Cast]) -> duckdb.DuckDBPyRelation:
    checks = [(index, cast) for index, cast in enumerate(casts) if cast.misfit is not None]
    which = " ".join(f"WHEN {cast.misfit} THEN {index}" for index, cast in checks)
    shown = " ".join(f"WHEN {cast.misfit} THEN CAST({cast.given} AS VARCHAR)" for _, cast in checks)
    columns = [f"{cast.value} AS {quoted(cast.column.name)}" for cast in casts]
    columns += [
        f"CAST({f'CASE {which} END' if checks else 'NULL'} AS INTEGER) AS {MISFIT}",
        f"CAST({f'CASE {shown} END' if checks else 'NULL'} AS VARCHAR) AS {MISFIT_TEXT}",
        f"row_number() OVER () AS {ROW}",
    ]
    return given.project(", ".join(columns))
