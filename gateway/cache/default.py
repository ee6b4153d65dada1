"""The rows that a template declares for when there is nothing at all: no kept answer, and computing one fails."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from hashlib import blake2b
from typing import Any

import orjson
import pyarrow as pa

from gateway.model import BoundQuery, Column, Result

_TYPES: Mapping[pa.DataType, str] = {
    pa.bool_(): "BOOLEAN",
    pa.int64(): "BIGINT",
    pa.float64(): "DOUBLE",
    pa.string(): "VARCHAR",
    pa.date32(): "DATE",
    pa.timestamp("us"): "TIMESTAMP",
    pa.timestamp("us", "UTC"): "TIMESTAMP WITH TIME ZONE",
}


def default_result(query: BoundQuery, rows: Sequence[Mapping[str, Any]], *, now: float) -> Result:
    """Make the result of the declared *rows*; its key stands for them and the query, and for no data.

    Rows have the same names, and a column has values of one kind or null, as the template was checked for.
    """
    arrays = {name: _array([row[name] for row in rows]) for name in rows[0]}
    text = orjson.dumps([query.name, query.version, rows], default=str)
    key = blake2b(text, digest_size=20, person=b"default rows").hexdigest()
    return Result(
        key=key,
        table=pa.table(arrays),
        columns=tuple(Column(name=name, type=_TYPES[array.type]) for name, array in arrays.items()),
        readings=(),
        created_at=now,
        seconds=0.0,
        query=query.name,
        version=query.version,
        digest=key,
    )


def _array(values: list[Any]) -> pa.Array[Any]:
    if any(isinstance(value, float) for value in values):
        return pa.array(values, pa.float64())
    found = pa.array(values)
    return pa.array(values, pa.string()) if found.type == pa.null() else found
