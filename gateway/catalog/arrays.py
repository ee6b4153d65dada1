"""Columns of the tables of a manifest as single arrays, and what is worked out once of such a table."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar
from weakref import finalize

import pyarrow as pa

from gateway.catalog.transforms.keys import Array

Made = TypeVar("Made")


def whole(table: pa.Table, name: str) -> Array:
    """Return a column as one array, which is not copied where it is one already.

    ``ChunkedArray.combine_chunks`` copies a single chunk too: of a million paths, in 50 ms.
    """
    column: Any = table[name]
    if column.num_chunks == 1:
        return column.chunk(0)
    combined: Any = column.combine_chunks()
    return pa.concat_arrays(combined.chunks) if isinstance(combined, pa.ChunkedArray) else combined


def once_a_table(make: Callable[[pa.Table], Made]) -> Callable[[pa.Table], Made]:
    """Have *make* called once for a table, which never changes; what it returns is kept for as long as the table is."""
    kept: dict[int, Made] = {}

    @wraps(make)
    def made(table: pa.Table) -> Made:
        number = id(table)  # tables are compared by their content, and have no hash
        if number not in kept:
            kept[number] = make(table)
            finalize(table, kept.pop, number, None).atexit = False
        return kept[number]

    return made
