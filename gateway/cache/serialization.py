"""A result as one Arrow table: what is beside the rows travels in the metadata of the schema."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import orjson
import pyarrow as pa

from gateway.cache.tier import Entry
from gateway.model import Column, Reading, Result

_HEADER = b"gateway"


def with_header(result: Result) -> pa.Table:
    """Return the rows of a result with everything else about it in their schema's metadata."""
    header = {
        "key": result.key,
        "columns": result.columns,
        "readings": [replace(reading, edition=None) for reading in result.readings],
        "created_at": result.created_at,
        "seconds": result.seconds,
        "query": result.query,
        "version": result.version,
        "digest": result.digest,
        "rows": result.table.num_rows,
    }
    return result.table.replace_schema_metadata({_HEADER: orjson.dumps(header)})


def without_header(table: pa.Table) -> Result:
    """Return the result that ``with_header`` made a table of. Raises ``KeyError`` for another table, or part of one.

    A result that an earlier release kept has no digest, and is another table.
    """
    header = _header(table.schema)
    if header["rows"] != table.num_rows:
        raise KeyError("rows are missing")
    return Result(
        key=header["key"],
        table=table.replace_schema_metadata(None),
        columns=tuple(Column(**column) for column in header["columns"]),
        readings=tuple(Reading(**reading) for reading in header["readings"]),
        created_at=header["created_at"],
        seconds=header["seconds"],
        query=header["query"],
        version=header["version"],
        digest=header["digest"],
    )


def entry_from_schema(schema: pa.Schema, size: int) -> Entry:
    """Describe the result of *size* bytes whose schema this is. Raises ``KeyError`` for another schema."""
    header = _header(schema)
    return Entry(
        key=header["key"],
        query=header["query"],
        version=header["version"],
        tables=tuple(sorted({reading["table"] for reading in header["readings"]})),
        size=size,
        created_at=header["created_at"],
    )


def _header(schema: pa.Schema) -> dict[str, Any]:
    header: dict[str, Any] = orjson.loads((schema.metadata or {})[_HEADER])
    return header
