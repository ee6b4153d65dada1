"""Read input files, DuckDB relations and Arrow data as one relation whose columns have their final types.

A declared type is never met by changing a value in silence: a cast that would round, cut or drop something makes the
row a *misfit*, and a misfit ends the write with its row number before anything is published.
"""

from __future__ import annotations

import glob
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb
import pyarrow as pa

from gateway.catalog.table import Table
from gateway.errors import InputInvalid, did_you_mean
from gateway.model import Column
from gateway.writer.base import MEBIBYTE, Files, Format, Options

Source = Files | duckdb.DuckDBPyRelation | pa.Table | pa.RecordBatchReader

BATCH = 122_880
"""Rows that are handed over at a time."""
ROW = "__gateway_row"
MISFIT = "__gateway_misfit"
MISFIT_TEXT = "__gateway_misfit_text"

_SUFFIXES = {
    **dict.fromkeys((".csv", ".tsv", ".txt"), Format.CSV),
    **dict.fromkeys((".parquet", ".pq"), Format.PARQUET),
    **dict.fromkeys((".json", ".ndjson", ".jsonl"), Format.JSON),
}
_COMPRESSED = frozenset({".gz", ".zst"})
_INTEGER = re.compile(r"U?(TINYINT|SMALLINT|INTEGER|BIGINT|HUGEINT)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Rows:
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
) -> Rows:
    """Open *source* as the rows of *table*, in the *expected* columns where they are known. Raises ``InputInvalid``."""
    given = _open(connection, source, expected or {})
    texts = isinstance(source, Files) and format_of(source) is Format.CSV
    types = dict(zip(given.columns, (str(item) for item in given.types), strict=True))
    kept = _keep(types, options)
    _check_names(kept, table)
    casts = [_cast(column, types, texts) for column in _settle(kept, types, table, expected)]
    return Rows(relation=_numbered(given, casts), columns=tuple(cast.column for cast in casts))


def format_of(files: Files) -> Format:
    """Return the one format of the files, as given or by their names. Raises ``InputInvalid``."""
    if files.format is not None:
        return files.format
    found = {path: _SUFFIXES.get(_suffix(path)) for path in files.paths}
    unknown = next((path for path, kind in found.items() if kind is None), None)
    if unknown is not None:
        raise InputInvalid(f"{unknown}: the name does not tell the format; say --format csv, parquet or json.")
    kinds = {kind for kind in found.values() if kind is not None}
    if len(kinds) != 1:
        raise InputInvalid(f"The input mixes formats ({', '.join(sorted(kinds))}): write them one after the other.")
    return kinds.pop()


def _suffix(path: str) -> str:
    suffixes = [suffix.lower() for suffix in Path(path).suffixes]
    return next((suffix for suffix in reversed(suffixes) if suffix not in _COMPRESSED), "")


def quoted(name: str) -> str:
    """Quote an identifier.

    >>> quoted('a "b"')
    '"a ""b\"""'
    """
    return '"' + name.replace('"', '""') + '"'


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _open(
    connection: duckdb.DuckDBPyConnection, source: Source, expected: Mapping[str, str]
) -> duckdb.DuckDBPyRelation:
    if isinstance(source, Files):
        return _open_files(connection, source, expected)
    if isinstance(source, duckdb.DuckDBPyRelation):
        # A relation belongs to the connection that made it; its rows come over as a stream.
        return connection.from_arrow(source.to_arrow_reader(BATCH))
    return connection.from_arrow(source)


def _open_files(
    connection: duckdb.DuckDBPyConnection, files: Files, expected: Mapping[str, str]
) -> duckdb.DuckDBPyRelation:
    paths = "[" + ", ".join(_literal(path) for path in _expand(files.paths)) + "]"
    match format_of(files):
        case Format.PARQUET:
            return _sql(connection, f"FROM read_parquet({paths}, hive_partitioning = false)")
        case Format.CSV:
            quoted_nulls = "" if files.null is None else f", nullstr = {_literal(files.null)}"
            call = f"FROM read_csv({paths}, header = true, hive_partitioning = false, sample_size = -1"
            call += f", allow_quoted_nulls = {str(files.null is not None).lower()}{quoted_nulls}"
            # Declared columns are read as text, so that their values are checked here and not rounded there.
            return _typed(connection, call, "types", dict.fromkeys(expected, "VARCHAR"))
        case Format.JSON:
            call = f"FROM read_json({paths}, hive_partitioning = false, sample_size = -1, maximum_depth = -1"
            return _typed(connection, call, "columns", {name: _in_json(kind) for name, kind in expected.items()})


def _in_json(kind: str) -> str:
    """Name the type in which a declared column is read from JSON: text, to be checked, unless it is nested."""
    return kind if kind.endswith("]") or "(" in kind.removeprefix("DECIMAL(") else "VARCHAR"


def _typed(
    connection: duckdb.DuckDBPyConnection, call: str, option: str, declared: Mapping[str, str]
) -> duckdb.DuckDBPyRelation:
    """Open files twice: once for the names and types found in them, then with the declared types laid over."""
    sniffed = _sql(connection, call + ")")
    by_name = {name.lower(): kind for name, kind in declared.items()}
    types = dict(zip(sniffed.columns, (str(item) for item in sniffed.types), strict=True))
    if not any(name.lower() in by_name for name in types):
        return sniffed
    laid = {name: by_name.get(name.lower(), kind) for name, kind in types.items()}
    pairs = ", ".join(f"{_literal(name)}: {_literal(kind)}" for name, kind in laid.items())
    return _sql(connection, f"{call}, {option} = {{{pairs}}})")


def _sql(connection: duckdb.DuckDBPyConnection, text: str) -> duckdb.DuckDBPyRelation:
    try:
        return connection.sql(text)
    except duckdb.Error as error:
        raise InputInvalid(input_message(error)) from error


def input_message(error: duckdb.Error) -> str:
    """Say what DuckDB found wrong in the input, without its advice on its own options."""
    lines = [line.strip() for line in str(error).splitlines()]
    kept = lines[: lines.index("")] if "" in lines else lines
    first = re.sub(r"^[\w ]+ Error: ", "", kept[0])
    return " ".join([first, *(line for line in kept[1:] if not line.startswith(("Try setting", "LINE 1:", "*")))])


def _expand(paths: Sequence[str]) -> Iterator[str]:
    """Resolve wildcards, in name order. Raises ``InputInvalid`` for a path that names no file."""
    for path in paths:
        if Path(path).is_file():
            yield glob.escape(path)
            continue
        if "://" in path:
            raise InputInvalid(f"{path}: inputs are local files.")
        found = sorted(name for name in glob.glob(path, recursive=True) if Path(name).is_file())
        if not found:
            kind = "is a folder; name its files, e.g. folder/*.csv" if Path(path).is_dir() else "there is no such file"
            raise InputInvalid(f"{path}: {kind}.")
        yield from (glob.escape(name) for name in found)


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
    """Refuse columns that would stand twice in SQL, and the lack of a column that decides the partition."""
    present = {name.lower(): name for name in kept}
    for field in table.partitioned_by:
        if field.source.lower() not in present:
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
    sources = {field.source.lower() for field in table.partitioned_by}
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
    value = f"TRY_CAST({given} AS {column.type})"
    faithful = _faithful(given, given_type, value, column.type)
    misfit = f"{given} IS NOT NULL AND ({value} IS NULL OR NOT coalesce({faithful}, true))"
    return _Cast(column=column, value=value, given=given, misfit=misfit)


def _faithful(given: str, given_type: str, value: str, final: str) -> str:
    """Write the SQL condition under which a cast kept all that the value said."""
    if given_type == "VARCHAR":
        if _INTEGER.fullmatch(final):
            return f"TRY_CAST({given} AS DECIMAL(38,6)) = {value}"
        if final.startswith("DECIMAL("):
            return f"TRY_CAST({given} AS DECIMAL(38,18)) = {value}"
        if final == "DATE":
            return f"TRY_CAST({given} AS TIMESTAMP) = {value}"
        if final == "TIMESTAMP":
            zoned = f"TRY_CAST({given} AS TIMESTAMPTZ) = CAST({value} AS TIMESTAMPTZ)"
            return f"({zoned}) AND coalesce(TRY_CAST({given} AS TIMESTAMP_NS) = {value}, true)"
        return "true"
    approximate = given_type in ("FLOAT", "DOUBLE") and (final in ("FLOAT", "DOUBLE") or final.startswith("DECIMAL("))
    if final == "VARCHAR" or approximate:
        return "true"
    return f"TRY_CAST({value} AS {given_type}) = {given}"


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
