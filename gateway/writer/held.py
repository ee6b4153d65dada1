"""Holds rows in DuckDB, each with its partition, and writes them as Parquet files that are not visible yet."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from gateway.catalog.table import Table
from gateway.errors import InputInvalid
from gateway.model import Column
from gateway.writer.arrow import plain, storable, tables
from gateway.writer.base import Direction, OnProgress, Options, Progress, Stage, StagedFile
from gateway.writer.files import FileLayout, FileWriter, row_group_size, row_groups
from gateway.writer.inputs import input_message, quoted
from gateway.writer.partitions import Partitions, folder
from gateway.writer.source import BATCH, MISFIT, MISFIT_TEXT, ROW, NumberedRows

PARTITION = "__gateway_partition"


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """The rows of a write in DuckDB, in the table ``held``, each with its row and partition number."""

    connection: duckdb.DuckDBPyConnection
    columns: tuple[Column, ...]
    schema: pa.Schema
    partitions: Partitions
    rows: int
    size: int
    """Bytes of the rows in memory."""


def file_name(name: str, number: int) -> str:
    """Name the n-th file of a write."""
    return f"{name}-{number:05d}.parquet"


def layout_of(held: Held, table: Table, options: Options, staging: Path, name: str) -> FileLayout:
    """Return the layout of the files of held rows."""
    return FileLayout(
        staging=staging,
        schema=held.schema,
        target_size=options.target_size,
        row_group=row_group_size(held.size, held.rows),
        compression=options.compression,
        sorted_by=tuple(order_of(table, held.columns, options)),
        name=lambda number: file_name(name, number),
    )


def hold(connection: duckdb.DuckDBPyConnection, rows: NumberedRows, table: Table, on_progress: OnProgress) -> Held:
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
    return Held(
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


def order_of(table: Table, columns: Sequence[Column], options: Options) -> list[tuple[str, Direction]]:
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


def write_files(
    held: Held, table: Table, options: Options, staging: Path, name: str, on_progress: OnProgress
) -> Iterator[StagedFile]:
    """Write the held rows, sorted, as staged files called after *name*."""
    layout = layout_of(held, table, options, staging, name)
    order, writer = layout.sorted_by, FileWriter(layout)
    folders = [folder([field.column for field in table.written_by], texts) for texts in held.partitions.texts]
    for done, (number, groups) in enumerate(row_groups(_sorted(held, order), PARTITION, layout.row_group), start=1):
        yield from writer.write(groups, folders[number], held.partitions.rows[number])
        on_progress(Progress(stage=Stage.WRITING, done=writer.rows, total=held.rows, partitions=done, size=writer.size))


def _sorted(held: Held, order: Sequence[tuple[str, Direction]]) -> Iterator[pa.Table]:
    directions = {"ascending": "ASC", "descending": "DESC"}
    keys = [f"{quoted(name)} {directions[direction]} NULLS LAST" for name, direction in order]
    columns = ", ".join(quoted(name) for name in (*held.schema.names, PARTITION))
    relation = held.connection.sql(f"SELECT {columns} FROM held ORDER BY {', '.join([PARTITION, *keys, ROW])}")
    return tables(relation.to_arrow_reader(BATCH))
