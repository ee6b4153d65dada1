"""Converts the Arrow data of DuckDB's lossless export into types that Parquet files can store."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pyarrow as pa


def tables(reader: pa.RecordBatchReader) -> Iterator[pa.Table]:
    """Yield the batches of a reader, cast to the types of ``plain``."""
    schema = plain(reader.schema)
    for batch in reader:
        yield pa.Table.from_batches([batch]).cast(schema)


def plain(schema: pa.Schema) -> pa.Schema:
    """Return the schema with booleans as Arrow's own: the lossless export writes them as an extension of int8."""
    return pa.schema([field.with_type(_plain(field.type)) for field in schema])


def _plain(kind: Any) -> Any:
    if isinstance(kind, pa.Bool8Type):
        return pa.bool_()
    if pa.types.is_map(kind):
        return pa.map_(_plain(kind.key_type), _plain(kind.item_type))
    if pa.types.is_struct(kind):
        return pa.struct([field.with_type(_plain(field.type)) for field in kind.fields])
    if pa.types.is_fixed_size_list(kind):
        return pa.list_(kind.value_field.with_type(_plain(kind.value_type)), kind.list_size)
    if pa.types.is_list(kind):
        return pa.list_(kind.value_field.with_type(_plain(kind.value_type)))
    return kind


def storable(kind: pa.DataType) -> bool:
    """Return whether Parquet stores values of a type unchanged."""
    if isinstance(kind, pa.OpaqueType) or pa.types.is_interval(kind) or pa.types.is_union(kind):
        return False
    if pa.types.is_nested(kind):
        return all(storable(kind.field(index).type) for index in range(kind.num_fields))
    return True
