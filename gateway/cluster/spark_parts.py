"""A result that Spark has written: its files in the order of its rows, counted and read piece by piece."""

from __future__ import annotations

import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import IO, Final, NamedTuple, cast

import obstore
import pyarrow as pa
import pyarrow.parquet as pq

from gateway.catalog.ranges import Ranges
from gateway.catalog.store import Store, storage_errors
from gateway.errors import EngineFailed, ResultTooLarge, StorageFailed

ROW_GROUP: Final = 16 * 2**20
"""Bytes of a row group that Spark is asked to write, which is what is read at once."""
_ROWS = 16_384
"""Rows of a batch."""
_AT_ONCE = 8
"""Footers that are read at the same time."""
_NAME = re.compile(r"part-(\d+)-.*-c(\d+)(?:\.\w+)*\.parquet")
"""Names of Spark's files: the number of the task, and that of its file. Both follow the order of the rows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """What Spark says of a result that it wrote: its rows, and the columns that are NULL of no type, by position."""

    rows: int
    untyped: frozenset[int]


class Part(NamedTuple):
    """An object of a store, and its size in bytes."""

    path: str
    size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SpooledRun:
    """One result, at *path* in a store."""

    store: Store
    path: str
    largest: int

    @property
    def address(self) -> str:
        """The address of the folder to write."""
        return self.store.address(self.path)

    def tables(self, written: Written) -> Iterator[pa.Table]:
        """Yield the rows in their order. Raises ``EngineFailed`` where they are not those that were written.

        Raises ``ResultTooLarge`` where there are too many.
        """
        try:
            found = self._found()
            size = sum(part.size for part in found)
            if size > self.largest:
                raise ResultTooLarge("The result is too large to be spooled by Spark.", limit=self.largest)
            with ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="spark-footers") as pool:
                footers = list(pool.map(self._footer, found))
            rows = sum(footer.num_rows for footer in footers)
            if rows != written.rows:
                said = (
                    f"Spark has written {written.rows:,} rows below cluster.spark_spool, and {rows:,} are found there"
                )
                raise EngineFailed(f"{said}: both have to see the same place.")
            for part, footer in zip(found, footers, strict=True):
                yield from self._read(part, footer, written.untyped)
        except (StorageFailed, OSError, pa.ArrowException) as error:
            raise EngineFailed("What Spark has written below cluster.spark_spool cannot be read.") from error

    def _found(self) -> list[Part]:
        """List the files in the order of their rows."""
        found = list[tuple[int, int, Part]]()
        for part in parts(self.store, self.path):
            name = part.path.rpartition("/")[2]
            if name.startswith(("_", ".")):
                continue
            numbers = _NAME.fullmatch(name)
            if numbers is None or part.path != f"{self.path}/{name}":
                raise EngineFailed("Spark has written a file below cluster.spark_spool whose order is not known.")
            found.append((int(numbers[1]), int(numbers[2]), part))
        return [part for _, _, part in sorted(found)]

    def _footer(self, part: Part) -> pq.FileMetaData:
        return pq.ParquetFile(_opened(self.store, part)).metadata

    def _read(self, part: Part, footer: pq.FileMetaData, untyped: frozenset[int]) -> Iterator[pa.Table]:
        file = pq.ParquetFile(_opened(self.store, part), metadata=footer, pre_buffer=True)
        for number in range(footer.num_row_groups):  # all at once, all of the file would be held
            for batch in file.iter_batches(_ROWS, row_groups=[number]):
                columns = [
                    pa.nulls(batch.num_rows) if position in untyped else column
                    for position, column in enumerate(batch.columns)
                ]
                yield pa.Table.from_arrays(columns, names=batch.schema.names)


def parts(store: Store, path: str) -> list[Part]:
    """List all objects below *path*. Raises ``StorageFailed``."""
    with storage_errors(store.location):
        found = store.patiently(lambda: [each for some in obstore.list(store.objects, path) for each in some])
    return [Part(str(each["path"]), int(each["size"])) for each in found]


def _opened(store: Store, part: Part) -> IO[bytes]:
    def ask(start: int, end: int) -> bytes:
        with storage_errors(store.location):
            return store.patiently(lambda: obstore.get_range(store.objects, part.path, start=start, end=end).to_bytes())

    return cast(IO[bytes], Ranges(part.size, ask))
