"""Writes rows that arrive sorted by partition into Parquet files, one open file at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from gateway.writer.base import MEBIBYTE, Compression, Direction, StagedFile

_compute: Any = pc  # the stubs do not know run_end_encode

ROW_GROUP = 122_880
"""Rows in a row group: what DuckDB gives to one thread."""
LARGEST_GROUP = 256 * MEBIBYTE
"""Bytes of Arrow data in a row group; wide rows get smaller groups."""
SMALLEST_REST = 0.25
"""A partition's last file is not split off for less than this part of the target size."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FileLayout:
    """Layout of new files: staging folder, schema, sizes, compression, order and names."""

    staging: Path
    schema: pa.Schema
    target_size: int
    row_group: int
    compression: Compression
    sorted_by: tuple[tuple[str, Direction], ...]
    """Columns and ``ascending`` or ``descending``, recorded in the files."""
    name: Callable[[int], str]
    """Name of the n-th file of the write."""


def row_group_size(size: int, rows: int) -> int:
    """Return the number of rows of a row group, where *rows* rows take *size* bytes in memory.

    >>> row_group_size(2**40, 2**20)
    240
    """
    group = ROW_GROUP
    while rows and group > 1 and group * (size / rows) > LARGEST_GROUP:
        group //= 2
    return group


class FileWriter:
    """Writes row groups into staged files, and counts rows and bytes."""

    def __init__(self, layout: FileLayout) -> None:
        self._layout = layout
        self._count = 0
        self.size = 0
        self.rows = 0

    def write(self, groups: Iterable[pa.Table], folder: str, total: int) -> Iterator[StagedFile]:
        """Write the *total* rows of one partition: one file, or several once it has grown to the target size."""
        file: _OpenFile | None = None
        done = 0
        try:
            for group in groups:
                file = file or self._open(folder)
                file.write(group)
                done += group.num_rows
                self.rows += group.num_rows
                if self._full(file, done, total):
                    yield self._finish(file)
                    file = None
            if file is not None:
                yield self._finish(file)
                file = None
        finally:
            if file is not None:
                file.close()

    def _full(self, file: _OpenFile, done: int, total: int) -> bool:
        """Return whether the rest of the partition goes to another file."""
        rest = file.size / max(1, file.rows) * (total - done)
        return file.size >= self._layout.target_size and rest >= SMALLEST_REST * self._layout.target_size

    def _open(self, folder: str) -> _OpenFile:
        self._count += 1
        staged = self._layout.staging / f"{self._count:08d}.tmp"
        return _OpenFile(staged, folder + self._layout.name(self._count), self._layout)

    def _finish(self, file: _OpenFile) -> StagedFile:
        file.close()
        size = file.staged.stat().st_size
        self.size += size
        return StagedFile(staged=file.staged, path=file.path, rows=file.rows, size=size)


class _OpenFile:
    def __init__(self, staged: Path, path: str, layout: FileLayout) -> None:
        self.staged = staged
        self.path = path
        self.rows = 0
        self._sink = pa.OSFile(str(staged), "wb")
        self._writer = pq.ParquetWriter(
            self._sink,
            layout.schema,
            compression=layout.compression,
            use_dictionary=True,
            write_statistics=True,
            write_page_index=True,
            store_schema=False,
            sorting_columns=_sorting(layout.schema, layout.sorted_by),
        )

    @property
    def size(self) -> int:
        """Bytes on disk; the row groups so far, without the footer."""
        return self._sink.tell()

    def write(self, group: pa.Table) -> None:
        self._writer.write_table(group, row_group_size=max(1, group.num_rows))
        self.rows += group.num_rows

    def close(self) -> None:
        try:
            self._writer.close()
        finally:
            self._sink.close()


def row_groups(batches: Iterable[pa.Table], partition: str, row_group: int) -> Iterator[tuple[int, Iterator[pa.Table]]]:
    """Split batches that are sorted by the column *partition* into the row groups of each partition.

    Only the last group of a partition has fewer than *row_group* rows, however the batches were cut.
    """
    groups = _groups(batches, partition, row_group)
    for number, items in groupby(groups, key=lambda item: item[0]):
        yield number, (table for _, table in items)


def _groups(batches: Iterable[pa.Table], partition: str, row_group: int) -> Iterator[tuple[int, pa.Table]]:
    held: list[pa.Table] = []
    rows, current = 0, None
    for number, part in _runs(batches, partition):
        if number != current and held and current is not None:
            yield current, pa.concat_tables(held)
            held, rows = [], 0
        current = number
        while part.num_rows:
            taken = part.slice(0, row_group - rows)
            held.append(taken)
            rows += taken.num_rows
            part = part.slice(taken.num_rows)
            if rows == row_group:
                yield current, pa.concat_tables(held)
                held, rows = [], 0
    if held and current is not None:
        yield current, pa.concat_tables(held)


def _runs(batches: Iterable[pa.Table], partition: str) -> Iterator[tuple[int, pa.Table]]:
    """Split batches where the partition changes, and drop its column."""
    for batch in batches:
        encoded: Any = _compute.run_end_encode(batch[partition].combine_chunks())
        table = batch.drop_columns([partition])
        start = 0
        for end, number in zip(encoded.run_ends.to_pylist(), encoded.values.to_pylist(), strict=True):
            yield number, table.slice(start, end - start)
            start = end


def _sorting(schema: pa.Schema, sorted_by: Sequence[tuple[str, Direction]]) -> list[pq.SortingColumn] | None:
    """Describe the order for the footer, up to the first column that is nested."""
    plain = []
    for name, direction in sorted_by:
        if pa.types.is_nested(schema.field(name).type):
            break
        plain.append((name, direction))
    return list(pq.SortingColumn.from_ordering(schema, plain, null_placement="at_end")) if plain else None
