"""Splits rows into chunks and encodes each chunk at once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain

import pyarrow as pa

from gateway.encode.arrays import Array
from gateway.encode.texts import joined_by_row, taken
from gateway.errors import QueryFailed, ResultTooLarge
from gateway.model import Column

ROWS = 32_768
FIRST = 1_024
"""Rows of the first chunk, so that the first byte comes soon."""
BYTES = 4 * 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Rows:
    """The rows to encode: batches of one schema, consumed lazily, once and in order."""

    schema: pa.Schema
    batches: Iterable[pa.RecordBatch]

    @classmethod
    def of(cls, table: pa.Table) -> Rows:
        """Return the rows of a table."""
        return cls(schema=table.schema, batches=table.to_batches())

    @classmethod
    def nothing(cls) -> Rows:
        """Return no rows of no columns."""
        return cls(schema=pa.schema([]), batches=())


def pieces(rows: Rows) -> Iterator[list[Array]]:
    """Yield the columns in chunks of some thousand rows, fewer where rows are large, and at first."""
    most = FIRST
    for batch in rows.batches:
        for piece in chain(cut(batch.slice(0, most), most, BYTES), cut(batch.slice(most), ROWS, BYTES)):
            # Whole arrays, not windows into larger ones: kernels for nested types look past the edges of a window.
            yield [pa.concat_arrays([column]) for column in piece.columns]
            most = ROWS


def cut(batch: pa.RecordBatch, rows: int, size: int) -> Iterator[pa.RecordBatch]:
    """Split a batch into parts of at most *rows* rows and about *size* bytes; an empty batch has none."""
    if batch.num_rows == 0:
        return
    step = min(rows, max(1, size * batch.num_rows // max(batch.nbytes, 1)))
    for start in range(0, batch.num_rows, step):
        yield batch.slice(start, step)


def joined(*parts: Array | str, null: str = "null") -> memoryview:
    """Concatenate texts row by row, then all rows; scalars are repeated in every row, nulls written as *null*."""
    return taken(joined_by_row(*parts, null=null))


def refuse_double_names(columns: Sequence[Column], form: str) -> None:
    """Raise ``QueryFailed`` where two columns have one name, which *form* cannot tell apart."""
    names = [column.name for column in columns]
    double = next((name for name in names if names.count(name) > 1), None)
    if double is not None:
        raise QueryFailed(
            f"Two columns of the result are named {double!r}, which {form} cannot tell apart: name them in the query, "
            f"or ask for CSV, Arrow or JSON with _shape=arrays."
        )


def too_many_rows(form: str, most: int) -> ResultTooLarge:
    """Return the error of a result that has more rows than a format can have."""
    others = "CSV, NDJSON, Arrow or Parquet, which have no bound"
    return ResultTooLarge(f"{form} has at most {most:,} rows: ask for {others}, or for a page.", limit=most)
