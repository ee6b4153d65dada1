"""A result as one Arrow table: what is beside the rows travels in the metadata of the schema."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import orjson
import pyarrow as pa

from gateway.model import Column, Reading, Result

_HEADER = b"gateway"


def with_header(result: Result) -> pa.Table:
    """Return the rows of a result with everything else about it in their schema's metadata."""
    header = {
        "key": result.key,
        "columns": [asdict(column) for column in result.columns],
        "readings": [asdict(reading) for reading in result.readings],
        "created_at": result.created_at,
        "seconds": result.seconds,
        "query": result.query,
        "version": result.version,
    }
    return result.table.replace_schema_metadata({_HEADER: orjson.dumps(header)})


def without_header(table: pa.Table) -> Result:
    """Return the result that ``with_header`` made a table of. Raises ``KeyError`` for another table."""
    header: dict[str, Any] = orjson.loads((table.schema.metadata or {})[_HEADER])
    return Result(
        key=header["key"],
        table=table.replace_schema_metadata(None),
        columns=tuple(Column(**column) for column in header["columns"]),
        readings=tuple(Reading(**reading) for reading in header["readings"]),
        created_at=header["created_at"],
        seconds=header["seconds"],
        query=header["query"],
        version=header["version"],
    )
