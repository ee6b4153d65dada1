"""The Arrow IPC stream and Parquet: the columnar formats, types kept."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from io import BytesIO

import pyarrow as pa
import pyarrow.ipc
import pyarrow.parquet as pq

from gateway.encode.cells import plain_texts
from gateway.encode.rows import refuse_double_names
from gateway.model import Column

ROWS = 65_536
GROUP = 131_072


def encode_arrow(table: pa.Table, columns: Sequence[Column]) -> Iterator[bytes]:
    """Write an IPC stream; each field's metadata names its DuckDB type as ``duckdb.type``."""
    schema = pa.schema(
        field.with_metadata({"duckdb.type": column.type}) for field, column in zip(table.schema, columns, strict=True)
    )
    sink = _Sink()
    with pa.ipc.new_stream(sink, schema) as writer:
        yield sink.taken()
        for batch in table.to_batches(max_chunksize=ROWS):
            writer.write_batch(batch.cast(schema))
            yield sink.taken()
    yield sink.taken()


def encode_parquet(table: pa.Table, columns: Sequence[Column]) -> Iterator[bytes]:
    """Write one Parquet file, zstd; a column with intervals, which Parquet cannot hold, becomes ISO 8601 text."""
    refuse_double_names(columns, "Parquet")
    return _parquet(_without_intervals(table))


def _parquet(table: pa.Table) -> Iterator[bytes]:
    sink = _Sink()
    with pq.ParquetWriter(sink, table.schema, compression="zstd", store_schema=False) as writer:
        for start in range(0, table.num_rows, GROUP):
            writer.write_table(table.slice(start, GROUP))
            yield sink.taken()
    yield sink.taken()


def _without_intervals(table: pa.Table) -> pa.Table:
    for index, field in enumerate(table.schema):
        if "interval" in str(field.type):
            chunks = [plain_texts(chunk) for chunk in table.column(index).chunks]
            table = table.set_column(index, field.name, pa.chunked_array(chunks, pa.string()))
    return table


class _Sink(BytesIO):
    """A file whose content is handed on while it is written."""

    def __init__(self) -> None:
        super().__init__()
        self._gone = 0

    def tell(self) -> int:
        return self._gone + super().tell()

    def taken(self) -> bytes:
        """Take what was written since the last time."""
        content = self.getvalue()
        self._gone += len(content)
        self.seek(0)
        self.truncate()
        return content
