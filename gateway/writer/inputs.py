"""Opens input files in DuckDB: formats, wildcards, and the options for CSV and JSON.

Of a CSV file only the types of undeclared columns are guessed: a wrong guess at the delimiter, at comments or at lines
to skip would silently lose rows.
"""

from __future__ import annotations

import csv
import glob
import gzip
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import duckdb

from gateway.errors import InputInvalid
from gateway.writer.base import Files, InputFormat
from gateway.writer.encodings import COMPRESSED, in_utf8, wrong_line

_SUFFIXES = {
    **dict.fromkeys((".csv", ".tsv", ".txt"), InputFormat.CSV),
    **dict.fromkeys((".parquet", ".pq"), InputFormat.PARQUET),
    **dict.fromkeys((".json", ".ndjson", ".jsonl"), InputFormat.JSON),
}


def format_of(files: Files) -> InputFormat:
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
    return next((suffix for suffix in reversed(suffixes) if suffix not in COMPRESSED), "")


def quoted(name: str) -> str:
    """Quote an identifier.

    >>> quoted('a "b"')
    '"a ""b\"""'
    """
    return '"' + name.replace('"', '""') + '"'


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def open_files(
    connection: duckdb.DuckDBPyConnection, files: Files, expected: Mapping[str, str], scratch: Path
) -> duckdb.DuckDBPyRelation:
    """Open files as one relation; those of the *expected* columns whose values need a check are read as text.

    Text that is not UTF-8 is copied into *scratch*. Raises ``InputInvalid``.
    """
    given, form = list(_expand(files.paths)), format_of(files)
    if form is InputFormat.PARQUET:
        if files.encoding is not None:
            raise InputInvalid("Parquet has no encoding: leave out --encoding.")
        return _open(connection, replace(files, paths=tuple(given), format=form), expected)
    paths = in_utf8(given, files.encoding, scratch)
    try:
        return _open(connection, replace(files, paths=tuple(paths), format=form, delimiter=_delimiter(files)), expected)
    except InputInvalid as error:
        detail = error.detail
        for copy, path in zip(paths, given, strict=True):
            detail = detail.replace(copy, path)
        raise wrong_line(paths) or InputInvalid(detail) from error


def _open(connection: duckdb.DuckDBPyConnection, files: Files, expected: Mapping[str, str]) -> duckdb.DuckDBPyRelation:
    paths = files.paths
    listed = "[" + ", ".join(_literal(glob.escape(path)) for path in paths) + "]"
    match format_of(files):
        case InputFormat.PARQUET:
            return _sql(connection, f"FROM read_parquet({listed}, hive_partitioning = false)")
        case InputFormat.CSV:
            call = f"FROM read_csv({listed}, {_dialect(files)}, sample_size = -1"
            try:
                return _typed(connection, call, "types", dict.fromkeys(expected, "VARCHAR"))
            except InputInvalid as error:
                raise _explain_csv(connection, files, error) from error
        case InputFormat.JSON:
            call = f"FROM read_json({listed}, hive_partitioning = false, sample_size = -1, maximum_depth = -1"
            return _typed(connection, call, "columns", {name: _in_json(kind) for name, kind in expected.items()})


def _dialect(files: Files) -> str:
    """Write the options of ``read_csv`` that leave nothing to guess."""
    options = {
        "header": "true",
        "delim": _literal(_delimiter(files)),
        "quote": "'\"'",
        "escape": "'\"'",
        "comment": "''",
        "skip": "0",
        "hive_partitioning": "false",
        "allow_quoted_nulls": str(files.null is not None).lower(),
        "nullstr": _literal(files.null or ""),
    }
    return ", ".join(f"{name} = {value}" for name, value in options.items())


def _delimiter(files: Files) -> str:
    if files.delimiter is not None:
        return files.delimiter
    return "\t" if all(_suffix(path) == ".tsv" for path in files.paths) else ","


def _explain_csv(connection: duckdb.DuckDBPyConnection, files: Files, error: InputInvalid) -> InputInvalid:
    """Find the first line that breaks the format, by reading with as many columns as the header has names."""
    for path in files.paths:
        names = ", ".join(f"'c{number}': 'VARCHAR'" for number in range(_header_width(path, files)))
        call = f"SELECT count(*) FROM read_csv({_literal(glob.escape(path))}, {_dialect(files)}, auto_detect = false"
        try:
            connection.sql(f"{call}, columns = {{{names}}})").fetchall()
        except duckdb.Error as found:
            return InputInvalid(f"{path}: {input_message(found)}")
    return error


def _header_width(path: str, files: Files) -> int:
    opener: Any = gzip.open if path.endswith(".gz") else open
    try:
        with opener(path, "rt", encoding="utf-8", newline="") as file:
            return max(1, len(next(csv.reader(file, delimiter=_delimiter(files)), ())))
    except (UnicodeDecodeError, csv.Error):
        return 1


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
    """Return what DuckDB found wrong in the input, without its advice on its own options."""
    lines = [line.strip() for line in str(error).splitlines()]
    kept = lines[: lines.index("")] if "" in lines else lines
    first = re.sub(r"^[\w ]+ Error: ", "", kept[0])
    return " ".join([first, *(line for line in kept[1:] if not line.startswith(("Try setting", "LINE 1:", "*")))])


def _expand(paths: Sequence[str]) -> Iterator[str]:
    """Resolve wildcards, in name order. Raises ``InputInvalid`` for a path that names no file, or an empty one."""
    for path in paths:
        if "://" in path:
            raise InputInvalid(f"{path}: inputs are local files.")
        found = [path] if Path(path).is_file() else sorted(glob.glob(path, recursive=True))
        found = [name for name in found if Path(name).is_file()]
        if not found:
            kind = "is a folder; name its files, e.g. folder/*.csv" if Path(path).is_dir() else "there is no such file"
            raise InputInvalid(f"{path}: {kind}.")
        empty = next((name for name in found if Path(name).stat().st_size == 0), None)
        if empty is not None:
            raise InputInvalid(f"{empty}: the file is empty.")
        yield from found
