"""Cut a table into pieces and write each piece's rows as one run of bytes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pyarrow as pa

from gateway.encode.arrays import Array, pc
from gateway.errors import QueryFailed
from gateway.model import Column

ROWS = 8_192
BYTES = 16 * 1024 * 1024


def pieces(table: pa.Table) -> Iterator[list[Array]]:
    """Yield the columns of the table some thousand rows at a time, fewer where rows are large."""
    if table.num_rows == 0:
        return
    rows = min(ROWS, max(1, BYTES * table.num_rows // max(table.nbytes, 1)))
    for start in range(0, table.num_rows, rows):
        piece = table.slice(start, rows)
        yield [column.combine_chunks() for column in piece.columns]


def joined(*parts: Array | str) -> bytes:
    """Concatenate texts row by row, and the rows with nothing between them; scalars stand in every row."""
    rows = pc.binary_join_element_wise(*parts, "")
    if isinstance(rows, pa.ChunkedArray):
        rows = rows.combine_chunks()
    _, offsets, data = rows.buffers()
    if data is None:
        return b""
    span = pa.Array.from_buffers(pa.int32(), len(rows) + 1, [None, offsets], offset=rows.offset)
    start, end = int(span[0].as_py()), int(span[-1].as_py())
    return bytes(data.slice(start, end - start))


def refuse_double_names(columns: Sequence[Column], form: str) -> None:
    """Raise ``QueryFailed`` where two columns have one name, which *form* cannot tell apart."""
    names = [column.name for column in columns]
    double = next((name for name in names if names.count(name) > 1), None)
    if double is not None:
        raise QueryFailed(
            f"Two columns of the result are named {double!r}, which {form} cannot tell apart: name them in the query, "
            f"or ask for CSV, Arrow or JSON with _shape=arrays."
        )
