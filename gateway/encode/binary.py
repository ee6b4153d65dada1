"""Columnar encoders: the Arrow IPC stream and Parquet."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator, Sequence
from io import BytesIO

import pyarrow as pa
import pyarrow.ipc
import pyarrow.parquet as pq

from gateway.encode.cells import plain_texts
from gateway.encode.parallel import pooled
from gateway.encode.repetition import repetitive_columns
from gateway.encode.rows import Rows, cut, refuse_double_names
from gateway.model import Column
from gateway.streaming import Chunk

ROWS = 65_536
MARK = b"\xff\xff\xff\xff"
"""What every message of an IPC stream begins with, its end included."""
SMALL, END = 64 * 1024, 64
"""Bytes of the largest message that is copied into one piece, and those at the end of larger ones that are copied."""
PIECE = 16 * 2**20
"""Bytes of the largest part of a batch that is written as one message, about."""
GROUP = 131_072
GROUP_BYTES = 32 * 2**20
"""Rows of a row group, and about how many bytes it has at most: it is held in memory until it is written."""
FIRST_GROUP = 16_384
"""Rows of the first group where others follow, so that the first byte comes soon."""


def encode_arrow(rows: Rows, columns: Sequence[Column], *, threads: int = 1) -> Generator[Chunk]:
    """Write an IPC stream; each field's metadata names its DuckDB type as ``duckdb.type``."""
    schema = pa.schema(
        field.with_metadata({"duckdb.type": column.type}) for field, column in zip(rows.schema, columns, strict=True)
    )
    return _stream(schema, rows.batches)


def encode_parquet(rows: Rows, columns: Sequence[Column], *, threads: int = 1) -> Generator[Chunk]:
    """Write one Parquet file with zstd; intervals, which Parquet cannot hold, become ISO 8601 text."""
    refuse_double_names(columns, "Parquet")
    return _parquet(_without_intervals(rows), threads)


def _stream(schema: pa.Schema, batches: Iterable[pa.RecordBatch]) -> Generator[Chunk]:
    """Write the messages of a stream, each without the mark that it begins with and with the mark of the next.

    Readers take an end between two messages for the end of the stream; here it always falls into one.
    """
    parts = (
        pa.RecordBatch.from_arrays(part.columns, schema=schema) for batch in batches for part in cut(batch, ROWS, PIECE)
    )
    return (_with_dictionaries if any(map(_has_dictionary, schema.types)) else _plain)(schema, parts)


def _plain(schema: pa.Schema, batches: Iterable[pa.RecordBatch]) -> Generator[Chunk]:
    """Write every batch as a message, in memory of Arrow; of large ones only the end is copied, before the mark."""
    yield schema.serialize().to_pybytes() + MARK
    for batch in batches:
        message = memoryview(batch.serialize()).cast("B")
        last = len(message) - END if len(message) > SMALL else len(MARK)
        if last > len(MARK):
            yield message[len(MARK) : last]
        yield bytes(message[last:]) + MARK
    # Only here: a stream that breaks off must not get the mark of its end.
    yield bytes(4)


def _with_dictionaries(schema: pa.Schema, batches: Iterable[pa.RecordBatch]) -> Generator[Chunk]:
    """Have Arrow's writer write the batches, which knows whose dictionaries have to be written before them."""
    sink = _Sink()
    writer = pa.ipc.new_stream(sink, schema)
    yield sink.taken(0, MARK)
    for batch in batches:
        writer.write_batch(batch)
        yield sink.taken(len(MARK), MARK)
    # Only here: a stream that breaks off must not get the mark of its end.
    writer.close()
    yield sink.taken(len(MARK))


def _has_dictionary(kind: pa.DataType) -> bool:
    within = (kind.field(index).type for index in range(kind.num_fields))
    return pa.types.is_dictionary(kind) or any(map(_has_dictionary, within))


def _parquet(rows: Rows, threads: int) -> Generator[Chunk]:
    """Write the row groups one after the other: in one thread, while the one that iterates takes the next batches."""
    groups = _groups(rows)
    first = next(groups, None) or rows.schema.empty_table()
    sink = _Sink()
    writer = pq.ParquetWriter(
        sink,
        rows.schema,
        compression="zstd",
        use_dictionary=repetitive_columns(first),  # type: ignore[arg-type]  # the stubs know of no list
        store_schema=False,
    )

    def written(group: pa.Table) -> bytes:
        writer.write_table(group, row_group_size=max(group.num_rows, 1))
        return sink.taken()

    if first.num_rows:
        yield written(first)
    yield from pooled(written, groups, 1) if threads > 1 else map(written, groups)
    # Only here: a file that breaks off must not get a footer.
    writer.close()
    yield sink.taken()


def _groups(rows: Rows) -> Iterator[pa.Table]:
    """Collect the rows of each row group, up to a number of rows or of bytes."""
    held: list[pa.RecordBatch] = []
    count, size, first = 0, 0, FIRST_GROUP
    for batch in rows.batches:
        for part in cut(batch, GROUP, GROUP_BYTES):
            if count + part.num_rows > GROUP or size > GROUP_BYTES:
                group = pa.Table.from_batches(held, schema=rows.schema)
                if 0 < first < count:
                    yield group.slice(0, first)
                    group = group.slice(first)
                yield group
                held, count, size, first = [], 0, 0, 0
            held.append(part)
            count += part.num_rows
            size += part.nbytes
    if held:
        yield pa.Table.from_batches(held, schema=rows.schema)


def _without_intervals(rows: Rows) -> Rows:
    odd = [index for index, field in enumerate(rows.schema) if "interval" in str(field.type)]
    if not odd:
        return rows
    schema = rows.schema
    for index in odd:
        schema = schema.set(index, pa.field(schema.field(index).name, pa.string()))

    def spelled(batch: pa.RecordBatch) -> pa.RecordBatch:
        cells = [plain_texts(cells) if index in odd else cells for index, cells in enumerate(batch.columns)]
        return pa.RecordBatch.from_arrays(cells, schema=schema)

    return Rows(schema=schema, batches=map(spelled, rows.batches))


class _Sink(BytesIO):
    """A file whose content is taken while it is written; its buffer is reused."""

    def __init__(self) -> None:
        super().__init__()
        self._gone = 0

    def tell(self) -> int:
        return self._gone + super().tell()

    def taken(self, skipped: int = 0, mark: bytes = b"") -> bytes:
        """Take what was written since the last time, without the first *skipped* bytes, and add *mark*."""
        size = super().tell()
        with self.getbuffer() as written:
            content = b"".join((written[skipped:size], mark))
        self._gone += size
        self.seek(0)
        return content
