"""Columns of the tables of a manifest as single arrays."""

from __future__ import annotations

from typing import Any

import pyarrow as pa

from gateway.catalog.transforms.keys import Array


def whole(table: pa.Table, name: str) -> Array:
    """Return a column as one array, which is not copied where it is one already.

    ``ChunkedArray.combine_chunks`` copies a single chunk too: of a million paths, in 50 ms.
    """
    column: Any = table[name]
    if column.num_chunks == 1:
        return column.chunk(0)
    combined: Any = column.combine_chunks()
    return pa.concat_arrays(combined.chunks) if isinstance(combined, pa.ChunkedArray) else combined
