"""Writes rows into a table: read, find each row's partition, sort, write Parquet, publish.

Reading ends before the first file is begun, so a row that does not fit is found while nothing is written. DuckDB
reads, holds and sorts the rows within its memory limit and spills the rest; Parquet is written one partition at a
time from batches. The same input gives the same files, but for their names.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from gateway.catalog.file_names import takes
from gateway.catalog.store import S3Settings
from gateway.catalog.table import Table
from gateway.errors import InputInvalid, StorageFailed
from gateway.model import Column
from gateway.writer.arrow import plain, storable, tables
from gateway.writer.base import Direction, Mode, OnProgress, Options, Progress, Stage, StagedFile, WriteSummary, silent
from gateway.writer.files import FileLayout, FileWriter, row_group_size, row_groups
from gateway.writer.inputs import input_message, quoted
from gateway.writer.overlap import Overlap
from gateway.writer.partitions import Partitions, Texts, folder
from gateway.writer.source import BATCH, MISFIT, MISFIT_TEXT, ROW, NumberedRows, Source, connect, read
from gateway.writer.target import Stale, Target, files_of

PARTITION = "__gateway_partition"


def new_identity() -> str:
    """Make the name of a write: the time, so that files sort by age, and a random part."""
    return f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}-{secrets.token_hex(4)}"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Held:
    """The rows of a write in DuckDB, in the table ``held``, each with its row and partition number."""

    connection: duckdb.DuckDBPyConnection
    columns: tuple[Column, ...]
    schema: pa.Schema
    partitions: Partitions
    rows: int
    size: int
    """Bytes of the rows in memory."""


def write(
    table: Table,
    source: Source,
    *,
    root: Path,
    s3: S3Settings | None = None,
    options: Options | None = None,
    on_progress: OnProgress = silent,
    identity: Callable[[], str] = new_identity,
    clock: Callable[[], float] = time.monotonic,
) -> WriteSummary:
    """Write the rows of *source* into *table*; nothing is visible before every file is complete.

    A relative location is below *root*. Raises ``InputInvalid`` (nothing was written) or ``StorageFailed`` (the new
    files were taken back, or it says what could not be).
    """
    options = options or Options()
    started, name = clock(), identity()
    with ExitStack() as stack:
        stack.enter_context(_machine_errors(table.location))
        _refuse_unread_names(table, name)
        target = Target(table, s3 or S3Settings(), root, options)
        staging = stack.enter_context(target.staged(name))
        connection = stack.enter_context(connect(options, staging / "spill"))
        expected = _expected(table, target, options, connection)
        rows = read(connection, source, table, expected, options, staging / "input")
        held = _hold(connection, rows, table, on_progress)
        staged = list(_write_files(held, table, options, staging, name, on_progress))
        removed = target.publish(staging, staged, _stale(held, table, options), _publishing(staged, held, on_progress))
    return WriteSummary(
        table=table.name,
        location=table.location,
        mode=options.mode,
        rows=held.rows,
        partitions=len(held.partitions),
        files=len(staged),
        bytes=sum(file.size for file in staged),
        removed=removed,
        seconds=clock() - started,
        paths=tuple(file.path for file in staged),
    )


def _file_name(name: str, number: int) -> str:
    return f"{name}-{number:05d}.parquet"


def _refuse_unread_names(table: Table, name: str) -> None:
    """Refuse to write files that the table does not read."""
    called = _file_name(name, 1)
    if not takes(table.files, called):
        raise InputInvalid(
            f"New files are called such as {called}, which {table.name} does not read: add '*.parquet' to its files."
        )


@contextmanager
def _machine_errors(location: str) -> Iterator[None]:
    """Turn errors of the disk, and of DuckDB while it holds and sorts, into the gateway's own."""
    try:
        yield
    except (OSError, duckdb.IOException, duckdb.OutOfMemoryException) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error).splitlines()[0]
        raise StorageFailed(f"{location}: the write failed: {reason}.") from error


def _expected(
    table: Table, target: Target, options: Options, connection: duckdb.DuckDBPyConnection
) -> Mapping[str, str] | None:
    """Return the columns that the rows must have: declared, else those of a file the table keeps."""
    if table.columns is not None:
        return table.columns
    found = target.columns() if options.mode is not Mode.REPLACE else None
    if found is None:
        return None
    relation = connection.from_arrow(found.empty_table())
    types = (str(kind) for kind in relation.types)
    return {
        name: "VARCHAR" if kind.startswith("ENUM(") else kind for name, kind in zip(found.names, types, strict=True)
    }


def _hold(connection: duckdb.DuckDBPyConnection, rows: NumberedRows, table: Table, on_progress: OnProgress) -> _Held:
    """Read all rows into DuckDB with the number of their partition."""
    types = {column.name.lower(): column.type for column in rows.columns}
    partitions = Partitions(table.written_by, types)
    count = size = 0
    with connection.cursor() as cursor, _reading():
        reader = rows.relation.to_arrow_reader(BATCH)
        names = [column.name for column in rows.columns]
        whole = plain(reader.schema)
        schema = pa.schema([whole.field(name) for name in names])
        _check_storable(schema)
        _append(cursor, _labelled(whole.empty_table(), partitions, names, 0), "CREATE TABLE held AS")
        for part in tables(reader):
            _check_fit(part, rows.columns)
            _append(cursor, _labelled(part, partitions, names, count), "INSERT INTO held")
            count += part.num_rows
            size += part.select(names).nbytes
            on_progress(Progress(stage=Stage.READING, done=count, total=None, partitions=len(partitions), size=0))
    return _Held(
        connection=connection,
        columns=rows.columns,
        schema=schema,
        partitions=partitions,
        rows=count,
        size=size,
    )


@contextmanager
def _reading() -> Iterator[None]:
    """Turn what DuckDB finds wrong in the input into ``InputInvalid``."""
    try:
        yield
    except (duckdb.DataError, duckdb.ProgrammingError, duckdb.NotSupportedError) as error:
        raise InputInvalid(input_message(error)) from error


def _labelled(part: pa.Table, partitions: Partitions, names: Sequence[str], before: int) -> pa.Table:
    numbers: Any = pa.array(partitions.assign(part, before + 1))
    return part.select([*names, ROW]).append_column(PARTITION, numbers)


def _append(cursor: duckdb.DuckDBPyConnection, part: pa.Table, statement: str) -> None:
    cursor.register("part", part)
    cursor.execute(f"{statement} FROM part")
    cursor.unregister("part")


def _check_fit(part: pa.Table, columns: Sequence[Column]) -> None:
    """Refuse the first value that does not fit its column."""
    if part[MISFIT].null_count == part.num_rows:
        return
    # Of the row itself nothing is converted: Python has no year after 9999.
    told = part.select([MISFIT, MISFIT_TEXT, ROW])
    first = told.filter(pc.is_valid(told[MISFIT])).slice(0, 1).to_pylist()[0]
    column = columns[first[MISFIT]]
    text = first[MISFIT_TEXT]
    shown = text if len(text) <= 60 else f"{text[:60]}…"
    raise InputInvalid(f"Row {first[ROW]}: {shown!r} does not fit the column {column.name!r} of type {column.type}.")


def _check_storable(schema: pa.Schema) -> None:
    """Refuse types that Parquet would change or cannot hold."""
    for field in schema:
        if not storable(field.type):
            raise InputInvalid(
                f"The column {field.name!r} has a type that Parquet cannot hold as it is (HUGEINT, INTERVAL, BIT, "
                f"UNION, TIME WITH TIME ZONE): declare another one in `columns`, or leave it out with --exclude."
            )


def _order(table: Table, columns: Sequence[Column], options: Options) -> list[tuple[str, Direction]]:
    """List the columns that order the rows of a file, each with its direction."""
    names = {column.name.lower(): column.name for column in columns}
    wanted = [field.source for field in table.written_by] + list(options.sort or table.sorted_by)
    order: dict[str, Direction] = {}
    for item in wanted:
        name, _, direction = item.partition(" ") if item.lower() not in names else (item, "", "")
        if name.lower() not in names or direction.strip().lower() not in ("", "asc", "desc"):
            raise InputInvalid(f"Cannot sort by {item!r}: write a column of the input, or `column desc`.")
        order.setdefault(names[name.lower()], "descending" if direction.strip().lower() == "desc" else "ascending")
    return list(order.items())


def _write_files(
    held: _Held, table: Table, options: Options, staging: Path, name: str, on_progress: OnProgress
) -> Iterator[StagedFile]:
    """Write the held rows, sorted, as staged files."""
    order = _order(table, held.columns, options)
    layout = FileLayout(
        staging=staging,
        schema=held.schema,
        target_size=options.target_size,
        row_group=row_group_size(held.size, held.rows),
        compression=options.compression,
        sorted_by=tuple(order),
        name=lambda number: _file_name(name, number),
    )
    writer = FileWriter(layout)
    folders = [folder([field.column for field in table.written_by], texts) for texts in held.partitions.texts]
    if held.rows == 0:
        yield from _empty(writer, held, table, options)
        return
    for done, (number, groups) in enumerate(row_groups(_sorted(held, order), PARTITION, layout.row_group), start=1):
        yield from writer.write(groups, folders[number], held.partitions.rows[number])
        on_progress(Progress(stage=Stage.WRITING, done=writer.rows, total=held.rows, partitions=done, size=writer.size))


def _empty(writer: FileWriter, held: _Held, table: Table, options: Options) -> Iterator[StagedFile]:
    """Write no rows: a table without partitions gets a file that has its columns."""
    if table.written_by and options.mode is Mode.REPLACE:
        raise InputInvalid(f"The input has no rows: {table.name} would be empty. Remove its files if that is meant.")
    if not table.written_by and options.mode is not Mode.APPEND:
        yield from writer.write([held.schema.empty_table()], "", 0)


def _sorted(held: _Held, order: Sequence[tuple[str, Direction]]) -> Iterator[pa.Table]:
    directions = {"ascending": "ASC", "descending": "DESC"}
    keys = [f"{quoted(name)} {directions[direction]} NULLS LAST" for name, direction in order]
    columns = ", ".join(quoted(name) for name in (*held.schema.names, PARTITION))
    relation = held.connection.sql(f"SELECT {columns} FROM held ORDER BY {', '.join([PARTITION, *keys, ROW])}")
    return tables(relation.to_arrow_reader(BATCH))


def _stale(held: _Held, table: Table, options: Options) -> Stale | None:
    """Make the function that picks, from a listing of the table, the files that the new ones replace."""
    types = {column.name.lower(): column.type for column in held.columns}

    def pick(listing: pa.Table) -> Sequence[str]:
        if options.mode is Mode.REPLACE or not table.written_by:
            return [str(path) for path in listing["path"].to_pylist()]
        partitions = held.partitions.texts
        _refuse_rows_elsewhere(listing, table, types, partitions)
        return files_of(listing, table.written_by, types, set(partitions))

    return None if options.mode is Mode.APPEND else pick


def _refuse_rows_elsewhere(
    listing: pa.Table, table: Table, types: Mapping[str, str], partitions: Sequence[Texts]
) -> None:
    """Refuse to replace partitions of which a file in other folders may hold rows: those would stay."""
    paths = listing["path"].combine_chunks()
    found = Overlap(table.partitioned_by, types).find(paths, table.written_by, partitions)
    if found is None:
        return
    path, values = found
    shown = "/".join(f"{column}={text}" for column, text in values.items())
    raise InputInvalid(
        f"{path} may hold rows of the partition {shown}, which would stay beside the new ones, for it lies in other "
        f"folders than new files of {table.name}. Write its rows into theirs first, and remove it; or use another mode."
    )


def _publishing(staged: Sequence[StagedFile], held: _Held, on_progress: OnProgress) -> Callable[[], None]:
    """Make the function that counts published files."""
    size = sum(file.size for file in staged)
    done = 0

    def published() -> None:
        nonlocal done
        done += 1
        on_progress(
            Progress(stage=Stage.PUBLISHING, done=done, total=len(staged), partitions=len(held.partitions), size=size)
        )

    return published
