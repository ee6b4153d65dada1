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
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import pyarrow as pa

from gateway.catalog.file_names import takes
from gateway.catalog.store import S3Settings
from gateway.catalog.table import Table
from gateway.errors import InputInvalid, StorageFailed
from gateway.writer.base import Mode, OnProgress, Options, Progress, Stage, StagedFile, WriteSummary, silent
from gateway.writer.files import FileWriter
from gateway.writer.held import Held, file_name, hold, layout_of, write_files
from gateway.writer.overlap import Overlap
from gateway.writer.partitions import Texts
from gateway.writer.source import Source, connect, read
from gateway.writer.target import Stale, Target, files_of


def new_identity() -> str:
    """Make the name of a write: the time, so that files sort by age, and a random part."""
    return f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}-{secrets.token_hex(4)}"


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
        stack.enter_context(machine_errors(table.location))
        _refuse_unread_names(table, name)
        target = Target(table, s3 or S3Settings(), root, options)
        staging = stack.enter_context(target.staged(name))
        connection = stack.enter_context(connect(options, staging / "spill"))
        expected = _expected(table, target, options, connection)
        rows = read(connection, source, table, expected, options, staging / "input")
        held = hold(connection, rows, table, on_progress)
        staged = list(_staged(held, table, options, staging, name, on_progress))
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


def _refuse_unread_names(table: Table, name: str) -> None:
    """Refuse to write files that the table does not read."""
    called = file_name(name, 1)
    if not takes(table.files, called):
        raise InputInvalid(
            f"New files are called such as {called}, which {table.name} does not read: add '*.parquet' to its files."
        )


@contextmanager
def machine_errors(location: str) -> Iterator[None]:
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


def _staged(
    held: Held, table: Table, options: Options, staging: Path, name: str, on_progress: OnProgress
) -> Iterator[StagedFile]:
    """Write the held rows; of no rows a table without partitions gets a file that has its columns."""
    if held.rows:
        yield from write_files(held, table, options, staging, name, on_progress)
        return
    if table.written_by and options.mode is Mode.REPLACE:
        raise InputInvalid(f"The input has no rows: {table.name} would be empty. Remove its files if that is meant.")
    if not table.written_by and options.mode is not Mode.APPEND:
        writer = FileWriter(layout_of(held, table, options, staging, name))
        yield from writer.write([held.schema.empty_table()], "", 0)


def _stale(held: Held, table: Table, options: Options) -> Stale | None:
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


def _publishing(staged: Sequence[StagedFile], held: Held, on_progress: OnProgress) -> Callable[[], None]:
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
