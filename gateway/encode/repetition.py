"""Chooses the columns that Parquet writes with a dictionary.

The writer builds a dictionary of every column otherwise, and drops it when it is too large: half of the time of writing
goes there, and what was written until then is larger than without.
"""

from __future__ import annotations

from collections.abc import Iterator
from io import BytesIO

import pyarrow as pa
import pyarrow.parquet as pq

from gateway.encode.arrays import Array, pc

SAMPLE = 16_384
"""Values of a column that are looked at: its first ones."""
TIMES = 2
"""How often a value occurs among them at least, on average, where a dictionary is worth it."""


def repetitive_columns(table: pa.Table) -> list[str]:
    """Return the paths of the columns whose values are repeated, those within lists, structs and maps among them."""
    leaves = [leaf for column in table.slice(0, SAMPLE).columns for leaf in _leaves(_one(column))]
    return [path for path, leaf in zip(_paths(table.schema), leaves, strict=True) if _is_repetitive(leaf)]


def _is_repetitive(leaf: Array) -> bool:
    kind = leaf.type
    if pa.types.is_dictionary(kind) or pa.types.is_string_view(kind) or pa.types.is_binary_view(kind):
        return True
    if pa.types.is_null(kind) or pa.types.is_boolean(kind):
        return False
    sample = leaf.slice(0, SAMPLE)
    different: int = pc.count_distinct(sample).as_py()
    filled: int = len(sample) - sample.null_count
    return 0 < different * TIMES <= filled


def _one(column: Array) -> Array:
    return pa.concat_arrays(column.chunks) if column.num_chunks else pa.array([], column.type)


def _leaves(array: Array) -> Iterator[Array]:
    """Yield the arrays of plain values that make an array, in the order in which Parquet has them as columns."""
    kind = array.type
    if pa.types.is_struct(kind):
        for field in array.flatten():
            yield from _leaves(field)
    elif pa.types.is_map(kind):
        yield from _leaves(array.keys)
        yield from _leaves(array.items)
    elif pa.types.is_nested(kind):
        yield from _leaves(array.flatten())
    else:
        yield array


def _paths(schema: pa.Schema) -> list[str]:
    """Return the paths of the columns that Parquet makes of a schema, by way of a file without rows."""
    empty = BytesIO()
    pq.ParquetWriter(empty, schema, store_schema=False).close()
    columns = pq.read_metadata(empty).schema
    return [columns.column(index).path for index in range(len(columns))]
